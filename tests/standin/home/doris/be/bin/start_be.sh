#!/usr/bin/env bash
# Starts the stand-in BE as the vendor's script starts its binary: as a child of the shell, which waits for it.

set -eo pipefail

curdir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

OPTS=$(getopt -n "$0" -o '' -l daemon -l console -l version -- "$@")
eval set -- "$OPTS"

RUN_DAEMON=0
RUN_CONSOLE=0
while true; do
    case "$1" in
        --daemon) RUN_DAEMON=1; shift ;;
        --console) RUN_CONSOLE=1; shift ;;
        --version) echo "a stand-in has no $1"; exit 1 ;;
        --) shift; break ;;
        *) echo "Internal error"; exit 1 ;;
    esac
done

DORIS_HOME=$(cd "$curdir/.." && pwd)
export DORIS_HOME
source "$DORIS_HOME/bin/common.sh"

# What a container shares with its host. standin.conf may say of each that it is otherwise here.
check_host() {
    local maps swaps files
    maps=$(standin_setting max_map_count)
    if [[ ${maps:-$(cat /proc/sys/vm/max_map_count)} -lt 2000000 ]]; then
        echo "Please set vm.max_map_count to be 2000000 under root using 'sysctl -w vm.max_map_count=2000000'."
        exit 1
    fi
    swaps=$(standin_setting swaps)
    if [[ ${swaps:-$(($(wc -l </proc/swaps) - 1))} -gt 0 ]]; then
        echo "Please disable swap memory before installation."
        exit 1
    fi
    files=$(standin_setting nofile)
    if [[ ${files:-$(ulimit -n)} -lt 60000 ]]; then
        echo "Set max number of open file descriptors to a value greater than 60000."
        exit 1
    fi
}
if [[ ${SKIP_CHECK_ULIMIT:-false} != true ]]; then check_host; fi # from 4.0 on

export LOG_DIR=$DORIS_HOME/log
export PID_DIR=$curdir
export_env_from_conf "$DORIS_HOME/conf/be.conf"

refuse_proxies

if [[ ! -d $LOG_DIR ]]; then
    mkdir -p "$LOG_DIR"
fi

pidfile=$PID_DIR/be.pid
if [[ -f $pidfile ]]; then
    if kill -0 "$(cat "$pidfile")" >/dev/null 2>&1; then
        echo "Backend running as process $(cat "$pidfile"). Stop it first."
        exit 1
    fi
    rm "$pidfile"
fi

chmod 550 "$DORIS_HOME/lib/doris_be"

if [[ $RUN_DAEMON -eq 1 ]]; then
    nohup "$DORIS_HOME/lib/doris_be" "$@" >>"$LOG_DIR/be.out" 2>&1 </dev/null &
elif [[ $RUN_CONSOLE -eq 1 ]]; then
    export DORIS_LOG_TO_STDERR=1
    "$DORIS_HOME/lib/doris_be" "$@" 2>>"$LOG_DIR/be.out" </dev/null
else
    "$DORIS_HOME/lib/doris_be" "$@" >>"$LOG_DIR/be.out" 2>&1 </dev/null
fi

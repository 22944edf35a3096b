#!/usr/bin/env bash
# Starts the stand-in FE as the vendor's script starts the JVM: as a child of the shell, which waits for it.

set -eo pipefail

curdir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

OPTS=$(getopt -n "$0" -o '' -l daemon -l helper: -l image: -l version -l metadata_failure_recovery -l console -- "$@")
eval set -- "$OPTS"

RUN_DAEMON=0
RUN_CONSOLE=0
HELPER=
while true; do
    case "$1" in
        --daemon) RUN_DAEMON=1; shift ;;
        --console) RUN_CONSOLE=1; shift ;;
        --helper) HELPER=$2; shift 2 ;;
        --image | --version | --metadata_failure_recovery) echo "a stand-in has no $1"; exit 1 ;;
        --) shift; break ;;
        *) echo "Internal error"; exit 1 ;;
    esac
done

DORIS_HOME=$(cd "$curdir/.." && pwd)
export DORIS_HOME
source "$DORIS_HOME/bin/common.sh"

export JAVA_OPTS="-Xmx1024m"
export LOG_DIR=$DORIS_HOME/log
export PID_DIR=$curdir
export_env_from_conf "$DORIS_HOME/conf/fe.conf"

refuse_proxies

if [[ ! -d $LOG_DIR ]]; then
    mkdir -p "$LOG_DIR"
fi
STDOUT_LOGGER=$LOG_DIR/fe.out

# The JDK that the vendor's images have: 17 from 3.0 on, and 8 before.
if [[ $(standin_setting profile) == doris-2.* ]]; then
    final_java_opt=$JAVA_OPTS
elif [[ -z $JAVA_OPTS_FOR_JDK_17 ]]; then
    echo "JAVA_OPTS_FOR_JDK_17 is not set in fe.conf"
    exit 1
else
    final_java_opt=$JAVA_OPTS_FOR_JDK_17
fi

# The JVM opens its gc log before anything else: a directory it cannot write is the end, with code 1.
gc_log=$(echo "$final_java_opt" | grep -o -E 'gc\*[^: ]*:[^: ]+' | cut -d: -f2 || true)
if [[ -n $gc_log ]] && ! : 2>/dev/null >>"$gc_log"; then
    echo "[error][logging] Error opening log file '$gc_log': Read-only file system"
    echo "Error: Could not create the Java Virtual Machine."
    exit 1
fi

pidfile=$PID_DIR/fe.pid
if [[ -f $pidfile ]] && kill -0 "$(cat "$pidfile")" >/dev/null 2>&1; then
    echo "Frontend running as process $(cat "$pidfile"). Stop it first."
    exit 1
fi

if [[ -n $HELPER ]]; then
    HELPER="-helper $HELPER"
fi

program=("$DORIS_HOME/lib/standin" fe org.apache.doris.DorisFE)
if [[ $RUN_DAEMON -eq 1 ]]; then
    nohup "${program[@]}" ${HELPER:+$HELPER} "$@" >>"$STDOUT_LOGGER" 2>&1 </dev/null &
elif [[ $RUN_CONSOLE -eq 1 ]]; then
    export DORIS_LOG_TO_STDERR=1
    "${program[@]}" ${HELPER:+$HELPER} "$@" </dev/null
else
    "${program[@]}" ${HELPER:+$HELPER} "$@" >>"$STDOUT_LOGGER" 2>&1 </dev/null
fi

# In the foreground there is no last background process: what is left behind is an empty line.
echo $! >"$pidfile"

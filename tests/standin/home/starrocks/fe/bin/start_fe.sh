#!/usr/bin/env bash
# Starts the stand-in FE as the vendor's script starts the JVM.

curdir=$(cd "$(dirname "$0")" && pwd)

OPTS=$(getopt -n "$0" -o '' -l daemon -l helper: -l host_type: -l debug -l logconsole -- "$@")
eval set -- "$OPTS"

RUN_DAEMON=0
HELPER=
HOST_TYPE=
RUN_LOG_CONSOLE=${SYS_LOG_TO_CONSOLE:-0}
while true; do
    case "$1" in
        --daemon) RUN_DAEMON=1; shift ;;
        --helper) HELPER=$2; shift 2 ;;
        --host_type) HOST_TYPE=$2; shift 2 ;;
        --debug) shift ;;
        --logconsole) RUN_LOG_CONSOLE=1; shift ;;
        --) shift; break ;;
        *) echo "Internal error"; exit 1 ;;
    esac
done

export STARROCKS_HOME=$(cd "$curdir/.." && pwd)
export DORIS_HOME=$STARROCKS_HOME
source "$STARROCKS_HOME/bin/common.sh"

export JAVA_OPTS="-Xmx1024m"
export LOG_DIR=$STARROCKS_HOME/log
export PID_DIR=$curdir
export_env_from_conf "$STARROCKS_HOME/conf/fe.conf"

if [ ! -d $LOG_DIR ]; then
    mkdir -p $LOG_DIR
fi

# The JVM opens its gc log before anything else: a directory it cannot write is the end, with code 1.
gc_log=$(echo "$JAVA_OPTS" | grep -o -E 'gc\*:[^: ]+' | cut -d: -f2)
if [ -n "$gc_log" ] && ! : 2>/dev/null >> "$gc_log"; then
    echo "[error][logging] Error opening log file '$gc_log': Read-only file system"
    echo "Error: Could not create the Java Virtual Machine."
    exit 1
fi

meta_dir=$STARROCKS_HOME/meta
if [[ $(standin_setting profile) != starrocks-3.1 ]]; then
    read_var_from_conf meta_dir "$STARROCKS_HOME/conf/fe.conf"
fi
mkdir -p ${meta_dir:-$STARROCKS_HOME/meta}

pidfile=$PID_DIR/fe.pid
if [ -f $pidfile ] && is_running "$(cat $pidfile)" StarRocksFE; then
    echo "Frontend running as process $(cat $pidfile). Stop it first."
    exit 1
fi

if [ -n "$HELPER" ]; then
    HELPER="-helper $HELPER"
fi
if [ -n "$HOST_TYPE" ]; then
    HOST_TYPE="-host_type $HOST_TYPE"
fi

if [ "$RUN_LOG_CONSOLE" -eq 1 ]; then
    if [ ! -w "$STARROCKS_HOME/conf/fe.conf" ]; then
        mv "$STARROCKS_HOME/conf/fe.conf" "$STARROCKS_HOME/conf/fe.conf.readonly"
        cp "$STARROCKS_HOME/conf/fe.conf.readonly" "$STARROCKS_HOME/conf/fe.conf"
    fi
    export SYS_LOG_TO_CONSOLE=1
else
    echo "Infered JAVA_HOME=none: a stand-in needs no JVM"
    export SYS_LOG_TO_CONSOLE=0
    exec >> "$LOG_DIR/fe.out" 2>&1
fi

echo "start time: $(date)"
program=$STARROCKS_HOME/lib/standin
if [ "$RUN_DAEMON" -eq 1 ]; then
    nohup "$program" fe com.starrocks.StarRocksFE ${HELPER} ${HOST_TYPE} "$@" </dev/null &
elif [[ $(standin_setting exec) == no ]]; then
    # Up to 2.5.4, and in Doris until today, the server is a child of the shell.
    "$program" fe com.starrocks.StarRocksFE ${HELPER} ${HOST_TYPE} "$@" </dev/null
else
    exec "$program" fe com.starrocks.StarRocksFE ${HELPER} ${HOST_TYPE} "$@" </dev/null
fi

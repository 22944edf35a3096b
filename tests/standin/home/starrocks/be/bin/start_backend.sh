#!/usr/bin/env bash
# Starts the stand-in BE or CN as the vendor's script starts its binary.

curdir=$(cd "$(dirname "$0")" && pwd)

OPTS=$(getopt -n "$0" -o '' -l daemon -l cn -l be -l logconsole -l numa: -- "$@")
eval set -- "$OPTS"

RUN_DAEMON=0
RUN_CN=0
RUN_LOG_CONSOLE=0
while true; do
    case "$1" in
        --daemon) RUN_DAEMON=1; shift ;;
        --cn) RUN_CN=1; shift ;;
        --be) RUN_CN=0; shift ;;
        --logconsole) RUN_LOG_CONSOLE=1; shift ;;
        --numa) shift 2 ;;
        --) shift; break ;;
        *) echo "Internal error"; exit 1 ;;
    esac
done

export STARROCKS_HOME=$(cd "$curdir/.." && pwd)
export DORIS_HOME=$STARROCKS_HOME
source "$STARROCKS_HOME/bin/common.sh"

export UDF_RUNTIME_DIR=$STARROCKS_HOME/lib/udf-runtime
export LOG_DIR=$STARROCKS_HOME/log
export PID_DIR=$curdir

if [ $RUN_CN -eq 1 ]; then
    component=cn
    argument=--cn
else
    component=be
    argument=
fi
export_env_from_conf "$STARROCKS_HOME/conf/$component.conf"

mkdir -p $LOG_DIR $UDF_RUNTIME_DIR

pidfile=$PID_DIR/$component.pid
if [ -f $pidfile ]; then
    if is_running "$(cat $pidfile)" starrocks_be; then
        echo "Backend running as process $(cat $pidfile). Stop it first."
        exit 1
    fi
    rm $pidfile
fi

chmod 755 "$STARROCKS_HOME/lib/starrocks_be"

if [ $RUN_LOG_CONSOLE -eq 1 ]; then
    export GLOG_logtostderr=1
    export SYS_LOG_TO_CONSOLE=1
else
    export SYS_LOG_TO_CONSOLE=0
    exec >> "$LOG_DIR/$component.out" 2>&1
fi

echo "start time: $(date)"
if [ $RUN_DAEMON -eq 1 ]; then
    nohup "$STARROCKS_HOME/lib/starrocks_be" $argument "$@" </dev/null &
elif [[ $(standin_setting exec) == no ]]; then
    "$STARROCKS_HOME/lib/starrocks_be" $argument "$@" </dev/null
else
    exec "$STARROCKS_HOME/lib/starrocks_be" $argument "$@" </dev/null
fi

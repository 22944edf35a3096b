#!/usr/bin/env bash
# Stops the FE named by the pid file and waits for it.

curdir=$(cd "$(dirname "$0")" && pwd)
export STARROCKS_HOME=$(cd "$curdir/.." && pwd)
source "$STARROCKS_HOME/bin/common.sh"
export PID_DIR=$curdir
export_env_from_conf "$STARROCKS_HOME/conf/fe.conf"

signal=TERM
case "$1" in
    -g|--graceful) signal=USR1 ;;
esac

pid=$(cat "$PID_DIR/fe.pid" 2>/dev/null)
if [ -z "$pid" ]; then
    echo "cannot stop $PID_DIR/fe.pid: no pid file"
    exit 1
fi
kill -s $signal "$pid" || exit 1
while kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
done

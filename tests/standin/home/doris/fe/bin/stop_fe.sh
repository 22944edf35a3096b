#!/usr/bin/env bash
# Stops the FE named by the pid file and waits for it: at once, unless --grace comes first, as the vendor's does.

curdir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export DORIS_HOME=$(cd "$curdir/.." && pwd)
source "$DORIS_HOME/bin/common.sh"
export PID_DIR=$curdir
export_env_from_conf "$DORIS_HOME/conf/fe.conf"

signal=9
if [ "$1" = --grace ]; then
    signal=15
fi
pid=$(cat "$PID_DIR/fe.pid" 2>/dev/null)
if [ -z "$pid" ]; then
    echo "$PID_DIR/fe.pid does not exist"
    exit 1
fi
kill -$signal "$pid" || exit 1
while kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
done
rm -f "$PID_DIR/fe.pid"

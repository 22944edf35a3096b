#!/usr/bin/env bash
# Starts the stand-in broker as the vendor's script starts the JVM: as a child of the shell, which writes to a file.

curdir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

OPTS=$(getopt -n "$0" -o '' -l daemon -- "$@")
eval set -- "$OPTS"

RUN_DAEMON=0
while true; do
    case "$1" in
        --daemon) RUN_DAEMON=1; shift ;;
        --) shift; break ;;
        *) echo "Internal error"; exit 1 ;;
    esac
done

BROKER_HOME=$(cd "$curdir/.." && pwd)
export BROKER_HOME
export PID_DIR=$curdir
export JAVA_OPTS="-Xmx1024m -Dfile.encoding=UTF-8"
export BROKER_LOG_DIR=$BROKER_HOME/log

while read -r line; do
    assignment=$(echo "$line" | sed 's/[[:blank:]]*=[[:blank:]]*/=/g' | sed 's/^[[:blank:]]*//g' |
        grep -E '^[[:upper:]]([[:upper:]]|_|[[:digit:]])*=' || true)
    assignment=$(eval "echo $assignment")
    if [[ $assignment == *"="* ]]; then
        eval 'export "$assignment"'
    fi
done <"$BROKER_HOME/conf/apache_hdfs_broker.conf"

pidfile=$PID_DIR/apache_hdfs_broker.pid
if [[ -f $pidfile ]] && kill -0 "$(cat "$pidfile")" >/dev/null 2>&1; then
    echo "Broker running as process $(cat "$pidfile").  Stop it first."
    exit 1
fi

if [[ ! -d $BROKER_LOG_DIR ]]; then
    mkdir -p "$BROKER_LOG_DIR"
fi
date >>"$BROKER_LOG_DIR/apache_hdfs_broker.out"

program=("$BROKER_HOME/lib/standin" broker com.starrocks.broker.hdfs.BrokerBootstrap)
if [[ $RUN_DAEMON -eq 1 ]]; then
    nohup "${program[@]}" "$@" >>"$BROKER_LOG_DIR/apache_hdfs_broker.out" 2>&1 </dev/null &
else
    "${program[@]}" "$@" >>"$BROKER_LOG_DIR/apache_hdfs_broker.out" 2>&1 </dev/null
fi

# In the foreground there is no last background process: what is left behind is an empty line.
echo $! >"$pidfile"

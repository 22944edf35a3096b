#!/usr/bin/env bash
# Stops the BE named by the pid file: at once unless -g is given, as the vendor's does.

curdir=$(cd "$(dirname "$0")" && pwd)
pid=$(head -n 1 "$curdir/be.pid" 2>/dev/null)
if [ -z "$pid" ]; then
    echo "cannot stop $curdir/be.pid: no pid file"
    exit 1
fi
signal=KILL
if [ "$1" = -g ]; then
    signal=TERM
fi
kill -s $signal "$pid" || exit 1
while kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
done

#!/usr/bin/env bash
# Stops the BE named by the pid file and waits for it: at once, unless --grace comes first, as the vendor's does.

curdir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
signal=9
if [ "$1" = --grace ]; then
    signal=15
fi
pid=$(head -n 1 "$curdir/be.pid" 2>/dev/null)
if [ -z "$pid" ]; then
    echo "$curdir/be.pid does not exist"
    exit 1
fi
kill -$signal "$pid" || exit 1
while kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
done
rm -f "$curdir/be.pid"

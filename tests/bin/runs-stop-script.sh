#!/bin/bash
# An entrypoint that hears TERM and runs the stop script, beside an engine that hears TERM as well.
here=$(dirname "$0")
trap '"$here/stop.sh" "$1.pid"' TERM
bash -c 'echo $$ >"$2.pid"; exec "$@"' - "$here/engine.sh" "$1" &
while kill -0 $! 2>/dev/null; do wait $!; done

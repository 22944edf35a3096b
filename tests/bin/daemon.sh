#!/bin/sh
# The shape of `--daemon`: the script ends with 0, the engine lives on.
nohup setsid "$(dirname "$0")/engine.sh" "$1" 2>&1 </dev/null &
exit 0

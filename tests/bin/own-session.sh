#!/bin/sh
# The engine leaves the process group; the wrapper waits for it.
setsid "$(dirname "$0")/engine.sh" "$1" &
wait $!

#!/bin/sh
# What waits in front of the engine is no shell, and the engine has left its group and its session.
exec nohup setsid --wait "$(dirname "$0")/engine.sh" "$1" 2>&1 </dev/null

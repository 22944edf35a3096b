#!/bin/sh
# The engine without its guard against PIPE, and silent: a PIPE that is passed on ends it.
trap 'sleep 0.3; echo clean >"$1"; exit 0' TERM
echo "engine up"
while :; do sleep 1000 & wait $!; done

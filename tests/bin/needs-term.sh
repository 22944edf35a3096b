#!/bin/sh
trap 'echo "not for INT"' INT
trap 'echo clean >"$1"; exit 0' TERM
echo "engine up"
while :; do sleep 1000 & wait $!; done

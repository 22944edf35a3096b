#!/bin/sh
# An engine whose clean stop takes 0.3 s; the file named by its argument tells whether it came to its end.
trap 'echo stopping; sleep 0.3; echo clean >"$1"; exit 0' TERM
trap '' PIPE
echo "engine up"
while :; do sleep 1000 & wait $!; done

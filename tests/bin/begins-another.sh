#!/bin/sh
# Ends at the stop request and leaves a process behind that began after it. A shell's child that has not become another program
# yet may still hear the request with its parent's trap.
trap 'sleep 1000 & until grep -q sleep "/proc/$!/comm"; do :; done; exit 143' TERM
sleep 1000 &
echo "script is ready"
wait $!

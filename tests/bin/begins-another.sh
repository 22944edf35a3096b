#!/bin/sh
# Ends at the stop request and leaves a process behind that began after it.
trap 'sleep 1000 & exit 143' TERM
sleep 1000 &
echo "script is ready"
wait $!

#!/bin/sh
# Stays in the group, deaf to USR1, while its child listens outside of it.
trap : USR1
setsid "$1" &
while kill -0 $! 2>/dev/null; do wait $!; done

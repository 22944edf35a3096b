#!/bin/sh
# Ends at the stop request and leaves a process behind that heard it as a shell with a trap, and became another program after it.
(
  trap : TERM
  : >"$1.armed"
  until [ -e "$1.go-on" ]; do :; done
  exec sleep 1000
) &
trap ': >"$1.go-on"; until grep -q sleep "/proc/$!/comm"; do :; done; exit 143' TERM
until [ -e "$1.armed" ]; do :; done
echo "script is ready"
wait $!

#!/bin/sh
# The first TERM begins a stop that waits for a line in the fifo; a second one is told, and ends it uncleanly.
sleep 1000 &
trap 'asked=1' TERM
echo "engine up"
while [ -z "$asked" ]; do wait $!; done
trap 'echo again; exit 9' TERM
echo stopping; read -r _ <"$2"; echo clean >"$1"

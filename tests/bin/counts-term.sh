#!/bin/sh
# A second TERM is told, and ends it without the clean stop; the first waits for a line in the fifo.
sleep 1000 &
trap 'trap "echo again; exit 9" TERM; echo stopping; read -r _ <"$2"; echo clean >"$1"; exit 0' TERM
echo "engine up"
while :; do wait $!; done

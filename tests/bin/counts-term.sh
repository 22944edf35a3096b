#!/bin/sh
# A second TERM is told, and would end it without the clean stop.
trap 'trap "echo again; exit 9" TERM; echo stopping; read -r _ <"$2"; echo clean >"$1"; exit 0' TERM
echo "engine up"
while :; do sleep 1000 & wait $!; done

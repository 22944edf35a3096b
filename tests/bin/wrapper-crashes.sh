#!/bin/sh
# The wrapper ends with 3, unasked, while its engine runs; a third argument is the engine's second.
"$(dirname "$0")/${ENGINE-engine.sh}" "$1" "$3" &
read -r _ <"$2"
exit 3

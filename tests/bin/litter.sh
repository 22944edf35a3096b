#!/bin/sh
# Leaves orphans that end at once, one after another and as fast as it can: some, and then as many as the second
# argument says. A line in the fifo begins the many, and another ends it with 42.
litter() { i=0; while [ $i -lt "$1" ]; do (: &); i=$((i + 1)); done; }
litter 500; echo "littered a little"; read -r _ <"$1"
litter "$2"; echo "littered a lot"; read -r _ <"$1"
exit 42

#!/bin/sh
# What `docker exec` starts: parent 0. Leaves an orphan behind that ends at once, and waits itself.
trap 'echo "visitor was signalled"' USR1 TERM
(: &); echo "visiting"
while :; do sleep 1000 & wait $!; done

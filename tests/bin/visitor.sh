#!/bin/sh
# What `docker exec` starts: parent 0. Leaves an orphan behind that ends at once, and waits itself.
sleep 1000 &
trap 'echo "visitor was signalled"' USR1 TERM
(: &); echo "visiting"
while :; do wait $!; done

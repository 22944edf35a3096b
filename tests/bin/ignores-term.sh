#!/bin/sh
trap '' TERM
sleep 1000 &
echo "ignoring TERM"
while :; do wait $!; done

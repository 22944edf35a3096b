#!/bin/sh
# Starts its words with what no process has by itself, and says so first.
echo 321 >/proc/self/oom_score_adj
umask 027; ulimit -S -n 99; cd /usr
exec nice -n 5 "$(dirname "$0")/tells.sh" given "$@"

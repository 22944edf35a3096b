#!/bin/sh
# What `docker exec` starts: parent 0. Leaves as many orphans behind as the second argument says, which end together
# when it is told so, and waits itself.
exec 3<>"$1" 4<"$1"
trap 'echo "visitor was signalled"' USR1 TERM
i=0; while [ $i -lt "$2" ]; do ( (read -r _ <&4) 3>&- & ); i=$((i + 1)); done
echo "visiting"; read -r _
exec 3>&- 4<&-; echo "let go"
sleep 1000 &
while :; do wait $!; done

#!/bin/bash
# Ends with the first command that fails, and runs its engine as a child: TERM ends it at once.
set -eo pipefail
"$(dirname "$0")/engine.sh" "$1" 2>&1 </dev/null
echo >"$1.pid"

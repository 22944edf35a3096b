#!/bin/sh
# The wrapper dies of TERM at once; its engine is in the middle of its stop then.
"$(dirname "$0")/${ENGINE-engine.sh}" "$@"
exit $?

#!/bin/bash
# A trap that bash runs only when its child in the foreground has ended: the engine has to hear it from others.
trap 'exit 0' TERM
"$(dirname "$0")/engine.sh" "$1"

#!/bin/sh
exec "$(dirname "$0")/engine.sh" "$1"

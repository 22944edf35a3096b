#!/bin/sh
"$(dirname "$0")/engine.sh" "$1" | tee "$1.log"

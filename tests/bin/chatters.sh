#!/bin/sh
# Writes on and on, without a guard against PIPE; the file named by its argument counts the lines that went through.
i=0; while echo line; do i=$((i + 1)); echo $i >"$1.new"; mv "$1.new" "$1"; done; exit 9

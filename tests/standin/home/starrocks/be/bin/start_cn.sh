#!/usr/bin/env bash
curdir=$(cd "$(dirname "$0")" && pwd)
exec "$curdir/start_backend.sh" --cn "$@"

#!/usr/bin/env bash
# down.sh stops what up.sh started: the program drains first, then the servers end.
set -euo pipefail
cd "$(dirname "$0")/.."

pid=.cache/up.pid
if [ ! -f "$pid" ] || ! kill -0 "$(cat "$pid")" 2>/dev/null; then
	echo "it is not up"
	rm -f "$pid"
	exit 0
fi
kill -TERM "$(cat "$pid")"
while kill -0 "$(cat "$pid")" 2>/dev/null; do sleep 1; done
rm -f "$pid"

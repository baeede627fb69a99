#!/usr/bin/env bash
# up.sh starts what docker-compose.yml starts, without Docker, and returns when
# it is up. down.sh stops it. What is in .env holds, unless it is set already.
set -euo pipefail
cd "$(dirname "$0")/.."

pid=.cache/up.pid
log=.cache/up.log
if [ -f "$pid" ] && kill -0 "$(cat "$pid")" 2>/dev/null; then
	echo "it is up already (pid $(cat "$pid")); stop it with make down" >&2
	exit 1
fi
mkdir -p .cache bin
while IFS='=' read -r name value; do
	case $name in '' | '#'*) continue ;; esac
	[ -n "${!name:-}" ] || export "$name=$value"
done <.env
"${GO:-go}" build -o bin/tributary .
"${GO:-go}" build -o .cache/up ./internal/testkit/up
nohup .cache/up >"$log" 2>&1 </dev/null &
echo $! >"$pid"
echo "starting; the first time installs servers, which takes minutes (log: $log)"
until grep -E '^up: ' "$log"; do
	if ! kill -0 "$(cat "$pid")" 2>/dev/null; then
		tail -20 "$log" >&2
		rm -f "$pid"
		exit 1
	fi
	sleep 1
done
grep -E '^WITHOUT ' "$log" || true

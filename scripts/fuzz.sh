#!/usr/bin/env bash
# fuzz.sh [TIME] runs each fuzz target of the tree for TIME (30s by default).
# A case that fails is kept below testdata/fuzz of its package: commit it with
# the fix.
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:-30s}
grep -rlE --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Z]' . | sort | while read -r file; do
	grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | while read -r _ target; do
		echo "== $(dirname "$file") $target"
		"${GO:-go}" test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$(dirname "$file")"
	done
done

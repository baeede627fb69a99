#!/bin/sh
# The dashboard: web/ui built into web/dist.
#   scripts/ui.sh build   install what package-lock.json names, and build
#   scripts/ui.sh unit    unit tests
#   scripts/ui.sh test    unit tests, then browser tests against the real program
#   scripts/ui.sh check   types, a rebuild that must equal what is committed, sizes
#   scripts/ui.sh shots   the pictures of docs/img
#   scripts/ui.sh latency from an event's arrival to the painted figure
#   scripts/ui.sh load    what a first visit costs: bytes, requests, time
# It needs node (20.19 or later) and npm; browser tests also need Chromium and go.
set -eu
cd "$(dirname "$0")/../web/ui"

install() {
	# Installed once for each package-lock.json.
	stamp=node_modules/.installed
	if [ ! -f "$stamp" ] || ! cmp -s package-lock.json "$stamp"; then
		npm ci --no-audit --no-fund
		cp package-lock.json "$stamp"
	fi
}

build() {
	install
	npm run --silent build
}

# Builds beside web/dist, which stays as it is.
check() {
	install
	trap 'rm -rf .build' EXIT
	npm run --silent compile
	if ! diff -rq .build ../dist; then
		echo "web/dist is not what web/ui builds: commit what scripts/ui.sh build writes" >&2
		exit 1
	fi
	npm run --silent budgets
}

case "${1:-}" in
build) build ;;
unit)
	install
	npm run --silent test
	;;
test)
	install
	npm run --silent test
	npm run --silent e2e
	;;
check) check ;;
shots)
	install
	npm run --silent shots
	;;
latency | load) # what follows are the options, see web/ui/e2e
	install
	what=$1
	shift
	node "e2e/$what.mjs" "$@"
	;;
*)
	sed -n '2,10p' "$0" | sed 's/^# \{0,1\}//' >&2
	exit 2
	;;
esac

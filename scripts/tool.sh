#!/usr/bin/env bash
# tool.sh PACKAGE@VERSION FILE builds a tool of ours from source into FILE.
#
# It is built outside of the module, so that its own dependencies, not ours,
# decide what it consists of; and moved into place last, so that a build that
# was cut short leaves nothing behind that looks complete.
set -euo pipefail

package=$1
file=$2
mkdir -p "$(dirname "$file")"
build=$(mktemp -d "$(dirname "$file")/build.XXXXXX")
trap 'rm -rf "$build"' EXIT
echo "building $package (once; a few minutes at most)" >&2
(cd / && GOBIN="$build" GOFLAGS="" "${GO:-go}" install "$package")
mv "$build"/* "$file"

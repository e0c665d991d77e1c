#!/bin/sh
# SPDX-License-Identifier: ISC
#
# teststages.sh RESULTS STAGE...: builds, then runs every stage by make, whatever failed before,
# then counts. A stage that ends badly without saying what failed is a failure of its own.
set -u
results=$1
shift
rm -rf "$results"
mkdir -p "$results"
make=${MAKE:-make}

$make --no-print-directory all || echo "fail build the tree does not build" >"$results/build.txt"
for stage in "$@"; do
	echo "== $stage"
	$make --no-print-directory "$stage" && continue
	file=$results/$(echo "$stage" | sed 's/-smoke$//').txt
	grep -qs '^fail ' "$file" || echo "fail $stage did not complete" >>"$file"
done
exec /usr/bin/python3 -B tools/tally.py "$results"

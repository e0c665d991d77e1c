#!/bin/sh
# SPDX-License-Identifier: ISC
#
# lint.sh RESULTS: the form of all C by clang-format, cppcheck over all C, Python and shell
# syntax. Code that came from elsewhere (third_party/) keeps its own form.
set -u
results=$1
build=$(dirname "$results")
out=$results/lint.txt
mkdir -p "$results" "$build/cppcheck"
: >"$out"
status=0

# The tree's files, also those not yet committed; without git, all but build/.
files() {
	{
		git ls-files -co --exclude-standard 2>/dev/null ||
			find . -path ./build -prune -o -type f -print | sed 's,^\./,,'
	} | grep -E "$1" | grep -v '^third_party/' | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}

# check NAME TOOL COMMAND...: the command reads file names from its standard input.
check() {
	name=$1 tool=$2
	shift 2
	if ! command -v "$tool" >/dev/null; then
		echo "skip $name $tool is not installed" | tee -a "$out"
	elif "$@" >"$results/lint-$name.log" 2>&1; then
		echo "pass $name" >>"$out"
	else
		head -n 60 "$results/lint-$name.log"
		echo "fail $name see $results/lint-$name.log" | tee -a "$out"
		status=1
	fi
}

files '\.[ch]$' >"$build/lint.c"
files '\.c$' >"$build/lint.source"
files '(\.py|^bulkhead)$' >"$build/lint.python"
files '(\.sh|^\.ci/run)$' >"$build/lint.shell"

format() { xargs -r clang-format --dry-run -Werror <"$build/lint.c"; }
cpp() {
	[ ! -s "$build/lint.source" ] ||
		cppcheck -q -j2 --std=c11 --platform=unix64 --enable=warning,portability,performance \
			--inline-suppr --suppressions-list=mk/cppcheck.txt --error-exitcode=1 \
			--cppcheck-build-dir="$build/cppcheck" -I . -I lib -I kernel -I build/gen \
			--file-list="$build/lint.source"
}
python() {
	xargs -r /usr/bin/python3 -B -c '
import ast, sys
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        ast.parse(file.read(), path)' <"$build/lint.python"
}
shell() {
	while read -r file; do sh -n "$file" || return 1; done <"$build/lint.shell"
}

check clang-format clang-format format
check cppcheck cppcheck cpp
check python python3 python
check shell sh shell
check links /usr/bin/python3 /usr/bin/python3 -B tools/check_links.py
exit $status

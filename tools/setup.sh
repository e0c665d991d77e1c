#!/bin/sh
# SPDX-License-Identifier: ISC
#
# setup.sh CONFIG.mk: makes this machine able to build and test.
# Installs the Debian packages of packages.txt that are missing (their proving path does not
# exist), then asks the compilers what the Makefile must know and writes it to CONFIG.mk. When
# nothing is missing and CONFIG.mk was written from this list, it only looks and ends.
# Needs nothing but sh, coreutils and apt-get; python3 may come from here.
set -eu
cd "$(dirname "$0")/.."
config=$1
list=tools/packages.txt

missing() {
	while read -r package path needs; do
		case $package in '#'* | '') continue ;; esac
		[ -z "${1:-}" ] || [ "$1" = "$needs" ] || continue
		[ -e "$path" ] || printf ' %s' "$package"
	done <$list
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "setup: not root and no sudo; run this yourself: $*" >&2
		return 1
	fi
}

install_packages() {
	if ! command -v apt-get >/dev/null; then
		echo "setup: no apt-get here; install by hand:$1" >&2
		return 1
	fi
	echo "setup: installing with apt-get:$1"
	# shellcheck disable=SC2086  # the list is words
	as_root env DEBIAN_FRONTEND=noninteractive sh -c '
		apt-get -q update && apt-get -q -y install --no-install-recommends "$@"' - $1
}

sum=$(cat $list tools/setup.sh | cksum)
wanted=$(missing)
if [ -z "$wanted" ] && [ -e "$config" ] && grep -qxF "# $sum" "$config"; then
	touch "$config"
	exit 0
fi
[ -z "$wanted" ] || install_packages "$wanted" || true
lacking=$(missing build)
if [ -n "$lacking" ]; then
	echo "setup: cannot build without:$lacking" >&2
	exit 1
fi
lacking=$(missing test)
[ -z "$lacking" ] || echo "setup: some checks will be skipped without:$lacking" >&2

fuzzer=no
for runtime in /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a; do
	[ -e "$runtime" ] && fuzzer=yes
done
mkdir -p "$(dirname "$config")"
cat >"$config.new" <<END
# Written by tools/setup.sh.
# $sum
GCC_INCLUDE := $(gcc -print-file-name=include)
CLANG_INCLUDE := $(clang -print-resource-dir 2>/dev/null)/include
LIBGCC := $(gcc -print-libgcc-file-name)
FUZZER := $fuzzer
CC_INCLUDE = \$(if \$(clang),\$(CLANG_INCLUDE),\$(GCC_INCLUDE))
END
mv "$config.new" "$config"

# SPDX-License-Identifier: ISC
#
# The first run on a new machine. build/config.mk is an included file, so make brings it up to
# date before anything else: its recipe installs what is missing and writes down what the
# compilers say about themselves. It is remade when the package list changes or a tool is gone.

# One program for each package whose absence would otherwise show as an odd error later.
setup-tools := /usr/bin/gcc /usr/bin/musl-gcc /usr/bin/clang /usr/bin/python3 /usr/bin/strip \
	/usr/bin/qemu-system-x86_64 /usr/include/cmocka.h
setup-missing := $(filter-out $(wildcard $(setup-tools)),$(setup-tools))

include build/config.mk

build/config.mk: tools/setup.sh tools/packages.txt $(if $(setup-missing),setup-again)
	@tools/setup.sh $@

.PHONY: setup setup-again
setup:
	@tools/setup.sh build/config.mk

# SPDX-License-Identifier: ISC
#
# The one Makefile. Each room says what it has in a short build.mk (docs/building.md); the pieces
# in mk/ turn that into rules. Nothing recurses but the test stages, and parsing starts no
# program, so that an up-to-date tree costs a fraction of a second.
#
#   make            everything for booting          make run      boot it, prompt on this terminal
#   make test       all test stages and a count     make help     the other targets
#
# V=1 shows the commands, CC=clang builds with clang (into build/clang), -j is safe.

MAKEFLAGS += -rR
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

goals := $(or $(MAKECMDGOALS),all)
build-goals := $(filter-out clean help,$(goals))

include mk/toolchain.mk
ifneq ($(build-goals),)
include mk/setup.mk
endif
include mk/snippets.mk
include mk/rules.mk
include mk/kernel.mk
include mk/archive.mk
include mk/tests.mk

.PHONY: all run check test unit host core boot fuzz soak bench lint iso image clean setup help

all: $(kernel-image) $(shim-image) $(LIBS:%=$(O)/lib/%.a) $(PROGS:%=$(O)/bin/%) \
	$(BENCHPROGS:%=$(O)/bin/%) $(PLAIN:%=$(O)/bin/%) $(CORE:%=$(O)/core/%.cpio) \
	$(BENCH:%=$(O)/bench/%.cpio) $(O)/boot.cpio $(O)/bench.cpio

run: all
	$(Q)./bulkhead --build $(O) run $(ARGS)

iso: $(O)/bulkhead.iso

# make image DIR=files OUT=disk.img: an ext4 disk image of a directory.
image:
	$(Q)./bulkhead image $(or $(DIR),$(error say DIR=directory)) $(or $(OUT),$(error say OUT=file))

clean:
	$(Q)rm -rf build

help:
	@sed -n '/^[A-Za-z]/p' mk/help.txt

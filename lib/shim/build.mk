# SPDX-License-Identifier: ISC
SHIM-srcs := lib/shim/entry.S lib/shim/call.c lib/shim/memory.c lib/shim/time.c \
	lib/shim/thread.c lib/shim/io.c

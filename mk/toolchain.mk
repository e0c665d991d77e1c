# SPDX-License-Identifier: ISC
#
# Compilers and flags, one set for each class of object: native (static musl programs), kernel,
# shim, host (unit tests, with sanitizers) and fuzz. O is where results go. What has to be asked
# of a compiler is asked once, by tools/setup.sh, and stands in build/config.mk.

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(CC),)
CC := gcc
endif
clang := $(findstring clang,$(notdir $(CC)))
O := $(if $(clang),build/clang,build)
GEN := build/gen
PYTHON := /usr/bin/python3
LD := ld
AR := ar
STRIP := strip
OBJCOPY := objcopy
FUZZCC := clang

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-8s %s\n'
endif

warnings := -Wall -Wextra -Werror -Wmissing-prototypes
# Quoted includes only: lib/sys/wait.h must never stand in for <sys/wait.h>.
includes := -iquote . -iquote lib -iquote abi -iquote $(GEN)
common := -std=gnu11 -g $(warnings) -MMD -MP

MUSL_INCLUDE := /usr/include/x86_64-linux-musl
MUSL_LIB := /usr/lib/x86_64-linux-musl

ifneq ($(clang),)
NATIVE_CC := $(CC) --target=x86_64-linux-musl -nostdlibinc -isystem $(MUSL_INCLUDE)
native-link = $(LD) -static -o $@ $(MUSL_LIB)/crt1.o $(MUSL_LIB)/crti.o $(1) \
	--start-group $(MUSL_LIB)/libc.a $(LIBGCC) --end-group $(MUSL_LIB)/crtn.o
else
NATIVE_CC := musl-gcc
native-link = $(NATIVE_CC) -static -no-pie -o $@ $(1)
endif

native-flags = $(NATIVE_CC) $(common) -O2 -fno-pie $(includes)

kernel-flags = $(CC) $(common) -O2 -ffreestanding -nostdinc -isystem $(CC_INCLUDE) \
	-mno-red-zone -mcmodel=kernel -mgeneral-regs-only -fno-stack-protector -fno-pic \
	-fcf-protection=none -Ikernel -I. -Ilib -I$(GEN) $(kernel-cflags)

shim-flags = $(CC) $(common) -O2 -ffreestanding -nostdinc -isystem $(CC_INCLUDE) -fPIE \
	-mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fvisibility=hidden \
	$(if $(clang),,-fno-tree-loop-distribute-patterns) $(includes) $(SHIM-cflags)

sanitize := -fno-sanitize-recover=undefined -fsanitize=address,undefined
host-flags = $(CC) $(common) -O1 -fno-omit-frame-pointer $(sanitize) $(includes)
fuzz-flags = $(FUZZCC) $(common) -O1 -fno-omit-frame-pointer $(sanitize),fuzzer-no-link $(includes)

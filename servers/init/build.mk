# SPDX-License-Identifier: ISC
PROGS += init
init-srcs := servers/init/main.c servers/init/server.c servers/init/launch.c servers/init/adopt.c \
	servers/init/kept.c servers/init/place.c
init-libs := serve 9p spawn elf cpio silo supervise sys
ARCHIVE += boot/init=$(O)/stripped/init

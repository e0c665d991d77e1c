# SPDX-License-Identifier: ISC
PROGS += sh
sh-srcs := $(addprefix cmd/sh/,main.c exec.c parse.c edit.c console.c out.c table.c files.c change.c \
	sums.c sha256.c system.c silo.c run.c complete.c)
sh-libs := serve 9p sys

UNIT += sh_parse
sh_parse-srcs := tests/unit/sh_parse.c cmd/sh/parse.c cmd/sh/edit.c cmd/sh/sha256.c

FUZZ += sh_line
fuzz-sh_line-srcs := tests/fuzz/sh_line.c cmd/sh/parse.c cmd/sh/edit.c

# SPDX-License-Identifier: ISC
PROGS += hello
hello-srcs := cmd/hello/main.c
hello-libs := sys

# SPDX-License-Identifier: ISC
PROGS += recovery
recovery-srcs := servers/recovery/recovery.c cmd/sh/edit.c
recovery-libs := sys

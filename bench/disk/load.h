/* SPDX-License-Identifier: ISC */
/* load.h: keeping a disk busy and looking at what comes. */
#pragma once
#include <stdbool.h>

/*
 * Read the file `rounds` times from end to end, by reading and through a mapping in turn, and
 * compare what came with the first time. The last line of file `report` says how it went on: "round
 * N copied C", "done N copied C", or "failed N copied C WHY"; C reads took no call. Returns 0, or
 * -errno of the first failure (-EBADMSG: other bytes).
 */
int load_run(const char *path, unsigned rounds, bool mapped, const char *report);

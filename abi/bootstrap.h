/* SPDX-License-Identifier: ISC */
/*
 * bootstrap.h: what a new process finds.
 *
 * The spawner maps image, shim and stack, writes a Linux-style initial stack
 * (argc, argv, envp, auxv) and one bootstrap block, and names the block by the
 * auxv entry AT_BOOTSTRAP. The block's handles are already in the process's
 * table. The kernel itself starts only init, by the same rules (see
 * docs/bootstrap.md). Version 1.
 */
#pragma once
#include "abi/types.h"

#define AT_BOOTSTRAP	  0x4248
#define BOOTSTRAP_MAGIC	  0x54425342u /* "BSBT" */
#define BOOTSTRAP_VERSION 1u
#define BOOTSTRAP_NAMES	  48

struct bootstrap_handle {
	char name[24]; /* "self", "thread", "aspace", "silo", "log", "ns:/", "fd:0", "device:0"...
			*/
	handle_t handle;
	uint32_t reserved;
};
_Static_assert(sizeof(struct bootstrap_handle) == 32, "bootstrap_handle");

struct bootstrap {
	uint32_t magic, version;
	uint32_t count; /* of handles */
	uint32_t reserved;
	uint64_t entry;	  /* the program's entry, for the shim to jump to */
	uint64_t archive; /* init only: address of the mapped boot archive; else 0 */
	uint64_t archive_len;
	uint64_t cmdline; /* init only: address of the boot command line; else 0 */
	struct bootstrap_handle handles[BOOTSTRAP_NAMES];
};
_Static_assert(sizeof(struct bootstrap) == 48 + 32 * 48, "bootstrap");

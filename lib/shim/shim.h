/* SPDX-License-Identifier: ISC */
/*
 * shim.h: the contract between the shim and whoever maps it into a new process.
 *
 * The shim is one ELF image without relocations: a text segment (read, execute, shared by all
 * processes) and behind it a data segment (private, zero at the start). At the first byte of the
 * text stands a struct shim_header with offsets from that byte. The spawner maps both segments at
 * any page, fills struct process_args (upcall, fault, shim_lo, shim_hi) and struct thread_args
 * (entry = start, sp = the argc block, gs = block = the main thread's block, fs = 0) from it, and
 * gives the program's real entry as AT_ENTRY and the bootstrap block as AT_BOOTSTRAP.
 *
 * Spec: docs/shim.md.
 */
#pragma once
#include <stdint.h>

#define SHIM_MAGIC   0x4d485342u /* "BSHM" */
#define SHIM_VERSION 1u

struct shim_header {
	uint32_t magic, version;
	uint32_t start;	   /* entry of the first thread */
	uint32_t upcall;   /* entry for foreign system calls */
	uint32_t fault;	   /* entry for faults */
	uint32_t text_len; /* shim_lo .. shim_hi: [0, text_len) */
	uint32_t block;	   /* the main thread's struct thread_block, in the data segment */
	uint32_t end;	   /* first byte behind the data segment */
};
_Static_assert(sizeof(struct shim_header) == 32, "shim_header");

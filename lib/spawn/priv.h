/* SPDX-License-Identifier: ISC */
/*
 * priv.h: between the files of lib/spawn. A struct spawn_job is one spawn_create under way.
 *
 * The pool is one anonymous VMO for all that the new process does not share: data that is copied,
 * zeroed memory, the shim's data and the stack, mapped piece by piece. One VMO, one close.
 */
#pragma once
#include <errno.h>
#include "elf/elf.h"
#include "spawn/spawn.h"
#include "sys/sys.h"

/* Copied rather than snapshot when the caller has the bytes: cheaper than the write faults. */
#define SPAWN_COPY_MAX (16u * PAGE_SIZE)

struct spawn_job {
	const struct spawn_args *args;
	struct elf_plan plan;
	handle_t aspace, process, thread;
	handle_t pool;
	uint64_t pool_len, pool_used;
	uint64_t stack_len, stack_offset; /* in the pool */
	uint64_t archive;		  /* where it is mapped */
	uint64_t argc, envc;
	uint64_t block, strings, total; /* of the initial stack: offsets and length in the buffer */
	handle_t names[3];		/* numbers of self, thread, aspace in the new process */
	uint8_t buffer[SPAWN_BLOCK_MAX]; /* the image's head, then the initial stack */
};

static inline uint64_t spawn_pages(uint64_t len)
{
	return (len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

/* image.c */
SPAWN_MUST int spawn_read(const struct spawn_image *image, uint64_t offset, void *to, uint64_t len);
SPAWN_MUST int spawn_copy(const struct spawn_image *image, uint64_t offset, handle_t vmo,
			  uint64_t to, uint64_t len, uint8_t *buffer, uint64_t buffer_len);
SPAWN_MUST int spawn_plan(struct spawn_job *job);
SPAWN_MUST uint64_t spawn_pool_need(const struct spawn_job *job);
SPAWN_MUST int spawn_map_image(struct spawn_job *job);
SPAWN_MUST int spawn_map(struct spawn_job *job, handle_t vmo, uint64_t addr, uint64_t offset,
			 uint64_t len, uint32_t prot);

/* block.c: the initial stack: its sizes (job->total bytes below the stack's top), then its bytes in
 * job->buffer. */
SPAWN_MUST int spawn_measure(struct spawn_job *job);
SPAWN_MUST int spawn_block(struct spawn_job *job);

/* SPDX-License-Identifier: ISC */
/*
 * spawn.h: starting programs: from an ELF image in a VMO to a process that only needs
 * sys_thread_start. Loading is user space's work; the kernel knows no file format.
 *
 * The image is read from a VMO at an offset. Page-aligned images share their text and start with a
 * snapshot of their data; others are copied to memory of their own. Works without libc's heap and
 * in freestanding programs (needs memcpy, memset, strlen). Nothing is kept between calls, and on
 * failure nothing is left: no process, no handle, no mapping, no charge.
 *
 * Not here: names and paths of programs, silos' policy, waiting for the end, fork.
 *
 * What the new process finds: docs/bootstrap.md; the shim: docs/shim.md.
 */
#pragma once
#include <stddef.h>
#include "abi/bootstrap.h"
#include "shim/shim.h"

#define SPAWN_MUST	__attribute__((warn_unused_result))
#define SPAWN_STACK	(256u << 10) /* bytes, when args say 0 */
#define SPAWN_STACK_MAX (1ull << 30)
#define SPAWN_BLOCK_MAX 16384u /* arguments, environment and bootstrap block together */

/* Where things lie. Programs as they are linked; position-independent ones from SPAWN_PIE on. */
#define SPAWN_PIE	0x100000000ull
#define SPAWN_HIGH	0x7f0000000000ull /* programs end below */
#define SPAWN_STACK_TOP 0x7ffffc000000ull
#define SPAWN_SHIM	0x7ffffd000000ull

struct spawn_image {
	handle_t vmo;	      /* READ, MAP and EXECUTE */
	uint64_t offset, len; /* the file's bytes in it */
	const void
		*bytes; /* the same bytes where the caller has them mapped; NULL: read by calls */
};

/* A shim that is ready to be mapped many times. */
struct spawn_shim {
	handle_t vmo;
	uint64_t text_offset, text_len; /* in the VMO; whole pages */
	uint64_t data, data_len;	/* offset from the text's first byte; whole pages */
	struct shim_header header;
};

struct spawn_handle {
	const char *name; /* at most 23 characters; NULL: not in the bootstrap block */
	handle_t handle;  /* the caller's; GRANT */
	uint32_t rights;  /* RIGHTS_SAME or fewer */
	uint32_t flags;	  /* 0 or HANDLE_KEPT */
	handle_t given;	  /* out: its number in the new process */
};

struct spawn_args {
	struct spawn_image image;
	const struct spawn_shim *shim; /* NULL: none; the program starts at its own entry */
	handle_t silo;
	const char *name;	 /* of the process; cut to NAME_MAX_LEN - 1 */
	const char *const *argv; /* NULL-terminated; NULL: the name alone */
	const char *const *envp; /* NULL-terminated; NULL: empty */
	struct spawn_handle *handles;
	uint32_t handle_count;
	uint32_t flags;	  /* PROCESS_INHERIT */
	uint32_t pledges; /* PLEDGES_ALL, or fewer */
	uint64_t stack;	  /* bytes; 0: SPAWN_STACK */
	handle_t archive; /* mapped read-only and told in the bootstrap block; HANDLE_NONE: none */
	uint64_t archive_len;
	const char *cmdline; /* boot command line for the bootstrap block; NULL: none */
};

struct spawned {
	handle_t process, thread; /* the caller's now */
};

/*
 * Make a process with everything mapped, its handles given and its first thread waiting for
 * sys_thread_start. Errors: -ENOEXEC not such a program; -E2BIG arguments over SPAWN_BLOCK_MAX;
 * -EINVAL too many handles or a name too long; whatever the kernel's calls answer.
 */
SPAWN_MUST int spawn_create(const struct spawn_args *args, struct spawned *out);

/* spawn_create and start. On failure nothing is left. */
SPAWN_MUST int spawn_run(const struct spawn_args *args, struct spawned *out);

/* End and forget a process that spawn_create made: kill, reap, close both handles. */
void spawn_discard(struct spawned *s);

/*
 * Look at a shim image. A page-aligned image is used as it stands (shim->vmo is image->vmo, still
 * the caller's); another is copied (shim->vmo is new and the caller's). -ENOEXEC: not a shim.
 */
SPAWN_MUST int spawn_shim_open(const struct spawn_image *image, struct spawn_shim *shim);

/*
 * A copy of an image in a VMO of its own, page aligned, offset 0: worth it for a program that is
 * started often from an archive that is not aligned. *copy has no `bytes`; its handle is the
 * caller's.
 */
SPAWN_MUST int spawn_image_copy(const struct spawn_image *image, struct spawn_image *copy);

/* SPDX-License-Identifier: ISC */
/*
 * What the tests of lib/ext4 share: a block source over an image in memory that can behave like a
 * cold cache, shell commands for making images, and a walk that reads everything there is to read.
 *
 * The walk's digest covers names, inodes and maps, not file contents and the text of long links:
 * exactly what a metadata checksum protects.
 */
#ifndef TESTS_EXT4_SUPPORT_H
#define TESTS_EXT4_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "ext4/ext4.h"

struct image {
	uint8_t *bytes;
	uint64_t size;
	uint64_t blocks;
	uint32_t block_size;
	bool cold;	   /* the first request for each block answers -EAGAIN */
	uint8_t *loaded;   /* with cold: block was asked for before */
	uint8_t *touched;  /* block was given at least once */
	uint32_t *marks;   /* NULL: the source has no marks */
	uint64_t requests; /* blocks given since it was last zeroed */
	uint64_t again;	   /* answers of -EAGAIN */
};

/* Run a shell command; the test fails if it does. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Make a directory for this run below TMPDIR; removed with everything in it by scratch_remove. */
const char *scratch_make(void);
void scratch_remove(void);

/* Map an image file privately: changes stay in memory. */
void image_open(struct image *image, const char *path);
void image_close(struct image *image);
void image_forget(struct image *image); /* empty the simulated cache and the marks */

/* Probe and mount; returns the first error. reason: 128 bytes. */
int image_mount(struct image *image, struct ext4_fs *fs, unsigned flags, char *reason);

/* Repeat an operation for as long as it says that a read was started. */
#define RETRY(expr)                                                                                \
	({                                                                                         \
		int64_t rc_;                                                                       \
		do                                                                                 \
			rc_ = (expr);                                                              \
		while (rc_ == -EAGAIN || rc_ == -EINPROGRESS);                                     \
		rc_;                                                                               \
	})

struct walk_result {
	uint64_t digest;
	uint32_t entries;
	uint32_t errors;
	uint64_t steps;
	bool overrun; /* max_steps was reached */
};

/* Walk everything from the root, through at most max_steps operations. */
void walk_all(struct ext4_fs *fs, uint64_t max_steps, struct walk_result *result);

#endif

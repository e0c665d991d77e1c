/* SPDX-License-Identifier: ISC */
/*
 * Reader of cpio archives in the newc form (magic 070701), as the boot archive is one. Zero-copy:
 * names and data point into the archive.
 *
 * Not here: writing, other cpio forms, checksums (070702), several archives in a row.
 *
 * Invariant: whatever an entry points to lies inside the archive, and its name is relative, with
 * no empty, "." or ".." component: joined to a path, it stays below it.
 *
 * Format: cpio(5), "New ASCII Format".
 */
#ifndef CPIO_CPIO_H
#define CPIO_CPIO_H

#include <stddef.h>
#include <stdint.h>

#define CPIO_MUST     __attribute__((warn_unused_result))
#define CPIO_NAME_MAX 1024u

struct cpio_entry {
	const char *name;  /* without leading "/" or "./"; not terminated at name_len */
	uint32_t name_len; /* 0: the root directory itself */
	uint32_t mode;	   /* type and permission bits as in stat */
	uint32_t uid, gid;
	uint32_t nlink;
	uint32_t mtime;
	uint32_t ino;
	uint32_t dev_major, dev_minor; /* where the file lay: with ino, what makes hard links one */
	uint32_t rdev_major, rdev_minor;
	const void *data; /* contents, or the text of a symbolic link; alignment 4 at most */
	uint32_t size;
};

/*
 * The entry at *offset (0 for the first); *offset moves to the next. *entry is only written on 1.
 * Returns 1: an entry; 0: the end (the trailer was met); -EINVAL: the archive is damaged there.
 */
CPIO_MUST int cpio_next(const void *archive, size_t size, size_t *offset, struct cpio_entry *entry);

/*
 * Find a path ("/boot/bin/init", "boot/bin/init" and "./boot/bin/init" are the same); of several
 * entries with that name the last counts. A hard link whose data stands at another name is given
 * with that data. Returns 0, -ENOENT, or -EINVAL for a damaged archive.
 */
CPIO_MUST int cpio_find(const void *archive, size_t size, const char *path,
			struct cpio_entry *entry);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * newc archives; the contract is in cpio.h.
 *
 * An entry is a header of 110 characters (magic and 13 hex numbers of 8 digits), the name with its
 * NUL, padding to a multiple of 4 from the archive's start, the data, and padding again.
 */
#include "cpio/cpio.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define HEADER_SIZE 110u
#define MAGIC_SIZE  6u
#define TRAILER	    "TRAILER!!!"

#define MODE_TYPE    0170000u
#define MODE_REGULAR 0100000u

enum field {
	F_INO,
	F_MODE,
	F_UID,
	F_GID,
	F_NLINK,
	F_MTIME,
	F_FILESIZE,
	F_DEVMAJOR,
	F_DEVMINOR,
	F_RDEVMAJOR,
	F_RDEVMINOR,
	F_NAMESIZE,
	F_CHECK,
	F_COUNT
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int decode_header(const char *p, uint32_t field[F_COUNT])
{
	if (memcmp(p, "070701", MAGIC_SIZE) != 0)
		return -EINVAL;
	p += MAGIC_SIZE;
	for (unsigned f = 0; f < F_COUNT; f++) {
		uint32_t v = 0;

		for (unsigned i = 0; i < 8; i++) {
			int digit = hex_digit(*p++);

			if (digit < 0)
				return -EINVAL;
			v = v << 4 | (uint32_t)digit;
		}
		field[f] = v;
	}
	return 0;
}

/* Take `len` bytes at *pos, and then the padding; false if they are not all there. */
static bool take(size_t size, size_t *pos, size_t len, size_t *at)
{
	size_t pad;

	if (*pos > size || size - *pos < len)
		return false;
	*at = *pos;
	*pos += len;
	pad = (4 - *pos % 4) % 4;
	*pos = size - *pos < pad ? size : *pos + pad;
	return true;
}

/* Drop what makes a path absolute or says "here": leading '/' and "./". */
static void name_strip(const char **name, size_t *len)
{
	for (;;) {
		if (*len >= 1 && (*name)[0] == '/') {
			(*name)++, (*len)--;
		} else if (*len >= 2 && (*name)[0] == '.' && (*name)[1] == '/') {
			*name += 2;
			*len -= 2;
		} else {
			break;
		}
	}
	if (*len == 1 && (*name)[0] == '.')
		*len = 0;
	while (*len > 0 && (*name)[*len - 1] == '/')
		(*len)--;
}

/* Every component must be a plain name. */
static bool name_ok(const char *name, size_t len)
{
	size_t start = 0;

	if (len > CPIO_NAME_MAX)
		return false;
	if (len == 0)
		return true;
	for (size_t i = 0; i <= len; i++) {
		size_t n = i - start;

		if (i < len && name[i] != '/')
			continue;
		if (n == 0 || (n == 1 && name[start] == '.') ||
		    (n == 2 && name[start] == '.' && name[start + 1] == '.'))
			return false;
		start = i + 1;
	}
	return true;
}

static void fill_entry(const uint32_t f[F_COUNT], struct cpio_entry *entry)
{
	entry->mode = f[F_MODE];
	entry->uid = f[F_UID];
	entry->gid = f[F_GID];
	entry->nlink = f[F_NLINK];
	entry->mtime = f[F_MTIME];
	entry->ino = f[F_INO];
	entry->dev_major = f[F_DEVMAJOR];
	entry->dev_minor = f[F_DEVMINOR];
	entry->rdev_major = f[F_RDEVMAJOR];
	entry->rdev_minor = f[F_RDEVMINOR];
	entry->size = f[F_FILESIZE];
}

int cpio_next(const void *archive, size_t size, size_t *offset, struct cpio_entry *entry)
{
	const char *base = archive;
	uint32_t field[F_COUNT];
	struct cpio_entry made;
	size_t pos = *offset;
	size_t name_at, data_at, len;

	if (pos > size || size - pos < HEADER_SIZE || decode_header(base + pos, field) < 0)
		return -EINVAL;
	pos += HEADER_SIZE;
	if (field[F_NAMESIZE] < 1 || !take(size, &pos, field[F_NAMESIZE], &name_at))
		return -EINVAL;
	len = field[F_NAMESIZE] - 1;
	if (base[name_at + len] != '\0' || memchr(base + name_at, '\0', len) != NULL)
		return -EINVAL;
	if (len == strlen(TRAILER) && memcmp(base + name_at, TRAILER, len) == 0)
		return 0;
	if (!take(size, &pos, field[F_FILESIZE], &data_at))
		return -EINVAL;
	made.name = base + name_at;
	name_strip(&made.name, &len);
	if (!name_ok(made.name, len))
		return -EINVAL;
	made.name_len = (uint32_t)len;
	made.data = base + data_at;
	fill_entry(field, &made);
	*entry = made;
	*offset = pos;
	return 1;
}

/* Of the names of one file, only the last carries the data. */
static bool same_file(const struct cpio_entry *a, const struct cpio_entry *b)
{
	return a->ino == b->ino && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor &&
	       a->mode == b->mode;
}

static int find_data(const void *archive, size_t size, struct cpio_entry *entry)
{
	struct cpio_entry other;
	size_t offset = 0;
	int rc;

	while ((rc = cpio_next(archive, size, &offset, &other)) == 1) {
		if (other.size == 0 || !same_file(&other, entry))
			continue;
		entry->data = other.data;
		entry->size = other.size;
		return 0;
	}
	return rc;
}

int cpio_find(const void *archive, size_t size, const char *path, struct cpio_entry *entry)
{
	size_t len = strlen(path);
	struct cpio_entry cur, found;
	size_t offset = 0;
	bool have = false;
	int rc;

	name_strip(&path, &len);
	while ((rc = cpio_next(archive, size, &offset, &cur)) == 1) {
		if (cur.name_len != len || memcmp(cur.name, path, len) != 0)
			continue;
		found = cur;
		have = true;
	}
	if (rc < 0)
		return rc;
	if (!have)
		return -ENOENT;
	if (found.size == 0 && found.nlink > 1 && (found.mode & MODE_TYPE) == MODE_REGULAR) {
		rc = find_data(archive, size, &found);
		if (rc < 0)
			return rc;
	}
	*entry = found;
	return 0;
}

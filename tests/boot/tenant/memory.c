/* SPDX-License-Identifier: ISC */
/* memory.c: what can be done with the memory objects of files, for good and ill. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "serve/ns.h"
#include "sys/sys.h"
#include "tests/boot/tenant/tenant.h"

/* A file of size bytes, opened, and its memory object. */
static int file_make(const char *path, uint64_t size, uint32_t prot, struct p9_file **f,
		     uint32_t *vmo)
{
	uint64_t len;
	int err = ns_open(path, P9_O_RDWR | P9_O_CREAT | P9_O_TRUNC, 0644, f);

	if (err)
		return err;
	if (size && p9_client_pwrite(*f, "x", 1, size - 1) != 1)
		err = -ENOSPC;
	if (!err)
		err = p9_client_gethandle(*f, P9_HANDLE_VMO, prot, &len, vmo);
	if (!err && len != size)
		err = -EIO;
	if (err)
		p9_client_close(*f);
	return err;
}

int grow(const char *path, uint64_t want)
{
	struct p9_file *f;
	uint32_t vmo;
	int64_t err = file_make(path, 1, PROT_R | PROT_W, &f, &vmo);

	if (!err)
		err = sys_vmo_resize(vmo, want);
	for (uint64_t at = 0; !err && at < want; at += PAGE_SIZE, done++)
		err = sys_vmo_write(vmo, at, "x", 1);
	return (int)err;
}

int bury(const char *path, uint64_t count, uint64_t size)
{
	struct p9_file *f;
	uint32_t vmo;
	int64_t err = 0;

	for (; !err && done < count; done += !err) {
		err = file_make(path, size, PROT_R, &f, &vmo);
		if (err)
			break;
		err = sys_vmo_clone(vmo, 0, (size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1));
		err = err < 0 ? err : 0;
		p9_client_close(f);
		if (p9_client_unlink(ns_client(), path, 0))
			err = -EIO;
	}
	return (int)err;
}

/* Is `want` at this place of both? */
static int both_have(struct p9_file *f, uint32_t vmo, uint64_t at, const char *want)
{
	char file[3] = "", memory[3] = "";
	uint32_t len = sizeof(file);

	if (p9_client_pread(f, file, len, at) != len || sys_vmo_read(vmo, at, memory, len, 0) < 0)
		return -EIO;
	done++;
	return memcmp(file, want, len) || memcmp(memory, want, len) ? -EBADMSG : 0;
}

static int set_size(struct p9_file *f, uint64_t size)
{
	struct p9_setattr set = {.valid = P9_SETATTR_SIZE, .size = size};

	return p9_client_fsetattr(f, &set);
}

static int moved(struct p9_file *f, uint32_t vmo)
{
	char text[4] = "";

	/* It outgrows its memory: the object stays as it was, the file has both. */
	if (p9_client_pwrite(f, "four", 4, 1 << 20) != 4 || p9_client_pwrite(f, "six", 3, 0) != 3 ||
	    sys_vmo_read(vmo, 0, text, 3, 0) < 0)
		return -EIO;
	if (memcmp(text, "two", 3))
		return -EBADMSG;
	done++;
	return p9_client_pread(f, text, 3, 0) != 3 || memcmp(text, "six", 3) ? -EBADMSG : 0;
}

int share(const char *path)
{
	struct p9_file *f;
	uint32_t vmo;
	int err = file_make(path, 5000, PROT_R | PROT_W, &f, &vmo);

	if (!err)
		err = p9_client_pwrite(f, "one", 3, 0) == 3 ? both_have(f, vmo, 0, "one") : -EIO;
	if (!err)
		err = sys_vmo_write(vmo, 0, "two", 3) ? -EIO : both_have(f, vmo, 0, "two");
	if (!err)
		err = set_size(f, 10);
	if (!err)
		err = set_size(f, 5000);
	if (!err)
		err = both_have(f, vmo, 0, "two");
	if (!err)
		err = both_have(f, vmo, 4990, "\0\0\0");
	if (!err && p9_client_pwrite(f, "end", 3, 6000) != 3)
		err = -EIO;
	if (!err)
		err = both_have(f, vmo, 6000, "end");
	return err ? err : moved(f, vmo);
}

/* SPDX-License-Identifier: ISC */
/*
 * entry.c: what lies inside of data and beside messages: directory entries of 9P2000.L, stats of
 * 9P2000, names, and the English text of errors for clients that know no numbers.
 *
 * Spec: "9P2000.L protocol", readdir; Plan 9 manual, stat(5) and intro(5).
 */
#include <errno.h>
#include "9p/wire.h"

int p9_name_check(struct p9_str name)
{
	if (name.len > P9_NAME_MAX)
		return -ENAMETOOLONG;
	if (!name.len || p9_str_equal(name, ".") || p9_str_equal(name, ".."))
		return -EINVAL;
	for (uint32_t i = 0; i < name.len; i++)
		if (name.ptr[i] == '/' || name.ptr[i] == '\0')
			return -EINVAL;
	return 0;
}

int p9_dirent_encode(const struct p9_dirent *ent, void *buf, size_t cap)
{
	struct p9_writer out = {buf, (uint8_t *)buf + cap, 0};

	if (!p9_give_qid(&out, &ent->qid) || !p9_give(&out, &ent->offset, 8) ||
	    !p9_give(&out, &ent->type, 1) || !p9_give_str(&out, &ent->name))
		return -ENOSPC;
	return (int)(out.p - (uint8_t *)buf);
}

int p9_dirent_decode(struct p9_dirent *ent, const void *buf, size_t len)
{
	struct p9_reader in = {buf, (const uint8_t *)buf + len};

	if (!p9_take_qid(&in, &ent->qid) || !p9_take(&in, &ent->offset, 8) ||
	    !p9_take(&in, &ent->type, 1) || !p9_take_str(&in, &ent->name))
		return -EBADMSG;
	return (int)(in.p - (const uint8_t *)buf);
}

int p9_stat_encode(const struct p9_stat *st, void *buf, size_t cap)
{
	struct p9_writer out = {buf, (uint8_t *)buf + cap, 0};
	uint16_t len;

	if (!p9_give(&out, &(uint16_t){0}, 2) || !p9_give(&out, &st->type, 2) ||
	    !p9_give(&out, &st->dev, 4) || !p9_give_qid(&out, &st->qid) ||
	    !p9_give(&out, &st->mode, 4) || !p9_give(&out, &st->atime, 4) ||
	    !p9_give(&out, &st->mtime, 4) || !p9_give(&out, &st->length, 8) ||
	    !p9_give_str(&out, &st->name) || !p9_give_str(&out, &st->uid) ||
	    !p9_give_str(&out, &st->gid) || !p9_give_str(&out, &st->muid))
		return -ENOSPC;
	if (out.p - (uint8_t *)buf > UINT16_MAX - 2)
		return -ENOSPC;
	len = (uint16_t)(out.p - (uint8_t *)buf - 2);
	memcpy(buf, &len, 2);
	return len + 2;
}

int p9_stat_decode(struct p9_stat *st, const void *buf, size_t len)
{
	struct p9_reader in = {buf, (const uint8_t *)buf + len};
	uint16_t size;

	if (!p9_take(&in, &size, 2) || size > p9_left(&in))
		return -EBADMSG;
	in.end = in.p + size;
	if (!p9_take(&in, &st->type, 2) || !p9_take(&in, &st->dev, 4) ||
	    !p9_take_qid(&in, &st->qid) || !p9_take(&in, &st->mode, 4) ||
	    !p9_take(&in, &st->atime, 4) || !p9_take(&in, &st->mtime, 4) ||
	    !p9_take(&in, &st->length, 8) || !p9_take_str(&in, &st->name) ||
	    !p9_take_str(&in, &st->uid) || !p9_take_str(&in, &st->gid) ||
	    !p9_take_str(&in, &st->muid) || in.p != in.end)
		return -EBADMSG;
	return size + 2;
}

/* The texts that 9P2000 clients look for where there is one, else plain English. */
static const struct {
	int err;
	const char *text;
} error_texts[] = {
	{EPERM, "permission denied"},
	{ENOENT, "file does not exist"},
	{EINTR, "interrupted"},
	{EIO, "i/o error"},
	{E2BIG, "argument list too long"},
	{EBADF, "bad use of fid"},
	{EAGAIN, "resource temporarily unavailable"},
	{ENOMEM, "out of memory"},
	{EACCES, "access denied"},
	{EFAULT, "bad address"},
	{EBUSY, "file in use"},
	{EEXIST, "file already exists"},
	{EXDEV, "not on the same file system"},
	{ENODEV, "no such device"},
	{ENOTDIR, "not a directory"},
	{EISDIR, "file is a directory"},
	{EINVAL, "bad argument"},
	{ENFILE, "too many sessions"},
	{EMFILE, "too many fids"},
	{ENOTTY, "inappropriate control request"},
	{EFBIG, "file too large"},
	{ENOSPC, "file system full"},
	{ESPIPE, "cannot seek"},
	{EROFS, "file system is read only"},
	{EPIPE, "hungup channel"},
	{ENAMETOOLONG, "name too long"},
	{ENOTEMPTY, "directory not empty"},
	{ELOOP, "too many symbolic links"},
	{EBADMSG, "malformed message"},
	{EOPNOTSUPP, "operation not supported"},
	{EMSGSIZE, "message too long"},
	{ETIMEDOUT, "timed out"},
	{ESTALE, "stale file"},
	{ERESTART, "server restarted"},
	{EUCLEAN, "file system damaged"},
};

const char *p9_error_text(int err)
{
	for (size_t i = 0; i < sizeof(error_texts) / sizeof(error_texts[0]); i++)
		if (error_texts[i].err == err)
			return error_texts[i].text;
	return "unknown error";
}

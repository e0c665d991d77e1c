/* SPDX-License-Identifier: ISC */
/*
 * client.c: a namespace, and what is done in it by path.
 *
 * Opening and stat are one lookup. What changes a directory is a lookup of the directory, one
 * message, a clunk. Nothing that changes anything is sent twice, save an open with P9_O_CREAT
 * without P9_O_EXCL, which comes to the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p/client_private.h"

int p9_client_init(struct p9_client *c, struct p9_link *root)
{
	memset(c, 0, sizeof(*c));
	c->root = p9_conn_new(root, "", 0);
	if (!c->root)
		return -ENOMEM;
	c->cwd = strdup("/");
	if (c->cwd)
		return 0;
	p9_conn_put(c, c->root);
	return -ENOMEM;
}

void p9_client_fini(struct p9_client *c)
{
	p9_client_forget_mounts(c);
	p9_conn_put(c, c->root);
	free(c->cwd);
	free(c->spare);
}

/* ---- lookups that end in a file ------------------------------------------------------------ */

static int file_find(struct p9_client *c, const char *path, uint32_t flags, uint32_t oflags,
		     struct p9_lookup *l, struct p9_file **out)
{
	int err = p9_lookup_run(l, c, path, flags, oflags);

	if (err)
		return err;
	err = p9_file_new(c, l->conn, l->fid, l->generation, l->cur, l->end, out);
	if (err)
		return err;
	(*out)->qid = l->attr.qid;
	(*out)->open = flags & P9_RESOLVE_OPEN;
	(*out)->oflags = oflags & ~(P9_O_CREAT | P9_O_EXCL | P9_O_TRUNC);
	return 0;
}

int p9_client_walk(struct p9_client *c, const char *path, bool nofollow, struct p9_file **out)
{
	struct p9_lookup l;

	return file_find(c, path, nofollow ? P9_RESOLVE_NOFOLLOW : 0, 0, &l, out);
}

/* The directory of path's last name. */
static int parent_find(struct p9_client *c, const char *path, struct p9_str *name,
		       struct p9_file **dir)
{
	char buf[P9_FULL_MAX];
	uint32_t len;
	int err = p9_path_split(path, &len, name);

	if (err)
		return err;
	if (len >= sizeof(buf))
		return -ENAMETOOLONG;
	memcpy(buf, len ? path : ".", len ? len : 1);
	buf[len ? len : 1] = '\0';
	return p9_client_walk(c, buf, false, dir);
}

/* ---- open ---------------------------------------------------------------------------------- */

/* dir's fid becomes the new file, and dir itself goes; on failure dir stays the caller's. */
static int file_create(struct p9_file *dir, struct p9_str name, uint32_t flags, uint32_t mode,
		       struct p9_file **out)
{
	struct p9_tmsg t = {.type = P9_TLCREATE};
	uint32_t len = dir->path_len, room;
	struct p9_rpc rpc = {0};
	struct p9_file *f;
	struct p9_rmsg r;
	int err;

	if (len + 1 + name.len >= P9_FULL_MAX)
		return -ENAMETOOLONG;
	t.lcreate.name = name;
	t.lcreate.flags = flags;
	t.lcreate.mode = mode;
	t.lcreate.gid = P9_NOUNAME;
	f = p9_file_alloc(dir->client, len + 1 + name.len);
	if (!f)
		return -ENOMEM;
	err = p9_file_call(dir, NULL, NULL, &t, &r, &rpc, false);
	if (err) {
		p9_file_dealloc(dir->client, f);
		return err;
	}
	room = f->path_room;
	*f = *dir;
	f->path_room = room;
	memcpy(f->path, dir->path, len);
	f->path[len] = '/';
	memcpy(f->path + len + 1, name.ptr, name.len);
	f->path_len = len + 1 + name.len;
	f->path[f->path_len] = '\0';
	f->qid = r.open.qid;
	f->open = true;
	f->oflags = flags & ~(P9_O_CREAT | P9_O_EXCL | P9_O_TRUNC);
	p9_file_dealloc(f->client, dir);
	*out = f;
	return 0;
}

static int create_in(struct p9_client *c, const char *path, uint32_t flags, uint32_t mode,
		     struct p9_file **out)
{
	struct p9_file *dir;
	struct p9_str name;
	int err = parent_find(c, path, &name, &dir);

	if (err)
		return err;
	err = file_create(dir, name, flags, mode, out);
	if (err)
		p9_client_close(dir);
	return err;
}

/* Open what is there, else make it where the last link led. */
static int open_or_create(struct p9_client *c, const char *path, uint32_t flags, uint32_t mode,
			  struct p9_file **out)
{
	uint32_t oflags = flags & ~(P9_O_CREAT | P9_O_EXCL);
	struct p9_lookup l;
	int err = file_find(c, path, P9_RESOLVE_OPEN, oflags, &l, out);

	if (err != -ENOENT || l.want_dir || !l.end)
		return err;
	l.cur[l.end] = '\0';
	return create_in(c, l.cur, flags, mode, out);
}

int p9_client_open(struct p9_client *c, const char *path, uint32_t flags, uint32_t mode,
		   struct p9_file **out)
{
	uint32_t resolve = P9_RESOLVE_OPEN | (flags & P9_O_NOFOLLOW ? P9_RESOLVE_NOFOLLOW : 0);
	struct p9_lookup l;
	int err;

	if ((flags & P9_O_ACCMODE) == P9_O_ACCMODE)
		return -EINVAL;
	if (!(flags & P9_O_CREAT))
		return file_find(c, path, resolve, flags, &l, out);
	if (flags & P9_O_EXCL)
		return create_in(c, path, flags, mode, out);
	err = open_or_create(c, path, flags, mode, out);
	if (err == -EEXIST || err == -ERESTART) /* made meanwhile, perhaps by ourselves */
		err = open_or_create(c, path, flags, mode, out);
	return err;
}

/* ---- questions ----------------------------------------------------------------------------- */

static int stat_run(struct p9_lookup *l, struct p9_client *c, const char *path, bool nofollow)
{
	uint32_t flags = P9_RESOLVE_STAT | (nofollow ? P9_RESOLVE_NOFOLLOW : 0);
	int err = p9_lookup_run(l, c, path, flags, 0);

	if (!err)
		p9_conn_put(c, l->conn);
	return err;
}

int p9_client_stat(struct p9_client *c, const char *path, bool nofollow, struct p9_attr *attr)
{
	struct p9_lookup l;
	int err = stat_run(&l, c, path, nofollow);

	if (!err)
		*attr = l.attr;
	return err;
}

int p9_client_realpath(struct p9_client *c, const char *path, char *buf)
{
	struct p9_lookup l;
	int err = stat_run(&l, c, path, false);

	if (err)
		return err;
	memcpy(buf, l.end ? l.cur : "/", l.end ? l.end : 1);
	buf[l.end ? l.end : 1] = '\0';
	return 0;
}

int p9_client_chdir(struct p9_client *c, const char *path)
{
	struct p9_lookup l;
	char *cwd, *old;
	int err = stat_run(&l, c, path, false);

	if (err)
		return err;
	if (!(l.attr.qid.type & P9_QTDIR))
		return -ENOTDIR;
	l.cur[l.end] = '\0';
	cwd = strdup(l.end ? l.cur : "/");
	if (!cwd)
		return -ENOMEM;
	p9_client_lock(c);
	old = c->cwd;
	c->cwd = cwd;
	p9_client_unlock(c);
	free(old);
	return 0;
}

int p9_client_readlink(struct p9_client *c, const char *path, char *buf, uint32_t size)
{
	struct p9_tmsg t = {.type = P9_TREADLINK};
	struct p9_rpc rpc = {0};
	struct p9_file *f;
	struct p9_rmsg r;
	int err = p9_client_walk(c, path, true, &f);

	if (err)
		return err;
	err = p9_file_call(f, NULL, NULL, &t, &r, &rpc, true);
	if (!err) {
		err = (int)(r.target.len < size ? r.target.len : size);
		memcpy(buf, r.target.ptr, (size_t)err);
	}
	p9_client_close(f);
	return err;
}

int p9_client_statfs(struct p9_client *c, const char *path, struct p9_statfs *st)
{
	struct p9_tmsg t = {.type = P9_TSTATFS};
	struct p9_rpc rpc = {0};
	struct p9_file *f;
	struct p9_rmsg r;
	int err = p9_client_walk(c, path, false, &f);

	if (err)
		return err;
	err = p9_file_call(f, NULL, NULL, &t, &r, &rpc, true);
	if (!err)
		*st = r.statfs;
	p9_client_close(f);
	return err;
}

/* ---- changes ------------------------------------------------------------------------------- */

int p9_client_setattr(struct p9_client *c, const char *path, const struct p9_setattr *set)
{
	struct p9_file *f;
	int err = p9_client_walk(c, path, false, &f);

	if (err)
		return err;
	err = p9_client_fsetattr(f, set);
	p9_client_close(f);
	return err;
}

/* One message about a name in a directory; *name in t is filled in. */
static int name_change(struct p9_client *c, const char *path, struct p9_tmsg *t,
		       struct p9_str *name)
{
	struct p9_rpc rpc = {0};
	struct p9_file *dir;
	struct p9_rmsg r;
	int err = parent_find(c, path, name, &dir);

	if (err)
		return err;
	err = p9_file_call(dir, NULL, NULL, t, &r, &rpc, false);
	p9_client_close(dir);
	return err;
}

int p9_client_mkdir(struct p9_client *c, const char *path, uint32_t mode)
{
	struct p9_tmsg t = {.type = P9_TMKDIR};

	t.mkdir.mode = mode;
	t.mkdir.gid = P9_NOUNAME;
	return name_change(c, path, &t, &t.mkdir.name);
}

int p9_client_symlink(struct p9_client *c, const char *target, const char *path)
{
	struct p9_tmsg t = {.type = P9_TSYMLINK};

	t.symlink.target = p9_str_from(target);
	t.symlink.gid = P9_NOUNAME;
	return name_change(c, path, &t, &t.symlink.name);
}

int p9_client_mknod(struct p9_client *c, const char *path, uint32_t mode, uint32_t major,
		    uint32_t minor)
{
	struct p9_tmsg t = {.type = P9_TMKNOD};

	t.mknod.mode = mode;
	t.mknod.major = major;
	t.mknod.minor = minor;
	t.mknod.gid = P9_NOUNAME;
	return name_change(c, path, &t, &t.mknod.name);
}

/* For servers without Tunlinkat. */
static int remove_by_fid(struct p9_client *c, const char *path, uint32_t flags)
{
	bool dir;
	struct p9_file *f;
	int err = p9_client_walk(c, path, true, &f);

	if (err)
		return err;
	dir = f->qid.type & P9_QTDIR;
	if (dir == !!(flags & P9_AT_REMOVEDIR))
		return p9_client_remove(f);
	p9_client_close(f);
	return dir ? -EISDIR : -ENOTDIR;
}

int p9_client_unlink(struct p9_client *c, const char *path, uint32_t flags)
{
	struct p9_tmsg t = {.type = P9_TUNLINKAT};
	int err;

	t.unlinkat.flags = flags;
	err = name_change(c, path, &t, &t.unlinkat.name);
	return err == -EOPNOTSUPP ? remove_by_fid(c, path, flags) : err;
}

int p9_client_link(struct p9_client *c, const char *oldpath, const char *newpath)
{
	struct p9_tmsg t = {.type = P9_TLINK};
	struct p9_rpc rpc = {0};
	struct p9_file *dir, *f;
	struct p9_rmsg r;
	int err = p9_client_walk(c, oldpath, true, &f);

	if (err)
		return err;
	err = parent_find(c, newpath, &t.link.name, &dir);
	if (err)
		goto out_file;
	err = dir->conn != f->conn ? -EXDEV
				   : p9_file_call(dir, f, &t.link.target, &t, &r, &rpc, false);
	p9_client_close(dir);
out_file:
	p9_client_close(f);
	return err;
}

/* For servers without Trenameat. */
static int rename_by_fid(struct p9_client *c, const char *oldpath, struct p9_file *to,
			 struct p9_str name)
{
	struct p9_tmsg t = {.type = P9_TRENAME};
	struct p9_rpc rpc = {0};
	struct p9_file *f;
	struct p9_rmsg r;
	int err = p9_client_walk(c, oldpath, true, &f);

	if (err)
		return err;
	t.rename.name = name;
	err = f->conn != to->conn ? -EXDEV
				  : p9_file_call(f, to, &t.rename.dfid, &t, &r, &rpc, false);
	p9_client_close(f);
	return err;
}

int p9_client_rename(struct p9_client *c, const char *oldpath, const char *newpath)
{
	struct p9_tmsg t = {.type = P9_TRENAMEAT};
	struct p9_rpc rpc = {0};
	struct p9_file *from, *to;
	struct p9_rmsg r;
	int err = parent_find(c, oldpath, &t.renameat.oldname, &from);

	if (err)
		return err;
	err = parent_find(c, newpath, &t.renameat.newname, &to);
	if (err)
		goto out_from;
	err = from->conn != to->conn
		      ? -EXDEV
		      : p9_file_call(from, to, &t.renameat.newdir, &t, &r, &rpc, false);
	if (err == -EOPNOTSUPP)
		err = rename_by_fid(c, oldpath, to, t.renameat.newname);
	p9_client_close(to);
out_from:
	p9_client_close(from);
	return err;
}

/* ---- whole files --------------------------------------------------------------------------- */

int64_t p9_client_load(struct p9_client *c, const char *path, void *buf, uint32_t size)
{
	uint32_t len = 0;
	struct p9_file *f;
	uint8_t more;
	int64_t n;
	int err = p9_client_open(c, path, P9_O_RDONLY, 0, &f);

	if (err)
		return err;
	do {
		n = len < size ? p9_client_read(f, (uint8_t *)buf + len, size - len)
			       : p9_client_read(f, &more, 1);
		if (n > 0 && len == size)
			n = -EFBIG;
		len += n > 0 ? (uint32_t)n : 0;
	} while (n > 0);
	p9_client_close(f);
	return n ? n : (int64_t)len;
}

int p9_client_command(struct p9_client *c, const char *path, const char *text)
{
	size_t len = strlen(text);
	struct p9_file *f;
	int64_t n = 0;
	int err = p9_client_open(c, path, P9_O_WRONLY, 0, &f);

	if (err)
		return err;
	while (len && n >= 0) {
		n = p9_client_write(f, text, len);
		if (!n)
			n = -EIO;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	p9_client_close(f);
	return n < 0 ? (int)n : 0;
}

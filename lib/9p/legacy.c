/* SPDX-License-Identifier: ISC */
/*
 * legacy.c: plain 9P2000 over the same ops: open modes, stat and wstat, create.
 *
 * A 9P2000 stat carries the file's name, so fids of such sessions remember the names that they
 * were walked by (fid->path). Users are shown as decimal numbers. Not here: removal on close
 * (ORCLOSE is refused), changing the owner. A wstat that renames and changes attributes does the
 * attributes first; if the rename fails they stay changed.
 *
 * Spec: Plan 9 manual, open(5), stat(5).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "9p/engine.h"
#include "9p/legacy.h"

#define PATH_MAX_2000 4096u

/* ---- names ------------------------------------------------------------------------------- */

static uint32_t path_pop(const char *path, uint32_t len)
{
	while (len && path[len - 1] != '/')
		len--;
	return len ? len - 1 : 0;
}

int p9_path_extend(struct p9_fid *fid, const struct p9_fid *from, const struct p9_str *names,
		   unsigned count)
{
	char buf[PATH_MAX_2000];
	uint32_t len = from && from->path ? (uint32_t)strlen(from->path) : 0;

	if (len)
		memcpy(buf, from->path, len);
	for (unsigned i = 0; i < count; i++) {
		if (p9_str_equal(names[i], "..")) {
			len = path_pop(buf, len);
			continue;
		}
		if (names[i].len + 2 > sizeof(buf) - len)
			return -ENAMETOOLONG;
		buf[len++] = '/';
		memcpy(buf + len, names[i].ptr, names[i].len);
		len += names[i].len;
	}
	if (p9_fid_charge(fid, len + 1))
		return -ENOMEM;
	fid->path = malloc(len + 1);
	if (!fid->path) {
		p9_fid_uncharge(fid, len + 1);
		return -ENOMEM;
	}
	memcpy(fid->path, buf, len);
	fid->path[len] = '\0';
	return 0;
}

/* The fid has another path now. */
static void path_drop(struct p9_fid *fid, char *path)
{
	if (path)
		p9_fid_uncharge(fid, (uint32_t)strlen(path) + 1);
	free(path);
}

static struct p9_str fid_name(const struct p9_fid *fid)
{
	const char *slash = fid->path ? strrchr(fid->path, '/') : NULL;

	return p9_str_from(slash ? slash + 1 : "/");
}

/* ---- open and create --------------------------------------------------------------------- */

int p9_mode_to_oflags(uint8_t mode, uint32_t *oflags)
{
	static const uint32_t access[] = {P9_O_RDONLY, P9_O_WRONLY, P9_O_RDWR, P9_O_RDONLY};

	if (mode & ~(P9_OEXEC | P9_OTRUNC))
		return mode & P9_ORCLOSE ? -EOPNOTSUPP : -EINVAL;
	*oflags = access[mode & P9_OEXEC] | (mode & P9_OTRUNC ? P9_O_TRUNC : 0);
	return 0;
}

static int open_done(struct p9_request *req, int status)
{
	uint32_t oflags = 0;

	if (status)
		return status;
	status = p9_mode_to_oflags(req->t.type == P9_TOPEN ? req->t.open.mode : req->t.create.mode,
				   &oflags);
	if (status)
		return status;
	p9_open_mark(req->fid, oflags);
	req->r.open.qid = req->fid->qid;
	req->r.open.iounit = 0;
	p9_qid_show(req, &req->r.open.qid);
	return 0;
}

int p9_run_open2000(struct p9_request *req)
{
	uint32_t oflags;
	int err = p9_mode_to_oflags(req->t.open.mode, &oflags);

	if (!err)
		err = p9_open_permit(req, oflags);
	if (!err)
		err = p9_open_check(req, req->fid, oflags);
	return err ? err : p9_open_start(req, req->fid, oflags, open_done);
}

/* The fid has another name now. Without memory it keeps the old one, which only a stat shows. */
static void path_change(struct p9_fid *fid, const struct p9_str *names, unsigned count)
{
	struct p9_fid was = *fid;

	if (p9_path_extend(fid, &was, names, count))
		fid->path = was.path;
	else
		path_drop(fid, was.path);
}

/* The file is there and open. */
static int create_done(struct p9_request *req, int status)
{
	if (!status)
		path_change(req->fid, &req->t.create.name, 1);
	return open_done(req, status);
}

/* The new directory has been opened on req->walk: the fid becomes it. */
static int mkdir_opened(struct p9_request *req, int status)
{
	if (!status) {
		char *path = req->fid->path;

		p9_fid_swap(req->fid, req->walk);
		req->walk->path = NULL; /* the old name is the parent of the new one */
		req->fid->path = path;
	}
	return create_done(req, status);
}

static int mkdir_walked(struct p9_request *req, int status)
{
	if (status)
		return create_done(req, status);
	return p9_open_start(req, req->walk, P9_O_RDONLY, mkdir_opened);
}

static int mkdir_made(struct p9_request *req, int status)
{
	int err;

	if (status)
		return create_done(req, status);
	err = p9_walk_begin(req, req->t.fid);
	if (err)
		return create_done(req, err);
	return p9_op_then(req, p9_walk_step(req, req->t.create.name), mkdir_walked);
}

static int create_dir(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;

	if (req->t.create.mode != P9_OREAD && req->t.create.mode != P9_OEXEC)
		return -EISDIR;
	if (!ops->mkdir)
		return p9_op_absent(req);
	p9_fid_occupy(req);
	return p9_op_then(req,
			  ops->mkdir(req, req->fid, req->t.create.name, req->t.create.perm & 0777,
				     P9_NOUNAME, &req->r.qid.qid),
			  mkdir_made);
}

static int create_check(struct p9_request *req, uint32_t *oflags)
{
	const struct p9_fid *fid = req->fid;
	int err = p9_mode_to_oflags(req->t.create.mode, oflags);

	if (!err)
		err = p9_open_permit(req, *oflags);
	if (!err)
		err = p9_name_check(req->t.create.name);
	if (err)
		return err;
	if (fid->open || fid->root)
		return -EINVAL;
	if (fid->busy)
		return -EBUSY;
	if (!(fid->qid.type & P9_QTDIR))
		return -ENOTDIR;
	if (fid->path && strlen(fid->path) + req->t.create.name.len + 2 > PATH_MAX_2000)
		return -ENAMETOOLONG;
	return req->t.create.perm & ~(P9_DMDIR | 0777u) ? -EOPNOTSUPP : 0;
}

int p9_run_create2000(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	uint32_t oflags;
	int err = create_check(req, &oflags);

	if (err)
		return err;
	if (req->t.create.perm & P9_DMDIR)
		return create_dir(req);
	if (!ops->create)
		return p9_op_absent(req);
	p9_fid_occupy(req);
	return p9_op_then(req,
			  ops->create(req, req->fid, req->t.create.name,
				      oflags | P9_O_CREAT | P9_O_EXCL, req->t.create.perm & 0777,
				      P9_NOUNAME),
			  create_done);
}

/* ---- stat -------------------------------------------------------------------------------- */

void p9_stat_from_attr(struct p9_stat *st, const struct p9_attr *attr, struct p9_str name,
		       char *users, size_t size)
{
	bool dir = attr->qid.type & P9_QTDIR;

	*st = (struct p9_stat){.qid = attr->qid, .name = name};
	st->mode = attr->mode & 0777;
	st->mode |= dir ? P9_DMDIR : 0;
	st->mode |= attr->qid.type & P9_QTAPPEND ? P9_DMAPPEND : 0;
	st->atime = (uint32_t)attr->atime_sec;
	st->mtime = (uint32_t)attr->mtime_sec;
	st->length = dir ? 0 : attr->size;
	snprintf(users, size, "%u", attr->uid);
	st->uid = st->muid = p9_str_from(users);
	users += st->uid.len + 1;
	snprintf(users, size - st->uid.len - 1, "%u", attr->gid);
	st->gid = p9_str_from(users);
}

/* The attributes lie where the stat will: the union's largest member is used with care. */
static int stat_done(struct p9_request *req, int status)
{
	struct p9_attr attr = req->r.getattr;
	char *users;

	if (status)
		return status;
	users = p9_request_buffer(req, P9_USERS_SIZE);
	if (!users)
		return -ENOMEM;
	p9_stat_from_attr(&req->r.stat, &attr, fid_name(req->fid), users, P9_USERS_SIZE);
	return 0;
}

int p9_run_stat2000(struct p9_request *req)
{
	return p9_op_then(req, p9_getattr_start(req, req->fid, P9_GETATTR_BASIC, &req->r.getattr),
			  stat_done);
}

/* ---- wstat ------------------------------------------------------------------------------- */

static int wstat_renamed(struct p9_request *req, int status)
{
	const struct p9_str names[2] = {p9_str_from(".."), req->t.wstat.name};

	if (!status)
		path_change(req->fid, names, 2);
	return status;
}

static int wstat_parent(struct p9_request *req, int status)
{
	const struct p9_ops *ops = req->session->server->ops;

	if (status)
		return status;
	return p9_op_then(req, ops->rename(req, req->fid, req->walk, req->t.wstat.name),
			  wstat_renamed);
}

static int wstat_rename(struct p9_request *req, int status)
{
	const struct p9_str name = req->t.wstat.name, old = fid_name(req->fid);
	int err;

	if (status || !name.len || (name.len == old.len && !memcmp(name.ptr, old.ptr, name.len)))
		return status;
	err = p9_name_check(name);
	if (!err)
		err = p9_rights_check(req, RIGHT_WRITE, PLEDGE_CPATH);
	if (err)
		return err;
	if (req->fid->qid.path == req->fid->top)
		return -EBUSY;
	if (!req->session->server->ops->rename)
		return p9_op_absent(req);
	req->walk = p9_fid_clone(req->fid, &req->from, true, &err);
	if (!req->walk)
		return err;
	return p9_op_then(req, req->session->server->ops->walk1(req, req->walk, p9_str_from("..")),
			  wstat_parent);
}

/* Decimal, as stat shows it. */
static int user_parse(struct p9_str text, uint32_t *out)
{
	uint64_t value = 0;

	if (text.len > 10)
		return -EINVAL;
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(text.ptr[i] - '0');
	}
	*out = (uint32_t)value;
	return value > UINT32_MAX ? -EINVAL : 0;
}

/* What a wstat changes, apart from the name. All ones and the empty string: leave alone. */
static int wstat_translate(const struct p9_request *req, struct p9_setattr *set)
{
	const struct p9_stat *st = &req->t.wstat;

	*set = (struct p9_setattr){0};
	if (st->mode != UINT32_MAX) {
		if (!(st->mode & P9_DMDIR) != !(req->fid->qid.type & P9_QTDIR) ||
		    st->mode & ~(P9_DMDIR | 0777u))
			return -EINVAL;
		set->valid |= P9_SETATTR_MODE;
		set->mode = st->mode & 0777;
	}
	if (st->length != UINT64_MAX) {
		set->valid |= P9_SETATTR_SIZE;
		set->size = st->length;
	}
	if (st->mtime != UINT32_MAX) {
		set->valid |= P9_SETATTR_MTIME | P9_SETATTR_MTIME_SET;
		set->mtime_sec = st->mtime;
	}
	if (st->uid.len || st->muid.len)
		return -EPERM;
	if (!st->gid.len)
		return 0;
	set->valid |= P9_SETATTR_GID;
	return user_parse(st->gid, &set->gid);
}

int p9_run_wstat2000(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	struct p9_setattr *set = &req->set;
	int err = wstat_translate(req, set);

	if (err)
		return err;
	if (!set->valid && !req->t.wstat.name.len)
		return ops->fsync ? p9_op_status(req, ops->fsync(req, req->fid, false)) : 0;
	if (!set->valid)
		return wstat_rename(req, 0);
	err = p9_rights_check(req, 0, PLEDGE_WPATH);
	if (err)
		return err;
	if (set->valid & P9_SETATTR_SIZE && req->fid->qid.type & P9_QTDIR)
		return -EISDIR;
	if (!ops->setattr)
		return p9_op_absent(req);
	return p9_op_then(req, ops->setattr(req, req->fid, set), wstat_rename);
}

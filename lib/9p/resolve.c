/* SPDX-License-Identifier: ISC */
/*
 * resolve.c: Tresolve: a whole path, and if asked for the open and the attributes, in one message.
 *
 * Stops with an answer of its own kind at a symbolic link and at a mount point; the client goes on
 * from there. Like a walk it makes a fid only on full success.
 *
 * Invariant: what the caller may do with the file (open modes, attributes) is checked by the same
 * functions as Tlopen and Tgetattr use. Spec: docs/extensions.md.
 */
#include <errno.h>
#include <string.h>
#include "9p/engine.h"

static int resolve_resumed(struct p9_request *req, int status);

static bool path_ends(struct p9_str path, uint32_t at)
{
	return at == path.len;
}

static int resolve_done(struct p9_request *req, int status)
{
	if (status)
		return status;
	req->r.resolve.kind = P9_RESOLVE_DONE;
	req->r.resolve.consumed = req->t.resolve.path.len;
	req->r.resolve.target.len = 0;
	if (req->t.resolve.flags & P9_RESOLVE_STAT)
		return 0;
	return p9_walk_commit(req, req->t.resolve.newfid);
}

/* Attributes, if the caller may have them. */
static int resolve_attributes(struct p9_request *req)
{
	struct p9_attr *attr = &req->r.resolve.attr;

	if (p9_request_rights(req) & RIGHT_STAT)
		return p9_op_then(req, p9_getattr_start(req, req->walk, P9_GETATTR_BASIC, attr),
				  resolve_done);
	*attr = (struct p9_attr){.qid = req->walk->qid};
	return resolve_done(req, 0);
}

static int resolve_opened(struct p9_request *req, int status)
{
	if (status)
		return status;
	p9_open_mark(req->walk, req->t.resolve.oflags);
	return resolve_attributes(req);
}

static int resolve_arrived(struct p9_request *req)
{
	struct p9_str path = req->t.resolve.path;
	int err;

	if (path.len && path.ptr[path.len - 1] == '/' && !(req->walk->qid.type & P9_QTDIR))
		return -ENOTDIR;
	if (!(req->t.resolve.flags & P9_RESOLVE_OPEN))
		return resolve_attributes(req);
	err = p9_open_check(req, req->walk, req->t.resolve.oflags);
	if (err)
		return err;
	return p9_open_start(req, req->walk, req->t.resolve.oflags, resolve_opened);
}

/* The way ends at a link or mount point: say which and where. */
static int resolve_stopped(struct p9_request *req, int status)
{
	if (status)
		return status;
	if (req->r.resolve.kind == P9_RESOLVE_SYMLINK && req->r.resolve.target.len > P9_PATH_MAX)
		return -ENAMETOOLONG;
	req->r.resolve.consumed = req->at;
	req->r.resolve.attr = (struct p9_attr){.qid = req->walk->qid};
	return 0;
}

/* One more name is behind us. P9_KEEP or an error, or *end: the answer is ready. */
static int resolve_look(struct p9_request *req, bool *end)
{
	const struct p9_ops *ops = req->session->server->ops;
	uint8_t type = req->walk->qid.type;
	bool last = path_ends(req->t.resolve.path, req->at);

	*end = true;
	req->r.resolve.target.len = 0;
	if (type & P9_QTMOUNT && ops->mount) {
		req->r.resolve.kind = P9_RESOLVE_MOUNT;
		return p9_op_then(req, ops->mount(req, req->walk, &req->handle), resolve_stopped);
	}
	if (type & P9_QTSYMLINK && !(last && req->t.resolve.flags & P9_RESOLVE_NOFOLLOW)) {
		if (!ops->readlink)
			return -EOPNOTSUPP;
		req->r.resolve.kind = P9_RESOLVE_SYMLINK;
		return p9_op_then(req, ops->readlink(req, req->walk, &req->r.resolve.target),
				  resolve_stopped);
	}
	*end = false;
	return 0;
}

static int resolve_on(struct p9_request *req)
{
	struct p9_str name;
	bool end;
	int r;

	while ((r = p9_path_next(req->t.resolve.path, &req->at, &name)) > 0) {
		if (req->index++ >= req->session->server->limits.depth)
			return -ENAMETOOLONG;
		r = p9_walk_step(req, name);
		if (r == P9_KEEP)
			req->next_step = resolve_resumed;
		if (r)
			return r;
		r = resolve_look(req, &end);
		if (r || end)
			return r;
	}
	return r ? r : resolve_arrived(req);
}

static int resolve_resumed(struct p9_request *req, int status)
{
	bool end;
	int r = p9_walk_resume(req, status);

	if (r)
		return r;
	r = resolve_look(req, &end);
	return r || end ? r : resolve_on(req);
}

/* Rights are judged before the first step, so that a refusal says nothing about the path. */
static int resolve_permit(struct p9_request *req)
{
	uint32_t flags = req->t.resolve.flags;
	int err;

	if (flags & P9_RESOLVE_OPEN) {
		err = p9_open_permit(req, req->t.resolve.oflags);
		if (err)
			return err;
	}
	if (flags & P9_RESOLVE_STAT)
		return p9_rights_check(req, RIGHT_STAT, PLEDGE_RPATH);
	return p9_newfid_check(req, req->t.resolve.newfid);
}

int p9_run_resolve(struct p9_request *req)
{
	uint32_t flags = req->t.resolve.flags;
	int err;

	if (flags & ~P9_RESOLVE_FLAGS || (flags & P9_RESOLVE_OPEN && flags & P9_RESOLVE_STAT) ||
	    (flags & P9_RESOLVE_STAT && req->t.resolve.newfid != P9_NOFID))
		return -EINVAL;
	if (req->t.resolve.path.len > P9_PATH_MAX)
		return -ENAMETOOLONG;
	err = resolve_permit(req);
	if (err)
		return err;
	err = p9_walk_begin(req, req->t.resolve.newfid);
	return err ? err : resolve_on(req);
}

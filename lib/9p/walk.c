/* SPDX-License-Identifier: ISC */
/*
 * walk.c: from fid to fid: one step, Twalk, Tattach to a path. (Tresolve is in resolve.c.)
 *
 * A walk goes on a fid of its own, req->walk, that is in no table: it enters the table only when
 * the whole walk has succeeded, so a walk that fails has changed nothing. A walk of a fid onto
 * itself replaces it by that one.
 *
 * ".." never passes the root that the fid came from (fid->top). At the root itself it stays there.
 * Below a root that is not the server's, the way up is climbed to see that the root is still
 * above: a directory may have been moved out meanwhile. A caller in capability mode can go up only
 * as far as the same message went down.
 *
 * Spec: walk(5), attach(5).
 */
#include <errno.h>
#include <string.h>
#include "9p/engine.h"

#define CLIMB_MAX 256u

/* Where has ".." led? Goes on until the root is met. */
static int climb_on(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	struct p9_fid *climb = req->climb;
	int r;

	while (climb->qid.path != req->walk->top) {
		if (climb->qid.path == req->climb_from || climb->num++ >= CLIMB_MAX)
			return -EACCES; /* the server's root, or a circle */
		req->climb_from = climb->qid.path;
		r = p9_op_status(req, ops->walk1(req, climb, p9_str_from("..")));
		if (r)
			return r;
	}
	p9_fid_put(climb);
	req->climb = NULL;
	return 0;
}

static int step_end(struct p9_request *req)
{
	int err;

	if (!req->up || !req->walk->narrowed || req->walk->qid.path == req->walk->top)
		return 0;
	req->climb = p9_fid_clone(req->walk, &req->from, true, &err);
	if (!req->climb)
		return err;
	req->climb->num = 0; /* counts the levels */
	req->climb_from = req->walk->qid.path + 1;
	return climb_on(req);
}

int p9_walk_step(struct p9_request *req, struct p9_str name)
{
	const struct p9_ops *ops = req->session->server->ops;
	int r;

	if (!(req->walk->qid.type & P9_QTDIR))
		return -ENOTDIR;
	req->up = name.len == 2 && name.ptr[0] == '.' && name.ptr[1] == '.';
	if (req->up) {
		if (!req->level && req->from.flags & IDENTITY_CAPABILITY)
			return -EPERM;
		req->level -= req->level ? 1 : 0;
		if (req->walk->qid.path == req->walk->top)
			return 0;
	} else {
		req->level++;
	}
	r = p9_op_status(req, ops->walk1(req, req->walk, name));
	return r ? r : step_end(req);
}

int p9_walk_resume(struct p9_request *req, int status)
{
	if (status)
		return status;
	return req->climb ? climb_on(req) : step_end(req);
}

/* May newfid be made from req->fid? */
int p9_newfid_check(struct p9_request *req, uint32_t newfid)
{
	if (newfid == P9_NOFID)
		return -EINVAL;
	if (newfid != req->t.fid)
		return p9_fid_find(req->session, newfid) ? -EINVAL : 0;
	return req->fid->root || req->fid->open || req->fid->busy ? -EINVAL : 0;
}

int p9_walk_begin(struct p9_request *req, uint32_t newfid)
{
	int err = 0;

	req->walk = p9_fid_clone(req->fid, &req->from, newfid == req->t.fid, &err);
	req->at = req->index = req->level = 0;
	return err;
}

int p9_walk_commit(struct p9_request *req, uint32_t newfid)
{
	struct p9_fid *old;

	if (req->abandoned)
		return -EINTR; /* and release drops the fid */
	old = p9_fid_find(req->session, newfid);
	if (old && (old != req->fid || old->open || old->busy))
		return -EINVAL; /* taken while the request was kept */
	if (old)
		p9_fid_remove(old);
	p9_fid_insert(req->walk, newfid);
	req->walk = NULL;
	return 0;
}

/* ---- Twalk ------------------------------------------------------------------------------- */

static int walk_resumed(struct p9_request *req, int status);

static int walk_end(struct p9_request *req)
{
	int err;

	req->r.walk.count = (uint16_t)req->index;
	if (req->index < req->t.walk.count)
		return 0; /* a part of the way: no fid */
	if (req->session->dialect == P9_DIALECT_2000) {
		err = p9_path_extend(req->walk, req->fid, req->t.walk.names, req->t.walk.count);
		if (err)
			return err;
	}
	return p9_walk_commit(req, req->t.walk.newfid);
}

static int walk_arrived(struct p9_request *req, int status)
{
	if (status)
		return req->index ? walk_end(req) : status;
	req->r.walk.qids[req->index] = req->walk->qid;
	p9_qid_show(req, &req->r.walk.qids[req->index]);
	req->index++;
	return 0;
}

static int walk_on(struct p9_request *req)
{
	int r;

	while (req->index < req->t.walk.count) {
		struct p9_str name = req->t.walk.names[req->index];

		r = p9_str_equal(name, "..") ? 0 : p9_name_check(name);
		if (!r)
			r = p9_walk_step(req, name);
		if (r == P9_KEEP) {
			req->next_step = walk_resumed;
			return r;
		}
		if (r)
			return walk_arrived(req, r);
		(void)walk_arrived(req, 0);
	}
	return walk_end(req);
}

static int walk_resumed(struct p9_request *req, int status)
{
	int r = p9_walk_resume(req, status);

	if (r == P9_KEEP)
		return r;
	if (r)
		return walk_arrived(req, r);
	(void)walk_arrived(req, 0);
	return walk_on(req);
}

int p9_run_walk(struct p9_request *req)
{
	uint32_t newfid = req->t.walk.newfid;
	int err;

	if (req->session->dialect == P9_DIALECT_2000 && req->fid->open)
		return -EINVAL;
	if (newfid == req->t.fid && !req->t.walk.count) {
		req->r.walk.count = 0;
		return 0;
	}
	err = p9_newfid_check(req, newfid);
	if (err)
		return err;
	err = p9_walk_begin(req, newfid);
	return err ? err : walk_on(req);
}

/* ---- paths ------------------------------------------------------------------------------- */

int p9_path_next(struct p9_str path, uint32_t *at, struct p9_str *name)
{
	const char *p = path.ptr + *at, *end = path.ptr + path.len, *start;

	do {
		while (p < end && *p == '/')
			p++;
		for (start = p; p < end && *p != '/'; p++)
			if (!*p)
				return -EINVAL;
	} while (p - start == 1 && *start == '.');
	*at = (uint32_t)(p - path.ptr);
	*name = (struct p9_str){start, (uint32_t)(p - start)};
	return name->len > P9_NAME_MAX ? -ENAMETOOLONG : p > start;
}

/* ---- Tattach ----------------------------------------------------------------------------- */

static int attach_resumed(struct p9_request *req, int status);

static int attach_end(struct p9_request *req)
{
	int err;

	req->walk->top = req->walk->qid.path;
	req->walk->narrowed |= req->index > 0;
	req->r.qid.qid = req->walk->qid;
	p9_qid_show(req, &req->r.qid.qid);
	if (req->session->dialect == P9_DIALECT_2000) {
		err = p9_path_extend(req->walk, NULL, NULL, 0);
		if (err)
			return err;
	}
	return p9_walk_commit(req, req->t.fid);
}

static int attach_on(struct p9_request *req)
{
	struct p9_str name;
	int r;

	while (req->session->flags & P9_SESSION_ANAME) {
		r = p9_path_next(req->t.attach.aname, &req->at, &name);
		if (r < 0)
			return r;
		if (!r)
			break;
		if (req->index++ >= req->session->server->limits.depth)
			return -ENAMETOOLONG;
		r = p9_walk_step(req, name);
		if (r == P9_KEEP)
			req->next_step = attach_resumed;
		if (r)
			return r;
	}
	return attach_end(req);
}

static int attach_resumed(struct p9_request *req, int status)
{
	int r = p9_walk_resume(req, status);

	return r ? r : attach_on(req);
}

int p9_run_attach(struct p9_request *req)
{
	struct p9_session *s = req->session;
	struct p9_fid *fid;
	int err;

	if (req->t.attach.afid != P9_NOFID || req->t.fid == P9_NOFID || p9_fid_find(s, req->t.fid))
		return -EINVAL;
	req->at = req->index = req->level = 0;
	if (s->root) {
		req->walk = p9_fid_clone(s->root, &req->from, false, &err);
		return req->walk ? attach_on(req) : err;
	}
	fid = p9_fid_new(s, &req->from, false, &err);
	if (!fid)
		return err;
	err = s->server->ops->attach(s, fid);
	if (err) {
		p9_fid_discard(fid);
		return err;
	}
	fid->top = fid->qid.path;
	req->walk = fid;
	return attach_on(req);
}

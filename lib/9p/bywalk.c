/* SPDX-License-Identifier: ISC */
/*
 * bywalk.c: resolving a path with the messages of 9P2000.L alone: Twalk, Treadlink, Tlopen,
 * Tgetattr. For servers that are not ours; the answer looks like that of Tresolve.
 *
 * A server stops a walk behind a symbolic link, since that is no directory; whether the last name
 * is one its qid says. Mount points there are none.
 */
#include <errno.h>
#include <string.h>
#include "9p/client_private.h"

struct walker {
	struct p9_client *c;
	struct p9_conn *conn;
	const struct p9_tmsg *t; /* the Tresolve that is asked for */
	uint32_t fid;
	bool made;   /* fid exists on the server */
	uint32_t at; /* bytes of the path that fid stands for */
	struct p9_qid qid;
	uint64_t deadline;
};

static int call(struct walker *w, struct p9_tmsg *t, struct p9_rmsg *r)
{
	struct p9_rpc rpc = {.deadline = w->deadline};

	return p9_conn_call(w->c, w->conn, t, r, &rpc);
}

/* Up to 16 names from `at` on. ends[i]: where name i ends in the path. */
static unsigned names_take(const struct p9_str path, uint32_t at, struct p9_str *names,
			   uint32_t *ends)
{
	unsigned count = 0;
	uint32_t start;

	while (count < P9_WALK_MAX) {
		while (at < path.len && path.ptr[at] == '/')
			at++;
		start = at;
		while (at < path.len && path.ptr[at] != '/')
			at++;
		if (at == start)
			break;
		names[count] = (struct p9_str){path.ptr + start, at - start};
		ends[count++] = at;
	}
	return count;
}

static int walk(struct walker *w, const struct p9_str *names, unsigned count, struct p9_rmsg *r)
{
	struct p9_tmsg t = {.type = P9_TWALK, .fid = w->made ? w->fid : 0};
	int err;

	t.walk.newfid = w->fid;
	t.walk.count = (uint16_t)count;
	memcpy(t.walk.names, names, count * sizeof(*names));
	err = call(w, &t, r);
	if (!err && r->walk.count > count)
		return -EPROTO;
	if (!err && r->walk.count == count)
		w->made = true;
	return err;
}

static int link_read(struct walker *w, struct p9_resolved *out, char *text)
{
	struct p9_tmsg t = {.type = P9_TREADLINK, .fid = w->fid};
	struct p9_rmsg r;
	int err = call(w, &t, &r);

	if (err)
		return err;
	if (r.target.len > P9_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(text, r.target.ptr, r.target.len);
	out->text_len = r.target.len;
	out->kind = P9_RESOLVE_SYMLINK;
	out->consumed = w->at;
	return 0;
}

/* Go on by up to 16 names. 1: there was a link, which fid now is. 0: arrived or to be continued. */
static int group_walk(struct walker *w, const struct p9_str *names, const uint32_t *ends,
		      unsigned count)
{
	struct p9_rmsg r;
	unsigned i;
	int err = walk(w, names, count, &r);

	if (err)
		return err;
	for (i = 0; i < r.walk.count && !(r.walk.qids[i].type & P9_QTSYMLINK); i++)
		;
	if (i + 1 < count && r.walk.count == count)
		return -EPROTO;			 /* it went through a link */
	if (i < r.walk.count && i + 1 < count) { /* a link on the way: walk to it alone */
		err = walk(w, names, i + 1, &r);
		if (err || r.walk.count != i + 1)
			return err ? err : -ENOENT;
	} else if (r.walk.count < count) {
		return r.walk.count && !(r.walk.qids[r.walk.count - 1].type & P9_QTDIR) ? -ENOTDIR
											: -ENOENT;
	}
	if (r.walk.count) {
		w->qid = r.walk.qids[r.walk.count - 1];
		w->at = ends[r.walk.count - 1];
	}
	return w->qid.type & P9_QTSYMLINK ? 1 : 0;
}

static int path_walk(struct walker *w, struct p9_resolved *out, char *text)
{
	const struct p9_str path = w->t->resolve.path;
	struct p9_str names[P9_WALK_MAX];
	uint32_t ends[P9_WALK_MAX];
	bool nofollow = w->t->resolve.flags & P9_RESOLVE_NOFOLLOW;
	unsigned count;
	int r;

	do {
		count = names_take(path, w->at, names, ends);
		r = group_walk(w, names, ends, count);
		if (r < 0)
			return r;
		if (r && !(nofollow && w->at == path.len))
			return link_read(w, out, text);
	} while (count == P9_WALK_MAX);
	return 0;
}

static int file_open(struct walker *w)
{
	struct p9_tmsg t = {.type = P9_TLOPEN, .fid = w->fid};
	struct p9_rmsg r;

	if (!(w->t->resolve.flags & P9_RESOLVE_OPEN))
		return 0;
	t.lopen.flags = w->t->resolve.oflags;
	return call(w, &t, &r);
}

static int file_attributes(struct walker *w, struct p9_resolved *out)
{
	const struct p9_str path = w->t->resolve.path;
	struct p9_tmsg t = {.type = P9_TGETATTR, .fid = w->fid};
	struct p9_rmsg r;
	int err;

	t.getattr.mask = P9_GETATTR_BASIC;
	err = call(w, &t, &r);
	if (err)
		return err;
	*out->attr = r.getattr;
	out->kind = P9_RESOLVE_DONE;
	out->consumed = path.len;
	if (path.len && path.ptr[path.len - 1] == '/' && !(r.getattr.qid.type & P9_QTDIR))
		return -ENOTDIR;
	return 0;
}

int p9_resolve_by_walk(struct p9_client *c, struct p9_conn *conn, struct p9_tmsg *t,
		       struct p9_resolved *out, char *text, uint64_t deadline)
{
	struct walker w = {.c = c, .conn = conn, .t = t, .deadline = deadline};
	bool stat = t->resolve.flags & P9_RESOLVE_STAT;
	int err;

	out->handle = out->text_len = 0;
	w.fid = t->resolve.newfid;
	if (stat) {
		err = p9_fid_take(c, conn, &w.fid);
		if (err)
			return err;
	}
	out->kind = P9_RESOLVE_DONE;
	err = path_walk(&w, out, text);
	if (!err && out->kind == P9_RESOLVE_DONE)
		err = file_open(&w);
	if (!err && out->kind == P9_RESOLVE_DONE)
		err = file_attributes(&w, out);
	if (w.made && (err || stat || out->kind != P9_RESOLVE_DONE)) {
		struct p9_tmsg clunk = {.type = P9_TCLUNK, .fid = w.fid};
		struct p9_rmsg r;

		if (call(&w, &clunk, &r) == -ETIMEDOUT)
			return err ? err : -ETIMEDOUT;
	}
	if (stat)
		p9_fid_give(c, conn, w.fid);
	return err;
}

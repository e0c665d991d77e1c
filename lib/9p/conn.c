/* SPDX-License-Identifier: ISC */
/*
 * conn.c: the client's sessions: calls, fid numbers, the mount cache.
 *
 * Invariant: a conn lives while someone has a reference: the cache one, each file one, each lookup
 * in hand one. A fid number is in use from before the message that makes the fid until its clunk
 * was answered, whatever happens to the server in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p/client_private.h"

#define FIDS_FIRST 64u
#define FIDS_MAX   65536u
#define CALL_TAG   1u

/* ---- calls ------------------------------------------------------------------------------- */

static bool brings_handle(uint8_t type)
{
	return type == P9_RGETHANDLE || type == P9_RCONNECT || type == P9_RRESOLVE;
}

/* Check what came against what was asked. Who may lie: the server. */
static int reply_check(struct p9_link *link, const struct p9_tmsg *t, struct p9_rmsg *r,
		       const void *frame, struct p9_rpc *rpc)
{
	if (rpc->out_len > rpc->out_max ||
	    p9_decode_r(r, link->dialect, frame, rpc->r_len, rpc->out_len))
		return -EPROTO;
	if (r->type == P9_RLERROR)
		return r->lerror.ecode && r->lerror.ecode < 4096 ? -(int)r->lerror.ecode : -EPROTO;
	if (r->type != t->type + 1)
		return -EPROTO;
	if ((r->type == P9_RREAD || r->type == P9_RREADDIR) && r->data.ptr) {
		if (r->data.len > rpc->out_max)
			return -EPROTO;
		if (r->data.len)
			memcpy(rpc->out, r->data.ptr, r->data.len);
		rpc->out_len = r->data.len;
	}
	return 0;
}

static inline __attribute__((always_inline)) int
link_call(struct p9_link *link, const struct p9_tmsg *t, struct p9_rmsg *r, struct p9_rpc *rpc)
{
	uint32_t cap;
	void *frame = link->ops->frame(link, &cap);
	int len, err;

	if (!frame)
		return -ENOMEM;
	len = p9_encode_t(t, link->dialect, frame, cap);
	if (len < 0)
		return len == -EMSGSIZE ? -ENAMETOOLONG : len;
	rpc->t_len = (uint32_t)len;
	rpc->r_len = rpc->out_len = rpc->handle = 0;
	err = link->ops->rpc(link, rpc);
	if (!err)
		err = reply_check(link, t, r, frame, rpc);
	if (rpc->handle && (err || !brings_handle(r->type))) {
		link->ops->drop(link, rpc->handle);
		rpc->handle = 0;
	}
	return err;
}

int p9_link_call(struct p9_link *link, const struct p9_tmsg *t, struct p9_rmsg *r,
		 struct p9_rpc *rpc)
{
	return link_call(link, t, r, rpc);
}

static int link_version(struct p9_link *link, uint32_t msize)
{
	struct p9_tmsg t = {.type = P9_TVERSION, .tag = P9_NOTAG};
	struct p9_rpc rpc = {.deadline = UINT64_MAX};
	struct p9_rmsg r;
	int err;

	link->dialect = P9_DIALECT_NONE;
	t.version.msize = msize;
	t.version.version = p9_str_from("9P2000.L");
	err = p9_link_call(link, &t, &r, &rpc);
	if (err)
		return err;
	if (!p9_str_equal(r.version.version, "9P2000.L"))
		return -EPROTONOSUPPORT;
	if (r.version.msize > msize || r.version.msize < P9_MSIZE_MIN)
		return -EPROTO;
	link->msize = r.version.msize;
	link->dialect = P9_DIALECT_L;
	return 0;
}

int p9_link_attach(struct p9_link *link, uint32_t msize, const char *uname, const char *aname,
		   uint32_t uid)
{
	struct p9_tmsg t = {.type = P9_TATTACH, .tag = CALL_TAG, .fid = 0};
	struct p9_rpc rpc = {.deadline = UINT64_MAX};
	struct p9_rmsg r;
	int err = link_version(link, msize);

	if (err)
		return err;
	t.attach.afid = P9_NOFID;
	t.attach.uname = p9_str_from(uname);
	t.attach.aname = p9_str_from(aname);
	t.attach.n_uname = uid;
	return p9_link_call(link, &t, &r, &rpc);
}

/* Was it perhaps refused, or not answered, for want of room for a handle that it brings? What was
 * made is gone then. */
static bool handle_matters(const struct p9_tmsg *t)
{
	return brings_handle((uint8_t)(t->type + 1)) &&
	       !(t->type == P9_TGETHANDLE && t->gethandle.kind == P9_HANDLE_PAGES);
}

static __attribute__((noinline, cold)) int call_roomy(struct p9_client *c, struct p9_conn *conn,
						      const struct p9_tmsg *t, struct p9_rmsg *r,
						      struct p9_rpc *rpc)
{
	return handle_matters(t) && p9_pages_drop_all(c) ? p9_link_call(conn->link, t, r, rpc)
							 : -EMFILE;
}

int p9_conn_call(struct p9_client *c, struct p9_conn *conn, struct p9_tmsg *t, struct p9_rmsg *r,
		 struct p9_rpc *rpc)
{
	int err;

	t->tag = CALL_TAG;
	c->calls++;
	if (conn->dead)
		return -EPIPE;
	err = link_call(conn->link, t, r, rpc);
	if (__builtin_expect(err == -EMFILE, 0))
		err = call_roomy(c, conn, t, r, rpc);
	if (err == -EPIPE)
		conn->dead = true;
	return err;
}

void p9_conn_restarted(struct p9_client *c, struct p9_conn *conn, uint32_t generation)
{
	p9_client_lock(c);
	if (conn->generation == generation) {
		conn->generation++;
		c->restarts++;
	}
	p9_client_unlock(c);
}

/* ---- fid numbers ------------------------------------------------------------------------- */

static int fids_grow(struct p9_conn *conn)
{
	uint32_t size = conn->fids_size * 2;
	uint64_t *fids;

	if (size > FIDS_MAX)
		return -EMFILE;
	fids = realloc(conn->fids, size / 8);
	if (!fids)
		return -ENOMEM;
	memset((uint8_t *)fids + conn->fids_size / 8, 0, conn->fids_size / 8);
	conn->fids = fids;
	conn->fids_size = size;
	return 0;
}

static int fid_take_locked(struct p9_conn *conn, uint32_t *fid)
{
	uint32_t words = conn->fids_size / 64, word = conn->fid_hint;
	int err;

	while (word < words && conn->fids[word] == UINT64_MAX)
		word++;
	if (word == words) {
		err = fids_grow(conn);
		if (err)
			return err;
	}
	conn->fid_hint = word;
	*fid = word * 64 + (uint32_t)__builtin_ctzll(~conn->fids[word]);
	conn->fids[word] |= 1ull << *fid % 64;
	return 0;
}

int p9_fid_take(struct p9_client *c, struct p9_conn *conn, uint32_t *fid)
{
	int err;

	p9_client_lock(c);
	err = fid_take_locked(conn, fid);
	p9_client_unlock(c);
	return err;
}

void p9_fid_give(struct p9_client *c, struct p9_conn *conn, uint32_t fid)
{
	p9_client_lock(c);
	conn->fids[fid / 64] &= ~(1ull << fid % 64);
	if (fid / 64 < conn->fid_hint)
		conn->fid_hint = fid / 64;
	p9_client_unlock(c);
}

void p9_conn_clunk(struct p9_client *c, struct p9_conn *conn, uint32_t fid)
{
	struct p9_rpc rpc = {.deadline = p9_deadline(c, c->timeout_ns)};
	struct p9_tmsg t;
	struct p9_rmsg r;

	t.type = P9_TCLUNK;
	t.fid = fid;
	/* What cannot be clunked is gone, or goes with the session. */
	if (p9_conn_call(c, conn, &t, &r, &rpc) == -ETIMEDOUT)
		return; /* it may still be there: never use the number again */
	p9_fid_give(c, conn, fid);
}

void p9_fid_unmade(struct p9_client *c, struct p9_conn *conn, uint32_t fid, int err)
{
	if (err == -EINTR)
		p9_conn_clunk(c, conn, fid); /* the server may have been faster */
	else if (err != -ETIMEDOUT)
		p9_fid_give(c, conn, fid);
}

/* ---- sessions and mounts ----------------------------------------------------------------- */

struct p9_conn *p9_conn_new(struct p9_link *link, const char *prefix, uint32_t len)
{
	struct p9_conn *conn = calloc(1, sizeof(*conn));
	char *copy = malloc(len + 1);
	uint64_t *fids = calloc(FIDS_FIRST / 64, 8);

	if (!conn || !copy || !fids) {
		free(conn);
		free(copy);
		free(fids);
		if (link->ops->close)
			link->ops->close(link);
		return NULL;
	}
	memcpy(copy, prefix, len);
	copy[len] = '\0';
	fids[0] = 1; /* the root */
	*conn = (struct p9_conn){.link = link,
				 .refs = 1,
				 .fids = fids,
				 .fids_size = FIDS_FIRST,
				 .prefix = copy,
				 .prefix_len = len};
	return conn;
}

void p9_conn_put(struct p9_client *c, struct p9_conn *conn)
{
	(void)c;
	/* The cache has a reference of its own, so nobody can find a conn whose last one goes. */
	if (__atomic_sub_fetch(&conn->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (conn->link->ops->close)
		conn->link->ops->close(conn->link);
	free(conn->fids);
	free(conn->prefix);
	free(conn);
}

static bool is_below(const struct p9_conn *conn, const char *path, uint32_t len)
{
	return len >= conn->prefix_len && !memcmp(conn->prefix, path, conn->prefix_len) &&
	       (len == conn->prefix_len || path[conn->prefix_len] == '/');
}

struct p9_conn *p9_mount_find(struct p9_client *c, const char *path, uint32_t len)
{
	struct p9_conn *best = c->root;

	p9_client_lock(c);
	for (struct p9_conn *conn = c->mounts; conn; conn = conn->next)
		if (conn->prefix_len > best->prefix_len && is_below(conn, path, len))
			best = conn;
	__atomic_add_fetch(&best->refs, 1, __ATOMIC_RELAXED);
	p9_client_unlock(c);
	return best;
}

void p9_mount_drop(struct p9_client *c, struct p9_conn *conn)
{
	struct p9_conn **at = &c->mounts;

	p9_client_lock(c);
	while (*at && *at != conn)
		at = &(*at)->next;
	if (*at) {
		*at = conn->next;
		c->remounted++;
	} else {
		conn = NULL;
	}
	p9_client_unlock(c);
	if (conn)
		p9_conn_put(c, conn); /* the cache's reference */
}

static int mount_add(struct p9_client *c, struct p9_link *link, const char *prefix, uint32_t len)
{
	struct p9_conn *conn = p9_conn_new(link, prefix, len), *old = c->mounts;

	if (!conn)
		return -ENOMEM;
	p9_client_lock(c);
	for (old = c->mounts; old; old = old->next)
		if (old->prefix_len == len && !memcmp(old->prefix, prefix, len))
			break;
	if (!old) {
		conn->next = c->mounts;
		c->mounts = conn;
	}
	p9_client_unlock(c);
	if (old)
		p9_conn_put(c, conn); /* another thread was faster */
	return 0;
}

int p9_client_mount(struct p9_client *c, const char *prefix, struct p9_link *link)
{
	uint32_t len = (uint32_t)strlen(prefix);

	while (len && prefix[len - 1] == '/')
		len--;
	if (!len || prefix[0] != '/' || len >= P9_FULL_MAX) {
		if (link->ops->close)
			link->ops->close(link);
		return -EINVAL;
	}
	return mount_add(c, link, prefix, len);
}

int p9_mount_connect(struct p9_client *c, struct p9_conn *from, uint32_t handle, const char *prefix,
		     uint32_t len, uint64_t deadline)
{
	struct p9_tmsg t = {.type = P9_TCONNECT, .tag = CALL_TAG};
	struct p9_rpc rpc = {.deadline = deadline};
	struct p9_link *connector, *session = NULL;
	unsigned tries = 0;
	struct p9_rmsg r;
	int err;

	if (!from->link->ops->adopt)
		return -EPROTO;
	err = from->link->ops->adopt(from->link, handle, &connector);
	if (err)
		return err;
	c->calls++;
	do { /* harmless: a session that was made is gone */
		err = p9_link_call(connector, &t, &r, &rpc);
	} while ((err == -ERESTART && ++tries < P9_TRIES) ||
		 (err == -EMFILE && p9_pages_drop_all(c)));
	if (!err)
		err = rpc.handle ? connector->ops->adopt(connector, rpc.handle, &session) : -EPROTO;
	if (connector->ops->close)
		connector->ops->close(connector);
	return err ? err : mount_add(c, session, prefix, len);
}

void p9_client_forget_mounts(struct p9_client *c)
{
	struct p9_conn *conn, *unused = NULL, **at = &c->mounts;

	p9_client_lock(c);
	while ((conn = *at)) {
		if (__atomic_load_n(&conn->refs, __ATOMIC_RELAXED) > 1) {
			at = &conn->next;
			continue;
		}
		*at = conn->next;
		conn->next = unused;
		unused = conn;
	}
	p9_client_unlock(c);
	while ((conn = unused)) {
		unused = conn->next;
		p9_conn_put(c, conn);
	}
}

/* ---- resolve ----------------------------------------------------------------------------- */

static int resolve_once(struct p9_client *c, struct p9_conn *conn, struct p9_tmsg *t,
			struct p9_resolved *out, char *text, uint64_t deadline)
{
	struct p9_rpc rpc = {.deadline = deadline};
	struct p9_rmsg r;
	int err;

	if (conn->no_resolve || conn->link->dialect != P9_DIALECT_LOCAL)
		return p9_resolve_by_walk(c, conn, t, out, text, deadline);
	err = p9_conn_call(c, conn, t, &r, &rpc);
	if (err)
		return err;
	out->kind = r.resolve.kind;
	out->consumed = r.resolve.consumed;
	*out->attr = r.resolve.attr;
	out->text_len = r.resolve.target.len;
	out->handle = rpc.handle;
	if (out->text_len > P9_PATH_MAX || out->consumed > t->resolve.path.len ||
	    (out->kind == P9_RESOLVE_MOUNT) != (out->handle != 0)) {
		if (out->handle)
			conn->link->ops->drop(conn->link, out->handle);
		return -EPROTO;
	}
	if (out->text_len)
		memcpy(text, r.resolve.target.ptr, out->text_len);
	return 0;
}

int p9_conn_resolve(struct p9_client *c, struct p9_conn *conn, struct p9_tmsg *t,
		    struct p9_resolved *out, char *text, uint64_t deadline)
{
	uint32_t generation;
	unsigned tries = 0;
	int err;

	for (;;) {
		generation = conn->generation;
		err = resolve_once(c, conn, t, out, text, deadline);
		if (__builtin_expect(err != -ERESTART, 1))
			return err;
		p9_conn_restarted(c, conn, generation);
		if (++tries == P9_TRIES)
			return err;
	}
}

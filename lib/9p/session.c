/* SPDX-License-Identifier: ISC */
/*
 * session.c: servers and their sessions.
 *
 * A session's id says what it may be made into again by a successor: a plain one or a connector
 * stands for the server's root, a narrowed one for a file that only op session_restore knows.
 *
 * Invariant: a session that is destroyed leaves the table at once; its memory goes when the last
 * request that could not be stopped has been responded to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p/engine.h"

#define DEFAULT_MSIZE	 (65536u + P9_IOHDR)
#define DEFAULT_IO_MAX	 (1u << 20)
#define DEFAULT_FIDS	 1024u
#define DEFAULT_REQUESTS 64u
#define DEFAULT_SESSIONS 4096u
#define DEFAULT_DEPTH	 256u
#define DEFAULT_MEMORY	 (8ull << 20)
#define DEFAULT_SHARE	 4u
#define ID_NUMBER	 (~(P9_ID_NARROWED | P9_ID_CONNECTOR))

static void limits_fill(struct p9_limits *l)
{
	l->msize = l->msize ? l->msize : DEFAULT_MSIZE;
	l->io_max = l->io_max ? l->io_max : DEFAULT_IO_MAX;
	l->fids = l->fids ? l->fids : DEFAULT_FIDS;
	l->requests = l->requests ? l->requests : DEFAULT_REQUESTS;
	l->sessions = l->sessions ? l->sessions : DEFAULT_SESSIONS;
	l->depth = l->depth ? l->depth : DEFAULT_DEPTH;
	l->share = l->share ? l->share : DEFAULT_SHARE;
	l->memory = l->memory ? l->memory : DEFAULT_MEMORY;
	l->first_id = l->first_id ? l->first_id : 1;
}

int p9_server_init(struct p9_server *server, const struct p9_ops *ops, void *ctx,
		   const struct p9_limits *limits)
{
	*server = (struct p9_server){.ops = ops, .ctx = ctx};
	if (!ops->attach || !ops->walk1 || !ops->getattr)
		return -EINVAL;
	if (limits)
		server->limits = *limits;
	limits_fill(&server->limits);
	if (server->limits.msize < P9_MSIZE_MIN)
		return -EINVAL;
	server->next_id = server->limits.first_id;
	server->dir = malloc(P9_DIR_SIZE);
	return server->dir ? 0 : -ENOMEM;
}

void p9_server_fini(struct p9_server *server)
{
	struct p9_request *req;
	struct p9_block *block;

	for (unsigned i = 0; i < P9_SESSION_BUCKETS; i++)
		while (server->sessions[i])
			p9_session_destroy(server->sessions[i]);
	p9_peers_free(server);
	for (req = server->free_requests; req; req = req->next) {
		free(req->copy);
		free(req->buffer);
	}
	while ((block = server->blocks)) {
		server->blocks = block->next;
		free(block);
	}
	free(server->dir);
	server->dir = NULL;
}

struct p9_session *p9_session_find(struct p9_server *server, uint64_t id)
{
	struct p9_session *s = server->sessions[id % P9_SESSION_BUCKETS];

	while (s && s->id != id)
		s = s->next;
	return s;
}

static void session_link(struct p9_session *s)
{
	struct p9_session **bucket = &s->server->sessions[s->id % P9_SESSION_BUCKETS];

	s->next = *bucket;
	*bucket = s;
}

static void session_unlink(struct p9_session *s)
{
	struct p9_session **at = &s->server->sessions[s->id % P9_SESSION_BUCKETS];

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
}

void p9_session_reap(struct p9_session *s)
{
	p9_uncharge_session(s->server, s->peer, sizeof(*s));
	s->server->session_count--;
	if (s->buckets != s->first_buckets)
		free(s->buckets);
	free(s);
}

void p9_session_destroy(struct p9_session *s)
{
	session_unlink(s);
	s->dead = true;
	if (s->id & P9_ID_NARROWED && s->server->ops->session_gone)
		s->server->ops->session_gone(s);
	s->kept_count++; /* it stays until we are done */
	p9_request_cancel_all(s);
	p9_fid_remove_all(s, true);
	if (!--s->kept_count)
		p9_session_reap(s);
}

/* A session without a root, charged to `who`; NULL: to nobody. */
static int session_alloc(struct p9_server *server, const struct p9_transport *transport, void *ctx,
			 uint32_t flags, uint32_t rights, const struct identity *who,
			 struct p9_session **out)
{
	bool local = flags & P9_SESSION_LOCAL;
	struct p9_peer *peer = NULL;
	struct p9_session *s;
	int err;

	err = server->session_count >= server->limits.sessions ? -ENFILE : 0;
	if (!err && who)
		err = p9_charge_session(server, who->silo, sizeof(*s), &peer);
	if (err)
		return err;
	s = malloc(sizeof(*s));
	if (!s) {
		p9_uncharge_session(server, peer, sizeof(*s));
		return -ENOMEM;
	}
	*s = (struct p9_session){.server = server,
				 .peer = peer,
				 .transport = transport,
				 .transport_ctx = ctx,
				 .flags = flags,
				 .rights = rights,
				 .dialect = local ? P9_DIALECT_LOCAL : P9_DIALECT_NONE,
				 .msize = local ? server->limits.io_max + P9_IOHDR
						: server->limits.msize};
	s->msize_max = s->msize;
	s->buckets = s->first_buckets;
	s->bucket_mask = sizeof(s->first_buckets) / sizeof(s->first_buckets[0]) - 1;
	server->session_count++;
	*out = s;
	return 0;
}

static uint64_t id_choose(struct p9_server *server, uint32_t flags, bool narrowed)
{
	return server->next_id++ | (narrowed ? P9_ID_NARROWED : 0) |
	       (flags & P9_SESSION_CONNECTOR ? P9_ID_CONNECTOR : 0);
}

/* fid is the root, or NULL: the session is remote and will attach. */
static void session_begin(struct p9_session *s, struct p9_fid *fid)
{
	if (fid) {
		fid->root = true;
		fid->top = fid->qid.path;
		s->root = fid;
		p9_fid_insert(fid, 0);
	}
	session_link(s);
}

/* Fill the root of a local session from the server's; narrowed ones from session_restore. */
static int session_root(struct p9_session *s, const struct identity *who, struct p9_fid **out)
{
	const struct p9_ops *ops = s->server->ops;
	struct p9_fid *fid;
	int err;

	*out = NULL;
	if (!(s->flags & P9_SESSION_LOCAL))
		return 0;
	fid = p9_fid_new(s, who, false, &err);
	if (!fid)
		return err;
	if (!(s->id & P9_ID_NARROWED))
		err = ops->attach(s, fid);
	else
		err = ops->session_restore ? ops->session_restore(s, fid) : -ESTALE;
	if (err) {
		p9_fid_discard(fid);
		return err;
	}
	fid->narrowed = s->id & P9_ID_NARROWED;
	*out = fid;
	return 0;
}

static int session_make(struct p9_server *server, const struct p9_transport *transport, void *ctx,
			uint32_t flags, uint32_t rights, uint64_t id, const struct identity *who,
			struct p9_session **out)
{
	struct p9_session *s;
	struct p9_fid *fid;
	int err;

	err = session_alloc(server, transport, ctx, flags, rights, who, &s);
	if (err)
		return err;
	s->id = id ? id : id_choose(server, flags, false);
	err = session_root(s, who, &fid);
	if (err) {
		p9_session_reap(s);
		return err;
	}
	session_begin(s, fid);
	*out = s;
	return 0;
}

int p9_session_create(struct p9_server *server, const struct p9_transport *transport, void *ctx,
		      uint32_t flags, uint32_t rights, struct p9_session **out)
{
	if (flags & P9_SESSION_CONNECTOR)
		flags |= P9_SESSION_LOCAL;
	return session_make(server, transport, ctx, flags, rights, 0, NULL, out);
}

int p9_session_adopt(struct p9_server *server, const struct p9_transport *transport, void *ctx,
		     uint64_t id, const struct identity *from, struct p9_session **out)
{
	uint32_t flags = P9_SESSION_LOCAL;

	if (!(id & ID_NUMBER) || p9_session_find(server, id))
		return -EINVAL;
	if (id & P9_ID_CONNECTOR)
		flags |= P9_SESSION_CONNECTOR;
	if ((id & ID_NUMBER) >= server->next_id)
		server->next_id = (id & ID_NUMBER) + 1;
	/* The rights are those of the handle, which the kernel has kept. */
	return session_make(server, transport, ctx, flags, RIGHTS_ALL, id, from, out);
}

/* A session whose root is fid, of the same transport as the asker's. With the server's own root it
 * is a plain one, which a successor makes again without being told. */
static int session_narrowed(struct p9_request *req, struct p9_fid *fid, uint32_t rights,
			    struct p9_session **out)
{
	struct p9_session *from = req->session, *s;
	const struct p9_ops *ops = from->server->ops;
	bool narrowed = fid->narrowed || fid->qid.path != fid->top;
	struct p9_fid *root;
	int err;

	err = session_alloc(from->server, from->transport, from->transport_ctx, P9_SESSION_LOCAL,
			    rights, &req->from, &s);
	if (err)
		return err;
	s->id = id_choose(from->server, s->flags, narrowed);
	root = p9_fid_new(s, &req->from, false, &err);
	if (!root) {
		p9_session_reap(s);
		return err;
	}
	root->node = fid->node;
	root->qid = fid->qid;
	root->narrowed = narrowed;
	if (ops->clone)
		ops->clone(fid, root);
	session_begin(s, root);
	err = narrowed && ops->session_made ? ops->session_made(s, root) : 0;
	if (err)
		p9_session_destroy(s);
	else
		*out = s;
	return err;
}

int p9_session_narrow(struct p9_request *req, struct p9_fid *fid, uint32_t rights, uint32_t *handle)
{
	const struct p9_transport *t = req->session->transport;
	struct p9_session *s = NULL;
	int err;

	if (!t->handle_make)
		return -EOPNOTSUPP;
	err = session_narrowed(req, fid, rights, &s);
	if (err)
		return err;
	err = t->handle_make(req->session->transport_ctx, s, rights, handle);
	if (err)
		p9_session_destroy(s);
	return err;
}

/* SPDX-License-Identifier: ISC */
/*
 * 9p_local.c: see 9p_local.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p_local.h"

#define FRAME_SIZE 3968u

struct local_link {
	struct p9_link link;
	struct local_world *world;
	uint32_t handle;
	uint8_t frame[FRAME_SIZE];
};

struct local_call {
	uint64_t cookie;
	uint8_t *frame;
	struct p9_rpc *rpc;
	bool answered;
};

/* ---- the server's side --------------------------------------------------------------------- */

static struct local_call *call_of(void *ctx, uint64_t cookie)
{
	struct local_call *call = ((struct local_server *)ctx)->world->current;

	return call && call->cookie == cookie ? call : NULL;
}

static void *local_begin(void *ctx, uint64_t cookie, uint32_t *cap)
{
	static uint8_t nowhere[FRAME_SIZE];
	struct local_call *call = call_of(ctx, cookie);

	*cap = FRAME_SIZE;
	return call ? call->frame : nowhere;
}

static void local_reply(void *ctx, uint64_t cookie, uint32_t len, const void *payload,
			uint32_t payload_len, uint32_t handle)
{
	struct local_call *call = call_of(ctx, cookie);

	if (!call)
		return;
	if (call->answered || payload_len > call->rpc->out_max)
		abort();
	call->answered = true;
	call->rpc->r_len = len;
	call->rpc->out_len = payload_len;
	call->rpc->handle = handle;
	if (payload && payload_len)
		memcpy(call->rpc->out, payload, payload_len);
}

static void local_drop(void *ctx, uint64_t cookie)
{
	struct local_call *call = call_of(ctx, cookie);

	if (call && call->answered)
		abort();
}

static int local_get(void *ctx, uint64_t cookie, uint32_t offset, void *dst, uint32_t len)
{
	struct local_call *call = call_of(ctx, cookie);

	if (!call || offset + (uint64_t)len > call->rpc->in_len)
		return -EFAULT;
	memcpy(dst, (const uint8_t *)call->rpc->in + offset, len);
	return 0;
}

static int local_put(void *ctx, uint64_t cookie, uint32_t offset, const void *src, uint32_t len)
{
	struct local_call *call = call_of(ctx, cookie);

	if (!call || offset + (uint64_t)len > call->rpc->out_max)
		return -EFAULT;
	memcpy((uint8_t *)call->rpc->out + offset, src, len);
	return 0;
}

static int handle_new(struct local_server *s, uint64_t id, uint32_t rights, uint32_t *handle)
{
	struct local_world *w = s->world;

	for (uint32_t i = 1; i < LOCAL_HANDLES; i++) {
		if (w->handles[i].server)
			continue;
		w->handles[i].server = s;
		w->handles[i].id = id;
		w->handles[i].rights = rights;
		w->handles_live++;
		*handle = i;
		return 0;
	}
	return -EMFILE;
}

static void handle_close(struct local_world *w, uint32_t handle)
{
	struct local_server *s;
	struct p9_session *session;
	uint64_t id;

	if (handle >= LOCAL_HANDLES) { /* not a sender: a test's number for memory or a signal */
		if (w->dropped)
			w->dropped(w->copy_arg, handle);
		return;
	}
	s = w->handles[handle].server;
	if (!s)
		abort();
	id = w->handles[handle].id;
	w->handles[handle].server = NULL;
	w->handles_live--;
	for (uint32_t i = 1; i < LOCAL_HANDLES; i++)
		if (w->handles[i].server == s && w->handles[i].id == id)
			return;
	session = s->dead ? NULL : p9_session_find(&s->p9, id);
	if (session)
		p9_session_destroy(session);
}

static int local_handle_make(void *ctx, struct p9_session *s, uint32_t rights, uint32_t *handle)
{
	return handle_new(ctx, s->id, rights, handle);
}

static void local_handle_close(void *ctx, uint32_t handle)
{
	handle_close(((struct local_server *)ctx)->world, handle);
}

static const struct p9_transport local_transport = {
	.begin = local_begin,
	.reply = local_reply,
	.drop = local_drop,
	.get = local_get,
	.put = local_put,
	.handle_make = local_handle_make,
	.handle_close = local_handle_close,
};

void local_server_start(struct local_world *w, struct local_server *s, const struct p9_ops *ops,
			void *ctx, const struct p9_limits *limits)
{
	*s = (struct local_server){.world = w, .ops = ops, .ctx = ctx};
	if (limits)
		s->limits = *limits;
	if (p9_server_init(&s->p9, ops, ctx, &s->limits))
		abort();
}

void local_server_stop(struct local_server *s)
{
	if (!s->dead)
		p9_server_fini(&s->p9);
	s->dead = true;
}

void local_server_restart(struct local_server *s)
{
	p9_server_fini(&s->p9);
	s->generation++;
	s->limits.first_id = 100000u * s->generation;
	if (p9_server_init(&s->p9, s->ops, s->ctx, &s->limits))
		abort();
}

uint32_t local_handle(struct local_server *s, uint32_t session_flags, uint32_t rights)
{
	struct p9_session *session;
	uint32_t handle;

	if (p9_session_create(&s->p9, &local_transport, s, session_flags | P9_SESSION_LOCAL, rights,
			      &session) ||
	    handle_new(s, session->id, rights, &handle))
		abort();
	return handle;
}

/* ---- the client's side --------------------------------------------------------------------- */

static void *link_frame(struct p9_link *link, uint32_t *cap)
{
	*cap = FRAME_SIZE;
	return ((struct local_link *)link)->frame;
}

static struct p9_session *session_of(struct local_server *s, uint64_t id)
{
	const struct identity *from = &s->world->from;
	struct p9_session *session = p9_session_find(&s->p9, id);

	if (!session && p9_session_adopt(&s->p9, &local_transport, s, id, from, &session))
		return NULL;
	return session;
}

static int deliver(struct local_world *w, struct local_server *s, struct local_link *link,
		   struct local_call *call)
{
	struct p9_session *session = session_of(s, w->handles[link->handle].id);
	struct p9_message m = {.frame = link->frame,
			       .len = call->rpc->t_len,
			       .in_len = call->rpc->in_len,
			       .out_max = call->rpc->out_max,
			       .cookie = call->cookie,
			       .from = &w->from};

	if (!session)
		return -EPIPE; /* nobody knows what it was: the sender was ended */
	w->from.rights = w->handles[link->handle].rights;
	w->current = call;
	if (p9_server_message(session, &m) < 0)
		abort();
	while (!call->answered && w->pump && w->pump(w->pump_arg))
		;
	if (!call->answered)
		p9_server_abandon(session, call->cookie);
	w->current = NULL;
	return call->answered ? 0 : -ETIMEDOUT;
}

static int crash_now(struct local_world *w, struct local_server *s, struct local_link *link,
		     struct local_call *call)
{
	int err;

	w->crashed = true;
	if (w->crash == CRASH_DEAD) {
		local_server_stop(s);
		return -EPIPE;
	}
	if (w->crash == CRASH_DONE) {
		err = deliver(w, s, link, call);
		if (!err && call->rpc->handle)
			handle_close(w, call->rpc->handle);
		call->rpc->handle = call->rpc->r_len = call->rpc->out_len = 0;
	}
	local_server_restart(s);
	return w->crash == CRASH_QUEUED ? deliver(w, s, link, call) : -ERESTART;
}

static int link_rpc(struct p9_link *link, struct p9_rpc *rpc)
{
	struct local_link *l = (struct local_link *)link;
	struct local_world *w = l->world;
	struct local_server *s = w->handles[l->handle].server;
	struct local_call call = {.cookie = ++w->calls, .frame = l->frame, .rpc = rpc};

	if (s->dead)
		return -EPIPE;
	if (w->crash_at && w->calls - w->crash_at <= w->crash_more)
		return crash_now(w, s, l, &call);
	return deliver(w, s, l, &call);
}

static int link_adopt(struct p9_link *link, uint32_t handle, struct p9_link **out)
{
	*out = local_link(((struct local_link *)link)->world, handle);
	return 0;
}

static void link_drop(struct p9_link *link, uint32_t handle)
{
	handle_close(((struct local_link *)link)->world, handle);
}

static void link_close(struct p9_link *link)
{
	struct local_link *l = (struct local_link *)link;

	l->world->links_live--;
	handle_close(l->world, l->handle);
	free(l);
}

static int link_copy(struct p9_link *link, uint32_t handle, uint64_t offset, void *out,
		     uint32_t len)
{
	struct local_world *w = ((struct local_link *)link)->world;

	return w->copy(w->copy_arg, handle, offset, out, len);
}

static const struct p9_link_ops local_link_ops = {
	.frame = link_frame,
	.rpc = link_rpc,
	.adopt = link_adopt,
	.drop = link_drop,
	.close = link_close,
};

static const struct p9_link_ops copying_link_ops = {
	.frame = link_frame,
	.rpc = link_rpc,
	.adopt = link_adopt,
	.drop = link_drop,
	.copy = link_copy,
	.close = link_close,
};

struct p9_link *local_link(struct local_world *w, uint32_t handle)
{
	struct local_link *l = malloc(sizeof(*l));

	if (!l || !w->handles[handle].server)
		abort();
	l->link = (struct p9_link){w->copy ? &copying_link_ops : &local_link_ops, P9_DIALECT_LOCAL,
				   65536};
	l->world = w;
	l->handle = handle;
	w->links_live++;
	return &l->link;
}

void local_init(struct local_world *w)
{
	memset(w, 0, sizeof(*w));
	w->from.pledges = PLEDGES_ALL;
	w->from.pid = 42;
}

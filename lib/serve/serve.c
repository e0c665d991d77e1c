/* SPDX-License-Identifier: ISC */
/*
 * serve.c: the main loop of a server: one wait for messages and events.
 *
 * Invariant: between two waits at most one request is in hand, and it is answered, kept or dropped
 * before the next wait; the loop itself never waits for a client.
 */
#include <errno.h>
#include <string.h>
#include "serve/serve.h"
#include "sys/boot.h"
#include "sys/info.h"
#include "sys/log.h"

static int channel_find(struct serve *s)
{
	int64_t h = boot_handle("serve");

	if (h == HANDLE_NONE) {
		h = sys_channel_create();
		s->own_channel = true;
	}
	if (h < 0)
		return (int)h;
	s->channel = (handle_t)h;
	h = sys_queue_create();
	if (h < 0)
		return (int)h;
	s->queue = (handle_t)h;
	h = sys_queue_add(s->queue, s->channel, EVENT_MESSAGE, 0, 0, 0);
	return h < 0 ? (int)h : 0;
}

int serve_init(struct serve *s, const struct p9_ops *ops, void *ctx, const struct p9_limits *limits)
{
	struct p9_limits l = {
		.sessions = SERVE_SESSIONS, .requests = SERVE_REQUESTS, .memory = SERVE_MEMORY};
	int err;

	memset(s, 0, sizeof(*s));
	if (limits)
		l = *limits;
	if (!l.first_id)
		l.first_id = time_now() + SERVE_BADGE_LAST + 1;
	err = channel_find(s);
	if (err)
		return err;
	err = p9_server_init(&s->p9, ops, ctx, &l);
	if (err)
		return err;
	return p9_session_create(&s->p9, &serve_transport, s, P9_SESSION_CONNECTOR,
				 SERVE_RIGHTS_FILE, &s->connector);
}

int serve_connector(struct serve *s, uint64_t badge, handle_t *out)
{
	int64_t h;

	if (badge != SERVE_BADGE_CONNECTOR && badge - SERVE_BADGE_SUB >= SERVE_SUBS)
		return -EINVAL;
	if (!s->senders[badge]) {
		h = sys_channel_sender(s->channel, badge, SERVE_RIGHTS_FILE | SERVE_RIGHTS_SEND,
				       REPLY_NONE);
		if (h < 0)
			return (int)h;
		s->senders[badge] = (handle_t)h;
	}
	h = sys_handle_dup(s->senders[badge], RIGHTS_SAME);
	if (h < 0)
		return (int)h;
	*out = (handle_t)h;
	return 0;
}

/* Move a connector's root down to path. */
static int root_move(struct p9_session *session, const char *path)
{
	const struct p9_ops *ops = session->server->ops;
	struct p9_request req = {.session = session, .fid = session->root};
	int err = 0;

	while (*path && !err) {
		struct p9_str name = {path, (uint32_t)strcspn(path, "/")};

		err = ops->walk1(&req, session->root, name);
		path += name.len + (path[name.len] == '/');
	}
	session->root->top = session->root->qid.path;
	session->root->narrowed = true;
	return err == P9_KEEP ? -EINVAL : err;
}

int serve_sub(struct serve *s, unsigned i, const char *path)
{
	struct p9_session *session;
	int err;

	if (i >= SERVE_SUBS || s->subs[i])
		return -EINVAL;
	err = p9_session_create(&s->p9, &serve_transport, s, P9_SESSION_CONNECTOR,
				SERVE_RIGHTS_FILE, &session);
	if (err)
		return err;
	err = root_move(session, path);
	if (err)
		p9_session_destroy(session);
	else
		s->subs[i] = session;
	return err;
}

/* ---- watches -------------------------------------------------------------------------------- */

int serve_watch_add(struct serve *s, struct serve_watch *w, handle_t source, uint32_t kind,
		    uint32_t flags, uint64_t arg)
{
	int64_t id = sys_queue_add(s->queue, source, kind, (uintptr_t)w, flags, arg);

	if (id < 0)
		return (int)id;
	w->id = (uint64_t)id;
	return 0;
}

int serve_watch_timer(struct serve *s, struct serve_watch *w, uint64_t deadline, uint64_t period)
{
	int64_t id = sys_queue_timer(s->queue, w->id, (uintptr_t)w, deadline, period);

	if (id < 0)
		return (int)id;
	w->id = (uint64_t)id;
	return 0;
}

int serve_watch_memory(struct serve *s, struct serve_watch *w, const volatile void *addr)
{
	int64_t id = sys_queue_memory(s->queue, (uintptr_t)addr, (uintptr_t)w);

	if (id < 0)
		return (int)id;
	w->id = (uint64_t)id;
	return 0;
}

void serve_watch_remove(struct serve *s, struct serve_watch *w)
{
	if (w->id && sys_queue_remove(s->queue, w->id) < 0)
		log_print("serve: no watch %llu", (unsigned long long)w->id);
	w->id = 0;
}

/* ---- what comes in -------------------------------------------------------------------------- */

/* The session that a badge stands for; one of a predecessor is made again. */
static struct p9_session *session_of(struct serve *s, uint64_t badge)
{
	struct p9_session *session;

	if (badge - SERVE_BADGE_SUB < SERVE_SUBS && s->subs[badge - SERVE_BADGE_SUB])
		return s->subs[badge - SERVE_BADGE_SUB];
	if (badge == SERVE_BADGE_CONNECTOR || badge - SERVE_BADGE_SUB < SERVE_SUBS)
		return s->connector;
	if (badge <= SERVE_BADGE_LAST || badge & SERVE_BADGE_PRIVATE)
		return NULL;
	session = p9_session_find(&s->p9, badge & ~SERVE_BADGE_READONLY);
	if (session)
		return session;
	if (p9_session_adopt(&s->p9, &serve_transport, s, badge & ~SERVE_BADGE_READONLY,
			     &message_page()->from, &session))
		return NULL;
	if (badge & SERVE_BADGE_READONLY)
		session->rights &= ~RIGHT_WRITE;
	return session;
}

static void handles_close(const struct message_page *page, uint64_t tag)
{
	for (unsigned i = 0; i < MSG_NHANDLES(tag) && i < MSG_HANDLES_MAX; i++)
		sys_handle_close(page->handles[i]);
}

/* Answer the request in hand with a bare error; its frame's tag lies in the page. */
static void refuse(struct serve *s, int err)
{
	serve_answer_error(s, err);
	s->answered = true;
	serve_answering = s;
}

static void message_9p(struct serve *s, uint64_t tag)
{
	struct message_page *page = message_page();
	struct p9_session *session = session_of(s, s->badge);
	struct p9_message m = {
		.frame = page->data, .len = tag & MSG_BYTES_MASK, .from = &page->from};

	if (tag & MSG_BUFFERS) {
		m.in_len = page->lens[0] > UINT32_MAX ? UINT32_MAX : (uint32_t)page->lens[0];
		m.out_max = page->lens[1] > UINT32_MAX ? UINT32_MAX : (uint32_t)page->lens[1];
	}
	if (MSG_NHANDLES(tag))
		handles_close(page, tag);
	if (!session) {
		/* Nobody knows what this sender may do: it ends, and its client connects again. */
		if (s->badge <= SERVE_BADGE_LAST || s->badge & SERVE_BADGE_PRIVATE)
			refuse(s, -EPERM);
		else if (sys_sender_kill(s->channel, s->badge) < 0)
			refuse(s, -ESTALE);
		return;
	}
	if (m.len >= P9_HEAD && p9_type_has_views(page->data[4])) {
		memcpy(s->frame, page->data, m.len);
		m.frame = s->frame;
	}
	if (p9_server_message(session, &m) < 0)
		refuse(s, -EBADMSG);
}

/* End the loop for who may stop silos; anybody can have a connector. */
static int64_t stop_ask(struct serve *s, const struct identity *from)
{
	if (!(from->flags & IDENTITY_SYSTEM) || !(from->mode & MODE_STOP))
		return -EPERM;
	s->stop = true;
	return 0;
}

static void message_call(struct serve *s, const struct ipc_msg *m)
{
	struct message_page *page = message_page();
	struct serve_call c = {.label = (uint32_t)(m->tag >> 32),
			       .len = m->tag & MSG_BYTES_MASK,
			       .data = page->data,
			       .from = page->from,
			       .nhandles = MSG_NHANDLES(m->tag)};
	int64_t result = -EOPNOTSUPP;

	memcpy(c.w, m->w, sizeof(c.w));
	memcpy(c.handles, page->handles, c.nhandles * sizeof(c.handles[0]));
	if (c.label == SERVE_LABEL_PING) {
		c.answer[1] = s->p9.errors;
		c.answer[2] = s->kept_count;
		result = (int64_t)s->p9.served;
	} else if (c.label == SERVE_LABEL_STOP) {
		result = stop_ask(s, &c.from);
	} else if (s->call) {
		result = s->call(s, &c);
	}
	for (unsigned i = 0; i < c.nhandles; i++)
		if (c.handles[i])
			sys_handle_close(c.handles[i]);
	s->answer = (struct ipc_msg){.tag = MSG_HANDLES(c.give ? 1 : 0)};
	memcpy(s->answer.w, c.answer, sizeof(c.answer));
	s->answer.w[0] = (uint64_t)result;
	page->handles[0] = s->given = c.give;
	s->answered = true;
	serve_answering = s;
}

static void event_take(struct serve *s, const struct event *e)
{
	struct serve_watch *w = (struct serve_watch *)(uintptr_t)e->key;
	struct p9_session *session;
	uint64_t cookie;

	if (w) {
		w->fn(w, e);
		return;
	}
	if (e->data0 & SERVE_BADGE_PRIVATE) {
		if (e->kind == EVENT_CLOSED && s->closed)
			s->closed(s, e->data0);
		return;
	}
	if (e->data0 <= SERVE_BADGE_LAST)
		return;
	session = p9_session_find(&s->p9, e->data0 & ~SERVE_BADGE_READONLY);
	if (!session)
		return;
	if (e->kind == EVENT_CLOSED) {
		p9_session_destroy(session);
	} else if (e->kind == EVENT_ABANDONED) {
		cookie = serve_kept_find(s, e->data0, e->data1);
		if (cookie)
			p9_server_abandon(session, cookie);
	}
}

/* Answer if there is something to answer with, and wait. */
static int64_t answer_and_wait(struct serve *s, struct ipc_msg *m)
{
	handle_t reply = s->answered ? REPLY_CURRENT : REPLY_NONE;
	handle_t given = s->given;
	int64_t what;

	*m = s->answer;
	if (!s->answered)
		m->tag = 0;
	s->answered = s->in_hand = false;
	s->given = HANDLE_NONE;
	serve_answering = NULL;
	what = ipc_reply_wait(s->queue, m, DEADLINE_NEVER, reply);
	if (given)
		sys_handle_close(given); /* still ours only if nobody took it */
	if (what >= 0 || what == -EINTR || reply == REPLY_NONE)
		return what;
	/* Nothing was sent. -EINVAL: a one-way message, or its caller left; nobody waits. */
	if (what != -EINVAL)
		serve_answer_failed(s, (int)what);
	return ipc_wait(s->queue, m, DEADLINE_NEVER);
}

int serve_run(struct serve *s)
{
	struct ipc_msg m;
	int64_t what;

	while (!s->stop) {
		what = answer_and_wait(s, &m);
		if (what == IPC_MESSAGE) {
			uint32_t label = (uint32_t)(m.tag >> 32);

			s->badge = m.badge;
			s->tag = m.tag;
			s->in_hand = true;
			if (!label || label & SERVE_LABEL_9P)
				message_9p(s, m.tag);
			else
				message_call(s, &m);
		} else if (what == IPC_EVENT) {
			struct event e = ipc_event(&m);

			event_take(s, &e);
		} else if (what != -EINTR && what != -ETIMEDOUT) {
			log_print("serve: the wait failed: %d", (int)what);
			return (int)what;
		}
	}
	serve_flush();
	return 0;
}

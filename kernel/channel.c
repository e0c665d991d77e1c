/* SPDX-License-Identifier: ISC */
/*
 * channel.c: synchronous calls, one-way messages, replies kept for later.
 *
 * A call with a receiver waiting switches straight to it, and its answer straight
 * back; neither touches a run queue. What a client wrote in its message page is
 * copied once, when the message is delivered. The pages are the kernel's own
 * mapping of pinned frames, so delivery cannot fault.
 *
 * Who may lie: a client about lengths, handles and buffers (all checked here);
 * a server about nothing that reaches another client.
 */
#include "channel.h"
#include "log.h"
#include "memory.h"
#include "queue.h"
#include "silo.h"
#include "syscall.h"

#define SENDER_BUCKETS	  1024
#define SENDER_QUEUED_MAX 64

struct message {
	struct list node;	 /* channel->messages */
	struct sender *sender;	 /* counted */
	struct account *account; /* charged RES_MESSAGES, and RES_HANDLES for those that are left */
	struct identity from;
	uint64_t tag, words[MSG_WORDS];
	struct cap *handles[MSG_HANDLES_MAX];
	uint64_t data[];
};

uint64_t stat_ipc_calls;
static struct sender *sender_table[SENDER_BUCKETS];

struct channel *channel_of(struct object *o)
{
	return container_of(o, struct channel, object);
}

struct sender *sender_of(struct object *o)
{
	return container_of(o, struct sender, object);
}

uint64_t sender_badge(const struct object *o)
{
	return container_of(o, struct sender, object)->badge;
}

static struct reply *reply_of(struct object *o)
{
	return container_of(o, struct reply, object);
}

/* ---- moving a message ---------------------------------------------------------- */

static inline unsigned tag_bytes(uint64_t tag)
{
	return tag & MSG_BYTES_MASK;
}

static inline bool tag_valid(uint64_t tag)
{
	return tag_bytes(tag) <= MSG_DATA_MAX && MSG_NHANDLES(tag) <= MSG_HANDLES_MAX;
}

static inline void copy_words(struct regs *to, const struct regs *from)
{
	REGS_WORD0(to) = REGS_WORD0(from);
	REGS_WORD1(to) = REGS_WORD1(from);
	REGS_WORD2(to) = REGS_WORD2(from);
	REGS_WORD3(to) = REGS_WORD3(from);
	REGS_WORD4(to) = REGS_WORD4(from);
	REGS_WORD5(to) = REGS_WORD5(from);
}

static inline void copy_data(void *to, const void *from, unsigned bytes)
{
	uint64_t *d = to;
	const uint64_t *s = from;

	for (unsigned i = 0; i < (bytes + 7) / 8; i++)
		d[i] = s[i];
}

static inline void identity_deliver(struct thread *to, const struct process *from, uint64_t badge,
				    uint32_t rights)
{
	struct identity *id = &to->msg->from;

	id->badge = badge;
	id->pid = from->identity.pid;
	id->rights = rights;
	id->silo = from->identity.silo;
	id->mode = from->identity.mode;
	id->pledges = from->identity.pledges;
	id->rules = from->identity.rules;
	id->flags = from->identity.flags;
}

static void event_deliver(struct thread *t, uint32_t kind, uint64_t key, uint64_t data0,
			  uint64_t data1)
{
	regs_event(&t->regs, kind, key, 1, data0, data1);
}

/* ---- handles in messages ---------------------------------------------------------- */

static int sent_handle(struct thread *from, handle_t h, bool one_way, struct cap **out)
{
	int err = cap_find(from, h, OBJ_NONE, RIGHT_GRANT, out);
	uint8_t type;

	if (err)
		return err;
	type = (*out)->object->type;
	if (type == OBJ_REPLY || (one_way && (type == OBJ_CHANNEL || type == OBJ_QUEUE)))
		return -EPERM;
	if (from->process->capability)
		return -EPERM;
	return cap_revoking(*out) ? -EAGAIN : 0;
}

/* Find all handles that a message names; each may stand there once. */
static int sent_handles(struct thread *from, const handle_t *numbers, unsigned n, bool one_way,
			struct cap **caps)
{
	for (unsigned i = 0; i < n; i++) {
		int err = sent_handle(from, numbers[i], one_way, &caps[i]);

		if (err)
			return err;
		for (unsigned j = 0; j < i; j++)
			if (caps[j] == caps[i])
				return -EINVAL;
	}
	return 0;
}

/* Move handles of `from` to `to`. 0; an error of the sender's; or -ENFILE: no room at `to`. */
static int handles_move(struct thread *from, const handle_t *numbers, unsigned n, struct thread *to)
{
	struct cap *caps[MSG_HANDLES_MAX], *moving;
	int err = sent_handles(from, numbers, n, false, caps);

	if (err)
		return err;
	if (handle_room(&to->process->table, n))
		return -ENFILE;
	for (unsigned i = 0; i < n; i++) {
		cap_detach(caps[i], &moving);
		to->msg->handles[i] = cap_attach(&to->process->table, moving);
	}
	return 0;
}

/* ---- calls: delivery ----------------------------------------------------------------- */

/* Hand a call to a server thread whose registers are free: the thread is parked in a receive,
 * or it is the current one. 0, or the error that the client gets; then nothing has changed. */
static int call_deliver(struct thread *client, struct channel *ch, uint64_t badge, uint32_t rights,
			struct thread *server)
{
	uint64_t tag = client->call_tag;

	if (unlikely(tag & (MSG_HANDLES(7) | MSG_BUFFERS))) {
		int err = handles_move(client, client->call_handles, MSG_NHANDLES(tag), server);

		if (err)
			return err;
		server->msg->lens[0] = client->in_len;
		server->msg->lens[1] = client->out_len;
	}
	copy_words(&server->regs, &client->regs);
	regs_message(&server->regs, tag, badge);
	identity_deliver(server, client->process, badge, rights);
	if (tag & MSG_BYTES_MASK)
		copy_data(server->msg->data, client->msg->data, tag_bytes(tag));
	client->run = THREAD_REPLY;
	client->call_channel = ch;
	client->server = server;
	client->reply = NULL;
	client->call_badge = badge;
	list_add_tail(&ch->unanswered, &client->call_node);
	server->client = client;
	server->payer = client->payer;
	server->band = client->band < server->own_band ? client->band : server->own_band;
	return 0;
}

/* A receiver waiting for this channel, unlinked; NULL: none. */
static inline struct thread *take_receiver(struct channel *ch)
{
	struct thread *t;

	if (ch->watch)
		return queue_take_receiver(ch->watch->queue);
	list_for_each (w, &ch->receivers, struct thread, node)
		if (!w->suspended) {
			t = w;
			list_del(&t->node);
			timer_disarm(&t->timer);
			return t;
		}
	return NULL;
}

static int call_prepare(struct thread *cur, uint64_t tag)
{
	struct message_page *m = cur->msg;
	struct cap *caps[MSG_HANDLES_MAX];
	unsigned n = MSG_NHANDLES(tag);

	for (unsigned i = 0; i < n; i++)
		cur->call_handles[i] = m->handles[i];
	cur->in = cur->in_len = cur->out = cur->out_len = 0;
	if (tag & MSG_BUFFERS) {
		cur->in = m->in;
		cur->in_len = m->in_len;
		cur->out = m->out;
		cur->out_len = m->out_len;
		if (cur->in_len > USER_HI || cur->out_len > USER_HI || cur->in > USER_HI ||
		    cur->out > USER_HI || cur->in + cur->in_len > USER_HI ||
		    cur->out + cur->out_len > USER_HI)
			return -EFAULT;
	}
	return sent_handles(cur, cur->call_handles, n, false, caps);
}

/* No receiver waits: queue the call, and lend the channel's servers our band. */
static void call_queue(struct thread *cur, struct channel *ch, struct sender *s, uint32_t rights,
		       uint64_t deadline)
{
	cur->call = s;
	object_get(&s->object);
	cur->call_channel = ch;
	cur->call_badge = s->badge;
	cur->call_rights = rights;
	thread_park(cur, THREAD_CALLING, deadline);
	list_add_tail(&ch->callers[cur->band], &cur->node);
	list_for_each (c, &ch->unanswered, struct thread, call_node)
		if (c->server && c->server->band > cur->band)
			thread_band_set(c->server, cur->band);
	if (ch->watch)
		queue_channel_ready(ch);
}

static inline int call_find(struct thread *cur, handle_t h, uint64_t tag, struct sender **s,
			    uint32_t *rights)
{
	struct cap *cap;
	int err = cap_find(cur, h, OBJ_SENDER, RIGHT_WRITE, &cap);

	if (unlikely(err))
		return err;
	*s = container_of(cap->object, struct sender, object);
	*rights = cap->rights;
	if (unlikely((*s)->killed || (*s)->channel->dead))
		return -EPIPE;
	return unlikely(!tag_valid(tag)) ? -EMSGSIZE : 0;
}

void sys_ipc_call(struct thread *cur)
{
	struct regs *r = &cur->regs;
	uint64_t tag = REGS_ARG1(r), deadline = REGS_DEADLINE(r);
	struct cpu *cpu = this_cpu();
	struct thread *server;
	struct channel *ch;
	struct sender *s;
	uint32_t rights;
	int err = call_find(cur, REGS_ARG0(r), tag, &s, &rights);

	if (likely(!err) && unlikely(tag & (MSG_HANDLES(7) | MSG_BUFFERS)))
		err = call_prepare(cur, tag);
	if (unlikely(err))
		goto fail;
	stat_ipc_calls++;
	ch = s->channel;
	cur->call_tag = tag;
	server = take_receiver(ch);
	if (unlikely(!server)) {
		err = -EAGAIN;
		if (deadline == DEADLINE_NOW)
			goto fail;
		call_queue(cur, ch, s, rights, deadline);
		return;
	}
	err = call_deliver(cur, ch, s->badge, rights, server);
	if (unlikely(err)) {
		receiver_return(server);
		goto fail;
	}
	/* A timer that an earlier call left behind and that fires first will do (thread_timeout).
	 */
	if (deadline != DEADLINE_NEVER && !(cur->timer.armed && cur->timer.deadline <= deadline))
		timer_arm(&cur->timer, deadline);
	if (unlikely(thread_flagged(cur)))
		parked_flagged = cur;
	if (sched_can_switch(cpu, server)) {
		sched_switch(cpu, server);
		return;
	}
	cpu->cur = NULL;
	server->run = THREAD_READY;
	sched_ready(server);
	return;
fail:
	REGS_RESULT(r) = (uint64_t)(int64_t)err;
}

/* The server's loan ends when it holds no request in hand. It is parked, or about to charge. */
static inline void loan_end(struct thread *server)
{
	server->payer = server->process->silo;
	server->band = server->own_band;
}

/* The same for a thread in any state: from now on `payer` pays. */
static void payer_change(struct thread *t, struct silo *payer, uint8_t band)
{
	bool queued = t->on_queue;

	if (t->run == THREAD_RUNNING)
		sched_charge(t->cpu);
	sched_remove(t);
	t->payer = payer;
	t->band = band;
	if (t->run == THREAD_RUNNING)
		t->cpu->payer = payer;
	if (queued)
		sched_ready(t);
}

/* The client goes, and with it perhaps its silo: nobody may go on working on its time, neither the
 * server, in whatever state it is, nor whom that has asked in turn. */
static void loan_end_now(struct thread *server)
{
	payer_change(server, server->process->silo, server->own_band);
	while (server->run == THREAD_REPLY && server->server) {
		struct thread *next = server->server;
		uint8_t band = server->band < next->own_band ? server->band : next->own_band;

		if (next->payer == server->payer && next->band == band)
			break;
		payer_change(next, server->payer, band);
		server = next;
	}
}

/* ---- answers ------------------------------------------------------------------------- */

/* The client's wait is over: out of `unanswered`, no server. It is still parked. */
static inline void call_settle(struct thread *client)
{
	list_del(&client->call_node);
	client->server = NULL;
	client->reply = NULL;
	if (unlikely(client->orphan)) {
		client->orphan = false;
		object_put(&client->call_channel->object);
	}
	client->call_channel = NULL;
}

/* Put the answer of `cur` (registers, page) into the client. 0 or the server's error. */
static inline int answer_deliver(struct thread *cur, struct thread *client, uint64_t tag)
{
	if (unlikely(!tag_valid(tag)))
		return -EMSGSIZE;
	REGS_RESULT(&client->regs) = 0;
	if (unlikely(MSG_NHANDLES(tag))) {
		unsigned n = MSG_NHANDLES(tag);
		handle_t numbers[MSG_HANDLES_MAX];
		int err;

		for (unsigned i = 0; i < n; i++)
			numbers[i] = cur->msg->handles[i];
		err = handles_move(cur, numbers, n, client);
		if (err == -ENFILE) {
			REGS_RESULT(&client->regs) = (uint64_t)-EMFILE;
			return 0;
		}
		if (err)
			return err;
	}
	copy_words(&client->regs, &cur->regs);
	REGS_ARG1(&client->regs) = tag;
	if (tag & MSG_BYTES_MASK)
		copy_data(client->msg->data, cur->msg->data, tag_bytes(tag));
	return 0;
}

static void client_fail(struct thread *client, int error)
{
	call_settle(client);
	thread_wake(client, error);
}

/* A received call will not be answered: its channel or its sender is gone. Whoever holds it finds
 * it abandoned. */
static void call_cut(struct thread *client)
{
	if (client->server) {
		client->server->client = NULL;
		client->server->client_gone = true;
		loan_end_now(client->server);
	}
	if (client->reply)
		client->reply->client = NULL;
	client_fail(client, -EPIPE);
}

/* Find the request that a reply argument names. *client NULL: it was abandoned. The reply
 * object, if any, is detached; its capability is returned for closing after success. */
static int request_find(struct thread *cur, handle_t h, struct thread **client, struct cap **cap)
{
	int err;

	*cap = NULL;
	if (likely(h == REPLY_CURRENT)) {
		*client = cur->client;
		return likely(cur->client || cur->client_gone) ? 0 : -EINVAL;
	}
	err = cap_find(cur, h, OBJ_REPLY, 0, cap);
	if (!err)
		*client = reply_of((*cap)->object)->client;
	return err;
}

static void request_done(struct thread *cur, struct thread *client, struct cap *cap)
{
	if (cap) {
		reply_of(cap->object)->client = NULL;
		cap_close(cap);
	} else {
		cur->client = NULL;
		cur->client_gone = false;
	}
	if (client)
		call_settle(client);
}

void sys_ipc_reply(struct thread *cur)
{
	struct regs *r = &cur->regs;
	struct thread *client;
	struct cap *cap;
	int err = request_find(cur, REGS_ARG0(r), &client, &cap);

	if (!err && client)
		err = answer_deliver(cur, client, REGS_ARG1(r));
	if (!err) {
		request_done(cur, client, cap);
		if (client)
			thread_wake(client, K_DONE);
		if (!cap)
			loan_end_now(cur);
	}
	REGS_RESULT(r) = (uint64_t)(int64_t)err;
}

/* ---- receiving --------------------------------------------------------------------------- */

bool channel_pending(struct channel *ch)
{
	return !list_empty(&ch->abandoned) || !list_empty(&ch->messages) ||
	       !list_empty(&ch->callers[BAND_CRITICAL]) || !list_empty(&ch->callers[BAND_SYSTEM]) ||
	       !list_empty(&ch->callers[BAND_USER]) || !list_empty(&ch->closed);
}

static bool deliver_abandoned(struct channel *ch, struct thread *t)
{
	struct reply *rep;

	if (list_empty(&ch->abandoned))
		return false;
	rep = list_first(&ch->abandoned, struct reply, node);
	list_del(&rep->node);
	event_deliver(t, EVENT_ABANDONED, ch->watch ? ch->watch->key : 0, rep->badge, rep->tag);
	object_put(&rep->object); /* the list's */
	return true;
}

void message_handle_gone(struct cap *c)
{
	struct message *m = container_of(c->slot - c->index, struct message, handles[0]);

	account_uncharge(m->account, RES_HANDLES, 1);
	m->handles[c->index] = NULL;
}

/* Room for the `n` handles that are left; then they count for the receiver. */
static bool message_room(struct message *m, struct handle_table *to, unsigned n)
{
	/* not for the sender any more first: both may be at one limit */
	account_uncharge(m->account, RES_HANDLES, n);
	if (!handle_room(to, n))
		return true;
	account_recharge(m->account, RES_HANDLES, n);
	return false;
}

/* Handles of a message that were not revoked on the way. */
static unsigned message_handles(const struct message *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MSG_NHANDLES(m->tag); i++)
		n += m->handles[i] != NULL;
	return n;
}

static void message_free(struct message *m)
{
	for (unsigned i = 0; i < MSG_HANDLES_MAX; i++)
		if (m->handles[i])
			cap_close(m->handles[i]);
	account_uncharge(m->account, RES_MESSAGES, 1);
	account_put(m->account);
	m->sender->queued--;
	object_put(&m->sender->object);
	kmem_free(m, sizeof(*m) + ((tag_bytes(m->tag) + 7) & ~7u));
}

static bool deliver_message(struct channel *ch, struct thread *t)
{
	struct message *m;
	unsigned n;

	if (list_empty(&ch->messages))
		return false;
	m = list_first(&ch->messages, struct message, node);
	n = message_handles(m);
	if (n && !message_room(m, &t->process->table, n))
		return false; /* stays queued until the receiver makes room */
	list_del(&m->node);
	for (unsigned i = 0; i < MSG_NHANDLES(m->tag); i++) {
		t->msg->handles[i] = HANDLE_NONE; /* revoked on the way */
		if (m->handles[i])
			t->msg->handles[i] = cap_attach(&t->process->table, m->handles[i]);
		m->handles[i] = NULL;
	}
	regs_words_set(&t->regs, m->words);
	regs_message(&t->regs, m->tag, m->sender->badge);
	t->msg->from = m->from;
	copy_data(t->msg->data, m->data, tag_bytes(m->tag));
	message_free(m);
	return true;
}

static bool deliver_caller(struct channel *ch, struct thread *t)
{
	for (unsigned b = 0; b < BANDS; b++) {
		while (!list_empty(&ch->callers[b])) {
			struct thread *client = list_first(&ch->callers[b], struct thread, node);
			struct sender *s = client->call;
			int err;

			list_del(&client->node);
			client->call = NULL;
			err = s->killed
				      ? -EPIPE
				      : call_deliver(client, ch, s->badge, client->call_rights, t);
			object_put(&s->object);
			if (!err)
				return true;
			thread_wake(client, err);
		}
	}
	return false;
}

static bool deliver_closed(struct channel *ch, struct thread *t)
{
	struct sender *s;

	if (list_empty(&ch->closed))
		return false;
	s = list_first(&ch->closed, struct sender, closed_node);
	list_del(&s->closed_node);
	event_deliver(t, EVENT_CLOSED, ch->watch ? ch->watch->key : 0, s->badge, 0);
	object_put(&s->object); /* the list's */
	return true;
}

/* One-way messages of a sender come before its CLOSED. */
bool channel_deliver(struct channel *ch, struct thread *t)
{
	return deliver_abandoned(ch, t) || deliver_message(ch, t) || deliver_caller(ch, t) ||
	       deliver_closed(ch, t);
}

void channel_notify(struct channel *ch)
{
	struct thread *t;

	if (ch->watch) {
		queue_channel_ready(ch);
		return;
	}
	list_for_each_safe (w, &ch->receivers, struct thread, node) {
		if (w->suspended)
			continue;
		t = w;
		list_del(&t->node);
		timer_disarm(&t->timer);
		if (channel_deliver(ch, t))
			thread_wake(t, K_DONE);
		else
			receiver_return(t);
		return;
	}
}

void receiver_return(struct thread *t)
{
	if (t->source->type == OBJ_QUEUE)
		list_add_head(&queue_of(t->source)->waiters, &t->node);
	else
		list_add_head(&channel_of(t->source)->receivers, &t->node);
	t->run = t->source->type == OBJ_QUEUE ? THREAD_QUEUE : THREAD_RECEIVE;
	if (REGS_DEADLINE(&t->regs) != DEADLINE_NEVER)
		timer_arm(&t->timer, REGS_DEADLINE(&t->regs));
}

/* Wait on a channel or queue: take what is there (the thread stays current), or park. */
static inline void receive(struct thread *cur, struct object *source, uint64_t deadline)
{
	if (source->type == OBJ_QUEUE) {
		if (queue_receive_ready(queue_of(source), cur))
			return;
	} else if (channel_of(source)->watch) {
		REGS_RESULT(&cur->regs) = (uint64_t)-EBUSY;
		return;
	} else if (channel_pending(channel_of(source)) &&
		   channel_deliver(channel_of(source), cur)) {
		return;
	}
	if (unlikely(deadline == DEADLINE_NOW)) {
		REGS_RESULT(&cur->regs) = (uint64_t)-EAGAIN;
		return;
	}
	cur->source = source;
	cur->wants_registers = true;
	if (source->type == OBJ_QUEUE)
		list_add_tail(&queue_of(source)->waiters, &cur->node);
	else
		list_add_tail(&channel_of(source)->receivers, &cur->node);
	thread_park(cur, source->type == OBJ_QUEUE ? THREAD_QUEUE : THREAD_RECEIVE, deadline);
}

/* A server waits again without having answered: its client would wait for nobody. */
static void request_forget(struct thread *server)
{
	struct thread *client = server->client;

	server->client = NULL;
	server->client_gone = false;
	if (client)
		client_fail(client, -ECANCELED);
}

static inline int source_find(struct thread *cur, handle_t h, struct object **source)
{
	struct cap *c;
	int err = cap_find(cur, h, OBJ_NONE, 0, &c);

	if (unlikely(err))
		return err;
	if (c->object->type != OBJ_QUEUE && c->object->type != OBJ_CHANNEL)
		return -EINVAL;
	*source = c->object;
	return c->rights & (c->object->type == OBJ_QUEUE ? RIGHT_WAIT : RIGHT_READ) ? 0 : -EACCES;
}

void sys_ipc_reply_wait(struct thread *cur)
{
	struct regs *r = &cur->regs;
	uint64_t deadline = REGS_DEADLINE(r);
	handle_t reply = (handle_t)REGS_REPLY(r);
	struct cpu *cpu = this_cpu();
	struct thread *client = NULL;
	struct object *source;
	struct cap *cap = NULL;
	int err = source_find(cur, REGS_ARG0(r), &source);

	if (likely(!err && reply != REPLY_NONE)) {
		err = request_find(cur, reply, &client, &cap);
		if (likely(!err && client))
			err = answer_deliver(cur, client, REGS_ARG1(r));
	}
	if (unlikely(err)) {
		REGS_RESULT(r) = (uint64_t)(int64_t)err;
		return;
	}
	if (likely(reply != REPLY_NONE))
		request_done(cur, client, cap);
	if (unlikely(cur->client || cur->client_gone))
		request_forget(cur); /* not answered now: it would be lost behind the next one */
	receive(cur, source, deadline);
	if (!cpu->cur) { /* parked */
		loan_end(cur);
		if (likely(client) && sched_can_switch(cpu, client)) {
			sched_switch(cpu, client);
			return;
		}
	} else {
		if (!cur->client)
			loan_end(cur);
		if (cur->payer != cpu->payer) {
			sched_charge(cpu);
			cpu->payer = cur->payer;
		}
	}
	if (client)
		thread_wake(client, K_DONE);
}

/* ---- one-way messages ------------------------------------------------------------------------ */

static struct message *message_make(struct thread *cur, struct sender *s, uint32_t rights,
				    uint64_t tag)
{
	size_t bytes = (tag_bytes(tag) + 7) & ~7u;
	struct message *m = kmem_alloc(cur->process->account, sizeof(*m) + bytes);

	if (!m)
		return NULL;
	m->sender = s;
	object_get(&s->object);
	s->queued++;
	m->account = cur->process->account;
	account_get(m->account);
	m->from = cur->process->identity;
	m->from.badge = s->badge;
	m->from.rights = rights;
	m->tag = tag;
	regs_words_get(&cur->regs, m->words);
	copy_data(m->data, cur->msg->data, tag_bytes(tag));
	return m;
}

static int message_send(struct thread *cur, struct sender *s, uint32_t rights, uint64_t tag)
{
	struct account *account = cur->process->account;
	struct cap *caps[MSG_HANDLES_MAX];
	handle_t numbers[MSG_HANDLES_MAX];
	unsigned n = MSG_NHANDLES(tag);
	struct message *m;
	int err;

	if (tag & MSG_BUFFERS)
		return -EINVAL;
	if (sizeof(*m) + tag_bytes(tag) + 7 > PAGE_SIZE)
		return -EMSGSIZE;
	memcpy(numbers, cur->msg->handles, sizeof(numbers));
	err = sent_handles(cur, numbers, n, true, caps);
	if (err)
		return err;
	if (s->queued >= SENDER_QUEUED_MAX)
		return -EDQUOT;
	err = account_charge(account, RES_MESSAGES, 1);
	if (err)
		return err;
	m = message_make(cur, s, rights, tag);
	if (!m) {
		account_uncharge(account, RES_MESSAGES, 1);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++)
		cap_post(caps[i], m->handles, i);
	list_add_tail(&s->channel->messages, &m->node);
	channel_notify(s->channel);
	return 0;
}

void sys_ipc_send(struct thread *cur)
{
	struct sender *s;
	uint32_t rights;
	uint64_t tag = REGS_ARG1(&cur->regs);
	int err = call_find(cur, REGS_ARG0(&cur->regs), tag, &s, &rights);

	if (!err)
		err = message_send(cur, s, rights, tag);
	REGS_RESULT(&cur->regs) = (uint64_t)(int64_t)err;
}

/* ---- leaving, dying
 * ------------------------------------------------------------------------------ */

void call_leave(struct thread *t)
{
	struct channel *ch = t->call_channel;
	struct reply *rep = t->reply;

	if (t->run == THREAD_CALLING) {
		list_del(&t->node);
		object_put(&t->call->object);
		t->call = NULL;
		return;
	}
	if (t->server) {
		t->server->client = NULL;
		t->server->client_gone = true;
		loan_end_now(t->server);
	}
	call_settle(t);
	if (!rep)
		return;
	rep->client = NULL;
	rep->abandoned = true;
	if (ch->dead)
		return;
	object_get(&rep->object);
	list_add_tail(&ch->abandoned, &rep->node);
	channel_notify(ch);
}

/* Nobody holds the request any more, and the process that did ends. The channel must not go before
 * the client knows its fate: among `unanswered` it would have been told, here it counts. */
static void call_orphan(struct thread *client, struct process *p)
{
	object_get(&client->call_channel->object);
	client->orphan = true;
	list_del(&client->call_node);
	list_add_tail(&p->orphans, &client->call_node);
}

void request_drop(struct thread *server)
{
	struct process *p = server->process;
	struct thread *client = server->client;

	/* The last thread's end is the process's: then only this one is in the list. */
	if (!p->ending && server->process_node.next != server->process_node.prev) {
		request_forget(server);
		return;
	}
	server->client = NULL;
	client->server = NULL;
	call_orphan(client, p);
}

void orphans_answer(struct process *p)
{
	while (!list_empty(&p->orphans)) {
		struct thread *client = list_first(&p->orphans, struct thread, call_node);

		client_fail(client, client->call_channel->dead ? -EPIPE : -ERESTART);
	}
}

/* ---- objects
 * --------------------------------------------------------------------------------------- */

int64_t sys_channel_create(struct thread *cur)
{
	struct account *account = cur->process->account;
	struct channel *ch = kmem_alloc(account, sizeof(*ch));
	handle_t h;
	int err;

	if (!ch)
		return -ENOMEM;
	object_init(&ch->object, OBJ_CHANNEL, account);
	list_init(&ch->receivers);
	for (unsigned b = 0; b < BANDS; b++)
		list_init(&ch->callers[b]);
	list_init(&ch->messages);
	list_init(&ch->closed);
	list_init(&ch->abandoned);
	list_init(&ch->unanswered);
	list_init(&ch->senders);
	err = handle_install(&cur->process->table, &ch->object,
			     RIGHTS_ALL & ~(RIGHT_WX | RIGHT_EXECUTE), NULL, &h);
	object_put(&ch->object);
	return err ? err : (int64_t)h;
}

/* The last receive handle went: nobody will ever answer. */
void channel_unhandled(struct object *o)
{
	struct channel *ch = channel_of(o);

	ch->dead = true;
	if (ch->watch)
		watch_end(ch->watch);
	while (!list_empty(&ch->receivers)) {
		struct thread *t = list_first(&ch->receivers, struct thread, node);

		list_del(&t->node);
		thread_wake(t, -EPIPE);
	}
	for (unsigned b = 0; b < BANDS; b++)
		while (!list_empty(&ch->callers[b])) {
			struct thread *t = list_first(&ch->callers[b], struct thread, node);

			call_leave(t);
			thread_wake(t, -EPIPE);
		}
	while (!list_empty(&ch->unanswered))
		call_cut(list_first(&ch->unanswered, struct thread, call_node));
	while (!list_empty(&ch->messages)) {
		struct message *m = list_first(&ch->messages, struct message, node);

		list_del(&m->node);
		message_free(m);
	}
	while (!list_empty(&ch->abandoned)) {
		struct reply *rep = list_first(&ch->abandoned, struct reply, node);

		list_del(&rep->node);
		object_put(&rep->object);
	}
	while (!list_empty(&ch->closed)) {
		struct sender *s = list_first(&ch->closed, struct sender, closed_node);

		list_del(&s->closed_node);
		object_put(&s->object);
	}
}

void channel_destroy(struct object *o)
{
	struct channel *ch = channel_of(o);

	assert(list_empty(&ch->unanswered) && list_empty(&ch->messages) &&
	       list_empty(&ch->receivers));
	kmem_free(ch, sizeof(*ch));
}

static unsigned sender_bucket(const struct channel *ch, uint64_t badge)
{
	uint64_t h = (ch->object.id * 0x9e3779b97f4a7c15ull) ^ (badge * 0xff51afd7ed558ccdull);

	return (h >> 40) % SENDER_BUCKETS;
}

static struct sender **sender_place(const struct channel *ch, uint64_t badge)
{
	struct sender **at = &sender_table[sender_bucket(ch, badge)];

	while (*at && ((*at)->channel != ch || (*at)->badge != badge))
		at = &(*at)->hash_next;
	return at;
}

static int sender_payer(struct thread *cur, handle_t reply, struct account **out)
{
	struct thread *client;
	struct cap *cap;
	int err;

	*out = cur->process->account;
	if (reply == REPLY_NONE)
		return 0;
	err = request_find(cur, reply, &client, &cap);
	if (!err && !client)
		err = -ECANCELED;
	if (!err)
		*out = client->process->account;
	return err;
}

int64_t sys_channel_sender(struct thread *cur, handle_t channel, uint64_t badge, uint32_t rights,
			   handle_t reply)
{
	struct account *account;
	struct channel *ch;
	struct object *o;
	struct sender *s;
	handle_t h;
	int err = object_find(cur, channel, OBJ_CHANNEL, RIGHT_MANAGE, &o);

	if (!err)
		err = sender_payer(cur, reply, &account);
	if (err)
		return err;
	ch = channel_of(o);
	if (*sender_place(ch, badge))
		return -EEXIST;
	if (rights == RIGHTS_SAME)
		rights = RIGHTS_ALL & ~RIGHT_WX;
	if (rights & ~RIGHTS_ALL)
		return -EINVAL;
	s = kmem_alloc(account, sizeof(*s));
	if (!s)
		return -ENOMEM;
	object_init(&s->object, OBJ_SENDER, account);
	s->channel = ch;
	object_get(&ch->object);
	s->badge = badge;
	list_init(&s->closed_node);
	list_add_tail(&ch->senders, &s->node);
	*sender_place(ch, badge) = s;
	s->killed = true; /* no CLOSED for a sender whose first handle was never made */
	err = handle_install(&cur->process->table, &s->object, rights, NULL, &h);
	if (!err)
		s->killed = false;
	object_put(&s->object);
	return err ? err : (int64_t)h;
}

/* The badge is free again at once; what still points to the sender sees `killed`. */
static void sender_unhash(struct sender *s)
{
	struct sender **at = sender_place(s->channel, s->badge);

	if (*at == s)
		*at = s->hash_next;
	s->hash_next = NULL;
}

int64_t sys_sender_kill(struct thread *cur, handle_t channel, uint64_t badge)
{
	struct object *o;
	struct sender *s;
	int err = object_find(cur, channel, OBJ_CHANNEL, RIGHT_MANAGE, &o);

	if (err)
		return err;
	s = *sender_place(channel_of(o), badge);
	if (!s)
		return -ENOENT;
	sender_unhash(s);
	s->killed = true;
	for (unsigned b = 0; b < BANDS; b++)
		list_for_each_safe (t, &s->channel->callers[b], struct thread, node)
			if (t->call == s) {
				call_leave(t);
				thread_wake(t, -EPIPE);
			}
	list_for_each_safe (t, &s->channel->unanswered, struct thread, call_node)
		if (t->call_badge == badge)
			call_cut(t);
	return 0;
}

void sender_unhandled(struct object *o)
{
	struct sender *s = sender_of(o);

	if (s->killed || s->channel->dead || s->reported)
		return;
	s->reported = true;
	object_get(&s->object);
	list_add_tail(&s->channel->closed, &s->closed_node);
	channel_notify(s->channel);
}

void sender_destroy(struct object *o)
{
	struct sender *s = sender_of(o);

	sender_unhash(s);
	list_del(&s->node);
	object_put(&s->channel->object);
	kmem_free(s, sizeof(*s));
}

/* ---- replies kept
 * --------------------------------------------------------------------------------------- */

int64_t sys_reply_save(struct thread *cur)
{
	struct thread *client = cur->client;
	struct account *account = cur->process->account;
	struct reply *rep;
	handle_t h;
	int err;

	if (!client) {
		err = cur->client_gone ? -ECANCELED : -EINVAL;
		cur->client_gone = false;
		return err;
	}
	rep = kmem_alloc(account, sizeof(*rep));
	if (!rep)
		return -ENOMEM;
	object_init(&rep->object, OBJ_REPLY, account);
	list_init(&rep->node);
	rep->channel = client->call_channel;
	object_get(&rep->channel->object);
	rep->badge = client->call_badge;
	rep->tag = client->call_tag;
	err = handle_install(&cur->process->table, &rep->object,
			     RIGHT_READ | RIGHT_WRITE | RIGHT_INSIDE, NULL, &h);
	if (!err) {
		rep->client = client;
		client->reply = rep;
		client->server = NULL;
		cur->client = NULL;
		loan_end_now(cur);
	}
	object_put(&rep->object);
	return err ? err : (int64_t)h;
}

/* Its handle was closed unanswered: by the server (a refusal), or with the server. */
void reply_unhandled(struct object *o)
{
	struct reply *rep = reply_of(o);
	struct thread *client = rep->client;

	if (!client)
		return;
	rep->client = NULL;
	client->reply = NULL;
	if (!clearing_process) {
		client_fail(client, -ECANCELED);
		return;
	}
	call_orphan(client, clearing_process);
}

void reply_destroy(struct object *o)
{
	struct reply *rep = reply_of(o);

	object_put(&rep->channel->object);
	kmem_free(rep, sizeof(*rep));
}

static int64_t reply_copy(struct thread *cur, handle_t reply, uint64_t offset, uaddr_t buf,
			  uint64_t len, bool write)
{
	struct thread *client;
	struct cap *cap;
	uint64_t base, size;
	int err = request_find(cur, reply, &client, &cap);

	if (err)
		return err;
	if (!client)
		return -ECANCELED;
	if (!(client->call_tag & MSG_BUFFERS))
		return -EINVAL;
	base = write ? client->out : client->in;
	size = write ? client->out_len : client->in_len;
	if (offset > size || len > size - offset)
		return -EINVAL;
	if (len > 1024 * 1024)
		len = 1024 * 1024; /* one slice; the caller goes on from the count */
	if (write)
		return aspace_copy(client->aspace, base + offset, cur->aspace, buf.a, len);
	return aspace_copy(cur->aspace, buf.a, client->aspace, base + offset, len);
}

int64_t sys_reply_read(struct thread *cur, handle_t reply, uint64_t offset, uaddr_t out,
		       uint64_t len)
{
	return reply_copy(cur, reply, offset, out, len, false);
}

int64_t sys_reply_write(struct thread *cur, handle_t reply, uint64_t offset, uaddr_t in,
			uint64_t len)
{
	return reply_copy(cur, reply, offset, in, len, true);
}

int64_t sys_reply_violation(struct thread *cur, handle_t reply, uint32_t pledge)
{
	struct fault_record crash = {FAULT_NONE, 0, 0, 0};
	struct thread *client;
	struct cap *cap;
	int err = request_find(cur, reply, &client, &cap);

	if (err)
		return err;
	if (!client)
		return -ECANCELED;
	if (!pledge || (pledge & ~PLEDGES_ALL))
		return -EINVAL;
	request_done(cur, client, cap);
	loan_end_now(cur);
	thread_wake(client, -EPERM);
	if (!(client->process->pledges & pledge) && cur->process->silo->id < 1000) {
		klog(LOG_IPC, LOG_WARN, "pid %lu %s: pledge violation %x", client->process->pid,
		     client->process->name, pledge);
		crash.rip = REGS_IP(&client->regs);
		process_end(client->process, -EPERM, &crash);
	}
	return 0;
}

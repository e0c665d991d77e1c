/* SPDX-License-Identifier: ISC */
/*
 * call.c: synchronous calls, from the client to a server's hands.
 *
 * A call with a receiver waiting switches straight to it, without a run queue;
 * else it waits at the channel, in its thread. What a client wrote in its message
 * page is copied once, when the message is delivered. The pages are the kernel's
 * own mapping of pinned frames, so delivery cannot fault.
 *
 * The answer is request.c's, and calls without one are call_end.c's. fastpath.S
 * does the same as sys_ipc_call for the plainest calls.
 *
 * Who may lie: the client, about lengths, handles and buffers (all checked here).
 */
#include "ipc_private.h"

uint64_t stat_ipc_calls;

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

int call_deliver(struct thread *client, struct channel *ch, uint64_t badge, uint32_t rights,
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
	regs_message(&server->regs, tag, badge);
	identity_deliver(server, client->process, badge, rights);
	if (unlikely(client->fault_call)) {
		fault_deliver(client, server);
	} else {
		copy_words(&server->regs, &client->regs);
		if (tag & MSG_BYTES_MASK)
			copy_data(server->msg->data, client->msg->data, tag_bytes(tag));
	}
	thread_set_run(client, THREAD_REPLY);
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

/* The call is in the server's hands: go on with that, here or elsewhere. */
static inline void call_switch(struct cpu *cpu, struct thread *cur, struct thread *server)
{
	if (unlikely(thread_flagged(cur)))
		parked_flagged = cur;
	if (sched_can_switch(cpu, server)) {
		sched_switch(cpu, server);
		return;
	}
	cpu->cur = NULL;
	thread_set_run(server, THREAD_READY);
	sched_ready(server);
}

void call_fault(struct thread *cur, struct sender *s, uint32_t rights)
{
	struct channel *ch = s->channel;
	struct thread *server = take_receiver(ch);
	int err;

	if (!server) {
		call_queue(cur, ch, s, rights, DEADLINE_NEVER);
		return;
	}
	err = call_deliver(cur, ch, s->badge, rights, server);
	assert(!err); /* neither handles nor buffers */
	call_switch(this_cpu(), cur, server);
}

void sys_ipc_call(struct thread *cur)
{
	struct regs *r = &cur->regs;
	uint64_t tag = REGS_ARG1(r), deadline = REGS_DEADLINE(r);
	struct thread *server;
	struct channel *ch;
	struct sender *s;
	uint32_t rights;
	int err = sender_find(cur, REGS_ARG0(r), tag, &s, &rights);

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
	call_switch(this_cpu(), cur, server);
	return;
fail:
	REGS_RESULT(r) = (uint64_t)(int64_t)err;
}

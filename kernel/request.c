/* SPDX-License-Identifier: ISC */
/*
 * request.c: requests, which are received calls in a server's hands: answered, and
 * the next one waited for.
 *
 * A request is the server thread's current one (server->client), or kept in a reply
 * object (reply.c). The answer switches straight back to the client when the server
 * then waits; fastpath.S does the same as sys_ipc_reply_wait for the plainest of them.
 *
 * Who may lie: the server, about lengths and handles; that reaches nobody but its
 * own client.
 */
#include "ipc_private.h"

/* ---- answers ------------------------------------------------------------- */

/* Put the answer of `cur` (registers, page) into the client. 0 or the server's error. */
static inline int answer_deliver(struct thread *cur, struct thread *client, uint64_t tag)
{
	if (unlikely(!tag_valid(tag)))
		return -EMSGSIZE;
	if (unlikely(client->fault_call))
		return fault_answer(cur, client, tag);
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

void request_done(struct thread *cur, struct thread *client, struct cap *cap)
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

/* ---- waiting for the next ------------------------------------------------ */

/* The server's loan ends when it holds no request in hand. It is parked, or about to charge. */
static inline void loan_end(struct thread *server)
{
	server->payer = server->process->silo;
	server->band = server->own_band;
}

/* Wait on a channel or queue: take what is there (the thread stays current), or park. */
static inline void receive(struct thread *cur, struct object *source, uint64_t deadline)
{
	if (source->type == OBJ_QUEUE) {
		if (queue_receive_ready(queue_of(source), cur))
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

static inline int source_find(struct thread *cur, handle_t h, struct object **source)
{
	struct cap *c;
	int err = cap_find(cur, h, OBJ_NONE, 0, &c);

	if (unlikely(err))
		return err;
	if (c->object->type != OBJ_QUEUE && c->object->type != OBJ_CHANNEL)
		return -EINVAL;
	*source = c->object;
	if (c->object->type == OBJ_QUEUE)
		return c->rights & RIGHT_WAIT ? 0 : -EACCES;
	if (unlikely(!(c->rights & RIGHT_READ)))
		return -EACCES;
	return unlikely(channel_of(c->object)->watch) ? -EBUSY : 0;
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
		/* EAGAIN says that the wait found nothing, so that the answer was sent. */
		REGS_RESULT(r) = (uint64_t)(int64_t)(err == -EAGAIN ? -EBUSY : err);
		return;
	}
	if (likely(reply != REPLY_NONE))
		request_done(cur, client, cap);
	if (unlikely(cur->client || cur->client_gone)) {
		if (client) /* who is answered goes on first: what is forgotten may be its end */
			thread_wake(client, K_DONE);
		client = NULL;
		/* not answered now: it would be lost behind the next one */
		request_forget(cur, -ECANCELED);
	}
	if (likely(cur->run == THREAD_RUNNING)) /* a fault of its own process ends cur, too */
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

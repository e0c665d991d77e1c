/* SPDX-License-Identifier: ISC */
/*
 * receive.c: what a channel has for a receiver, in which order, and who gets it.
 *
 * First replies that were abandoned, so that a server stops working in vain, then
 * one-way messages, then calls by the band of their callers, and last the senders
 * that closed: what a sender sent comes before its CLOSED. A channel in a queue
 * gives to the queue's waiters (queue.c), else to the threads that wait at itself.
 */
#include "ipc_private.h"

static void event_deliver(struct thread *t, uint32_t kind, uint64_t key, uint64_t data0,
			  uint64_t data1)
{
	regs_event(&t->regs, kind, key, 1, data0, data1);
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

static bool deliver_message(struct channel *ch, struct thread *t)
{
	if (list_empty(&ch->messages))
		return false;
	message_deliver(ch, t);
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
			call_fail(client, err);
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
	if (REGS_DEADLINE(&t->regs) != DEADLINE_NEVER)
		timer_arm(&t->timer, REGS_DEADLINE(&t->regs));
}

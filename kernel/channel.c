/* SPDX-License-Identifier: ISC */
/*
 * channel.c: the channel object, from its making to its end.
 *
 * A channel without a receive handle is dead, and nothing waits at it any more: nobody
 * would ever answer. Its senders hold it, dead, for as long as they have handles.
 *
 * What goes through it: call.c and request.c, message.c, receive.c.
 */
#include "ipc_private.h"

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
			call_fail(t, -EPIPE);
		}
	while (!list_empty(&ch->unanswered))
		call_cut(list_first(&ch->unanswered, struct thread, call_node));
	messages_drop(ch);
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

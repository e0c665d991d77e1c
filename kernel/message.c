/* SPDX-License-Identifier: ISC */
/*
 * message.c: handles in messages of any kind; one-way messages.
 *
 * Handles move, so all that a message names are looked at before the first one is
 * taken. A one-way message is copied when it is sent, and waits at its channel,
 * charged to the sender's account with the handles in it. Its handles stay in the
 * derivation tree: what is revoked on the way is missing at the end. So is what the
 * receiver has no room for. The message does not wait for that: a server at its limit
 * would not be told by CLOSED, which comes behind it, what it can let go.
 *
 * Calls, whose messages wait in their threads, are in call.c.
 */
#include "ipc_private.h"

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

/* ---- handles in messages ------------------------------------------------- */

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

int sent_handles(struct thread *from, const handle_t *numbers, unsigned n, bool one_way,
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

int handles_move(struct thread *from, const handle_t *numbers, unsigned n, struct thread *to)
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

/* ---- one-way messages ---------------------------------------------------- */

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
	int err = sender_find(cur, REGS_ARG0(&cur->regs), tag, &s, &rights);

	if (!err)
		err = message_send(cur, s, rights, tag);
	REGS_RESULT(&cur->regs) = (uint64_t)(int64_t)err;
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

/* All that are left arrive, or none. */
static void message_handles_deliver(struct message *m, struct thread *t)
{
	unsigned n = message_handles(m);
	bool room = n && message_room(m, &t->process->table, n);

	for (unsigned i = 0; i < MSG_NHANDLES(m->tag); i++) {
		t->msg->handles[i] = HANDLE_NONE;
		if (!room || !m->handles[i])
			continue;
		t->msg->handles[i] = cap_attach(&t->process->table, m->handles[i]);
		m->handles[i] = NULL;
	}
}

void message_deliver(struct channel *ch, struct thread *t)
{
	struct message *m = list_first(&ch->messages, struct message, node);

	list_del(&m->node);
	message_handles_deliver(m, t);
	regs_words_set(&t->regs, m->words);
	regs_message(&t->regs, m->tag, m->sender->badge);
	t->msg->from = m->from;
	copy_data(t->msg->data, m->data, tag_bytes(m->tag));
	message_free(m); /* last: a handle that it closes may be heard of at this channel */
}

void messages_drop(struct channel *ch)
{
	while (!list_empty(&ch->messages)) {
		struct message *m = list_first(&ch->messages, struct message, node);

		list_del(&m->node);
		message_free(m);
	}
}

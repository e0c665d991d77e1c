/* SPDX-License-Identifier: ISC */
/*
 * sender.c: senders: the object behind all send handles with one badge.
 *
 * A sender is found by channel and badge in one hash table. A killed one is out of
 * it at once, so that the badge is free again; what still points to it sees
 * `killed`. When its last handle goes, the channel gets CLOSED, once, and not for a
 * sender that was killed.
 */
#include "ipc_private.h"

#define SENDER_BUCKETS 1024

static struct sender *sender_table[SENDER_BUCKETS];

uint64_t sender_badge(const struct object *o)
{
	return container_of(o, struct sender, object)->badge;
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
				call_fail(t, -EPIPE);
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

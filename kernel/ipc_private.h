/* SPDX-License-Identifier: ISC */
/*
 * ipc_private.h: what the files of IPC share: call.c, call_end.c, channel.c,
 * message.c, receive.c, reply.c, request.c and sender.c.
 *
 * A call's way through them: call.c hands it to a receiver or queues it,
 * receive.c takes it from the queue, request.c answers it; call_end.c ends the
 * calls that get no answer.
 */
#pragma once
#include "channel.h"
#include "memory.h"
#include "queue.h"
#include "silo.h"
#include "syscall.h"

/* ---- moving a message ---------------------------------------------------- */

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

/* By words; in the last one zeros stand for what is behind the last byte. */
static inline void copy_data(void *to, const void *from, unsigned bytes)
{
	uint64_t *d = to;
	const uint64_t *s = from;

	for (; bytes >= 8; bytes -= 8)
		*d++ = *s++;
	if (bytes)
		*d = *s & ~(UINT64_MAX << 8 * bytes);
}

/* message.c: find all handles that a message names; each may stand there once. */
must_check int sent_handles(struct thread *from, const handle_t *numbers, unsigned n, bool one_way,
			    struct cap **caps);
/* Move handles of `from` to `to`. 0; an error of the sender's; or -ENFILE: no room at `to`. */
must_check int handles_move(struct thread *from, const handle_t *numbers, unsigned n,
			    struct thread *to);
/* The first of the one-way messages, for a receiver; without its handles, if that has no room for
 * them. */
void message_deliver(struct channel *ch, struct thread *t);
void messages_drop(struct channel *ch); /* all that wait there */

/* ---- calls --------------------------------------------------------------- */

/* A sender to send by. -EPIPE: nobody receives, or it was killed; -EMSGSIZE. */
static inline int sender_find(struct thread *cur, handle_t h, uint64_t tag, struct sender **s,
			      uint32_t *rights)
{
	struct cap *cap;
	int err = cap_find(cur, h, OBJ_SENDER, RIGHT_WRITE, &cap);

	if (unlikely(err))
		return err;
	*s = sender_of(cap->object);
	*rights = cap->rights;
	if (unlikely((*s)->killed || (*s)->channel->dead))
		return -EPIPE;
	return unlikely(!tag_valid(tag)) ? -EMSGSIZE : 0;
}

/* call.c: hand a call to a server thread whose registers are free: the thread is parked in a
 * receive, or it is the current one. 0, or the error that the client gets; then nothing has
 * changed. */
must_check int call_deliver(struct thread *client, struct channel *ch, uint64_t badge,
			    uint32_t rights, struct thread *server);

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

/* call_end.c: the call is over, with an error. Out of all lists already (call_fail), or not. */
void call_fail(struct thread *client, int error);
void client_fail(struct thread *client, int error);
/* A received call will not be answered: its channel or its sender is gone. Whoever holds it finds
 * it abandoned. */
void call_cut(struct thread *client);
/* Nobody holds the request any more, and the process that did ends. */
void call_orphan(struct thread *client, struct process *p);
/* A server waits again without having answered, or ends: its client would wait for nobody. */
void request_forget(struct thread *server, int error);
/* The client goes, and with it perhaps its silo: nobody may go on working on its time, neither the
 * server, in whatever state it is, nor whom that has asked in turn. */
void loan_end_now(struct thread *server);

/* ---- faults as calls ----------------------------------------------------- */

/* call.c: the faulting thread, which is current, calls by a sender that lives. */
void call_fault(struct thread *cur, struct sender *s, uint32_t rights);
/* fault_call.c: what the handler gets instead of words and data. */
void fault_deliver(struct thread *client, struct thread *server);
/* The handler's answer: 0, and the client can go on; or the handler's error. */
must_check int fault_answer(struct thread *cur, struct thread *client, uint64_t tag);
void fault_unanswered(struct thread *client, int error); /* call_fail of such a call */

/* ---- answers ------------------------------------------------------------- */

static inline struct reply *reply_of(struct object *o)
{
	return container_of(o, struct reply, object);
}

/* Find the request that a reply argument names. *client NULL: it was abandoned. *cap: of the reply
 * object, if it is one, for request_done. */
static inline int request_find(struct thread *cur, handle_t h, struct thread **client,
			       struct cap **cap)
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

/* request.c: it is answered, and no longer in hand; the client, if there is one, is still parked.
 */
void request_done(struct thread *cur, struct thread *client, struct cap *cap);

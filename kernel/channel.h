/* SPDX-License-Identifier: ISC */
/*
 * channel.h: channels, senders, calls, replies.
 *
 * A call is a thread: it is queued at the channel (THREAD_CALLING) until a
 * receiver takes it, and then waits for its reply (THREAD_REPLY), held by the
 * server thread (server->client) or by a reply object (reply_save). Every
 * received and unanswered call is also in channel->unanswered.
 *
 * What the files of IPC keep among themselves is in ipc_private.h.
 */
#pragma once
#include "object.h"
#include "process.h"

struct queue;
struct watch;

struct channel {
	struct object object;
	struct list receivers;	    /* threads waiting in ipc_reply_wait on the channel itself */
	struct list callers[BANDS]; /* THREAD_CALLING, thread.node */
	struct list messages;	    /* one-way */
	struct list closed;	    /* senders whose CLOSED event waits */
	struct list abandoned;	    /* replies whose ABANDONED event waits */
	struct list unanswered;	    /* thread.call_node */
	struct list senders;
	struct watch *watch; /* its place in a queue, or NULL */
	bool dead;	     /* no receive handle is left */
};

struct sender {
	struct object object;
	struct channel *channel; /* counted */
	uint64_t badge;
	bool killed;
	bool reported;		  /* CLOSED was queued */
	uint32_t queued;	  /* one-way messages waiting */
	struct sender *hash_next; /* by (channel, badge) */
	struct list node;	  /* channel->senders */
	struct list closed_node;
};

struct reply {
	struct object object;
	struct thread *client;	 /* NULL: answered or abandoned */
	struct channel *channel; /* counted */
	uint64_t badge, tag;
	bool abandoned;
	struct list node; /* channel->abandoned */
};

static inline struct channel *channel_of(struct object *o)
{
	return container_of(o, struct channel, object);
}
static inline struct sender *sender_of(struct object *o)
{
	return container_of(o, struct sender, object);
}

/* Does it have something for a receiver? */
static inline bool channel_pending(const struct channel *ch)
{
	return !list_empty(&ch->abandoned) || !list_empty(&ch->messages) ||
	       !list_empty(&ch->callers[BAND_CRITICAL]) || !list_empty(&ch->callers[BAND_SYSTEM]) ||
	       !list_empty(&ch->callers[BAND_USER]) || !list_empty(&ch->closed);
}

/* receive.c: take what the channel has for `t` (parked or current). True: t's registers are set. */
bool channel_deliver(struct channel *c, struct thread *t);
/* Something was put into the channel: wake a receiver, or its queue. */
void channel_notify(struct channel *c);
/* Put a receiver taken by take_receiver or queue_take_receiver back at the front. */
void receiver_return(struct thread *t);

/* call_end.c: the caller of `t`'s wait leaves: unlink, abandon. Called by thread_unwait. */
void call_leave(struct thread *t);
/* A server thread ends, still in its process's list. When the process ends with it, its client
 * waits on the process's `orphans` until it is known whether the channel lives on (ERESTART) or not
 * (EPIPE); else it gets ECANCELED now. */
void request_drop(struct thread *server);
void orphans_answer(struct process *p);

struct fault_info;
/* fault_call.c: the current thread's fault goes to its process's handler as a call. False: there is
 * none, or it is dead. */
must_check bool fault_call(struct thread *cur, const struct fault_info *f);

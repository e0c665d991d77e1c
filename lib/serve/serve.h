/* SPDX-License-Identifier: ISC */
/*
 * serve.h: a 9P server on a channel: its main loop and its transport.
 *
 * One channel, one queue, one thread. The loop answers the request in hand and waits for the next
 * one or for an event in a single trap; requests that an op keeps become reply handles. What the
 * engine calls a session is a sender of the channel, and the session's id is the sender's badge.
 *
 * Badges: SERVE_BADGE_CONNECTOR is the connector that whoever mounts the server holds: Tconnect on
 * it makes a session, paid for by the asker. SERVE_BADGE_SUB + i are connectors of parts of the
 * tree (serve_sub), or of the root where the server has not named such a part. Badges up to
 * SERVE_BADGE_LAST are reserved, those with SERVE_BADGE_PRIVATE are the program's and never
 * sessions; all others are ids of the engine, which start at the time of the server's start (ns
 * since boot), so that no successor on the same channel gives an id twice. A handle needs WRITE to
 * send at all, so that a session may not write is said by its badge (SERVE_BADGE_READONLY).
 *
 * A message whose label has SERVE_LABEL_9P set, or no label, carries a 9P frame. Other labels are
 * calls of their own: SERVE_LABEL_PING is answered here (words: requests served, errors, requests
 * kept), which tells a supervisor that the loop turns. SERVE_LABEL_STOP ends the loop if it comes
 * from a silo of system tier whose mode has STOP. The rest goes to serve->call.
 *
 * Who may lie: every sender, in every byte and word. Frames with text are copied before they are
 * decoded, since an op may make calls of its own, which use the same message page.
 *
 * Spec: docs/writing-a-server.md.
 */
#pragma once
#include "9p/server.h"
#include "sys/ipc.h"

#define SERVE_BADGE_CONNECTOR 1u
#define SERVE_BADGE_REGISTRAR 2u /* rootd's; see serve/register.h */
#define SERVE_BADGE_SUB	      3u
#define SERVE_BADGE_LAST      15u
#define SERVE_SUBS	      (SERVE_BADGE_LAST - SERVE_BADGE_SUB + 1)
#define SERVE_BADGE_PRIVATE   (1ull << 61)
#define SERVE_BADGE_READONLY  (1ull << 60) /* beside an id: the session may not write */

#define SERVE_LABEL_9P	 0x80000000u /* the rest is a number that finds an abandoned request */
#define SERVE_LABEL_PING 0x50494e47u /* "PING" */
#define SERVE_LABEL_STOP 0x53544f50u /* "STOP" */

#define SERVE_SESSIONS 1024u
#define SERVE_REQUESTS 64u	  /* kept, a session */
#define SERVE_MEMORY   (1u << 20) /* that clients may hold; see struct p9_limits */

/* What a connector may hand on; WRITE only together with CHANGE, since sending needs WRITE in any
 * case. Moving in a message needs GRANT. */
#define SERVE_RIGHTS_FILE                                                                          \
	(RIGHT_READ | RIGHT_WRITE | RIGHT_EXECUTE | RIGHT_MAP | RIGHT_SEEK | RIGHT_STAT |          \
	 RIGHT_IOCTL | RIGHT_CONNECT | RIGHT_ACCEPT | RIGHT_BIND | RIGHT_MMAP | RIGHT_CHANGE)
#define SERVE_RIGHTS_SEND (RIGHT_WRITE | RIGHT_GRANT)

struct serve;

/* Something else that the loop waits for. The memory is the server's and stays until removed. */
struct serve_watch {
	void (*fn)(struct serve_watch *w, const struct event *e);
	void *arg;
	uint64_t id; /* the queue's; 0: not watched */
};

/* A message that is not 9P. Everything in it is the sender's word but from and nhandles. */
struct serve_call {
	uint32_t label, len;
	const uint8_t *data; /* len bytes; the message page: gone at the next call or message */
	struct identity from;
	uint64_t w[MSG_WORDS];
	handle_t handles[MSG_HANDLES_MAX]; /* set one to HANDLE_NONE to keep it; the rest is closed
					    */
	unsigned nhandles;
	uint64_t answer[MSG_WORDS]; /* answer[0] is set to what the callback returned */
	handle_t give;		    /* moves to the caller; 0: none */
};

struct serve_kept {
	handle_t reply; /* 0: free */
	uint32_t generation;
	uint64_t badge, tag;
};

struct serve {
	struct p9_server p9;
	handle_t channel, queue;
	bool own_channel; /* made here: nobody has mounted it yet */
	/* Optional: other labels. Result for answer[0]. */
	int64_t (*call)(struct serve *s, struct serve_call *c);
	/* Optional: the last handle with a badge of SERVE_BADGE_PRIVATE has gone. */
	void (*closed)(struct serve *s, uint64_t badge);
	void *ctx; /* the program's */
	bool stop; /* set it to end serve_run */
	/* private */
	struct p9_session *connector;
	struct p9_session *subs[SERVE_SUBS];	/* NULL: not named */
	handle_t senders[SERVE_BADGE_LAST + 1]; /* of connectors that were made here, by badge */
	bool in_hand;				/* a request is neither answered nor kept */
	bool answered; /* its answer lies in the message page and goes with the next wait */
	struct ipc_msg answer;
	handle_t given;	     /* went with the answer */
	uint64_t badge, tag; /* of the request in hand */
	struct serve_kept *kept;
	uint32_t kept_size, kept_count;
	uint8_t frame[MSG_DATA_MAX];
};

/*
 * Make the server: on the channel of bootstrap handle "serve" if the supervisor gave one, else on a
 * channel of its own. limits NULL: SERVE_SESSIONS, SERVE_REQUESTS, SERVE_MEMORY. ops and ctx as
 * p9_server_init. Errors: -ENOMEM, -EMFILE, -EDQUOT, -EINVAL.
 */
P9_MUST int serve_init(struct serve *s, const struct p9_ops *ops, void *ctx,
		       const struct p9_limits *limits);

/*
 * Part i (below SERVE_SUBS) of the tree, for a connector of its own: path is relative to the root,
 * "mem" or "cons". It may be a file. The tree must stand, and ops->walk1 must answer at once for
 * these names. Errors: what walk1 says, -ENOMEM.
 */
P9_MUST int serve_sub(struct serve *s, unsigned i, const char *path);

/* A new connector handle (SERVE_RIGHTS_FILE | SERVE_RIGHTS_SEND), the caller's; badge is
 * SERVE_BADGE_CONNECTOR or SERVE_BADGE_SUB + i. Errors: -EEXIST the supervisor has made it. */
P9_MUST int serve_connector(struct serve *s, uint64_t badge, handle_t *out);

/* Watch a source (sys_queue_add). Errors: as sys_queue_add. */
P9_MUST int serve_watch_add(struct serve *s, struct serve_watch *w, handle_t source, uint32_t kind,
			    uint32_t flags, uint64_t arg);
/* Set the timer of w, or stop it (DEADLINE_NEVER). period 0: once. */
P9_MUST int serve_watch_timer(struct serve *s, struct serve_watch *w, uint64_t deadline,
			      uint64_t period);
/* Watch the u32 at addr for futex_wake. */
P9_MUST int serve_watch_memory(struct serve *s, struct serve_watch *w, const volatile void *addr);
void serve_watch_remove(struct serve *s, struct serve_watch *w);

/*
 * The first len bytes of the memory that outlives this program (`keeper on`, bootstrap handle
 * "state"): zeros, or what a predecessor wrote, which may have been broken: check it. Private
 * memory of zeros where nobody keeps any. NULL: no memory.
 */
void *serve_state(uint64_t len);

/* Serve until serve->stop is set; 0, or what ended the wait. */
P9_MUST int serve_run(struct serve *s);

/* Send an answer that waits in the message page, so that the page may be used. The client
 * transport does it by itself; only programs that call ipc_* in an op need to. */
void serve_flush(void);

/* private: channel.c */
extern const struct p9_transport serve_transport;
extern __thread struct serve *serve_answering; /* whose answer lies in this thread's page */
void serve_answer_now(struct serve *s);
/* The cookie of the kept request with this badge and tag, or 0. */
uint64_t serve_kept_find(const struct serve *s, uint64_t badge, uint64_t tag);
/* Turn the answer in the message page into Rlerror err. */
void serve_answer_error(struct serve *s, int err);
void serve_answer_failed(struct serve *s, int err);

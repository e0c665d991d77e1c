/* SPDX-License-Identifier: ISC */
/*
 * 9p_local.h: channels on the host: servers, handles and calls in one process, with crashes.
 *
 * A handle names a sender: a server and the id of a session. The frame of a call is served where
 * it lies and answered in the same memory, as in a message page. A planned crash hits the call
 * whose number it names, or several in a row: the server ends, a successor starts over the same
 * tree, and the call goes to the successor, comes back with -ERESTART, or with -EPIPE.
 */
#pragma once
#include "9p/client.h"
#include "9p/server.h"

#define LOCAL_HANDLES 256u

enum local_crash {
	CRASH_NONE,
	CRASH_QUEUED,	/* before the call was received: the successor gets it */
	CRASH_RECEIVED, /* received, nothing done yet: -ERESTART */
	CRASH_DONE,	/* done, not answered: -ERESTART */
	CRASH_DEAD,	/* for good: -EPIPE */
	CRASH_KINDS
};

struct local_world;
struct local_server {
	struct local_world *world;
	struct p9_server p9;
	const struct p9_ops *ops;
	void *ctx;
	struct p9_limits limits;
	bool dead;
	uint32_t generation;
};

struct local_call;
struct local_world {
	struct {
		struct local_server *server; /* NULL: free */
		uint64_t id;
		uint32_t rights;
	} handles[LOCAL_HANDLES]; /* [0] is never used */
	struct identity from;
	struct local_call *current;
	uint64_t calls;	     /* counted */
	uint64_t crash_at;   /* the call that is hit; 0: none */
	uint64_t crash_more; /* and how many right behind it */
	enum local_crash crash;
	bool crashed;
	/* Let the server of a kept request go on. False: nothing to do, the call times out. */
	bool (*pump)(void *arg);
	void *pump_arg;
	/* Memory behind handles that are no senders, of links made from now on; NULL: there is
	 * none. */
	int (*copy)(void *arg, uint32_t handle, uint64_t offset, void *out, uint32_t len);
	void (*dropped)(void *arg, uint32_t handle); /* or NULL */
	void *copy_arg;
	uint32_t handles_live, links_live;
};

void local_init(struct local_world *w);
void local_server_start(struct local_world *w, struct local_server *s, const struct p9_ops *ops,
			void *ctx, const struct p9_limits *limits);
void local_server_stop(struct local_server *s);
void local_server_restart(struct local_server *s);
/* A handle on a new session, or connector. */
uint32_t local_handle(struct local_server *s, uint32_t session_flags, uint32_t rights);
struct p9_link *local_link(struct local_world *w, uint32_t handle);

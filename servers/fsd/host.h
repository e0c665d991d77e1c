/* SPDX-License-Identifier: ISC */
/*
 * host.h: the process around struct fsd: what main.c, link.c and sys.c share. Private to them.
 *
 * Two threads. The main one owns everything. The other one, of link.c, makes the calls that may
 * wait for a driver: finding it, offering the ring, asking whether it still has it. They speak by
 * words that are rung: orders to that thread, news from it. [M] main thread, [L] link's thread,
 * [C] constant after start.
 */
#pragma once
#include <stdatomic.h>
#include "serve/serve.h"
#include "servers/fsd/fsd.h"

#define LINK_PATH_MAX 64

struct link {
	const char *wanted;	     /* [C] a path, or "auto" */
	char path[LINK_PATH_MAX];    /* [L] the disk, once it was found */
	struct p9_file *file;	     /* [L] keeps the session that the ring was offered on */
	_Atomic uint32_t orders;     /* ORDER_* bits; taken by the thread */
	_Atomic uint32_t ordered;    /* counts; rung by the main thread */
	_Atomic uint32_t news;	     /* counts; rung by the thread */
	_Atomic uint32_t up, gone;   /* how often; the thread's */
	uint32_t up_seen, gone_seen; /* [M] */
	struct geometry geometry;    /* the thread's until it adds to `up`, then the main one's */
};

struct host {
	struct serve serve;
	struct fsd f;
	struct link link;
	handle_t pool, ring;	    /* [C] VMOs */
	handle_t bell, driver_bell; /* [C] */
	struct serve_watch bell_watch, alarm_watch, news_watch;
};

/* Start the thread, and watch its news. Errors: -EAGAIN no thread; as serve_watch_memory. */
FSD_MUST int link_start(struct host *h, const char *wanted);
/* For the main thread: orders. */
void link_seek(struct host *h);
void link_doubt(struct host *h);

static inline struct host *host_of(struct fsd *f)
{
	return f->host;
}

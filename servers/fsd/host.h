/* SPDX-License-Identifier: ISC */
/*
 * host.h: the process around struct fsd: what main.c, link.c and sys.c share. Private to them.
 *
 * Two threads. The main one owns everything. The other one, of link.c, makes the calls that may
 * wait for a driver: finding it, offering the ring. They speak by words that are rung: orders to
 * seek, offers that were taken. One follows the other, so that what the thread leaves for the main
 * one is not changed meanwhile. [M] main thread, [L] link's thread, [C] constant after start.
 */
#pragma once
#include <stdatomic.h>
#include "serve/serve.h"
#include "servers/fsd/fsd.h"

#define LINK_PATH_MAX 64
#define LINK_LENT     3 /* ring, pool, bell */

struct link {
	const char *wanted;	  /* [C] a path, or "auto" */
	char path[LINK_PATH_MAX]; /* [L] the disk, once it was found */
	struct p9_file *file;	  /* [L] keeps the session that the ring was offered on */
	handle_t lent[LINK_LENT]; /* [L] what the handles that a driver was given hang from */
	_Atomic uint32_t seeks;	  /* orders; counts, rung by the main thread */
	_Atomic uint32_t taken;	  /* offers taken; counts, rung by the thread */
	uint32_t taken_seen;	  /* [M] */
	uint32_t offer;		  /* number of the last one; the thread's, as geometry */
	struct geometry geometry; /* the thread's until it adds to `taken`, then the main one's */
	handle_t life;		  /* [C] channel of the offers' lives */
	uint64_t standing, ended; /* [M] offers: that which is in use, whose life ended last */
};

struct host {
	struct serve serve;
	struct fsd f;
	struct link link;
	handle_t pool, ring; /* [C] VMOs */
	handle_t bell;	     /* [C] */
	struct serve_watch bell_watch, alarm_watch, taken_watch, life_watch;
};

/* Start the thread, and watch what it does. Errors: -EAGAIN no thread; as serve_watch_memory. */
FSD_MUST int link_start(struct host *h, const char *wanted);
/* For the main thread: find a driver for the ring. */
void link_seek(struct host *h);

static inline struct host *host_of(struct fsd *f)
{
	return f->host;
}

/* SPDX-License-Identifier: ISC */
/*
 * link.c: the thread that finds the block driver and offers it the ring, and the ring's life.
 *
 * The thread resolves the disk's path and offers the ring until a driver takes it. Where the
 * driver's supervisor keeps its channel, the call waits for the successor by itself; where nothing
 * is mounted, nothing says when something will be, so it is tried again after a pause that doubles
 * from 10 ms to 1 s.
 *
 * Each offer carries a life of its own, a sender of the channel `life` with the offer's number as
 * badge. CLOSED with the number of the offer that stands means that its driver has no ring any
 * more: it is dead, or has given it up. It may come before the news that the offer was taken.
 *
 * Between the news of an offer taken and the next order to seek the main thread owns the ring; else
 * this one does, and the driver that is offered it.
 *
 * Who may lie: the driver, in its answers; disk_up checks the geometry. And it may keep what it was
 * given, or hand it on: so all of it is revoked before the ring is offered again. A driver that
 * still uses it (it hangs, or broke the rules) ends by that, which is what its supervisor needs.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "servers/fsd/host.h"
#include "9p/client.h"
#include "serve/client_channel.h"
#include "serve/ns.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"

#define PAUSE_FIRST (10 * NS_PER_MS)
#define PAUSE_MAX   (1000 * NS_PER_MS)
#define OFFER_NS    (30 * NS_PER_S)
#define CALL_NS	    (3 * NS_PER_S) /* other calls, of which some go to a driver that is not there */

static void word_ring(_Atomic uint32_t *word)
{
	atomic_fetch_add(word, 1);
	if (sys_futex_wake((uintptr_t)word, 1) < 0)
		log_print("fsd: a wake failed");
}

void link_seek(struct host *h)
{
	word_ring(&h->link.seeks);
}

/* ---- the offer ----------------------------------------------------------------------------------
 */

enum { GIVE_RING, GIVE_POOL, GIVE_BELL, GIVE_LIFE, GIVES };

static void ring_take_back(struct link *l)
{
	for (unsigned i = 0; i < LINK_LENT; i++) {
		if (l->lent[i] == HANDLE_NONE)
			continue;
		if (sys_handle_revoke(l->lent[i]) < 0)
			log_print("fsd: a driver keeps what it was given");
		sys_handle_close(l->lent[i]);
		l->lent[i] = HANDLE_NONE;
	}
}

/* A handle for the driver, below one of ours by which it can be taken back. */
static int64_t lend(handle_t what, uint32_t rights, handle_t *ours)
{
	int64_t h = sys_handle_dup(what, rights | RIGHT_REVOKE | RIGHT_GRANT);

	if (h < 0)
		return h;
	*ours = (handle_t)h;
	return sys_handle_dup(*ours, rights | RIGHT_GRANT);
}

/* What the driver gets; the life's badge is the offer's number. */
static int handles_make(struct host *h, uint32_t offer, handle_t out[GIVES])
{
	handle_t *ours = h->link.lent;
	int64_t r[GIVES] = {
		lend(h->ring, RIGHT_READ | RIGHT_WRITE | RIGHT_MAP, &ours[GIVE_RING]),
		lend(h->pool, RIGHT_READ | RIGHT_WRITE, &ours[GIVE_POOL]),
		lend(h->bell, RIGHT_READ | RIGHT_WRITE | RIGHT_WAIT, &ours[GIVE_BELL]),
		sys_channel_sender(h->link.life, offer, RIGHT_GRANT, REPLY_NONE),
	};
	int err = 0;

	for (unsigned i = 0; i < GIVES; i++) {
		if (r[i] < 0)
			err = (int)r[i];
		out[i] = r[i] < 0 ? HANDLE_NONE : (handle_t)r[i];
	}
	for (unsigned i = 0; err && i < GIVES; i++)
		if (out[i] != HANDLE_NONE)
			sys_handle_close(out[i]);
	return err;
}

static int ring_offer(struct host *h, handle_t session)
{
	struct ipc_msg m = {
		.tag = MSG_LABEL(RING_OFFER) | MSG_HANDLES(GIVES),
		.w = {RING_VERSION, RING_SIZE, RING_SEGS, (uint64_t)h->f.pages << FSD_SHIFT}};
	handle_t give[GIVES];
	int64_t r;
	int err = handles_make(h, ++h->link.offer, give);

	if (err)
		return err;
	ring_client_reset(&h->f.ring);
	memcpy(message_page()->handles, give, sizeof(give));
	r = ipc_call(session, &m, time_in(OFFER_NS));
	for (unsigned i = 0; i < GIVES; i++)
		sys_handle_close(give[i]); /* if it is still here */
	if (r < 0)
		return (int)r;
	if (m.w[0])
		return (int64_t)m.w[0] < 0 && (int64_t)m.w[0] > -4096 ? (int)m.w[0] : -EPROTO;
	if (m.w[1] > UINT32_MAX || m.w[3] > UINT32_MAX || m.w[4] > UINT32_MAX)
		return -EPROTO;
	h->link.geometry = (struct geometry){.sector_size = (uint32_t)m.w[1],
					     .sectors = m.w[2],
					     .segments = (uint32_t)m.w[3],
					     .request_sectors = (uint32_t)m.w[4]};
	return 0;
}

/* A session with the driver behind path. The walk makes it known to a driver that is new. */
static int disk_offer(struct host *h, const char *path)
{
	struct link *l = &h->link;
	struct p9_file *file;
	int err = p9_client_walk(ns_client(), path, false, &file);

	if (err)
		return err;
	err = ring_offer(h, channel_link_handle(file->conn->link));
	if (err) {
		ring_take_back(l);
		p9_client_close(file);
		return err;
	}
	l->file = file;
	if (path != l->path)
		snprintf(l->path, sizeof(l->path), "%s", path);
	return 0;
}

static int disk_try(struct host *h)
{
	static const char *const usual[] = {"/scheme/block/vda", "/scheme/block/sda"};
	const struct link *l = &h->link;
	int err = -ENOENT;

	if (l->path[0])
		return disk_offer(h, l->path);
	if (strcmp(l->wanted, "auto"))
		return disk_offer(h, l->wanted);
	for (unsigned i = 0; i < sizeof(usual) / sizeof(usual[0]) && err; i++)
		err = disk_offer(h, usual[i]);
	return err;
}

static void seek(struct host *h)
{
	struct link *l = &h->link;
	uint64_t pause = PAUSE_FIRST;
	int err, told = 0;

	p9_client_close(l->file);
	l->file = NULL;
	ring_take_back(l);
	while ((err = disk_try(h))) {
		if (err != told)
			log_print("fsd: no driver for %s yet: %s", l->path[0] ? l->path : l->wanted,
				  error_text(err));
		told = err;
		if (sys_thread_sleep(time_in(pause)) < 0)
			continue;
		pause = pause * 2 > PAUSE_MAX ? PAUSE_MAX : pause * 2;
	}
	word_ring(&l->taken);
}

static void *link_thread(void *arg)
{
	struct host *h = arg;
	struct link *l = &h->link;
	uint32_t done = 0;

	for (;;) {
		uint32_t seeks = atomic_load(&l->seeks);
		int64_t r;

		if (seeks != done) {
			done = seeks;
			seek(h);
			continue;
		}
		r = sys_futex_wait((uintptr_t)&l->seeks, seeks, DEADLINE_NEVER);
		if (r < 0 && r != -EAGAIN && r != -EINTR)
			log_print("fsd: a wait failed: %d", (int)r);
	}
	return NULL;
}

/* ---- the main thread's side
 * ---------------------------------------------------------------------- */

static void on_life(struct serve_watch *w, const struct event *e)
{
	struct host *h = w->arg;
	struct link *l = &h->link;

	if (e->kind != EVENT_CLOSED)
		return;
	l->ended = e->data0;
	if (e->data0 == l->standing)
		disk_down(&h->f, "its driver is gone");
	fsd_turn(&h->f);
}

/* An offer was taken. What was ordered since is younger: this order's news has been seen then. */
static void on_taken(struct serve_watch *w, const struct event *e)
{
	struct host *h = w->arg;
	struct link *l = &h->link;
	uint32_t taken = atomic_load(&l->taken);

	(void)e;
	if (taken == l->taken_seen)
		return;
	l->taken_seen = taken;
	l->standing = l->offer;
	disk_up(&h->f, &l->geometry);
	if (l->ended == l->standing)
		disk_down(&h->f, "its driver is gone");
	fsd_turn(&h->f);
}

static int life_make(struct host *h)
{
	int64_t channel = sys_channel_create();

	if (channel < 0)
		return (int)channel;
	h->link.life = (handle_t)channel;
	h->life_watch = (struct serve_watch){.fn = on_life, .arg = h};
	return serve_watch_add(&h->serve, &h->life_watch, h->link.life, EVENT_MESSAGE, 0, 0);
}

int link_start(struct host *h, const char *wanted)
{
	pthread_t thread;
	int err;

	h->link.wanted = wanted;
	ns_client()->timeout_ns = CALL_NS;
	h->taken_watch = (struct serve_watch){.fn = on_taken, .arg = h};
	err = life_make(h);
	if (!err)
		err = serve_watch_memory(&h->serve, &h->taken_watch, (const void *)&h->link.taken);
	if (err)
		return err;
	err = pthread_create(&thread, NULL, link_thread, h);
	if (err)
		return -err;
	link_seek(h);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * link.c: the thread that finds the block driver and offers it the ring.
 *
 * Order SEEK: resolve the disk's path and offer the ring until a driver takes it. Where the
 * driver's supervisor keeps its channel, the call waits for the successor by itself; where nothing
 * is mounted, nothing says when something will be, so it is tried again after a pause that doubles
 * from 10 ms to 1 s. Order DOUBT (requests are waiting and nothing comes): read the driver's
 * status; one that does not answer, or answers that it has no ring, is gone. A driver that died and
 * came back is found so, too: the successor has no ring.
 *
 * Between an UP and the next SEEK the main thread owns the ring; between a SEEK and an UP nobody
 * writes to it but the driver that is offered it.
 *
 * Who may lie: the driver, in its answers; disk_up checks the geometry.
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

#define ORDER_SEEK  1u
#define ORDER_DOUBT 2u
#define PAUSE_FIRST (10 * NS_PER_MS)
#define PAUSE_MAX   (1000 * NS_PER_MS)
#define OFFER_NS    (30 * NS_PER_S)
#define CALL_NS	    (3 * NS_PER_S) /* other calls, of which some go to a driver that is not there */
#define STATUS_MAX  2048u

static void word_ring(_Atomic uint32_t *word)
{
	atomic_fetch_add(word, 1);
	if (sys_futex_wake((uintptr_t)word, 1) < 0)
		log_print("fsd: a wake failed");
}

static void order_give(struct link *l, uint32_t order)
{
	atomic_fetch_or(&l->orders, order);
	word_ring(&l->ordered);
}

void link_seek(struct host *h)
{
	order_give(&h->link, ORDER_SEEK);
}

void link_doubt(struct host *h)
{
	order_give(&h->link, ORDER_DOUBT);
}

/* ---- the offer ----------------------------------------------------------------------------------
 */

static int handles_copy(const struct host *h, handle_t out[4])
{
	const struct {
		handle_t handle;
		uint32_t rights;
	} give[4] = {
		{h->ring, RIGHT_READ | RIGHT_WRITE | RIGHT_MAP | RIGHT_GRANT},
		{h->pool, RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT},
		{h->driver_bell, RIGHT_READ | RIGHT_WRITE | RIGHT_WAIT | RIGHT_GRANT},
		{h->bell, RIGHT_WRITE | RIGHT_GRANT},
	};

	for (unsigned i = 0; i < 4; i++) {
		int64_t copy = sys_handle_dup(give[i].handle, give[i].rights);

		if (copy < 0) {
			while (i--)
				sys_handle_close(out[i]);
			return (int)copy;
		}
		out[i] = (handle_t)copy;
	}
	return 0;
}

static int ring_offer(struct host *h, handle_t session)
{
	struct ipc_msg m = {
		.tag = MSG_LABEL(RING_OFFER) | MSG_HANDLES(4),
		.w = {RING_VERSION, RING_SIZE, RING_SEGS, (uint64_t)h->f.pages << FSD_SHIFT}};
	handle_t copies[4];
	int64_t r;
	int err = handles_copy(h, copies);

	if (err)
		return err;
	memcpy(message_page()->handles, copies, sizeof(copies));
	r = ipc_call(session, &m, time_in(OFFER_NS));
	for (unsigned i = 0; i < 4; i++)
		sys_handle_close(copies[i]); /* if it is still here */
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

static void link_news(struct link *l, _Atomic uint32_t *what)
{
	atomic_fetch_add(what, 1);
	word_ring(&l->news);
}

static void seek(struct host *h)
{
	struct link *l = &h->link;
	uint64_t pause = PAUSE_FIRST;
	int err, told = 0;

	p9_client_close(l->file);
	l->file = NULL;
	while ((err = disk_try(h))) {
		if (err != told)
			log_print("fsd: no driver for %s yet: %s", l->path[0] ? l->path : l->wanted,
				  error_text(err));
		told = err;
		if (sys_thread_sleep(time_in(pause)) < 0)
			continue;
		pause = pause * 2 > PAUSE_MAX ? PAUSE_MAX : pause * 2;
	}
	link_news(l, &l->up);
}

/* Does the driver have our ring? */
static bool driver_has_ring(const struct link *l)
{
	char path[LINK_PATH_MAX + 8], text[STATUS_MAX];

	snprintf(path, sizeof(path), "%s/status", l->path);
	if (ns_load_text(path, text, sizeof(text)) < 0)
		return false;
	return strstr(text, "\nstate attached\n") || strstr(text, "\nstate draining\n");
}

static void *link_thread(void *arg)
{
	struct host *h = arg;
	struct link *l = &h->link;

	for (;;) {
		uint32_t seen = atomic_load(&l->ordered);
		uint32_t orders = atomic_exchange(&l->orders, 0);
		int64_t r;

		if (orders & ORDER_SEEK) {
			seek(h);
		} else if (orders & ORDER_DOUBT) {
			if (!driver_has_ring(l))
				link_news(l, &l->gone);
		} else {
			r = sys_futex_wait((uintptr_t)&l->ordered, seen, DEADLINE_NEVER);
			if (r < 0 && r != -EAGAIN && r != -EINTR)
				log_print("fsd: a wait failed: %d", (int)r);
		}
	}
	return NULL;
}

/* ---- the main thread's side
 * ---------------------------------------------------------------------- */

/* A GONE that came together with an UP is older than it. */
static void on_news(struct serve_watch *w, const struct event *e)
{
	struct host *h = w->arg;
	struct link *l = &h->link;
	uint32_t up = atomic_load(&l->up), gone = atomic_load(&l->gone);

	(void)e;
	if (gone != l->gone_seen)
		disk_down(&h->f, "its driver is gone");
	l->gone_seen = gone;
	if (up != l->up_seen)
		disk_up(&h->f, &l->geometry);
	l->up_seen = up;
	fsd_turn(&h->f);
}

int link_start(struct host *h, const char *wanted)
{
	pthread_t thread;
	int err;

	h->link.wanted = wanted;
	ns_client()->timeout_ns = CALL_NS;
	h->news_watch = (struct serve_watch){.fn = on_news, .arg = h};
	err = serve_watch_memory(&h->serve, &h->news_watch, (const void *)&h->link.news);
	if (err)
		return err;
	err = pthread_create(&thread, NULL, link_thread, h);
	if (err)
		return -err;
	link_seek(h);
	return 0;
}

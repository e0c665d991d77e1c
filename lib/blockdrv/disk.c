/* SPDX-License-Identifier: ISC */
/*
 * disk.c: requests between ring and device: taking, giving, ending, deadlines.
 *
 * block_disk_run is the one place that moves requests: first those that wait, then new ones from
 * the ring, until the device or the ring has no more. It is called behind every event.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "blockdrv/blockdrv.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"
#include "serve/register.h"

#define DEADLINE_DEFAULT_MS 10000u
#define DEADLINE_MIN_MS	    50u
#define DEADLINE_MAX_MS	    60000u

/* ---- ending requests ------------------------------------------------------------- */

static void count(struct block_disk *disk, const struct block_request *r, int status)
{
	if (status)
		disk->errors++;
	switch ((enum block_op)r->op) {
	case BLOCK_READ:
		disk->reads++;
		disk->sectors_read += r->sectors;
		break;
	case BLOCK_WRITE:
		disk->writes++;
		disk->sectors_written += r->sectors;
		break;
	case BLOCK_FLUSH: disk->flushes++; break;
	case BLOCK_TRIM: break;
	}
}

static void answer(struct block_disk *disk, struct block_ring *k, uint64_t cookie, int status)
{
	if (ring_server_complete(&k->server, cookie, status)) {
		log_print("%s: the client does not take its completions", disk->name);
		block_ring_drop(disk);
		return;
	}
	k->answered = true;
}

/* It is neither with the device nor waiting any more. */
static void request_end(struct block_request *r, int status)
{
	struct block_disk *disk = r->disk;

	r->state = BLOCK_REQUEST_FREE;
	count(disk, r, status);
	if (r->ring == disk->ring)
		answer(disk, r->ring, r->cookie, status);
	else
		block_ring_settle(disk);
}

static void device_gives_back(struct block_request *r)
{
	r->disk->active--;
	r->ring->active--;
}

void block_done(struct block_request *r, int status)
{
	device_gives_back(r);
	if (!status && r->then_flush && r->ring == r->disk->ring) {
		/* The write's data lie in a volatile cache: not done yet. */
		count(r->disk, r, 0);
		r->then_flush = false;
		r->op = BLOCK_FLUSH;
		r->sectors = r->ranges = 0;
		r->state = BLOCK_REQUEST_WAITING;
		r->disk->waiting++;
		return;
	}
	request_end(r, status);
}

/* ---- deadlines and errors -------------------------------------------------------- */

/* All that the device had waits again, but for those that `end` chooses a status for. */
static void give_back_all(struct block_disk *disk,
			  int (*end)(const struct block_request *r, uint64_t now))
{
	uint64_t now = time_now();

	for (uint32_t i = 0; i < BLOCK_DEPTH; i++) {
		struct block_request *r = &disk->request[i];
		int status;

		if (r->state != BLOCK_REQUEST_ACTIVE)
			continue;
		device_gives_back(r);
		status = r->ring == disk->ring ? end(r, now) : -EIO;
		if (status) {
			request_end(r, status);
			continue;
		}
		r->state = BLOCK_REQUEST_WAITING;
		disk->waiting++;
	}
}

static int end_none(const struct block_request *r, uint64_t now)
{
	(void)r;
	(void)now;
	return 0;
}

static int end_io(const struct block_request *r, uint64_t now)
{
	(void)r;
	(void)now;
	return -EIO;
}

static int end_late(const struct block_request *r, uint64_t now)
{
	return r->deadline <= now ? -ETIMEDOUT : 0;
}

void block_stopped(struct block_disk *disk)
{
	if (disk->active <= 1) {
		give_back_all(disk, end_io);
		return;
	}
	disk->serial_mode = true;
	give_back_all(disk, end_none);
}

/* The device does not even restart: its supervisor is to start this program again. */
static void disk_lose(struct block_disk *disk, int err)
{
	log_print("%s: lost: %s", disk->name, error_text(err));
	disk->lost = true;
	disk->driver->serve.stop = true;
}

static int device_restart(struct block_disk *disk)
{
	int err;

	disk->restarts++;
	disk->unkicked = false;
	err = disk->ops->restart(disk);
	if (err)
		disk_lose(disk, err);
	return err;
}

void block_broken(struct block_disk *disk, const char *why)
{
	log_print("%s: %s", disk->name, why);
	if (!device_restart(disk))
		block_stopped(disk);
}

void block_restart(struct block_disk *disk)
{
	if (!device_restart(disk))
		give_back_all(disk, end_none);
	block_disk_run(disk);
}

static void timer_set(struct block_disk *disk, uint64_t at)
{
	if (at >= disk->timer_at)
		return;
	if (serve_watch_timer(&disk->driver->serve, &disk->timer, at, 0))
		log_print("%s: no timer", disk->name);
	else
		disk->timer_at = at;
}

/* Is one of this state past its deadline? *next becomes the earliest of the others'. */
static bool any_late(const struct block_disk *disk, enum block_state state, uint64_t now,
		     uint64_t *next)
{
	bool late = false;

	for (uint32_t i = 0; i < BLOCK_DEPTH; i++) {
		const struct block_request *r = &disk->request[i];

		if (r->state != state)
			continue;
		late |= r->deadline <= now;
		if (r->deadline > now && r->deadline < *next)
			*next = r->deadline;
	}
	return late;
}

static void end_late_waiting(struct block_disk *disk, uint64_t now)
{
	for (uint32_t i = 0; i < BLOCK_DEPTH; i++) {
		struct block_request *r = &disk->request[i];

		if (r->state != BLOCK_REQUEST_WAITING || r->deadline > now)
			continue;
		disk->waiting--;
		request_end(r, -ETIMEDOUT);
	}
}

static void on_timer(struct serve_watch *w, const struct event *e)
{
	struct block_disk *disk = w->arg;
	uint64_t now = time_now(), next = DEADLINE_NEVER;

	(void)e;
	disk->timer_at = DEADLINE_NEVER;
	if (any_late(disk, BLOCK_REQUEST_ACTIVE, now, &next)) {
		log_print("%s: a request is late, the device is restarted", disk->name);
		disk->timeouts++;
		if (!device_restart(disk))
			give_back_all(disk, end_late);
	}
	if (any_late(disk, BLOCK_REQUEST_WAITING, now, &next))
		end_late_waiting(disk, now);
	if (next != DEADLINE_NEVER)
		timer_set(disk, next);
	block_disk_run(disk);
}

/* ---- taking and giving ----------------------------------------------------------- */

static struct block_request *request_free(struct block_disk *disk)
{
	for (uint32_t i = 0; i < disk->depth; i++)
		if (disk->request[i].state == BLOCK_REQUEST_FREE)
			return &disk->request[i];
	return NULL;
}

static struct block_request *request_oldest(struct block_disk *disk)
{
	struct block_request *oldest = NULL;

	for (uint32_t i = 0; i < disk->depth; i++) {
		struct block_request *r = &disk->request[i];

		if (r->state == BLOCK_REQUEST_WAITING &&
		    (!oldest || r->sequence < oldest->sequence))
			oldest = r;
	}
	return oldest;
}

/* False: the device has no room. */
static bool request_give(struct block_disk *disk, struct block_request *r)
{
	int err;

	if (disk->serial_mode && disk->active)
		return false;
	err = disk->ops->submit(disk, r);
	if (err == -EAGAIN)
		return false;
	disk->waiting--;
	if (err) {
		request_end(r, err);
		return true;
	}
	r->state = BLOCK_REQUEST_ACTIVE;
	r->ring->active++;
	disk->active++;
	disk->unkicked = true;
	return true;
}

static uint64_t deadline_of(const struct ring_submission *s)
{
	uint32_t ms = s->deadline_ms ? s->deadline_ms : DEADLINE_DEFAULT_MS;

	ms = ms < DEADLINE_MIN_MS ? DEADLINE_MIN_MS : ms > DEADLINE_MAX_MS ? DEADLINE_MAX_MS : ms;
	return time_in(ms * NS_PER_MS);
}

static void request_begin(struct block_disk *disk, struct block_request *r,
			  const struct ring_submission *s, const struct ring_segment *segs)
{
	struct block_ring *k = disk->ring;
	int err = block_request_make(r, &disk->limits, &k->pool, disk->features, s, segs);

	if (err) {
		disk->refused++;
		answer(disk, k, s->cookie, err);
		return;
	}
	r->then_flush = r->fua && !disk->fua && disk->features & BLOCK_FEATURE_FLUSH;
	r->ring = k;
	r->deadline = deadline_of(s);
	r->sequence = disk->sequence++;
	r->state = BLOCK_REQUEST_WAITING;
	disk->waiting++;
	timer_set(disk, r->deadline);
}

/* One submission from the ring: false, there is none. */
static bool ring_take(struct block_disk *disk, struct block_request *r)
{
	struct ring_segment segs[BLOCK_SEGMENTS];
	struct ring_submission s;
	int got = ring_server_take(&disk->ring->server, &s, segs, BLOCK_SEGMENTS);

	if (!got)
		return false;
	if (got == -EPROTO) {
		log_print("%s: the client broke the ring", disk->name);
		block_ring_drop(disk);
		return false;
	}
	if (got < 0) {
		disk->refused++;
		answer(disk, disk->ring, s.cookie, got);
		return disk->ring != NULL;
	}
	request_begin(disk, r, &s, segs);
	return disk->ring != NULL;
}

/* Give all that can be given. True: the ring was emptied. */
static bool disk_pump(struct block_disk *disk)
{
	struct block_request *r;

	while (!disk->lost) {
		if (disk->waiting) {
			r = request_oldest(disk);
			if (!request_give(disk, r))
				return false;
			continue;
		}
		if (!disk->active)
			disk->serial_mode = false;
		r = request_free(disk);
		if (!r || !disk->ring || disk->old)
			return false;
		if (!ring_take(disk, r))
			return true;
	}
	return false;
}

void block_disk_run(struct block_disk *disk)
{
	bool empty;

	if (disk->ring)
		ring_server_awake(&disk->ring->server);
	do
		empty = disk_pump(disk);
	while (empty && disk->ring && !ring_server_sleep(&disk->ring->server));
	if (disk->unkicked) {
		disk->unkicked = false;
		disk->ops->kick(disk);
	}
	if (!disk->ring || !disk->ring->answered)
		return;
	disk->ring->answered = false;
	if (ring_server_bell(&disk->ring->server) &&
	    sys_signal_set(disk->ring->bell, 0, RING_BELL_CLIENT) < 0)
		log_print("%s: the client cannot be rung", disk->name);
}

/* ---- the driver ------------------------------------------------------------------ */

static void on_interrupt(struct serve_watch *w, const struct event *e)
{
	struct block_driver *d = w->arg;

	d->interrupts += e->count;
	d->interrupt(d);
	if (d->line && sys_irq_ack(d->irq) < 0)
		log_print("blockdrv: the line does not take an acknowledgement");
	for (unsigned i = 0; i < d->disks; i++)
		block_disk_run(d->disk[i]);
}

static int64_t on_call(struct serve *s, struct serve_call *c)
{
	struct block_driver *d = s->ctx;
	struct block_disk *disk;

	if (c->label != RING_OFFER)
		return -EOPNOTSUPP;
	disk = block_session_disk(d, c->from.badge);
	return disk ? block_ring_offer(disk, c) : -EINVAL;
}

int block_disk_add(struct block_driver *d, struct block_disk *disk)
{
	int err = disk->absent ? 0 : block_limits_make(&disk->limits);

	if (err || !disk->depth || disk->depth > BLOCK_DEPTH)
		return -EINVAL;
	if (d->disks == BLOCK_DISKS)
		return -ENOSPC;
	disk->driver = d;
	disk->timer_at = DEADLINE_NEVER;
	disk->timer = (struct serve_watch){.fn = on_timer, .arg = disk};
	for (uint32_t i = 0; i < BLOCK_DEPTH && !disk->absent; i++) {
		disk->request[i].disk = disk;
		disk->request[i].slot = (uint16_t)i;
	}
	d->disk[d->disks++] = disk;
	return 0;
}

int block_driver_run(struct block_driver *d, const char *path)
{
	int err = block_tree_init(d);

	if (err)
		return err;
	d->serve.call = on_call;
	d->serve.ctx = d;
	d->irq_watch = (struct serve_watch){.fn = on_interrupt, .arg = d};
	err = serve_watch_add(&d->serve, &d->irq_watch, d->irq, EVENT_IRQ, 0, 0);
	if (!err)
		err = serve_register(&d->serve, path);
	return err ? err : serve_run(&d->serve);
}

/* SPDX-License-Identifier: ISC */
/*
 * disk.c: requests to the block driver, over the ring.
 *
 * A request is one run of sectors and the pieces of pool pages that take it. It is QUEUED until the
 * ring has room and a driver, IN FLIGHT until a completion carries its cookie. When the driver
 * goes, everything in flight is queued again, before what was queued already, and submitted to the
 * next one: reading twice does no harm, and the pages stay reserved meanwhile.
 *
 * Who may lie: the driver. A cookie that is not in flight, a broken ring, or a request that is not
 * answered for IO_NS, ends the link to it. What it puts into
 * the pages is the disk's word.
 *
 * Spec: abi/ring.h.
 */
#include <errno.h>
#include <string.h>
#include "servers/fsd/fsd.h"

#define IO_NONE	    UINT32_MAX
#define CAREFUL	    64u
#define DEADLINE_MS 15000u /* the driver's, for one request */

static uint32_t io_index(const struct fsd *f, const struct io *io)
{
	return (uint32_t)(io - f->io);
}

void disk_init(struct fsd *f)
{
	for (uint32_t i = 0; i < IO_COUNT; i++)
		f->io[i].next = i + 1 < IO_COUNT ? i + 1 : IO_NONE;
	f->io_free = 0;
	f->io_free_count = IO_COUNT;
	f->queue_first = f->queue_last = IO_NONE;
	f->link = LINK_DOWN;
}

static struct io *io_take(struct fsd *f, uint64_t sector)
{
	struct io *io = &f->io[f->io_free];

	f->io_free = io->next;
	f->io_free_count--;
	io->generation++;
	io->sector = sector;
	io->sectors = 0;
	io->segs = 0;
	return io;
}

static void io_give(struct fsd *f, struct io *io)
{
	io->state = IO_FREE;
	io->next = f->io_free;
	f->io_free = io_index(f, io);
	f->io_free_count++;
}

static void queue_add(struct fsd *f, struct io *io)
{
	io->state = IO_QUEUED;
	io->next = IO_NONE;
	if (f->queue_last == IO_NONE)
		f->queue_first = io_index(f, io);
	else
		f->io[f->queue_last].next = io_index(f, io);
	f->queue_last = io_index(f, io);
}

/* 0; -EAGAIN the ring is full; -EPROTO. */
static int io_submit(struct fsd *f, struct io *io)
{
	struct ring_submission s = {.cookie = (uint64_t)io->generation << 32 | io_index(f, io),
				    .sector = io->sector,
				    .sectors = io->sectors,
				    .segment_count = io->segs,
				    .op = BLOCK_READ,
				    .deadline_ms = DEADLINE_MS};
	int err = ring_client_submit(&f->ring, &s, io->seg);

	if (err)
		return err;
	io->state = IO_FLIGHT;
	io->since = fsd_now();
	f->kick = true;
	f->count.ios++;
	f->count.io_bytes += (uint64_t)io->sectors * SECTOR;
	return 0;
}

/* As much of the queue as there is room for. */
static void queue_submit(struct fsd *f)
{
	while (f->link == LINK_UP && f->queue_first != IO_NONE) {
		struct io *io = &f->io[f->queue_first];
		uint32_t next = io->next;
		int err = io_submit(f, io);

		if (err == -EAGAIN)
			return;
		if (err) {
			disk_down(f, "the ring is broken");
			return;
		}
		f->queue_first = next;
		if (next == IO_NONE)
			f->queue_last = IO_NONE;
	}
}

/* ---- building ----------------------------------------------------------------------------------
 */

/* Put a piece behind the last one. False: it has no place in this request. */
static bool io_append(struct fsd *f, struct io *io, uint64_t offset, uint32_t len)
{
	struct ring_segment *last = io->segs ? &io->seg[io->segs - 1] : NULL;
	uint32_t segs = f->disk.segments < IO_SEGS ? f->disk.segments : IO_SEGS;
	uint32_t sectors =
		f->disk.request_sectors < IO_SECTORS ? f->disk.request_sectors : IO_SECTORS;

	if (io->sectors + len / SECTOR > sectors)
		return false;
	if (last && last->offset + last->len == offset) {
		last->len += len;
	} else {
		if (io->segs == segs)
			return false;
		io->seg[io->segs++] = (struct ring_segment){.offset = offset, .len = len};
	}
	io->sectors += len / SECTOR;
	return true;
}

void build_end(struct fsd *f, struct build *b)
{
	if (!b->io)
		return;
	queue_add(f, b->io);
	b->io = NULL;
	queue_submit(f);
}

void build_add(struct fsd *f, struct build *b, uint64_t sector, struct page *p, uint32_t at,
	       uint32_t len)
{
	uint64_t offset = ((uint64_t)(p - f->page) << FSD_SHIFT) + at;

	p->pending += (uint8_t)(len / SECTOR);
	if (b->io && (b->next != sector || (f->careful && b->page != p) ||
		      !io_append(f, b->io, offset, len)))
		build_end(f, b);
	if (!b->io) {
		b->io = io_take(f, sector);
		f->careful -= f->careful ? 1 : 0;
		/* The geometry's checks leave room for a page in every request. */
		if (!io_append(f, b->io, offset, len))
			__builtin_trap();
	}
	b->page = p;
	b->next = sector + len / SECTOR;
}

void disk_kick(struct fsd *f)
{
	if (f->kick && f->link == LINK_UP && ring_client_bell(&f->ring))
		fsd_bell(f);
	f->kick = false;
}

/* ---- completions -------------------------------------------------------------------------------
 */

static void page_arrived(struct fsd *f, struct page *p, uint32_t sectors, enum page_failure failed)
{
	if (failed > p->failed)
		p->failed = (uint8_t)failed;
	p->pending -= (uint8_t)sectors;
	if (!p->pending)
		page_done(f, p);
}

/* Is the request for one page only? */
static bool io_alone(const struct io *io)
{
	const struct ring_segment *last = &io->seg[io->segs - 1];

	return io->seg[0].offset >> FSD_SHIFT == (last->offset + last->len - 1) >> FSD_SHIFT;
}

/* Of a long request that failed the pages go, and those that are still wanted are tried one by one:
 * one bad sector is not to cost its neighbours. */
static void io_end(struct fsd *f, struct io *io, int status)
{
	enum page_failure failed = PAGE_GOOD;

	if (status) {
		failed = io_alone(io) || f->link == LINK_WRONG ? PAGE_BAD : PAGE_DOUBTFUL;
		f->careful = CAREFUL;
		f->count.io_errors++;
		if (f->link != LINK_WRONG && f->complaints++ < COMPLAINTS)
			fsd_say("fsd: %s: reading %u sectors at %llu failed: %d", f->source,
				io->sectors, (unsigned long long)io->sector, status);
	}
	for (unsigned i = 0; i < io->segs; i++) {
		uint64_t at = io->seg[i].offset, end = at + io->seg[i].len;

		while (at < end) {
			uint64_t stop = (at | (FSD_PAGE - 1)) + 1;

			stop = stop < end ? stop : end;
			page_arrived(f, &f->page[at >> FSD_SHIFT], (uint32_t)(stop - at) / SECTOR,
				     failed);
			at = stop;
		}
	}
	io_give(f, io);
}

static int completion_take(struct fsd *f, const struct ring_completion *c)
{
	uint32_t index = (uint32_t)c->cookie;
	struct io *io;

	if (index >= IO_COUNT)
		return -EPROTO;
	io = &f->io[index];
	if (io->state != IO_FLIGHT || io->generation != c->cookie >> 32)
		return -EPROTO;
	io_end(f, io, c->status);
	return 0;
}

bool disk_complete(struct fsd *f)
{
	struct ring_completion c;
	int r = 0;

	for (unsigned i = 0; i < TURN_IOS && f->link == LINK_UP; i++) {
		r = ring_client_take(&f->ring, &c);
		if (r == 1)
			r = completion_take(f, &c) ? -EPROTO : 1;
		if (r < 0)
			disk_down(f, "the driver broke the rules of the ring");
		if (r <= 0)
			break;
	}
	queue_submit(f);
	if (f->link != LINK_UP)
		return true;
	return r != 1 && ring_client_sleep(&f->ring);
}

bool disk_overdue(const struct fsd *f, uint64_t now)
{
	for (uint32_t i = 0; f->link == LINK_UP && i < IO_COUNT; i++)
		if (f->io[i].state == IO_FLIGHT && now - f->io[i].since > IO_NS)
			return true;
	return false;
}

/* ---- drivers come and go -----------------------------------------------------------------------
 */

/* What no page could be read with. */
static const char *geometry_wrong(const struct fsd *f, const struct geometry *g)
{
	if (!g->sectors || g->sectors > (uint64_t)UINT32_MAX * (FSD_PAGE / SECTOR))
		return "a disk of this size is not supported";
	if (!g->segments || g->request_sectors < FSD_PAGE / SECTOR)
		return "its driver cannot transfer a page at once";
	if (g->sector_size < SECTOR || g->sector_size > FSD_PAGE ||
	    g->sector_size & (g->sector_size - 1))
		return "sectors of this size are not supported";
	if (f->disk.sectors &&
	    (f->disk.sectors != g->sectors || f->disk.sector_size != g->sector_size ||
	     f->disk.segments > g->segments || f->disk.request_sectors > g->request_sectors))
		return "the disk came back with another geometry";
	return NULL;
}

static void all_fail(struct fsd *f)
{
	for (uint32_t i = 0; i < IO_COUNT; i++)
		if (f->io[i].state != IO_FREE)
			io_end(f, &f->io[i], -EIO);
	f->queue_first = f->queue_last = IO_NONE;
}

void disk_up(struct fsd *f, const struct geometry *g)
{
	const char *wrong = geometry_wrong(f, g);

	if (f->link != LINK_DOWN)
		return;
	if (wrong) {
		f->link = LINK_WRONG;
		fs_fail(f, -EIO, wrong);
		all_fail(f);
		return;
	}
	if (f->disk.sectors)
		fsd_say("fsd: %s is back", f->source);
	f->count.drivers++;
	f->disk = *g;
	f->link = LINK_UP;
	fs_start(f);
	queue_submit(f);
	if (f->link == LINK_UP && !ring_client_sleep(&f->ring))
		fsd_again(f);
}

/* Everything in flight goes before what is queued; the order among them does not matter. */
static void flight_requeue(struct fsd *f)
{
	uint32_t queued = f->queue_first, last = f->queue_last;

	f->queue_first = f->queue_last = IO_NONE;
	for (uint32_t i = 0; i < IO_COUNT; i++) {
		if (f->io[i].state != IO_FLIGHT)
			continue;
		queue_add(f, &f->io[i]);
		f->count.reissued++;
	}
	if (queued == IO_NONE)
		return;
	if (f->queue_last == IO_NONE)
		f->queue_first = queued;
	else
		f->io[f->queue_last].next = queued;
	f->queue_last = last;
}

void disk_down(struct fsd *f, const char *why)
{
	if (f->link != LINK_UP)
		return;
	f->link = LINK_DOWN;
	f->kick = false;
	flight_requeue(f);
	fsd_say("fsd: %s: %s", f->source, why);
	fsd_seek_driver(f);
}

/* SPDX-License-Identifier: ISC */
/*
 * ring.c: taking a ring, and giving it up.
 *
 * Both VMOs must be WIRED: memory that could be taken away or shrunk would let a client crash the
 * driver. The pool is mapped for the device only; this process never looks into it.
 *
 * A ring ends when the session that offered it ends, when its client breaks the protocol, or when
 * the same client (a session or silo) offers another. While the device has requests of it, its
 * pages stay mapped. A client that revokes the pool takes from us what unmapping needs: then the
 * driver ends, and its successor finds the device reset and nothing mapped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "blockdrv/blockdrv.h"
#include "sys/boot.h"
#include "sys/log.h"

#define MAP_BYTES (512ull * PAGE_SIZE) /* in one dma_map */

enum { OFFER_RING, OFFER_POOL, OFFER_BELL, OFFER_LIFE, OFFER_HANDLES };

/* ---- checking -------------------------------------------------------------------- */

static int handle_check(handle_t h, uint32_t type, uint32_t rights)
{
	struct handle_info info;
	int64_t err = sys_handle_info(h, &info);

	if (err)
		return (int)err;
	return info.type == type && (info.rights & rights) == rights ? 0 : -EINVAL;
}

static int wired_check(handle_t h, uint64_t least, uint64_t *size)
{
	struct vmo_info info;
	int64_t err = sys_vmo_info(h, &info);

	if (err)
		return (int)err;
	if (info.kind != VMO_WIRED || info.size < least)
		return -EINVAL;
	*size = info.size;
	return 0;
}

static int offer_check(const struct serve_call *c, struct ring_geometry *g, uint64_t *ring_len)
{
	uint64_t pool_len;
	int err;

	if (c->nhandles != OFFER_HANDLES || c->w[0] != RING_VERSION || c->w[1] > UINT32_MAX ||
	    c->w[2] > UINT32_MAX || c->w[3] % PAGE_SIZE)
		return -EINVAL;
	*g = (struct ring_geometry){(uint32_t)c->w[1], (uint32_t)c->w[2], c->w[3]};
	err = handle_check(c->handles[OFFER_RING], OBJ_VMO, RIGHT_READ | RIGHT_WRITE | RIGHT_MAP);
	if (!err)
		err = handle_check(c->handles[OFFER_POOL], OBJ_VMO, RIGHT_READ | RIGHT_WRITE);
	if (!err)
		err = handle_check(c->handles[OFFER_BELL], OBJ_SIGNAL, RIGHT_WAIT | RIGHT_WRITE);
	if (!err)
		err = handle_check(c->handles[OFFER_LIFE], OBJ_SENDER, 0);
	if (!err)
		err = wired_check(c->handles[OFFER_RING], 1, ring_len);
	if (!err)
		err = wired_check(c->handles[OFFER_POOL], g->pool_size, &pool_len);
	return err ? err : ring_geometry_check(g, *ring_len);
}

/* ---- the pool -------------------------------------------------------------------- */

static void pool_unmap(struct block_ring *k)
{
	handle_t device = k->disk->driver->device;

	for (uint64_t at = 0; at < k->mapped; at += MAP_BYTES) {
		uint64_t len = k->mapped - at < MAP_BYTES ? k->mapped - at : MAP_BYTES;

		if (sys_dma_unmap(device, k->pool_vmo, at, len) < 0) {
			log_print("blockdrv: a client took its pool back; starting anew");
			exit(1);
		}
	}
	free((void *)(uintptr_t)k->pool.bus);
}

static int pool_map(struct block_ring *k)
{
	uint64_t *bus = calloc(k->pool.size / PAGE_SIZE, sizeof(*bus));

	k->pool.bus = bus;
	if (!bus)
		return -ENOMEM;
	while (k->mapped < k->pool.size) {
		uint64_t left = k->pool.size - k->mapped;
		uint64_t len = left < MAP_BYTES ? left : MAP_BYTES;
		int64_t n = sys_dma_map(k->disk->driver->device, k->pool_vmo, k->mapped, len,
					bus + k->mapped / PAGE_SIZE);

		if (n < 0)
			return (int)n;
		k->mapped += len;
	}
	return 0;
}

/* ---- the ring -------------------------------------------------------------------- */

static int ring_map(struct block_ring *k)
{
	struct map_args args = {.vmo = k->ring_vmo, .flags = PROT_R | PROT_W, .len = k->memory_len};
	int64_t at = sys_aspace_map(boot_handle("aspace"), &args);

	if (at < 0)
		return (int)at;
	k->memory = (void *)at;
	return 0;
}

static void ring_free(struct block_ring *k)
{
	/* The life is the last: when it goes the client uses the memory for something else. */
	handle_t handles[] = {k->ring_vmo, k->pool_vmo, k->bell, k->life};

	serve_watch_remove(&k->disk->driver->serve, &k->watch);
	pool_unmap(k);
	if (k->memory &&
	    sys_aspace_unmap(boot_handle("aspace"), (uint64_t)k->memory, k->memory_len) < 0)
		log_print("blockdrv: a ring stays mapped");
	for (unsigned i = 0; i < OFFER_HANDLES; i++)
		if (handles[i] != HANDLE_NONE)
			sys_handle_close(handles[i]);
	free(k);
}

static void on_bell(struct serve_watch *w, const struct event *e)
{
	struct block_ring *k = w->arg;

	(void)e;
	if (sys_signal_set(k->bell, RING_BELL_DRIVER, 0) < 0)
		log_print("blockdrv: a bell does not answer");
	block_disk_run(k->disk);
}

static int ring_open(struct block_ring *k, struct serve_call *c, const struct ring_geometry *g)
{
	int err;

	k->pool.size = g->pool_size;
	k->session = c->from.badge;
	k->silo = c->from.silo;
	k->ring_vmo = c->handles[OFFER_RING];
	k->pool_vmo = c->handles[OFFER_POOL];
	k->bell = c->handles[OFFER_BELL];
	k->life = c->handles[OFFER_LIFE];
	memset(c->handles, 0, sizeof(c->handles)); /* they are ours now */
	err = ring_map(k);
	if (!err)
		err = ring_server_init(&k->server, k->memory, k->memory_len, g);
	if (!err)
		err = pool_map(k);
	if (err)
		return err;
	k->watch = (struct serve_watch){.fn = on_bell, .arg = k};
	return serve_watch_add(&k->disk->driver->serve, &k->watch, k->bell, EVENT_SIGNAL, 0,
			       RING_BELL_DRIVER);
}

/* Give up what has not been given to the device; the rest ends by itself. */
void block_ring_drop(struct block_disk *disk)
{
	struct block_ring *k = disk->ring;

	if (!k)
		return;
	for (uint32_t i = 0; i < BLOCK_DEPTH; i++) {
		struct block_request *r = &disk->request[i];

		if (r->state == BLOCK_REQUEST_WAITING && r->ring == k) {
			r->state = BLOCK_REQUEST_FREE;
			disk->waiting--;
		}
	}
	disk->ring = NULL;
	if (k->active) {
		serve_watch_remove(&disk->driver->serve, &k->watch);
		disk->old =
			k; /* there is none: a ring is not served before the last one has ended */
	} else {
		ring_free(k);
	}
}

void block_ring_settle(struct block_disk *disk)
{
	if (!disk->old || disk->old->active)
		return;
	ring_free(disk->old);
	disk->old = NULL;
}

static bool offer_allowed(const struct identity *from)
{
	uint32_t rights = RIGHT_READ | RIGHT_WRITE | RIGHT_IOCTL;

	return from->flags & IDENTITY_SYSTEM && (from->rights & rights) == rights;
}

/* Another client's ring is in use. */
static bool taken(const struct block_disk *disk, const struct identity *from)
{
	const struct block_ring *k = disk->ring;

	return k && k->session != from->badge && k->silo != from->silo;
}

int64_t block_ring_offer(struct block_disk *disk, struct serve_call *c)
{
	struct ring_geometry g;
	struct block_ring *k;
	uint64_t len = 0;
	int err;

	if (!offer_allowed(&c->from)) /* first: who may not offer learns nothing of the disk */
		return -EPERM;
	if (disk->absent || disk->lost)
		return -ENODEV;
	if (taken(disk, &c->from))
		return -EBUSY;
	err = offer_check(c, &g, &len);
	if (err)
		return err;
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->disk = disk;
	k->memory_len = len;
	block_ring_drop(disk);
	err = ring_open(k, c, &g);
	if (err) {
		ring_free(k);
		return err;
	}
	disk->ring = k;
	disk->rings++;
	c->answer[1] = BLOCK_SECTOR;
	c->answer[2] = disk->limits.sectors;
	c->answer[3] = disk->limits.request_segments;
	c->answer[4] = disk->limits.request_sectors;
	c->answer[5] = disk->features;
	block_disk_run(disk); /* what it has put in already */
	return 0;
}

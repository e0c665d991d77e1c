/* SPDX-License-Identifier: ISC */
/*
 * blockdrv.h: what all block drivers share: the files of a disk, the ring to its client, and the
 * life of a request between them.
 *
 * A driver fills in a struct block_disk with its functions, and calls block_done for what its
 * device has finished. This library takes submissions from the ring, checks them, turns segments
 * of the pool into ranges of bus addresses, keeps deadlines, answers, and rings the client's bell.
 *
 * Not here: registers, and what a request looks like on the wire.
 *
 * A request is FREE, WAITING (taken from the ring, not given to the device) or ACTIVE (given).
 * Only block_done and the stop of the device end ACTIVE. Invariants: pages of a pool stay mapped
 * for DMA until no ACTIVE request of its ring is left; a new ring is served after the old one's
 * requests have ended; what a client wrote into shared memory is copied before it is checked.
 *
 * Single-threaded, on the loop of serve. Who may lie: the client, in the ring and the offer; the
 * device, in what the driver passes on (the driver checks). Spec: abi/ring.h, docs/block-ring.md.
 */
#pragma once
#include "9p/tree.h"
#include "blockdrv/request.h"
#include "ring/ring.h"
#include "serve/serve.h"

#define BLOCK_MUST  __attribute__((warn_unused_result))
#define BLOCK_DISKS 32u

struct block_driver;

struct block_ops {
	/*
	 * Give a request to the device. 0: it is the device's until block_done; -EAGAIN: no room
	 * now, it is offered again after a block_done; another errno: it is answered so.
	 */
	int (*submit)(struct block_disk *disk, struct block_request *r);
	/* Some were submitted: tell the device. */
	void (*kick)(struct block_disk *disk);
	/* Stop the device so that it touches no request's memory any more, and make it ready again.
	 * Bounded in time. 0, or an error: the disk is lost. */
	int (*restart)(struct block_disk *disk);
};

/* A ring in use. */
struct block_ring {
	struct ring_server server;
	handle_t ring_vmo, pool_vmo;
	handle_t bell; /* a bit for each side */
	handle_t life; /* the client learns when it goes */
	struct serve_watch watch;
	struct block_disk *disk;
	void *memory;
	uint64_t memory_len;
	struct block_pool pool;
	uint64_t mapped;  /* bytes of the pool that were mapped for DMA */
	uint64_t session; /* badge of the offer */
	uint32_t silo;
	uint32_t active; /* requests that the device has */
	bool answered;	 /* completions were written since the last bell */
};

struct block_disk {
	/* the driver's, before block_disk_add */
	char name[16];
	char model[48], serial[32];
	const struct block_ops *ops;
	void *ctx;
	struct block_limits limits;
	uint32_t depth;	   /* requests that the device takes at once, at most BLOCK_DEPTH */
	uint32_t features; /* BLOCK_FEATURE_* */
	bool fua;	   /* the device knows BLOCK_FUA; else a flush follows */
	bool absent;	   /* no medium: all but status answers -ENODEV */
	/* the library's */
	struct block_driver *driver;
	struct block_ring *ring, *old; /* old: given up, but the device still has requests */
	struct block_request request[BLOCK_DEPTH];
	uint32_t active, waiting;
	uint64_t sequence;
	bool serial_mode; /* one at a time, to find which request the device cannot do */
	bool unkicked;
	bool lost;
	struct serve_watch timer;
	uint64_t timer_at; /* DEADLINE_NEVER: not set */
	uint64_t reads, writes, flushes, sectors_read, sectors_written;
	uint64_t errors, timeouts, restarts, rings, refused;
};

struct block_driver {
	struct serve serve;
	struct p9_tree tree;
	struct p9_ops ops;
	handle_t device;
	void *ctx;
	/* An interrupt came: look at the device, call block_done. */
	void (*interrupt)(struct block_driver *d);
	handle_t irq;
	bool line; /* to be acknowledged */
	struct serve_watch irq_watch;
	uint64_t interrupts;
	struct block_disk *disk[BLOCK_DISKS];
	unsigned disks;
};

/* A disk joins; the struct stays the driver's memory. Errors: -EINVAL impossible limits; -ENOSPC.
 */
BLOCK_MUST int block_disk_add(struct block_driver *d, struct block_disk *disk);

/*
 * Serve: files of the disks on the supervisor's channel, the interrupt, the rings. One disk is the
 * root itself; several are folders in it, and the i-th is part i (`provides` line i). Returns when
 * a disk is lost or the channel fails: the program ends then.
 */
BLOCK_MUST int block_driver_run(struct block_driver *d, const char *path);

/* The device has finished a request: status 0 or -errno. */
void block_done(struct block_request *r, int status);

/*
 * The device was stopped after an error and runs again, with no request. Who was alone with it is
 * answered -EIO; of several the guilty one is found by giving them again one at a time.
 */
void block_stopped(struct block_disk *disk);

/* The device broke its protocol: restart it and go on as block_stopped says. */
void block_broken(struct block_disk *disk, const char *why);

/* Restart the device; what it had is given to it again. */
void block_restart(struct block_disk *disk);

/* disk.c, ring.c, tree.c: for the library */
void block_disk_run(struct block_disk *disk);
BLOCK_MUST int64_t block_ring_offer(struct block_disk *disk, struct serve_call *c);
void block_ring_drop(struct block_disk *disk);
void block_ring_settle(struct block_disk *disk);
BLOCK_MUST int block_tree_init(struct block_driver *d);
/* tree.c: the disk that a session's root lies in, or NULL. */
struct block_disk *block_session_disk(struct block_driver *d, uint64_t badge);

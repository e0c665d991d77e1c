/* SPDX-License-Identifier: ISC */
/*
 * request.h: a block request as a device sees it, and the checks that make one of a submission.
 * Pure: no system calls, so it is tested on the host.
 *
 * Who may lie: the client, in every field of the submission and its segments (copies are given).
 * Invariant: a request that was made lies inside the disk, all its ranges inside the pool, and it
 * obeys the device's limits.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "abi/ring.h"

#define BLOCK_SECTOR	 512u
#define BLOCK_PAGE	 4096u
#define BLOCK_PAGE_SHIFT 12
#define BLOCK_RANGES	 168u /* of bus addresses in a request, at most */
#define BLOCK_SEGMENTS	 64u  /* of the pool in a request, at most */
#define BLOCK_DEPTH	 128u

struct block_disk;
struct block_ring;

/* Bus addresses of a pool, one a page. */
struct block_pool {
	uint64_t size; /* bytes */
	const uint64_t *bus;
};

struct block_limits {
	uint64_t sectors;   /* of 512 bytes, on the disk */
	uint32_t ranges;    /* in a request, 2 ... BLOCK_RANGES */
	uint32_t range_max; /* bytes in a range; at least a page */
	/* By block_limits_make: what a client may ask for at once. */
	uint32_t request_segments, request_sectors;
};

struct block_range {
	uint64_t bus;
	uint32_t len;
};

enum block_state { BLOCK_REQUEST_FREE, BLOCK_REQUEST_WAITING, BLOCK_REQUEST_ACTIVE };

struct block_request {
	struct block_disk *disk;
	struct block_ring *ring;
	enum block_state state;
	uint8_t op; /* enum block_op */
	bool fua;
	bool then_flush; /* a write that is to be flushed before it is answered */
	uint16_t slot;	 /* which of the disk's requests this is */
	uint16_t ranges;
	uint32_t sectors;
	uint64_t sector, cookie, deadline, sequence;
	struct block_range range[BLOCK_RANGES];
};

/* Choose request_segments and request_sectors so that any request within them fits into `ranges`,
 * however the pool's pages lie. 0, or -EINVAL when the device's limits allow none. */
int block_limits_make(struct block_limits *l) __attribute__((warn_unused_result));

/*
 * Fill op, place and ranges of r from a submission and its segments, whose sum ring_server_take
 * has checked. Errors: -EINVAL field out of range; -EROFS; -EOPNOTSUPP; -ENXIO beyond the end.
 */
int block_request_make(struct block_request *r, const struct block_limits *l,
		       const struct block_pool *pool, uint32_t features,
		       const struct ring_submission *s, const struct ring_segment *segs)
	__attribute__((warn_unused_result));

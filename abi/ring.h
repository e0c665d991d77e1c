/* SPDX-License-Identifier: ISC */
/*
 * ring.h: the block ring: how a client (a file system) and a block driver talk.
 *
 * Both map two VMOs that the client made and pays for: the ring and the pool.
 * The ring holds a header, a submission ring, a completion ring, a segment array
 * and a query array; entries carry offsets into the pool, never data, so one
 * buffer is page cache and DMA memory at once. The sides ring each other by bits
 * of one signal word, the bell; a side that finds the other's `sleeping` word
 * clear needs no bell. Page: docs/block-ring.md. Version 2.
 *
 * Trust: each side keeps its own copy of the geometry and of its own indexes,
 * copies an entry out before it checks it, and treats the other's head or tail
 * as a hint that is checked against the capacity. Neither can make the other
 * read outside ring or pool, or wait for ever.
 */
#pragma once
#include <stdint.h>

#define RING_MAGIC   0x474e5242u /* "BRNG" */
#define RING_VERSION 2u

/* Bits of the bell. */
#define RING_BELL_DRIVER 1ull /* set: the driver is to look */
#define RING_BELL_CLIENT 2ull /* set: the client is to look */

/* ipc label of the message that offers a ring to a driver, on a session of its tree:
 * words: [0] version, [1] ring entries, [2] segments, [3] pool bytes;
 * handles: ring VMO, pool VMO, bell, life. The life is a send handle of the client's own, with
 * no right but GRANT. The driver keeps it for as long as it has the ring, and gives it to nobody:
 * when it goes, with the ring or with the driver's process, the client gets EVENT_CLOSED.
 * Answer: words[0] 0 or errno, [1] sector size, [2] sectors, [3] largest segments a
 * request, [4] largest sectors a request, [5] BLOCK_* features. */
#define RING_OFFER 0x52494e47u

struct ring_header { /* 64 bytes at offset 0 of the ring VMO */
	uint32_t magic, version;
	uint32_t entries;     /* of submissions and of completions; a power of two, at most 1024 */
	uint32_t segments;    /* at most 8192 */
	uint32_t submit_tail; /* client writes */
	uint32_t submit_head; /* driver writes */
	uint32_t complete_tail;			   /* driver writes */
	uint32_t complete_head;			   /* client writes */
	uint32_t driver_sleeping, client_sleeping; /* 1: ring my bell */
	uint64_t pool_size;
	uint32_t epoch; /* the client's count of drivers that this ring has had */
	uint32_t reserved[3];
};
_Static_assert(sizeof(struct ring_header) == 64, "ring_header");

enum block_op { BLOCK_READ = 1, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_TRIM };

struct ring_submission { /* 32 bytes */
	uint64_t cookie; /* the client's; comes back */
	uint64_t sector; /* of 512 bytes */
	uint32_t sectors;
	uint32_t segment; /* index of the first in the segment array */
	uint16_t segment_count;
	uint8_t op;	      /* enum block_op */
	uint8_t flags;	      /* BLOCK_FUA */
	uint32_t deadline_ms; /* 0: the driver's own */
};
_Static_assert(sizeof(struct ring_submission) == 32, "ring_submission");
#define BLOCK_FUA 1u

struct ring_completion { /* 16 bytes */
	uint64_t cookie;
	int32_t status; /* 0 or -errno */
	uint32_t epoch;
};
_Static_assert(sizeof(struct ring_completion) == 16, "ring_completion");

struct ring_segment {	 /* 16 bytes */
	uint64_t offset; /* in the pool, a multiple of 512 */
	uint32_t len;	 /* bytes, a multiple of 512 */
	uint32_t reserved;
};
_Static_assert(sizeof(struct ring_segment) == 16, "ring_segment");

struct ring_query { /* 32 bytes: travels down a stack of drivers until one answers */
	uint32_t kind, flags;
	uint64_t value[3];
};
_Static_assert(sizeof(struct ring_query) == 32, "ring_query");

/* Where the parts lie in the ring VMO. */
#define RING_SUBMISSIONS(n) 64ull
#define RING_COMPLETIONS(n) (RING_SUBMISSIONS(n) + 32ull * (n))
#define RING_SEGMENTS(n)    (RING_COMPLETIONS(n) + 16ull * (n))
#define RING_BYTES(n, segs) (RING_SEGMENTS(n) + 16ull * (segs))

#define BLOCK_FEATURE_FLUSH    (1u << 0)
#define BLOCK_FEATURE_TRIM     (1u << 1)
#define BLOCK_FEATURE_READONLY (1u << 2)

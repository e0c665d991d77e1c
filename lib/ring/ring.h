/* SPDX-License-Identifier: ISC */
/*
 * ring.h: both ends of a block ring (abi/ring.h), without any system call.
 *
 * struct ring_client fills submissions and takes completions; struct ring_server
 * the other way round. Neither maps memory nor rings bells: the functions say when
 * a bell is needed. Every index, count and offset that the other side wrote is
 * copied once and checked; what fails the check is -EPROTO, and the ring is then
 * to be given up.
 *
 * One thread uses one end. Spec: abi/ring.h, docs/block-ring.md.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "abi/ring.h"

#define RING_ENTRIES_MAX  1024u
#define RING_SEGMENTS_MAX 8192u
#define RING_USED	  __attribute__((warn_unused_result))

/* What both ends agreed on: private copies, never read from shared memory again. */
struct ring_geometry {
	uint32_t entries, segments;
	uint64_t pool_size;
};

struct ring_client {
	struct ring_geometry g;
	struct ring_header *header;
	struct ring_submission *submissions;
	const struct ring_completion *completions;
	struct ring_segment *segments;
	uint32_t submit_tail, complete_head;
	uint32_t segment_next; /* segments are used in ring order */
	uint32_t in_flight, segments_used;
	uint32_t epoch;
	uint32_t reclaimed; /* submissions whose segments are free again: the driver took them */
	uint16_t taken[RING_ENTRIES_MAX]; /* segments by submission slot */
};

struct ring_server {
	struct ring_geometry g;
	struct ring_header *header;
	const struct ring_submission *submissions;
	struct ring_completion *completions;
	const struct ring_segment *segments;
	uint32_t submit_head, complete_tail;
	uint32_t epoch;
};

/* Are the numbers of a ring possible, and do they fit into ring_len bytes? 0 or -EINVAL. */
RING_USED int ring_geometry_check(const struct ring_geometry *g, uint64_t ring_len);

/* Lay out a fresh ring in zeroed shared memory. 0 or -EINVAL. */
RING_USED int ring_client_init(struct ring_client *c, void *memory, uint64_t len,
			       const struct ring_geometry *g);
/* A ring for the next driver: empty, of the next epoch, and nothing stands in its header but what
 * the client says. The last driver must not reach it any more. Requests in flight are the caller's
 * to submit again. */
void ring_client_reset(struct ring_client *c);
/* Put one request with its segments in. 0, -EAGAIN (full: take completions first), -EINVAL,
 * -EPROTO. Segments are in use until the driver has taken the submission. */
RING_USED int ring_client_submit(struct ring_client *c, const struct ring_submission *s,
				 const struct ring_segment *segs);
/* After submitting: must the driver's bell be rung? */
RING_USED bool ring_client_bell(struct ring_client *c);
/* Take one completion. 1, 0 (none), -EPROTO: there are more than requests, or it is of a driver
 * that the ring had before. */
RING_USED int ring_client_take(struct ring_client *c, struct ring_completion *out);
/* About to sleep: true when it is safe, false when something came in between. */
RING_USED bool ring_client_sleep(struct ring_client *c);
void ring_client_awake(struct ring_client *c);

/* Take an offered ring. 0, -EINVAL (geometry), -EPROTO (header disagrees). */
RING_USED int ring_server_init(struct ring_server *s, void *memory, uint64_t len,
			       const struct ring_geometry *g);
/* Take one submission and copy its segments: 1, 0 (none), -EPROTO (the ring is broken), or
 * another errno: the request in *out is wrong and is to be completed with it. */
RING_USED int ring_server_take(struct ring_server *s, struct ring_submission *out,
			       struct ring_segment *segs, uint32_t segs_max);
/* Answer one. 0 or -EPROTO (the client does not take its completions). */
RING_USED int ring_server_complete(struct ring_server *s, uint64_t cookie, int32_t status);
RING_USED bool ring_server_bell(struct ring_server *s);
RING_USED bool ring_server_sleep(struct ring_server *s);
void ring_server_awake(struct ring_server *s);

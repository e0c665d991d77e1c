/* SPDX-License-Identifier: ISC */
/* request.c: see request.h. */
#include "blockdrv/request.h"
#include <errno.h>

/*
 * n bytes, in sectors, touch at most (n - 1024) / 4096 + 2 pages, so a request of s segments and p
 * pages' worth of bytes touches less than p + 2 s, and one of a single segment at most p + 1.
 */
int block_limits_make(struct block_limits *l)
{
	uint32_t segments, pages;

	if (l->ranges > BLOCK_RANGES)
		l->ranges = BLOCK_RANGES;
	if (l->ranges < 2 || l->range_max < BLOCK_PAGE)
		return -EINVAL;
	segments = l->ranges / 6;
	if (segments > BLOCK_SEGMENTS)
		segments = BLOCK_SEGMENTS;
	pages = segments > 1 ? l->ranges - 2 * segments : l->ranges - 1;
	l->request_segments = segments ? segments : 1;
	l->request_sectors = pages * (BLOCK_PAGE / BLOCK_SECTOR);
	return 0;
}

/* Add a piece inside one page; -EINVAL when there is no room. */
static int range_add(struct block_request *r, const struct block_limits *l, uint64_t bus,
		     uint32_t len)
{
	struct block_range *last = r->ranges ? &r->range[r->ranges - 1] : 0;

	if (last && last->bus + last->len == bus && last->len <= l->range_max - len) {
		last->len += len;
		return 0;
	}
	if (r->ranges == l->ranges)
		return -EINVAL;
	r->range[r->ranges++] = (struct block_range){bus, len};
	return 0;
}

static int segment_add(struct block_request *r, const struct block_limits *l,
		       const struct block_pool *pool, const struct ring_segment *seg)
{
	uint64_t at = seg->offset, end = seg->offset + seg->len;
	uint32_t inside, len;
	int err = 0;

	if (end < at || end > pool->size)
		return -EINVAL;
	for (; at < end && !err; at += len) {
		inside = at & (BLOCK_PAGE - 1);
		len = BLOCK_PAGE - inside;
		if (len > end - at)
			len = (uint32_t)(end - at);
		err = range_add(r, l, pool->bus[at >> BLOCK_PAGE_SHIFT] + inside, len);
	}
	return err;
}

static int place_check(const struct block_limits *l, const struct ring_submission *s)
{
	if (!s->sectors || s->sectors > l->request_sectors ||
	    s->segment_count > l->request_segments)
		return -EINVAL;
	return s->sector < l->sectors && s->sectors <= l->sectors - s->sector ? 0 : -ENXIO;
}

int block_request_make(struct block_request *r, const struct block_limits *l,
		       const struct block_pool *pool, uint32_t features,
		       const struct ring_submission *s, const struct ring_segment *segs)
{
	int err = 0;

	r->op = s->op;
	r->sector = s->sector;
	r->sectors = s->sectors;
	r->cookie = s->cookie;
	r->fua = s->op == BLOCK_WRITE && s->flags & BLOCK_FUA;
	r->then_flush = false;
	r->ranges = 0;
	if (s->flags & ~BLOCK_FUA)
		return -EINVAL;
	switch (s->op) {
	case BLOCK_FLUSH: return s->sectors || s->segment_count ? -EINVAL : 0;
	case BLOCK_TRIM: return -EOPNOTSUPP;
	case BLOCK_WRITE:
		if (features & BLOCK_FEATURE_READONLY)
			return -EROFS;
		break;
	case BLOCK_READ: break;
	default: return -EINVAL; /* the client's number, not an enum of ours */
	}
	err = place_check(l, s);
	for (uint32_t i = 0; i < s->segment_count && !err; i++)
		err = segment_add(r, l, pool, &segs[i]);
	return err;
}

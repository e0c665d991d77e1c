/* SPDX-License-Identifier: ISC */
/*
 * ring.c: see ring.h. Indexes run freely (modulo 2^32) and are masked on use, so
 * `tail - head` is the number of entries waiting.
 *
 * Sleeping, the race and its answer: the sleeper (1) sets its word, (2) looks at
 * the ring once more; the other side (1) publishes an entry, (2) looks at the
 * word. With a full fence between 1 and 2 on both sides one of them sees the other.
 */
#include "ring/ring.h"
#include <errno.h>
#include <string.h>

static uint32_t load(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

int ring_geometry_check(const struct ring_geometry *g, uint64_t ring_len)
{
	if (g->entries == 0 || g->entries > RING_ENTRIES_MAX || (g->entries & (g->entries - 1)))
		return -EINVAL;
	if (g->segments < g->entries || g->segments > RING_SEGMENTS_MAX)
		return -EINVAL;
	if (g->pool_size == 0 || g->pool_size > 1ull << 40)
		return -EINVAL;
	return RING_BYTES((uint64_t)g->entries, g->segments) <= ring_len ? 0 : -EINVAL;
}

/* ---- client ------------------------------------------------------------------ */

static void header_write(struct ring_client *c)
{
	*c->header = (struct ring_header){.magic = RING_MAGIC,
					  .version = RING_VERSION,
					  .entries = c->g.entries,
					  .segments = c->g.segments,
					  .pool_size = c->g.pool_size,
					  .driver_sleeping = 1,
					  .epoch = c->epoch};
}

int ring_client_init(struct ring_client *c, void *memory, uint64_t len,
		     const struct ring_geometry *g)
{
	uint8_t *base = memory;
	int err = ring_geometry_check(g, len);

	if (err)
		return err;
	memset(c, 0, sizeof(*c));
	c->g = *g;
	c->header = memory;
	c->submissions = (void *)(base + RING_SUBMISSIONS(g->entries));
	c->completions = (void *)(base + RING_COMPLETIONS(g->entries));
	c->segments = (void *)(base + RING_SEGMENTS(g->entries));
	header_write(c);
	return 0;
}

void ring_client_reset(struct ring_client *c)
{
	c->submit_tail = c->complete_head = c->segment_next = 0;
	c->in_flight = c->segments_used = c->reclaimed = 0;
	c->epoch++;
	header_write(c);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/* The driver copies segments when it takes a submission; then they are free. */
static int segments_reclaim(struct ring_client *c)
{
	uint32_t head = load(&c->header->submit_head);

	if (head - c->reclaimed > c->submit_tail - c->reclaimed)
		return -EPROTO;
	for (; c->reclaimed != head; c->reclaimed++)
		c->segments_used -= c->taken[c->reclaimed & (c->g.entries - 1)];
	return 0;
}

/* A request's segments stand side by side; the tail of the array may be skipped for that. */
static int segments_place(struct ring_client *c, uint32_t count, uint32_t *at, uint32_t *taken)
{
	uint32_t left = c->g.segments - c->segment_next;

	*at = count <= left ? c->segment_next : 0;
	*taken = count <= left ? count : count + left;
	return c->segments_used + *taken <= c->g.segments ? 0 : -EAGAIN;
}

int ring_client_submit(struct ring_client *c, const struct ring_submission *s,
		       const struct ring_segment *segs)
{
	struct ring_submission *entry = &c->submissions[c->submit_tail & (c->g.entries - 1)];
	uint32_t at = 0, taken = 0;
	int err = segments_reclaim(c);

	if (err)
		return err;
	if (s->segment_count > c->g.segments)
		return -EINVAL;
	if (c->submit_tail - c->reclaimed == c->g.entries || c->in_flight == c->g.entries)
		return -EAGAIN;
	if (s->segment_count && segments_place(c, s->segment_count, &at, &taken))
		return -EAGAIN;
	for (uint32_t i = 0; i < s->segment_count; i++)
		c->segments[at + i] = segs[i];
	*entry = *s;
	entry->segment = at;
	if (s->segment_count)
		c->segment_next = (at + s->segment_count) % c->g.segments;
	c->segments_used += taken;
	c->taken[c->submit_tail & (c->g.entries - 1)] = (uint16_t)taken;
	c->in_flight++;
	store(&c->header->submit_tail, ++c->submit_tail);
	return 0;
}

bool ring_client_bell(struct ring_client *c)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load(&c->header->driver_sleeping) != 0;
}

int ring_client_take(struct ring_client *c, struct ring_completion *out)
{
	uint32_t ready = load(&c->header->complete_tail) - c->complete_head;

	if (ready == 0)
		return 0;
	if (ready > c->in_flight)
		return -EPROTO;
	*out = c->completions[c->complete_head & (c->g.entries - 1)];
	store(&c->header->complete_head, ++c->complete_head);
	c->in_flight--;
	return out->epoch == c->epoch ? 1 : -EPROTO;
}

bool ring_client_sleep(struct ring_client *c)
{
	store(&c->header->client_sleeping, 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (load(&c->header->complete_tail) == c->complete_head)
		return true;
	ring_client_awake(c);
	return false;
}

void ring_client_awake(struct ring_client *c)
{
	store(&c->header->client_sleeping, 0);
}

/* ---- server ------------------------------------------------------------------ */

int ring_server_init(struct ring_server *s, void *memory, uint64_t len,
		     const struct ring_geometry *g)
{
	uint8_t *base = memory;
	struct ring_header h;
	int err = ring_geometry_check(g, len);

	if (err)
		return err;
	memcpy(&h, memory, sizeof(h));
	if (h.magic != RING_MAGIC || h.version != RING_VERSION || h.entries != g->entries ||
	    h.segments != g->segments || h.pool_size != g->pool_size)
		return -EPROTO;
	memset(s, 0, sizeof(*s));
	s->g = *g;
	s->header = memory;
	s->submissions = (void *)(base + RING_SUBMISSIONS(g->entries));
	s->completions = (void *)(base + RING_COMPLETIONS(g->entries));
	s->segments = (void *)(base + RING_SEGMENTS(g->entries));
	s->epoch = h.epoch;
	s->submit_head = h.submit_head;
	s->complete_tail = h.complete_tail;
	return 0;
}

/* Copy and check a request's segments: inside the pool, sectors whole, lengths adding up. */
static int segments_take(struct ring_server *s, const struct ring_submission *r,
			 struct ring_segment *segs, uint32_t segs_max)
{
	uint64_t bytes = 0;

	if (r->segment_count > segs_max || r->segment > s->g.segments ||
	    r->segment_count > s->g.segments - r->segment)
		return -EINVAL;
	for (uint32_t i = 0; i < r->segment_count; i++) {
		segs[i] = s->segments[r->segment + i];
		if ((segs[i].offset | segs[i].len) & 511 || segs[i].len == 0 ||
		    segs[i].offset > s->g.pool_size ||
		    segs[i].len > s->g.pool_size - segs[i].offset)
			return -EINVAL;
		bytes += segs[i].len;
	}
	return bytes == (uint64_t)r->sectors * 512 ? 0 : -EINVAL;
}

int ring_server_take(struct ring_server *s, struct ring_submission *out, struct ring_segment *segs,
		     uint32_t segs_max)
{
	uint32_t ready = load(&s->header->submit_tail) - s->submit_head;
	int err;

	if (ready == 0)
		return 0;
	if (ready > s->g.entries)
		return -EPROTO;
	memcpy(out, &s->submissions[s->submit_head & (s->g.entries - 1)], sizeof(*out));
	err = segments_take(s, out, segs, segs_max);
	store(&s->header->submit_head, ++s->submit_head);
	return err ? err : 1;
}

int ring_server_complete(struct ring_server *s, uint64_t cookie, int32_t status)
{
	uint32_t waiting = s->complete_tail - load(&s->header->complete_head);
	struct ring_completion *entry = &s->completions[s->complete_tail & (s->g.entries - 1)];

	if (waiting >= s->g.entries)
		return -EPROTO;
	*entry = (struct ring_completion){cookie, status, s->epoch};
	store(&s->header->complete_tail, ++s->complete_tail);
	return 0;
}

bool ring_server_bell(struct ring_server *s)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load(&s->header->client_sleeping) != 0;
}

bool ring_server_sleep(struct ring_server *s)
{
	store(&s->header->driver_sleeping, 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (load(&s->header->submit_tail) == s->submit_head)
		return true;
	ring_server_awake(s);
	return false;
}

void ring_server_awake(struct ring_server *s)
{
	store(&s->header->driver_sleeping, 0);
}

/* SPDX-License-Identifier: ISC */
/*
 * ring.c: both ends of a block ring in one process: order, limits, wrap-around, and what a
 * lying peer can do to the other end (nothing but -EPROTO or -EINVAL).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ring/ring.h"

static const struct ring_geometry geometry = {8, 32, 1 << 20};

struct pair {
	void *memory;
	struct ring_client *c;
	struct ring_server s;
};

static void pair_make(struct pair *p)
{
	uint64_t len = RING_BYTES(geometry.entries, geometry.segments);

	p->memory = calloc(1, len);
	p->c = calloc(1, sizeof(*p->c));
	assert_int_equal(ring_client_init(p->c, p->memory, len, &geometry), 0);
	assert_int_equal(ring_server_init(&p->s, p->memory, len, &geometry), 0);
}

static void pair_free(struct pair *p)
{
	free(p->memory);
	free(p->c);
}

static struct ring_submission request(uint64_t cookie, uint16_t segs)
{
	return (struct ring_submission){.cookie = cookie,
					.sector = cookie * 8,
					.sectors = segs * 8u,
					.segment_count = segs,
					.op = BLOCK_READ};
}

static void fill(struct ring_segment *segs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		segs[i] = (struct ring_segment){i * 4096u, 4096, 0};
}

static void order_is_kept_over_many_laps(void **state)
{
	struct ring_segment segs[5], got[8];
	struct ring_submission in, out;
	struct ring_completion done;
	struct pair p;

	(void)state;
	pair_make(&p);
	fill(segs, 5);
	for (uint64_t i = 1; i < 1000; i++) {
		in = request(i, (uint16_t)(1 + i % 5));
		assert_int_equal(ring_client_submit(p.c, &in, segs), 0);
		assert_int_equal(ring_server_take(&p.s, &out, got, 8), 1);
		assert_int_equal(out.cookie, i);
		assert_memory_equal(got, segs, sizeof(segs[0]) * out.segment_count);
		assert_int_equal(ring_server_complete(&p.s, out.cookie, -(int)(i % 3)), 0);
		assert_int_equal(ring_client_take(p.c, &done), 1);
		assert_int_equal(done.cookie, i);
		assert_int_equal(done.status, -(int)(i % 3));
		assert_int_equal(ring_client_take(p.c, &done), 0);
	}
	pair_free(&p);
}

static void full_ring_refuses_and_recovers(void **state)
{
	struct ring_segment segs[4], got[8];
	struct ring_submission in = request(7, 4), out;
	struct ring_completion done;
	struct pair p;

	(void)state;
	pair_make(&p);
	fill(segs, 4);
	for (unsigned i = 0; i < geometry.entries; i++)
		assert_int_equal(ring_client_submit(p.c, &in, segs), 0);
	assert_int_equal(ring_client_submit(p.c, &in, segs), -EAGAIN);
	assert_int_equal(ring_server_take(&p.s, &out, got, 8), 1);
	assert_int_equal(ring_client_submit(p.c, &in, segs), -EAGAIN); /* not completed yet */
	assert_int_equal(ring_server_complete(&p.s, out.cookie, 0), 0);
	assert_int_equal(ring_client_take(p.c, &done), 1);
	assert_int_equal(ring_client_submit(p.c, &in, segs), 0);
	pair_free(&p);
}

static void segments_run_out_before_entries(void **state)
{
	struct ring_segment segs[20], got[32];
	struct ring_submission in = request(1, 20), out;
	struct pair p;

	(void)state;
	pair_make(&p);
	fill(segs, 20);
	assert_int_equal(ring_client_submit(p.c, &in, segs), 0);
	assert_int_equal(ring_client_submit(p.c, &in, segs), -EAGAIN);
	assert_int_equal(ring_server_take(&p.s, &out, got, 32), 1);
	assert_int_equal(ring_client_submit(p.c, &in, segs), 0);
	pair_free(&p);
}

static void wrong_segments_fail_only_their_request(void **state)
{
	struct ring_segment seg = {1 << 20, 512, 0}, got[8];
	struct ring_submission in = request(3, 1), out;
	struct pair p;

	(void)state;
	pair_make(&p);
	in.sectors = 1;
	assert_int_equal(ring_client_submit(p.c, &in, &seg), 0); /* past the pool */
	assert_int_equal(ring_server_take(&p.s, &out, got, 8), -EINVAL);
	assert_int_equal(out.cookie, 3);
	seg = (struct ring_segment){UINT64_MAX - 511, 512, 0}; /* wraps around */
	assert_int_equal(ring_client_submit(p.c, &in, &seg), 0);
	assert_int_equal(ring_server_take(&p.s, &out, got, 8), -EINVAL);
	seg = (struct ring_segment){0, 1024, 0}; /* does not add up */
	assert_int_equal(ring_client_submit(p.c, &in, &seg), 0);
	assert_int_equal(ring_server_take(&p.s, &out, got, 8), -EINVAL);
	seg.len = 512;
	assert_int_equal(ring_client_submit(p.c, &in, &seg), 0);
	assert_int_equal(ring_server_take(&p.s, &out, got, 8), 1);
	p.c->submissions[p.c->submit_tail & 7].segment = 5; /* what a lying client could do */
	in.segment_count = 1;
	assert_int_equal(ring_client_submit(p.c, &in, &seg), 0);
	p.c->submissions[(p.c->submit_tail - 1) & 7].segment = UINT32_MAX;
	assert_int_equal(ring_server_take(&p.s, &out, got, 8), -EINVAL);
	pair_free(&p);
}

static void lying_indexes_are_a_protocol_error(void **state)
{
	struct ring_segment got[8];
	struct ring_submission out;
	struct ring_completion done;
	struct pair p;

	(void)state;
	pair_make(&p);
	((struct ring_header *)p.memory)->submit_tail = 9;
	assert_int_equal(ring_server_take(&p.s, &out, got, 8), -EPROTO);
	((struct ring_header *)p.memory)->complete_tail = 1;
	assert_int_equal(ring_client_take(p.c, &done), -EPROTO);
	((struct ring_header *)p.memory)->submit_head = 4;
	out = request(1, 0);
	assert_int_equal(ring_client_submit(p.c, &out, NULL), -EPROTO);
	pair_free(&p);
}

/* What a driver wrote into the header does not outlive it, and what it still says is not believed.
 */
static void a_driver_leaves_nothing(void **state)
{
	struct ring_submission in = request(1, 0), out;
	struct ring_completion done;
	struct ring_segment got[1];
	struct pair p;

	(void)state;
	pair_make(&p);
	memset(p.memory, 0xff, sizeof(struct ring_header));
	ring_client_reset(p.c);
	assert_int_equal(ring_server_init(&p.s, p.memory,
					  RING_BYTES(geometry.entries, geometry.segments),
					  &geometry),
			 0);
	assert_int_equal(p.s.epoch, 1);
	assert_int_equal(ring_client_submit(p.c, &in, NULL), 0);
	assert_int_equal(ring_server_take(&p.s, &out, got, 1), 1);
	p.s.epoch = 0;
	assert_int_equal(ring_server_complete(&p.s, 1, 0), 0);
	assert_int_equal(ring_client_take(p.c, &done), -EPROTO);
	pair_free(&p);
}

static void sleep_sees_what_came_before(void **state)
{
	struct ring_submission in = request(1, 0), out;
	struct ring_segment got[1];
	struct pair p;

	(void)state;
	pair_make(&p);
	ring_server_awake(&p.s);
	assert_int_equal(ring_client_submit(p.c, &in, NULL), 0);
	assert_false(ring_client_bell(p.c));
	assert_false(ring_server_sleep(&p.s));
	assert_int_equal(ring_server_take(&p.s, &out, got, 1), 1);
	assert_true(ring_server_sleep(&p.s));
	assert_int_equal(ring_client_submit(p.c, &in, NULL), 0);
	assert_true(ring_client_bell(p.c));
	pair_free(&p);
}

static void geometry_is_checked(void **state)
{
	struct ring_geometry g = geometry;
	uint64_t len = RING_BYTES(geometry.entries, geometry.segments);

	(void)state;
	assert_int_equal(ring_geometry_check(&g, len), 0);
	assert_int_equal(ring_geometry_check(&g, len - 1), -EINVAL);
	g.entries = 7;
	assert_int_equal(ring_geometry_check(&g, len), -EINVAL);
	g = (struct ring_geometry){2048, 4096, 4096};
	assert_int_equal(ring_geometry_check(&g, 1 << 20), -EINVAL);
	g = (struct ring_geometry){8, 4, 4096};
	assert_int_equal(ring_geometry_check(&g, len), -EINVAL);
	g = (struct ring_geometry){8, 8, 0};
	assert_int_equal(ring_geometry_check(&g, len), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_kept_over_many_laps),
		cmocka_unit_test(full_ring_refuses_and_recovers),
		cmocka_unit_test(segments_run_out_before_entries),
		cmocka_unit_test(wrong_segments_fail_only_their_request),
		cmocka_unit_test(lying_indexes_are_a_protocol_error),
		cmocka_unit_test(a_driver_leaves_nothing),
		cmocka_unit_test(sleep_sees_what_came_before),
		cmocka_unit_test(geometry_is_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

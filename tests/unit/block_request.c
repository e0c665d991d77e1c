/* SPDX-License-Identifier: ISC */
/* block_request.c: submissions as bus ranges: limits, merging, and what a lying client can ask. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "blockdrv/request.h"

#define PAGES 64u

static uint64_t bus[PAGES];
static const struct block_pool pool = {PAGES * BLOCK_PAGE, bus};
static struct block_request r;

/* Every page apart from the others. */
static void scatter(void)
{
	for (unsigned i = 0; i < PAGES; i++)
		bus[i] = 0x100000000ull + (uint64_t)(PAGES - i) * 3 * BLOCK_PAGE;
}

static void line_up(void)
{
	for (unsigned i = 0; i < PAGES; i++)
		bus[i] = 0x200000 + (uint64_t)i * BLOCK_PAGE;
}

static struct block_limits limits(uint32_t ranges, uint32_t range_max)
{
	struct block_limits l = {.sectors = 1000, .ranges = ranges, .range_max = range_max};

	assert_int_equal(block_limits_make(&l), 0);
	return l;
}

static struct ring_submission submission(uint8_t op, uint64_t sector, uint32_t sectors,
					 uint16_t segments)
{
	return (struct ring_submission){.cookie = 5,
					.sector = sector,
					.sectors = sectors,
					.segment_count = segments,
					.op = op};
}

static void limits_hold(void **state)
{
	struct block_limits l = {.ranges = 1, .range_max = 1 << 20};

	(void)state;
	assert_int_equal(block_limits_make(&l), -EINVAL);
	l = (struct block_limits){.ranges = 8, .range_max = 512};
	assert_int_equal(block_limits_make(&l), -EINVAL);
	l = limits(2, BLOCK_PAGE);
	assert_int_equal(l.request_segments, 1);
	assert_int_equal(l.request_sectors, 8);
	l = limits(100000, 1 << 22);
	assert_int_equal(l.ranges, BLOCK_RANGES);
	assert_true(l.request_segments <= BLOCK_SEGMENTS);
	assert_true(l.request_sectors * 512u >= 256u << 10);
}

static void merging(void **state)
{
	struct block_limits l = limits(16, 1 << 22);
	struct ring_submission s = submission(BLOCK_READ, 0, 32, 1);
	struct ring_segment seg = {.offset = BLOCK_PAGE, .len = 32 * 512};

	(void)state;
	line_up();
	assert_int_equal(block_request_make(&r, &l, &pool, 0, &s, &seg), 0);
	assert_int_equal(r.ranges, 1);
	assert_int_equal(r.range[0].bus, 0x201000);
	assert_int_equal(r.range[0].len, 32 * 512);
	l.range_max = 2 * BLOCK_PAGE;
	assert_int_equal(block_request_make(&r, &l, &pool, 0, &s, &seg), 0);
	assert_int_equal(r.ranges, 2);
	scatter();
	seg.offset = 512;
	assert_int_equal(block_request_make(&r, &l, &pool, 0, &s, &seg), 0);
	assert_int_equal(r.ranges, 5); /* four pages, and the one that it reaches into */
	assert_int_equal(r.range[0].bus, bus[0] + 512);
	assert_int_equal(r.range[0].len, BLOCK_PAGE - 512);
	assert_int_equal(r.range[4].bus, bus[4]);
	assert_int_equal(r.range[4].len, 512);
}

static int make(const struct block_limits *l, uint32_t features, struct ring_submission s)
{
	struct ring_segment seg = {.offset = 0, .len = s.sectors * 512};

	return block_request_make(&r, l, &pool, features, &s, &seg);
}

static void places(void **state)
{
	struct block_limits l = limits(64, 1 << 22);
	struct ring_submission s = submission(BLOCK_WRITE, 0, 1, 1);

	(void)state;
	line_up();
	assert_int_equal(make(&l, 0, submission(BLOCK_READ, 999, 1, 1)), 0);
	assert_int_equal(make(&l, 0, submission(BLOCK_READ, 999, 2, 1)), -ENXIO);
	assert_int_equal(make(&l, 0, submission(BLOCK_READ, 1000, 1, 1)), -ENXIO);
	assert_int_equal(make(&l, 0, submission(BLOCK_READ, UINT64_MAX, 2, 1)), -ENXIO);
	assert_int_equal(make(&l, 0, submission(BLOCK_READ, 0, 0, 0)), -EINVAL);
	assert_int_equal(make(&l, 0, submission(BLOCK_READ, 0, l.request_sectors + 1, 1)), -EINVAL);
	assert_int_equal(make(&l, 0, submission(BLOCK_READ, 0, 8, 65)), -EINVAL);
	assert_int_equal(make(&l, 0, s), 0);
	assert_int_equal(make(&l, BLOCK_FEATURE_READONLY, s), -EROFS);
	s.flags = BLOCK_FUA;
	assert_int_equal(make(&l, 0, s), 0);
	assert_true(r.fua);
	s.flags = 2;
	assert_int_equal(make(&l, 0, s), -EINVAL);
	assert_int_equal(make(&l, 0, submission(BLOCK_FLUSH, 0, 0, 0)), 0);
	assert_int_equal(make(&l, 0, submission(BLOCK_FLUSH, 0, 1, 1)), -EINVAL);
	assert_int_equal(make(&l, 0, submission(BLOCK_TRIM, 0, 1, 1)), -EOPNOTSUPP);
	assert_int_equal(make(&l, 0, submission(200, 0, 1, 1)), -EINVAL);
}

/* A request within the limits always fits, and its ranges are exactly its segments. */
static void always_fits(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed < 3000; seed++) {
		struct ring_segment segs[BLOCK_SEGMENTS];
		struct block_limits l;
		struct ring_submission s = {.op = BLOCK_READ};
		uint64_t bytes = 0, got = 0;

		srand(seed);
		if (rand() & 1)
			scatter();
		else
			line_up();
		l = limits(2 + (uint32_t)rand() % 200, BLOCK_PAGE << rand() % 8);
		s.segment_count = (uint16_t)(1 + (uint32_t)rand() % l.request_segments);
		for (unsigned i = 0; i < s.segment_count; i++) {
			uint32_t left = l.request_sectors - s.sectors - (s.segment_count - 1 - i);
			uint32_t n = 1 + (uint32_t)rand() % (left < 64 ? left : 64);

			segs[i].len = n * 512;
			segs[i].offset = (uint64_t)rand() % (pool.size / 512 - n + 1) * 512;
			s.sectors += n;
			bytes += segs[i].len;
		}
		if (block_request_make(&r, &l, &pool, 0, &s, segs))
			fail_msg("seed %u", seed);
		for (unsigned i = 0; i < r.ranges; i++) {
			assert_true(r.range[i].len && r.range[i].len <= l.range_max);
			got += r.range[i].len;
		}
		assert_int_equal(got, bytes);
	}
}

/* Segments anywhere: refused, or inside the pool. */
static void lying_segments(void **state)
{
	struct block_limits l = limits(64, 1 << 22);
	struct ring_submission s = submission(BLOCK_READ, 0, 2, 1);
	struct ring_segment seg = {.offset = pool.size - 512, .len = 1024};

	(void)state;
	line_up();
	assert_int_equal(block_request_make(&r, &l, &pool, 0, &s, &seg), -EINVAL);
	seg.offset = UINT64_MAX - 511;
	assert_int_equal(block_request_make(&r, &l, &pool, 0, &s, &seg), -EINVAL);
	seg.offset = pool.size - 1024;
	assert_int_equal(block_request_make(&r, &l, &pool, 0, &s, &seg), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_hold),	  cmocka_unit_test(merging),
		cmocka_unit_test(places),	  cmocka_unit_test(always_fits),
		cmocka_unit_test(lying_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * bitmap.h: bit arrays, and runs of set bits in them. Pure.
 */
#pragma once
#include "base.h"

#define BITMAP_NONE UINT64_MAX

static inline void bitmap_set(uint64_t *map, uint64_t i)
{
	map[i / 64] |= 1ull << (i % 64);
}
static inline void bitmap_clear(uint64_t *map, uint64_t i)
{
	map[i / 64] &= ~(1ull << (i % 64));
}
static inline bool bitmap_test(const uint64_t *map, uint64_t i)
{
	return map[i / 64] >> (i % 64) & 1;
}
/* First i in [from, end) whose bit is set (clear), or `end`. */
uint64_t bitmap_next_set(const uint64_t *map, uint64_t from, uint64_t end);
uint64_t bitmap_next_clear(const uint64_t *map, uint64_t from, uint64_t end);
/* First i in [0, bits) such that (i + phase) is a multiple of `align` (a power of two) and bits
 * i .. i + n - 1 are set; BITMAP_NONE: there is none. */
uint64_t bitmap_find_run(const uint64_t *map, uint64_t bits, uint64_t n, uint64_t align,
			 uint64_t phase);

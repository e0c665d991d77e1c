/* SPDX-License-Identifier: ISC */
/*
 * bitmap.c: bit arrays, and runs of set bits in them. Knows nothing of frames,
 * so that it is tested on the host. Words of 64 bits are skipped whole.
 */
#include "bitmap.h"

/* First bit in [from, end) that differs from `flip` (0: first set, ~0: first clear). */
static uint64_t scan(const uint64_t *map, uint64_t from, uint64_t end, uint64_t flip)
{
	uint64_t w;

	if (from >= end)
		return end;
	w = (map[from / 64] ^ flip) & (UINT64_MAX << (from % 64));
	for (uint64_t i = from / 64;; w = map[i] ^ flip) {
		if (w) {
			uint64_t bit = i * 64 + (uint64_t)__builtin_ctzll(w);

			return bit < end ? bit : end;
		}
		if (++i * 64 >= end)
			return end;
	}
}

uint64_t bitmap_next_set(const uint64_t *map, uint64_t from, uint64_t end)
{
	return scan(map, from, end, 0);
}

uint64_t bitmap_next_clear(const uint64_t *map, uint64_t from, uint64_t end)
{
	return scan(map, from, end, UINT64_MAX);
}

uint64_t bitmap_find_run(const uint64_t *map, uint64_t bits, uint64_t n, uint64_t align,
			 uint64_t phase)
{
	uint64_t i = 0;

	while (n <= bits && i <= bits - n) {
		uint64_t stop;

		i = bitmap_next_set(map, i, bits);
		i += -(i + phase) & (align - 1);
		if (i > bits - n)
			break;
		stop = bitmap_next_clear(map, i, i + n);
		if (stop == i + n)
			return i;
		i = stop;
	}
	return BITMAP_NONE;
}

/* SPDX-License-Identifier: ISC */
/*
 * bytes.h: a ring of bytes for one thread: what a serial line holds between driver and reader.
 * size is a power of two. Inline; the memory is the caller's. head and tail may lie, with the ring,
 * in memory that outlives the program: a byte is there before head says so.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct bytes {
	uint8_t *ring;
	uint32_t size;
	uint32_t head, tail; /* head - tail bytes are in it */
};

static inline uint32_t bytes_used(const struct bytes *b)
{
	return b->head - b->tail;
}

static inline uint32_t bytes_room(const struct bytes *b)
{
	return b->size - bytes_used(b);
}

/* False: no room. */
static inline bool bytes_put(struct bytes *b, uint8_t byte)
{
	if (!bytes_room(b))
		return false;
	b->ring[b->head & (b->size - 1)] = byte;
	__atomic_store_n(&b->head, b->head + 1, __ATOMIC_RELEASE);
	return true;
}

/* The next byte, which stays; bytes_drop takes it out. */
static inline uint8_t bytes_first(const struct bytes *b)
{
	return b->ring[b->tail & (b->size - 1)];
}

/* How many of at most max bytes lie in one piece at *at; they stay there, also when bytes_drop has
 * taken them out, until something is put. */
static inline uint32_t bytes_piece(const struct bytes *b, const uint8_t **at, uint32_t max)
{
	uint32_t from = b->tail & (b->size - 1), n = bytes_used(b);

	if (n > b->size - from)
		n = b->size - from;
	*at = b->ring + from;
	return n < max ? n : max;
}

static inline void bytes_drop(struct bytes *b, uint32_t n)
{
	__atomic_store_n(&b->tail, b->tail + n, __ATOMIC_RELEASE);
}

/* For one that a predecessor left at these places: does it make sense? Then it is used on. */
static inline bool bytes_adopt(struct bytes *b, uint8_t *ring, uint32_t size)
{
	b->ring = ring;
	b->size = size;
	return bytes_used(b) <= size;
}

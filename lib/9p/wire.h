/* SPDX-License-Identifier: ISC */
/*
 * wire.h: reading and writing fields within bounds. Private to the codec.
 *
 * A reader or writer stands at p and may go up to end; every function checks before it moves and
 * says false when there is not enough, leaving p where it was. Little endian, as the machine.
 */
#pragma once
#include <string.h>
#include "9p/codec.h"

struct p9_reader {
	const uint8_t *p, *end;
};

struct p9_writer {
	uint8_t *p, *end;
	uint32_t outside; /* payload bytes that are not written here */
};

/* Names and paths are short: two or four words that overlap are cheaper than a call. */
static inline void p9_bytes_copy(void *to, const void *from, uint32_t len)
{
	uint8_t *t = to;
	const uint8_t *f = from;
	uint64_t a, b, c, d;

	if (len < 8 || len > 32) {
		if (len)
			memcpy(to, from, len);
		return;
	}
	memcpy(&a, f, 8);
	memcpy(&b, f + len - 8, 8);
	if (len > 16) {
		memcpy(&c, f + 8, 8);
		memcpy(&d, f + len - 16, 8);
		memcpy(t + 8, &c, 8);
		memcpy(t + len - 16, &d, 8);
	}
	memcpy(t, &a, 8);
	memcpy(t + len - 8, &b, 8);
}

static inline size_t p9_left(const struct p9_reader *in)
{
	return (size_t)(in->end - in->p);
}

static inline size_t p9_room(const struct p9_writer *out)
{
	return (size_t)(out->end - out->p);
}

static inline bool p9_skip(struct p9_reader *in, uint32_t len)
{
	if (p9_left(in) < len)
		return false;
	in->p += len;
	return true;
}

static inline bool p9_take(struct p9_reader *in, void *dst, uint32_t len)
{
	if (p9_left(in) < len)
		return false;
	memcpy(dst, in->p, len);
	in->p += len;
	return true;
}

/* Words of 8 bytes: the short loop beats a call of memcpy for the few that a message has. */
static inline bool p9_take_words(struct p9_reader *in, uint64_t *dst, unsigned n)
{
	if (p9_left(in) < n * 8u)
		return false;
	for (unsigned i = 0; i < n; i++)
		memcpy(&dst[i], in->p + i * 8u, 8);
	in->p += n * 8u;
	return true;
}

static inline bool p9_take_halves(struct p9_reader *in, uint32_t *dst, unsigned n)
{
	if (p9_left(in) < n * 4u)
		return false;
	for (unsigned i = 0; i < n; i++)
		memcpy(&dst[i], in->p + i * 4u, 4);
	in->p += n * 4u;
	return true;
}

static inline bool p9_take_qid(struct p9_reader *in, struct p9_qid *qid)
{
	if (p9_left(in) < 13)
		return false;
	qid->type = in->p[0];
	memcpy(&qid->version, in->p + 1, 4);
	memcpy(&qid->path, in->p + 5, 8);
	in->p += 13;
	return true;
}

/* valid[8] qid[13], then mode to gid and nlink to data_version, which lie as on the wire. */
#define P9_ATTR_HALVES (3 * 4)
#define P9_ATTR_WORDS  (15 * 8)
#define P9_ATTR_SIZE   (8 + 13 + P9_ATTR_HALVES + P9_ATTR_WORDS)
_Static_assert(offsetof(struct p9_attr, gid) - offsetof(struct p9_attr, mode) == 2 * 4, "attr");
_Static_assert(offsetof(struct p9_attr, data_version) - offsetof(struct p9_attr, nlink) == 14 * 8,
	       "attr");

/* The two are the longest there are, and sent all the time: sizes are constants, so that the
 * compiler moves 16 bytes at once. */
static inline void p9_attr_read(const uint8_t *p, struct p9_attr *attr)
{
	uint8_t *to = (uint8_t *)attr;

	memcpy(&attr->valid, p, 8);
	attr->qid.type = p[8];
	memcpy(&attr->qid.version, p + 9, 4);
	memcpy(&attr->qid.path, p + 13, 8);
	memcpy(to + offsetof(struct p9_attr, mode), p + 21, P9_ATTR_HALVES);
	memcpy(to + offsetof(struct p9_attr, nlink), p + 21 + P9_ATTR_HALVES, P9_ATTR_WORDS);
}

static inline void p9_attr_write(uint8_t *p, const struct p9_attr *attr)
{
	const uint8_t *from = (const uint8_t *)attr;

	memcpy(p, &attr->valid, 8);
	p[8] = attr->qid.type;
	memcpy(p + 9, &attr->qid.version, 4);
	memcpy(p + 13, &attr->qid.path, 8);
	memcpy(p + 21, from + offsetof(struct p9_attr, mode), P9_ATTR_HALVES);
	memcpy(p + 21 + P9_ATTR_HALVES, from + offsetof(struct p9_attr, nlink), P9_ATTR_WORDS);
}

static inline bool p9_take_attr(struct p9_reader *in, struct p9_attr *attr)
{
	if (p9_left(in) < P9_ATTR_SIZE)
		return false;
	p9_attr_read(in->p, attr);
	in->p += P9_ATTR_SIZE;
	return true;
}

static inline bool p9_take_str(struct p9_reader *in, struct p9_str *str)
{
	uint16_t len;

	if (!p9_take(in, &len, 2) || p9_left(in) < len)
		return false;
	str->ptr = (const char *)in->p;
	str->len = len;
	in->p += len;
	return true;
}

static inline bool p9_give(struct p9_writer *out, const void *src, uint32_t len)
{
	if (p9_room(out) < len)
		return false;
	if (len)
		memcpy(out->p, src, len);
	out->p += len;
	return true;
}

static inline bool p9_give_words(struct p9_writer *out, const uint64_t *src, unsigned n)
{
	if (p9_room(out) < n * 8u)
		return false;
	for (unsigned i = 0; i < n; i++)
		memcpy(out->p + i * 8u, &src[i], 8);
	out->p += n * 8u;
	return true;
}

static inline bool p9_give_halves(struct p9_writer *out, const uint32_t *src, unsigned n)
{
	if (p9_room(out) < n * 4u)
		return false;
	for (unsigned i = 0; i < n; i++)
		memcpy(out->p + i * 4u, &src[i], 4);
	out->p += n * 4u;
	return true;
}

static inline bool p9_give_attr(struct p9_writer *out, const struct p9_attr *attr)
{
	if (p9_room(out) < P9_ATTR_SIZE)
		return false;
	p9_attr_write(out->p, attr);
	out->p += P9_ATTR_SIZE;
	return true;
}

static inline bool p9_give_qid(struct p9_writer *out, const struct p9_qid *qid)
{
	if (p9_room(out) < 13)
		return false;
	out->p[0] = qid->type;
	memcpy(out->p + 1, &qid->version, 4);
	memcpy(out->p + 5, &qid->path, 8);
	out->p += 13;
	return true;
}

static inline bool p9_give_str(struct p9_writer *out, const struct p9_str *str)
{
	uint16_t len = (uint16_t)str->len;

	if (str->len > UINT16_MAX || p9_room(out) < 2u + len)
		return false;
	memcpy(out->p, &len, 2);
	if (len)
		memcpy(out->p + 2, str->ptr, len);
	out->p += 2u + len;
	return true;
}

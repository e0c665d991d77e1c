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

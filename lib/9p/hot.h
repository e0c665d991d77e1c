/* SPDX-License-Identifier: ISC */
/*
 * hot.h: the few messages that are sent all the time, written and read without the table. Private
 * to the codec.
 *
 * Each function takes the ordinary form of its messages only (9P2000.L or local, room to spare,
 * payload outside of the frame) and says 0 or false to everything else, also to what is malformed:
 * the table then decides, and finds the error. So nothing is accepted here that the table refuses,
 * and the bytes are the same: tests/unit/9p_codec.c and tests/fuzz/9p_codec.c hold the two against
 * each other.
 */
#pragma once
#include "9p/messages.h"
#include "9p/wire.h"

#define P9_HOT_CAP 256u /* more than any of them takes, strings apart */

static inline uint16_t p9_get16(const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, 2);
	return value;
}

static inline uint32_t p9_get32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, 4);
	return value;
}

static inline uint64_t p9_get64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, 8);
	return value;
}

static inline void p9_put16(uint8_t *p, uint16_t value)
{
	memcpy(p, &value, 2);
}

static inline void p9_put32(uint8_t *p, uint32_t value)
{
	memcpy(p, &value, 4);
}

static inline void p9_put64(uint8_t *p, uint64_t value)
{
	memcpy(p, &value, 8);
}

/* size[4] type[1] tag[2]; one byte behind them is written, too. */
static inline void p9_hot_head(uint8_t *p, uint32_t size, uint8_t type, uint16_t tag)
{
	p9_put64(p, size | (uint64_t)type << 32 | (uint64_t)tag << 40);
}

/* Where the fields of the two longest end. */
#define P9_TRESOLVE_LEN (P9_HEAD + 4u * 4u + 2u)
#define P9_RRESOLVE_LEN (P9_HEAD + 4u * 2u + P9_ATTR_SIZE + 2u)

static inline bool p9_hot_decode_t(struct p9_tmsg *m, enum p9_dialect dialect, const uint8_t *p,
				   size_t len, uint32_t outside)
{
	if (dialect < P9_DIALECT_L || len < P9_HEAD + 4 || p9_get32(p) != (uint64_t)len + outside)
		return false;
	switch (p[4]) {
	case P9_TCLUNK:
		if (len != P9_HEAD + 4 || outside)
			return false;
		break;
	case P9_TGETATTR:
		if (len != P9_HEAD + 12 || outside)
			return false;
		m->getattr.mask = p9_get64(p + 11);
		break;
	case P9_TREAD:
		if (len != P9_HEAD + 16 || outside)
			return false;
		m->read.offset = p9_get64(p + 11);
		m->read.count = p9_get32(p + 19);
		break;
	case P9_TWRITE:
		if (len != P9_HEAD + 16 || !outside || p9_get32(p + 19) != outside)
			return false;
		m->write.offset = p9_get64(p + 11);
		m->write.data = (struct p9_data){NULL, outside};
		break;
	case P9_TRESOLVE:
		if (dialect != P9_DIALECT_LOCAL || len < P9_TRESOLVE_LEN || outside ||
		    p9_get16(p + 23) != len - P9_TRESOLVE_LEN)
			return false;
		m->resolve.newfid = p9_get32(p + 11);
		m->resolve.flags = p9_get32(p + 15);
		m->resolve.oflags = p9_get32(p + 19);
		m->resolve.path = (struct p9_str){(const char *)p + P9_TRESOLVE_LEN,
						  (uint32_t)len - P9_TRESOLVE_LEN};
		break;
	default: return false;
	}
	m->type = p[4];
	m->tag = p9_get16(p + 5);
	m->fid = p9_get32(p + P9_HEAD);
	return true;
}

static inline bool p9_hot_decode_r(struct p9_rmsg *m, enum p9_dialect dialect, const uint8_t *p,
				   size_t len, uint32_t outside)
{
	if (dialect < P9_DIALECT_L || len < P9_HEAD || p9_get32(p) != (uint64_t)len + outside)
		return false;
	switch (p[4]) {
	case P9_RCLUNK:
		if (len != P9_HEAD || outside)
			return false;
		break;
	case P9_RGETATTR:
		if (len != P9_HEAD + P9_ATTR_SIZE || outside)
			return false;
		p9_attr_read(p + P9_HEAD, &m->getattr);
		break;
	case P9_RREAD:
		if (len != P9_HEAD + 4 || !outside || p9_get32(p + P9_HEAD) != outside)
			return false;
		m->data = (struct p9_data){NULL, outside};
		break;
	case P9_RWRITE:
		if (len != P9_HEAD + 4 || outside)
			return false;
		m->write.count = p9_get32(p + P9_HEAD);
		break;
	case P9_RRESOLVE:
		if (dialect != P9_DIALECT_LOCAL || len < P9_RRESOLVE_LEN || outside ||
		    p9_get16(p + P9_RRESOLVE_LEN - 2) != len - P9_RRESOLVE_LEN)
			return false;
		m->resolve.kind = p9_get32(p + P9_HEAD);
		m->resolve.consumed = p9_get32(p + P9_HEAD + 4);
		p9_attr_read(p + P9_HEAD + 8, &m->resolve.attr);
		m->resolve.target = (struct p9_str){(const char *)p + P9_RRESOLVE_LEN,
						    (uint32_t)len - P9_RRESOLVE_LEN};
		break;
	default: return false;
	}
	m->type = p[4];
	m->tag = p9_get16(p + 5);
	return true;
}

/* The frame's length, or 0. */
static inline int p9_hot_encode_t(const struct p9_tmsg *m, enum p9_dialect dialect, uint8_t *p,
				  size_t cap)
{
	uint32_t len, outside = 0;

	if (dialect < P9_DIALECT_L || cap < P9_HOT_CAP || cap > INT32_MAX)
		return 0;
	switch (m->type) {
	case P9_TCLUNK: len = P9_HEAD + 4; break;
	case P9_TGETATTR:
		len = P9_HEAD + 12;
		p9_put64(p + 11, m->getattr.mask);
		break;
	case P9_TREAD:
		len = P9_HEAD + 16;
		p9_put64(p + 11, m->read.offset);
		p9_put32(p + 19, m->read.count);
		break;
	case P9_TWRITE:
		outside = m->write.data.len;
		if (m->write.data.ptr || outside > INT32_MAX)
			return 0;
		len = P9_HEAD + 16;
		p9_put64(p + 11, m->write.offset);
		p9_put32(p + 19, outside);
		break;
	case P9_TRESOLVE:
		len = m->resolve.path.len;
		if (dialect != P9_DIALECT_LOCAL || len > UINT16_MAX || len > cap - P9_TRESOLVE_LEN)
			return 0;
		p9_put32(p + 11, m->resolve.newfid);
		p9_put32(p + 15, m->resolve.flags);
		p9_put32(p + 19, m->resolve.oflags);
		p9_put16(p + 23, (uint16_t)len);
		p9_bytes_copy(p + P9_TRESOLVE_LEN, m->resolve.path.ptr, len);
		len += P9_TRESOLVE_LEN;
		break;
	default: return 0;
	}
	p9_hot_head(p, len + outside, m->type, m->tag);
	p9_put32(p + P9_HEAD, m->fid);
	return (int)len;
}

static inline int p9_hot_encode_r(const struct p9_rmsg *m, enum p9_dialect dialect, uint8_t *p,
				  size_t cap)
{
	uint32_t len, outside = 0;

	if (dialect < P9_DIALECT_L || cap < P9_HOT_CAP || cap > INT32_MAX)
		return 0;
	switch (m->type) {
	case P9_RCLUNK: p9_hot_head(p, P9_HEAD, m->type, m->tag); return P9_HEAD;
	case P9_RGETATTR:
		len = P9_HEAD + P9_ATTR_SIZE;
		p9_hot_head(p, len, m->type, m->tag);
		p9_attr_write(p + P9_HEAD, &m->getattr);
		return (int)len;
	case P9_RREAD:
		outside = m->data.len;
		if (m->data.ptr || outside > INT32_MAX)
			return 0;
		p9_hot_head(p, P9_HEAD + 4 + outside, m->type, m->tag);
		p9_put32(p + P9_HEAD, outside);
		return P9_HEAD + 4;
	case P9_RWRITE:
		p9_hot_head(p, P9_HEAD + 4, m->type, m->tag);
		p9_put32(p + P9_HEAD, m->write.count);
		return P9_HEAD + 4;
	case P9_RRESOLVE:
		len = m->resolve.target.len;
		if (dialect != P9_DIALECT_LOCAL || len > UINT16_MAX || len > cap - P9_RRESOLVE_LEN)
			return 0;
		p9_hot_head(p, P9_RRESOLVE_LEN + len, m->type, m->tag);
		p9_put32(p + P9_HEAD, m->resolve.kind);
		p9_put32(p + P9_HEAD + 4, m->resolve.consumed);
		p9_attr_write(p + P9_HEAD + 8, &m->resolve.attr);
		p9_put16(p + P9_RRESOLVE_LEN - 2, (uint16_t)len);
		p9_bytes_copy(p + P9_RRESOLVE_LEN, m->resolve.target.ptr, len);
		return (int)(P9_RRESOLVE_LEN + len);
	default: return 0;
	}
}

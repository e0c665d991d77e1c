/* SPDX-License-Identifier: ISC */
/*
 * codec.c: two loops over the message table: one that reads a frame, one that writes it.
 *
 * Nothing here knows a message by name; see messages.c, and hot.h for the few that are sent all
 * the time and go around the loops. Invariant of both loops: p <= end, and
 * every access is checked against end - p before it is made. Directory entries and stats, which
 * are not messages, are in entry.c.
 */
#include <errno.h>
#include <string.h>
#include "9p/hot.h"
#include "9p/messages.h"
#include "9p/wire.h"

/* The loops exist once for requests and once for replies, with nothing left to call or to look up
 * for an ordinary field: every message goes through them four times. */
#define INLINE inline __attribute__((always_inline))

/* ---- decoding ---------------------------------------------------------------------------- */

static bool take_names(struct p9_reader *in, struct p9_tmsg *m)
{
	uint16_t count;

	if (!p9_take(in, &count, 2) || count > P9_WALK_MAX)
		return false;
	m->walk.count = count;
	for (unsigned i = 0; i < count; i++)
		if (!p9_take_str(in, &m->walk.names[i]))
			return false;
	return true;
}

static bool take_qids(struct p9_reader *in, struct p9_rmsg *m)
{
	uint16_t count;

	if (!p9_take(in, &count, 2) || count > P9_WALK_MAX)
		return false;
	m->walk.count = count;
	for (unsigned i = 0; i < count; i++)
		if (!p9_take_qid(in, &m->walk.qids[i]))
			return false;
	return true;
}

static bool take_data(struct p9_reader *in, struct p9_data *data, uint32_t outside)
{
	uint32_t len;

	if (!p9_take(in, &len, 4))
		return false;
	data->len = len;
	if (outside) {
		data->ptr = NULL;
		return len == outside && in->p == in->end;
	}
	data->ptr = in->p;
	return p9_skip(in, len);
}

static bool take_stat(struct p9_reader *in, struct p9_stat *st)
{
	uint16_t len;
	int used;

	if (!p9_take(in, &len, 2) || len > p9_left(in))
		return false;
	used = p9_stat_decode(st, in->p, len);
	return used == len && p9_skip(in, len);
}

static bool take_compound(struct p9_reader *in, const struct p9_field *f, void *m, uint32_t outside)
{
	void *at = (uint8_t *)m + f->at;

	if (f->kind == P9_F_NAMES)
		return take_names(in, m);
	if (f->kind == P9_F_QIDS)
		return take_qids(in, m);
	return f->kind == P9_F_DATA ? take_data(in, at, outside) : take_stat(in, at);
}

static INLINE bool take_field(struct p9_reader *in, const struct p9_field *f, void *m,
			      enum p9_dialect dialect, uint32_t outside)
{
	void *at = (uint8_t *)m + f->at;
	struct p9_reader copy;
	bool ok;

	switch ((enum p9_field_kind)f->kind) {
	case P9_F_U32: return p9_take(in, at, 4);
	case P9_F_U64: return p9_take(in, at, 8);
	case P9_F_U8: return p9_take(in, at, 1);
	case P9_F_U16: return p9_take(in, at, 2);
	case P9_F_U32S: return p9_take_halves(in, at, f->n);
	case P9_F_U64S: return p9_take_words(in, at, f->n);
	case P9_F_QID: return p9_take_qid(in, at);
	case P9_F_ATTR: return p9_take_attr(in, at);
	case P9_F_STR: return p9_take_str(in, at);
	case P9_F_U32_L:
		if (dialect == P9_DIALECT_2000) {
			*(uint32_t *)at = P9_NOUNAME;
			return true;
		}
		return p9_take(in, at, 4);
	case P9_F_U32_OPT: *(uint32_t *)at = 0; return in->p == in->end || p9_take(in, at, 4);
	case P9_F_NAMES:
	case P9_F_QIDS:
	case P9_F_DATA:
	case P9_F_STAT: break;
	}
	copy = *in; /* so that the loop's own stays in registers */
	ok = take_compound(&copy, f, m, outside);
	*in = copy;
	return ok;
}

static INLINE int decode_fields(const struct p9_layout *layout, void *m, enum p9_dialect dialect,
				const void *frame, size_t len, uint32_t outside)
{
	struct p9_reader in = {(const uint8_t *)frame + P9_HEAD, (const uint8_t *)frame + len};
	const struct p9_field *f = layout->fields, *end = f + layout->count;

	if (outside && (!layout->count || end[-1].kind != P9_F_DATA))
		return -EBADMSG;
	for (; f < end; f++) {
		if (f->kind == P9_F_U32 && p9_take(&in, (uint8_t *)m + f->at, 4))
			continue; /* most fields are that */
		if (!take_field(&in, f, m, dialect, outside))
			return -EBADMSG;
	}
	return in.p == in.end ? 0 : -EBADMSG;
}

int p9_head_decode(const void *frame, size_t len, uint32_t *size, uint8_t *type, uint16_t *tag)
{
	const uint8_t *p = frame;

	if (len < P9_HEAD)
		return -EBADMSG;
	memcpy(size, p, 4);
	*type = p[4];
	memcpy(tag, p + 5, 2);
	return *size < P9_HEAD ? -EBADMSG : 0;
}

/* NULL: the dialect has no such message. */
static const struct p9_layout *layout_find(uint8_t type, bool request, enum p9_dialect dialect)
{
	const struct p9_layout *l = &p9_layouts[type];

	return l->in[request] >> dialect & 1 ? l : NULL;
}

/* The caller's struct is only told apart by its first two fields, which are the same. */
_Static_assert(offsetof(struct p9_tmsg, type) == 0 && offsetof(struct p9_rmsg, type) == 0, "head");
_Static_assert(offsetof(struct p9_tmsg, tag) == offsetof(struct p9_rmsg, tag), "head");

static INLINE int decode(void *m, bool request, enum p9_dialect dialect, const void *frame,
			 size_t len, uint32_t outside)
{
	const struct p9_layout *layout;
	uint32_t size;
	uint8_t type;
	uint16_t tag;
	int err;

	err = p9_head_decode(frame, len, &size, &type, &tag);
	if (err)
		return err;
	if (size != (uint64_t)len + outside)
		return -EBADMSG;
	*(uint8_t *)m = type;
	memcpy((uint8_t *)m + offsetof(struct p9_tmsg, tag), &tag, 2);
	layout = layout_find(type, request, dialect);
	if (!layout)
		return -EOPNOTSUPP;
	return decode_fields(layout, m, dialect, frame, len, outside);
}

int p9_table_decode_t(struct p9_tmsg *m, enum p9_dialect dialect, const void *frame, size_t len,
		      uint32_t outside)
{
	return decode(m, true, dialect, frame, len, outside);
}

int p9_table_decode_r(struct p9_rmsg *m, enum p9_dialect dialect, const void *frame, size_t len,
		      uint32_t outside)
{
	return decode(m, false, dialect, frame, len, outside);
}

int p9_decode_t(struct p9_tmsg *m, enum p9_dialect dialect, const void *frame, size_t len,
		uint32_t outside)
{
	if (p9_hot_decode_t(m, dialect, frame, len, outside))
		return 0;
	return p9_table_decode_t(m, dialect, frame, len, outside);
}

int p9_decode_r(struct p9_rmsg *m, enum p9_dialect dialect, const void *frame, size_t len,
		uint32_t outside)
{
	if (p9_hot_decode_r(m, dialect, frame, len, outside))
		return 0;
	return p9_table_decode_r(m, dialect, frame, len, outside);
}

/* ---- encoding ---------------------------------------------------------------------------- */

static bool give_names(struct p9_writer *out, const struct p9_tmsg *m)
{
	if (!p9_give(out, &m->walk.count, 2))
		return false;
	for (unsigned i = 0; i < m->walk.count; i++)
		if (!p9_give_str(out, &m->walk.names[i]))
			return false;
	return true;
}

static bool give_qids(struct p9_writer *out, const struct p9_rmsg *m)
{
	if (!p9_give(out, &m->walk.count, 2))
		return false;
	for (unsigned i = 0; i < m->walk.count; i++)
		if (!p9_give_qid(out, &m->walk.qids[i]))
			return false;
	return true;
}

static bool give_data(struct p9_writer *out, const struct p9_data *data)
{
	if (!p9_give(out, &data->len, 4))
		return false;
	if (!data->ptr) {
		out->outside = data->len;
		return true;
	}
	return p9_give(out, data->ptr, data->len);
}

static bool give_stat(struct p9_writer *out, const struct p9_stat *st)
{
	uint16_t len;
	int used;

	if (p9_room(out) < 2)
		return false;
	used = p9_stat_encode(st, out->p + 2, p9_room(out) - 2);
	if (used < 0)
		return false;
	len = (uint16_t)used;
	memcpy(out->p, &len, 2);
	out->p += 2 + len;
	return true;
}

static bool give_compound(struct p9_writer *out, const struct p9_field *f, const void *m)
{
	const void *at = (const uint8_t *)m + f->at;

	if (f->kind == P9_F_NAMES)
		return give_names(out, m);
	if (f->kind == P9_F_QIDS)
		return give_qids(out, m);
	return f->kind == P9_F_DATA ? give_data(out, at) : give_stat(out, at);
}

static INLINE bool give_field(struct p9_writer *out, const struct p9_field *f, const void *m,
			      enum p9_dialect dialect)
{
	const void *at = (const uint8_t *)m + f->at;
	struct p9_writer copy;
	bool ok;

	switch ((enum p9_field_kind)f->kind) {
	case P9_F_U32:
	case P9_F_U32_OPT: return p9_give(out, at, 4);
	case P9_F_U64: return p9_give(out, at, 8);
	case P9_F_U8: return p9_give(out, at, 1);
	case P9_F_U16: return p9_give(out, at, 2);
	case P9_F_U32S: return p9_give_halves(out, at, f->n);
	case P9_F_U64S: return p9_give_words(out, at, f->n);
	case P9_F_QID: return p9_give_qid(out, at);
	case P9_F_ATTR: return p9_give_attr(out, at);
	case P9_F_STR: return p9_give_str(out, at);
	case P9_F_U32_L: return dialect == P9_DIALECT_2000 || p9_give(out, at, 4);
	case P9_F_NAMES:
	case P9_F_QIDS:
	case P9_F_DATA:
	case P9_F_STAT: break;
	}
	copy = *out;
	ok = give_compound(&copy, f, m);
	*out = copy;
	return ok;
}

static INLINE int encode(const void *m, uint8_t type, uint16_t tag, bool request,
			 enum p9_dialect dialect, void *frame, size_t cap)
{
	struct p9_writer out = {(uint8_t *)frame + P9_HEAD, (uint8_t *)frame + cap, 0};
	const struct p9_layout *layout = layout_find(type, request, dialect);
	uint64_t size;
	uint32_t word;

	if (!layout)
		return -EOPNOTSUPP;
	if (cap < P9_HEAD || cap > INT32_MAX)
		return -EMSGSIZE;
	for (unsigned i = 0; i < layout->count; i++) {
		const struct p9_field *f = &layout->fields[i];

		if (f->kind == P9_F_U32 && p9_give(&out, (const uint8_t *)m + f->at, 4))
			continue;
		if (!give_field(&out, f, m, dialect))
			return -EMSGSIZE;
	}
	size = (uint64_t)(out.p - (uint8_t *)frame) + out.outside;
	if (size > UINT32_MAX)
		return -EMSGSIZE;
	word = (uint32_t)size;
	memcpy(frame, &word, 4);
	((uint8_t *)frame)[4] = type;
	memcpy((uint8_t *)frame + 5, &tag, 2);
	return (int)(out.p - (uint8_t *)frame);
}

int p9_table_encode_t(const struct p9_tmsg *m, enum p9_dialect dialect, void *frame, size_t cap)
{
	if (m->type == P9_TWALK && m->walk.count > P9_WALK_MAX)
		return -EINVAL;
	return encode(m, m->type, m->tag, true, dialect, frame, cap);
}

int p9_table_encode_r(const struct p9_rmsg *m, enum p9_dialect dialect, void *frame, size_t cap)
{
	if (m->type == P9_RWALK && m->walk.count > P9_WALK_MAX)
		return -EINVAL;
	return encode(m, m->type, m->tag, false, dialect, frame, cap);
}

int p9_encode_t(const struct p9_tmsg *m, enum p9_dialect dialect, void *frame, size_t cap)
{
	int len = p9_hot_encode_t(m, dialect, frame, cap);

	return len ? len : p9_table_encode_t(m, dialect, frame, cap);
}

int p9_encode_r(const struct p9_rmsg *m, enum p9_dialect dialect, void *frame, size_t cap)
{
	int len = p9_hot_encode_r(m, dialect, frame, cap);

	return len ? len : p9_table_encode_r(m, dialect, frame, cap);
}

bool p9_type_has_views(uint8_t type)
{
	return p9_layouts[type].views;
}

const char *p9_type_name(uint8_t type)
{
	const char *name = p9_layouts[type].name;

	return name ? name : "?";
}

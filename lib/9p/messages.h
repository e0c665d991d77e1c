/* SPDX-License-Identifier: ISC */
/*
 * messages.h: the layout of every 9P message as a table. Private to the codec.
 *
 * A message is a list of fields in wire order; a field says how it looks on the wire and where it
 * lies in struct p9_tmsg or p9_rmsg. What is not in the table does not exist.
 */
#pragma once
#include "9p/codec.h"

enum p9_field_kind {
	P9_F_U8,
	P9_F_U16,
	P9_F_U32,
	P9_F_U64,
	P9_F_U32_L,   /* not on the wire in 9P2000; P9_NOUNAME is filled in */
	P9_F_U32_OPT, /* may be missing at the end; 0 is filled in; always written */
	P9_F_U32S,    /* n words that lie as on the wire */
	P9_F_U64S,
	P9_F_QID,
	P9_F_ATTR, /* a struct p9_attr: 153 bytes */
	P9_F_STR,
	P9_F_NAMES, /* count[2] and so many strings: a walk's names */
	P9_F_QIDS,  /* count[2] and so many qids: a walk's */
	P9_F_DATA,  /* count[4] and so many bytes, here or outside; always the last field */
	P9_F_STAT,  /* n[2] and a stat of n bytes */
};

struct p9_field {
	uint8_t kind; /* enum p9_field_kind */
	uint8_t n;    /* how many, for U32S and U64S */
	uint16_t at;  /* offset in the structure */
};

#define P9_IN_2000  (1u << P9_DIALECT_2000)
#define P9_IN_L	    (1u << P9_DIALECT_L | 1u << P9_DIALECT_LOCAL)
#define P9_IN_LOCAL (1u << P9_DIALECT_LOCAL)
#define P9_IN_BOTH  (P9_IN_2000 | P9_IN_L)
#define P9_IN_ALL   (P9_IN_BOTH | 1u << P9_DIALECT_NONE)

struct p9_layout {
	const char *name;
	const struct p9_field *fields;
	uint8_t count;
	uint8_t in[2]; /* P9_IN_*: as a reply, as a request; one of them is 0 */
	bool views;    /* has strings or data */
};

/* Indexed by type; where there is no such message name is NULL and in is 0. */
extern const struct p9_layout p9_layouts[256];

/* As p9_decode_t and its like, by the table alone, whatever the message: what hot.h is tested
 * against. */
P9_MUST int p9_table_decode_t(struct p9_tmsg *m, enum p9_dialect dialect, const void *frame,
			      size_t len, uint32_t outside);
P9_MUST int p9_table_decode_r(struct p9_rmsg *m, enum p9_dialect dialect, const void *frame,
			      size_t len, uint32_t outside);
P9_MUST int p9_table_encode_t(const struct p9_tmsg *m, enum p9_dialect dialect, void *frame,
			      size_t cap);
P9_MUST int p9_table_encode_r(const struct p9_rmsg *m, enum p9_dialect dialect, void *frame,
			      size_t cap);

/* SPDX-License-Identifier: ISC */
/*
 * 9p_codec.c: messages as bytes: golden frames written out by hand from the protocol's pages, and
 * every message there and back, cut short everywhere, too long, with lengths that lie.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "9p/messages.h"

#define FRAME(...)                                                                                 \
	(const uint8_t[])                                                                          \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define T(text) p9_str_from(text)

/* ---- golden frames ------------------------------------------------------------------------- */

static void golden_t(const struct p9_tmsg *m, enum p9_dialect dialect, const uint8_t *frame,
		     size_t len)
{
	uint8_t buf[256], again[256];
	struct p9_tmsg back;
	int n = p9_encode_t(m, dialect, buf, sizeof(buf));

	assert_int_equal(n, len);
	assert_memory_equal(buf, frame, len);
	assert_int_equal(p9_decode_t(&back, dialect, frame, len, 0), 0);
	assert_int_equal(back.type, m->type);
	assert_int_equal(back.tag, m->tag);
	assert_int_equal(p9_encode_t(&back, dialect, again, sizeof(again)), len);
	assert_memory_equal(again, frame, len);
}

static void golden_r(const struct p9_rmsg *m, enum p9_dialect dialect, const uint8_t *frame,
		     size_t len)
{
	uint8_t buf[256], again[256];
	struct p9_rmsg back;
	int n = p9_encode_r(m, dialect, buf, sizeof(buf));

	assert_int_equal(n, len);
	assert_memory_equal(buf, frame, len);
	assert_int_equal(p9_decode_r(&back, dialect, frame, len, 0), 0);
	assert_int_equal(back.type, m->type);
	assert_int_equal(p9_encode_r(&back, dialect, again, sizeof(again)), len);
	assert_memory_equal(again, frame, len);
}

#define GOLDEN_T(m, dialect, ...)                                                                  \
	golden_t(&(m), dialect, FRAME(__VA_ARGS__), sizeof(FRAME(__VA_ARGS__)))
#define GOLDEN_R(m, dialect, ...)                                                                  \
	golden_r(&(m), dialect, FRAME(__VA_ARGS__), sizeof(FRAME(__VA_ARGS__)))

static void golden_session(void **state)
{
	struct p9_tmsg t = {.type = P9_TVERSION, .tag = P9_NOTAG};
	struct p9_rmsg r = {.type = P9_RVERSION, .tag = P9_NOTAG};

	(void)state;
	t.version.msize = 8192;
	t.version.version = T("9P2000.L");
	GOLDEN_T(t, P9_DIALECT_NONE, 21, 0, 0, 0, 100, 0xff, 0xff, 0, 0x20, 0, 0, 8, 0, '9', 'P',
		 '2', '0', '0', '0', '.', 'L');
	r.version.msize = 0x01020304;
	r.version.version = T("9P2000");
	GOLDEN_R(r, P9_DIALECT_2000, 19, 0, 0, 0, 101, 0xff, 0xff, 4, 3, 2, 1, 6, 0, '9', 'P', '2',
		 '0', '0', '0');

	t = (struct p9_tmsg){.type = P9_TATTACH, .tag = 1, .fid = 2};
	t.attach.afid = P9_NOFID;
	t.attach.uname = T("me");
	t.attach.aname = T("/");
	t.attach.n_uname = 1000;
	GOLDEN_T(t, P9_DIALECT_L, 26, 0, 0, 0, 104, 1, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 2, 0,
		 'm', 'e', 1, 0, '/', 0xe8, 3, 0, 0);
	t.attach.n_uname = P9_NOUNAME;
	GOLDEN_T(t, P9_DIALECT_2000, 22, 0, 0, 0, 104, 1, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 2,
		 0, 'm', 'e', 1, 0, '/');

	r = (struct p9_rmsg){.type = P9_RATTACH, .tag = 1};
	r.qid.qid = (struct p9_qid){.type = P9_QTDIR, .version = 3, .path = 0x0102030405060708};
	GOLDEN_R(r, P9_DIALECT_L, 20, 0, 0, 0, 105, 1, 0, 0x80, 3, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1);

	t = (struct p9_tmsg){.type = P9_TFLUSH, .tag = 7};
	t.flush.oldtag = 0x1234;
	GOLDEN_T(t, P9_DIALECT_L, 9, 0, 0, 0, 108, 7, 0, 0x34, 0x12);
	r = (struct p9_rmsg){.type = P9_RFLUSH, .tag = 7};
	GOLDEN_R(r, P9_DIALECT_L, 7, 0, 0, 0, 109, 7, 0);

	r = (struct p9_rmsg){.type = P9_RLERROR, .tag = 9};
	r.lerror.ecode = ENOENT;
	GOLDEN_R(r, P9_DIALECT_L, 11, 0, 0, 0, 7, 9, 0, 2, 0, 0, 0);
	r = (struct p9_rmsg){.type = P9_RERROR, .tag = 9};
	r.error.ename = T("no");
	GOLDEN_R(r, P9_DIALECT_2000, 11, 0, 0, 0, 107, 9, 0, 2, 0, 'n', 'o');
}

static void golden_files(void **state)
{
	struct p9_tmsg t = {.type = P9_TWALK, .tag = 2, .fid = 3};
	struct p9_rmsg r = {.type = P9_RWALK, .tag = 2};

	(void)state;
	t.walk.newfid = 4;
	t.walk.count = 2;
	t.walk.names[0] = T("a");
	t.walk.names[1] = T("bc");
	GOLDEN_T(t, P9_DIALECT_L, 24, 0, 0, 0, 110, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 2, 0, 1, 0, 'a',
		 2, 0, 'b', 'c');
	r.walk.count = 1;
	r.walk.qids[0] = (struct p9_qid){.type = 2, .version = 1, .path = 5};
	GOLDEN_R(r, P9_DIALECT_L, 22, 0, 0, 0, 111, 2, 0, 1, 0, 2, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0,
		 0);

	t = (struct p9_tmsg){.type = P9_TREAD, .tag = 3, .fid = 1};
	t.read.offset = 0x1122334455;
	t.read.count = 0x1000;
	GOLDEN_T(t, P9_DIALECT_L, 23, 0, 0, 0, 116, 3, 0, 1, 0, 0, 0, 0x55, 0x44, 0x33, 0x22, 0x11,
		 0, 0, 0, 0, 0x10, 0, 0);
	r = (struct p9_rmsg){.type = P9_RREAD, .tag = 3};
	r.data = (struct p9_data){"xyz", 3};
	GOLDEN_R(r, P9_DIALECT_L, 14, 0, 0, 0, 117, 3, 0, 3, 0, 0, 0, 'x', 'y', 'z');

	t = (struct p9_tmsg){.type = P9_TWRITE, .tag = 3, .fid = 1};
	t.write.offset = 1;
	t.write.data = (struct p9_data){"hi", 2};
	GOLDEN_T(t, P9_DIALECT_L, 25, 0, 0, 0, 118, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0,
		 0, 0, 'h', 'i');

	t = (struct p9_tmsg){.type = P9_TLOPEN, .tag = 3, .fid = 1};
	t.lopen.flags = P9_O_RDWR | P9_O_DIRECTORY;
	GOLDEN_T(t, P9_DIALECT_L, 15, 0, 0, 0, 12, 3, 0, 1, 0, 0, 0, 2, 0, 1, 0);

	t = (struct p9_tmsg){.type = P9_TLCREATE, .tag = 3, .fid = 1};
	t.lcreate.name = T("n");
	t.lcreate.flags = 1;
	t.lcreate.mode = 0644;
	t.lcreate.gid = 9;
	GOLDEN_T(t, P9_DIALECT_L, 26, 0, 0, 0, 14, 3, 0, 1, 0, 0, 0, 1, 0, 'n', 1, 0, 0, 0, 0xa4, 1,
		 0, 0, 9, 0, 0, 0);

	t = (struct p9_tmsg){.type = P9_TFSYNC, .tag = 3, .fid = 1};
	t.fsync.datasync = 1;
	GOLDEN_T(t, P9_DIALECT_L, 15, 0, 0, 0, 50, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0);

	t = (struct p9_tmsg){.type = P9_TRENAMEAT, .tag = 3, .fid = 1};
	t.renameat.oldname = T("o");
	t.renameat.newdir = 2;
	t.renameat.newname = T("w");
	GOLDEN_T(t, P9_DIALECT_L, 21, 0, 0, 0, 74, 3, 0, 1, 0, 0, 0, 1, 0, 'o', 2, 0, 0, 0, 1, 0,
		 'w');
}

/* Each of the twenty fields of Rgetattr has its own value. */
static void golden_getattr(void **state)
{
	struct p9_tmsg t = {.type = P9_TGETATTR, .tag = 5, .fid = 6};
	struct p9_rmsg r = {.type = P9_RGETATTR, .tag = 5};
	uint8_t frame[160] = {160, 0, 0, 0, 25, 5, 0};
	uint8_t *p = frame + 7;

	(void)state;
	t.getattr.mask = P9_GETATTR_ALL;
	GOLDEN_T(t, P9_DIALECT_L, 19, 0, 0, 0, 24, 5, 0, 6, 0, 0, 0, 0xff, 0x3f, 0, 0, 0, 0, 0, 0);
	r.getattr = (struct p9_attr){.valid = 1,
				     .qid = {.type = 0x80, .version = 2, .path = 3},
				     .mode = 4,
				     .uid = 5,
				     .gid = 6,
				     .nlink = 7,
				     .rdev = 8,
				     .size = 9,
				     .blksize = 10,
				     .blocks = 11,
				     .atime_sec = 12,
				     .atime_nsec = 13,
				     .mtime_sec = 14,
				     .mtime_nsec = 15,
				     .ctime_sec = 16,
				     .ctime_nsec = 17,
				     .btime_sec = 18,
				     .btime_nsec = 19,
				     .gen = 20,
				     .data_version = 21};
	p[0] = 1;
	p[8] = 0x80;
	p[9] = 2;
	p[13] = 3;
	p[21] = 4;
	p[25] = 5;
	p[29] = 6;
	for (unsigned i = 0; i < 15; i++)
		p[33 + 8 * i] = (uint8_t)(7 + i);
	golden_r(&r, P9_DIALECT_L, frame, sizeof(frame));
}

static void golden_stat(void **state)
{
	struct p9_rmsg r = {.type = P9_RSTAT, .tag = 5};

	(void)state;
	r.stat = (struct p9_stat){.type = 1,
				  .dev = 2,
				  .qid = {.type = 0x80, .version = 3, .path = 4},
				  .mode = P9_DMDIR | 0755,
				  .atime = 5,
				  .mtime = 6,
				  .length = 7,
				  .name = T("d"),
				  .uid = T("u"),
				  .gid = T("g"),
				  .muid = T("")};
	/* n[2] counts the stat with its own size[2]. */
	GOLDEN_R(r, P9_DIALECT_2000, 61, 0, 0, 0, 125, 5, 0, 52, 0, 50, 0, 1, 0, 2, 0, 0, 0, 0x80,
		 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0xed, 1, 0, 0x80, 5, 0, 0, 0, 6, 0, 0, 0, 7, 0,
		 0, 0, 0, 0, 0, 0, 1, 0, 'd', 1, 0, 'u', 1, 0, 'g', 0, 0);
}

static void golden_extensions(void **state)
{
	struct p9_tmsg t = {.type = P9_TGETHANDLE, .tag = 1, .fid = 2};
	struct p9_rmsg r = {.type = P9_RGETHANDLE, .tag = 1};
	uint8_t frame[167] = {167, 0, 0, 0, 205, 1, 0, 3, 0, 0, 0, 5, 0, 0, 0};

	(void)state;
	t.gethandle.kind = P9_HANDLE_VMO;
	t.gethandle.arg = 3;
	GOLDEN_T(t, P9_DIALECT_LOCAL, 23, 0, 0, 0, 200, 1, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0,
		 0, 0, 0);
	r.gethandle.kind = P9_HANDLE_VMO;
	r.gethandle.value = 4096;
	GOLDEN_R(r, P9_DIALECT_LOCAL, 19, 0, 0, 0, 201, 1, 0, 2, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0,
		 0);
	t = (struct p9_tmsg){.type = P9_TCONNECT, .tag = 1};
	GOLDEN_T(t, P9_DIALECT_LOCAL, 7, 0, 0, 0, 202, 1, 0);
	t = (struct p9_tmsg){.type = P9_TRESOLVE, .tag = 1, .fid = 0};
	t.resolve.newfid = 9;
	t.resolve.flags = P9_RESOLVE_OPEN;
	t.resolve.oflags = P9_O_RDWR;
	t.resolve.path = T("a/b");
	GOLDEN_T(t, P9_DIALECT_LOCAL, 28, 0, 0, 0, 204, 1, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2,
		 0, 0, 0, 3, 0, 'a', '/', 'b');
	r = (struct p9_rmsg){.type = P9_RRESOLVE, .tag = 1};
	memset(&r.resolve, 0, sizeof(r.resolve));
	r.resolve.kind = P9_RESOLVE_SYMLINK;
	r.resolve.consumed = 5;
	r.resolve.target = T("t");
	frame[0] = 171;
	{
		uint8_t whole[171];

		memset(whole, 0, sizeof(whole));
		memcpy(whole, frame, 15);
		whole[168] = 1;
		whole[170] = 't';
		golden_r(&r, P9_DIALECT_LOCAL, whole, sizeof(whole));
	}
}

/* ---- every message ------------------------------------------------------------------------- */

/* A frame of this layout, made from the table alone, with bytes that count up. */
static size_t frame_make(uint8_t type, enum p9_dialect dialect, uint8_t *out)
{
	const struct p9_layout *l = &p9_layouts[type];
	uint8_t *p = out + P9_HEAD, fill = 1;
	uint16_t two;
	uint32_t four;

	for (unsigned i = 0; i < l->count; i++) {
		size_t len = 0;

		switch ((enum p9_field_kind)l->fields[i].kind) {
		case P9_F_U8: len = 1; break;
		case P9_F_U16: len = 2; break;
		case P9_F_U32:
		case P9_F_U32_OPT: len = 4; break;
		case P9_F_U32_L: len = dialect == P9_DIALECT_2000 ? 0 : 4; break;
		case P9_F_U64: len = 8; break;
		case P9_F_U32S: len = l->fields[i].n * 4u; break;
		case P9_F_U64S: len = l->fields[i].n * 8u; break;
		case P9_F_QID: len = 13; break;
		case P9_F_ATTR: len = 153; break;
		case P9_F_STR:
			two = 5;
			memcpy(p, &two, 2);
			p += 2;
			len = 5;
			break;
		case P9_F_NAMES:
			memcpy(p, (uint8_t[]){2, 0, 1, 0, 'x', 2, 0, 'y', 'z'}, 9);
			p += 9;
			break;
		case P9_F_QIDS:
			two = 3;
			memcpy(p, &two, 2);
			p += 2;
			len = 39;
			break;
		case P9_F_DATA:
			four = 9;
			memcpy(p, &four, 4);
			p += 4;
			len = 9;
			break;
		case P9_F_STAT:
			memcpy(p, (uint8_t[]){51, 0, 49, 0}, 4);
			p += 4;
			for (unsigned k = 0; k < 39; k++)
				*p++ = fill++;
			memcpy(p, (uint8_t[]){0, 0, 1, 0, 'u', 0, 0, 1, 0, 'm'}, 10);
			p += 10;
			break;
		}
		while (len--)
			*p++ = fill++;
	}
	four = (uint32_t)(p - out);
	memcpy(out, &four, 4);
	out[4] = type;
	out[5] = 0x21;
	out[6] = 0x43;
	return four;
}

/* The frame in memory of exactly its size, so that the sanitizer sees a read beyond it. */
static int decode(uint8_t type, enum p9_dialect dialect, const uint8_t *frame, size_t len,
		  uint32_t outside, uint8_t *again, size_t cap)
{
	uint8_t *exact = malloc(len ? len : 1);
	struct p9_tmsg t;
	struct p9_rmsg r;
	int n;

	memcpy(exact, frame, len);
	if (p9_layouts[type].in[true]) {
		n = p9_decode_t(&t, dialect, exact, len, outside);
		n = n ? n : p9_encode_t(&t, dialect, again, cap);
	} else {
		n = p9_decode_r(&r, dialect, exact, len, outside);
		n = n ? n : p9_encode_r(&r, dialect, again, cap);
	}
	free(exact);
	return n;
}

static void set_size(uint8_t *frame, uint32_t size)
{
	memcpy(frame, &size, 4);
}

static void one_message(uint8_t type, enum p9_dialect dialect)
{
	uint8_t frame[512], again[512];
	size_t len = frame_make(type, dialect, frame);

	/* There and back. */
	assert_int_equal(decode(type, dialect, frame, len, 0, again, sizeof(again)), len);
	assert_memory_equal(frame, again, len);
	/* No room for the last byte. */
	assert_int_equal(decode(type, dialect, frame, len, 0, again, len - 1), -EMSGSIZE);
	/* Cut short everywhere, with a size that lies and with one that does not. */
	for (size_t cut = 0; cut < len; cut++) {
		assert_int_equal(decode(type, dialect, frame, cut, 0, again, sizeof(again)),
				 -EBADMSG);
		if (cut < P9_HEAD || (type == P9_TFSYNC && cut == len - 4))
			continue;
		set_size(frame, (uint32_t)cut);
		assert_int_equal(decode(type, dialect, frame, cut, 0, again, sizeof(again)),
				 -EBADMSG);
		set_size(frame, (uint32_t)len);
	}
	/* A byte too many. */
	frame[len] = 0;
	assert_int_equal(decode(type, dialect, frame, len + 1, 0, again, sizeof(again)), -EBADMSG);
	set_size(frame, (uint32_t)len + 1);
	assert_int_equal(decode(type, dialect, frame, len + 1, 0, again, sizeof(again)), -EBADMSG);
}

/* The short ways of hot.h take, refuse and write what the table does: every frame of a type, cut
 * and stretched, with and without a payload outside, with every room around what it needs. */
static void as_by_table(uint8_t type, enum p9_dialect dialect)
{
	uint8_t frame[512] = {0}, one[1024], two[1024];
	size_t len = frame_make(type, dialect, frame);
	static const uint32_t outsides[] = {0, 1, 5, 100000};
	struct p9_tmsg t, t2;
	struct p9_rmsg r, r2;
	int n;

	for (size_t cut = P9_HEAD; cut < len + 2; cut++) {
		for (unsigned i = 0; i < 4; i++) {
			set_size(frame, (uint32_t)cut + outsides[i]);
			if (outsides[i])
				memcpy(frame + cut - 4, &outsides[i], 4);
			memset(&t, 0, sizeof(t));
			memset(&t2, 0, sizeof(t2));
			n = p9_decode_t(&t, dialect, frame, cut, outsides[i]);
			assert_int_equal(n,
					 p9_table_decode_t(&t2, dialect, frame, cut, outsides[i]));
			if (!n)
				assert_memory_equal(&t, &t2, sizeof(t));
			memset(&r, 0, sizeof(r));
			memset(&r2, 0, sizeof(r2));
			n = p9_decode_r(&r, dialect, frame, cut, outsides[i]);
			assert_int_equal(n,
					 p9_table_decode_r(&r2, dialect, frame, cut, outsides[i]));
			if (!n)
				assert_memory_equal(&r, &r2, sizeof(r));
			len = frame_make(type, dialect, frame);
		}
	}
	if (p9_layouts[type].in[1] & 1u << dialect) {
		assert_int_equal(p9_decode_t(&t, dialect, frame, len, 0), 0);
		for (size_t cap = 0; cap < sizeof(one); cap++) {
			n = p9_encode_t(&t, dialect, one, cap);
			assert_int_equal(n, p9_table_encode_t(&t, dialect, two, cap));
			if (n > 0)
				assert_memory_equal(one, two, n);
		}
	} else {
		assert_int_equal(p9_decode_r(&r, dialect, frame, len, 0), 0);
		for (size_t cap = 0; cap < sizeof(one); cap++) {
			n = p9_encode_r(&r, dialect, one, cap);
			assert_int_equal(n, p9_table_encode_r(&r, dialect, two, cap));
			if (n > 0)
				assert_memory_equal(one, two, n);
		}
	}
}

static void hot_messages(void **state)
{
	(void)state;
	for (unsigned type = 0; type < P9_TYPES; type++)
		for (unsigned d = 0; d < P9_DIALECTS; d++)
			if ((p9_layouts[type].in[0] | p9_layouts[type].in[1]) & 1u << d)
				as_by_table((uint8_t)type, d);
}

/* Strings of every length around the words in which short ones are copied; too long ones. */
static void hot_strings(void **state)
{
	static char text[70000];
	static uint8_t one[70000], two[70000];
	struct p9_tmsg t = {.type = P9_TRESOLVE, .tag = 3, .fid = 4}, back;
	struct p9_rmsg r = {.type = P9_RRESOLVE, .tag = 3};
	uint32_t lens[] = {0, 4095, 65535, 65536, 69000};

	(void)state;
	for (unsigned i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	for (unsigned i = 0; i < 105; i++) {
		uint32_t len = i < 100 ? i : lens[i - 100];
		int n;

		t.resolve.path = r.resolve.target = (struct p9_str){text, len};
		n = p9_encode_t(&t, P9_DIALECT_LOCAL, one, sizeof(one));
		assert_int_equal(n, p9_table_encode_t(&t, P9_DIALECT_LOCAL, two, sizeof(two)));
		assert_int_equal(n, len <= 65535 ? 25 + (int)len : -EMSGSIZE);
		if (n > 0) {
			assert_memory_equal(one, two, n);
			assert_int_equal(p9_decode_t(&back, P9_DIALECT_LOCAL, one, (size_t)n, 0),
					 0);
			assert_int_equal(back.resolve.path.len, len);
			assert_memory_equal(back.resolve.path.ptr, text, len);
		}
		n = p9_encode_r(&r, P9_DIALECT_LOCAL, one, sizeof(one));
		assert_int_equal(n, p9_table_encode_r(&r, P9_DIALECT_LOCAL, two, sizeof(two)));
		if (n > 0)
			assert_memory_equal(one, two, n);
	}
}

static void every_message(void **state)
{
	unsigned count = 0;

	(void)state;
	for (unsigned type = 0; type < P9_TYPES; type++) {
		for (unsigned d = 0; d < P9_DIALECTS; d++) {
			uint8_t frame[512], again[512];
			size_t len;

			if (!p9_layouts[type].name)
				continue;
			if ((p9_layouts[type].in[0] | p9_layouts[type].in[1]) & 1u << d) {
				one_message((uint8_t)type, d);
				count++;
				continue;
			}
			len = frame_make((uint8_t)type, d, frame);
			assert_int_equal(
				decode((uint8_t)type, d, frame, len, 0, again, sizeof(again)),
				-EOPNOTSUPP);
		}
	}
	assert_int_equal(count, 150); /* the protocols' messages, each in each dialect */
}

/* Replies are no requests, and numbers without a message are none. */
static void wrong_types(void **state)
{
	uint8_t frame[P9_HEAD] = {7, 0, 0, 0, P9_RCLUNK, 1, 0};
	struct p9_tmsg t;
	struct p9_rmsg r;

	(void)state;
	assert_int_equal(p9_decode_t(&t, P9_DIALECT_L, frame, 7, 0), -EOPNOTSUPP);
	assert_int_equal(t.tag, 1);
	for (unsigned type = 0; type < 256; type++) {
		frame[4] = (uint8_t)type;
		if (type < P9_TYPES && p9_layouts[type].name)
			continue;
		assert_int_equal(p9_decode_t(&t, P9_DIALECT_LOCAL, frame, 7, 0), -EOPNOTSUPP);
		assert_int_equal(p9_decode_r(&r, P9_DIALECT_LOCAL, frame, 7, 0), -EOPNOTSUPP);
	}
	frame[4] = P9_TCONNECT;
	assert_int_equal(p9_decode_t(&t, P9_DIALECT_L, frame, 7, 0), -EOPNOTSUPP);
	assert_int_equal(p9_decode_t(&t, P9_DIALECT_LOCAL, frame, 7, 0), 0);
	assert_string_equal(p9_type_name(P9_TGETATTR), "Tgetattr");
	assert_string_equal(p9_type_name(1), "?");
}

static void payload_outside(void **state)
{
	uint8_t frame[64];
	struct p9_tmsg t = {.type = P9_TWRITE, .tag = 1, .fid = 2}, back;
	struct p9_rmsg r = {.type = P9_RREAD, .tag = 1}, rback;
	uint32_t size;

	(void)state;
	t.write.offset = 7;
	t.write.data = (struct p9_data){NULL, 100000};
	assert_int_equal(p9_encode_t(&t, P9_DIALECT_L, frame, sizeof(frame)), 23);
	memcpy(&size, frame, 4);
	assert_int_equal(size, 100023);
	assert_int_equal(p9_decode_t(&back, P9_DIALECT_L, frame, 23, 100000), 0);
	assert_null(back.write.data.ptr);
	assert_int_equal(back.write.data.len, 100000);
	assert_int_equal(p9_decode_t(&back, P9_DIALECT_L, frame, 23, 99999), -EBADMSG);
	assert_int_equal(p9_decode_t(&back, P9_DIALECT_L, frame, 23, 0), -EBADMSG);

	r.data = (struct p9_data){NULL, 5};
	assert_int_equal(p9_encode_r(&r, P9_DIALECT_L, frame, sizeof(frame)), 11);
	assert_int_equal(p9_decode_r(&rback, P9_DIALECT_L, frame, 11, 5), 0);
	assert_null(rback.data.ptr);
	/* Part inside and part outside is nothing. */
	set_size(frame, 16);
	assert_int_equal(p9_decode_r(&rback, P9_DIALECT_L, frame, 13, 3), -EBADMSG);
	/* A message without data has no payload. */
	t = (struct p9_tmsg){.type = P9_TCLUNK, .tag = 1, .fid = 2};
	assert_int_equal(p9_encode_t(&t, P9_DIALECT_L, frame, sizeof(frame)), 11);
	set_size(frame, 14);
	assert_int_equal(p9_decode_t(&back, P9_DIALECT_L, frame, 11, 3), -EBADMSG);
}

static void limits(void **state)
{
	static char text[70000];
	static uint8_t big[80000];
	struct p9_tmsg t = {.type = P9_TWALK, .tag = 1, .fid = 2};
	uint8_t frame[512];
	int n;

	(void)state;
	t.walk.newfid = 3;
	t.walk.count = P9_WALK_MAX;
	for (unsigned i = 0; i < P9_WALK_MAX; i++)
		t.walk.names[i] = T("x");
	n = p9_encode_t(&t, P9_DIALECT_L, frame, sizeof(frame));
	assert_int_equal(n, 17 + 16 * 3);
	assert_int_equal(p9_decode_t(&t, P9_DIALECT_L, frame, (size_t)n, 0), 0);
	/* A seventeenth name. */
	memcpy(frame + n, (uint8_t[]){1, 0, 'x'}, 3);
	set_size(frame, (uint32_t)n + 3);
	frame[15] = 17;
	assert_int_equal(p9_decode_t(&t, P9_DIALECT_L, frame, (size_t)n + 3, 0), -EBADMSG);
	t.walk.count = 17;
	assert_int_equal(p9_encode_t(&t, P9_DIALECT_L, frame, sizeof(frame)), -EINVAL);

	t = (struct p9_tmsg){.type = P9_TMKDIR, .tag = 1, .fid = 2};
	t.mkdir.name = (struct p9_str){text, 65535};
	assert_int_equal(p9_encode_t(&t, P9_DIALECT_L, big, sizeof(big)), 7 + 4 + 2 + 65535 + 8);
	t.mkdir.name.len = 65536;
	assert_int_equal(p9_encode_t(&t, P9_DIALECT_L, big, sizeof(big)), -EMSGSIZE);
	t.write.data = (struct p9_data){NULL, UINT32_MAX};
	t.type = P9_TWRITE;
	assert_int_equal(p9_encode_t(&t, P9_DIALECT_L, big, sizeof(big)), -EMSGSIZE);
}

static void fsync_without_datasync(void **state)
{
	uint8_t frame[] = {11, 0, 0, 0, 50, 1, 0, 2, 0, 0, 0};
	struct p9_tmsg t;

	(void)state;
	t.fsync.datasync = 77;
	assert_int_equal(p9_decode_t(&t, P9_DIALECT_L, frame, sizeof(frame), 0), 0);
	assert_int_equal(t.fsync.datasync, 0);
}

static void entries(void **state)
{
	struct p9_dirent ent = {.qid = {.path = 5, .type = 0x80},
				.offset = 9,
				.type = 4,
				.name = T("ab")},
			 back;
	struct p9_stat st = {.name = T("n"), .uid = T("1"), .gid = T("2"), .mode = 3}, stat;
	uint8_t buf[128];
	int n = p9_dirent_encode(&ent, buf, sizeof(buf));

	(void)state;
	assert_int_equal(n, 13 + 8 + 1 + 2 + 2);
	assert_int_equal(p9_dirent_encode(&ent, buf, 25), -ENOSPC);
	assert_int_equal(p9_dirent_decode(&back, buf, (size_t)n), n);
	assert_int_equal(back.offset, 9);
	assert_true(p9_str_equal(back.name, "ab"));
	for (int i = 0; i < n; i++)
		assert_int_equal(p9_dirent_decode(&back, buf, (size_t)i), -EBADMSG);
	n = p9_stat_encode(&st, buf, sizeof(buf));
	assert_int_equal(n, 49 + 3);
	assert_int_equal(p9_stat_decode(&stat, buf, (size_t)n), n);
	assert_true(p9_str_equal(stat.gid, "2"));
	for (int i = 0; i < n; i++) {
		assert_int_equal(p9_stat_decode(&stat, buf, (size_t)i), -EBADMSG);
		assert_int_equal(p9_stat_encode(&st, buf, (size_t)i), -ENOSPC);
	}
}

static void names(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(p9_name_check((struct p9_str){text, 255}), 0);
	assert_int_equal(p9_name_check((struct p9_str){text, 256}), -ENAMETOOLONG);
	assert_int_equal(p9_name_check(T("")), -EINVAL);
	assert_int_equal(p9_name_check(T(".")), -EINVAL);
	assert_int_equal(p9_name_check(T("..")), -EINVAL);
	assert_int_equal(p9_name_check(T("...")), 0);
	assert_int_equal(p9_name_check(T("a/b")), -EINVAL);
	assert_int_equal(p9_name_check((struct p9_str){"a\0b", 3}), -EINVAL);
	assert_string_equal(p9_error_text(ENOENT), "file does not exist");
	assert_string_equal(p9_error_text(12345), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_session),
		cmocka_unit_test(golden_files),
		cmocka_unit_test(golden_getattr),
		cmocka_unit_test(golden_stat),
		cmocka_unit_test(golden_extensions),
		cmocka_unit_test(every_message),
		cmocka_unit_test(hot_messages),
		cmocka_unit_test(hot_strings),
		cmocka_unit_test(wrong_types),
		cmocka_unit_test(payload_outside),
		cmocka_unit_test(limits),
		cmocka_unit_test(fsync_without_datasync),
		cmocka_unit_test(entries),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("9p_codec", tests, NULL, NULL);
}

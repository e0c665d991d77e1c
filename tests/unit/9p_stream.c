/* SPDX-License-Identifier: ISC */
/*
 * 9p_stream.c: sessions over bytes: versions, attach, tags and flushes, limits of requests,
 * back-pressure, bytes that come in any pieces; and the client over a stream, resolving by Twalk.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "9p/stream.h"
#include "9p_rig.h"

struct wire {
	struct memfs fs;
	struct p9_server server;
	struct p9_stream *stream;
	enum p9_dialect dialect;
	uint8_t frame[70000];
	struct p9_rmsg r;
};

static struct wire *wire_new(const struct p9_limits *limits, const struct p9_stream_config *config)
{
	struct identity from = {.pledges = PLEDGES_ALL, .rights = RIGHTS_ALL};
	struct p9_stream_config c = {.rights = RIGHTS_ALL};
	struct wire *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	if (config)
		c = *config;
	c.from = &from;
	rig_tree(&w->fs);
	assert_int_equal(p9_server_init(&w->server, &memfs_ops, &w->fs, limits), 0);
	assert_int_equal(p9_stream_create(&w->server, &c, &w->stream), 0);
	return w;
}

static void wire_free(struct wire *w)
{
	p9_stream_destroy(w->stream);
	memfs_finish_all(&w->fs);
	assert_int_equal(w->server.session_count, 0);
	p9_server_fini(&w->server);
	assert_int_equal(w->fs.live, 0);
	assert_int_equal(w->fs.opened, w->fs.closed);
	memfs_fini(&w->fs);
	free(w);
}

static void send(struct wire *w, struct p9_tmsg *t)
{
	static uint8_t frame[70000];
	int len = p9_encode_t(t, w->dialect, frame, sizeof(frame));

	assert_true(len > 0);
	assert_int_equal(p9_stream_feed(w->stream, frame, (size_t)len), len);
}

/* The next reply. -EAGAIN: there is none. Else 0 or its error. */
static int receive(struct wire *w)
{
	const void *bytes;
	size_t len = p9_stream_out(w->stream, &bytes);
	uint32_t size;

	if (!len)
		return -EAGAIN;
	assert_true(len >= P9_HEAD);
	memcpy(&size, bytes, 4);
	assert_true(size <= len && size <= sizeof(w->frame));
	memcpy(w->frame, bytes, size);
	p9_stream_sent(w->stream, size);
	assert_int_equal(p9_decode_r(&w->r, w->dialect, w->frame, size, 0), 0);
	if (w->r.type == P9_RLERROR)
		return -(int)w->r.lerror.ecode;
	return w->r.type == P9_RERROR ? -EPROTO : 0;
}

static int call(struct wire *w, struct p9_tmsg *t)
{
	send(w, t);
	memfs_finish_all(&w->fs);
	return receive(w);
}

static int version(struct wire *w, const char *text, uint32_t msize)
{
	struct p9_tmsg t = {.type = P9_TVERSION, .tag = P9_NOTAG};
	int err;

	t.version.msize = msize;
	t.version.version = p9_str_from(text);
	err = call(w, &t);
	w->dialect = P9_DIALECT_NONE;
	if (!err && p9_str_equal(w->r.version.version, "9P2000.L"))
		w->dialect = P9_DIALECT_L;
	if (!err && p9_str_equal(w->r.version.version, "9P2000"))
		w->dialect = P9_DIALECT_2000;
	return err;
}

static int attach(struct wire *w, uint32_t fid, const char *aname)
{
	struct p9_tmsg t = {.type = P9_TATTACH, .tag = 1, .fid = fid};

	t.attach.afid = P9_NOFID;
	t.attach.uname = p9_str_from("me");
	t.attach.aname = p9_str_from(aname);
	return call(w, &t);
}

static int walk(struct wire *w, uint32_t fid, uint32_t newfid, const char *path)
{
	struct p9_tmsg t = {.type = P9_TWALK, .tag = 2, .fid = fid};

	t.walk.newfid = newfid;
	rig_names(&t, path);
	return call(w, &t);
}

static int open_fid(struct wire *w, uint32_t fid, uint32_t flags)
{
	struct p9_tmsg t = {.type = P9_TLOPEN, .tag = 2, .fid = fid};

	t.lopen.flags = flags;
	return call(w, &t);
}

static int getattr(struct wire *w, uint32_t fid)
{
	struct p9_tmsg t = {.type = P9_TGETATTR, .tag = 2, .fid = fid};

	return call(w, &t);
}

/* ---- versions and attach ------------------------------------------------------------------- */

static void versions(void **state)
{
	struct p9_tmsg t = {.type = P9_TATTACH, .tag = 1};
	struct wire *w = wire_new(NULL, NULL);

	(void)state;
	w->dialect = P9_DIALECT_L; /* says the client, but nothing is agreed yet */
	send(w, &t);
	w->dialect = P9_DIALECT_NONE;
	assert_int_equal(receive(w), -EPROTO);
	assert_int_equal(w->r.tag, 1);
	assert_int_equal(version(w, "9P2000.L", 8192), 0);
	assert_int_equal(w->r.version.msize, 8192);
	assert_int_equal(w->dialect, P9_DIALECT_L);
	assert_int_equal(version(w, "9P2000.L", UINT32_MAX), 0);
	assert_int_equal(w->r.version.msize, 65536 + P9_IOHDR);
	assert_int_equal(version(w, "9P2000", 8192), 0);
	assert_int_equal(w->dialect, P9_DIALECT_2000);
	assert_int_equal(version(w, "9P2000.u", 8192), 0);
	assert_int_equal(w->dialect, P9_DIALECT_2000);
	assert_int_equal(version(w, "9P2001", 8192), 0);
	assert_true(p9_str_equal(w->r.version.version, "unknown"));
	assert_int_equal(version(w, "", 8192), 0);
	assert_true(p9_str_equal(w->r.version.version, "unknown"));
	assert_int_equal(version(w, "9P2000.L", 255), -EPROTO);
	assert_int_equal(version(w, "9P2000.L", 256), 0);
	assert_int_equal(w->r.version.msize, 256);
	wire_free(w);
}

static void attaches(void **state)
{
	struct p9_stream_config config = {.rights = RIGHTS_ALL, .aname = true};
	struct wire *w = wire_new(NULL, &config);
	struct p9_tmsg t = {.type = P9_TATTACH, .tag = 1, .fid = 9};

	(void)state;
	assert_int_equal(version(w, "9P2000.L", 8192), 0);
	assert_int_equal(getattr(w, 0), -EBADF);
	assert_int_equal(attach(w, 0, "/"), 0);
	assert_int_equal(w->r.qid.qid.path, w->fs.root->ino);
	assert_int_equal(attach(w, 0, ""), -EINVAL);
	assert_int_equal(attach(w, 1, "/a/b"), 0);
	assert_int_equal(attach(w, 2, "none"), -ENOENT);
	assert_int_equal(attach(w, 2, "empty/x"), -ENOTDIR);
	t.attach.afid = 5;
	assert_int_equal(call(w, &t), -EINVAL);
	/* Each attach has its own root. */
	assert_int_equal(walk(w, 1, 3, "../.."), 0);
	assert_int_equal(w->r.walk.qids[1].path, memfs_find(memfs_find(w->fs.root, "a"), "b")->ino);
	assert_int_equal(walk(w, 0, 4, "a/.."), 0);
	assert_int_equal(w->r.walk.qids[1].path, w->fs.root->ino);
	/* fid 0 is nothing special here. */
	t = (struct p9_tmsg){.type = P9_TCLUNK, .tag = 1, .fid = 0};
	assert_int_equal(call(w, &t), 0);
	assert_int_equal(getattr(w, 0), -EBADF);
	/* A new version ends it all. */
	assert_int_equal(version(w, "9P2000.L", 8192), 0);
	assert_int_equal(getattr(w, 1), -EBADF);
	assert_int_equal(w->fs.live, 0);
	wire_free(w);
}

static void remote_rules(void **state)
{
	struct wire *w = wire_new(NULL, NULL);
	struct p9_tmsg t = {.type = P9_TGETHANDLE, .tag = 77, .fid = 0};
	uint8_t frame[64];
	int len;

	(void)state;
	assert_int_equal(version(w, "9P2000.L", 8192), 0);
	assert_int_equal(attach(w, 0, "ignored/by/config"), 0);
	for (unsigned type = P9_TGETHANDLE; type <= P9_TRESOLVE; type += 2) {
		t.type = (uint8_t)type;
		t.resolve.path = p9_str_from("a");
		len = p9_encode_t(&t, P9_DIALECT_LOCAL, frame, sizeof(frame));
		assert_int_equal(p9_stream_feed(w->stream, frame, (size_t)len), len);
		assert_int_equal(receive(w), -EOPNOTSUPP);
		assert_int_equal(w->r.tag, 77);
	}
	/* Mount points look like plain directories. */
	memfs_find(w->fs.root, "a")->mount = 5;
	assert_int_equal(walk(w, 0, 1, "a/b"), 0);
	assert_int_equal(w->r.walk.qids[0].type, P9_QTDIR);
	assert_int_equal(walk(w, 0, 2, "a"), 0);
	assert_int_equal(getattr(w, 2), 0);
	assert_int_equal(w->r.getattr.qid.type, P9_QTDIR);
	wire_free(w);
}

/* ---- bytes --------------------------------------------------------------------------------- */

static void pieces(void **state)
{
	struct wire *w = wire_new(NULL, NULL);
	uint8_t bytes[512];
	struct p9_tmsg t = {.type = P9_TVERSION, .tag = P9_NOTAG};
	size_t len;

	(void)state;
	t.version.msize = 8192;
	t.version.version = p9_str_from("9P2000.L");
	len = (size_t)p9_encode_t(&t, P9_DIALECT_NONE, bytes, sizeof(bytes));
	t = (struct p9_tmsg){.type = P9_TATTACH, .tag = 1};
	t.attach.afid = P9_NOFID;
	len += (size_t)p9_encode_t(&t, P9_DIALECT_L, bytes + len, sizeof(bytes) - len);
	t = (struct p9_tmsg){.type = P9_TGETATTR, .tag = 2};
	len += (size_t)p9_encode_t(&t, P9_DIALECT_L, bytes + len, sizeof(bytes) - len);
	for (size_t step = 1; step <= len; step++) {
		for (size_t at = 0; at < len; at += step) {
			size_t n = step < len - at ? step : len - at;

			assert_int_equal(p9_stream_feed(w->stream, bytes + at, n), n);
		}
		assert_int_equal(receive(w), 0);
		w->dialect = P9_DIALECT_L;
		assert_int_equal(receive(w), 0);
		assert_int_equal(receive(w), 0);
		assert_int_equal(w->r.type, P9_RGETATTR);
		assert_int_equal(receive(w), -EAGAIN);
	}
	wire_free(w);
}

static void bad_sizes(void **state)
{
	static const uint32_t sizes[] = {0, 1, 6, 65536 + P9_IOHDR + 1, 0x7fffffff, UINT32_MAX};
	uint8_t bytes[16] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t step = 1; step <= 16; step += 15) {
			struct wire *w = wire_new(NULL, NULL);
			int64_t n = 0;

			memcpy(bytes, &sizes[i], 4);
			for (size_t at = 0; at < 16 && n >= 0; at += step)
				n = p9_stream_feed(w->stream, bytes + at, step);
			assert_int_equal(n, -EPROTO);
			assert_int_equal(p9_stream_feed(w->stream, bytes, 1), -EPROTO);
			assert_false(p9_stream_ready(w->stream));
			wire_free(w);
		}
	}
}

static void msize_holds(void **state)
{
	struct p9_stream_config config = {.rights = RIGHTS_ALL, .msize = 1024};
	struct wire *w = wire_new(NULL, &config);
	struct p9_tmsg t = {.type = P9_TREAD, .tag = 3, .fid = 1};
	static char text[3000];

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	memfs_add(&w->fs, w->fs.root, "big", P9_S_IFREG | 0644, text);
	assert_int_equal(version(w, "9P2000.L", 8192), 0);
	assert_int_equal(w->r.version.msize, 1024);
	assert_int_equal(attach(w, 0, ""), 0);
	assert_int_equal(walk(w, 0, 1, "big"), 0);
	assert_int_equal(open_fid(w, 1, P9_O_RDWR), 0);
	t.read.count = 8192;
	assert_int_equal(call(w, &t), 0);
	assert_int_equal(w->r.data.len, 1024 - 11);
	/* Data of a write lies in the frame; kept or not. */
	for (int async = 0; async < 2; async++) {
		w->fs.async = async;
		t = (struct p9_tmsg){.type = P9_TWRITE, .tag = 3, .fid = 1};
		t.write.data = (struct p9_data){"new text", 8};
		assert_int_equal(call(w, &t), 0);
		assert_int_equal(w->r.write.count, 8);
		assert_memory_equal(memfs_find(w->fs.root, "big")->data, "new texty", 9);
		memset(memfs_find(w->fs.root, "big")->data, 'y', 9);
	}
	wire_free(w);
}

static void back_pressure(void **state)
{
	struct p9_stream_config config = {.rights = RIGHTS_ALL, .out_max = 1000};
	struct wire *w = wire_new(NULL, &config);
	struct p9_tmsg t = {.type = P9_TGETATTR, .tag = 3, .fid = 0};
	uint8_t bytes[19 * 100];
	const void *out;
	int64_t n, taken = 0;
	size_t queued;

	(void)state;
	assert_int_equal(version(w, "9P2000.L", 8192), 0);
	assert_int_equal(attach(w, 0, ""), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(p9_encode_t(&t, P9_DIALECT_L, bytes + 19 * i, 19), 19);
	n = p9_stream_feed(w->stream, bytes, sizeof(bytes));
	assert_int_equal(n, 19 * 7); /* 7 * 160 > 1000 */
	assert_false(p9_stream_ready(w->stream));
	assert_int_equal(p9_stream_feed(w->stream, bytes + n, 10), 0);
	taken = n;
	while (taken < (int64_t)sizeof(bytes)) {
		queued = p9_stream_queued(w->stream);
		assert_true(queued <= 1000 + 160);
		p9_stream_out(w->stream, &out);
		p9_stream_sent(w->stream, queued < 333 ? queued : 333);
		n = p9_stream_feed(w->stream, bytes + taken, sizeof(bytes) - (size_t)taken);
		assert_true(n >= 0);
		taken += n;
	}
	wire_free(w);
}

/* ---- flush --------------------------------------------------------------------------------- */

static void ask_read(struct wire *w, uint16_t tag)
{
	struct p9_tmsg t = {.type = P9_TREAD, .tag = tag, .fid = 1};

	t.read.count = 100;
	send(w, &t);
}

static void ask_flush(struct wire *w, uint16_t tag, uint16_t oldtag)
{
	struct p9_tmsg t = {.type = P9_TFLUSH, .tag = tag};

	t.flush.oldtag = oldtag;
	send(w, &t);
}

static struct wire *wire_reading(const struct p9_limits *limits)
{
	struct wire *w = wire_new(limits, NULL);

	assert_int_equal(version(w, "9P2000.L", 8192), 0);
	assert_int_equal(attach(w, 0, ""), 0);
	assert_int_equal(walk(w, 0, 1, "a/b/file"), 0);
	assert_int_equal(open_fid(w, 1, P9_O_RDWR), 0);
	w->fs.async = true;
	return w;
}

static void flush(void **state)
{
	struct wire *w = wire_reading(NULL);

	(void)state;
	ask_read(w, 10);
	ask_read(w, 11);
	assert_int_equal(receive(w), -EAGAIN);
	ask_flush(w, 20, 10);
	assert_int_equal(receive(w), 0); /* at once, and 10 is never answered */
	assert_int_equal(w->r.type, P9_RFLUSH);
	assert_int_equal(w->r.tag, 20);
	memfs_finish_all(&w->fs);
	assert_int_equal(receive(w), 0);
	assert_int_equal(w->r.tag, 11);
	assert_int_equal(receive(w), -EAGAIN);
	ask_flush(w, 21, 11); /* too late: there is nothing to flush */
	assert_int_equal(receive(w), 0);
	assert_int_equal(w->r.tag, 21);
	ask_flush(w, 22, 22); /* itself */
	assert_int_equal(receive(w), 0);
	wire_free(w);
}

static void flush_waits(void **state)
{
	struct wire *w = wire_reading(NULL);

	(void)state;
	w->fs.unflushable = true;
	ask_read(w, 10);
	ask_flush(w, 20, 10);
	ask_flush(w, 21, 10);
	ask_flush(w, 22, 20); /* a flush of a flush */
	assert_int_equal(receive(w), 0);
	assert_int_equal(w->r.tag, 22);
	memfs_finish_all(&w->fs);
	/* The answer first, then those that waited for it. */
	assert_int_equal(receive(w), 0);
	assert_int_equal(w->r.tag, 10);
	assert_int_equal(w->r.type, P9_RREAD);
	assert_int_equal(receive(w), 0);
	assert_int_equal(w->r.tag, 21);
	assert_int_equal(receive(w), -EAGAIN);
	wire_free(w);
}

/* A walk of several kept steps is flushed at each of them. */
static void flush_walk(void **state)
{
	struct wire *w = wire_reading(NULL);
	struct p9_tmsg t = {.type = P9_TWALK, .tag = 5, .fid = 0};

	(void)state;
	t.walk.newfid = 7;
	rig_names(&t, "a/b/file");
	for (unsigned steps = 0; steps < 3; steps++) {
		uint32_t live = w->fs.live;

		send(w, &t);
		for (unsigned i = 0; i < steps; i++)
			assert_true(memfs_finish(&w->fs));
		ask_flush(w, 6, 5);
		assert_int_equal(receive(w), 0);
		assert_int_equal(w->r.type, P9_RFLUSH);
		assert_int_equal(w->fs.live, live);
		assert_int_equal(getattr(w, 7), -EBADF);
	}
	wire_free(w);
}

/* A fid that is clunked while a request on it is kept, and one that is opened twice. */
static void clunk_meanwhile(void **state)
{
	struct wire *w = wire_reading(NULL);
	struct p9_tmsg t = {.type = P9_TCLUNK, .tag = 5, .fid = 1};

	(void)state;
	ask_read(w, 10);
	send(w, &t);
	assert_int_equal(receive(w), 0);
	assert_int_equal(w->r.type, P9_RCLUNK);
	memfs_finish_all(&w->fs);
	assert_int_equal(receive(w), 0);
	assert_int_equal(w->r.tag, 10);
	assert_int_equal(w->r.data.len, 11);

	assert_int_equal(walk(w, 0, 2, "empty"), 0);
	t = (struct p9_tmsg){.type = P9_TLOPEN, .tag = 6, .fid = 2};
	send(w, &t);
	t.tag = 7;
	send(w, &t);
	assert_int_equal(receive(w), -EBUSY);
	assert_int_equal(w->r.tag, 7);
	ask_flush(w, 8, 6);
	assert_int_equal(receive(w), 0);
	t.tag = 9; /* the flushed one is forgotten */
	send(w, &t);
	memfs_finish_all(&w->fs);
	assert_int_equal(receive(w), 0);
	assert_int_equal(w->r.tag, 9);
	/* Two walks to one new fid: the second to arrive finds it taken. */
	t = (struct p9_tmsg){.type = P9_TWALK, .tag = 10, .fid = 0};
	t.walk.newfid = 3;
	rig_names(&t, "a");
	send(w, &t);
	t.tag = 11;
	send(w, &t);
	memfs_finish_all(&w->fs);
	assert_int_equal(receive(w), 0);
	assert_int_equal(receive(w), -EINVAL);
	wire_free(w);
}

static void request_limit(void **state)
{
	struct p9_limits limits = {.requests = 4};
	struct wire *w = wire_reading(&limits);
	struct p9_tmsg t = {.type = P9_TCLUNK, .tag = 60, .fid = 1};

	(void)state;
	w->fs.unflushable = true;
	for (uint16_t i = 0; i < 4; i++)
		ask_read(w, (uint16_t)(10 + i));
	assert_int_equal(receive(w), -EAGAIN);
	ask_read(w, 50);
	assert_int_equal(receive(w), -EAGAIN);
	assert_int_equal(w->r.tag, 50); /* the errno of a reply, not ours */
	/* Flushes go on, within limits of their own. */
	for (uint16_t i = 0; i < 4; i++)
		ask_flush(w, (uint16_t)(20 + i), 10);
	assert_int_equal(receive(w), -EAGAIN);
	ask_flush(w, 30, 10);
	assert_int_equal(receive(w), -EAGAIN);
	assert_int_equal(w->r.tag, 30);
	send(w, &t);
	assert_int_equal(receive(w), 0);
	memfs_finish_all(&w->fs);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(receive(w), 0);
	assert_int_equal(receive(w), -EAGAIN);
	wire_free(w);
}

static void reset_in_flight(void **state)
{
	struct wire *w = wire_reading(NULL);

	(void)state;
	for (int unflushable = 0; unflushable < 2; unflushable++) {
		w->fs.unflushable = unflushable;
		ask_read(w, 10);
		ask_flush(w, 11, 10);
		if (!unflushable)
			assert_int_equal(receive(w), 0);
		w->fs.async = false;
		{
			struct p9_tmsg t = {.type = P9_TVERSION, .tag = P9_NOTAG};

			t.version.msize = 8192;
			t.version.version = p9_str_from("9P2000.L");
			send(w, &t);
		}
		assert_int_equal(receive(w), 0);
		assert_int_equal(w->r.type, P9_RVERSION);
		memfs_finish_all(&w->fs);
		assert_int_equal(receive(w), -EAGAIN); /* of before: nothing */
		assert_int_equal(attach(w, 0, ""), 0);
		assert_int_equal(walk(w, 0, 1, "a/b/file"), 0);
		assert_int_equal(open_fid(w, 1, P9_O_RDWR), 0);
		w->fs.async = true;
	}
	wire_free(w);
}

/* The peer goes while requests are kept that cannot be stopped. */
static void gone_in_flight(void **state)
{
	struct wire *w = wire_reading(NULL);

	(void)state;
	w->fs.unflushable = true;
	ask_read(w, 10);
	ask_read(w, 11);
	ask_flush(w, 12, 11);
	wire_free(w);
}

/* ---- the client over a stream -------------------------------------------------------------- */

static int64_t loop_send(void *ctx, const void *bytes, size_t len, uint64_t deadline)
{
	struct wire *w = ctx;

	(void)deadline;
	return p9_stream_feed(w->stream, bytes, len);
}

static int64_t loop_receive(void *ctx, void *bytes, size_t len, uint64_t deadline)
{
	struct wire *w = ctx;
	const void *out;
	size_t n;

	(void)deadline;
	memfs_finish_all(&w->fs);
	n = p9_stream_out(w->stream, &out);
	if (!n)
		return -ETIMEDOUT;
	n = n < len ? n : len;
	n = n > 3 ? 3 : n; /* in small pieces */
	memcpy(bytes, out, n);
	p9_stream_sent(w->stream, n);
	return (int64_t)n;
}

static void client(void **state)
{
	struct wire *w = wire_new(NULL, NULL);
	struct p9_stream_io io = {loop_send, loop_receive, NULL, w};
	struct memfs_node *dir = w->fs.root;
	struct p9_link *link;
	struct p9_client c;
	struct p9_attr attr;
	struct p9_file *f;
	char buf[P9_FULL_MAX], path[256] = "";
	uint64_t value;
	uint32_t handle;

	(void)state;
	w->fs.async = true;
	assert_int_equal(p9_stream_link_create(&io, 8192, &link), 0);
	assert_int_equal(p9_link_attach(link, 8192, "me", "", 0), 0);
	assert_int_equal(p9_client_init(&c, link), 0);
	assert_int_equal(p9_client_load(&c, "/a/up", buf, sizeof(buf)), 11);
	assert_memory_equal(buf, "hello world", 11);
	assert_int_equal(p9_client_realpath(&c, "/abs/../up", buf), 0);
	assert_string_equal(buf, "/a/b/file");
	assert_int_equal(p9_client_stat(&c, "/loop", false, &attr), -ELOOP);
	assert_int_equal(p9_client_stat(&c, "/loop", true, &attr), 0);
	assert_int_equal(p9_client_stat(&c, "/a/none/x", false, &attr), -ENOENT);
	assert_int_equal(p9_client_stat(&c, "/empty/x", false, &attr), -ENOTDIR);
	assert_int_equal(p9_client_stat(&c, "/empty/", false, &attr), -ENOTDIR);
	/* More names than one Twalk takes, and exactly as many. */
	for (int i = 0; i < 40; i++) {
		strcat(path, "/d");
		dir = memfs_add(&w->fs, dir, "d", P9_S_IFDIR | 0755, NULL);
		assert_int_equal(p9_client_stat(&c, path, false, &attr), 0);
		assert_int_equal(attr.qid.path, dir->ino);
	}
	assert_int_equal(p9_client_open(&c, "/a/x", P9_O_RDWR | P9_O_CREAT, 0644, &f), 0);
	memset(buf, 'z', sizeof(buf));
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(p9_client_write(f, buf, 4096), 4096);
	assert_int_equal(p9_client_pread(f, buf, sizeof(buf), 28672), 4096);
	assert_int_equal(p9_client_gethandle(f, P9_HANDLE_VMO, 1, &value, &handle), -EOPNOTSUPP);
	p9_client_close(f);
	assert_int_equal(p9_client_rename(&c, "/a/x", "/y"), 0);
	assert_int_equal(p9_client_unlink(&c, "/y", 0), 0);
	p9_client_fini(&c);
	wire_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),	   cmocka_unit_test(attaches),
		cmocka_unit_test(remote_rules),	   cmocka_unit_test(pieces),
		cmocka_unit_test(bad_sizes),	   cmocka_unit_test(msize_holds),
		cmocka_unit_test(back_pressure),   cmocka_unit_test(flush),
		cmocka_unit_test(flush_waits),	   cmocka_unit_test(flush_walk),
		cmocka_unit_test(clunk_meanwhile), cmocka_unit_test(request_limit),
		cmocka_unit_test(reset_in_flight), cmocka_unit_test(gone_in_flight),
		cmocka_unit_test(client),
	};

	return cmocka_run_group_tests_name("9p_stream", tests, NULL, NULL);
}

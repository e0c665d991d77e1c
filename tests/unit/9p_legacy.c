/* SPDX-License-Identifier: ISC */
/*
 * 9p_legacy.c: plain 9P2000 over the same ops, once with ops that answer at once and once with ops
 * that keep every request.
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

static bool async;

struct old {
	struct memfs fs;
	struct p9_server server;
	struct p9_stream *stream;
	uint8_t frame[70000];
	struct p9_rmsg r;
	char error[64];
};

static bool failed(struct old *o, const char *text)
{
	if (o->r.type != P9_RERROR)
		return false;
	snprintf(o->error, sizeof(o->error), "%.*s", (int)o->r.error.ename.len,
		 o->r.error.ename.ptr);
	if (text)
		assert_string_equal(o->error, text);
	return true;
}

/* One message. True: it was done. */
static bool call(struct old *o, struct p9_tmsg *t)
{
	static uint8_t frame[70000];
	enum p9_dialect dialect = t->type == P9_TVERSION ? P9_DIALECT_NONE : P9_DIALECT_2000;
	int len = p9_encode_t(t, dialect, frame, sizeof(frame));
	const void *out;
	size_t n;

	assert_true(len > 0);
	assert_int_equal(p9_stream_feed(o->stream, frame, (size_t)len), len);
	memfs_finish_all(&o->fs);
	n = p9_stream_out(o->stream, &out);
	assert_true(n >= P9_HEAD && n <= sizeof(o->frame));
	memcpy(o->frame, out, n);
	p9_stream_sent(o->stream, n);
	assert_int_equal(p9_decode_r(&o->r, P9_DIALECT_2000, o->frame, n, 0), 0);
	return !failed(o, NULL);
}

static void refused(struct old *o, struct p9_tmsg *t, const char *text)
{
	assert_false(call(o, t));
	assert_true(failed(o, text));
}

static struct old *old_new(void)
{
	struct identity from = {.pledges = PLEDGES_ALL, .rights = RIGHTS_ALL};
	struct p9_stream_config c = {.rights = RIGHTS_ALL, .from = &from};
	struct old *o = calloc(1, sizeof(*o));
	struct p9_tmsg t = {.type = P9_TVERSION, .tag = P9_NOTAG};

	assert_non_null(o);
	rig_tree(&o->fs);
	o->fs.async = async;
	assert_int_equal(p9_server_init(&o->server, &memfs_ops, &o->fs, NULL), 0);
	assert_int_equal(p9_stream_create(&o->server, &c, &o->stream), 0);
	t.version.msize = 8192;
	t.version.version = p9_str_from("9P2000");
	assert_true(call(o, &t));
	t = (struct p9_tmsg){.type = P9_TATTACH, .tag = 1, .fid = 0};
	t.attach.afid = P9_NOFID;
	t.attach.uname = p9_str_from("glenda");
	assert_true(call(o, &t));
	return o;
}

static void old_free(struct old *o)
{
	p9_stream_destroy(o->stream);
	p9_server_fini(&o->server);
	assert_int_equal(o->fs.live, 0);
	assert_int_equal(o->fs.opened, o->fs.closed);
	memfs_fini(&o->fs);
	free(o);
}

static bool walk(struct old *o, uint32_t fid, uint32_t newfid, const char *path)
{
	struct p9_tmsg t = {.type = P9_TWALK, .tag = 2, .fid = fid};

	t.walk.newfid = newfid;
	rig_names(&t, path);
	return call(o, &t) && o->r.walk.count == t.walk.count;
}

static bool open_fid(struct old *o, uint32_t fid, uint8_t mode)
{
	struct p9_tmsg t = {.type = P9_TOPEN, .tag = 2, .fid = fid};

	t.open.mode = mode;
	return call(o, &t);
}

static bool stat_fid(struct old *o, uint32_t fid)
{
	struct p9_tmsg t = {.type = P9_TSTAT, .tag = 2, .fid = fid};

	return call(o, &t);
}

static bool read_fid(struct old *o, uint32_t fid, uint64_t offset, uint32_t count)
{
	struct p9_tmsg t = {.type = P9_TREAD, .tag = 2, .fid = fid};

	t.read.offset = offset;
	t.read.count = count;
	return call(o, &t);
}

static void stat_dont_touch(struct p9_stat *st)
{
	*st = (struct p9_stat){.type = UINT16_MAX,
			       .dev = UINT32_MAX,
			       .qid = {.path = UINT64_MAX, .version = UINT32_MAX, .type = 255},
			       .mode = UINT32_MAX,
			       .atime = UINT32_MAX,
			       .mtime = UINT32_MAX,
			       .length = UINT64_MAX};
}

static void stats(void **state)
{
	struct old *o = old_new();

	(void)state;
	assert_true(stat_fid(o, 0));
	assert_true(p9_str_equal(o->r.stat.name, "/"));
	assert_int_equal(o->r.stat.mode, P9_DMDIR | 0755);
	assert_true(walk(o, 0, 1, "a/b/file"));
	assert_true(stat_fid(o, 1));
	assert_true(p9_str_equal(o->r.stat.name, "file"));
	assert_int_equal(o->r.stat.mode, 0644);
	assert_int_equal(o->r.stat.length, 11);
	assert_true(p9_str_equal(o->r.stat.uid, "0"));
	assert_true(p9_str_equal(o->r.stat.gid, "0"));
	assert_true(walk(o, 1, 2, ""));
	assert_true(stat_fid(o, 2));
	assert_true(p9_str_equal(o->r.stat.name, "file"));
	assert_true(walk(o, 0, 3, "a/b/../b/.."));
	assert_true(stat_fid(o, 3));
	assert_true(p9_str_equal(o->r.stat.name, "a"));
	assert_true(walk(o, 0, 4, "a/../.."));
	assert_true(stat_fid(o, 4));
	assert_true(p9_str_equal(o->r.stat.name, "/"));
	old_free(o);
}

static void opens(void **state)
{
	struct old *o = old_new();
	struct p9_tmsg t = {.type = P9_TWRITE, .tag = 3, .fid = 1};

	(void)state;
	assert_false(walk(o, 0, 1, "nothing"));
	assert_true(failed(o, "file does not exist"));
	assert_true(walk(o, 0, 1, "a/b/file"));
	assert_false(read_fid(o, 1, 0, 10));
	assert_true(failed(o, "bad use of fid"));
	assert_false(open_fid(o, 1, P9_OREAD | P9_ORCLOSE));
	assert_true(failed(o, "operation not supported"));
	assert_false(open_fid(o, 1, 0x80));
	assert_true(open_fid(o, 1, P9_ORDWR | P9_OTRUNC));
	assert_false(walk(o, 1, 2, "")); /* not from an open fid */
	t.write.data = (struct p9_data){"abc", 3};
	assert_true(call(o, &t));
	assert_true(read_fid(o, 1, 0, 10));
	assert_int_equal(o->r.data.len, 3);
	assert_true(walk(o, 0, 3, "a/b/file"));
	assert_true(open_fid(o, 3, P9_OEXEC));
	assert_true(read_fid(o, 3, 0, 10));
	t.fid = 3;
	refused(o, &t, "bad use of fid");
	/* Messages of the other dialect do not exist. */
	t = (struct p9_tmsg){.type = P9_TAUTH, .tag = 4, .fid = 9};
	refused(o, &t, "operation not supported");
	old_free(o);
}

static void creates(void **state)
{
	struct old *o = old_new();
	struct p9_tmsg t = {.type = P9_TCREATE, .tag = 3, .fid = 1};

	(void)state;
	assert_true(walk(o, 0, 1, "a"));
	t.create.name = p9_str_from("n");
	t.create.perm = 0640;
	t.create.mode = P9_OWRITE;
	assert_true(call(o, &t));
	assert_true(stat_fid(o, 1));
	assert_true(p9_str_equal(o->r.stat.name, "n"));
	assert_int_equal(o->r.stat.mode, 0640);
	/* A directory: the fid is it, open. */
	assert_true(walk(o, 0, 2, "a"));
	t.fid = 2;
	t.create.name = p9_str_from("d");
	t.create.perm = P9_DMDIR | 0750;
	refused(o, &t, "file is a directory");
	t.create.mode = P9_OREAD;
	assert_true(call(o, &t));
	assert_int_equal(o->r.open.qid.type, P9_QTDIR);
	assert_true(stat_fid(o, 2));
	assert_true(p9_str_equal(o->r.stat.name, "d"));
	assert_int_equal(o->r.stat.mode, P9_DMDIR | 0750);
	assert_true(read_fid(o, 2, 0, 1000));
	assert_int_equal(o->r.data.len, 0);
	assert_true(walk(o, 0, 3, "a"));
	t.fid = 3;
	refused(o, &t, "file already exists");
	assert_true(stat_fid(o, 3));
	assert_true(p9_str_equal(o->r.stat.name, "a"));
	t.create.perm = 0x1000000 | 0644;
	refused(o, &t, "operation not supported");
	t.create.perm = 0644;
	t.create.name = p9_str_from("..");
	refused(o, &t, "bad argument");
	t.fid = 1;
	refused(o, &t, NULL);
	old_free(o);
}

/* A name for which a fid has no room is refused before anything was made. */
static void creates_with_long_names(void **state)
{
	struct p9_tmsg t = {.type = P9_TCREATE, .tag = 3, .fid = 1};
	char name[256];
	struct old *o = old_new();

	(void)state;
	memset(name, 'x', 255);
	name[255] = '\0';
	t.create.name = p9_str_from(name);
	t.create.perm = P9_DMDIR | 0755;
	assert_true(walk(o, 0, 2, "")); /* 2: the directory */
	for (unsigned depth = 0; depth < 15; depth++) {
		assert_true(walk(o, 2, 1, ""));
		assert_true(call(o, &t));
		assert_true(walk(o, 2, 3, name));
		assert_true(call(o, &(struct p9_tmsg){.type = P9_TCLUNK, .tag = 4, .fid = 1}));
		assert_true(walk(o, 3, 2, "") || walk(o, 2, 2, name));
		assert_true(call(o, &(struct p9_tmsg){.type = P9_TCLUNK, .tag = 4, .fid = 3}));
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_true(walk(o, 2, 1, ""));
		refused(o, &t, "name too long");
		assert_true(walk(o, 1, 3, "")); /* it is still what it was, and not open */
		t.create.perm = 0644;
		assert_true(call(o, &(struct p9_tmsg){.type = P9_TCLUNK, .tag = 4, .fid = 1}));
		assert_true(call(o, &(struct p9_tmsg){.type = P9_TCLUNK, .tag = 4, .fid = 3}));
	}
	assert_true(walk(o, 2, 1, ""));
	assert_true(open_fid(o, 1, P9_OREAD));
	assert_true(read_fid(o, 1, 0, 8000));
	assert_int_equal(o->r.data.len, 0); /* nothing was made */
	old_free(o);
}

static unsigned read_dir(struct old *o, uint32_t fid, uint32_t count, char *names, size_t size)
{
	uint64_t offset = 0;
	unsigned n = 0;
	size_t used = 0;
	struct p9_stat st;

	do {
		assert_true(read_fid(o, fid, offset, count));
		assert_true(o->r.data.len <= count);
		for (uint32_t at = 0; at < o->r.data.len; n++) {
			int len = p9_stat_decode(&st, (const uint8_t *)o->r.data.ptr + at,
						 o->r.data.len - at);

			assert_true(len > 0);
			at += (uint32_t)len;
			used += (size_t)snprintf(names + used, size - used, "%.*s ",
						 (int)st.name.len, st.name.ptr);
			assert_true(used < size);
		}
		offset += o->r.data.len;
	} while (o->r.data.len);
	return n;
}

static void directories(void **state)
{
	struct old *o = old_new();
	struct memfs_node *many = memfs_add(&o->fs, o->fs.root, "many", P9_S_IFDIR | 0755, NULL);
	static char names[8192];
	char name[32];

	(void)state;
	assert_true(walk(o, 0, 1, ""));
	assert_true(open_fid(o, 1, P9_OREAD));
	assert_int_equal(read_dir(o, 1, 8192, names, sizeof(names)), 6);
	assert_string_equal(names, "a abs loop empty dangling many ");
	assert_int_equal(read_dir(o, 1, 70, names, sizeof(names)), 6);
	assert_false(read_fid(o, 1, 5, 1000)); /* no such place */
	assert_true(failed(o, "bad argument"));
	assert_false(read_fid(o, 1, 0, 20));
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		memfs_add(&o->fs, many, name, P9_S_IFREG | 0644, "x");
	}
	assert_true(walk(o, 0, 2, "many"));
	assert_true(open_fid(o, 2, P9_OREAD));
	assert_int_equal(read_dir(o, 2, 8192, names, sizeof(names)), 1000);
	assert_int_equal(read_dir(o, 2, 500, names, sizeof(names)), 1000);
	old_free(o);
}

static void wstats(void **state)
{
	struct old *o = old_new();
	struct p9_tmsg t = {.type = P9_TWSTAT, .tag = 3, .fid = 1};

	(void)state;
	assert_true(walk(o, 0, 1, "a/b/file"));
	stat_dont_touch(&t.wstat);
	assert_true(call(o, &t)); /* only makes it safe */
	t.wstat.mode = 0600;
	t.wstat.length = 4;
	t.wstat.mtime = 77;
	t.wstat.gid = p9_str_from("12");
	t.wstat.name = p9_str_from("renamed");
	assert_true(call(o, &t));
	assert_true(stat_fid(o, 1));
	assert_true(p9_str_equal(o->r.stat.name, "renamed"));
	assert_int_equal(o->r.stat.mode, 0600);
	assert_int_equal(o->r.stat.length, 4);
	assert_int_equal(o->r.stat.mtime, 77);
	assert_true(p9_str_equal(o->r.stat.gid, "12"));
	assert_true(walk(o, 0, 2, "a/b/renamed"));
	stat_dont_touch(&t.wstat);
	t.wstat.name = p9_str_from("again");
	assert_true(call(o, &t));
	assert_true(stat_fid(o, 1));
	assert_true(p9_str_equal(o->r.stat.name, "again"));
	t.wstat.name = p9_str_from("x/y");
	refused(o, &t, "bad argument");
	stat_dont_touch(&t.wstat);
	t.wstat.mode = P9_DMDIR | 0755;
	refused(o, &t, "bad argument");
	stat_dont_touch(&t.wstat);
	t.wstat.uid = p9_str_from("root");
	refused(o, &t, "permission denied");
	stat_dont_touch(&t.wstat);
	t.wstat.gid = p9_str_from("staff");
	refused(o, &t, "bad argument");
	t.fid = 0;
	stat_dont_touch(&t.wstat);
	t.wstat.length = 0;
	refused(o, &t, "file is a directory");
	stat_dont_touch(&t.wstat);
	t.wstat.name = p9_str_from("newroot");
	refused(o, &t, "file in use");
	t = (struct p9_tmsg){.type = P9_TREMOVE, .tag = 3, .fid = 1};
	assert_true(call(o, &t));
	assert_false(stat_fid(o, 1));
	old_free(o);
}

#define TESTS(prefix)                                                                              \
	{prefix "stats", stats, NULL, NULL, NULL}, {prefix "opens", opens, NULL, NULL, NULL},      \
		{prefix "creates", creates, NULL, NULL, NULL},                                     \
		{prefix "creates with long names", creates_with_long_names, NULL, NULL, NULL},     \
		{prefix "directories", directories, NULL, NULL, NULL},                             \
	{                                                                                          \
		prefix "wstats", wstats, NULL, NULL, NULL                                          \
	}

int main(void)
{
	const struct CMUnitTest at_once[] = {TESTS("once_")};
	const struct CMUnitTest kept[] = {TESTS("kept_")};
	int failures = cmocka_run_group_tests_name("9p_legacy at once", at_once, NULL, NULL);

	async = true;
	return failures + cmocka_run_group_tests_name("9p_legacy kept", kept, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * 9p_server.c: the engine's rules, over a local link: fids, walks, opens, limits, rights, pledges,
 * handles, resolve. Each test runs twice: with ops that answer at once, and with ops that keep
 * every request. What is special about streams (flush, tags, versions) is in 9p_stream.c. Long,
 * because the table at its end runs every test in both ways.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "9p_rig.h"

#define RESOLVE_STAT P9_RESOLVE_STAT

static bool async;

static struct rig *start(void)
{
	return rig_new(NULL, RIGHTS_ALL, async);
}

static void assert_qid(const struct p9_qid *qid, const struct memfs_node *node)
{
	assert_int_equal(qid->path, node->ino);
}

static struct memfs_node *node_at(struct rig *rig, const char *a, const char *b, const char *c)
{
	struct memfs_node *node = memfs_find(rig->fs.root, a);

	node = b ? memfs_find(node, b) : node;
	return c ? memfs_find(node, c) : node;
}

/* ---- walks --------------------------------------------------------------------------------- */

static void walk_whole(void **state)
{
	struct rig *rig = start();

	(void)state;
	assert_int_equal(rig_walk(rig, 0, 1, "a/b/file"), 0);
	assert_int_equal(rig->r.walk.count, 3);
	assert_qid(&rig->r.walk.qids[0], node_at(rig, "a", NULL, NULL));
	assert_qid(&rig->r.walk.qids[2], node_at(rig, "a", "b", "file"));
	assert_int_equal(rig->r.walk.qids[1].type, P9_QTDIR);
	assert_int_equal(rig_getattr(rig, 1), 0);
	assert_int_equal(rig->r.getattr.size, 11);
	/* No names: a copy. */
	assert_int_equal(rig_walk(rig, 1, 2, ""), 0);
	assert_int_equal(rig->r.walk.count, 0);
	assert_int_equal(rig_clunk(rig, 1), 0);
	assert_int_equal(rig_getattr(rig, 2), 0);
	/* Onto itself. */
	assert_int_equal(rig_walk(rig, 0, 3, ""), 0);
	assert_int_equal(rig_walk(rig, 3, 3, "a/b"), 0);
	assert_int_equal(rig_getattr(rig, 3), 0);
	assert_qid(&rig->r.getattr.qid, node_at(rig, "a", "b", NULL));
	assert_int_equal(rig_walk(rig, 3, 3, ""), 0);
	rig_free(rig);
}

static void walk_partial(void **state)
{
	struct rig *rig = start();

	(void)state;
	assert_int_equal(rig_walk(rig, 0, 1, "a/nothing/file"), 0);
	assert_int_equal(rig->r.walk.count, 1);
	assert_int_equal(rig_getattr(rig, 1), -EBADF);
	/* The first name decides about the error. */
	assert_int_equal(rig_walk(rig, 0, 1, "nothing/a"), -ENOENT);
	/* A file on the way. */
	assert_int_equal(rig_walk(rig, 0, 1, "empty/x"), 0);
	assert_int_equal(rig->r.walk.count, 1);
	assert_int_equal(rig_walk(rig, 0, 2, "empty"), 0);
	assert_int_equal(rig_walk(rig, 2, 1, "x"), -ENOTDIR);
	/* Onto itself: a part of the way leaves it where it was. */
	assert_int_equal(rig_walk(rig, 0, 3, "a"), 0);
	assert_int_equal(rig_walk(rig, 3, 3, "b/nothing"), 0);
	assert_int_equal(rig->r.walk.count, 1);
	assert_int_equal(rig_getattr(rig, 3), 0);
	assert_qid(&rig->r.getattr.qid, node_at(rig, "a", NULL, NULL));
	/* A link is not followed. */
	assert_int_equal(rig_walk(rig, 0, 4, "a/up"), 0);
	assert_int_equal(rig->r.walk.qids[1].type, P9_QTSYMLINK);
	assert_int_equal(rig_walk(rig, 0, 5, "abs/file"), 0);
	assert_int_equal(rig->r.walk.count, 1);
	rig_free(rig);
}

static void walk_bad(void **state)
{
	struct rig *rig = start();
	char name[300];
	struct p9_tmsg t = {.type = P9_TWALK, .fid = 0};

	(void)state;
	assert_int_equal(rig_walk(rig, 77, 1, "a"), -EBADF);
	assert_int_equal(rig_walk(rig, 0, P9_NOFID, "a"), -EINVAL);
	assert_int_equal(rig_walk(rig, 0, 1, "a"), 0);
	assert_int_equal(rig_walk(rig, 0, 1, "a"), -EINVAL); /* in use */
	assert_int_equal(rig_walk(rig, 0, 0, "a"), -EINVAL); /* the root stays */
	assert_int_equal(rig_walk(rig, 0, 2, "."), -EINVAL);
	t.walk.newfid = 2;
	t.walk.count = 1;
	t.walk.names[0] = p9_str_from("a/b");
	assert_int_equal(rig_call(rig, &t), -EINVAL);
	t.walk.names[0] = (struct p9_str){"a\0b", 3};
	assert_int_equal(rig_call(rig, &t), -EINVAL);
	t.walk.names[0] = p9_str_from("");
	assert_int_equal(rig_call(rig, &t), -EINVAL);
	memset(name, 'x', sizeof(name));
	t.walk.names[0] = (struct p9_str){name, 256};
	assert_int_equal(rig_call(rig, &t), -ENAMETOOLONG);
	t.walk.names[0] = (struct p9_str){name, 255};
	assert_int_equal(rig_call(rig, &t), -ENOENT);
	assert_int_equal(rig_clunk(rig, 0), -EINVAL);
	assert_int_equal(rig_clunk(rig, 9), -EBADF);
	rig_free(rig);
}

static void dot_dot(void **state)
{
	struct rig *rig = start();

	(void)state;
	assert_int_equal(rig_walk(rig, 0, 1, "a/b/../.."), 0);
	assert_int_equal(rig->r.walk.count, 4);
	assert_qid(&rig->r.walk.qids[3], rig->fs.root);
	assert_int_equal(rig_walk(rig, 0, 2, "../../../a"), 0);
	assert_qid(&rig->r.walk.qids[3], node_at(rig, "a", NULL, NULL));
	assert_int_equal(rig_resolve(rig, 2, 3, "b/../../..", 0, 0), 0);
	assert_qid(&rig->r.resolve.attr.qid, rig->fs.root);
	rig_free(rig);
}

/* A session whose root is /a: nothing above can be reached, wherever directories are moved. */
static void narrowed_root(void **state)
{
	struct rig *rig = start();
	struct p9_tmsg t = {.type = P9_TGETHANDLE, .fid = 1}, w = {.type = P9_TWALK, .fid = 0};
	struct memfs_node *a = node_at(rig, "a", NULL, NULL), *b = node_at(rig, "a", "b", NULL);
	struct p9_link *in;

	(void)state;
	assert_int_equal(rig_walk(rig, 0, 1, "a"), 0);
	t.gethandle.kind = P9_HANDLE_SESSION;
	assert_int_equal(rig_call(rig, &t), 0);
	in = local_link(&rig->world, rig->got_handle);
	w.walk.newfid = 1;
	rig_names(&w, "../../b/..");
	assert_int_equal(rig_call_on(rig, in, &w, NULL, 0), 0);
	assert_int_equal(rig->r.walk.count, 4);
	assert_qid(&rig->r.walk.qids[0], a);
	assert_qid(&rig->r.walk.qids[3], a);
	w.walk.newfid = 2;
	rig_names(&w, "b");
	assert_int_equal(rig_call_on(rig, in, &w, NULL, 0), 0);

	/* /a/b becomes /out: from it ".." would lead to the root of all. */
	t = (struct p9_tmsg){.type = P9_TRENAMEAT, .fid = 1};
	t.renameat.oldname = p9_str_from("b");
	t.renameat.newdir = 0;
	t.renameat.newname = p9_str_from("out");
	assert_int_equal(rig_call(rig, &t), 0);
	w.fid = 2;
	w.walk.newfid = 3;
	rig_names(&w, "..");
	assert_int_equal(rig_call_on(rig, in, &w, NULL, 0), -EACCES);
	rig_names(&w, "file");
	assert_int_equal(rig_call_on(rig, in, &w, NULL, 0), 0);
	/* Back under the root, but deeper. */
	memfs_add(&rig->fs, a, "deep", P9_S_IFDIR | 0755, NULL);
	t.fid = 0;
	t.renameat.oldname = p9_str_from("out");
	t.renameat.newdir = 9;
	assert_int_equal(rig_walk(rig, 0, 9, "a/deep"), 0);
	assert_int_equal(rig_call(rig, &t), 0);
	rig_names(&w, "../..");
	w.walk.newfid = 4;
	assert_int_equal(rig_call_on(rig, in, &w, NULL, 0), 0);
	assert_qid(&rig->r.walk.qids[1], a);
	assert_ptr_equal(b->parent, node_at(rig, "a", "deep", NULL));
	in->ops->close(in);
	rig_free(rig);
}

/* ---- open, read, write --------------------------------------------------------------------- */

static void open_modes(void **state)
{
	struct rig *rig = start();

	(void)state;
	assert_int_equal(rig_walk(rig, 0, 1, "a/b/file"), 0);
	assert_int_equal(rig_read(rig, 1, 0, 5), -EBADF);
	assert_int_equal(rig_open(rig, 1, 3), -EINVAL);
	assert_int_equal(rig_open(rig, 1, P9_O_DIRECTORY), -ENOTDIR);
	assert_int_equal(rig_open(rig, 1, P9_O_RDONLY), 0);
	assert_qid(&rig->r.open.qid, node_at(rig, "a", "b", "file"));
	assert_int_equal(rig_open(rig, 1, P9_O_RDONLY), -EINVAL);
	assert_int_equal(rig_write(rig, 1, 0, "x"), -EBADF);
	assert_int_equal(rig_readdir(rig, 1, 0, 100), -ENOTDIR);
	assert_int_equal(rig_walk(rig, 1, 1, ""), 0);
	assert_int_equal(rig_read(rig, 1, 6, 100), 0);
	assert_int_equal(rig->data_len, 5);
	assert_memory_equal(rig->data, "world", 5);
	assert_int_equal(rig_read(rig, 1, 11, 100), 0);
	assert_int_equal(rig->data_len, 0);
	assert_int_equal(rig_read(rig, 1, 1ull << 63, 1), -EINVAL);

	assert_int_equal(rig_walk(rig, 0, 2, "a/b/file"), 0);
	assert_int_equal(rig_open(rig, 2, P9_O_WRONLY), 0);
	assert_int_equal(rig_read(rig, 2, 0, 5), -EBADF);
	assert_int_equal(rig_write(rig, 2, 6, "there"), 0);
	assert_int_equal(rig->r.write.count, 5);
	assert_int_equal(rig_write(rig, 2, 1, ""), 0);
	assert_int_equal(rig->r.write.count, 0);
	assert_int_equal(rig_write(rig, 2, INT64_MAX, "x"), 0 - (int)EFBIG);
	assert_int_equal(rig_read(rig, 1, 0, 100), 0);
	assert_memory_equal(rig->data, "hello there", 11);

	assert_int_equal(rig_walk(rig, 0, 3, "a"), 0);
	assert_int_equal(rig_open(rig, 3, P9_O_RDWR), -EISDIR);
	assert_int_equal(rig_open(rig, 3, P9_O_TRUNC), -EISDIR);
	assert_int_equal(rig_open(rig, 3, P9_O_RDONLY), 0);
	assert_int_equal(rig_read(rig, 3, 0, 100), -EISDIR);
	assert_int_equal(rig_walk(rig, 0, 4, "a/up"), 0);
	assert_int_equal(rig_open(rig, 4, P9_O_RDONLY), -ELOOP);
	assert_int_equal(rig_walk(rig, 0, 5, "a/b/file"), 0);
	assert_int_equal(rig_open(rig, 5, P9_O_WRONLY | P9_O_TRUNC), 0);
	assert_int_equal(rig_getattr(rig, 5), 0);
	assert_int_equal(rig->r.getattr.size, 0);
	rig_free(rig);
}

static void create(void **state)
{
	struct rig *rig = start();
	struct p9_tmsg t = {.type = P9_TLCREATE, .fid = 1};

	(void)state;
	t.lcreate.name = p9_str_from("new");
	t.lcreate.flags = P9_O_RDWR | P9_O_CREAT | P9_O_EXCL;
	t.lcreate.mode = 0640;
	t.fid = 0;
	assert_int_equal(rig_call(rig, &t), -EINVAL); /* the root would be gone */
	t.fid = 1;
	assert_int_equal(rig_walk(rig, 0, 1, "a"), 0);
	assert_int_equal(rig_call(rig, &t), 0);
	assert_qid(&rig->r.open.qid, node_at(rig, "a", "new", NULL));
	assert_int_equal(rig_write(rig, 1, 0, "text"), 0);
	assert_int_equal(rig_read(rig, 1, 0, 10), 0);
	assert_memory_equal(rig->data, "text", 4);
	assert_int_equal(rig_call(rig, &t), -EINVAL); /* it is open */
	assert_int_equal(rig_walk(rig, 0, 2, "a"), 0);
	t.fid = 2;
	assert_int_equal(rig_call(rig, &t), -EEXIST);
	t.lcreate.name = p9_str_from("..");
	assert_int_equal(rig_call(rig, &t), -EINVAL);
	assert_int_equal(rig_walk(rig, 0, 3, "empty"), 0);
	t.fid = 3;
	t.lcreate.name = p9_str_from("n");
	assert_int_equal(rig_call(rig, &t), -ENOTDIR);
	rig_free(rig);
}

static void clip(void **state)
{
	struct p9_limits limits = {.io_max = 4096};
	struct rig *rig = rig_new(&limits, RIGHTS_ALL, async);
	static char big[5000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(rig_walk(rig, 0, 1, "empty"), 0);
	assert_int_equal(rig_open(rig, 1, P9_O_RDWR), 0);
	assert_int_equal(rig_write(rig, 1, 0, big), -EMSGSIZE);
	big[4096] = '\0';
	assert_int_equal(rig_write(rig, 1, 0, big), 0);
	big[4096] = 'x';
	big[904] = '\0';
	assert_int_equal(rig_write(rig, 1, 4096, big), 0);
	assert_int_equal(rig_read(rig, 1, 0, UINT32_MAX), 0);
	assert_int_equal(rig->data_len, 4096 + P9_IOHDR - 11);
	rig_free(rig);
}

static unsigned count_entries(const struct rig *rig, uint64_t *last)
{
	struct p9_dirent ent;
	uint32_t at = 0;
	unsigned count = 0;

	while (at < rig->data_len) {
		int n = p9_dirent_decode(&ent, rig->data + at, rig->data_len - at);

		assert_true(n > 0);
		at += (uint32_t)n;
		*last = ent.offset;
		count++;
	}
	return count;
}

static void readdir(void **state)
{
	struct rig *rig = start();
	uint64_t offset = 0;
	unsigned count = 0, n;
	char name[20];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "entry%d", i);
		memfs_add(&rig->fs, node_at(rig, "a", "b", NULL), name, P9_S_IFREG | 0644, "");
	}
	assert_int_equal(rig_walk(rig, 0, 1, "a/b"), 0);
	assert_int_equal(rig_readdir(rig, 1, 0, 100), -EBADF);
	assert_int_equal(rig_open(rig, 1, P9_O_RDONLY), 0);
	assert_int_equal(rig_readdir(rig, 1, 0, 10), -EINVAL); /* not even one fits */
	do {
		assert_int_equal(rig_readdir(rig, 1, offset, 300), 0);
		assert_true(rig->data_len <= 300);
		n = count_entries(rig, &offset);
		count += n;
	} while (n);
	assert_int_equal(count, 101);
	rig_free(rig);
}

/* ---- names and attributes ------------------------------------------------------------------ */

static void names_change(void **state)
{
	struct rig *rig = start();
	struct p9_tmsg t = {.type = P9_TMKDIR, .fid = 0};

	(void)state;
	t.mkdir.name = p9_str_from("d");
	assert_int_equal(rig_call(rig, &t), 0);
	assert_int_equal(rig->r.qid.qid.type, P9_QTDIR);
	assert_int_equal(rig_call(rig, &t), -EEXIST);
	t.mkdir.name = p9_str_from("a/b");
	assert_int_equal(rig_call(rig, &t), -EINVAL);

	t = (struct p9_tmsg){.type = P9_TSYMLINK, .fid = 0};
	t.symlink.name = p9_str_from("s");
	assert_int_equal(rig_call(rig, &t), -ENOENT);
	t.symlink.target = p9_str_from("d/x");
	assert_int_equal(rig_call(rig, &t), 0);
	assert_int_equal(rig_walk(rig, 0, 1, "s"), 0);
	t = (struct p9_tmsg){.type = P9_TREADLINK, .fid = 1};
	assert_int_equal(rig_call(rig, &t), 0);
	assert_true(p9_str_equal(rig->r.target, "d/x"));
	t.fid = 0;
	assert_int_equal(rig_call(rig, &t), -EINVAL);

	t = (struct p9_tmsg){.type = P9_TMKNOD, .fid = 0};
	t.mknod.name = p9_str_from("pipe");
	t.mknod.mode = P9_S_IFIFO | 0600;
	assert_int_equal(rig_call(rig, &t), 0);

	assert_int_equal(rig_walk(rig, 0, 2, "empty"), 0);
	t = (struct p9_tmsg){.type = P9_TLINK, .fid = 0};
	t.link.target = 2;
	t.link.name = p9_str_from("more");
	assert_int_equal(rig_call(rig, &t), 0);
	t.link.target = 0;
	assert_int_equal(rig_call(rig, &t), -EPERM);
	t.link.target = 66;
	assert_int_equal(rig_call(rig, &t), -EBADF);

	assert_int_equal(rig_walk(rig, 0, 3, "d"), 0);
	t = (struct p9_tmsg){.type = P9_TRENAME, .fid = 2};
	t.rename.dfid = 3;
	t.rename.name = p9_str_from("moved");
	assert_int_equal(rig_call(rig, &t), 0);
	assert_non_null(node_at(rig, "d", "moved", NULL));
	t.fid = 0;
	assert_int_equal(rig_call(rig, &t), -EBUSY);

	t = (struct p9_tmsg){.type = P9_TUNLINKAT, .fid = 0};
	t.unlinkat.name = p9_str_from("d");
	assert_int_equal(rig_call(rig, &t), -EISDIR);
	t.unlinkat.flags = P9_AT_REMOVEDIR;
	assert_int_equal(rig_call(rig, &t), -ENOTEMPTY);
	t.unlinkat.flags = 1;
	assert_int_equal(rig_call(rig, &t), -EINVAL);

	/* Remove clunks, also when it fails. */
	t = (struct p9_tmsg){.type = P9_TREMOVE, .fid = 3};
	assert_int_equal(rig_call(rig, &t), -ENOTEMPTY);
	assert_int_equal(rig_getattr(rig, 3), -EBADF);
	t.fid = 2;
	assert_int_equal(rig_call(rig, &t), 0);
	assert_int_equal(rig_getattr(rig, 2), -EBADF);
	t.fid = 0;
	assert_int_equal(rig_call(rig, &t), -EINVAL);
	rig_free(rig);
}

static void attributes(void **state)
{
	struct rig *rig = start();
	struct p9_tmsg t = {.type = P9_TSETATTR, .fid = 1};

	(void)state;
	assert_int_equal(rig_walk(rig, 0, 1, "a/b/file"), 0);
	t.setattr.valid = P9_SETATTR_SIZE | P9_SETATTR_MODE;
	t.setattr.size = 5;
	t.setattr.mode = 0600;
	assert_int_equal(rig_call(rig, &t), 0);
	assert_int_equal(rig_getattr(rig, 1), 0);
	assert_int_equal(rig->r.getattr.size, 5);
	assert_int_equal(rig->r.getattr.mode, P9_S_IFREG | 0600);
	assert_int_equal(rig->r.getattr.valid, P9_GETATTR_BASIC);
	assert_int_equal(rig->r.getattr.gen, 0);
	t.setattr.valid = 0x8000;
	assert_int_equal(rig_call(rig, &t), -EINVAL);
	t.setattr.valid = P9_SETATTR_SIZE;
	t.setattr.size = 1ull << 63;
	assert_int_equal(rig_call(rig, &t), -EFBIG);
	t.fid = 0;
	t.setattr.size = 0;
	assert_int_equal(rig_call(rig, &t), -EISDIR);
	t = (struct p9_tmsg){.type = P9_TSTATFS, .fid = 0};
	assert_int_equal(rig_call(rig, &t), 0);
	assert_int_equal(rig->r.statfs.files, 7);
	assert_int_equal(rig->r.statfs.namelen, 255);
	t = (struct p9_tmsg){.type = P9_TFSYNC, .fid = 1};
	assert_int_equal(rig_call(rig, &t), 0);
	t = (struct p9_tmsg){.type = P9_TXATTRWALK, .fid = 1};
	assert_int_equal(rig_call(rig, &t), -EOPNOTSUPP);
	t = (struct p9_tmsg){.type = P9_TAUTH, .fid = 8};
	assert_int_equal(rig_call(rig, &t), -ENOENT); /* not needed */
	rig_free(rig);
}

static void locks(void **state)
{
	struct rig *rig = start();
	struct p9_tmsg t = {.type = P9_TLOCK, .fid = 1};

	(void)state;
	t.lock.client_id = p9_str_from("somebody with a long name");
	t.lock.type = P9_LOCK_WRLCK;
	assert_int_equal(rig_walk(rig, 0, 1, "empty"), 0);
	assert_int_equal(rig_call(rig, &t), -EBADF);
	assert_int_equal(rig_open(rig, 1, P9_O_RDWR), 0);
	assert_int_equal(rig_call(rig, &t), 0);
	assert_int_equal(rig->r.lock.status, P9_LOCK_SUCCESS);
	t.type = P9_TGETLOCK;
	assert_int_equal(rig_call(rig, &t), 0);
	assert_int_equal(rig->r.getlock.type, P9_LOCK_UNLCK);
	assert_true(p9_str_equal(rig->r.getlock.client_id, "somebody with a long name"));
	t.lock.type = 3;
	assert_int_equal(rig_call(rig, &t), -EINVAL);
	rig_free(rig);
}

/* ---- resolve ------------------------------------------------------------------------------- */

static void resolve(void **state)
{
	struct rig *rig = start();

	(void)state;
	assert_int_equal(rig_resolve(rig, 0, 1, "a/b/file", 0, 0), 0);
	assert_int_equal(rig->r.resolve.kind, P9_RESOLVE_DONE);
	assert_int_equal(rig->r.resolve.consumed, 8);
	assert_int_equal(rig->r.resolve.attr.size, 11);
	assert_int_equal(rig_read(rig, 1, 0, 5), -EBADF);
	assert_int_equal(rig_clunk(rig, 1), 0);
	assert_int_equal(rig_resolve(rig, 0, 1, "//a/./b//file", P9_RESOLVE_OPEN, P9_O_RDONLY), 0);
	assert_int_equal(rig_read(rig, 1, 0, 5), 0);
	assert_memory_equal(rig->data, "hello", 5);
	assert_int_equal(rig_resolve(rig, 0, P9_NOFID, "a/b", RESOLVE_STAT, 0), 0);
	assert_qid(&rig->r.resolve.attr.qid, node_at(rig, "a", "b", NULL));
	assert_int_equal(rig_resolve(rig, 0, 2, "", 0, 0), 0);
	assert_qid(&rig->r.resolve.attr.qid, rig->fs.root);
	/* Errors make no fid. */
	assert_int_equal(rig_resolve(rig, 0, 3, "a/none/file", 0, 0), -ENOENT);
	assert_int_equal(rig_resolve(rig, 0, 3, "a/b/file/x", 0, 0), -ENOTDIR);
	assert_int_equal(rig_resolve(rig, 0, 3, "a/b/file/", 0, 0), -ENOTDIR);
	assert_int_equal(rig_resolve(rig, 0, 3, "a/", P9_RESOLVE_OPEN, P9_O_WRONLY), -EISDIR);
	assert_int_equal(rig_resolve(rig, 0, 3, "empty", P9_RESOLVE_OPEN, P9_O_DIRECTORY),
			 -ENOTDIR);
	assert_int_equal(rig_getattr(rig, 3), -EBADF);
	assert_int_equal(rig_resolve(rig, 0, 1, "a", 0, 0), -EINVAL);
	assert_int_equal(rig_resolve(rig, 0, 4, "a", RESOLVE_STAT, 0), -EINVAL);
	assert_int_equal(rig_resolve(rig, 0, P9_NOFID, "a", 0, 0), -EINVAL);
	assert_int_equal(rig_resolve(rig, 0, 4, "a", 8, 0), -EINVAL);
	/* Onto itself. */
	assert_int_equal(rig_resolve(rig, 2, 2, "a", 0, 0), 0);
	assert_int_equal(rig_getattr(rig, 2), 0);
	assert_qid(&rig->r.getattr.qid, node_at(rig, "a", NULL, NULL));
	rig_free(rig);
}

static void resolve_links(void **state)
{
	struct rig *rig = start();

	(void)state;
	assert_int_equal(rig_resolve(rig, 0, 1, "abs/file", 0, 0), 0);
	assert_int_equal(rig->r.resolve.kind, P9_RESOLVE_SYMLINK);
	assert_int_equal(rig->r.resolve.consumed, 3);
	assert_true(p9_str_equal(rig->r.resolve.target, "/a/b"));
	assert_int_equal(rig_resolve(rig, 0, 1, "a/up", 0, 0), 0);
	assert_int_equal(rig->r.resolve.kind, P9_RESOLVE_SYMLINK);
	assert_int_equal(rig->r.resolve.consumed, 4);
	assert_int_equal(rig_getattr(rig, 1), -EBADF);
	assert_int_equal(rig_resolve(rig, 0, 1, "a/up", P9_RESOLVE_NOFOLLOW, 0), 0);
	assert_int_equal(rig->r.resolve.kind, P9_RESOLVE_DONE);
	assert_int_equal(rig->r.resolve.attr.mode, P9_S_IFLNK | 0777);
	assert_int_equal(rig_resolve(rig, 0, 2, "abs/file", P9_RESOLVE_NOFOLLOW, 0), 0);
	assert_int_equal(rig->r.resolve.kind, P9_RESOLVE_SYMLINK);
	assert_int_equal(rig_resolve(rig, 0, 2, "a/up/", P9_RESOLVE_NOFOLLOW, 0), 0);
	assert_int_equal(rig->r.resolve.kind, P9_RESOLVE_SYMLINK);
	assert_int_equal(rig_resolve(rig, 0, 2, "a/up", P9_RESOLVE_NOFOLLOW | P9_RESOLVE_OPEN, 0),
			 -ELOOP);
	rig_free(rig);
}

static void resolve_limits(void **state)
{
	struct p9_limits limits = {.depth = 4};
	struct rig *rig = rig_new(&limits, RIGHTS_ALL, async);
	char path[P9_PATH_MAX + 2];

	(void)state;
	assert_int_equal(rig_resolve(rig, 0, P9_NOFID, "a/../a/b", RESOLVE_STAT, 0), 0);
	assert_int_equal(rig_resolve(rig, 0, P9_NOFID, "a/../a/b/file", RESOLVE_STAT, 0),
			 -ENAMETOOLONG);
	memset(path, '/', sizeof(path));
	path[P9_PATH_MAX] = '\0';
	assert_int_equal(rig_resolve(rig, 0, P9_NOFID, path, RESOLVE_STAT, 0), 0);
	path[P9_PATH_MAX] = '/';
	path[P9_PATH_MAX + 1] = '\0';
	assert_int_equal(rig_resolve(rig, 0, P9_NOFID, path, RESOLVE_STAT, 0), -ENAMETOOLONG);
	rig_free(rig);
}

static void resolve_mount(void **state)
{
	struct rig *rig = start();
	struct memfs_node *mnt;
	uint32_t connector = local_handle(&rig->server, P9_SESSION_CONNECTOR, RIGHTS_ALL);

	(void)state;
	mnt = memfs_add(&rig->fs, rig->fs.root, "mnt", P9_S_IFDIR | 0755, NULL);
	mnt->mount = connector;
	memfs_add(&rig->fs, mnt, "x", P9_S_IFREG | 0644, "");
	assert_int_equal(rig_resolve(rig, 0, 1, "mnt/x/y", 0, 0), 0);
	assert_int_equal(rig->r.resolve.kind, P9_RESOLVE_MOUNT);
	assert_int_equal(rig->r.resolve.consumed, 3);
	assert_int_equal(rig->got_handle, connector);
	assert_int_equal(rig->r.resolve.attr.qid.type, P9_QTDIR | P9_QTMOUNT);
	rig->link->ops->drop(rig->link, connector);
	rig_free(rig);
}

/* ---- handles ------------------------------------------------------------------------------- */

static void handles(void **state)
{
	struct rig *rig = start();
	struct p9_tmsg t = {.type = P9_TGETHANDLE, .fid = 1};

	(void)state;
	assert_int_equal(rig_walk(rig, 0, 1, "a/b/file"), 0);
	t.gethandle.kind = P9_HANDLE_VMO;
	t.gethandle.arg = PROT_R;
	assert_int_equal(rig_call(rig, &t), -EBADF);
	assert_int_equal(rig_open(rig, 1, P9_O_RDONLY), 0);
	assert_int_equal(rig_call(rig, &t), 0);
	assert_int_equal(rig->got_handle, 0x1000 + P9_HANDLE_VMO);
	assert_int_equal(rig->r.gethandle.value, 11);
	t.gethandle.arg = PROT_R | PROT_W;
	assert_int_equal(rig_call(rig, &t), -EACCES);
	t.gethandle.arg = 0;
	assert_int_equal(rig_call(rig, &t), -EINVAL);
	t.gethandle.arg = 0x100;
	assert_int_equal(rig_call(rig, &t), -EINVAL);
	t.gethandle.kind = P9_HANDLE_SIGNAL;
	assert_int_equal(rig_call(rig, &t), 0);
	t.gethandle.kind = 99;
	assert_int_equal(rig_call(rig, &t), -EINVAL);
	t.type = P9_TCONNECT;
	assert_int_equal(rig_call(rig, &t), -EOPNOTSUPP);
	rig_free(rig);
}

/* A session made through a connector can do what the connector's handle has, and write only if that
 * has CHANGE. */
static void connector_rights(struct rig *rig, uint32_t rights, int writes)
{
	struct p9_tmsg t = {.type = P9_TGETATTR, .fid = 0};
	uint32_t handle = local_handle(&rig->server, P9_SESSION_CONNECTOR, rights);
	struct p9_link *connector = local_link(&rig->world, handle), *session;

	assert_int_equal(rig_call_on(rig, connector, &t, NULL, 0), -EPERM);
	t.type = P9_TCONNECT;
	assert_int_equal(rig_call_on(rig, connector, &t, NULL, 0), 0);
	session = local_link(&rig->world, rig->got_handle);
	connector->ops->close(connector);
	t = (struct p9_tmsg){.type = P9_TGETATTR, .fid = 0};
	assert_int_equal(rig_call_on(rig, session, &t, NULL, 0), 0);
	t = (struct p9_tmsg){.type = P9_TMKDIR, .fid = 0};
	t.mkdir.name = p9_str_from("d");
	assert_int_equal(rig_call_on(rig, session, &t, NULL, 0), writes);
	session->ops->close(session);
}

static void connector(void **state)
{
	struct rig *rig = start();

	(void)state;
	connector_rights(rig, RIGHT_READ | RIGHT_STAT, -EACCES);
	connector_rights(rig, RIGHT_READ | RIGHT_WRITE | RIGHT_STAT, -EACCES);
	connector_rights(rig, RIGHTS_ALL & ~RIGHT_CHANGE, -EACCES);
	connector_rights(rig, RIGHT_READ | RIGHT_WRITE | RIGHT_STAT | RIGHT_CHANGE, 0);
	rig_free(rig);
}

/* The narrowed session has the rights asked for, and never more than its maker. */
static void narrowed_rights(void **state)
{
	struct rig *rig = rig_new(NULL, RIGHTS_ALL & ~RIGHT_EXECUTE, async);
	struct p9_tmsg t = {.type = P9_TGETHANDLE, .fid = 1}, w;
	struct p9_link *in;

	(void)state;
	assert_int_equal(rig_walk(rig, 0, 1, "a/b/file"), 0);
	t.gethandle.kind = P9_HANDLE_SESSION;
	t.gethandle.arg = RIGHT_READ | RIGHT_STAT | RIGHT_EXECUTE;
	assert_int_equal(rig_call(rig, &t), 0);
	assert_int_equal(rig->r.gethandle.value, RIGHT_READ | RIGHT_STAT);
	in = local_link(&rig->world, rig->got_handle);
	/* Its root is the file. */
	w = (struct p9_tmsg){.type = P9_TWALK, .fid = 0};
	w.walk.newfid = 1;
	assert_int_equal(rig_call_on(rig, in, &w, NULL, 0), 0);
	w = (struct p9_tmsg){.type = P9_TLOPEN, .fid = 1};
	w.lopen.flags = P9_O_RDWR;
	assert_int_equal(rig_call_on(rig, in, &w, NULL, 0), -EACCES);
	w.lopen.flags = P9_O_RDONLY;
	assert_int_equal(rig_call_on(rig, in, &w, NULL, 0), 0);
	w = (struct p9_tmsg){.type = P9_TREAD, .fid = 1};
	w.read.count = 100;
	assert_int_equal(rig_call_on(rig, in, &w, NULL, 0), 0);
	assert_memory_equal(rig->data, "hello world", 11);
	/* Nothing beside it. */
	w = (struct p9_tmsg){.type = P9_TWALK, .fid = 0};
	w.walk.newfid = 2;
	rig_names(&w, "..");
	assert_int_equal(rig_call_on(rig, in, &w, NULL, 0), -ENOTDIR);
	in->ops->close(in);
	rig_free(rig);
}

/* ---- rights and pledges -------------------------------------------------------------------- */

static void rights(void **state)
{
	struct rig *rig = rig_new(NULL, RIGHT_READ, async);
	struct p9_tmsg t = {.type = P9_TMKDIR, .fid = 0};

	(void)state;
	t.mkdir.name = p9_str_from("d");
	assert_int_equal(rig_call(rig, &t), -EACCES);
	assert_int_equal(rig_walk(rig, 0, 1, "a/b/file"), 0);
	assert_int_equal(rig_getattr(rig, 1), -EACCES);
	assert_int_equal(rig_open(rig, 1, P9_O_RDWR), -EACCES);
	assert_int_equal(rig_open(rig, 1, P9_O_RDONLY | P9_O_TRUNC), -EACCES);
	assert_int_equal(rig_open(rig, 1, P9_O_RDONLY), 0);
	assert_int_equal(rig_read(rig, 1, 0, 5), 0);
	t = (struct p9_tmsg){.type = P9_TGETHANDLE, .fid = 1};
	t.gethandle.kind = P9_HANDLE_VMO;
	t.gethandle.arg = PROT_R;
	assert_int_equal(rig_call(rig, &t), -EACCES); /* no RIGHT_MMAP */
	/* Without RIGHT_STAT a resolve says only what the file is. */
	assert_int_equal(rig_resolve(rig, 0, 2, "empty", 0, 0), 0);
	assert_int_equal(rig->r.resolve.attr.valid, 0);
	assert_int_equal(rig_resolve(rig, 0, P9_NOFID, "empty", RESOLVE_STAT, 0), -EACCES);
	/* Remove clunks even so. */
	t = (struct p9_tmsg){.type = P9_TREMOVE, .fid = 2};
	assert_int_equal(rig_call(rig, &t), -EACCES);
	assert_int_equal(rig_walk(rig, 2, 3, ""), -EBADF);
	/* The handle's rights count as the session's do. */
	rig->world.handles[rig->handle].rights = RIGHT_STAT;
	assert_int_equal(rig_getattr(rig, 1), -EACCES);
	rig_free(rig);
}

static void pledges(void **state)
{
	struct rig *rig = start();
	struct p9_tmsg t = {.type = P9_TMKDIR, .fid = 0};

	(void)state;
	t.mkdir.name = p9_str_from("d");
	assert_int_equal(rig_walk(rig, 0, 1, "a/b/file"), 0);
	rig->world.from.pledges = PLEDGES_ALL & ~PLEDGE_CPATH;
	assert_int_equal(rig_call(rig, &t), -EPERM);
	rig->world.from.pledges = PLEDGE_STDIO | PLEDGE_RPATH;
	assert_int_equal(rig_open(rig, 1, P9_O_WRONLY), -EPERM);
	assert_int_equal(rig_open(rig, 1, P9_O_RDONLY), 0);
	rig->world.from.pledges = PLEDGE_STDIO;
	assert_int_equal(rig_read(rig, 1, 0, 1), 0);
	assert_int_equal(rig_getattr(rig, 1), 0);
	assert_int_equal(rig_resolve(rig, 0, P9_NOFID, "a", RESOLVE_STAT, 0), -EPERM);
	assert_int_equal(rig_resolve(rig, 0, 5, "a", P9_RESOLVE_OPEN, 0), -EPERM);
	rig_free(rig);
}

static void capability_mode(void **state)
{
	struct rig *rig = start();

	(void)state;
	assert_int_equal(rig_walk(rig, 0, 1, "a"), 0);
	rig->world.from.flags = IDENTITY_CAPABILITY;
	assert_int_equal(rig_walk(rig, 1, 2, ".."), -EPERM);
	assert_int_equal(rig_walk(rig, 1, 2, "b/.."), 0);
	assert_int_equal(rig_walk(rig, 1, 3, "b/../.."), 0);
	assert_int_equal(rig->r.walk.count, 2);
	assert_int_equal(rig_resolve(rig, 1, 4, "b/../../abs", 0, 0), -EPERM);
	rig->world.from.flags = 0;
	rig_free(rig);
}

/* ---- limits -------------------------------------------------------------------------------- */

static void fid_limit(void **state)
{
	struct p9_limits limits = {.fids = 8};
	struct rig *rig = rig_new(&limits, RIGHTS_ALL, async);

	(void)state;
	for (uint32_t i = 1; i < 8; i++)
		assert_int_equal(rig_walk(rig, 0, i, "a"), 0);
	assert_int_equal(rig_walk(rig, 0, 8, "a"), -EMFILE);
	assert_int_equal(rig_resolve(rig, 0, 8, "a", 0, 0), -EMFILE);
	assert_int_equal(rig_walk(rig, 7, 7, "b"), 0); /* in place needs no more */
	assert_int_equal(rig_clunk(rig, 3), 0);
	assert_int_equal(rig_walk(rig, 0, 8, "a"), 0);
	assert_int_equal(rig_walk(rig, 0, 9, "a"), -EMFILE);
	rig_free(rig);
}

static void many_fids(void **state)
{
	struct p9_limits limits = {.fids = 5000};
	struct rig *rig = rig_new(&limits, RIGHTS_ALL, async);

	(void)state;
	for (uint32_t i = 1; i < 5000; i++)
		assert_int_equal(rig_walk(rig, 0, i * 977, "a/b"), 0);
	for (uint32_t i = 1; i < 5000; i++)
		assert_int_equal(rig_getattr(rig, i * 977), 0);
	for (uint32_t i = 1; i < 5000; i += 2)
		assert_int_equal(rig_clunk(rig, i * 977), 0);
	for (uint32_t i = 1; i < 5000; i++)
		assert_int_equal(rig_getattr(rig, i * 977), i % 2 ? -EBADF : 0);
	rig_free(rig);
}

static void session_limit(void **state)
{
	struct p9_limits limits = {.sessions = 2};
	struct rig *rig = rig_new(&limits, RIGHTS_ALL, async);
	struct p9_tmsg t = {.type = P9_TGETHANDLE, .fid = 0};
	uint32_t first;

	(void)state;
	t.gethandle.kind = P9_HANDLE_SESSION;
	assert_int_equal(rig_call(rig, &t), 0);
	first = rig->got_handle;
	assert_int_equal(rig_call(rig, &t), -ENFILE);
	rig->link->ops->drop(rig->link, first);
	assert_int_equal(rig_call(rig, &t), 0);
	rig->link->ops->drop(rig->link, rig->got_handle);
	rig_free(rig);
}

/* A caller that gives up: its request is stopped; its fids stay as they were. */
static void abandoned(void **state)
{
	struct rig *rig = rig_new(NULL, RIGHTS_ALL, true);

	(void)state;
	rig->world.pump = NULL; /* nobody finishes anything */
	assert_int_equal(rig_walk(rig, 0, 1, "a/b"), -ETIMEDOUT);
	assert_int_equal(rig->fs.pending_count, 0);
	assert_int_equal(rig->server.p9.sessions[1]->kept_count, 0);
	rig->fs.unflushable = true;
	assert_int_equal(rig_walk(rig, 0, 1, "a/b"), -ETIMEDOUT);
	assert_int_equal(rig->fs.pending_count, 1);
	memfs_finish_all(&rig->fs); /* answered to nobody */
	rig->fs.unflushable = rig->fs.async = false;
	/* The walk that could not be stopped made its fid. */
	assert_int_equal(rig_getattr(rig, 1), 0);
	rig_free(rig);
}

/* The session ends while an op that cannot be stopped still has a request. */
static void orphaned(void **state)
{
	struct rig *rig = rig_new(NULL, RIGHTS_ALL, true);

	(void)state;
	rig->world.pump = NULL;
	rig->fs.unflushable = true;
	assert_int_equal(rig_resolve(rig, 0, 1, "a/b/file", P9_RESOLVE_OPEN, 0), -ETIMEDOUT);
	rig_free(rig); /* finishes it behind the session's end, and counts the fids */
}

static void reset(void **state)
{
	struct rig *rig = start();
	struct p9_tmsg t = {.type = P9_TVERSION};

	(void)state;
	assert_int_equal(rig_walk(rig, 0, 1, "a"), 0);
	t.version.msize = 8192;
	t.version.version = p9_str_from("9P2000.L");
	assert_int_equal(rig_call(rig, &t), 0);
	assert_true(p9_str_equal(rig->r.version.version, "9P2000.L"));
	assert_int_equal(rig->r.version.msize, 8192);
	assert_int_equal(rig_getattr(rig, 1), -EBADF);
	assert_int_equal(rig_getattr(rig, 0), 0); /* still the root */
	assert_int_equal(rig_resolve(rig, 0, 1, "a", 0, 0), 0);
	t.version.msize = 8;
	assert_int_equal(rig_call(rig, &t), -EINVAL);
	rig_free(rig);
}

/* ---- what a successor makes of the sessions ------------------------------------------------- */

static int restored_root(struct p9_session *s, struct p9_fid *fid)
{
	(void)fid;
	return s->aux ? 0 : -ESTALE;
}

static unsigned sessions_noted;

static int noted(struct p9_session *s, struct p9_fid *fid)
{
	(void)s;
	(void)fid;
	return sessions_noted++ == 1 ? -EDQUOT : 0;
}

static void forgotten(struct p9_session *s)
{
	(void)s;
	sessions_noted += 100;
}

static void adopt(void **state)
{
	struct rig *rig = start();
	struct p9_tmsg t = {.type = P9_TGETHANDLE, .fid = 1};
	struct p9_ops ops = memfs_ops;
	struct p9_link *narrowed, *whole;

	(void)state;
	ops.session_made = noted;
	ops.session_gone = forgotten;
	ops.session_restore = restored_root;
	sessions_noted = 0;
	rig->server.ops = &ops;
	local_server_restart(&rig->server);
	assert_int_equal(rig_walk(rig, 0, 1, "a"), 0);
	t.gethandle.kind = P9_HANDLE_SESSION;
	assert_int_equal(rig_call(rig, &t), 0);
	assert_int_equal(sessions_noted, 1);
	narrowed = local_link(&rig->world, rig->got_handle);
	assert_int_equal(rig_call(rig, &t), -EDQUOT);
	/* One with the server's root is no narrowed one, however that was reached. */
	assert_int_equal(rig_walk(rig, 1, 2, ".."), 0);
	t.fid = 2;
	assert_int_equal(rig_call(rig, &t), 0);
	whole = local_link(&rig->world, rig->got_handle);
	sessions_noted = 0;
	local_server_restart(&rig->server);
	assert_int_equal(sessions_noted, 100); /* it went with the server: a test's, not a crash */
	/* The plain one works on, its fids are gone. */
	assert_int_equal(rig_getattr(rig, 1), -EBADF);
	assert_int_equal(rig_getattr(rig, 0), 0);
	t = (struct p9_tmsg){.type = P9_TGETATTR, .fid = 0};
	assert_int_equal(rig_call_on(rig, whole, &t, NULL, 0), 0);
	whole->ops->close(whole);
	/* The narrowed one cannot be made again, least of all into a plain one. */
	assert_int_equal(rig_call_on(rig, narrowed, &t, NULL, 0), -EPIPE);
	narrowed->ops->close(narrowed);
	rig_free(rig);
}

/* ---- bad frames ---------------------------------------------------------------------------- */

static void bad_frames(void **state)
{
	struct rig *rig = start();
	struct p9_rpc rpc = {.deadline = UINT64_MAX};
	uint32_t cap;
	uint8_t *frame = rig->link->ops->frame(rig->link, &cap);
	struct p9_rmsg r;

	(void)state;
	/* Well-formed head, rest missing. */
	memcpy(frame, (uint8_t[]){9, 0, 0, 0, P9_TGETATTR, 5, 0, 0, 0}, 9);
	rpc.t_len = 9;
	assert_int_equal(rig->link->ops->rpc(rig->link, &rpc), 0);
	assert_int_equal(p9_decode_r(&r, P9_DIALECT_LOCAL, frame, rpc.r_len, 0), 0);
	assert_int_equal(r.type, P9_RLERROR);
	assert_int_equal(r.tag, 5);
	assert_int_equal(r.lerror.ecode, EBADMSG);
	/* No such message. */
	memcpy(frame, (uint8_t[]){7, 0, 0, 0, 99, 6, 0}, 7);
	rpc = (struct p9_rpc){.t_len = 7, .deadline = UINT64_MAX};
	assert_int_equal(rig->link->ops->rpc(rig->link, &rpc), 0);
	assert_int_equal(p9_decode_r(&r, P9_DIALECT_LOCAL, frame, rpc.r_len, 0), 0);
	assert_int_equal(r.lerror.ecode, EOPNOTSUPP);
	/* Of the other dialect. */
	frame[4] = P9_TOPEN;
	rpc = (struct p9_rpc){.t_len = 7, .deadline = UINT64_MAX};
	memcpy(frame, (uint8_t[]){7, 0, 0, 0, P9_TSTAT, 6, 0}, 7);
	assert_int_equal(rig->link->ops->rpc(rig->link, &rpc), 0);
	assert_int_equal(p9_decode_r(&r, P9_DIALECT_LOCAL, frame, rpc.r_len, 0), 0);
	assert_int_equal(r.lerror.ecode, EOPNOTSUPP);
	rig_free(rig);
}

/* Ops that are missing. */
static void absent_ops(void **state)
{
	struct p9_ops ops = {.attach = memfs_ops.attach,
			     .clone = memfs_ops.clone,
			     .walk1 = memfs_ops.walk1,
			     .clunk = memfs_ops.clunk,
			     .getattr = memfs_ops.getattr};
	struct rig *rig = start();
	struct p9_tmsg t = {.type = P9_TMKDIR, .fid = 0};
	struct p9_server bad;

	(void)state;
	rig->server.ops = &ops;
	local_server_restart(&rig->server);
	t.mkdir.name = p9_str_from("d");
	assert_int_equal(rig_call(rig, &t), -EROFS);
	assert_int_equal(rig_walk(rig, 0, 1, "a/b/file"), 0);
	assert_int_equal(rig_open(rig, 1, P9_O_RDWR), -EROFS);
	assert_int_equal(rig_open(rig, 1, P9_O_RDONLY), 0);
	assert_int_equal(rig_read(rig, 1, 0, 1), -EOPNOTSUPP);
	t = (struct p9_tmsg){.type = P9_TSTATFS, .fid = 0};
	assert_int_equal(rig_call(rig, &t), -EOPNOTSUPP);
	assert_int_equal(rig_resolve(rig, 0, 2, "abs", 0, 0), -EOPNOTSUPP);
	ops.getattr = NULL;
	assert_int_equal(p9_server_init(&bad, &ops, NULL, NULL), -EINVAL);
	ops.getattr = memfs_ops.getattr;
	rig_free(rig);
}

#define TESTS(prefix)                                                                              \
	{prefix "walk_whole", walk_whole, NULL, NULL, NULL},                                       \
		{prefix "walk_partial", walk_partial, NULL, NULL, NULL},                           \
		{prefix "walk_bad", walk_bad, NULL, NULL, NULL},                                   \
		{prefix "dot_dot", dot_dot, NULL, NULL, NULL},                                     \
		{prefix "narrowed_root", narrowed_root, NULL, NULL, NULL},                         \
		{prefix "open_modes", open_modes, NULL, NULL, NULL},                               \
		{prefix "create", create, NULL, NULL, NULL},                                       \
		{prefix "clip", clip, NULL, NULL, NULL},                                           \
		{prefix "readdir", readdir, NULL, NULL, NULL},                                     \
		{prefix "names_change", names_change, NULL, NULL, NULL},                           \
		{prefix "attributes", attributes, NULL, NULL, NULL},                               \
		{prefix "locks", locks, NULL, NULL, NULL},                                         \
		{prefix "resolve", resolve, NULL, NULL, NULL},                                     \
		{prefix "resolve_links", resolve_links, NULL, NULL, NULL},                         \
		{prefix "resolve_limits", resolve_limits, NULL, NULL, NULL},                       \
		{prefix "resolve_mount", resolve_mount, NULL, NULL, NULL},                         \
		{prefix "handles", handles, NULL, NULL, NULL},                                     \
		{prefix "connector", connector, NULL, NULL, NULL},                                 \
		{prefix "narrowed_rights", narrowed_rights, NULL, NULL, NULL},                     \
		{prefix "rights", rights, NULL, NULL, NULL},                                       \
		{prefix "pledges", pledges, NULL, NULL, NULL},                                     \
		{prefix "capability_mode", capability_mode, NULL, NULL, NULL},                     \
		{prefix "fid_limit", fid_limit, NULL, NULL, NULL},                                 \
		{prefix "many_fids", many_fids, NULL, NULL, NULL},                                 \
		{prefix "session_limit", session_limit, NULL, NULL, NULL},                         \
		{prefix "reset", reset, NULL, NULL, NULL},                                         \
		{prefix "adopt", adopt, NULL, NULL, NULL},                                         \
		{prefix "bad_frames", bad_frames, NULL, NULL, NULL},                               \
	{                                                                                          \
		prefix "absent_ops", absent_ops, NULL, NULL, NULL                                  \
	}

int main(void)
{
	const struct CMUnitTest at_once[] = {TESTS("once_")};
	const struct CMUnitTest kept[] = {
		TESTS("kept_"),
		cmocka_unit_test(abandoned),
		cmocka_unit_test(orphaned),
	};
	int failed = cmocka_run_group_tests_name("9p_server at once", at_once, NULL, NULL);

	async = true;
	return failed + cmocka_run_group_tests_name("9p_server kept", kept, NULL, NULL);
}

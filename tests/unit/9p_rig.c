/* SPDX-License-Identifier: ISC */
/*
 * 9p_rig.c: see 9p_rig.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "9p_rig.h"

void rig_tree(struct memfs *fs)
{
	struct memfs_node *a, *b;

	memfs_init(fs);
	a = memfs_add(fs, fs->root, "a", P9_S_IFDIR | 0755, NULL);
	b = memfs_add(fs, a, "b", P9_S_IFDIR | 0755, NULL);
	memfs_add(fs, b, "file", P9_S_IFREG | 0644, "hello world");
	memfs_add(fs, a, "up", P9_S_IFLNK | 0777, "b/file");
	memfs_add(fs, fs->root, "abs", P9_S_IFLNK | 0777, "/a/b");
	memfs_add(fs, fs->root, "loop", P9_S_IFLNK | 0777, "loop");
	memfs_add(fs, fs->root, "empty", P9_S_IFREG | 0600, "");
	memfs_add(fs, fs->root, "dangling", P9_S_IFLNK | 0777, "nowhere");
}

static bool pump(void *arg)
{
	return memfs_finish(arg);
}

struct rig *rig_new(const struct p9_limits *limits, uint32_t rights, bool async)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	rig_tree(&rig->fs);
	rig->fs.async = async;
	local_init(&rig->world);
	rig->world.pump = pump;
	rig->world.pump_arg = &rig->fs;
	local_server_start(&rig->world, &rig->server, &memfs_ops, &rig->fs, limits);
	rig->handle = local_handle(&rig->server, 0, rights);
	rig->link = local_link(&rig->world, rig->handle);
	return rig;
}

void rig_free(struct rig *rig)
{
	rig->link->ops->close(rig->link);
	assert_int_equal(rig->world.links_live, 0);
	assert_int_equal(rig->world.handles_live, 0);
	memfs_finish_all(&rig->fs);
	assert_int_equal(rig->server.p9.session_count, 0);
	local_server_stop(&rig->server);
	assert_int_equal(rig->fs.live, 0);
	assert_int_equal(rig->fs.opened, rig->fs.closed);
	memfs_fini(&rig->fs);
	free(rig);
}

int rig_call_on(struct rig *rig, struct p9_link *link, struct p9_tmsg *t, const void *in,
		uint32_t in_len)
{
	struct p9_rpc rpc = {.in = in,
			     .in_len = in_len,
			     .out = rig->data,
			     .out_max = sizeof(rig->data),
			     .deadline = UINT64_MAX};
	int err;

	t->tag = 1;
	err = p9_link_call(link, t, &rig->r, &rpc);
	rig->data_len = rpc.out_len;
	rig->got_handle = rpc.handle;
	return err;
}

int rig_call(struct rig *rig, struct p9_tmsg *t)
{
	return rig_call_on(rig, rig->link, t, NULL, 0);
}

void rig_names(struct p9_tmsg *t, const char *path)
{
	t->walk.count = 0;
	while (*path) {
		size_t len = strcspn(path, "/");

		t->walk.names[t->walk.count++] = (struct p9_str){path, (uint32_t)len};
		path += len + (path[len] == '/');
	}
}

int rig_walk(struct rig *rig, uint32_t fid, uint32_t newfid, const char *path)
{
	struct p9_tmsg t = {.type = P9_TWALK, .fid = fid};

	t.walk.newfid = newfid;
	rig_names(&t, path);
	return rig_call(rig, &t);
}

int rig_open(struct rig *rig, uint32_t fid, uint32_t flags)
{
	struct p9_tmsg t = {.type = P9_TLOPEN, .fid = fid};

	t.lopen.flags = flags;
	return rig_call(rig, &t);
}

int rig_clunk(struct rig *rig, uint32_t fid)
{
	struct p9_tmsg t = {.type = P9_TCLUNK, .fid = fid};

	return rig_call(rig, &t);
}

int rig_read(struct rig *rig, uint32_t fid, uint64_t offset, uint32_t count)
{
	struct p9_tmsg t = {.type = P9_TREAD, .fid = fid};

	t.read.offset = offset;
	t.read.count = count;
	return rig_call(rig, &t);
}

int rig_write(struct rig *rig, uint32_t fid, uint64_t offset, const char *text)
{
	struct p9_tmsg t = {.type = P9_TWRITE, .fid = fid};
	uint32_t len = (uint32_t)strlen(text);

	t.write.offset = offset;
	t.write.data = (struct p9_data){NULL, len};
	return rig_call_on(rig, rig->link, &t, text, len);
}

int rig_getattr(struct rig *rig, uint32_t fid)
{
	struct p9_tmsg t = {.type = P9_TGETATTR, .fid = fid};

	t.getattr.mask = P9_GETATTR_BASIC;
	return rig_call(rig, &t);
}

int rig_readdir(struct rig *rig, uint32_t fid, uint64_t offset, uint32_t count)
{
	struct p9_tmsg t = {.type = P9_TREADDIR, .fid = fid};

	t.read.offset = offset;
	t.read.count = count;
	return rig_call(rig, &t);
}

int rig_resolve(struct rig *rig, uint32_t fid, uint32_t newfid, const char *path, uint32_t flags,
		uint32_t oflags)
{
	struct p9_tmsg t = {.type = P9_TRESOLVE, .fid = fid};

	t.resolve.newfid = newfid;
	t.resolve.flags = flags;
	t.resolve.oflags = oflags;
	t.resolve.path = p9_str_from(path);
	return rig_call(rig, &t);
}

/* SPDX-License-Identifier: ISC */
/*
 * archive.c: the tree of a boot archive, with files that are views of it.
 *
 * Entries come parents first or not at all: missing directories are made. Of several entries with
 * one name the last counts. Devices, sockets and pipes are left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cpio/cpio.h"
#include "servers/ramfs/ramfs.h"

/* The directory `name` of dir, made if it is not there. NULL: a file has that name, or no memory.
 */
static struct ram_node *directory_get(struct ram_fs *fs, struct ram_node *dir, struct p9_str name)
{
	struct ram_entry *e = ram_find(fs, dir, name);
	struct ram_node *n;
	int err;

	if (e)
		return e->node->kind == RAM_DIR ? e->node : NULL;
	n = ram_node_new(fs, RAM_DIR, 0755, 0, &err);
	if (!n)
		return NULL;
	err = ram_link(fs, dir, name, n);
	ram_node_put(fs, n);
	return err ? NULL : n;
}

static int node_fill(struct ram_fs *fs, struct ram_node *n, const struct cpio_entry *c)
{
	n->uid = c->uid;
	n->gid = c->gid;
	n->mtime = n->ctime = n->btime = n->atime = (uint64_t)c->mtime * 1000000000u;
	if (n->kind == RAM_DIR)
		return 0;
	if (n->kind == RAM_FILE) {
		n->size = c->size;
		n->view = true;
		n->bytes = (uint8_t *)(uintptr_t)c->data;
		return 0;
	}
	if (ram_charge(fs, c->size))
		return -ENOSPC;
	n->size = c->size;
	n->text = malloc(c->size ? c->size : 1);
	if (!n->text) {
		ram_uncharge(fs, c->size);
		return -ENOMEM;
	}
	memcpy(n->text, c->data, c->size);
	return 0;
}

static int leaf_add(struct ram_fs *fs, struct ram_node *dir, struct p9_str name,
		    const struct cpio_entry *c, enum ram_kind kind)
{
	struct ram_entry *old = ram_find(fs, dir, name);
	struct ram_node *n;
	int err;

	if (old && old->node->kind == RAM_DIR)
		return -EEXIST;
	if (old)
		ram_unlink(fs, old);
	n = ram_node_new(fs, kind, c->mode, 0, &err);
	if (!n)
		return err;
	err = node_fill(fs, n, c);
	if (!err)
		err = ram_link(fs, dir, name, n);
	ram_node_put(fs, n);
	return err;
}

/* One entry, whose path below the prefix is path. */
static int entry_add(struct ram_fs *fs, struct p9_str path, const struct cpio_entry *c)
{
	struct ram_node *dir = fs->root;
	enum ram_kind kind;
	const char *slash;
	struct p9_str name;

	while ((slash = memchr(path.ptr, '/', path.len))) {
		name = (struct p9_str){path.ptr, (uint32_t)(slash - path.ptr)};
		dir = directory_get(fs, dir, name);
		if (!dir)
			return -ENOTDIR;
		path.len -= name.len + 1;
		path.ptr = slash + 1;
	}
	if (p9_name_check(path))
		return -EINVAL;
	switch (c->mode & P9_S_IFMT) {
	case P9_S_IFDIR: return directory_get(fs, dir, path) ? 0 : -ENOTDIR;
	case P9_S_IFREG: kind = RAM_FILE; break;
	case P9_S_IFLNK: kind = RAM_LINK; break;
	default: return 0;
	}
	return leaf_add(fs, dir, path, c, kind);
}

int ram_archive(struct ram_fs *fs, const void *archive, uint64_t len, const char *prefix)
{
	size_t offset = 0, plen = strlen(prefix);
	struct cpio_entry c;
	int r, err;

	while ((r = cpio_next(archive, len, &offset, &c)) == 1) {
		struct p9_str path = {c.name, c.name_len};

		if (plen &&
		    (path.len <= plen || memcmp(path.ptr, prefix, plen) || path.ptr[plen] != '/'))
			continue;
		if (plen) {
			path.ptr += plen + 1;
			path.len -= (uint32_t)plen + 1;
		}
		err = path.len ? entry_add(fs, path, &c) : 0;
		if (err)
			return err;
	}
	fs->read_only = true;
	return r;
}

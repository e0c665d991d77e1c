/* SPDX-License-Identifier: ISC */
/*
 * change.c: changing the tree: create, mkdir, symlink, link, unlink, rename, setattr.
 *
 * Each checks everything first; what can still fail then is memory, and before it has changed
 * anything.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "servers/ramfs/ramfs.h"

static struct ram_fs *fs_of(const struct p9_request *req)
{
	return req->session->server->ctx;
}

/* May name be made in dir? */
static int make_check(struct ram_fs *fs, const struct ram_node *dir, struct p9_str name)
{
	if (fs->read_only)
		return -EROFS;
	if (dir->kind != RAM_DIR)
		return -ENOTDIR;
	return ram_find(fs, dir, name) ? -EEXIST : 0;
}

/* A new node under a new name; *out has a reference of the name's only. */
static int node_make(struct ram_fs *fs, struct ram_node *dir, struct p9_str name,
		     enum ram_kind kind, uint32_t mode, uint32_t gid, struct ram_node **out)
{
	struct ram_node *n;
	int err = make_check(fs, dir, name);

	if (err)
		return err;
	n = ram_node_new(fs, kind, mode, gid, &err);
	if (!n)
		return err;
	err = ram_link(fs, dir, name, n);
	*out = n;
	ram_node_put(fs, n);
	return err;
}

int ram_create(struct p9_request *req, struct p9_fid *fid, struct p9_str name, uint32_t oflags,
	       uint32_t mode, uint32_t gid)
{
	struct ram_fs *fs = fs_of(req);
	struct ram_node *dir = fid->node, *n;
	int err;

	(void)oflags;
	err = node_make(fs, dir, name, RAM_FILE, mode, gid, &n);
	if (err)
		return err;
	n->refs++;
	fid->node = n;
	fid->qid = ram_qid(n);
	ram_node_put(fs, dir);
	return 0;
}

int ram_mkdir(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t mode,
	      uint32_t gid, struct p9_qid *qid)
{
	struct ram_node *n;
	int err = node_make(fs_of(req), dir->node, name, RAM_DIR, mode, gid, &n);

	if (!err)
		*qid = ram_qid(n);
	return err;
}

int ram_symlink(struct p9_request *req, struct p9_fid *dir, struct p9_str name,
		struct p9_str target, uint32_t gid, struct p9_qid *qid)
{
	struct ram_fs *fs = fs_of(req);
	struct ram_node *n;
	char *text;
	int err;

	if (!target.len || target.len > P9_PATH_MAX)
		return target.len ? -ENAMETOOLONG : -ENOENT;
	err = ram_charge(fs, target.len);
	if (err)
		return err;
	text = malloc(target.len);
	err = text ? node_make(fs, dir->node, name, RAM_LINK, 0777, gid, &n) : -ENOMEM;
	if (err) {
		ram_uncharge(fs, target.len);
		free(text);
		return err;
	}
	memcpy(text, target.ptr, target.len);
	n->text = text;
	n->size = target.len;
	*qid = ram_qid(n);
	return 0;
}

int ram_link_op(struct p9_request *req, struct p9_fid *dir, struct p9_fid *fid, struct p9_str name)
{
	struct ram_fs *fs = fs_of(req);
	struct ram_node *n = fid->node;
	int err = make_check(fs, dir->node, name);

	if (err)
		return err;
	if (n->kind == RAM_DIR)
		return -EPERM;
	if (!n->nlink)
		return -ENOENT;
	n->ctime = ram_now();
	return ram_link(fs, dir->node, name, n);
}

int ram_unlinkat(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t flags)
{
	struct ram_fs *fs = fs_of(req);
	struct ram_node *d = dir->node;
	struct ram_entry *e;

	if (fs->read_only)
		return -EROFS;
	if (d->kind != RAM_DIR)
		return -ENOTDIR;
	e = ram_find(fs, d, name);
	if (!e)
		return -ENOENT;
	if (flags & P9_AT_REMOVEDIR) {
		if (e->node->kind != RAM_DIR)
			return -ENOTDIR;
		if (e->node->first)
			return -ENOTEMPTY;
	} else if (e->node->kind == RAM_DIR) {
		return -EISDIR;
	}
	ram_unlink(fs, e);
	return 0;
}

static bool is_inside(const struct ram_node *dir, const struct ram_node *ancestor)
{
	while (dir != ancestor && dir->parent && dir->parent != dir)
		dir = dir->parent;
	return dir == ancestor;
}

/* May what stands at `to` be replaced by node? */
static int replace_check(const struct ram_node *node, const struct ram_entry *to)
{
	if (!to)
		return 0;
	if (to->node->kind == RAM_DIR && node->kind != RAM_DIR)
		return -EISDIR;
	if (to->node->kind != RAM_DIR && node->kind == RAM_DIR)
		return -ENOTDIR;
	return to->node->kind == RAM_DIR && to->node->first ? -ENOTEMPTY : 0;
}

int ram_renameat(struct p9_request *req, struct p9_fid *olddir, struct p9_str oldname,
		 struct p9_fid *newdir, struct p9_str newname)
{
	struct ram_fs *fs = fs_of(req);
	struct ram_node *from = olddir->node, *into = newdir->node, *node;
	struct ram_entry *e, *to;
	int err;

	if (fs->read_only)
		return -EROFS;
	if (from->kind != RAM_DIR || into->kind != RAM_DIR)
		return -ENOTDIR;
	e = ram_find(fs, from, oldname);
	if (!e || !into->parent)
		return -ENOENT;
	node = e->node;
	to = ram_find(fs, into, newname);
	if (to && to->node == node)
		return 0;
	if (node->kind == RAM_DIR && is_inside(into, node))
		return -EINVAL;
	err = replace_check(node, to);
	if (err)
		return err;
	/* The room that both names take for a moment is the only thing that may be missing. */
	err = ram_link(fs, into, newname, node);
	if (err)
		return err;
	if (to)
		ram_unlink(fs, to);
	ram_unlink(fs, e);
	if (node->kind == RAM_DIR)
		node->parent = into; /* unlink took it for removed */
	return 0;
}

static uint64_t attr_time(uint32_t valid, uint32_t set, uint64_t sec, uint64_t nsec)
{
	return valid & set ? sec * 1000000000u + nsec : ram_now();
}

int ram_setattr(struct p9_request *req, struct p9_fid *fid, const struct p9_setattr *set)
{
	struct ram_fs *fs = fs_of(req);
	struct ram_node *n = fid->node;
	int err;

	if (fs->read_only)
		return -EROFS;
	if (set->valid & P9_SETATTR_SIZE) {
		err = ram_resize(fs, n, set->size);
		if (err)
			return err;
	}
	if (set->valid & P9_SETATTR_MODE)
		n->mode = set->mode & 07777;
	if (set->valid & P9_SETATTR_UID)
		n->uid = set->uid;
	if (set->valid & P9_SETATTR_GID)
		n->gid = set->gid;
	if (set->valid & P9_SETATTR_ATIME)
		n->atime = attr_time(set->valid, P9_SETATTR_ATIME_SET, set->atime_sec,
				     set->atime_nsec);
	if (set->valid & P9_SETATTR_MTIME)
		n->mtime = attr_time(set->valid, P9_SETATTR_MTIME_SET, set->mtime_sec,
				     set->mtime_nsec);
	n->ctime = ram_now();
	return 0;
}

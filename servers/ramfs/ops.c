/* SPDX-License-Identifier: ISC */
/*
 * ops.c: looking at the tree: walk, open, read, write, readdir, attributes, VMOs.
 *
 * A fid's node is a struct ram_node with a reference of the fid's. Nothing here ever waits.
 */
#include <errno.h>
#include <string.h>
#include "servers/ramfs/ramfs.h"

#define BLOCK 4096u

static struct ram_fs *fs_of(const struct p9_fid *fid)
{
	return fid->session->server->ctx;
}

static void fid_set(struct p9_fid *fid, struct ram_node *n)
{
	fid->node = n;
	fid->qid = ram_qid(n);
	n->refs++;
}

static int op_attach(struct p9_session *s, struct p9_fid *fid)
{
	struct ram_fs *fs = s->server->ctx;

	fid_set(fid, fs->root);
	return 0;
}

static void op_clone(struct p9_fid *from, struct p9_fid *to)
{
	fid_set(to, from->node);
}

static void op_clunk(struct p9_fid *fid)
{
	if (fid->node)
		ram_node_put(fs_of(fid), fid->node);
}

static int op_walk1(struct p9_request *req, struct p9_fid *fid, struct p9_str name)
{
	struct ram_fs *fs = req->session->server->ctx;
	struct ram_node *from = fid->node, *to;
	struct ram_entry *e;

	if (from->kind != RAM_DIR)
		return -ENOTDIR;
	if (p9_str_equal(name, "..")) {
		to = from->parent;
	} else {
		e = ram_find(fs, from, name);
		to = e ? e->node : NULL;
	}
	if (!to)
		return -ENOENT;
	fid_set(fid, to);
	ram_node_put(fs, from);
	return 0;
}

static int op_open(struct p9_request *req, struct p9_fid *fid, uint32_t oflags)
{
	struct ram_fs *fs = req->session->server->ctx;
	struct ram_node *n = fid->node;

	if ((oflags & P9_O_ACCMODE) == P9_O_RDONLY && !(oflags & P9_O_TRUNC))
		return 0;
	if (fs->read_only)
		return -EROFS;
	return oflags & P9_O_TRUNC && n->size ? ram_resize(fs, n, 0) : 0;
}

static int op_read(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	return ram_read(req, fid->node, offset, count);
}

static int op_write(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	struct ram_node *n = fid->node;

	if (fid->oflags & P9_O_APPEND)
		offset = n->size;
	return ram_write(req->session->server->ctx, req, n, offset, count);
}

static uint8_t dirent_type(const struct ram_node *n)
{
	static const uint8_t types[] = {
		[RAM_DIR] = P9_DT_DIR, [RAM_FILE] = P9_DT_REG, [RAM_LINK] = P9_DT_LNK};

	return types[n->kind];
}

static int entry_add(struct p9_request *req, const struct ram_node *n, struct p9_str name,
		     uint64_t cookie)
{
	struct p9_dirent ent = {
		.qid = ram_qid(n), .offset = cookie, .type = dirent_type(n), .name = name};

	return p9_readdir_add(req, &ent);
}

static int op_readdir(struct p9_request *req, struct p9_fid *fid, uint64_t offset)
{
	struct ram_node *dir = fid->node;
	struct ram_entry *e = dir->first;
	int err = 0;

	if (offset < 1)
		err = entry_add(req, dir, p9_str_from("."), 1);
	if (!err && offset < 2)
		err = entry_add(req, dir->parent ? dir->parent : dir, p9_str_from(".."), 2);
	while (e && e->cookie <= offset)
		e = e->next;
	for (; e && !err; e = e->next)
		err = entry_add(req, e->node, (struct p9_str){e->name, e->len}, e->cookie);
	if (err == -ENOSPC)
		return p9_readdir_empty(req) ? -EINVAL : 0;
	return err;
}

static void attr_time(uint64_t ns, uint64_t *sec, uint64_t *nsec)
{
	*sec = ns / 1000000000u;
	*nsec = ns % 1000000000u;
}

static int op_getattr(struct p9_request *req, struct p9_fid *fid, uint64_t mask,
		      struct p9_attr *attr)
{
	static const uint32_t types[] = {
		[RAM_DIR] = P9_S_IFDIR, [RAM_FILE] = P9_S_IFREG, [RAM_LINK] = P9_S_IFLNK};
	const struct ram_node *n = fid->node;

	(void)req;
	(void)mask;
	fid->qid = attr->qid = ram_qid(n);
	attr->valid = P9_GETATTR_BASIC | P9_GETATTR_BTIME;
	attr->mode = types[n->kind] | n->mode;
	attr->uid = n->uid;
	attr->gid = n->gid;
	attr->nlink = n->nlink;
	attr->size = n->size;
	attr->blksize = BLOCK;
	attr->blocks = (n->size + 511) / 512;
	attr_time(n->atime, &attr->atime_sec, &attr->atime_nsec);
	attr_time(n->mtime, &attr->mtime_sec, &attr->mtime_nsec);
	attr_time(n->ctime, &attr->ctime_sec, &attr->ctime_nsec);
	attr_time(n->btime, &attr->btime_sec, &attr->btime_nsec);
	return 0;
}

static int op_readlink(struct p9_request *req, struct p9_fid *fid, struct p9_str *target)
{
	const struct ram_node *n = fid->node;

	(void)req;
	if (n->kind != RAM_LINK)
		return -EINVAL;
	*target = (struct p9_str){n->text, (uint32_t)n->size};
	return 0;
}

static int op_statfs(struct p9_request *req, struct p9_fid *fid, struct p9_statfs *st)
{
	const struct ram_fs *fs = req->session->server->ctx;
	uint64_t left = fs->limit - fs->used;

	(void)fid;
	*st = (struct p9_statfs){.type = 0x01021994, /* tmpfs's */
				 .bsize = BLOCK,
				 .blocks = fs->limit / BLOCK,
				 .bfree = fs->read_only ? 0 : left / BLOCK,
				 .files = fs->nodes,
				 .ffree = fs->read_only ? 0 : left / RAM_NODE_FEE,
				 .namelen = P9_NAME_MAX};
	st->bavail = st->bfree;
	return 0;
}

/* There is nothing behind the memory. */
static int op_fsync(struct p9_request *req, struct p9_fid *fid, bool datasync)
{
	(void)req;
	(void)fid;
	(void)datasync;
	return 0;
}

static int op_gethandle(struct p9_request *req, struct p9_fid *fid, enum p9_handle_kind kind,
			uint64_t arg, uint64_t *value, uint32_t *handle)
{
	struct ram_fs *fs = req->session->server->ctx;
	struct ram_node *n = fid->node;

	if (kind != P9_HANDLE_VMO || n->kind != RAM_FILE)
		return -EOPNOTSUPP;
	if (fs->read_only && arg & PROT_W)
		return -EROFS;
	*value = n->size;
	return ram_vmo(fs, n, (uint32_t)arg, handle);
}

const struct p9_ops ram_ops = {
	.attach = op_attach,
	.clone = op_clone,
	.walk1 = op_walk1,
	.clunk = op_clunk,
	.open = op_open,
	.create = ram_create,
	.read = op_read,
	.write = op_write,
	.readdir = op_readdir,
	.getattr = op_getattr,
	.setattr = ram_setattr,
	.readlink = op_readlink,
	.statfs = op_statfs,
	.fsync = op_fsync,
	.mkdir = ram_mkdir,
	.symlink = ram_symlink,
	.link = ram_link_op,
	.renameat = ram_renameat,
	.unlinkat = ram_unlinkat,
	.gethandle = op_gethandle,
};

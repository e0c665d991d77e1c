/* SPDX-License-Identifier: ISC */
/*
 * tree.c: names and attributes of synthetic trees. What files contain is in tree_file.c.
 *
 * A fid's node is its table entry; its qid.path holds the rest: the object's number above, the way
 * from the root below, six bits a level (1 to 61: that static child; 62: an object). So there is
 * nothing to allocate for a walk, and the parent is found by going down from the root again.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include "9p/tree_private.h"

#define LEVEL_BITS   6
#define LEVEL_MASK   63u
#define LEVELS_MAX   5
#define STATIC_MAX   61u
#define SLOT_OBJECT  62u
#define WAY_MASK     0x3fffffffu /* LEVELS_MAX * LEVEL_BITS */
#define OBJECT_FIRST 64u	 /* readdir: offsets from here are objects */

static uint32_t path_way(uint64_t path)
{
	return (uint32_t)path & WAY_MASK;
}

static uint32_t path_obj(uint64_t path)
{
	return (uint32_t)(path >> 32);
}

static struct p9_qid qid_make(const struct p9_entry *file, uint32_t obj, uint32_t way)
{
	struct p9_qid qid = {.path = (uint64_t)obj << 32 | way};
	uint32_t kind = file->mode & P9_S_IFMT;

	if (kind == P9_S_IFDIR)
		qid.type = P9_QTDIR;
	else if (kind == P9_S_IFLNK)
		qid.type = P9_QTSYMLINK;
	else if (file->commands || file->line || file->append)
		qid.type = P9_QTAPPEND;
	if (file->mount)
		qid.type |= P9_QTMOUNT;
	return qid;
}

static const struct p9_entry *way_file(const struct p9_tree *tree, uint32_t way)
{
	const struct p9_entry *file = tree->root;

	for (int shift = (LEVELS_MAX - 1) * LEVEL_BITS; shift >= 0; shift -= LEVEL_BITS) {
		uint32_t slot = way >> shift & LEVEL_MASK;

		if (slot == SLOT_OBJECT)
			file = file->objects->file;
		else if (slot)
			file = &file->children[slot - 1];
	}
	return file;
}

struct p9_call p9_tree_call(struct p9_request *req, struct p9_fid *fid)
{
	struct p9_tree *tree = fid->session->server->ctx;
	struct p9_tree_open *open = fid->aux;

	return (struct p9_call){
		.tree = tree,
		.ctx = tree->ctx,
		.file = fid->node,
		.obj = path_obj(fid->qid.path),
		.req = req,
		.fid = fid,
		.state = open ? &open->state : NULL,
	};
}

static void fid_set(struct p9_fid *fid, const struct p9_entry *file, uint32_t obj, uint32_t way)
{
	fid->node = (void *)(uintptr_t)file; /* never written through */
	fid->qid = qid_make(file, obj, way);
}

/* ---- tables ------------------------------------------------------------------------------ */

static int file_check(const struct p9_entry *file, int level, bool below)
{
	const struct p9_entry *child = file->children;
	unsigned count = 0;

	if ((file->mode & P9_S_IFMT) != P9_S_IFDIR)
		return child || file->objects ? -EINVAL : 0;
	for (; child && child->name; child++)
		if (++count > STATIC_MAX || level == LEVELS_MAX ||
		    p9_name_check(p9_str_from(child->name)) || file_check(child, level + 1, below))
			return -EINVAL;
	if (!file->objects)
		return 0;
	return below || level == LEVELS_MAX ? -EINVAL
					    : file_check(file->objects->file, level + 1, true);
}

int p9_tree_init(struct p9_tree *tree, const struct p9_entry *root, void *ctx)
{
	struct timespec now;

	memset(tree, 0, sizeof(*tree));
	tree->root = root;
	tree->ctx = ctx;
	if (!clock_gettime(CLOCK_REALTIME, &now) && now.tv_sec > 0)
		tree->now_sec = (uint64_t)now.tv_sec;
	if ((root->mode & P9_S_IFMT) != P9_S_IFDIR)
		return -EINVAL;
	return file_check(root, 0, false);
}

/* ---- names ------------------------------------------------------------------------------- */

static int op_attach(struct p9_session *s, struct p9_fid *fid)
{
	struct p9_tree *tree = s->server->ctx;

	fid_set(fid, tree->root, 0, 0);
	return 0;
}

static void walk_up(struct p9_tree *tree, struct p9_fid *fid)
{
	uint32_t way = path_way(fid->qid.path), obj = path_obj(fid->qid.path);

	if ((way & LEVEL_MASK) == SLOT_OBJECT)
		obj = 0;
	way >>= LEVEL_BITS;
	fid_set(fid, way_file(tree, way), obj, way);
}

static int op_walk1(struct p9_request *req, struct p9_fid *fid, struct p9_str name)
{
	struct p9_tree *tree = req->session->server->ctx;
	const struct p9_entry *dir = fid->node, *child = dir->children;
	uint32_t way = path_way(fid->qid.path), obj = path_obj(fid->qid.path);
	int err;

	if (name.len == 2 && name.ptr[0] == '.' && name.ptr[1] == '.') {
		walk_up(tree, fid);
		return 0;
	}
	way <<= LEVEL_BITS;
	for (uint32_t slot = 1; child && child->name; child++, slot++) {
		if (!p9_str_equal(name, child->name))
			continue;
		fid_set(fid, child, obj, way | slot);
		return 0;
	}
	if (!dir->objects)
		return -ENOENT;
	err = dir->objects->find(tree->ctx, name, &obj);
	if (!err)
		fid_set(fid, dir->objects->file, obj, way | SLOT_OBJECT);
	return err;
}

static uint8_t dirent_type(const struct p9_entry *file)
{
	return (uint8_t)((file->mode & P9_S_IFMT) >> 12);
}

static int readdir_objects(struct p9_request *req, struct p9_fid *fid, uint64_t after)
{
	struct p9_tree *tree = req->session->server->ctx;
	const struct p9_objects *objects = ((const struct p9_entry *)fid->node)->objects;
	uint32_t way = path_way(fid->qid.path) << LEVEL_BITS | SLOT_OBJECT, obj;
	char name[P9_NAME_MAX + 1];
	struct p9_dirent ent;

	while (after < UINT32_MAX && !objects->next(tree->ctx, (uint32_t)after, &obj, name)) {
		ent.qid = qid_make(objects->file, obj, way);
		ent.offset = (uint64_t)obj + OBJECT_FIRST;
		ent.type = dirent_type(objects->file);
		ent.name = p9_str_from(name);
		if (p9_readdir_add(req, &ent))
			return p9_readdir_empty(req) ? -EINVAL : 0;
		after = obj;
	}
	return 0;
}

/* Offsets: the number of static children that are behind; from OBJECT_FIRST on, the last object. */
static int op_readdir(struct p9_request *req, struct p9_fid *fid, uint64_t offset)
{
	const struct p9_entry *dir = fid->node, *child = dir->children;
	uint32_t way = path_way(fid->qid.path) << LEVEL_BITS, obj = path_obj(fid->qid.path);
	struct p9_dirent ent;

	for (uint32_t slot = 1; child && child->name; child++, slot++) {
		if (slot <= offset)
			continue;
		ent.qid = qid_make(child, obj, way | slot);
		ent.offset = slot;
		ent.type = dirent_type(child);
		ent.name = p9_str_from(child->name);
		if (p9_readdir_add(req, &ent))
			return p9_readdir_empty(req) ? -EINVAL : 0;
	}
	if (!dir->objects)
		return 0;
	return readdir_objects(req, fid, offset < OBJECT_FIRST ? 0 : offset - OBJECT_FIRST);
}

/* ---- attributes -------------------------------------------------------------------------- */

static int op_getattr(struct p9_request *req, struct p9_fid *fid, uint64_t mask,
		      struct p9_attr *attr)
{
	const struct p9_entry *file = fid->node;
	struct p9_call call = p9_tree_call(req, fid);
	int err = file->check ? file->check(&call) : 0;

	(void)mask;
	if (err)
		return err;
	attr->valid = P9_GETATTR_BASIC;
	attr->mode = file->mode;
	attr->nlink = 1;
	attr->blksize = 4096;
	attr->atime_sec = attr->mtime_sec = attr->ctime_sec = call.tree->now_sec;
	return file->attr ? file->attr(&call, attr) : 0;
}

/* What opening with truncation comes to on a client: nothing here has a size to set. */
static int op_setattr(struct p9_request *req, struct p9_fid *fid, const struct p9_setattr *set)
{
	const struct p9_entry *file = fid->node;

	(void)req;
	if (set->valid & (P9_SETATTR_MODE | P9_SETATTR_UID | P9_SETATTR_GID))
		return -EPERM;
	return file->commands || file->line || file->write ? 0 : -EPERM;
}

static int op_readlink(struct p9_request *req, struct p9_fid *fid, struct p9_str *target)
{
	const struct p9_entry *file = fid->node;
	struct p9_call call = p9_tree_call(req, fid);

	return file->link ? file->link(&call, target) : -EINVAL;
}

static int op_statfs(struct p9_request *req, struct p9_fid *fid, struct p9_statfs *st)
{
	(void)req;
	(void)fid;
	st->type = 0x01021997; /* V9FS_MAGIC */
	st->bsize = 4096;
	return 0;
}

static int op_mount(struct p9_request *req, struct p9_fid *fid, uint32_t *handle)
{
	struct p9_call call = p9_tree_call(req, fid);

	return call.file->mount(&call, handle);
}

static int op_gethandle(struct p9_request *req, struct p9_fid *fid, enum p9_handle_kind kind,
			uint64_t arg, uint64_t *value, uint32_t *handle)
{
	struct p9_call call = p9_tree_call(req, fid);

	if (!call.file->gethandle)
		return -EOPNOTSUPP;
	return call.file->gethandle(&call, kind, arg, value, handle);
}

const struct p9_ops p9_tree_ops = {
	.attach = op_attach,
	.walk1 = op_walk1,
	.clunk = p9_tree_op_clunk,
	.flush = p9_tree_op_flush,
	.open = p9_tree_op_open,
	.read = p9_tree_op_read,
	.write = p9_tree_op_write,
	.readdir = op_readdir,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.statfs = op_statfs,
	.gethandle = op_gethandle,
	.mount = op_mount,
};

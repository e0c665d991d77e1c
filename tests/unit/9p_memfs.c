/* SPDX-License-Identifier: ISC */
/*
 * 9p_memfs.c: see 9p_memfs.h.
 *
 * An op that may be kept is written as a function of a struct memfs_op, which holds copies of its
 * arguments; keep_or_run calls it at once, or puts it in the queue.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p_memfs.h"

#define SIZE_MAX_DEFAULT (1u << 20)

struct memfs_op {
	struct memfs_op *next;
	struct p9_request *req;
	int (*run)(struct memfs_op *op);
	struct p9_fid *fid;
	uint64_t offset;
	uint32_t count;
	struct p9_attr *attr;
	struct p9_str *target;
	uint32_t *handle;
	char name[P9_NAME_MAX + 1];
};

static struct memfs *fs_of(struct p9_request *req)
{
	return req->session->server->ctx;
}

static int keep_or_run(struct memfs_op *op)
{
	struct memfs *fs = fs_of(op->req);
	struct memfs_op *copy;

	if (!fs->async)
		return op->run(op);
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *op;
	copy->next = NULL;
	if (fs->pending)
		fs->pending_last->next = copy;
	else
		fs->pending = copy;
	fs->pending_last = copy;
	fs->pending_count++;
	return P9_KEEP;
}

bool memfs_finish(struct memfs *fs)
{
	struct memfs_op *op = fs->pending;
	struct p9_request *req;
	int r;

	if (!op)
		return false;
	fs->pending = op->next;
	fs->pending_count--;
	req = op->req;
	r = op->run(op);
	if (r != P9_KEEP)
		p9_respond(req, r);
	free(op);
	return true;
}

void memfs_finish_all(struct memfs *fs)
{
	while (memfs_finish(fs))
		;
}

void memfs_crash(struct memfs *fs)
{
	struct memfs_op *op;

	while ((op = fs->pending)) {
		fs->pending = op->next;
		free(op);
	}
	fs->pending_count = 0;
}

static int op_flush(struct p9_request *req)
{
	struct memfs *fs = fs_of(req);
	struct memfs_op **at = &fs->pending, *op, *last = NULL;

	if (fs->unflushable)
		return P9_KEEP;
	while (*at && (*at)->req != req) {
		last = *at;
		at = &(*at)->next;
	}
	op = *at;
	if (!op)
		return P9_KEEP;
	*at = op->next;
	if (fs->pending_last == op)
		fs->pending_last = last;
	fs->pending_count--;
	free(op);
	return 0;
}

/* ---- nodes --------------------------------------------------------------------------------- */

static struct memfs_node *node_new(struct memfs *fs, uint32_t mode)
{
	struct memfs_node *node = calloc(1, sizeof(*node));

	if (!node)
		abort();
	node->mode = mode;
	node->ino = fs->next_ino++;
	node->mtime = 1000 + node->ino;
	return node;
}

static void node_link(struct memfs_node *dir, struct memfs_node *node, const char *name, size_t len)
{
	struct memfs_node **at = &dir->children;

	while (*at)
		at = &(*at)->next;
	memcpy(node->name, name, len);
	node->name[len] = '\0';
	node->parent = dir;
	node->next = NULL;
	*at = node;
}

static void node_free(struct memfs_node *node)
{
	free(node->data);
	free(node);
}

static void node_unlink(struct memfs_node *node)
{
	struct memfs_node **at = &node->parent->children;

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	node->next = NULL;
}

static void node_remove(struct memfs_node *node)
{
	node_unlink(node);
	node->unlinked = true;
	if (!node->refs)
		node_free(node);
}

static int node_resize(struct memfs *fs, struct memfs_node *node, uint64_t size)
{
	uint8_t *data;

	if (size > fs->size_max)
		return -EFBIG;
	data = realloc(node->data, size ? size : 1);
	if (!data)
		return -ENOMEM;
	if (size > node->size)
		memset(data + node->size, 0, size - node->size);
	node->data = data;
	node->size = size;
	return 0;
}

static bool name_is(const struct memfs_node *node, struct p9_str name)
{
	return p9_str_equal(name, node->name);
}

static struct memfs_node *child_find(struct memfs_node *dir, struct p9_str name)
{
	struct memfs_node *node = dir->children;

	while (node && !name_is(node, name))
		node = node->next;
	return node;
}

struct memfs_node *memfs_find(struct memfs_node *dir, const char *name)
{
	return child_find(dir, p9_str_from(name));
}

struct memfs_node *memfs_add(struct memfs *fs, struct memfs_node *dir, const char *name,
			     uint32_t mode, const char *text)
{
	struct memfs_node *node = node_new(fs, mode);

	node_link(dir, node, name, strlen(name));
	if (text) {
		if (node_resize(fs, node, strlen(text)))
			abort();
		memcpy(node->data, text, strlen(text));
	}
	return node;
}

void memfs_init(struct memfs *fs)
{
	*fs = (struct memfs){.next_ino = 1, .size_max = SIZE_MAX_DEFAULT};
	fs->root = node_new(fs, P9_S_IFDIR | 0755);
	fs->root->parent = fs->root;
}

static void tree_free(struct memfs_node *node)
{
	struct memfs_node *child;

	while ((child = node->children)) {
		node->children = child->next;
		tree_free(child);
	}
	node_free(node);
}

void memfs_fini(struct memfs *fs)
{
	memfs_crash(fs);
	tree_free(fs->root);
}

static struct p9_qid qid_of(const struct memfs_node *node)
{
	struct p9_qid qid = {.path = node->ino};
	uint32_t kind = node->mode & P9_S_IFMT;

	qid.type = kind == P9_S_IFDIR ? P9_QTDIR : kind == P9_S_IFLNK ? P9_QTSYMLINK : 0;
	if (node->mount)
		qid.type |= P9_QTMOUNT;
	return qid;
}

/* ---- fids ---------------------------------------------------------------------------------- */

static void fid_set(struct memfs *fs, struct p9_fid *fid, struct memfs_node *node)
{
	struct memfs_node *old = fid->node;

	node->refs++;
	fs->live++;
	fid->node = node;
	fid->qid = qid_of(node);
	if (!old)
		return;
	fs->live--;
	if (!--old->refs && old->unlinked)
		node_free(old);
}

static int op_attach(struct p9_session *s, struct p9_fid *fid)
{
	struct memfs *fs = s->server->ctx;

	fid_set(fs, fid, fs->root);
	return 0;
}

static void op_clone(struct p9_fid *from, struct p9_fid *to)
{
	struct memfs *fs = from->session->server->ctx;

	((struct memfs_node *)to->node)->refs++;
	fs->live++;
}

static void op_clunk(struct p9_fid *fid)
{
	struct memfs *fs = fid->session->server->ctx;
	struct memfs_node *node = fid->node;

	if (fid->aux) {
		fs->closed++;
		free(fid->aux);
		fid->aux = NULL;
	}
	fs->live--;
	if (!--node->refs && node->unlinked)
		node_free(node);
}

static int walk1_run(struct memfs_op *op)
{
	struct memfs_node *node = op->fid->node, *child;

	if (!strcmp(op->name, ".."))
		child = node->unlinked ? NULL : node->parent;
	else
		child = memfs_find(node, op->name);
	if (!child)
		return -ENOENT;
	fid_set(fs_of(op->req), op->fid, child);
	return 0;
}

static int op_walk1(struct p9_request *req, struct p9_fid *fid, struct p9_str name)
{
	struct memfs_op op = {.req = req, .run = walk1_run, .fid = fid};

	memcpy(op.name, name.ptr, name.len);
	return keep_or_run(&op);
}

/* ---- files --------------------------------------------------------------------------------- */

static int open_mark(struct p9_request *req, struct p9_fid *fid)
{
	fid->aux = malloc(1); /* lost if clunk is not called */
	fs_of(req)->opened++;
	return fid->aux ? 0 : -ENOMEM;
}

static int open_run(struct memfs_op *op)
{
	struct memfs_node *node = op->fid->node;
	int err;

	if (op->count & P9_O_TRUNC) {
		err = node_resize(fs_of(op->req), node, 0);
		if (err)
			return err;
	}
	return open_mark(op->req, op->fid);
}

static int op_open(struct p9_request *req, struct p9_fid *fid, uint32_t oflags)
{
	struct memfs_op op = {.req = req, .run = open_run, .fid = fid, .count = oflags};

	return keep_or_run(&op);
}

static int create_run(struct memfs_op *op)
{
	struct memfs *fs = fs_of(op->req);
	struct memfs_node *dir = op->fid->node, *node = memfs_find(dir, op->name);

	if (dir->unlinked)
		return -ENOENT;
	if (node && op->offset & P9_O_EXCL)
		return -EEXIST;
	if (node && (node->mode & P9_S_IFMT) != P9_S_IFREG)
		return -EEXIST;
	if (!node)
		node = memfs_add(fs, dir, op->name, P9_S_IFREG | (op->count & 0777), NULL);
	fid_set(fs, op->fid, node);
	return open_mark(op->req, op->fid);
}

static int op_create(struct p9_request *req, struct p9_fid *fid, struct p9_str name,
		     uint32_t oflags, uint32_t mode, uint32_t gid)
{
	struct memfs_op op = {
		.req = req, .run = create_run, .fid = fid, .count = mode, .offset = oflags};

	(void)gid;
	memcpy(op.name, name.ptr, name.len);
	return keep_or_run(&op);
}

static int read_run(struct memfs_op *op)
{
	struct memfs_node *node = op->fid->node;
	uint64_t left = op->offset < node->size ? node->size - op->offset : 0;

	if (!left)
		return 0;
	if (left > op->count)
		left = op->count;
	/* Small reads in two pieces where the transport can. */
	if (left > 1 && left < 8 &&
	    !p9_request_put(op->req, 1, node->data + op->offset + 1, (uint32_t)left - 1) &&
	    !p9_request_put(op->req, 0, node->data + op->offset, 1))
		return p9_respond_put(op->req, (uint32_t)left);
	return p9_respond_data(op->req, node->data + op->offset, (uint32_t)left);
}

static int op_read(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	struct memfs_op op = {
		.req = req, .run = read_run, .fid = fid, .offset = offset, .count = count};

	return keep_or_run(&op);
}

static int write_run(struct memfs_op *op)
{
	struct memfs *fs = fs_of(op->req);
	struct memfs_node *node = op->fid->node;
	uint64_t offset = op->fid->oflags & P9_O_APPEND ? node->size : op->offset;
	int err = 0;

	if (offset + op->count > node->size)
		err = node_resize(fs, node, offset + op->count);
	if (err)
		return err;
	fs->writes++;
	return p9_request_get(op->req, 0, node->data + offset, op->count);
}

static int op_write(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	struct memfs_op op = {
		.req = req, .run = write_run, .fid = fid, .offset = offset, .count = count};

	return keep_or_run(&op);
}

static int readdir_run(struct memfs_op *op)
{
	struct memfs_node *dir = op->fid->node;
	struct p9_dirent ent;
	uint64_t at = 1;

	p9_readdir_begin(op->req);
	for (struct memfs_node *node = dir->children; node; node = node->next, at++) {
		if (at <= op->offset)
			continue;
		ent = (struct p9_dirent){.qid = qid_of(node),
					 .offset = at,
					 .type = (uint8_t)(node->mode >> 12 & 15),
					 .name = p9_str_from(node->name)};
		if (p9_readdir_add(op->req, &ent))
			return p9_readdir_empty(op->req) ? -EINVAL : 0;
	}
	return 0;
}

static int op_readdir(struct p9_request *req, struct p9_fid *fid, uint64_t offset)
{
	struct memfs_op op = {.req = req, .run = readdir_run, .fid = fid, .offset = offset};

	return keep_or_run(&op);
}

static int op_fsync(struct p9_request *req, struct p9_fid *fid, bool datasync)
{
	(void)req;
	(void)fid;
	(void)datasync;
	return 0;
}

static int op_lock(struct p9_request *req, struct p9_fid *fid, const struct p9_lock *lock,
		   uint8_t *status)
{
	(void)req;
	(void)fid;
	(void)lock;
	*status = P9_LOCK_SUCCESS;
	return 0;
}

static int op_getlock(struct p9_request *req, struct p9_fid *fid, struct p9_lock *lock)
{
	(void)req;
	(void)fid;
	lock->type = P9_LOCK_UNLCK;
	return 0;
}

/* ---- attributes ---------------------------------------------------------------------------- */

static int getattr_run(struct memfs_op *op)
{
	const struct memfs_node *node = op->fid->node;

	op->attr->valid = P9_GETATTR_BASIC;
	op->attr->mode = node->mode;
	op->attr->uid = node->uid;
	op->attr->gid = node->gid;
	op->attr->nlink = 1;
	op->attr->size = node->size;
	op->attr->blksize = 4096;
	op->attr->blocks = (node->size + 511) / 512;
	op->attr->mtime_sec = op->attr->atime_sec = op->attr->ctime_sec = node->mtime;
	return 0;
}

static int op_getattr(struct p9_request *req, struct p9_fid *fid, uint64_t mask,
		      struct p9_attr *attr)
{
	struct memfs_op op = {.req = req, .run = getattr_run, .fid = fid, .attr = attr};

	(void)mask;
	return keep_or_run(&op);
}

static int op_setattr(struct p9_request *req, struct p9_fid *fid, const struct p9_setattr *set)
{
	struct memfs_node *node = fid->node;
	int err = 0;

	if (set->valid & P9_SETATTR_SIZE)
		err = node_resize(fs_of(req), node, set->size);
	if (err)
		return err;
	if (set->valid & P9_SETATTR_MODE)
		node->mode = (node->mode & P9_S_IFMT) | (set->mode & 07777);
	if (set->valid & P9_SETATTR_UID)
		node->uid = set->uid;
	if (set->valid & P9_SETATTR_GID)
		node->gid = set->gid;
	if (set->valid & P9_SETATTR_MTIME_SET)
		node->mtime = set->mtime_sec;
	return 0;
}

static int readlink_run(struct memfs_op *op)
{
	const struct memfs_node *node = op->fid->node;

	*op->target = (struct p9_str){(const char *)node->data, (uint32_t)node->size};
	return 0;
}

static int op_readlink(struct p9_request *req, struct p9_fid *fid, struct p9_str *target)
{
	struct memfs_op op = {.req = req, .run = readlink_run, .fid = fid, .target = target};

	return keep_or_run(&op);
}

static int op_statfs(struct p9_request *req, struct p9_fid *fid, struct p9_statfs *st)
{
	(void)req;
	(void)fid;
	st->type = 0x4d454d46;
	st->bsize = 4096;
	st->files = 7;
	return 0;
}

/* ---- names --------------------------------------------------------------------------------- */

static int make(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t mode,
		struct memfs_node **out)
{
	struct memfs_node *parent = dir->node;

	if (parent->unlinked)
		return -ENOENT;
	if (child_find(parent, name))
		return -EEXIST;
	*out = node_new(fs_of(req), mode);
	node_link(parent, *out, name.ptr, name.len);
	return 0;
}

static int op_mkdir(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t mode,
		    uint32_t gid, struct p9_qid *qid)
{
	struct memfs_node *node;
	int err = make(req, dir, name, P9_S_IFDIR | (mode & 0777), &node);

	(void)gid;
	if (!err)
		*qid = qid_of(node);
	return err;
}

static int op_symlink(struct p9_request *req, struct p9_fid *dir, struct p9_str name,
		      struct p9_str target, uint32_t gid, struct p9_qid *qid)
{
	struct memfs_node *node;
	int err = make(req, dir, name, P9_S_IFLNK | 0777, &node);

	(void)gid;
	if (err)
		return err;
	err = node_resize(fs_of(req), node, target.len);
	if (err)
		return err;
	memcpy(node->data, target.ptr, target.len);
	*qid = qid_of(node);
	return 0;
}

static int op_mknod(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t mode,
		    uint32_t major, uint32_t minor, uint32_t gid, struct p9_qid *qid)
{
	struct memfs_node *node;
	int err = make(req, dir, name, mode, &node);

	(void)major;
	(void)minor;
	(void)gid;
	if (!err)
		*qid = qid_of(node);
	return err;
}

static bool is_below(const struct memfs_node *node, const struct memfs_node *top)
{
	while (node != top && node->parent != node)
		node = node->parent;
	return node == top;
}

static int move(struct memfs_node *node, struct memfs_node *dir, struct p9_str name)
{
	struct memfs_node *old = child_find(dir, name);
	char copy[P9_NAME_MAX + 1];

	if (old == node)
		return 0;
	if (dir->unlinked || node->unlinked)
		return -ENOENT;
	if (is_below(dir, node))
		return -EINVAL;
	if (old && old->children)
		return -ENOTEMPTY;
	memcpy(copy, name.ptr, name.len);
	if (old)
		node_remove(old);
	node_unlink(node);
	node_link(dir, node, copy, name.len);
	return 0;
}

static int op_renameat(struct p9_request *req, struct p9_fid *olddir, struct p9_str oldname,
		       struct p9_fid *newdir, struct p9_str newname)
{
	struct memfs_node *node = child_find(olddir->node, oldname);

	(void)req;
	return node ? move(node, newdir->node, newname) : -ENOENT;
}

static int op_rename(struct p9_request *req, struct p9_fid *fid, struct p9_fid *dir,
		     struct p9_str name)
{
	(void)req;
	return move(fid->node, dir->node, name);
}

static int op_link(struct p9_request *req, struct p9_fid *dir, struct p9_fid *fid,
		   struct p9_str name)
{
	struct memfs_node *from = fid->node, *node;
	int err = make(req, dir, name, from->mode, &node);

	/* A copy will do: there is one name a node here. */
	if (!err)
		err = node_resize(fs_of(req), node, from->size);
	if (!err && from->size)
		memcpy(node->data, from->data, from->size);
	return err;
}

static int op_unlinkat(struct p9_request *req, struct p9_fid *dir, struct p9_str name,
		       uint32_t flags)
{
	struct memfs_node *node = child_find(dir->node, name);

	(void)req;
	if (!node)
		return -ENOENT;
	if ((node->mode & P9_S_IFMT) == P9_S_IFDIR) {
		if (!(flags & P9_AT_REMOVEDIR))
			return -EISDIR;
		if (node->children)
			return -ENOTEMPTY;
	} else if (flags & P9_AT_REMOVEDIR) {
		return -ENOTDIR;
	}
	node_remove(node);
	return 0;
}

static int op_remove(struct p9_request *req, struct p9_fid *fid)
{
	struct memfs_node *node = fid->node;

	(void)req;
	if (node->unlinked)
		return -ENOENT;
	if (node->children)
		return -ENOTEMPTY;
	node_remove(node);
	return 0;
}

/* ---- handles ------------------------------------------------------------------------------- */

static int op_gethandle(struct p9_request *req, struct p9_fid *fid, enum p9_handle_kind kind,
			uint64_t arg, uint64_t *value, uint32_t *handle)
{
	const struct memfs_node *node = fid->node;

	(void)req;
	(void)arg;
	*value = node->size;
	*handle = 0x1000 + kind;
	return 0;
}

static int mount_run(struct memfs_op *op)
{
	*op->handle = ((const struct memfs_node *)op->fid->node)->mount;
	return 0;
}

static int op_mount(struct p9_request *req, struct p9_fid *fid, uint32_t *handle)
{
	struct memfs_op op = {.req = req, .run = mount_run, .fid = fid, .handle = handle};

	return keep_or_run(&op);
}

const struct p9_ops memfs_ops = {
	.attach = op_attach,
	.clone = op_clone,
	.walk1 = op_walk1,
	.clunk = op_clunk,
	.flush = op_flush,
	.open = op_open,
	.create = op_create,
	.read = op_read,
	.write = op_write,
	.readdir = op_readdir,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.statfs = op_statfs,
	.fsync = op_fsync,
	.lock = op_lock,
	.getlock = op_getlock,
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.mknod = op_mknod,
	.link = op_link,
	.renameat = op_renameat,
	.rename = op_rename,
	.unlinkat = op_unlinkat,
	.remove = op_remove,
	.gethandle = op_gethandle,
	.mount = op_mount,
};

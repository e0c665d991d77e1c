/* SPDX-License-Identifier: ISC */
/*
 * ops.c: the 9P operations over inodes, but for reading (read.c).
 *
 * A fid's node is a struct inode with a reference of the fid's; aux of an open file is a struct
 * reader. qid.path is the inode number, as in directory entries. Every operation may find that
 * its inode or its blocks are not in memory, and is a job then. All changes are -EROFS, by the
 * engine, as there are no operations for them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "servers/fsd/fsd.h"

#define EXT4_MAGIC 0xef53u

static struct fsd *fsd_of(const struct p9_fid *fid)
{
	return fid->session->server->ctx;
}

static bool inode_is(const struct inode *n, uint32_t type)
{
	return (n->info.mode & P9_S_IFMT) == type;
}

static struct p9_qid inode_qid(const struct inode *n)
{
	struct p9_qid qid = {.path = n->info.ino, .version = (uint32_t)n->info.mtime.sec};

	if (inode_is(n, P9_S_IFDIR))
		qid.type = P9_QTDIR;
	else if (inode_is(n, P9_S_IFLNK))
		qid.type = P9_QTSYMLINK;
	return qid;
}

/* ---- fids --------------------------------------------------------------------------------------
 */

/* The root may be unread: the disk may come later than the first client. */
static int op_attach(struct p9_session *s, struct p9_fid *fid)
{
	fid->node = inode_get(s->server->ctx, EXT4_ROOT_INO);
	if (!fid->node)
		return -ENOMEM;
	fid->qid = (struct p9_qid){.path = EXT4_ROOT_INO, .type = P9_QTDIR};
	return 0;
}

static void op_clone(struct p9_fid *from, struct p9_fid *to)
{
	struct inode *n = from->node;

	n->refs++;
	to->node = n;
	to->qid = from->qid;
}

static void op_clunk(struct p9_fid *fid)
{
	free(fid->aux);
	if (fid->node)
		inode_put(fsd_of(fid), fid->node);
}

static int op_flush(struct p9_request *req)
{
	return job_cancel(req->session->server->ctx, req);
}

static int walk_run(struct fsd *f, struct job *j)
{
	struct p9_fid *fid = j->walk.fid;
	struct inode *dir = fid->node, *n;
	int err = inode_need(f, dir);

	if (!err && !inode_is(dir, P9_S_IFDIR))
		err = -ENOTDIR;
	if (!err && !j->walk.ino)
		err = inode_lookup(f, dir, (struct p9_str){j->walk.text, j->walk.len},
				   &j->walk.scan, &j->walk.ino);
	if (err)
		return err;
	n = inode_get(f, j->walk.ino);
	if (!n)
		return -ENOMEM;
	err = inode_need(f, n);
	if (err) {
		inode_put(f, n);
		return err;
	}
	fid->node = n;
	fid->qid = inode_qid(n);
	inode_put(f, dir);
	return 0;
}

static int op_walk1(struct p9_request *req, struct p9_fid *fid, struct p9_str name)
{
	struct job j;

	if (name.len > P9_NAME_MAX)
		return -ENAMETOOLONG;
	j.req = req;
	j.run = walk_run;
	j.error = 0;
	j.walk.fid = fid;
	j.walk.scan = (struct ext4_scan){0};
	j.walk.ino = 0;
	j.walk.len = name.len;
	memcpy(j.walk.text, name.ptr, name.len);
	return job_start(fsd_of(fid), &j);
}

static int open_run(struct fsd *f, struct job *j)
{
	struct p9_fid *fid = j->op.fid;
	const struct inode *n = fid->node;
	struct reader *r;
	int err = inode_need(f, fid->node);

	if (err)
		return err;
	fid->qid = inode_qid(n);
	if (inode_is(n, P9_S_IFDIR))
		return 0;
	if (!inode_is(n, P9_S_IFREG))
		return -ENXIO;
	if (n->info.size > (uint64_t)UINT32_MAX << FSD_SHIFT)
		return -EFBIG;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	free(fid->aux);
	fid->aux = r;
	return 0;
}

static int op_open(struct p9_request *req, struct p9_fid *fid, uint32_t oflags)
{
	struct job j = {.req = req, .run = open_run, .op = {.fid = fid}};

	(void)oflags; /* the engine lets only reading through */
	return job_start(fsd_of(fid), &j);
}

/* ---- attributes --------------------------------------------------------------------------------
 */

static uint64_t device_number(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (major & 0xfff) << 8 | (uint64_t)(minor & ~0xffu) << 12 |
	       (uint64_t)(major & ~0xfffu) << 32;
}

static void attr_fill(struct p9_attr *attr, const struct ext4_inode_info *i)
{
	attr->valid = P9_GETATTR_BASIC | P9_GETATTR_BTIME | P9_GETATTR_GEN;
	attr->mode = i->mode;
	attr->uid = i->uid;
	attr->gid = i->gid;
	attr->nlink = i->links;
	attr->rdev = device_number(i->rdev_major, i->rdev_minor);
	attr->size = i->size;
	attr->blksize = FSD_PAGE;
	attr->blocks = i->sectors;
	attr->atime_sec = (uint64_t)i->atime.sec;
	attr->atime_nsec = i->atime.nsec;
	attr->mtime_sec = (uint64_t)i->mtime.sec;
	attr->mtime_nsec = i->mtime.nsec;
	attr->ctime_sec = (uint64_t)i->ctime.sec;
	attr->ctime_nsec = i->ctime.nsec;
	attr->btime_sec = (uint64_t)i->btime.sec;
	attr->btime_nsec = i->btime.nsec;
	attr->gen = i->generation;
}

static int getattr_run(struct fsd *f, struct job *j)
{
	struct inode *n = j->op.fid->node;
	int err = inode_need(f, n);

	if (err)
		return err;
	j->op.fid->qid = j->op.attr->qid = inode_qid(n);
	attr_fill(j->op.attr, &n->info);
	return 0;
}

static int op_getattr(struct p9_request *req, struct p9_fid *fid, uint64_t mask,
		      struct p9_attr *attr)
{
	const struct inode *n = fid->node;
	struct job j;

	(void)mask;
	if (n->loaded) {
		fid->qid = attr->qid = inode_qid(n);
		attr_fill(attr, &n->info);
		return 0;
	}
	j = (struct job){.req = req, .run = getattr_run, .op = {.fid = fid, .attr = attr}};
	return job_start(fsd_of(fid), &j);
}

static int statfs_run(struct fsd *f, struct job *j)
{
	struct ext4_statfs st;
	int err = fs_need(f);

	if (err)
		return err;
	ext4_statfs(&f->fs, &st);
	*j->op.st = (struct p9_statfs){.type = EXT4_MAGIC,
				       .bsize = st.block_size,
				       .blocks = st.blocks,
				       .bfree = st.blocks_free,
				       .bavail = st.blocks_avail,
				       .files = st.inodes,
				       .ffree = st.inodes_free,
				       .namelen = EXT4_NAME_MAX};
	memcpy(&j->op.st->fsid, st.uuid, sizeof(j->op.st->fsid));
	return 0;
}

static int op_statfs(struct p9_request *req, struct p9_fid *fid, struct p9_statfs *st)
{
	struct job j = {.req = req, .run = statfs_run, .op = {.fid = fid, .st = st}};

	return job_start(fsd_of(fid), &j);
}

/* ---- directories and links ----------------------------------------------------------------------
 */

static int entry_emit(void *ctx, const struct ext4_dirent *e)
{
	static const uint8_t types[EXT4_TYPE_COUNT] = {
		[EXT4_TYPE_REG] = P9_DT_REG, [EXT4_TYPE_DIR] = P9_DT_DIR, [EXT4_TYPE_CHR] = 2,
		[EXT4_TYPE_BLK] = 6,	     [EXT4_TYPE_FIFO] = 1,	  [EXT4_TYPE_SOCK] = 12,
		[EXT4_TYPE_LNK] = P9_DT_LNK};
	struct p9_dirent out = {.qid = {.path = e->ino},
				.offset = e->next,
				.type = types[e->type],
				.name = {e->name, e->name_len}};

	if (e->type == EXT4_TYPE_DIR)
		out.qid.type = P9_QTDIR;
	else if (e->type == EXT4_TYPE_LNK)
		out.qid.type = P9_QTSYMLINK;
	return p9_readdir_add(ctx, &out) ? -ENOBUFS : 0;
}

static int readdir_run(struct fsd *f, struct job *j)
{
	struct inode *n = j->op.fid->node;
	int err = inode_need(f, n);
	int r;

	if (err)
		return err;
	p9_readdir_begin(j->req);
	f->serial++;
	r = ext4_readdir(&f->fs, &n->info, &j->op.cursor, entry_emit, j->req);
	if (r == -EINPROGRESS) {
		f->wait = &f->yielded;
		return -EAGAIN;
	}
	if (r == -ENOBUFS)
		return -EINVAL; /* the client's buffer holds not even one */
	return r < 0 ? fs_complain(f, r) : 0;
}

static int op_readdir(struct p9_request *req, struct p9_fid *fid, uint64_t offset)
{
	struct job j = {.req = req, .run = readdir_run, .op = {.fid = fid, .cursor = offset}};

	return job_start(fsd_of(fid), &j);
}

static int readlink_run(struct fsd *f, struct job *j)
{
	struct inode *n = j->op.fid->node;
	char *text = p9_request_buffer(j->req, EXT4_LINK_MAX);
	int err = inode_need(f, n);
	int r;

	if (err)
		return err;
	if (!text)
		return -ENOMEM;
	f->serial++;
	r = ext4_readlink(&f->fs, &n->info, text, EXT4_LINK_MAX);
	if (r < 0)
		return fs_complain(f, r);
	*j->op.target = (struct p9_str){text, (uint32_t)r};
	return 0;
}

static int op_readlink(struct p9_request *req, struct p9_fid *fid, struct p9_str *target)
{
	struct job j = {.req = req, .run = readlink_run, .op = {.fid = fid, .target = target}};

	return job_start(fsd_of(fid), &j);
}

/* ---- handles -----------------------------------------------------------------------------------
 */

static int op_gethandle(struct p9_request *req, struct p9_fid *fid, enum p9_handle_kind kind,
			uint64_t arg, uint64_t *value, uint32_t *handle)
{
	struct inode *n = fid->node;

	if ((kind != P9_HANDLE_VMO && kind != P9_HANDLE_PAGES) || !n->loaded ||
	    !inode_is(n, P9_S_IFREG))
		return -EOPNOTSUPP;
	*value = n->info.size;
	if (kind == P9_HANDLE_PAGES)
		return fid->aux ? file_pages_give(req, n, fid->aux, handle) : -EIO;
	return file_vmo(req, n, (uint32_t)arg, handle);
}

const struct p9_ops fsd_ops = {
	.attach = op_attach,
	.clone = op_clone,
	.walk1 = op_walk1,
	.clunk = op_clunk,
	.flush = op_flush,
	.open = op_open,
	.read = op_read,
	.readdir = op_readdir,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.statfs = op_statfs,
	.gethandle = op_gethandle,
	.session_made = session_made,
	.session_gone = session_gone,
	.session_restore = session_restore,
};

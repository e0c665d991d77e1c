/* SPDX-License-Identifier: ISC */
/*
 * io.c: open, create, read, write, readdir, fsync, locks.
 *
 * Checked here, so that no op needs to: that a fid is opened once and only used as it was opened,
 * that directories are not written, that counts fit the reply and offsets a signed 64-bit number.
 *
 * Spec: 9P2000.L lopen, lcreate, readdir; open(5), read(5).
 */
#include <errno.h>
#include <string.h>
#include "9p/engine.h"

#define RREAD_HEAD (P9_HEAD + 4u)

static bool reads(uint32_t oflags)
{
	return (oflags & P9_O_ACCMODE) != P9_O_WRONLY;
}

static bool writes(uint32_t oflags)
{
	return (oflags & P9_O_ACCMODE) != P9_O_RDONLY;
}

int p9_open_permit(struct p9_request *req, uint32_t oflags)
{
	bool change = writes(oflags) || oflags & P9_O_TRUNC;

	if ((oflags & P9_O_ACCMODE) == P9_O_ACCMODE)
		return -EINVAL;
	return p9_rights_check(req, (reads(oflags) ? RIGHT_READ : 0) | (change ? RIGHT_WRITE : 0),
			       (reads(oflags) ? PLEDGE_RPATH : 0) | (change ? PLEDGE_WPATH : 0));
}

int p9_open_check(struct p9_request *req, const struct p9_fid *fid, uint32_t oflags)
{
	bool change = writes(oflags) || oflags & P9_O_TRUNC;

	if (fid->open)
		return -EINVAL;
	if (fid->busy)
		return -EBUSY;
	if (fid->qid.type & P9_QTDIR && change)
		return -EISDIR;
	if (fid->qid.type & P9_QTSYMLINK)
		return -ELOOP;
	if (oflags & P9_O_DIRECTORY && !(fid->qid.type & P9_QTDIR))
		return -ENOTDIR;
	return change && !req->session->server->ops->write ? -EROFS : 0;
}

void p9_open_mark(struct p9_fid *fid, uint32_t oflags)
{
	fid->open = true;
	fid->oflags = oflags & ~(P9_O_CREAT | P9_O_EXCL | P9_O_TRUNC);
}

int p9_open_start(struct p9_request *req, struct p9_fid *fid, uint32_t oflags,
		  int (*then)(struct p9_request *, int))
{
	const struct p9_ops *ops = req->session->server->ops;

	if (fid == req->fid)
		p9_fid_occupy(req);
	return p9_op_then(req, ops->open ? ops->open(req, fid, oflags) : 0, then);
}

static int lopen_done(struct p9_request *req, int status)
{
	if (status)
		return status;
	p9_open_mark(req->fid, req->t.lopen.flags);
	req->r.open.qid = req->fid->qid;
	req->r.open.iounit = 0;
	p9_qid_show(req, &req->r.open.qid);
	return 0;
}

int p9_run_lopen(struct p9_request *req)
{
	uint32_t flags = req->t.lopen.flags & ~(P9_O_CREAT | P9_O_EXCL);
	int err = p9_open_permit(req, flags);

	if (!err)
		err = p9_open_check(req, req->fid, flags);
	return err ? err : p9_open_start(req, req->fid, flags, lopen_done);
}

static int lcreate_done(struct p9_request *req, int status)
{
	if (status)
		return status;
	p9_open_mark(req->fid, req->t.lcreate.flags);
	req->r.open.qid = req->fid->qid;
	req->r.open.iounit = 0;
	return 0;
}

int p9_run_lcreate(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	struct p9_fid *fid = req->fid;
	int err = p9_open_permit(req, req->t.lcreate.flags);

	if (!err)
		err = p9_name_check(req->t.lcreate.name);
	if (err)
		return err;
	if (fid->open || fid->root)
		return -EINVAL;
	if (fid->busy)
		return -EBUSY;
	if (!(fid->qid.type & P9_QTDIR))
		return -ENOTDIR;
	if (!ops->create)
		return p9_op_absent(req);
	p9_fid_occupy(req);
	return p9_op_then(req,
			  ops->create(req, fid, req->t.lcreate.name, req->t.lcreate.flags,
				      req->t.lcreate.mode, req->t.lcreate.gid),
			  lcreate_done);
}

/* How much of count can be read: what fits the client's room, the message, the file offsets. */
static uint32_t read_clip(const struct p9_request *req, uint64_t offset, uint32_t count)
{
	uint32_t most = req->session->msize - RREAD_HEAD;

	most = most < req->out_max ? most : req->out_max;
	count = count < most ? count : most;
	if (count > INT64_MAX - offset)
		count = (uint32_t)(INT64_MAX - offset);
	return count;
}

int p9_run_read(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	struct p9_fid *fid = req->fid;
	uint64_t offset = req->t.read.offset;

	if (!fid->open || !reads(fid->oflags))
		return -EBADF;
	if (offset > INT64_MAX)
		return -EINVAL;
	req->t.read.count = read_clip(req, offset, req->t.read.count);
	req->r.data = (struct p9_data){"", 0};
	if (fid->qid.type & P9_QTDIR)
		return req->session->dialect == P9_DIALECT_2000 ? p9_read_dir2000(req) : -EISDIR;
	if (!ops->read)
		return -EOPNOTSUPP;
	return p9_op_status(req, ops->read(req, fid, offset, req->t.read.count));
}

int p9_run_write(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	struct p9_fid *fid = req->fid;
	uint64_t offset = req->t.write.offset;
	uint32_t count = req->t.write.data.len;

	if (!fid->open || !writes(fid->oflags))
		return -EBADF;
	if (offset > INT64_MAX)
		return -EINVAL;
	if (count > req->session->server->limits.io_max)
		return -EMSGSIZE;
	if (count > INT64_MAX - offset)
		return -EFBIG;
	req->r.write.count = count;
	if (!ops->write)
		return p9_op_absent(req);
	if (!count)
		return 0;
	return p9_op_status(req, ops->write(req, fid, offset, count));
}

void p9_readdir_begin(struct p9_request *req)
{
	req->fill = 0;
}

int p9_readdir_add(struct p9_request *req, const struct p9_dirent *ent)
{
	struct p9_dirent shown = *ent;
	int len;

	p9_qid_show(req, &shown.qid);
	len = p9_dirent_encode(&shown, req->session->server->dir + req->fill,
			       req->room - req->fill);
	if (len < 0)
		return len;
	req->fill += (uint32_t)len;
	return 0;
}

bool p9_readdir_empty(const struct p9_request *req)
{
	return !req->fill;
}

int p9_readdir_start(struct p9_request *req, uint64_t offset, uint32_t count,
		     int (*then)(struct p9_request *, int))
{
	const struct p9_ops *ops = req->session->server->ops;

	if (!ops->readdir)
		return -EOPNOTSUPP;
	req->room = count < P9_DIR_SIZE ? count : P9_DIR_SIZE;
	req->fill = 0;
	return p9_op_then(req, ops->readdir(req, req->fid, offset), then);
}

static int readdir_done(struct p9_request *req, int status)
{
	if (status)
		return status;
	req->r.data = (struct p9_data){req->session->server->dir, req->fill};
	return 0;
}

int p9_run_readdir(struct p9_request *req)
{
	struct p9_fid *fid = req->fid;
	uint32_t count;

	if (!(fid->qid.type & P9_QTDIR))
		return -ENOTDIR;
	if (!fid->open)
		return -EBADF;
	count = read_clip(req, 0, req->t.read.count);
	return p9_readdir_start(req, req->t.read.offset, count, readdir_done);
}

int p9_run_fsync(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;

	if (!ops->fsync)
		return -EOPNOTSUPP;
	return p9_op_status(req, ops->fsync(req, req->fid, req->t.fsync.datasync));
}

int p9_run_lock(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;

	if (!req->fid->open)
		return -EBADF;
	if (req->t.lock.type > P9_LOCK_UNLCK)
		return -EINVAL;
	if (!ops->lock)
		return -EOPNOTSUPP;
	req->r.lock.status = P9_LOCK_ERROR;
	return p9_op_status(req, ops->lock(req, req->fid, &req->t.lock, &req->r.lock.status));
}

/* The reply may be built where the request lies, so the client's name moves out of its way. */
static int getlock_done(struct p9_request *req, int status)
{
	struct p9_lock *lock = &req->t.lock;
	char *name;

	if (status)
		return status;
	name = p9_request_buffer(req, lock->client_id.len + 1);
	if (!name)
		return -ENOMEM;
	memmove(name, lock->client_id.ptr, lock->client_id.len);
	lock->client_id.ptr = name;
	req->r.getlock = *lock;
	return 0;
}

int p9_run_getlock(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;

	if (!req->fid->open)
		return -EBADF;
	if (req->t.lock.type > P9_LOCK_UNLCK)
		return -EINVAL;
	if (!ops->getlock)
		return -EOPNOTSUPP;
	return p9_op_then(req, ops->getlock(req, req->fid, &req->t.lock), getlock_done);
}

/* SPDX-License-Identifier: ISC */
/*
 * meta.c: attributes, links, directories: the messages that do not move file data. And the
 * requests for handles.
 *
 * Checked here, so that no op needs to: names, that what must be a directory is one, that a
 * session's root is neither renamed nor removed through the session.
 *
 * Spec: 9P2000.L getattr to unlinkat; remove(5); docs/extensions.md.
 */
#include <errno.h>
#include "9p/engine.h"

/* ---- attributes -------------------------------------------------------------------------- */

int p9_getattr_start(struct p9_request *req, struct p9_fid *fid, uint64_t mask,
		     struct p9_attr *attr)
{
	*attr = (struct p9_attr){.qid = fid->qid};
	p9_qid_show(req, &attr->qid);
	return req->session->server->ops->getattr(req, fid, mask, attr);
}

int p9_run_getattr(struct p9_request *req)
{
	return p9_op_status(req,
			    p9_getattr_start(req, req->fid, req->t.getattr.mask, &req->r.getattr));
}

int p9_run_setattr(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	const struct p9_setattr *set = &req->t.setattr;
	const struct p9_fid *fid = req->fid;
	bool writer = fid->open && (fid->oflags & P9_O_ACCMODE) != P9_O_RDONLY;
	int err;

	err = p9_rights_check(req, 0, writer ? 0 : PLEDGE_WPATH);
	if (err)
		return err;
	if (set->valid & ~P9_SETATTR_ALL)
		return -EINVAL;
	if (set->valid & P9_SETATTR_SIZE) {
		if (fid->qid.type & P9_QTDIR)
			return -EISDIR;
		if (set->size > INT64_MAX)
			return -EFBIG;
	}
	if (!ops->setattr)
		return p9_op_absent(req);
	return p9_op_status(req, ops->setattr(req, req->fid, set));
}

int p9_run_statfs(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;

	if (!ops->statfs)
		return -EOPNOTSUPP;
	req->r.statfs = (struct p9_statfs){.namelen = P9_NAME_MAX};
	return p9_op_status(req, ops->statfs(req, req->fid, &req->r.statfs));
}

int p9_run_readlink(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;

	if (!(req->fid->qid.type & P9_QTSYMLINK))
		return -EINVAL;
	if (!ops->readlink)
		return -EOPNOTSUPP;
	req->r.target.len = 0;
	return p9_op_status(req, ops->readlink(req, req->fid, &req->r.target));
}

/* ---- names ------------------------------------------------------------------------------- */

static int dir_name_check(const struct p9_fid *dir, struct p9_str name)
{
	return dir->qid.type & P9_QTDIR ? p9_name_check(name) : -ENOTDIR;
}

int p9_run_mkdir(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	int err = dir_name_check(req->fid, req->t.mkdir.name);

	if (err)
		return err;
	if (!ops->mkdir)
		return p9_op_absent(req);
	return p9_op_status(req, ops->mkdir(req, req->fid, req->t.mkdir.name, req->t.mkdir.mode,
					    req->t.mkdir.gid, &req->r.qid.qid));
}

int p9_run_symlink(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	int err = dir_name_check(req->fid, req->t.symlink.name);

	if (err)
		return err;
	if (!req->t.symlink.target.len)
		return -ENOENT;
	if (!ops->symlink)
		return p9_op_absent(req);
	return p9_op_status(req,
			    ops->symlink(req, req->fid, req->t.symlink.name, req->t.symlink.target,
					 req->t.symlink.gid, &req->r.qid.qid));
}

int p9_run_mknod(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	int err = dir_name_check(req->fid, req->t.mknod.name);

	if (err)
		return err;
	if (!ops->mknod)
		return p9_op_absent(req);
	return p9_op_status(req, ops->mknod(req, req->fid, req->t.mknod.name, req->t.mknod.mode,
					    req->t.mknod.major, req->t.mknod.minor,
					    req->t.mknod.gid, &req->r.qid.qid));
}

int p9_run_link(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	int err = dir_name_check(req->fid, req->t.link.name);

	if (err)
		return err;
	req->fid2 = p9_fid_find(req->session, req->t.link.target);
	if (!req->fid2)
		return -EBADF;
	if (req->fid2->qid.type & P9_QTDIR)
		return -EPERM;
	if (!ops->link)
		return p9_op_absent(req);
	return p9_op_status(req, ops->link(req, req->fid, req->fid2, req->t.link.name));
}

int p9_run_rename(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	int err;

	req->fid2 = p9_fid_find(req->session, req->t.rename.dfid);
	if (!req->fid2)
		return -EBADF;
	err = dir_name_check(req->fid2, req->t.rename.name);
	if (err)
		return err;
	if (req->fid->qid.path == req->fid->top)
		return -EBUSY;
	if (!ops->rename)
		return p9_op_absent(req);
	return p9_op_status(req, ops->rename(req, req->fid, req->fid2, req->t.rename.name));
}

int p9_run_renameat(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	int err = dir_name_check(req->fid, req->t.renameat.oldname);

	if (err)
		return err;
	req->fid2 = p9_fid_find(req->session, req->t.renameat.newdir);
	if (!req->fid2)
		return -EBADF;
	err = dir_name_check(req->fid2, req->t.renameat.newname);
	if (err)
		return err;
	if (!ops->renameat)
		return p9_op_absent(req);
	return p9_op_status(req, ops->renameat(req, req->fid, req->t.renameat.oldname, req->fid2,
					       req->t.renameat.newname));
}

int p9_run_unlinkat(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	int err = dir_name_check(req->fid, req->t.unlinkat.name);

	if (err)
		return err;
	if (req->t.unlinkat.flags & ~P9_AT_REMOVEDIR)
		return -EINVAL;
	if (!ops->unlinkat)
		return p9_op_absent(req);
	return p9_op_status(
		req, ops->unlinkat(req, req->fid, req->t.unlinkat.name, req->t.unlinkat.flags));
}

/* The fid goes, whatever comes of it. Spec: remove(5). */
static int remove_done(struct p9_request *req, int status)
{
	if (!req->abandoned)
		p9_fid_remove(req->fid);
	return status;
}

int p9_run_remove(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	int err;

	if (req->fid->root)
		return -EINVAL;
	err = p9_rights_check(req, RIGHT_WRITE, PLEDGE_CPATH);
	if (!err && req->fid->qid.path == req->fid->top)
		err = -EBUSY;
	if (!err && !ops->remove)
		err = p9_op_absent(req);
	return err ? remove_done(req, err)
		   : p9_op_then(req, ops->remove(req, req->fid), remove_done);
}

/* ---- handles ----------------------------------------------------------------------------- */

static int gethandle_session(struct p9_request *req)
{
	uint64_t wanted = req->t.gethandle.arg;
	uint32_t rights = p9_request_rights(req);

	if (wanted)
		rights &= (uint32_t)wanted;
	req->r.gethandle.value = rights;
	return p9_session_narrow(req, req->fid, rights, &req->handle);
}

/* Mapping a file is reading or writing it. */
static int gethandle_vmo_check(struct p9_request *req)
{
	const struct p9_fid *fid = req->fid;
	uint32_t rights = RIGHT_MMAP | RIGHT_READ;
	uint64_t prot = req->t.gethandle.arg;

	if (!prot || prot & ~(uint64_t)(PROT_R | PROT_W | PROT_X))
		return -EINVAL;
	if (!fid->open || (fid->oflags & P9_O_ACCMODE) == P9_O_WRONLY)
		return -EBADF;
	if (prot & PROT_W && (fid->oflags & P9_O_ACCMODE) != P9_O_RDWR)
		return -EACCES;
	rights |= prot & PROT_W ? RIGHT_WRITE : 0;
	rights |= prot & PROT_X ? RIGHT_EXECUTE : 0;
	return p9_rights_check(req, rights, 0);
}

/* What can be read only. */
static int gethandle_pages_check(struct p9_request *req)
{
	const struct p9_fid *fid = req->fid;

	if (req->t.gethandle.arg)
		return -EINVAL;
	if (!fid->open || (fid->oflags & P9_O_ACCMODE) == P9_O_WRONLY)
		return -EBADF;
	return p9_rights_check(req, RIGHT_MMAP | RIGHT_READ, 0);
}

int p9_run_gethandle(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	uint32_t kind = req->t.gethandle.kind;
	int err = 0;

	req->r.gethandle.kind = kind;
	req->r.gethandle.value = 0;
	if (kind == P9_HANDLE_SESSION)
		return gethandle_session(req);
	if (kind == P9_HANDLE_VMO)
		err = gethandle_vmo_check(req);
	else if (kind == P9_HANDLE_PAGES)
		err = gethandle_pages_check(req);
	else if (kind != P9_HANDLE_SIGNAL && kind != P9_HANDLE_DEVICE)
		err = -EINVAL;
	if (err)
		return err;
	if (!ops->gethandle)
		return -EOPNOTSUPP;
	return p9_op_status(req, ops->gethandle(req, req->fid, (enum p9_handle_kind)kind,
						req->t.gethandle.arg, &req->r.gethandle.value,
						&req->handle));
}

/* Every handle that can send has WRITE, so a connector says by CHANGE whether its sessions may. */
int p9_run_connect(struct p9_request *req)
{
	struct p9_session *s = req->session;
	uint32_t rights = p9_request_rights(req);

	if (!(s->flags & P9_SESSION_CONNECTOR))
		return -EOPNOTSUPP;
	if (!(rights & RIGHT_CHANGE))
		rights &= ~RIGHT_WRITE;
	return p9_session_narrow(req, s->root, rights, &req->handle);
}

/* SPDX-License-Identifier: ISC */
/*
 * engine.h: what the engine's files know of each other. Private to lib/9p.
 *
 * A message becomes a request; its handler (handlers in dispatch.c) calls ops, one after the
 * other. An op that keeps the request ends the call; when it responds, next_step goes on where the
 * handler had stopped. So a handler of several ops is a few functions, each of which is called
 * with the status of the op before.
 *
 * A handler or step returns what an op returns: 0 (req->r is the answer), a negative errno, or
 * P9_KEEP (the request is an op's, or has been answered already).
 */
#pragma once
#include <errno.h>
#include "9p/server.h"

/* One memory block of many fids or requests; kept until the server ends. */
struct p9_block {
	struct p9_block *next;
	max_align_t data[];
};

enum p9_request_state {
	P9_REQUEST_FREE,
	P9_REQUEST_ACTIVE,    /* the engine or an op has it, on the stack below */
	P9_REQUEST_RESPONDED, /* the op responded before it returned: status counts */
	P9_REQUEST_SENT,      /* the reply has gone, the op has not returned yet */
	P9_REQUEST_KEPT,      /* an op has it, and will respond */
};

struct p9_handler {
	int (*run)(struct p9_request *req);
	uint32_t rights; /* RIGHT_*: all are needed */
	uint32_t pledge; /* PLEDGE_*: needed */
	bool fid;	 /* t.fid is looked up first */
	bool urgent;	 /* also served at the limit of requests */
};

/* share.c */
/* One silo as a client of this server. */
struct p9_peer {
	struct p9_peer *next; /* hash chain */
	uint32_t silo, sessions;
	uint64_t memory; /* bytes */
};
/* Charge a silo; force: above its share, too. Errors: -ENOMEM. */
P9_MUST int p9_charge(struct p9_server *server, uint32_t silo, uint64_t bytes, bool force,
		      struct p9_peer **out);
/* peer NULL: nothing was charged. */
void p9_uncharge(struct p9_server *server, struct p9_peer *peer, uint64_t bytes);
/* The same for a session of so many bytes. Errors: -ENFILE, -ENOMEM. */
P9_MUST int p9_charge_session(struct p9_server *server, uint32_t silo, uint64_t bytes,
			      struct p9_peer **out);
void p9_uncharge_session(struct p9_server *server, struct p9_peer *peer, uint64_t bytes);
/* The server ends: those that ops have charged and will not give back. */
void p9_peers_free(struct p9_server *server);

/* fid.c */
struct p9_fid *p9_fid_find(struct p9_session *s, uint32_t num);
/* A fid in no table, with one reference, charged to `who` (NULL: to nobody). spare: one above the
 * limits is allowed, for a fid that will replace another or soon goes. NULL and *err. */
struct p9_fid *p9_fid_new(struct p9_session *s, const struct identity *who, bool spare, int *err);
/* The same with from's node. */
struct p9_fid *p9_fid_clone(struct p9_fid *from, const struct identity *who, bool spare, int *err);
void p9_fid_insert(struct p9_fid *fid, uint32_t num);
/* Take it out of the table, and let the table's reference go. */
void p9_fid_remove(struct p9_fid *fid);
void p9_fid_put(struct p9_fid *fid);
/* Free a fid that has got no node yet. */
void p9_fid_discard(struct p9_fid *fid);
/* Node, open state and name change places; what they are charged stays. */
void p9_fid_swap(struct p9_fid *a, struct p9_fid *b);
/* Remove all but the root of a local session. */
void p9_fid_remove_all(struct p9_session *s, bool root_too);

/* request.c */
struct p9_request *p9_request_take(struct p9_server *server);
/* Make the frame survive if the op should keep the request. */
P9_MUST int p9_request_prepare(struct p9_request *req);
/* A handler or step has returned r: answer, or hold. Returns 0 or P9_KEEP. */
int p9_request_settle(struct p9_request *req, int r);
/* Stop a kept request. False: it goes on. */
bool p9_request_cancel(struct p9_request *req);
/* Stop all requests; those that go on are answered to nobody. */
void p9_request_cancel_all(struct p9_session *s);
/* What an op returned, if it did not respond meanwhile. */
static inline int p9_op_status(struct p9_request *req, int r)
{
	if (r != P9_KEEP || req->state != P9_REQUEST_RESPONDED)
		return r;
	req->state = P9_REQUEST_ACTIVE;
	return req->status;
}

/* The op returned r; then comes `then`, now or later. */
static inline int p9_op_then(struct p9_request *req, int r,
			     int (*then)(struct p9_request *req, int status))
{
	r = p9_op_status(req, r);
	if (r != P9_KEEP)
		return then(req, r);
	req->next_step = then;
	return P9_KEEP;
}

/* req->fid is being changed: nobody else may until this request is released. */
static inline void p9_fid_occupy(struct p9_request *req)
{
	req->fid->busy = true;
	req->occupies = true;
}

/* The answer to a request for which the server has no op. */
static inline int p9_op_absent(const struct p9_request *req)
{
	return req->session->server->ops->write ? -EOPNOTSUPP : -EROFS;
}

/* A qid as the client may see it. */
static inline void p9_qid_show(const struct p9_request *req, struct p9_qid *qid)
{
	if (req->session->dialect != P9_DIALECT_LOCAL)
		qid->type &= (uint8_t)~P9_QTMOUNT;
}

/* dispatch.c */
extern const struct p9_handler p9_handlers[P9_TYPES];
P9_MUST int p9_rights_check(struct p9_request *req, uint32_t rights, uint32_t pledge);

/* session.c */
P9_MUST int p9_session_narrow(struct p9_request *req, struct p9_fid *fid, uint32_t rights,
			      uint32_t *handle);
void p9_session_reap(struct p9_session *s);

/* walk.c */
int p9_run_walk(struct p9_request *req);
int p9_run_attach(struct p9_request *req);
/* May newfid be made from req->fid? */
P9_MUST int p9_newfid_check(struct p9_request *req, uint32_t newfid);
/* req->walk becomes a copy of req->fid, on its way to newfid. */
P9_MUST int p9_walk_begin(struct p9_request *req, uint32_t newfid);
/* One step of req->walk, with every rule for "..". name: ".." or one that p9_name_check accepts.
 * 0, an error, or P9_KEEP: call p9_walk_resume with the status that comes. */
P9_MUST int p9_walk_step(struct p9_request *req, struct p9_str name);
P9_MUST int p9_walk_resume(struct p9_request *req, int status);
/* req->walk enters the table. */
P9_MUST int p9_walk_commit(struct p9_request *req, uint32_t newfid);
/* The next component of path behind *at, which moves behind it; "." and empty ones are skipped.
 * 1: *name is one that p9_walk_step takes; 0: no more; -EINVAL, -ENAMETOOLONG. */
P9_MUST int p9_path_next(struct p9_str path, uint32_t *at, struct p9_str *name);

/* resolve.c */
int p9_run_resolve(struct p9_request *req);

/* io.c */
int p9_run_lopen(struct p9_request *req);
int p9_run_lcreate(struct p9_request *req);
int p9_run_read(struct p9_request *req);
int p9_run_readdir(struct p9_request *req);
int p9_run_write(struct p9_request *req);
int p9_run_fsync(struct p9_request *req);
int p9_run_lock(struct p9_request *req);
int p9_run_getlock(struct p9_request *req);
/* May the caller open a file so? */
P9_MUST int p9_open_permit(struct p9_request *req, uint32_t oflags);
/* Can this fid be opened so? */
P9_MUST int p9_open_check(struct p9_request *req, const struct p9_fid *fid, uint32_t oflags);
/* Open fid, then run `then`; the caller has checked. */
int p9_open_start(struct p9_request *req, struct p9_fid *fid, uint32_t oflags,
		  int (*then)(struct p9_request *, int));
void p9_open_mark(struct p9_fid *fid, uint32_t oflags);
/* Begin an Rreaddir of at most count bytes. */
int p9_readdir_start(struct p9_request *req, uint64_t offset, uint32_t count,
		     int (*then)(struct p9_request *, int));

/* meta.c */
int p9_run_getattr(struct p9_request *req);
int p9_run_setattr(struct p9_request *req);
int p9_run_statfs(struct p9_request *req);
int p9_run_readlink(struct p9_request *req);
int p9_run_mkdir(struct p9_request *req);
int p9_run_symlink(struct p9_request *req);
int p9_run_mknod(struct p9_request *req);
int p9_run_link(struct p9_request *req);
int p9_run_rename(struct p9_request *req);
int p9_run_renameat(struct p9_request *req);
int p9_run_unlinkat(struct p9_request *req);
int p9_run_remove(struct p9_request *req);
int p9_run_gethandle(struct p9_request *req);
int p9_run_connect(struct p9_request *req);
/* Zero *attr and call the op. */
int p9_getattr_start(struct p9_request *req, struct p9_fid *fid, uint64_t mask,
		     struct p9_attr *attr);

/* legacy.c: 9P2000 */
int p9_run_open2000(struct p9_request *req);
int p9_run_create2000(struct p9_request *req);
int p9_run_stat2000(struct p9_request *req);
int p9_run_wstat2000(struct p9_request *req);
int p9_read_dir2000(struct p9_request *req);
/* fid->path becomes from's path and the names of the walk. 0 or -ENOMEM, -ENAMETOOLONG. */
P9_MUST int p9_path_extend(struct p9_fid *fid, const struct p9_fid *from,
			   const struct p9_str *names, unsigned count);
void p9_dir_state_free(struct p9_dir_state *dir);

/* SPDX-License-Identifier: ISC */
/*
 * dispatch.c: what happens to a message before its handler: decoded, limited, permitted, its fid
 * found. And the handlers that are about the session itself: version, auth, flush, clunk.
 *
 * Order of the checks, which decides the error that a client sees: the frame (EBADMSG), the type
 * (EOPNOTSUPP), connector (EPERM), limit (EAGAIN), rights (EACCES), pledges (EPERM), fid (EBADF).
 */
#include <errno.h>
#include <string.h>
#include "9p/engine.h"

int p9_rights_check(struct p9_request *req, uint32_t rights, uint32_t pledge)
{
	const struct p9_transport *t = req->session->transport;

	if (rights & ~p9_request_rights(req))
		return -EACCES;
	if (!(pledge & ~req->from.pledges))
		return 0;
	if (t->violation &&
	    !t->violation(req->session->transport_ctx, req->cookie, pledge & ~req->from.pledges)) {
		req->abandoned = true; /* answered there */
		return -EPERM;
	}
	return -EPERM;
}

uint32_t p9_request_rights(const struct p9_request *req)
{
	return req->session->rights & req->from.rights;
}

static const char *version_choose(struct p9_session *s, struct p9_str asked)
{
	if (asked.len < 6 || memcmp(asked.ptr, "9P2000", 6))
		return NULL;
	if (p9_str_equal(asked, "9P2000.L")) {
		s->dialect = P9_DIALECT_L;
		return "9P2000.L";
	}
	if (asked.len > 6 && asked.ptr[6] != '.')
		return NULL;
	s->dialect = P9_DIALECT_2000; /* an extension that we do not have */
	return "9P2000";
}

/* Ends whatever was going on in the session. Spec: version(5). */
static int run_version(struct p9_request *req)
{
	struct p9_session *s = req->session;
	bool local = s->flags & P9_SESSION_LOCAL;
	const char *version;

	if (req->t.version.msize < P9_MSIZE_MIN)
		return -EINVAL;
	p9_request_cancel_all(s);
	p9_fid_remove_all(s, !local);
	s->dialect = P9_DIALECT_NONE;
	s->msize = req->t.version.msize < s->msize_max ? req->t.version.msize : s->msize_max;
	version = version_choose(s, req->t.version.version);
	if (local)
		s->dialect = P9_DIALECT_LOCAL;
	req->r.version.msize = s->msize;
	req->r.version.version = p9_str_from(version ? version : "unknown");
	return 0;
}

/*
 * Who may use the session was decided when it was made. Clients of 9P2000.L take ENOENT for "not
 * needed", and any other error for a refusal; to clients of 9P2000 every error says so.
 */
static int run_auth(struct p9_request *req)
{
	return req->session->dialect == P9_DIALECT_2000 ? -EOPNOTSUPP : -ENOENT;
}

static int run_flush(struct p9_request *req)
{
	struct p9_session *s = req->session;
	struct p9_request *old = s->kept;

	while (old && (old->t.tag != req->t.flush.oldtag || old->abandoned))
		old = old->next;
	if (!old || p9_request_cancel(old))
		return 0;
	if (s->kept_count >= s->server->limits.requests * 2)
		return -EAGAIN;
	req->flushed = old;
	req->next_flusher = old->flushers;
	old->flushers = req;
	return P9_KEEP;
}

static int run_clunk(struct p9_request *req)
{
	if (req->fid->root)
		return -EINVAL;
	p9_fid_remove(req->fid);
	return 0;
}

static int run_unsupported(struct p9_request *req)
{
	(void)req;
	return -EOPNOTSUPP;
}

#define READ_ONLY  RIGHT_READ
#define CHANGES	   RIGHT_WRITE, PLEDGE_CPATH
#define ATTRIBUTES RIGHT_STAT

const struct p9_handler p9_handlers[P9_TYPES] = {
	[P9_TVERSION] = {run_version, 0, 0, false, true},
	[P9_TAUTH] = {run_auth, 0, 0, false, false},
	[P9_TATTACH] = {p9_run_attach, 0, 0, false, false},
	[P9_TFLUSH] = {run_flush, 0, 0, false, true},
	[P9_TWALK] = {p9_run_walk, 0, 0, true, false},
	[P9_TREAD] = {p9_run_read, READ_ONLY, 0, true, false},
	[P9_TWRITE] = {p9_run_write, RIGHT_WRITE, 0, true, false},
	[P9_TCLUNK] = {run_clunk, 0, 0, true, true},
	[P9_TREMOVE] = {p9_run_remove, 0, 0, true, false}, /* clunks without rights, too */

	[P9_TOPEN] = {p9_run_open2000, 0, 0, true, false},
	[P9_TCREATE] = {p9_run_create2000, CHANGES, true, false},
	[P9_TSTAT] = {p9_run_stat2000, ATTRIBUTES, 0, true, false},
	[P9_TWSTAT] = {p9_run_wstat2000, RIGHT_WRITE, 0, true, false},

	[P9_TSTATFS] = {p9_run_statfs, ATTRIBUTES, PLEDGE_RPATH, true, false},
	[P9_TLOPEN] = {p9_run_lopen, 0, 0, true, false},
	[P9_TLCREATE] = {p9_run_lcreate, CHANGES, true, false},
	[P9_TSYMLINK] = {p9_run_symlink, CHANGES, true, false},
	[P9_TMKNOD] = {p9_run_mknod, CHANGES, true, false},
	[P9_TRENAME] = {p9_run_rename, CHANGES, true, false},
	[P9_TREADLINK] = {p9_run_readlink, READ_ONLY, PLEDGE_RPATH, true, false},
	[P9_TGETATTR] = {p9_run_getattr, ATTRIBUTES, 0, true, false},
	[P9_TSETATTR] = {p9_run_setattr, RIGHT_WRITE, 0, true, false},
	[P9_TXATTRWALK] = {run_unsupported, 0, 0, true, false},
	[P9_TXATTRCREATE] = {run_unsupported, 0, 0, true, false},
	[P9_TREADDIR] = {p9_run_readdir, READ_ONLY, 0, true, false},
	[P9_TFSYNC] = {p9_run_fsync, 0, 0, true, false},
	[P9_TLOCK] = {p9_run_lock, 0, 0, true, false},
	[P9_TGETLOCK] = {p9_run_getlock, 0, 0, true, false},
	[P9_TLINK] = {p9_run_link, CHANGES, true, false},
	[P9_TMKDIR] = {p9_run_mkdir, CHANGES, true, false},
	[P9_TRENAMEAT] = {p9_run_renameat, CHANGES, true, false},
	[P9_TUNLINKAT] = {p9_run_unlinkat, CHANGES, true, false},

	[P9_TGETHANDLE] = {p9_run_gethandle, 0, 0, true, false},
	[P9_TCONNECT] = {p9_run_connect, 0, 0, false, false},
	[P9_TRESOLVE] = {p9_run_resolve, 0, 0, true, false},
};

static int request_run(struct p9_request *req)
{
	struct p9_session *s = req->session;
	const struct p9_handler *h = &p9_handlers[req->t.type];
	int err;

	if (s->flags & P9_SESSION_CONNECTOR && req->t.type != P9_TCONNECT)
		return -EPERM;
	if (!h->urgent && s->kept_count >= s->server->limits.requests)
		return -EAGAIN;
	err = p9_rights_check(req, h->rights, h->pledge);
	if (err)
		return err;
	if (h->fid) {
		req->fid = p9_fid_find(s, req->t.fid);
		if (!req->fid)
			return -EBADF;
	}
	if (p9_type_has_views(req->t.type)) {
		err = p9_request_prepare(req);
		if (err)
			return err;
	}
	return h->run(req);
}

/* No memory for a request: say so without one. */
static int message_refuse(struct p9_session *s, const struct p9_message *m)
{
	struct p9_rmsg r = {.type = P9_RLERROR, .lerror.ecode = ENOMEM};
	enum p9_dialect dialect = s->dialect;
	uint32_t size, cap;
	uint8_t type;
	void *frame;
	int len;

	if (p9_head_decode(m->frame, m->len, &size, &type, &r.tag))
		return -EBADMSG;
	if (dialect != P9_DIALECT_L && dialect != P9_DIALECT_LOCAL) {
		r.type = P9_RERROR;
		r.error.ename = p9_str_from(p9_error_text(ENOMEM));
	}
	frame = s->transport->begin(s->transport_ctx, m->cookie, &cap);
	len = p9_encode_r(&r, dialect, frame, cap);
	if (len > 0)
		s->transport->reply(s->transport_ctx, m->cookie, (uint32_t)len, NULL, 0, 0);
	return 0;
}

int p9_server_message(struct p9_session *s, const struct p9_message *m)
{
	struct p9_server *server = s->server;
	struct p9_request *req;
	int err;

	if (m->len < P9_HEAD)
		return -EBADMSG;
	req = p9_request_take(server);
	if (!req)
		return message_refuse(s, m);
	server->served++;
	req->session = s;
	req->cookie = m->cookie;
	req->in_len = m->in_len;
	req->out_max = m->out_max;
	req->frame = m->frame;
	req->frame_len = m->len;
	req->from = *m->from;
	memcpy(&req->t.tag, (const uint8_t *)m->frame + 5, 2);
	err = p9_decode_t(&req->t, s->dialect, m->frame, m->len, m->in_len);
	return p9_request_settle(req, err ? err : request_run(req));
}

void p9_server_each_fid(struct p9_server *server, void (*fn)(void *arg, struct p9_fid *fid),
			void *arg)
{
	struct p9_session *s;
	struct p9_fid *fid;

	for (unsigned i = 0; i < P9_SESSION_BUCKETS; i++)
		for (s = server->sessions[i]; s; s = s->next)
			for (uint32_t b = 0; b <= s->bucket_mask; b++)
				for (fid = s->buckets[b]; fid; fid = fid->next)
					fn(arg, fid);
}

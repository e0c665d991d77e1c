/* SPDX-License-Identifier: ISC */
/*
 * request.c: the life of a request, from the pool and back.
 *
 *	FREE -> ACTIVE -> FREE                          answered at once
 *	        ACTIVE -> RESPONDED -> ACTIVE           the op responded before it returned
 *	        ACTIVE -> SENT -> FREE                  the op sent data before it returned
 *	        ACTIVE -> KEPT -> ACTIVE -> ...         the op keeps it and responds later
 *
 * Invariant: a request is in the session's list of kept ones from the first time that it is kept
 * until it is released; it holds a reference on its fids meanwhile. Release happens exactly once,
 * behind the reply or the drop, and ends whatever the request still had: a fid on its way, a
 * handle that was not sent. Then the Tflush requests that waited for it are answered.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p/engine.h"

#define REQUESTS_A_BLOCK 8u
#define COPY_KEEP	 8192u /* larger buffers are freed with their request */

struct p9_request *p9_request_take(struct p9_server *server)
{
	struct p9_block *block;
	struct p9_request *req;

	if (!server->free_requests) {
		block = malloc(sizeof(*block) + REQUESTS_A_BLOCK * sizeof(*req));
		if (!block)
			return NULL;
		block->next = server->blocks;
		server->blocks = block;
		req = (struct p9_request *)block->data;
		for (unsigned i = 0; i < REQUESTS_A_BLOCK; i++, req++) {
			req->copy = req->buffer = NULL;
			req->copy_size = req->buffer_size = 0;
			req->state = P9_REQUEST_FREE;
			req->next = server->free_requests;
			server->free_requests = req;
		}
	}
	req = server->free_requests;
	server->free_requests = req->next;
	req->fid = req->fid2 = req->walk = req->climb = NULL;
	req->aux = NULL;
	req->handle = 0;
	req->peer = NULL;
	req->in_list = req->abandoned = req->views = req->occupies = false;
	req->next_step = NULL;
	req->flushers = req->flushed = NULL;
	req->state = P9_REQUEST_ACTIVE;
	return req;
}

int p9_request_prepare(struct p9_request *req)
{
	uint8_t *copy;

	req->views = true;
	if (req->copy_size >= req->frame_len)
		return 0;
	copy = realloc(req->copy, req->frame_len < 512 ? 512 : req->frame_len);
	if (!copy)
		return -ENOMEM;
	req->copy = copy;
	req->copy_size = req->frame_len < 512 ? 512 : req->frame_len;
	return 0;
}

void *p9_request_buffer(struct p9_request *req, uint32_t size)
{
	uint8_t *buffer;

	if (req->buffer_size >= size)
		return req->buffer;
	buffer = realloc(req->buffer, size);
	if (!buffer)
		return NULL;
	req->buffer = buffer;
	req->buffer_size = size;
	return buffer;
}

static void list_add(struct p9_request *req)
{
	struct p9_session *s = req->session;

	req->next = s->kept;
	req->back = &s->kept;
	if (s->kept)
		s->kept->back = &req->next;
	s->kept = req;
	s->kept_count++;
	req->in_list = true;
	if (req->fid)
		req->fid->refs++;
	if (req->fid2)
		req->fid2->refs++;
}

static void list_remove(struct p9_request *req)
{
	*req->back = req->next;
	if (req->next)
		req->next->back = req->back;
	req->session->kept_count--;
	req->in_list = false;
	p9_uncharge(req->session->server, req->peer, req->charged);
	req->peer = NULL;
	if (req->fid)
		p9_fid_put(req->fid);
	if (req->fid2)
		p9_fid_put(req->fid2);
}

static void buffers_trim(struct p9_request *req)
{
	if (req->copy_size > COPY_KEEP) {
		free(req->copy);
		req->copy = NULL;
		req->copy_size = 0;
	}
	if (req->buffer_size > COPY_KEEP) {
		free(req->buffer);
		req->buffer = NULL;
		req->buffer_size = 0;
	}
}

static void flusher_unlink(struct p9_request *flusher)
{
	struct p9_request **at = &flusher->flushed->flushers;

	while (*at != flusher)
		at = &(*at)->next_flusher;
	*at = flusher->next_flusher;
	flusher->flushed = NULL;
}

/* Give back what only some requests have. */
static void request_clean(struct p9_request *req)
{
	struct p9_session *s = req->session;

	if (req->occupies)
		req->fid->busy = false;
	if (req->walk)
		p9_fid_put(req->walk);
	if (req->climb)
		p9_fid_put(req->climb);
	if (req->handle && s->transport->handle_close)
		s->transport->handle_close(s->transport_ctx, req->handle);
	if (req->flushed)
		flusher_unlink(req);
	if (req->in_list)
		list_remove(req);
	if (req->copy_size > COPY_KEEP || req->buffer_size > COPY_KEEP)
		buffers_trim(req);
}

static void flushers_answer(struct p9_request *flusher)
{
	struct p9_request *next;

	for (; flusher; flusher = next) {
		next = flusher->next_flusher;
		flusher->flushed = NULL;
		p9_respond(flusher, 0);
	}
}

/* The request has been answered or dropped. */
static void request_release(struct p9_request *req)
{
	struct p9_session *s = req->session;
	struct p9_server *server = s->server;
	struct p9_request *flushers = req->flushers;

	if (req->in_list || req->views || req->handle || req->walk || req->occupies ||
	    req->buffer_size > COPY_KEEP)
		request_clean(req);
	req->state = P9_REQUEST_FREE;
	req->next = server->free_requests;
	server->free_requests = req;
	if (flushers)
		flushers_answer(flushers);
	if (s->dead && !s->kept_count)
		p9_session_reap(s);
}

static void reply_error(struct p9_request *req, int err)
{
	struct p9_session *s = req->session;
	struct p9_rmsg r = {.tag = req->t.tag};
	uint32_t cap;
	void *frame;
	int len;

	s->server->errors++;
	if (s->dialect == P9_DIALECT_L || s->dialect == P9_DIALECT_LOCAL) {
		r.type = P9_RLERROR;
		r.lerror.ecode = (uint32_t)-err;
	} else {
		r.type = P9_RERROR;
		r.error.ename = p9_str_from(p9_error_text(-err));
	}
	frame = s->transport->begin(s->transport_ctx, req->cookie, &cap);
	len = p9_encode_r(&r, s->dialect, frame, cap);
	assert(len > 0); /* begin gives room for the smallest message */
	s->transport->reply(s->transport_ctx, req->cookie, (uint32_t)len, NULL, 0, 0);
}

/* Send req->r; data goes behind the frame. */
static void reply_message(struct p9_request *req)
{
	struct p9_session *s = req->session;
	const void *payload = NULL;
	uint32_t cap, payload_len = 0;
	void *frame;
	int len;

	req->r.type = req->t.type + 1;
	req->r.tag = req->t.tag;
	if (req->r.type == P9_RREAD || req->r.type == P9_RREADDIR) {
		payload = req->r.data.ptr;
		payload_len = req->r.data.len;
		req->r.data.ptr = NULL;
	}
	frame = s->transport->begin(s->transport_ctx, req->cookie, &cap);
	len = p9_encode_r(&req->r, s->dialect, frame, cap);
	if (len < 0) {
		reply_error(req, -ENAMETOOLONG);
		return;
	}
	s->transport->reply(s->transport_ctx, req->cookie, (uint32_t)len, payload, payload_len,
			    req->handle);
	req->handle = 0;
}

static void request_answer(struct p9_request *req, int r)
{
	if (req->abandoned)
		return;
	if (r < 0)
		reply_error(req, r);
	else
		reply_message(req);
}

/* The request cannot stay open for reason err, but an op has it. */
static void hold_failed(struct p9_request *req, int err)
{
	const struct p9_ops *ops = req->session->server->ops;

	reply_error(req, err);
	req->abandoned = true;
	if (req->t.type == P9_TFLUSH || (ops->flush && !ops->flush(req)))
		request_release(req);
}

/* True: its client has its share already. It is charged all the same: an op may not let go of it.
 */
static bool request_charge(struct p9_request *req)
{
	struct p9_server *server = req->session->server;
	bool flush = req->t.type == P9_TFLUSH;
	int err;

	req->charged = sizeof(*req) + req->copy_size + req->buffer_size;
	err = p9_charge(server, req->from.silo, req->charged, flush, &req->peer);
	if (!err)
		return false;
	if (p9_charge(server, req->from.silo, req->charged, true, &req->peer))
		req->charged = 0; /* no memory for its client even */
	return !flush;
}

/* An op keeps the request: what it needs must outlive the call. P9_KEEP, or 0: it was refused. */
static int request_hold(struct p9_request *req)
{
	struct p9_session *s = req->session;
	bool full;
	int err;

	req->state = P9_REQUEST_KEPT;
	if (req->in_list)
		return P9_KEEP;
	list_add(req);
	full = request_charge(req);
	if (req->views) {
		memcpy(req->copy, req->frame, req->frame_len);
		req->frame = req->copy;
		err = p9_decode_t(&req->t, s->dialect, req->copy, req->frame_len, req->in_len);
		assert(!err); /* it was decoded before */
	}
	err = full ? -EAGAIN : 0;
	if (!err && s->transport->keep)
		err = s->transport->keep(s->transport_ctx, &req->cookie);
	if (!err)
		return P9_KEEP;
	hold_failed(req, err);
	return 0;
}

int p9_request_settle(struct p9_request *req, int r)
{
	if (r == P9_KEEP && req->state != P9_REQUEST_SENT)
		return request_hold(req);
	if (r != P9_KEEP)
		request_answer(req, r);
	request_release(req);
	return 0;
}

int p9_respond(struct p9_request *req, int status)
{
	assert(req->state == P9_REQUEST_ACTIVE || req->state == P9_REQUEST_KEPT);
	assert(status <= 0);
	if (req->state == P9_REQUEST_ACTIVE) {
		req->status = status;
		req->state = P9_REQUEST_RESPONDED;
		return P9_KEEP;
	}
	req->state = P9_REQUEST_ACTIVE;
	p9_request_settle(req, req->next_step ? req->next_step(req, status) : status);
	return P9_KEEP;
}

/* Send an Rread now; the memory at ptr is the op's again afterwards. */
static int respond_read(struct p9_request *req, const void *ptr, uint32_t len)
{
	bool kept = req->state == P9_REQUEST_KEPT;

	assert(req->state == P9_REQUEST_ACTIVE || kept);
	assert(req->t.type == P9_TREAD && len <= req->t.read.count);
	req->r.data = (struct p9_data){ptr, len};
	request_answer(req, 0);
	if (kept)
		request_release(req);
	else
		req->state = P9_REQUEST_SENT;
	return P9_KEEP;
}

int p9_respond_data(struct p9_request *req, const void *ptr, uint32_t len)
{
	return respond_read(req, len ? ptr : "", len);
}

int p9_respond_put(struct p9_request *req, uint32_t len)
{
	return respond_read(req, len ? NULL : "", len);
}

void p9_request_wrote(struct p9_request *req, uint32_t count)
{
	assert(req->t.type == P9_TWRITE && count <= req->t.write.data.len);
	req->r.write.count = count;
}

int p9_request_get(struct p9_request *req, uint32_t offset, void *dst, uint32_t len)
{
	const struct p9_session *s = req->session;
	const struct p9_data *data = &req->t.write.data;

	if (req->t.type != P9_TWRITE || offset > data->len || len > data->len - offset)
		return -EINVAL;
	if (!len)
		return 0;
	if (data->ptr) {
		memcpy(dst, (const uint8_t *)data->ptr + offset, len);
		return 0;
	}
	if (req->abandoned)
		return -EFAULT;
	return s->transport->get(s->transport_ctx, req->cookie, offset, dst, len);
}

const void *p9_request_data(const struct p9_request *req)
{
	return req->t.type == P9_TWRITE ? req->t.write.data.ptr : NULL;
}

int p9_request_put(struct p9_request *req, uint32_t offset, const void *src, uint32_t len)
{
	const struct p9_session *s = req->session;

	if (req->t.type != P9_TREAD || offset > req->t.read.count ||
	    len > req->t.read.count - offset)
		return -EINVAL;
	if (!s->transport->put)
		return -EOPNOTSUPP;
	if (!len)
		return 0;
	if (req->abandoned)
		return -EFAULT;
	return s->transport->put(s->transport_ctx, req->cookie, offset, src, len);
}

bool p9_request_cancel(struct p9_request *req)
{
	const struct p9_session *s = req->session;
	const struct p9_ops *ops = s->server->ops;

	if (req->t.type != P9_TFLUSH && (!ops->flush || ops->flush(req)))
		return false;
	if (!req->abandoned && s->transport->drop)
		s->transport->drop(s->transport_ctx, req->cookie);
	req->abandoned = true;
	request_release(req);
	return true;
}

/* The first kept request that is still waited for. */
static struct p9_request *kept_find(struct p9_session *s, bool flushes)
{
	struct p9_request *req = s->kept;

	while (req && (req->abandoned || (req->t.type == P9_TFLUSH) != flushes))
		req = req->next;
	return req;
}

/* Flushes go first and in silence: they would be answered when what they wait for ends. */
void p9_request_cancel_all(struct p9_session *s)
{
	struct p9_request *req;

	while ((req = kept_find(s, true)))
		(void)p9_request_cancel(req);
	while ((req = kept_find(s, false))) {
		if (p9_request_cancel(req))
			continue;
		if (s->transport->drop)
			s->transport->drop(s->transport_ctx, req->cookie);
		req->abandoned = true;
	}
}

void p9_server_abandon(struct p9_session *s, uint64_t cookie)
{
	struct p9_request *req = s->kept;

	while (req && (req->cookie != cookie || req->abandoned))
		req = req->next;
	if (req)
		(void)p9_request_cancel(req);
}

/* SPDX-License-Identifier: ISC */
/*
 * output.c: what silos write to their descriptors 1 and 2, and who reads it.
 *
 * A silo's descriptors are one sender of sipd's own channel with a badge of OUTPUT_BADGE + place:
 * a session whose root is an open file that takes writes and reads as empty. What is written goes
 * to the silo's ring of 4 KiB; srvID/output reads it, from the oldest byte that is kept, blocks at
 * the end, and ends when the silo has.
 *
 * Without a reader the oldest goes first. A writer waits for readers that have not read what it
 * would overwrite, but no longer than STALL_NS without progress: then the slow reader misses text,
 * which is counted. Invariants: a reader's pos is at most head; waiting readers stand at head. An
 * answer may be the end of its reader, whose fid was clunked meanwhile: while answers are given
 * (`busy`) nothing is freed but that reader, and writers are not looked at again.
 *
 * Who may lie: the program, in every byte; nothing of it is looked at.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sys/info.h"
#include "sys/log.h"

#define OUTPUT_SIZE  4096u
#define OUTPUT_BADGE (P9_ID_NARROWED | 0x1000u) /* the engine's own ids begin far above */
#define OUTPUT_QID   (1ull << 63)
#define STALL_NS     (2 * NS_PER_S)

struct reader {
	struct reader *next;
	struct output *output;
	uint64_t pos;
	bool slow; /* writers no longer wait for it */
	struct p9_request *waiting;
};

/* A write that waits; lies in its request's buffer. */
struct writer {
	struct writer *next;
	struct p9_request *req;
};

struct output {
	struct silo *silo; /* NULL: it is gone, and the last reader frees this */
	uint64_t head;	   /* bytes ever written */
	uint64_t dropped;  /* bytes that readers missed */
	bool busy;	   /* readers are being answered */
	uint64_t stalled;  /* ns: since when the first writer waits; 0: none does */
	struct reader *readers;
	struct writer *writers, **writers_end;
	char ring[OUTPUT_SIZE];
};

static uint64_t oldest(const struct output *o)
{
	return o->head > OUTPUT_SIZE ? o->head - OUTPUT_SIZE : 0;
}

/* Will nothing more come? */
static bool finished(const struct output *o)
{
	if (!o->silo)
		return true;
	switch (o->silo->slot->life.state) {
	case LIFE_CREATED:
	case LIFE_WAITING:
	case LIFE_LOADING:
	case LIFE_RUNNING:
	case LIFE_PAUSED:
	case LIFE_STOPPING:
	case LIFE_BACKOFF: return false;
	case LIFE_STOPPED:
	case LIFE_CRASHED:
	case LIFE_EXHAUSTED:
	case LIFE_DESTROYED:
	case LIFE_STATES: break;
	}
	return true;
}

/* ---- the ring --------------------------------------------------------------------------- */

static void deliver(struct reader *r, struct p9_request *req, uint32_t count)
{
	struct output *o = r->output;
	uint64_t len = o->head - r->pos;
	uint32_t at;

	if (r->pos < oldest(o)) {
		o->dropped += oldest(o) - r->pos;
		r->pos = oldest(o);
		len = o->head - r->pos;
	}
	at = (uint32_t)(r->pos % OUTPUT_SIZE);
	len = len < count ? len : count;
	len = len < OUTPUT_SIZE - at ? len : OUTPUT_SIZE - at;
	r->pos += len;
	r->slow = false;
	(void)p9_respond_data(req, o->ring + at, (uint32_t)len);
}

/* One who waits and need not any longer, or NULL. */
static struct reader *reader_due(const struct output *o, bool end)
{
	struct reader *r = o->readers;

	while (r && (!r->waiting || (r->pos == o->head && !end)))
		r = r->next;
	return r;
}

static void readers_wake(struct output *o)
{
	bool end = finished(o);
	struct reader *r;

	o->busy = true;
	while ((r = reader_due(o, end))) {
		struct p9_request *req = r->waiting;

		r->waiting = NULL;
		deliver(r, req, req->t.read.count);
	}
	o->busy = false;
}

/* How many bytes fit before a reader that counts would miss some. */
static uint32_t room(const struct output *o)
{
	uint64_t room = OUTPUT_SIZE;

	for (const struct reader *r = o->readers; r; r = r->next) {
		uint64_t behind = o->head - r->pos;

		if (!r->slow && OUTPUT_SIZE - (behind < OUTPUT_SIZE ? behind : OUTPUT_SIZE) < room)
			room = OUTPUT_SIZE - behind;
	}
	return (uint32_t)room;
}

/* Move len bytes of a write into the ring; 0 or the error. */
static int take(struct output *o, struct p9_request *req, uint32_t offset, uint32_t len)
{
	while (len) {
		uint32_t at = (uint32_t)(o->head % OUTPUT_SIZE);
		uint32_t part = len < OUTPUT_SIZE - at ? len : OUTPUT_SIZE - at;
		int err = p9_request_get(req, offset, o->ring + at, part);

		if (err)
			return err;
		o->head += part;
		offset += part;
		len -= part;
	}
	readers_wake(o);
	return 0;
}

/* As much of it as there is room for; -EAGAIN: none. */
static int write_part(struct output *o, struct p9_request *req, uint32_t count)
{
	uint32_t fits = room(o);
	uint32_t len = count < fits ? count : fits;
	int err;

	if (!len && count)
		return -EAGAIN;
	err = take(o, req, 0, len);
	if (!err)
		p9_request_wrote(req, len);
	return err;
}

static void writers_go(struct output *o)
{
	while (o->writers) {
		struct writer *w = o->writers;
		struct p9_request *req = w->req;
		int r = write_part(o, req, req->t.write.data.len);

		if (r == -EAGAIN)
			break;
		o->writers = w->next;
		if (!o->writers)
			o->writers_end = &o->writers;
		o->stalled = o->writers ? time_now() : 0;
		(void)p9_respond(req, r);
	}
}

/* ---- the session of a silo's descriptors ------------------------------------------------ */

static const char output_node; /* its address is the node of such a fid */

static bool is_output(const struct p9_fid *fid)
{
	return fid->node == &output_node;
}

static struct output *output_of(const struct p9_fid *fid)
{
	struct p9_tree *tree = fid->session->server->ctx;
	struct sipd *d = tree->ctx;
	struct silo *silo = &d->silo[fid->qid.path & ~OUTPUT_QID];

	return silo->slot ? silo->output : NULL;
}

/* The first message of a descriptor; also after a restart of sipd. */
static int op_session_restore(struct p9_session *s, struct p9_fid *fid)
{
	uint64_t place = s->id - OUTPUT_BADGE;

	if (s->id < OUTPUT_BADGE || place >= SIPD_SILOS)
		return -ESTALE;
	fid->node = (void *)(uintptr_t)&output_node; /* never written through */
	fid->qid = (struct p9_qid){.path = OUTPUT_QID | place, .type = P9_QTAPPEND};
	/* The descriptors of a new program are open: it has done nothing for them. */
	fid->open = true;
	fid->oflags = P9_O_RDWR;
	return 0;
}

static int op_walk1(struct p9_request *req, struct p9_fid *fid, struct p9_str name)
{
	return is_output(fid) ? -ENOTDIR : p9_tree_ops.walk1(req, fid, name);
}

static void op_clunk(struct p9_fid *fid)
{
	if (!is_output(fid))
		p9_tree_ops.clunk(fid);
}

static int op_open(struct p9_request *req, struct p9_fid *fid, uint32_t oflags)
{
	return is_output(fid) ? 0 : p9_tree_ops.open(req, fid, oflags);
}

static int op_read(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	return is_output(fid) ? 0 : p9_tree_ops.read(req, fid, offset, count);
}

static int op_write(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	struct output *o;
	struct writer *w;
	int r;

	if (!is_output(fid))
		return p9_tree_ops.write(req, fid, offset, count);
	o = output_of(fid);
	if (!o)
		return -EPIPE;
	r = o->writers ? -EAGAIN : write_part(o, req, count);
	if (r != -EAGAIN)
		return r;
	w = p9_request_buffer(req, sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct writer){.req = req};
	*o->writers_end = w;
	o->writers_end = &w->next;
	if (!o->stalled) {
		o->stalled = time_now();
		timer_update(o->silo->sipd);
	}
	return P9_KEEP;
}

static int op_getattr(struct p9_request *req, struct p9_fid *fid, uint64_t mask,
		      struct p9_attr *attr)
{
	if (!is_output(fid))
		return p9_tree_ops.getattr(req, fid, mask, attr);
	attr->valid = P9_GETATTR_BASIC;
	attr->mode = P9_S_IFIFO | 0600;
	attr->nlink = 1;
	attr->blksize = OUTPUT_SIZE;
	return 0;
}

static int op_setattr(struct p9_request *req, struct p9_fid *fid, const struct p9_setattr *set)
{
	return is_output(fid) ? -EPERM : p9_tree_ops.setattr(req, fid, set);
}

static int op_gethandle(struct p9_request *req, struct p9_fid *fid, enum p9_handle_kind kind,
			uint64_t arg, uint64_t *value, uint32_t *handle)
{
	return is_output(fid) ? -EOPNOTSUPP
			      : p9_tree_ops.gethandle(req, fid, kind, arg, value, handle);
}

static int op_flush(struct p9_request *req)
{
	struct output *o;
	struct writer **at;

	if (!req->fid || !is_output(req->fid))
		return p9_tree_ops.flush(req);
	o = output_of(req->fid);
	if (!o)
		return P9_KEEP;
	for (at = &o->writers; *at && (*at)->req != req;)
		at = &(*at)->next;
	if (!*at)
		return P9_KEEP;
	*at = (*at)->next;
	if (!*at)
		o->writers_end = at;
	return 0;
}

/* The ops of the tree, and those of descriptors before them. */
void output_ops(struct sipd *d)
{
	d->ops = p9_tree_ops;
	d->ops.session_restore = op_session_restore;
	d->ops.walk1 = op_walk1;
	d->ops.clunk = op_clunk;
	d->ops.open = op_open;
	d->ops.read = op_read;
	d->ops.write = op_write;
	d->ops.getattr = op_getattr;
	d->ops.setattr = op_setattr;
	d->ops.gethandle = op_gethandle;
	d->ops.flush = op_flush;
}

/* ---- begin and end ---------------------------------------------------------------------- */

int output_begin(struct silo *s)
{
	struct sipd *d = s->sipd;
	struct output *o = calloc(1, sizeof(*o));
	int64_t h;
	int err;

	if (!o)
		return -ENOMEM;
	o->silo = s;
	o->writers_end = &o->writers;
	s->output = o;
	if (s->output_sender != HANDLE_NONE)
		return 0; /* a predecessor had made it */
	h = sys_channel_sender(d->serve.channel, OUTPUT_BADGE + silo_index(s),
			       RIGHT_READ | RIGHT_WRITE | RIGHT_STAT | RIGHT_GRANT, REPLY_NONE);
	if (h < 0) {
		free(o);
		s->output = NULL;
		return (int)h;
	}
	s->output_sender = (handle_t)h;
	err = sipd_keep(d, &s->output_sender, &s->slot->ids.output);
	if (err)
		log_print("sipd: output of %s will not survive", s->slot->desc.name);
	return 0;
}

void output_end(struct silo *s)
{
	struct sipd *d = s->sipd;
	struct output *o = s->output;

	if (s->output_sender != HANDLE_NONE) {
		if (sys_sender_kill(d->serve.channel, OUTPUT_BADGE + silo_index(s)) < 0)
			log_print("sipd: a descriptor of %s lives on", s->slot->desc.name);
		sys_handle_close(s->output_sender);
	}
	s->output_sender = HANDLE_NONE;
	if (!o)
		return;
	while (o->writers) {
		struct writer *w = o->writers;

		o->writers = w->next;
		(void)p9_respond(w->req, -EPIPE);
	}
	o->writers_end = &o->writers;
	s->output = NULL;
	o->silo = NULL;
	readers_wake(o);
	if (!o->readers)
		free(o);
}

void output_wake(struct silo *s)
{
	if (!s->output)
		return;
	readers_wake(s->output);
	writers_go(s->output); /* one whom they waited for may have gone */
}

uint64_t output_dropped(const struct silo *s)
{
	return s->output ? s->output->dropped : 0;
}

/* A reader that let a writer wait for too long is no longer waited for. */
static void stall_end(struct output *o)
{
	for (struct reader *r = o->readers; r; r = r->next)
		r->slow |= o->head - r->pos >= OUTPUT_SIZE;
	writers_go(o);
}

uint64_t output_tick(struct sipd *d, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < SIPD_SILOS; i++) {
		struct output *o = d->silo[i].slot ? d->silo[i].output : NULL;

		if (!o || !o->stalled)
			continue;
		if (now >= o->stalled + STALL_NS)
			stall_end(o);
		if (o->stalled && o->stalled + STALL_NS < next)
			next = o->stalled + STALL_NS;
	}
	return next;
}

/* ---- srvID/output ----------------------------------------------------------------------- */

int output_open(struct p9_call *call, uint32_t oflags)
{
	struct silo *s = call_silo(call);
	struct reader *r;
	int err;

	(void)oflags;
	if (!s)
		return -ENOENT;
	err = s->slot->owner_silo == call->req->from.silo
		      ? 0
		      : gate(call, MODE_LIST, AUDIT_READ, call->obj);
	if (err)
		return err;
	if (!s->output)
		return -EOPNOTSUPP; /* a server of init writes to the kernel's log */
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->output = s->output;
	r->pos = oldest(s->output);
	r->next = s->output->readers;
	s->output->readers = r;
	*call->state = r;
	return 0;
}

void output_close(struct p9_call *call)
{
	struct reader *r = *call->state, **at;
	struct output *o = r->output;

	for (at = &o->readers; *at != r;)
		at = &(*at)->next;
	*at = r->next;
	free(r);
	if (o->busy)
		return; /* who answers goes on from here */
	if (!o->silo && !o->readers)
		free(o);
	else
		writers_go(o);
}

int output_read(struct p9_call *call, uint64_t offset, uint32_t count)
{
	struct reader *r = *call->state;

	(void)offset; /* a stream: each opener has its place */
	if (r->waiting)
		return -EBUSY;
	if (r->pos == r->output->head) {
		if (finished(r->output) || !count)
			return 0;
		if (call->fid->oflags & P9_O_NONBLOCK)
			return -EAGAIN;
		r->waiting = call->req;
		return P9_KEEP;
	}
	deliver(r, call->req, count);
	writers_go(r->output);
	return P9_KEEP;
}

int output_flush(struct p9_call *call)
{
	struct reader *r = *call->state;

	if (r->waiting != call->req)
		return P9_KEEP;
	r->waiting = NULL;
	return 0;
}

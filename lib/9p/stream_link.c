/* SPDX-License-Identifier: ISC */
/*
 * stream_link.c: the client's end of a byte stream: one call at a time.
 *
 * The data of Rread and Rreaddir goes straight to where the caller wants it. Invariant: after any
 * failure that leaves the stream between two messages unknown (timeout, short read, a wrong tag)
 * the link is dead and every call is -EPIPE. Who may lie: the peer, in every byte.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p/stream.h"

#define FRAME_MAX  8192u /* without a payload */
#define RREAD_HEAD (P9_HEAD + 4u)

struct p9_stream_link {
	struct p9_link link;
	struct p9_stream_io io;
	bool dead;
	uint8_t frame[FRAME_MAX];
};

static void *link_frame(struct p9_link *link, uint32_t *cap)
{
	struct p9_stream_link *sl = (struct p9_stream_link *)link;

	*cap = FRAME_MAX;
	return sl->frame;
}

static int send_all(struct p9_stream_link *sl, const void *bytes, size_t len, uint64_t deadline)
{
	const uint8_t *p = bytes;
	int64_t n;

	for (; len; len -= (size_t)n, p += n) {
		n = sl->io.send(sl->io.ctx, p, len, deadline);
		if (n <= 0)
			return n ? (int)n : -EPIPE;
	}
	return 0;
}

static int receive_all(struct p9_stream_link *sl, void *bytes, size_t len, uint64_t deadline)
{
	uint8_t *p = bytes;
	int64_t n;

	for (; len; len -= (size_t)n, p += n) {
		n = sl->io.receive(sl->io.ctx, p, len, deadline);
		if (n <= 0)
			return n ? (int)n : -EPIPE;
	}
	return 0;
}

/* The rest of a reply whose head is there. */
static int body_receive(struct p9_stream_link *sl, struct p9_rpc *rpc, uint32_t size)
{
	uint32_t head = size, payload = 0;
	uint8_t type = sl->frame[4];
	int err;

	if ((type == P9_RREAD || type == P9_RREADDIR) && size >= RREAD_HEAD) {
		head = RREAD_HEAD;
		payload = size - RREAD_HEAD;
	}
	if (head > FRAME_MAX || payload > rpc->out_max)
		return -EPROTO;
	err = receive_all(sl, sl->frame + P9_HEAD, head - P9_HEAD, rpc->deadline);
	if (!err && payload)
		err = receive_all(sl, rpc->out, payload, rpc->deadline);
	rpc->r_len = head;
	rpc->out_len = payload;
	return err;
}

static int exchange(struct p9_stream_link *sl, struct p9_rpc *rpc)
{
	uint8_t tag[2] = {sl->frame[5], sl->frame[6]};
	uint32_t size;
	int err;

	err = send_all(sl, sl->frame, rpc->t_len, rpc->deadline);
	if (!err && rpc->in_len)
		err = send_all(sl, rpc->in, rpc->in_len, rpc->deadline);
	if (!err)
		err = receive_all(sl, sl->frame, P9_HEAD, rpc->deadline);
	if (err)
		return err;
	memcpy(&size, sl->frame, 4);
	if (size < P9_HEAD || size > sl->link.msize || memcmp(tag, sl->frame + 5, 2))
		return -EPROTO;
	return body_receive(sl, rpc, size);
}

static int link_rpc(struct p9_link *link, struct p9_rpc *rpc)
{
	struct p9_stream_link *sl = (struct p9_stream_link *)link;
	int err = sl->dead ? -EPIPE : exchange(sl, rpc);

	if (err)
		sl->dead = true;
	return err;
}

static void link_drop(struct p9_link *link, uint32_t handle)
{
	(void)link;
	(void)handle; /* none ever comes */
}

static void link_close(struct p9_link *link)
{
	struct p9_stream_link *sl = (struct p9_stream_link *)link;

	if (sl->io.close)
		sl->io.close(sl->io.ctx);
	free(sl);
}

static const struct p9_link_ops stream_link_ops = {
	.frame = link_frame,
	.rpc = link_rpc,
	.drop = link_drop,
	.close = link_close,
};

int p9_stream_link_create(const struct p9_stream_io *io, uint32_t msize, struct p9_link **out)
{
	struct p9_stream_link *sl = malloc(sizeof(*sl));

	if (!sl)
		return -ENOMEM;
	sl->link = (struct p9_link){&stream_link_ops, P9_DIALECT_NONE, msize};
	sl->io = *io;
	sl->dead = false;
	*out = &sl->link;
	return 0;
}

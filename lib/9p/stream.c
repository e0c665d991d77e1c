/* SPDX-License-Identifier: ISC */
/*
 * stream.c: the server engine over a byte stream: frames are cut out of what comes in, replies are
 * queued behind each other.
 *
 * A message that lies whole in what is fed is served where it lies; a partial one waits in `in`.
 * The queue is one piece of memory that grows, and is compacted when its front half is empty.
 * Cookies count messages; KEPT marks those that the engine has kept.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p/stream.h"

#define OUT_MAX	   (256u << 10)
#define FRAME_SIZE 8192u /* replies without their payload */
#define RREAD_HEAD (P9_HEAD + 4u)

/* An Rread's payload that the server brings in pieces. */
struct piece {
	struct piece *next;
	uint64_t cookie;
	uint8_t data[];
};

struct p9_stream {
	struct p9_session *session;
	struct identity from;
	uint8_t *in;
	uint32_t in_len, in_size;
	uint8_t *out;
	size_t out_at, out_len, out_size;
	uint32_t out_max;
	uint64_t cookie;
	int broken;
	struct piece *pieces;
	uint8_t frame[FRAME_SIZE];
};

/* ---- output ------------------------------------------------------------------------------ */

static bool out_reserve(struct p9_stream *s, size_t len)
{
	size_t size = s->out_size ? s->out_size : 4096;
	uint8_t *out;

	if (s->out_at + s->out_len + len <= s->out_size)
		return true;
	if (s->out_at) {
		memmove(s->out, s->out + s->out_at, s->out_len);
		s->out_at = 0;
	}
	while (size < s->out_len + len)
		size *= 2;
	if (size == s->out_size)
		return true;
	out = realloc(s->out, size);
	if (!out)
		return false;
	s->out = out;
	s->out_size = size;
	return true;
}

static void out_append(struct p9_stream *s, const void *bytes, uint32_t len)
{
	if (!len)
		return;
	memcpy(s->out + s->out_at + s->out_len, bytes, len);
	s->out_len += len;
}

static struct piece *piece_take(struct p9_stream *s, uint64_t cookie)
{
	struct piece **at = &s->pieces, *piece;

	while (*at && (*at)->cookie != cookie)
		at = &(*at)->next;
	piece = *at;
	if (piece)
		*at = piece->next;
	return piece;
}

static void *stream_begin(void *ctx, uint64_t cookie, uint32_t *cap)
{
	struct p9_stream *s = ctx;

	(void)cookie;
	*cap = s->session->msize < FRAME_SIZE ? s->session->msize : FRAME_SIZE;
	return s->frame;
}

static void stream_reply(void *ctx, uint64_t cookie, uint32_t len, const void *payload,
			 uint32_t payload_len, uint32_t handle)
{
	struct p9_stream *s = ctx;
	struct piece *piece = s->pieces ? piece_take(s, cookie) : NULL;

	(void)handle; /* there are none: remote dialects have no such message */
	if (!payload && payload_len)
		payload = piece->data;
	if (out_reserve(s, (size_t)len + payload_len)) {
		out_append(s, s->frame, len);
		out_append(s, payload, payload_len);
	} else {
		s->broken = -ENOMEM;
	}
	free(piece);
}

static void stream_drop(void *ctx, uint64_t cookie)
{
	free(piece_take(ctx, cookie));
}

static int stream_put(void *ctx, uint64_t cookie, uint32_t offset, const void *src, uint32_t len)
{
	struct p9_stream *s = ctx;
	struct piece *piece = piece_take(s, cookie);

	if (!piece) {
		/* Zeroed: a server that leaves a gap must not tell what was there before. */
		piece = calloc(1, sizeof(*piece) + s->session->msize);
		if (!piece)
			return -ENOMEM;
		piece->cookie = cookie;
	}
	memcpy(piece->data + offset, src, len);
	piece->next = s->pieces;
	s->pieces = piece;
	return 0;
}

static const struct p9_transport stream_transport = {
	.begin = stream_begin,
	.reply = stream_reply,
	.drop = stream_drop,
	.put = stream_put,
};

size_t p9_stream_out(struct p9_stream *s, const void **bytes)
{
	if (s->out_len)
		*bytes = s->out + s->out_at;
	return s->out_len;
}

void p9_stream_sent(struct p9_stream *s, size_t len)
{
	if (len > s->out_len)
		len = s->out_len;
	s->out_at += len;
	s->out_len -= len;
	if (!s->out_len)
		s->out_at = 0;
}

size_t p9_stream_queued(const struct p9_stream *s)
{
	return s->out_len;
}

/* ---- input ------------------------------------------------------------------------------- */

bool p9_stream_ready(const struct p9_stream *s)
{
	return !s->broken && s->out_len <= s->out_max;
}

bool p9_stream_partial(const struct p9_stream *s)
{
	return s->in_len > 0;
}

static int message_serve(struct p9_stream *s, const uint8_t *frame, uint32_t len)
{
	struct p9_message m = {.frame = frame,
			       .len = len,
			       .out_max = s->session->msize - RREAD_HEAD,
			       .cookie = s->cookie++,
			       .from = &s->from};
	int r = p9_server_message(s->session, &m);

	return r < 0 ? -EPROTO : s->broken;
}

/* The size that a frame claims. 0: not enough bytes to know. */
static int64_t frame_size(const struct p9_stream *s, const uint8_t *bytes, size_t len)
{
	uint32_t size;

	if (len < 4)
		return 0;
	memcpy(&size, bytes, 4);
	return size < P9_HEAD || size > s->session->msize ? -EPROTO : (int64_t)size;
}

/* Add to the partial message; serve it when it is whole. Returns the bytes taken. */
static int64_t partial_feed(struct p9_stream *s, const uint8_t *bytes, size_t len)
{
	int64_t size = frame_size(s, s->in, s->in_len);
	uint32_t want = size ? (uint32_t)size : 4;
	uint32_t take = want - s->in_len < len ? want - s->in_len : (uint32_t)len;
	int err;

	memcpy(s->in + s->in_len, bytes, take);
	s->in_len += take;
	if (s->in_len < want)
		return take;
	size = frame_size(s, s->in, s->in_len);
	if (size < 0)
		return size;
	if (s->in_len < size)
		return take;
	s->in_len = 0;
	err = message_serve(s, s->in, (uint32_t)size);
	return err ? err : (int64_t)take;
}

static int64_t feed_some(struct p9_stream *s, const uint8_t *bytes, size_t len)
{
	int64_t size;
	int err;

	if (s->in_len)
		return partial_feed(s, bytes, len);
	size = frame_size(s, bytes, len);
	if (size < 0)
		return size;
	if (!size || (size_t)size > len)
		return partial_feed(s, bytes, len);
	err = message_serve(s, bytes, (uint32_t)size);
	return err ? err : size;
}

int64_t p9_stream_feed(struct p9_stream *s, const void *bytes, size_t len)
{
	size_t used = 0;
	int64_t n;

	while (used < len && p9_stream_ready(s)) {
		n = feed_some(s, (const uint8_t *)bytes + used, len - used);
		if (n < 0) {
			s->broken = (int)n;
			return n;
		}
		used += (size_t)n;
	}
	return s->broken ? s->broken : (int64_t)used;
}

/* ---- life -------------------------------------------------------------------------------- */

int p9_stream_create(struct p9_server *server, const struct p9_stream_config *config,
		     struct p9_stream **out)
{
	uint32_t msize = server->limits.msize, flags = config->aname ? P9_SESSION_ANAME : 0;
	struct p9_stream *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	if (config->msize && config->msize < msize)
		msize = config->msize;
	s->out_max = config->out_max ? config->out_max : OUT_MAX;
	s->from = *config->from;
	s->in_size = msize;
	s->in = malloc(msize);
	err = msize < P9_MSIZE_MIN ? -EINVAL : s->in ? 0 : -ENOMEM;
	if (!err)
		err = p9_session_create(server, &stream_transport, s, flags, config->rights,
					&s->session);
	if (err) {
		free(s->in);
		free(s);
		return err;
	}
	s->session->msize = s->session->msize_max = msize;
	*out = s;
	return 0;
}

void p9_stream_destroy(struct p9_stream *s)
{
	struct piece *piece;

	p9_session_destroy(s->session);
	while ((piece = s->pieces)) {
		s->pieces = piece->next;
		free(piece);
	}
	free(s->in);
	free(s->out);
	free(s);
}

struct p9_session *p9_stream_session(struct p9_stream *s)
{
	return s->session;
}

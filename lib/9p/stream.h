/* SPDX-License-Identifier: ISC */
/*
 * stream.h: 9P over a byte stream: a serial line, TCP, a pipe.
 *
 * Server side: bytes that were received go in by p9_stream_feed, bytes to send are taken from
 * p9_stream_out. No I/O of its own. Remote rules: Tversion and Tattach come first, the extension
 * family is answered -EOPNOTSUPP.
 *
 * Invariants: at most one partial message is buffered; while more than out_max bytes wait to be
 * sent nothing further is accepted (feed takes fewer bytes), so memory is bounded by out_max and
 * one msize for each kept request, whose number the engine limits. A frame that is too large or
 * too small for a message ends the stream (-EPROTO). Who may lie: the peer, in every byte.
 *
 * Client side: struct p9_stream_link, a p9_link with one call at a time over a send and a receive
 * function.
 */
#pragma once
#include "9p/client.h"
#include "9p/server.h"

struct p9_stream_config {
	uint32_t msize;		     /* at most this; 0: the server's limit */
	uint32_t out_max;	     /* bytes; 0: 256 KiB */
	uint32_t rights;	     /* RIGHT_* of the session */
	bool aname;		     /* Tattach walks to aname; else it is ignored */
	const struct identity *from; /* who this peer is for the ops; copied */
};

struct p9_stream;

/* Errors: -ENOMEM, or what p9_session_create says. */
P9_MUST int p9_stream_create(struct p9_server *server, const struct p9_stream_config *config,
			     struct p9_stream **out);
/* Ends the session. */
void p9_stream_destroy(struct p9_stream *s);
struct p9_session *p9_stream_session(struct p9_stream *s);

/*
 * Take received bytes. Returns how many were taken; fewer than len means back-pressure: feed the
 * rest when p9_stream_ready says so. -EPROTO: the peer speaks no 9P, or no memory for what it
 * sent: destroy the stream.
 */
P9_MUST int64_t p9_stream_feed(struct p9_stream *s, const void *bytes, size_t len);
bool p9_stream_ready(const struct p9_stream *s);
/* A message has begun and not ended: the peer is sending it, or is gone. */
bool p9_stream_partial(const struct p9_stream *s);

/* Bytes that wait to be sent: how many lie at *bytes in one piece. 0: none, *bytes untouched. */
size_t p9_stream_out(struct p9_stream *s, const void **bytes);
/* The first len of them have been sent. */
void p9_stream_sent(struct p9_stream *s, size_t len);
/* All bytes that wait, in all pieces. */
size_t p9_stream_queued(const struct p9_stream *s);

/* ---- client -------------------------------------------------------------------------------- */
/* Both move at least one byte or return a negative errno; receive 0: the peer has closed. */
struct p9_stream_io {
	int64_t (*send)(void *ctx, const void *bytes, size_t len, uint64_t deadline);
	int64_t (*receive)(void *ctx, void *bytes, size_t len, uint64_t deadline);
	void (*close)(void *ctx); /* NULL: nothing to do */
	void *ctx;
};
/* A link for p9_link_attach. The client frees it through its close. Errors: -ENOMEM. */
P9_MUST int p9_stream_link_create(const struct p9_stream_io *io, uint32_t msize,
				  struct p9_link **out);

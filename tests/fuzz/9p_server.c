/* SPDX-License-Identifier: ISC */
/*
 * 9p_server.c: any bytes to the server engine over a small tree in memory. The first byte chooses
 * the kind of session (stream or local) and of server (answering at once, keeping requests, unable
 * to flush them). On a stream the rest is fed as it is, in pieces; on a local session it is cut
 * into length-prefixed frames. One byte behind each piece says how many kept requests are finished.
 *
 * Every reply must decode as one for the request's dialect; at the end no fid, no open file and no
 * session may be left.
 */
#include <stdlib.h>
#include <string.h>
#include "9p/stream.h"
#include "../unit/9p_memfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int ok)
{
	if (!ok)
		abort();
}

static void tree_make(struct memfs *fs)
{
	struct memfs_node *a, *b;

	memfs_init(fs);
	fs->size_max = 4096;
	a = memfs_add(fs, fs->root, "a", P9_S_IFDIR | 0755, NULL);
	b = memfs_add(fs, a, "b", P9_S_IFDIR | 0755, NULL);
	memfs_add(fs, b, "f", P9_S_IFREG | 0644, "hello world");
	memfs_add(fs, a, "l", P9_S_IFLNK | 0777, "b/f");
	memfs_add(fs, fs->root, "m", P9_S_IFDIR | 0755, NULL)->mount = 9;
}

/* ---- a stream ------------------------------------------------------------------------------ */

static void replies_check(struct p9_stream *s)
{
	static uint8_t frame[1 << 16];
	enum p9_dialect dialect = p9_stream_session(s)->dialect;
	const void *out;
	struct p9_rmsg r;
	uint32_t size;
	int decoded;

	while (p9_stream_out(s, &out)) {
		expect(p9_stream_queued(s) >= P9_HEAD);
		memcpy(&size, out, 4);
		expect(size >= P9_HEAD && size <= sizeof(frame) && size <= p9_stream_queued(s));
		memcpy(frame, out, size);
		/* A version in between may have changed the dialect. */
		decoded = !p9_decode_r(&r, dialect, frame, size, 0);
		for (unsigned d = 0; d < P9_DIALECTS && !decoded; d++)
			decoded = !p9_decode_r(&r, d, frame, size, 0);
		expect(decoded);
		p9_stream_sent(s, size);
	}
}

static void finish(struct memfs *fs, unsigned count)
{
	while (count-- && memfs_finish(fs))
		;
}

static void stream_run(struct p9_server *server, struct memfs *fs, const uint8_t *data, size_t size)
{
	struct identity from = {.pledges = PLEDGES_ALL, .rights = RIGHTS_ALL};
	struct p9_stream_config config = {
		.msize = 8192, .out_max = 4096, .rights = RIGHTS_ALL, .aname = true, .from = &from};
	struct p9_stream *s;
	int64_t n = 0;
	size_t len;

	expect(!p9_stream_create(server, &config, &s));
	while (size && n >= 0) {
		unsigned after = *data % 8;

		len = 1 + *data / 8u * 16u;
		data++;
		size--;
		len = len < size ? len : size;
		n = p9_stream_feed(s, data, len);
		expect(n < 0 || (size_t)n == len || !p9_stream_ready(s));
		data += n > 0 ? (size_t)n : 0;
		size -= n > 0 ? (size_t)n : 0;
		replies_check(s);
		finish(fs, after);
		replies_check(s);
	}
	p9_stream_destroy(s);
}

/* ---- a local session ----------------------------------------------------------------------- */

#define FRAME_SIZE 4096u

static uint8_t reply_frame[FRAME_SIZE], out_buffer[FRAME_SIZE];
static unsigned replies;

static void *begin(void *ctx, uint64_t cookie, uint32_t *cap)
{
	(void)ctx;
	(void)cookie;
	*cap = FRAME_SIZE;
	return reply_frame;
}

static void reply(void *ctx, uint64_t cookie, uint32_t len, const void *payload,
		  uint32_t payload_len, uint32_t handle)
{
	struct p9_rmsg r;

	(void)ctx;
	(void)cookie;
	(void)handle;
	expect(payload_len <= FRAME_SIZE);
	if (payload)
		memcpy(out_buffer, payload, payload_len);
	expect(!p9_decode_r(&r, P9_DIALECT_LOCAL, reply_frame, len, payload_len));
	replies++;
}

static int get(void *ctx, uint64_t cookie, uint32_t offset, void *dst, uint32_t len)
{
	(void)ctx;
	(void)cookie;
	expect(offset + len <= 256);
	memset(dst, 'w', len);
	return 0;
}

static int put(void *ctx, uint64_t cookie, uint32_t offset, const void *src, uint32_t len)
{
	(void)ctx;
	(void)cookie;
	expect(offset + (uint64_t)len <= FRAME_SIZE);
	memcpy(out_buffer + offset, src, len);
	return 0;
}

static const struct p9_transport transport;

static int handle_make(void *ctx, struct p9_session *s, uint32_t rights, uint32_t *handle)
{
	(void)ctx;
	(void)rights;
	*handle = (uint32_t)s->id;
	return s->id % 5 == 4 ? -12 : 0;
}

static void handle_close(void *ctx, uint32_t handle)
{
	(void)ctx;
	(void)handle;
}

static const struct p9_transport transport = {
	.begin = begin,
	.reply = reply,
	.get = get,
	.put = put,
	.handle_make = handle_make,
	.handle_close = handle_close,
};

static void local_run(struct p9_server *server, struct memfs *fs, const uint8_t *data, size_t size)
{
	struct identity from = {.pledges = PLEDGES_ALL, .rights = RIGHTS_ALL};
	struct p9_session *s;
	struct p9_message m = {.out_max = FRAME_SIZE, .from = &from};
	uint8_t frame[256];

	expect(!p9_session_create(server, &transport, NULL, P9_SESSION_LOCAL, RIGHTS_ALL, &s));
	while (size > 2) {
		unsigned len = data[0], after = data[1] % 8;
		int r;

		m.in_len = data[1] / 8u;
		data += 2;
		size -= 2;
		len = len < size ? len : (unsigned)size;
		memcpy(frame, data, len);
		m.frame = frame;
		m.len = len;
		m.cookie++;
		replies = 0;
		r = p9_server_message(s, &m);
		expect((r == 0 && replies >= 1) || r == P9_KEEP || (r < 0 && len < P9_HEAD));
		memset(frame, 0x5a, sizeof(frame)); /* nobody may look there any more */
		finish(fs, after);
		if (after == 7)
			p9_server_abandon(s, m.cookie);
		data += len;
		size -= len;
	}
	p9_session_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct p9_limits limits = {.fids = 32, .requests = 8, .sessions = 8, .msize = 8192};
	struct p9_server server;
	struct memfs fs;

	if (size < 1)
		return 0;
	tree_make(&fs);
	fs.async = data[0] & 1;
	fs.unflushable = data[0] & 2;
	expect(!p9_server_init(&server, &memfs_ops, &fs, &limits));
	if (data[0] & 4)
		local_run(&server, &fs, data + 1, size - 1);
	else
		stream_run(&server, &fs, data + 1, size - 1);
	memfs_finish_all(&fs);
	p9_server_fini(&server);
	expect(!fs.live && fs.opened == fs.closed && !fs.pending_count);
	memfs_fini(&fs);
	return 0;
}

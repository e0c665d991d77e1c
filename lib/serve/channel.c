/* SPDX-License-Identifier: ISC */
/*
 * channel.c: how the engine's replies reach the callers of a channel.
 *
 * Cookie 0 is the request in hand; its answer is left in the message page and goes out with the
 * next wait. Any other cookie is a kept request: generation << 32 | index + 1 into serve->kept,
 * answered at once by its reply handle.
 *
 * Invariant: at most one answer waits in the page (serve_answering says whose); before anything
 * else uses the page it is sent. A kept slot is in use exactly while its reply handle lives.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "serve/serve.h"

#define KEPT_FIRST 16u
#define KEPT_MAX   (SERVE_SESSIONS * SERVE_REQUESTS)

__thread struct serve *serve_answering;

static struct serve_kept *kept_slot(struct serve *s, uint64_t cookie)
{
	uint32_t index = (uint32_t)cookie - 1;

	if (index >= s->kept_size || !s->kept[index].reply ||
	    s->kept[index].generation != cookie >> 32)
		return NULL;
	return &s->kept[index];
}

uint64_t serve_kept_find(const struct serve *s, uint64_t badge, uint64_t tag)
{
	for (uint32_t i = 0; i < s->kept_size; i++) {
		const struct serve_kept *k = &s->kept[i];

		if (k->reply && k->badge == badge && k->tag == tag)
			return (uint64_t)k->generation << 32 | (i + 1);
	}
	return 0;
}

static struct serve_kept *kept_free(struct serve *s)
{
	uint32_t old = s->kept_size, size = old ? old * 2 : KEPT_FIRST;
	struct serve_kept *table;

	for (uint32_t i = 0; i < s->kept_size; i++)
		if (!s->kept[i].reply)
			return &s->kept[i];
	if (size > KEPT_MAX)
		return NULL;
	table = realloc(s->kept, size * sizeof(*table));
	if (!table)
		return NULL;
	memset(table + old, 0, (size - old) * sizeof(*table));
	s->kept = table;
	s->kept_size = size;
	return &table[old];
}

void serve_answer_now(struct serve *s)
{
	s->answered = false;
	serve_answering = NULL;
	if (ipc_reply(REPLY_CURRENT, &s->answer) < 0)
		serve_answer_failed(s, -EIO);
	s->in_hand = false;
	if (s->given)
		sys_handle_close(s->given); /* still ours only if nobody took it */
	s->given = HANDLE_NONE;
}

/* The answer was not sent, for a reason of its own (a handle that may not travel): say that much.
 * If this fails too there is nobody to tell. */
void serve_answer_failed(struct serve *s, int err)
{
	serve_answer_error(s, err);
	if (ipc_reply(REPLY_CURRENT, &s->answer) < 0)
		s->in_hand = false;
}

void serve_flush(void)
{
	if (serve_answering)
		serve_answer_now(serve_answering);
}

/* Rlerror in place of the frame that lies at data, with its tag. Returns its length. */
static uint32_t error_frame(uint8_t *data, int err)
{
	uint32_t size = P9_HEAD + 4, code = (uint32_t)-err;

	memcpy(data, &size, 4);
	data[4] = P9_RLERROR;
	memcpy(data + P9_HEAD, &code, 4);
	return size;
}

void serve_answer_error(struct serve *s, int err)
{
	s->answer = (struct ipc_msg){.tag = error_frame(message_page()->data, err)};
}

static void *channel_begin(void *ctx, uint64_t cookie, uint32_t *cap)
{
	(void)ctx;
	(void)cookie;
	serve_flush();
	*cap = MSG_DATA_MAX;
	return message_page()->data;
}

/* The answer is complete but for the payload, which `to`'s caller has room for. */
static uint64_t answer_tag(handle_t to, uint32_t len, const void *payload, uint32_t payload_len,
			   handle_t handle)
{
	struct message_page *page = message_page();
	int64_t moved;

	if (payload && payload_len) {
		moved = sys_reply_write(to, 0, payload, payload_len);
		if (moved != payload_len)
			len = error_frame(page->data, moved < 0 ? (int)moved : -EFAULT);
	}
	page->handles[0] = handle;
	return len | MSG_HANDLES(handle ? 1 : 0);
}

static void channel_reply(void *ctx, uint64_t cookie, uint32_t len, const void *payload,
			  uint32_t payload_len, uint32_t handle)
{
	struct serve *s = ctx;
	struct serve_kept *k = cookie ? kept_slot(s, cookie) : NULL;
	struct ipc_msg m = {.tag = 0};

	if (!cookie && s->in_hand) {
		s->answer = m;
		s->answer.tag = answer_tag(REPLY_CURRENT, len, payload, payload_len, handle);
		s->answered = true;
		s->given = handle;
		serve_answering = s;
		return;
	}
	if (k) {
		m.tag = answer_tag(k->reply, len, payload, payload_len, handle);
		if (ipc_reply(k->reply, &m) < 0)
			sys_handle_close(k->reply);
		k->reply = HANDLE_NONE;
		s->kept_count--;
	}
	if (handle)
		sys_handle_close(handle); /* still ours only if nobody took it */
}

static int channel_keep(void *ctx, uint64_t *cookie)
{
	struct serve *s = ctx;
	struct serve_kept *k = kept_free(s);
	int64_t reply;

	if (!s->in_hand)
		return -ECANCELED;
	if (!k)
		return -ENOMEM;
	reply = sys_reply_save();
	if (reply < 0) {
		s->in_hand = reply != -ECANCELED && reply != -EINVAL;
		return (int)reply;
	}
	s->in_hand = false;
	s->kept_count++;
	k->reply = (handle_t)reply;
	k->generation++;
	k->badge = s->badge;
	k->tag = s->tag;
	*cookie = (uint64_t)k->generation << 32 | (uint32_t)(k - s->kept + 1);
	return 0;
}

static void channel_drop(void *ctx, uint64_t cookie)
{
	struct serve *s = ctx;
	struct serve_kept *k = cookie ? kept_slot(s, cookie) : NULL;

	if (!k)
		return;
	sys_handle_close(k->reply);
	k->reply = HANDLE_NONE;
	s->kept_count--;
}

/* The handle through which the buffers of a request are reached, or 0: it is gone. */
static handle_t request_handle(struct serve *s, uint64_t cookie)
{
	struct serve_kept *k;

	if (!cookie)
		return REPLY_CURRENT;
	k = kept_slot(s, cookie);
	return k ? k->reply : REPLY_NONE;
}

static int channel_get(void *ctx, uint64_t cookie, uint32_t offset, void *dst, uint32_t len)
{
	handle_t from = request_handle(ctx, cookie);
	int64_t n = from == REPLY_NONE ? -ECANCELED : sys_reply_read(from, offset, dst, len);

	return n < 0 ? (int)n : n == len ? 0 : -EFAULT;
}

static int channel_put(void *ctx, uint64_t cookie, uint32_t offset, const void *src, uint32_t len)
{
	handle_t to = request_handle(ctx, cookie);
	int64_t n = to == REPLY_NONE ? -ECANCELED : sys_reply_write(to, offset, src, len);

	return n < 0 ? (int)n : n == len ? 0 : -EFAULT;
}

/* The session's own rights are judged by the engine; the handle must be able to send. */
static int channel_handle_make(void *ctx, struct p9_session *session, uint32_t rights,
			       uint32_t *handle)
{
	struct serve *s = ctx;
	uint64_t badge = session->id;
	int64_t h;

	rights &= SERVE_RIGHTS_FILE | RIGHT_INSIDE;
	if (!(rights & RIGHT_WRITE))
		badge |= SERVE_BADGE_READONLY;
	h = sys_channel_sender(s->channel, badge, rights | SERVE_RIGHTS_SEND,
			       s->in_hand ? REPLY_CURRENT : REPLY_NONE);
	if (h < 0)
		return (int)h;
	*handle = (handle_t)h;
	return 0;
}

static void channel_handle_close(void *ctx, uint32_t handle)
{
	(void)ctx;
	sys_handle_close(handle);
}

static int channel_violation(void *ctx, uint64_t cookie, uint32_t pledge)
{
	struct serve *s = ctx;
	int64_t r;

	if (cookie || !s->in_hand)
		return -EINVAL;
	r = sys_reply_violation(REPLY_CURRENT, pledge);
	if (!r || r == -ECANCELED)
		s->in_hand = false;
	return (int)r;
}

const struct p9_transport serve_transport = {
	.begin = channel_begin,
	.reply = channel_reply,
	.keep = channel_keep,
	.drop = channel_drop,
	.get = channel_get,
	.put = channel_put,
	.handle_make = channel_handle_make,
	.handle_close = channel_handle_close,
	.violation = channel_violation,
};

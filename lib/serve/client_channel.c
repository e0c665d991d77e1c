/* SPDX-License-Identifier: ISC */
/*
 * client_channel.c: 9P calls on a send handle. Labels number the calls of a process, so that a
 * server which hears of an abandoned one knows which it is.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "serve/client_channel.h"
#include "serve/serve.h"

struct channel_link {
	struct p9_link link;
	handle_t handle;
};

static void *link_frame(struct p9_link *link, uint32_t *cap)
{
	(void)link;
	serve_flush();
	*cap = MSG_DATA_MAX;
	return message_page()->data;
}

static uint32_t label_next(void)
{
	static atomic_uint last;

	return SERVE_LABEL_9P | (atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1);
}

/* How many payload bytes the reply in the frame says there are. */
static uint32_t reply_payload(const uint8_t *frame, uint32_t len, uint32_t out_max)
{
	uint32_t count;

	if (len < P9_HEAD + 4 || (frame[4] != P9_RREAD && frame[4] != P9_RREADDIR))
		return 0;
	memcpy(&count, frame + P9_HEAD, 4);
	return count < out_max ? count : out_max;
}

static int call(handle_t handle, struct p9_rpc *rpc)
{
	struct message_page *page = message_page();
	struct ipc_msg m = {.tag = rpc->t_len | MSG_LABEL(label_next())};
	int64_t r;

	if (rpc->t_len > MSG_DATA_MAX)
		return -EMSGSIZE;
	if (rpc->in_len || rpc->out_max) {
		m.tag |= MSG_BUFFERS;
		page->in = (uintptr_t)rpc->in;
		page->in_len = rpc->in_len;
		page->out = (uintptr_t)rpc->out;
		page->out_len = rpc->out_max;
	}
	r = ipc_call(handle, &m, rpc->deadline);
	if (r < 0)
		return (int)r;
	rpc->r_len = m.tag & MSG_BYTES_MASK;
	rpc->handle = MSG_NHANDLES(m.tag) ? page->handles[0] : HANDLE_NONE;
	for (unsigned i = 1; i < MSG_NHANDLES(m.tag); i++)
		sys_handle_close(page->handles[i]);
	rpc->out_len = reply_payload(page->data, rpc->r_len, rpc->out_max);
	return 0;
}

static int link_rpc(struct p9_link *link, struct p9_rpc *rpc)
{
	return call(((struct channel_link *)link)->handle, rpc);
}

static int link_adopt(struct p9_link *link, uint32_t handle, struct p9_link **out)
{
	(void)link;
	return channel_link_create(handle, out);
}

static void link_drop(struct p9_link *link, uint32_t handle)
{
	(void)link;
	sys_handle_close(handle);
}

static int link_copy(struct p9_link *link, uint32_t handle, uint64_t offset, void *out,
		     uint32_t len)
{
	(void)link;
	return (int)sys_vmo_read(handle, offset, out, len, VMO_RESIDENT);
}

static void link_close(struct p9_link *link)
{
	struct channel_link *l = (struct channel_link *)link;

	sys_handle_close(l->handle);
	free(l);
}

static const struct p9_link_ops link_ops = {
	.frame = link_frame,
	.rpc = link_rpc,
	.adopt = link_adopt,
	.drop = link_drop,
	.copy = link_copy,
	.close = link_close,
};

int channel_link_create(handle_t handle, struct p9_link **out)
{
	struct channel_link *l = malloc(sizeof(*l));

	if (!l) {
		sys_handle_close(handle);
		return -ENOMEM;
	}
	*l = (struct channel_link){.link = {.ops = &link_ops,
					    .dialect = P9_DIALECT_LOCAL,
					    .msize = (1u << 20) + P9_IOHDR},
				   .handle = handle};
	*out = &l->link;
	return 0;
}

handle_t channel_link_handle(const struct p9_link *link)
{
	return ((const struct channel_link *)link)->handle;
}

/* One Tconnect; the answer lies in the page. */
static int connect_call(handle_t connector, struct p9_rpc *rpc)
{
	struct p9_tmsg t = {.type = P9_TCONNECT, .tag = 1};
	int len;

	serve_flush();
	len = p9_encode_t(&t, P9_DIALECT_LOCAL, message_page()->data, MSG_DATA_MAX);
	if (len < 0)
		return len;
	rpc->t_len = (uint32_t)len;
	return call(connector, rpc);
}

int channel_connect(handle_t connector, uint64_t deadline, handle_t *session)
{
	struct p9_rpc rpc = {.deadline = deadline};
	unsigned tries = 0;
	struct p9_rmsg r;
	int err;

	do { /* harmless: a session that was made is gone */
		err = connect_call(connector, &rpc);
	} while (err == -ERESTART && ++tries < P9_TRIES);
	if (err)
		return err;
	err = p9_decode_r(&r, P9_DIALECT_LOCAL, message_page()->data, rpc.r_len, 0);
	if (!err && r.type == P9_RLERROR && r.lerror.ecode && r.lerror.ecode < 4096)
		err = -(int)r.lerror.ecode;
	else if (err || r.type != P9_RCONNECT || !rpc.handle)
		err = -EPROTO;
	if (err && rpc.handle)
		sys_handle_close(rpc.handle);
	else if (!err)
		*session = rpc.handle;
	return err;
}

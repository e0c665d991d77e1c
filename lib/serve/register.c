/* SPDX-License-Identifier: ISC */
/* register.c: the client side of register.h. */
#include <errno.h>
#include <string.h>
#include "serve/register.h"
#include "sys/boot.h"
#include "sys/info.h"

#define REGISTER_TIMEOUT_NS (10 * NS_PER_S)

static int64_t registrar_call(handle_t registrar, uint32_t label, const char *text, handle_t handle,
			      uint64_t deadline, handle_t *given)
{
	struct message_page *page = message_page();
	struct ipc_msg m = {.tag = MSG_LABEL(label)};
	size_t len = strlen(text);
	int64_t r;

	if (len > MSG_DATA_MAX)
		return -ENAMETOOLONG;
	serve_flush();
	memcpy(page->data, text, len);
	page->handles[0] = handle;
	m.tag |= len | MSG_HANDLES(handle ? 1 : 0);
	r = ipc_call(registrar, &m, deadline);
	if (r < 0) {
		if (handle)
			sys_handle_close(handle); /* if it is still here */
		return r;
	}
	*given = MSG_NHANDLES(m.tag) ? page->handles[0] : HANDLE_NONE;
	return (int64_t)m.w[0];
}

int register_mount(handle_t registrar, const char *path, handle_t connector, uint64_t deadline)
{
	handle_t given = HANDLE_NONE;
	int64_t r = registrar_call(registrar, REGISTER_MOUNT, path, connector, deadline, &given);

	if (given)
		sys_handle_close(given);
	return (int)r;
}

int register_sub(handle_t registrar, const char *paths, uint64_t deadline, handle_t *out)
{
	int64_t r = registrar_call(registrar, REGISTER_SUB, paths, HANDLE_NONE, deadline, out);

	return r ? (int)r : *out ? 0 : -EPROTO;
}

int serve_register_part(struct serve *s, uint64_t badge, const char *path)
{
	handle_t registrar = boot_handle("registrar"), connector;
	int err;

	if (!s->own_channel)
		return 0;
	if (registrar == HANDLE_NONE)
		return -ENXIO;
	err = serve_connector(s, badge, &connector);
	if (err)
		return err;
	return register_mount(registrar, path, connector, time_in(REGISTER_TIMEOUT_NS));
}

int serve_register(struct serve *s, const char *path)
{
	return serve_register_part(s, SERVE_BADGE_CONNECTOR, path);
}

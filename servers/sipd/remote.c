/* SPDX-License-Identifier: ISC */
/* remote.c: see remote.h. */
#include "servers/sipd/remote.h"

#include <errno.h>
#include <string.h>
#include "serve/client_channel.h"
#include "serve/ns.h"
#include "serve/serve.h"
#include "sys/info.h"
#include "sys/sys.h"

#define DIR_BUFFER 4096u
#define HANDLE_KIND_DEVICE                                                                         \
	((enum p9_handle_kind)4) /* devd's: arg: silo; a device for its driver                     \
				  */

static uint64_t timeout_ns;

int remote_init(handle_t ns, uint64_t timeout)
{
	int err = ns_init_handle(ns);

	if (err)
		return err;
	timeout_ns = timeout;
	ns_client()->timeout_ns = timeout;
	return 0;
}

int remote_program(const char *path, handle_t *vmo, uint64_t *size)
{
	return ns_vmo(path, PROT_R | PROT_X, vmo, size);
}

/* Open a session's fid 0, so that who gets it can read and write at once. */
static int session_open(handle_t session)
{
	struct p9_tmsg t = {.type = P9_TLOPEN, .tag = 1};
	struct p9_rpc rpc = {.deadline = time_in(timeout_ns)};
	int64_t copy = sys_handle_dup(session, RIGHTS_SAME);
	struct p9_link *link;
	struct p9_rmsg r;
	int err;

	if (copy < 0)
		return (int)copy;
	err = channel_link_create((handle_t)copy, &link);
	if (err)
		return err;
	t.lopen.flags = P9_O_RDWR;
	err = p9_link_call(link, &t, &r, &rpc);
	link->ops->close(link);
	return err;
}

/* Walk to a file and ask for one handle. */
static int handle_get(const char *path, enum p9_handle_kind kind, uint64_t arg, handle_t *handle)
{
	struct p9_file *f;
	uint64_t value;
	int err;

	if (!ns_client())
		return -ENXIO;
	err = p9_client_walk(ns_client(), path, false, &f);
	if (err)
		return err;
	err = p9_client_gethandle(f, kind, arg, &value, handle);
	p9_client_close(f);
	return err;
}

int remote_terminal(const char *path, handle_t *session)
{
	int err =
		handle_get(path, P9_HANDLE_SESSION, SERVE_RIGHTS_FILE | SERVE_RIGHTS_SEND, session);

	if (err)
		return err;
	err = session_open(*session);
	if (err) {
		sys_handle_close(*session);
		*session = HANDLE_NONE;
	}
	return err;
}

int remote_lease(const char *path, uint32_t silo, handle_t *device)
{
	return handle_get(path, HANDLE_KIND_DEVICE, silo, device);
}

int remote_command(const char *path, const char *text)
{
	return ns_command(path, text);
}

int64_t remote_text(const char *path, char *text, uint32_t size)
{
	return ns_load_text(path, text, size);
}

/* The entries of one Rreaddir. */
static int entries_each(struct p9_file *f, const uint8_t *buf, uint32_t len,
			int (*fn)(void *arg, const char *name), void *arg)
{
	char name[P9_NAME_MAX + 1];
	struct p9_dirent ent;
	uint32_t at = 0;
	int r = 0;

	while (at < len && !r) {
		int used = p9_dirent_decode(&ent, buf + at, len - at);

		if (used <= 0)
			return -EPROTO;
		at += (uint32_t)used;
		f->offset = ent.offset;
		if (ent.name.len > P9_NAME_MAX)
			return -EPROTO;
		memcpy(name, ent.name.ptr, ent.name.len);
		name[ent.name.len] = '\0';
		if (strcmp(name, ".") && strcmp(name, ".."))
			r = fn(arg, name);
	}
	return r;
}

int remote_each(const char *path, int (*fn)(void *arg, const char *name), void *arg)
{
	uint8_t buf[DIR_BUFFER];
	struct p9_file *f;
	int64_t n;
	int r;

	r = ns_open(path, P9_O_RDONLY | P9_O_DIRECTORY, 0, &f);
	if (r)
		return r;
	while (!r && (n = p9_client_readdir(f, buf, sizeof(buf))) != 0)
		r = n < 0 ? (int)n : entries_each(f, buf, (uint32_t)n, fn, arg);
	p9_client_close(f);
	return r;
}

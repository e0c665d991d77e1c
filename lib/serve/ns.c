/* SPDX-License-Identifier: ISC */
/* ns.c: the one client of the process, and small conveniences over it. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "9p/client.h"
#include "serve/client_channel.h"
#include "serve/ns.h"
#include "sys/boot.h"
#include "sys/info.h"
#include "sys/sys.h"

#define LOAD_STEP 16384u

static struct p9_client client;
static bool ready;

/*
 * The client's lock, which is held for a few instructions and taken several times in each lookup:
 * a mutex of libc would cost more than what it guards. FREE -> TAKEN -> FREE; who has to wait makes
 * it CONTENDED, also when he gets it himself, since others may wait behind him.
 */
enum { LOCK_FREE, LOCK_TAKEN, LOCK_CONTENDED };
static _Atomic uint32_t client_lock;

static void ns_lock_wait(void)
{
	/* Woken, interrupted, or too late to sleep: the exchange decides. */
	while (atomic_exchange_explicit(&client_lock, LOCK_CONTENDED, memory_order_acquire))
		(void)!sys_futex_wait((uintptr_t)&client_lock, LOCK_CONTENDED, DEADLINE_NEVER);
}

static void ns_lock(void *arg)
{
	uint32_t expected = LOCK_FREE;

	(void)arg;
	if (!atomic_compare_exchange_strong_explicit(&client_lock, &expected, LOCK_TAKEN,
						     memory_order_acquire, memory_order_relaxed))
		ns_lock_wait();
}

static void ns_unlock(void *arg)
{
	(void)arg;
	if (atomic_exchange_explicit(&client_lock, LOCK_FREE, memory_order_release) ==
	    LOCK_CONTENDED)
		(void)!sys_futex_wake((uintptr_t)&client_lock, 1);
}

static int ns_start(handle_t session)
{
	struct p9_link *link;
	int err;

	err = channel_link_create(session, &link);
	if (err)
		return err;
	err = p9_client_init(&client, link);
	if (err)
		return err;
	client.timeout_ns = NS_TIMEOUT_NS;
	client.now = time_now;
	client.lock = ns_lock;
	client.unlock = ns_unlock;
	ready = true;
	return 0;
}

int ns_init_handle(uint32_t handle)
{
	handle_t session;
	int err;

	if (ready)
		return -EEXIST;
	err = channel_connect(handle, time_in(NS_TIMEOUT_NS), &session);
	if (err == -EOPNOTSUPP || err == -EPERM || err == -EINVAL)
		return ns_start(handle); /* a session already */
	sys_handle_close(handle);
	return err ? err : ns_start(session);
}

int ns_init(void)
{
	handle_t handle = boot_handle("ns:/");

	return handle == HANDLE_NONE ? -ENXIO : ns_init_handle(handle);
}

struct p9_client *ns_client(void)
{
	return ready ? &client : NULL;
}

int ns_open(const char *path, uint32_t flags, uint32_t mode, struct p9_file **out)
{
	return ready ? p9_client_open(&client, path, flags, mode, out) : -ENXIO;
}

int ns_stat(const char *path, bool nofollow, struct p9_attr *attr)
{
	return ready ? p9_client_stat(&client, path, nofollow, attr) : -ENXIO;
}

int64_t ns_load(const char *path, void *buf, uint32_t size)
{
	return ready ? p9_client_load(&client, path, buf, size) : -ENXIO;
}

int64_t ns_load_text(const char *path, char *buf, uint32_t size)
{
	int64_t len = ns_load(path, buf, size - 1);

	buf[len > 0 ? len : 0] = '\0';
	return len;
}

int ns_command(const char *path, const char *text)
{
	return ready ? p9_client_command(&client, path, text) : -ENXIO;
}

int ns_load_all(const char *path, uint64_t max, char **text, uint64_t *len)
{
	uint64_t used = 0, room = 0;
	struct p9_file *f;
	char *buf = NULL, *more;
	int64_t n;

	n = ns_open(path, P9_O_RDONLY, 0, &f);
	if (n < 0)
		return (int)n;
	do {
		if (room - used < LOAD_STEP) {
			room = room ? room * 2 : LOAD_STEP * 2;
			more = realloc(buf, room + 1);
			n = -ENOMEM;
			if (!more)
				break;
			buf = more;
		}
		n = p9_client_read(f, buf + used, room - used);
		used += n > 0 ? (uint64_t)n : 0;
		if (used > max)
			n = -EFBIG;
	} while (n > 0);
	p9_client_close(f);
	if (n < 0) {
		free(buf);
		return (int)n;
	}
	buf[used] = '\0';
	*text = buf;
	*len = used;
	return 0;
}

int ns_write_all(struct p9_file *f, const void *buf, uint64_t len)
{
	const char *at = buf;

	while (len) {
		int64_t n = p9_client_write(f, at, len);

		if (n < 0)
			return (int)n;
		if (!n)
			return -EIO;
		at += n;
		len -= (uint64_t)n;
	}
	return 0;
}

int ns_vmo(const char *path, uint32_t prot, uint32_t *vmo, uint64_t *size)
{
	struct p9_file *f;
	int err;

	err = ns_open(path, prot & PROT_W ? P9_O_RDWR : P9_O_RDONLY, 0, &f);
	if (err)
		return err;
	err = p9_client_gethandle(f, P9_HANDLE_VMO, prot, size, vmo);
	p9_client_close(f);
	return err;
}

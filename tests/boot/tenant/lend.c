/* SPDX-License-Identifier: ISC */
/* lend.c: a client of a block driver that takes back what it has lent while the driver has it. */
#include <errno.h>
#include <string.h>
#include "abi/ring.h"
#include "ring/ring.h"
#include "sys/boot.h"
#include "sys/info.h"
#include "sys/ipc.h"
#include "sys/sys.h"
#include "tests/boot/tenant/tenant.h"

#define ENTRIES 8u
#define SEGS	16u
#define CALL_NS (10 * NS_PER_S)

enum { RING, POOL, BELL, LIFE, GIVES };

/* A ring for a driver, laid out in memory that nothing here needs afterwards. */
static int ring_make(handle_t *vmo, uint64_t pool_size)
{
	static struct ring_client client;
	const struct ring_geometry g = {ENTRIES, SEGS, pool_size};
	struct map_args args = {.flags = PROT_R | PROT_W, .len = PAGE_SIZE};
	int64_t at = sys_vmo_create(PAGE_SIZE, VMO_WIRED);
	int err;

	if (at < 0)
		return (int)at;
	*vmo = args.vmo = (handle_t)at;
	at = sys_aspace_map(boot_handle("aspace"), &args);
	if (at < 0)
		return (int)at;
	err = ring_client_init(&client, (void *)at, PAGE_SIZE, &g);
	return err ? err : (int)sys_aspace_unmap(boot_handle("aspace"), (uint64_t)at, PAGE_SIZE);
}

static int offer(handle_t session, const handle_t ours[GIVES], uint64_t pool_size)
{
	struct ipc_msg m = {.tag = MSG_LABEL(RING_OFFER) | MSG_HANDLES(GIVES),
			    .w = {RING_VERSION, ENTRIES, SEGS, pool_size}};
	int64_t copy, err;

	for (unsigned i = 0; i < GIVES; i++) {
		copy = sys_handle_dup(ours[i], RIGHTS_SAME);
		if (copy < 0)
			return (int)copy;
		message_page()->handles[i] = (handle_t)copy;
	}
	err = ipc_call(session, &m, time_in(CALL_NS));
	return err ? (int)err : (int)(int64_t)m.w[0];
}

/* Once: lend and take back. */
static int lend_once(const char *path, uint64_t size, handle_t life)
{
	handle_t session, ours[GIVES] = {[LIFE] = life};
	int64_t pool = sys_vmo_create(size, VMO_WIRED), bell = sys_signal_create(0), sender;
	int err = pool < 0 ? (int)pool : bell < 0 ? (int)bell : ring_make(&ours[RING], size);

	if (err)
		return err;
	ours[POOL] = (handle_t)pool;
	ours[BELL] = (handle_t)bell;
	sender = sys_channel_sender(life, 1, RIGHT_GRANT, REPLY_NONE);
	if (sender < 0)
		return (int)sender;
	ours[LIFE] = (handle_t)sender;
	err = session_make(path, &session);
	if (!err)
		err = offer(session, ours, size);
	for (unsigned i = 0; i < GIVES; i++) {
		if (i != LIFE && sys_handle_revoke(ours[i]) < 0)
			err = -EIO;
		sys_handle_close(ours[i]);
	}
	sys_handle_close(session);
	return err;
}

int lend(const char *path, uint64_t count, uint64_t size)
{
	int64_t life = sys_channel_create();
	int err = life < 0 ? (int)life : 0;

	for (; !err && done < count; done += !err)
		err = lend_once(path, size, (handle_t)life);
	return err;
}

/* SPDX-License-Identifier: ISC */
/*
 * fsd: the file system of a disk, read only: ext4.
 *
 *	fsd [-m SIZE] SOURCE PATH
 *
 * SOURCE is a disk below /scheme/block, or `auto`: /scheme/block/vda, else sda. PATH is where it is
 * mounted, unless the supervisor mounts it. SIZE of the pool (K, M, G): 32M.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "servers/fsd/host.h"
#include "serve/ns.h"
#include "serve/register.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/log.h"

#define POOL_DEFAULT (32ull << 20)
#define POOL_MAX     (1ull << 40)
#define STATE_MAX    (1ull << 20)

static struct host host;

static int size_parse(const char *text, uint64_t *size)
{
	char *end;
	unsigned long long n;
	unsigned shift = 0;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text)
		return -EINVAL;
	if (*end == 'K' || *end == 'M' || *end == 'G')
		shift = *end++ == 'K' ? 10 : end[-1] == 'M' ? 20 : 30;
	if (*end || n > POOL_MAX >> shift)
		return -EINVAL;
	*size = (uint64_t)n << shift & ~(uint64_t)(FSD_PAGE - 1);
	return *size >> FSD_SHIFT < POOL_MIN ? -EINVAL : 0;
}

/* Map a VMO for reading and writing. */
static int vmo_map(handle_t vmo, uint64_t size, void **at)
{
	struct map_args args = {.vmo = vmo, .flags = PROT_R | PROT_W | MAP_POPULATE, .len = size};
	int64_t r = sys_aspace_map(boot_handle("aspace"), &args);

	if (r < 0)
		return (int)r;
	*at = (void *)r;
	return 0;
}

static int wired_make(uint64_t size, handle_t *vmo, void **at)
{
	int64_t r = sys_vmo_create(size, VMO_WIRED);

	if (r < 0)
		return (int)r;
	*vmo = (handle_t)r;
	return vmo_map(*vmo, size, at);
}

static int memory_make(uint64_t pool_size, const char *source)
{
	const struct ring_geometry g = {RING_SIZE, RING_SEGS, pool_size};
	uint64_t ring_size = (RING_BYTES(RING_SIZE, RING_SEGS) + FSD_PAGE - 1) & ~(FSD_PAGE - 1ull);
	void *pool, *ring;
	int err = wired_make(pool_size, &host.pool, &pool);

	if (!err)
		err = wired_make(ring_size, &host.ring, &ring);
	if (!err)
		err = fsd_init(&host.f, source, pool, (uint32_t)(pool_size >> FSD_SHIFT));
	if (!err)
		err = ring_client_init(&host.f.ring, ring, ring_size, &g);
	host.f.host = &host;
	return err;
}

/* What a predecessor has left, if there is a supervisor that keeps it. */
static int state_find(void)
{
	handle_t state = boot_handle("state");
	struct vmo_info info;
	void *at;
	int64_t err;

	if (state == HANDLE_NONE)
		return 0;
	err = sys_vmo_info(state, &info);
	if (err)
		return (int)err;
	if (info.size > STATE_MAX)
		info.size = STATE_MAX;
	err = vmo_map(state, info.size, &at);
	if (!err)
		sessions_init(&host.f, at, info.size);
	return (int)err;
}

static void on_bell(struct serve_watch *w, const struct event *e)
{
	struct host *h = w->arg;

	(void)e;
	if (sys_signal_set(h->bell, RING_BELL_CLIENT, 0) < 0)
		log_print("fsd: its bell is gone");
	fsd_turn(&h->f);
}

static void on_alarm(struct serve_watch *w, const struct event *e)
{
	struct host *h = w->arg;

	(void)e;
	jobs_watch(&h->f);
}

static int bell_make(void)
{
	int64_t bell = sys_signal_create(0);

	if (bell < 0)
		return (int)bell;
	host.bell = (handle_t)bell;
	host.bell_watch = (struct serve_watch){.fn = on_bell, .arg = &host};
	host.alarm_watch = (struct serve_watch){.fn = on_alarm, .arg = &host};
	return serve_watch_add(&host.serve, &host.bell_watch, host.bell, EVENT_SIGNAL, 0,
			       RING_BELL_CLIENT);
}

static int fail(const char *what, int err)
{
	log_print("fsd: %s: %s", what, error_text(err));
	return 1;
}

int main(int argc, char **argv)
{
	/* A fid may be all that keeps an inode in memory. */
	const struct p9_limits limits = {.sessions = SERVE_SESSIONS,
					 .memory = 8 << 20,
					 .fid_cost = sizeof(struct inode) + sizeof(struct reader)};
	uint64_t pool_size = POOL_DEFAULT;
	int opt, err;

	while ((opt = getopt(argc, argv, "m:")) != -1)
		if (opt != 'm' || size_parse(optarg, &pool_size))
			return fail("usage: fsd [-m SIZE] SOURCE PATH", -EINVAL);
	if (argc - optind != 2)
		return fail("usage: fsd [-m SIZE] SOURCE PATH", -EINVAL);
	err = memory_make(pool_size, argv[optind]);
	if (err)
		return fail("the pool", err);
	err = serve_init(&host.serve, &fsd_ops, &host.f, &limits);
	if (!err)
		err = bell_make();
	if (!err)
		err = state_find();
	if (!err)
		err = ns_init();
	if (!err)
		err = link_start(&host, argv[optind]);
	if (!err)
		err = serve_register(&host.serve, argv[optind + 1]);
	return err ? fail("the server", err) : serve_run(&host.serve) ? 1 : 0;
}

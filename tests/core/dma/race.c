/* SPDX-License-Identifier: ISC */
/*
 * race.c: what happens between two slices of dma_map and dma_unmap: the process dies, the thread is
 * sent elsewhere, a handle is revoked, another thread undoes what this one does. Whatever it is:
 * nothing is left that nobody can end, and every page is given back.
 */
#include <string.h>
#include "tests/core/core.h"

#define MAP_LEN	  (2ull << 20)
#define MAP_PAGES (MAP_LEN / PAGE_SIZE)
#define ROUNDS	  40u
#define SOURCE	  0xf8 /* a function that is not there */

static handle_t device_make(uint64_t dma_max)
{
	struct device_args args = {.source = SOURCE, .dma_max = dma_max, .name = "raced"};

	return TAKE(sys_device_create(core_device, &args));
}

static uint64_t used(handle_t device)
{
	struct device_info info;

	OK(sys_device_info(device, &info));
	return info.dma_used + info.dma_quarantined;
}

static uint32_t references(handle_t object)
{
	struct handle_info info;

	OK(sys_handle_info(object, &info));
	return info.refs;
}

/* What was given up ends in slices; then only `vmo` itself holds the memory. */
static void nothing_left(handle_t device, handle_t vmo)
{
	uint64_t deadline = core_soon();

	OK(sys_device_quiesced(device));
	while (used(device) || references(vmo) != 1) {
		CHECK(time_now() < deadline);
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
	}
}

/* ---- a thread that maps and unmaps ------------------------------------------------------------
 */

static struct mapper {
	struct core_native native;
	handle_t device, vmo;
	volatile bool stop, unmaps;
	volatile uint64_t mapped, unmapped;
	int64_t result; /* that ended it */
	uint64_t bus[MAP_PAGES];
} mapper, other;

static void mapper_run(uint64_t arg)
{
	struct mapper *m = (struct mapper *)arg;

	m->result = 0;
	while (!m->stop && m->result >= 0) {
		m->result = sys_dma_map(m->device, m->vmo, 0, MAP_LEN, m->bus);
		if (m->result < 0)
			break;
		m->mapped++;
		if (!m->unmaps)
			continue;
		m->result = sys_dma_unmap(m->device, m->vmo, 0, MAP_LEN);
		m->unmapped += m->result == 0;
	}
}

static void mapper_begin(struct mapper *m, handle_t device, handle_t vmo)
{
	m->device = device;
	m->vmo = vmo;
	m->stop = false;
	m->unmaps = true;
	m->mapped = m->unmapped = 0;
	core_native_start(&m->native, mapper_run, (uint64_t)m);
}

static void mapper_wait(const struct mapper *m)
{
	uint64_t n = m->mapped, deadline = core_soon();

	while (m->mapped == n) {
		CHECK(time_now() < deadline);
		OK(sys_thread_sleep(time_in(100 * NS_PER_US)));
	}
}

/* Somewhere in a call, another place each time. */
static void pause_for(unsigned round)
{
	OK(sys_thread_sleep(time_in(200 * NS_PER_US + round * 17 * NS_PER_US)));
}

/* ---- the process dies -------------------------------------------------------------------------
 */

static int role_driver(void)
{
	struct mapper *m = &mapper;

	m->device = boot_handle("device");
	m->vmo = boot_handle("memory");
	m->unmaps = true;
	TAKE(sys_signal_set(boot_handle("ready"), 0, 1));
	mapper_run((uint64_t)m);
	return 1;
}

static void process_killed(void)
{
	uint64_t dma = core_usage(core_silo, RES_DMA), deadline;
	handle_t device = device_make(MAP_LEN), vmo = TAKE(sys_vmo_create(MAP_LEN, VMO_WIRED));
	struct device_info info;
	struct spawned s;

	for (unsigned i = 0; i < ROUNDS; i++) {
		handle_t ready = TAKE(sys_signal_create(0));
		struct spawn_handle give[] = {
			{"device", device, RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE, 0, 0},
			{"memory", vmo, RIGHTS_SAME, 0, 0},
			{"ready", ready, RIGHTS_SAME, 0, 0}};

		deadline = core_soon();
		core_spawn(&s, "driver", NULL, HANDLE_NONE, give, 3);
		while (TAKE(sys_signal_get(ready)) != 1)
			CHECK(time_now() < deadline);
		pause_for(i);
		OK(sys_process_kill(s.process, -1));
		core_expect(&s, -1);
		OK(sys_device_info(device, &info));
		CHECK_EQ(info.dma_used, 0); /* nothing is reached once it is told dead */
		CHECK(!info.confined || !info.dma_quarantined);
		nothing_left(device, vmo);
		core_close(ready);
	}
	core_close(vmo);
	core_close(device);
	CHECK_EQ(core_usage(core_silo, RES_DMA), dma);
}

/* ---- the thread is sent elsewhere ---------------------------------------------------------------
 */

static void elsewhere(void)
{
	sys_thread_exit(0, 0);
}

static void thread_diverted(void)
{
	handle_t device = device_make(2 * MAP_LEN), vmo = TAKE(sys_vmo_create(MAP_LEN, VMO_WIRED));
	struct thread_regs regs;
	int64_t err;

	for (unsigned i = 0; i < ROUNDS; i++) {
		mapper_begin(&mapper, device, vmo);
		mapper_wait(&mapper);
		pause_for(i);
		OK(sys_thread_suspend(mapper.native.thread));
		CHECK_EQ(sys_thread_state_get(mapper.native.thread, THREAD_REGS, &regs,
					      sizeof(regs)),
			 sizeof(regs));
		regs.rip = (uint64_t)elsewhere;
		regs.rsp &= ~15ull;
		regs.rsp -= 8;
		OK(sys_thread_state_set(mapper.native.thread, THREAD_REGS, &regs, sizeof(regs)));
		OK(sys_thread_resume(mapper.native.thread));
		core_until(mapper.native.thread, THREAD_DEAD);
		core_close(mapper.native.thread);
		/* A map that was done may be there; half of one ends by itself. */
		err = sys_dma_unmap(device, vmo, 0, MAP_LEN);
		CHECK(err == 0 || err == -EINVAL);
		nothing_left(device, vmo);
	}
	core_close(vmo);
	core_close(device);
}

/* ---- a handle goes ------------------------------------------------------------------------------
 */

static void handle_revoked(bool of_device)
{
	handle_t device = device_make(2 * MAP_LEN), vmo = TAKE(sys_vmo_create(MAP_LEN, VMO_WIRED));
	int64_t err;

	for (unsigned i = 0; i < ROUNDS; i++) {
		handle_t above = TAKE(sys_handle_dup(of_device ? device : vmo, RIGHTS_SAME));
		handle_t weak = TAKE(sys_handle_dup(above, RIGHTS_SAME));

		mapper_begin(&mapper, of_device ? weak : device, of_device ? vmo : weak);
		mapper_wait(&mapper);
		pause_for(i);
		OK(sys_handle_revoke(above));
		core_native_join(&mapper.native);
		CHECK_EQ(mapper.result, -EBADF);
		err = sys_dma_unmap(device, vmo, 0, MAP_LEN);
		CHECK(err == 0 || err == -EINVAL);
		core_close(above);
		nothing_left(device, vmo);
	}
	core_close(vmo);
	core_close(device);
}

static void device_revoked(void)
{
	handle_revoked(true);
}

static void memory_revoked(void)
{
	handle_revoked(false);
}

/* ---- two threads and one range
 * -------------------------------------------------------------------- */

/* One only maps; the other maps and unmaps, so one's map may be what it undoes. */
static void map_against_unmap(void)
{
	handle_t device = device_make(UINT64_MAX), vmo = TAKE(sys_vmo_create(MAP_LEN, VMO_WIRED));
	uint64_t unmapped = 0, mapped, i;
	int64_t err;

	mapper_begin(&mapper, device, vmo);
	mapper_begin(&other, device, vmo);
	for (i = 0; i < ROUNDS; i++) {
		pause_for((unsigned)i);
		err = sys_dma_unmap(device, vmo, 0, MAP_LEN);
		CHECK(err == 0 || err == -EINVAL);
		unmapped += err == 0;
	}
	mapper.stop = other.stop = true;
	core_native_join(&mapper.native);
	core_native_join(&other.native);
	/* Theirs may be what was undone here. */
	CHECK(mapper.result == 0 || mapper.result == -EINVAL);
	CHECK(other.result == 0 || other.result == -EINVAL);
	mapped = mapper.mapped + other.mapped;
	unmapped += mapper.unmapped + other.unmapped;
	CHECK(mapped >= unmapped);
	CHECK_EQ(used(device), (mapped - unmapped) * MAP_LEN);
	for (i = mapped - unmapped; i; i--)
		OK(sys_dma_unmap(device, vmo, 0, MAP_LEN));
	REFUSED(sys_dma_unmap(device, vmo, 0, MAP_LEN), EINVAL);
	nothing_left(device, vmo);
	core_close(vmo);
	core_close(device);
}

/* ---- half of a call fails
 * -------------------------------------------------------------------------- */

/* The second page of addresses cannot be written, or there is no room for a second map. */
static void fails_half_way(void)
{
	handle_t device = device_make(MAP_LEN + PAGE_SIZE), vmo;
	uint64_t *bus = core_map(2 * PAGE_SIZE, PROT_R | PROT_W, NULL);
	uint64_t *late = (uint64_t *)((char *)bus + PAGE_SIZE) - MAP_PAGES / 2;

	vmo = TAKE(sys_vmo_create(MAP_LEN, VMO_WIRED));
	OK(sys_aspace_protect(core_aspace, (uint64_t)bus + PAGE_SIZE, PAGE_SIZE, PROT_R));
	for (unsigned i = 0; i < 3; i++) {
		REFUSED(sys_dma_map(device, vmo, 0, MAP_LEN, late), EFAULT);
		CHECK_EQ(used(device), 0);
		CHECK_EQ(references(vmo), 1);
	}
	CHECK_EQ(sys_dma_map(device, vmo, 0, MAP_LEN, bus), MAP_PAGES);
	for (unsigned i = 0; i < 3; i++) {
		REFUSED(sys_dma_map(device, vmo, 0, MAP_LEN, bus), EDQUOT);
		CHECK_EQ(used(device), MAP_LEN);
	}
	OK(sys_dma_unmap(device, vmo, 0, MAP_LEN));
	core_unmap(bus, 2 * PAGE_SIZE);
	nothing_left(device, vmo);
	core_close(vmo);
	core_close(device);
}

#define SPARE 16u

/* All memory is used up but for a page more each time: at some of them the domain's tables, which
 * the device's maker pays, end in the middle of a map. */
static int role_short(void)
{
	struct device_args args = {.source = SOURCE, .dma_max = 4 * MAP_LEN, .name = "short"};
	handle_t spare = TAKE(sys_vmo_create(SPARE * PAGE_SIZE, VMO_ANON)), device, vmo, fill;
	static uint64_t bus[MAP_PAGES];
	int64_t n = -ENOMEM;

	bus[0] = 1; /* it is there */
	bus[MAP_PAGES - 1] = 1;
	device = TAKE(sys_device_create(boot_handle("device"), &args));
	vmo = TAKE(sys_vmo_create(MAP_LEN, VMO_WIRED));
	OK(sys_vmo_commit(spare, 0, SPARE * PAGE_SIZE));
	fill = TAKE(sys_vmo_create(64 * MAP_LEN, VMO_ANON));
	REFUSED(sys_vmo_commit(fill, 0, 64 * MAP_LEN), ENOMEM);
	for (uint64_t i = 0; n == -ENOMEM && i < SPARE; i++) {
		n = sys_dma_map(device, vmo, 0, MAP_LEN, bus);
		CHECK_EQ(used(device), n == -ENOMEM ? 0 : MAP_LEN);
		CHECK_EQ(references(vmo), n == -ENOMEM ? 1 : 2);
		OK(sys_vmo_decommit(spare, i * PAGE_SIZE, PAGE_SIZE));
	}
	CHECK_EQ(n, MAP_PAGES);
	OK(sys_dma_unmap(device, vmo, 0, MAP_LEN));
	CHECK_EQ(used(device), 0);
	return 7;
}

static void memory_ends_half_way(void)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_MEMORY] = 16 << 20};
	struct silo_args args = {.id = 500, .mode = MODE_DMA};
	struct spawn_handle give = {"device", core_device, RIGHTS_SAME, 0, 0};
	struct silo_info info;
	struct spawned s;
	handle_t silo;

	memcpy(args.limits, limits, sizeof(limits));
	silo = TAKE(sys_silo_create(core_silo, &args));
	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	core_spawn(&s, "short", NULL, silo, &give, 1);
	core_expect(&s, 7);
	OK(sys_silo_info(silo, &info));
	CHECK_EQ(info.usage[RES_DMA], 0);
	core_silo_end(silo);
}

const struct core_test core_tests[] = {
	{"process_killed", process_killed},
	{"thread_diverted", thread_diverted},
	{"device_revoked", device_revoked},
	{"memory_revoked", memory_revoked},
	{"map_against_unmap", map_against_unmap},
	{"fails_half_way", fails_half_way},
	{"memory_ends_half_way", memory_ends_half_way},
	{NULL, NULL},
};

const struct core_role core_roles[] = {
	{"driver", role_driver}, {"short", role_short}, {NULL, NULL}};

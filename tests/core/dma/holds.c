/* SPDX-License-Identifier: ISC */
/*
 * holds.c: how long what a driver does with DMA memory keeps others out of the kernel. The machine
 * counts instructions (--icount), so a nanosecond is one of them. A thread of a higher band than
 * the driver's wants to run every 10 us; how late it comes is the rest of the hold that was under
 * way, and the way to it.
 */
#include <string.h>
#include "tests/core/core.h"

#define HOLD_MAX   20000u
#define WAY	   4000u /* from the timer's interrupt to the clock */
#define PERIOD	   (10 * NS_PER_US)
#define MAP_LEN	   (2ull << 20) /* the most that one dma_map takes */
#define MAP_PAGES  (MAP_LEN / PAGE_SIZE)
#define MAPS	   8u
#define CLAIMS_MAX 512u
#define SOURCE	   0xf8 /* a function that is not there */
#define SPREAD	   96u

static uint64_t bus[MAP_PAGES];

/* ---- the clock --------------------------------------------------------------------------------
 */

static struct {
	struct core_native native;
	volatile bool looks, stop;
	volatile uint64_t latest; /* ns after it wanted to run */
} clockwatch;

static void watch_clock(uint64_t arg)
{
	uint64_t due, now;

	(void)arg;
	while (!clockwatch.stop) {
		due = time_in(PERIOD);
		OK(sys_thread_sleep(due));
		now = time_now();
		if (clockwatch.looks && now - due > clockwatch.latest)
			clockwatch.latest = now - due;
		clockwatch.looks = true;
	}
}

/* The role, a driver in a silo of system tier, must answer 1. `holds`: the one that was under way
 * may be followed by that of the timer's interrupt, which cleans up. */
static void watched(const char *role, handle_t device, handle_t vmo, unsigned holds)
{
	struct silo_args args = {.id = 500, .mode = MODE_DMA};
	struct spawn_handle give[] = {
		{"device", device, RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE, 0, 0},
		{"memory", vmo, RIGHTS_SAME, 0, 0}};
	handle_t silo = TAKE(sys_silo_create(core_silo, &args));
	struct system_info system;
	struct process_info info;
	struct spawned s;

	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	core_spawn(&s, role, NULL, silo, give, 2);
	clockwatch.looks = clockwatch.stop = false;
	clockwatch.latest = 0;
	core_native_start(&clockwatch.native, watch_clock, 0);
	CHECK(core_wait(&s, &info));
	OK(sys_thread_sleep(time_in(20 * NS_PER_MS))); /* what is left ends in slices */
	clockwatch.stop = true;
	core_native_join(&clockwatch.native);
	CHECK_EQ(info.code, 1);
	log_print("%s: at most %llu late", role, (unsigned long long)clockwatch.latest);
	OK(sys_system_info(core_log, &system));
	if (system.hold_max) /* boot word lock=measure: whose is it? */
		log_print("longest hold so far: %llu, of %llx", (unsigned long long)system.hold_max,
			  (unsigned long long)system.hold_where);
	CHECK(clockwatch.latest < holds * HOLD_MAX + WAY);
	OK(sys_device_quiesced(device));
	core_silo_end(silo);
}

/* ---- devices ------------------------------------------------------------------------------------
 */

static handle_t device_make(uint64_t dma_max)
{
	struct device_args args = {.source = SOURCE, .dma_max = dma_max, .name = "held"};

	return TAKE(sys_device_create(core_device, &args));
}

/* Nothing is reached or held for it any more; what is left over ends in slices. */
static void nothing_left(handle_t device)
{
	struct device_info info;
	uint64_t deadline = core_soon();

	OK(sys_device_quiesced(device));
	do {
		OK(sys_device_info(device, &info));
		CHECK(time_now() < deadline);
	} while (info.dma_used + info.dma_quarantined);
}

/* It goes with what it may reach. */
static void close_with_all(handle_t device)
{
	handle_t again;

	core_close(device);
	again = device_make(UINT64_MAX); /* waits until that one is silent */
	nothing_left(again);
	core_close(again);
}

/* ---- map and unmap
 * -------------------------------------------------------------------------------- */

static int role_map(void)
{
	handle_t device = boot_handle("device"), vmo = boot_handle("memory");

	for (unsigned i = 0; i < 50; i++) {
		CHECK_EQ(sys_dma_map(device, vmo, 0, MAP_LEN, bus), MAP_PAGES);
		for (unsigned k = 1; k < MAP_PAGES; k++)
			CHECK(bus[k] && bus[k] % PAGE_SIZE == 0 && bus[k] != bus[k - 1]);
		OK(sys_dma_unmap(device, vmo, 0, MAP_LEN));
	}
	REFUSED(sys_dma_unmap(device, vmo, 0, MAP_LEN), EINVAL);
	return 1;
}

static int role_many_maps(void)
{
	handle_t device = boot_handle("device"), vmo = boot_handle("memory");

	for (uint64_t i = 0; i < CLAIMS_MAX; i++)
		CHECK_EQ(sys_dma_map(device, vmo, i * PAGE_SIZE, PAGE_SIZE, bus), 1);
	REFUSED(sys_dma_map(device, vmo, CLAIMS_MAX * PAGE_SIZE, PAGE_SIZE, bus), EDQUOT);
	REFUSED(sys_dma_unmap(device, vmo, CLAIMS_MAX * PAGE_SIZE, PAGE_SIZE), EINVAL);
	for (uint64_t i = CLAIMS_MAX; i-- > CLAIMS_MAX / 2;)
		OK(sys_dma_unmap(device, vmo, i * PAGE_SIZE, PAGE_SIZE));
	return 1; /* silence ends the rest */
}

static int role_much(void)
{
	handle_t device = boot_handle("device"), vmo = boot_handle("memory");

	for (unsigned i = 0; i < MAPS; i++)
		CHECK_EQ(sys_dma_map(device, vmo, i % 2 * MAP_LEN, MAP_LEN, bus), MAP_PAGES);
	return 1;
}

/* Finding longer runs is not bounded. */
static int role_contiguous(void)
{
	handle_t device = boot_handle("device"), vmo;

	for (unsigned i = 0; i < 20; i++) {
		vmo = TAKE(sys_vmo_create_contiguous(device, MAP_LEN / 8, 0));
		CHECK_EQ(sys_dma_map(device, vmo, 0, MAP_LEN / 8, bus), MAP_PAGES / 8);
		core_close(vmo);
		vmo = TAKE(sys_vmo_create_contiguous(device, MAP_LEN / 8, 0));
		core_close(vmo);
	}
	return 1;
}

static void role(const char *name, unsigned holds)
{
	handle_t device = device_make(UINT64_MAX),
		 vmo = TAKE(sys_vmo_create(2 * MAP_LEN, VMO_WIRED));

	watched(name, device, vmo, holds);
	nothing_left(device);
	core_close(vmo);
	core_close(device);
}

static void map(void)
{
	role("map", 1);
}

static void many_maps(void)
{
	role("many_maps", 2);
}

static void owner_dies(void)
{
	role("much", 2);
}

static void contiguous(void)
{
	role("contiguous", 2);
}

/* Each page is in another part of memory, so each wants a table of the IOMMU's of its own. */
static int role_far_apart(void)
{
	handle_t device = boot_handle("device");
	static handle_t spread[SPREAD];

	for (unsigned i = 0; i < SPREAD; i++) {
		spread[i] = TAKE(sys_vmo_create(PAGE_SIZE, VMO_WIRED));
		TAKE(sys_vmo_create(MAP_LEN, VMO_WIRED));
		CHECK_EQ(sys_dma_map(device, spread[i], 0, PAGE_SIZE, bus), 1);
	}
	return 1;
}

/* The device ends too, and its tables with it, in slices. */
static void tables_end(void)
{
	handle_t device = device_make(UINT64_MAX);
	uint64_t memory = core_usage(core_silo, RES_MEMORY), deadline = core_soon();
	struct spawn_handle give[] = {
		{"device", device, RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE, 0, 0}};
	struct device_info info;
	struct spawned s;

	core_spawn(&s, "far_apart", NULL, HANDLE_NONE, give, 1);
	core_expect(&s, 1);
	OK(sys_device_info(device, &info));
	OK(sys_device_quiesced(device));
	while (!info.confined && core_usage(core_silo, RES_MEMORY) > memory + PAGE_SIZE)
		CHECK(time_now() < deadline);
	OK(sys_thread_sleep(time_in(100 * NS_PER_MS)));
	clockwatch.looks = clockwatch.stop = false;
	clockwatch.latest = 0;
	core_native_start(&clockwatch.native, watch_clock, 0);
	while (!clockwatch.looks)
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
	close_with_all(device);
	OK(sys_thread_sleep(time_in(20 * NS_PER_MS)));
	clockwatch.stop = true;
	core_native_join(&clockwatch.native);
	log_print("tables end: at most %llu late", (unsigned long long)clockwatch.latest);
	CHECK(clockwatch.latest < 2 * HOLD_MAX + WAY);
}

const struct core_test core_tests[] = {
	{"map", map},
	{"many_maps", many_maps},
	{"owner_dies", owner_dies},
	{"contiguous", contiguous},
	{"tables_end", tables_end},
	{NULL, NULL},
};

const struct core_role core_roles[] = {
	{"map", role_map},
	{"many_maps", role_many_maps},
	{"much", role_much},
	{"contiguous", role_contiguous},
	{"far_apart", role_far_apart},
	{NULL, NULL},
};

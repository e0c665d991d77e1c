/* SPDX-License-Identifier: ISC */
/*
 * holds.c: how long one program can keep others out of the kernel. Each test does what once held
 * the kernel's lock for a time that grew with something the program chooses, while another thread
 * looks at the clock. The machine counts instructions (--icount), so a nanosecond is one of them.
 */
#include <stdlib.h>
#include <string.h>
#include "core.h"

#define SILO_ID 1500
/* A slice is some 15,000 instructions, but a look at each of 4096 mappings may come on top, and the
 * 50,000 from one look at the clock to the next. */
#define HOLD_MAX 300000u

static struct {
	struct core_native native;
	volatile bool looks, stop;
	volatile uint64_t longest; /* ns between two looks at the clock */
} clockwatch;

static void watch_clock(uint64_t arg)
{
	uint64_t last = time_now(), now;

	(void)arg;
	while (!clockwatch.stop) {
		OK(sys_thread_sleep(last + 50 * NS_PER_US));
		now = time_now();
		if (now - last > clockwatch.longest)
			clockwatch.longest = now - last;
		last = now;
		clockwatch.looks = true;
	}
}

static void watch_begin(void)
{
	clockwatch.looks = clockwatch.stop = false;
	clockwatch.longest = 0;
	core_native_start(&clockwatch.native, watch_clock, 0);
	while (!clockwatch.looks)
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
}

/* It looks every 50 us. */
static void watch_end(void)
{
	clockwatch.stop = true;
	core_native_join(&clockwatch.native);
	CHECK(clockwatch.longest < HOLD_MAX);
}

#define READ_STEP (1ull << 20)
#define READ_LEN  (256ull << 20)

/* Memory is used up to the last object; then 256 MiB of zeros are copied over one MiB that is
 * mapped again and again. */
static int role_read_without_memory(void)
{
	handle_t zeros = TAKE(sys_vmo_create(READ_LEN, VMO_ANON));
	handle_t fill = TAKE(sys_vmo_create(READ_LEN, VMO_ANON));
	handle_t page = TAKE(sys_vmo_create(READ_STEP, VMO_WIRED));
	struct map_args args = {.vmo = page, .flags = PROT_R | PROT_W | MAP_AT, .len = READ_STEP};
	uint64_t base = 0x1000000000;
	unsigned made = 0;

	for (args.addr = base; args.addr < base + READ_LEN; args.addr += READ_STEP) {
		CHECK_EQ(sys_aspace_map(core_aspace, &args), args.addr);
		*(volatile char *)args.addr = 1; /* and its page table */
	}
	REFUSED(sys_vmo_commit(fill, 0, READ_LEN), ENOMEM);
	while (sys_signal_create(0) >= 0)
		made++;
	CHECK(made);
	OK(sys_vmo_read(zeros, 0, (void *)base, READ_LEN, 0));
	return 1;
}

/* The role, in a silo of user tier with so much memory, must answer 1; the thread that looks at the
 * clock is of a higher band, so only the kernel keeps it from looking. */
static void watched(const char *role, const char *argument, uint64_t memory)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_MEMORY] = memory};
	handle_t silo = core_silo_make(SILO_ID, 0, limits);
	struct process_info info;
	struct spawned s;

	watch_begin();
	core_spawn(&s, role, argument, silo, NULL, 0);
	CHECK(core_wait(&s, &info));
	core_silo_end(silo);
	OK(sys_thread_sleep(time_in(200 * NS_PER_MS))); /* what is left is freed in slices */
	CHECK_EQ(info.code, 1);
	watch_end();
}

static void read_without_memory(void)
{
	watched("read_without_memory", NULL, 24 << 20);
}
#define TABLES	   6000u
#define TABLE_SPAN (2ull << 20)

/* Very many page tables with nothing in them, then one call that looks through all of them; then
 * the end, which frees them. */
static int role_tables(void)
{
	uint64_t len = TABLES * TABLE_SPAN, base = 0x1000000000;
	handle_t vmo = TAKE(sys_vmo_create(len, VMO_ANON));
	struct map_args args = {
		.vmo = vmo, .flags = PROT_R | PROT_W | MAP_AT, .addr = base, .len = len};

	CHECK_EQ(sys_aspace_map(core_aspace, &args), base);
	for (uint64_t i = 0; i < TABLES; i++) {
		*(volatile char *)(base + i * TABLE_SPAN) = 1;
		if (i % 1000 == 999)
			OK(sys_vmo_decommit(vmo, 0, len));
	}
	if (core_argument[0] == 'u')
		OK(sys_aspace_unmap(core_aspace, base, len));
	return 1;
}

static void unmap_empty_tables(void)
{
	watched("tables", "unmap", 40 << 20);
}

static void free_empty_tables(void)
{
	watched("tables", "", 40 << 20);
}
#define PARTS 4000u

/* One mapping in thousands of parts, which one call joins again, or unmaps. */
static int role_parts(void)
{
	uint64_t len = PARTS * PAGE_SIZE;
	char *at = core_map(len, PROT_R | PROT_W, NULL);

	for (unsigned i = 0; i < PARTS; i += 2)
		OK(sys_aspace_protect(core_aspace, (uint64_t)at + i * PAGE_SIZE, PAGE_SIZE,
				      PROT_R));
	if (core_argument[0] == 'j')
		OK(sys_aspace_protect(core_aspace, (uint64_t)at, len, PROT_R | PROT_W));
	core_unmap(at, len);
	return 1;
}

static void join_parts(void)
{
	watched("parts", "join", 16 << 20);
}

static void unmap_parts(void)
{
	watched("parts", "", 16 << 20);
}
#define ACCOUNTS 4000u

/* Each address space is charged to the one before, which is closed: a charge goes up through the
 * accounts that are left of them. */
static int role_accounts(void)
{
	uint64_t len = 1 << 20;
	handle_t last = HANDLE_NONE;

	for (unsigned i = 0; i < ACCOUNTS; i++) {
		handle_t next = TAKE(sys_aspace_create());

		OK(sys_thread_charge(next));
		if (last)
			core_close(last);
		last = next;
	}
	OK(sys_vmo_commit(TAKE(sys_vmo_create(len, VMO_ANON)), 0, len));
	return 1;
}

static void accounts_in_a_row(void)
{
	watched("accounts", "", 16 << 20);
}
#define ENDS	  400u
#define END_PAGES 40u

/* Very many handles, each the last of memory that takes its own slice to end. */
static int role_ends(void)
{
	for (unsigned i = 0; i < ENDS; i++)
		TAKE(sys_vmo_create(END_PAGES * PAGE_SIZE, VMO_WIRED));
	return 1;
}

static void very_many_ends(void)
{
	watched("ends", "", 96 << 20);
}
const struct core_test core_tests[] = {{"read_without_memory", read_without_memory},
				       {"unmap_empty_tables", unmap_empty_tables},
				       {"free_empty_tables", free_empty_tables},
				       {"join_parts", join_parts},
				       {"unmap_parts", unmap_parts},
				       {"accounts_in_a_row", accounts_in_a_row},
				       {"very_many_ends", very_many_ends},
				       {NULL, NULL}};

const struct core_role core_roles[] = {{"read_without_memory", role_read_without_memory},
				       {"tables", role_tables},
				       {"parts", role_parts},
				       {"accounts", role_accounts},
				       {"ends", role_ends},
				       {NULL, NULL}};

/* SPDX-License-Identifier: ISC */
/*
 * memory.c: VMOs, snapshots and address spaces.
 */
#include <string.h>
#include "core.h"

#define PAGES(n) ((uint64_t)(n)*PAGE_SIZE)

static uint64_t committed(handle_t vmo)
{
	struct vmo_info info;

	OK(sys_vmo_info(vmo, &info));
	return info.committed;
}

static int64_t map_at(handle_t aspace, handle_t vmo, uint64_t addr, uint64_t offset, uint64_t len,
		      uint32_t flags)
{
	struct map_args args = {
		.vmo = vmo, .flags = flags, .addr = addr, .offset = offset, .len = len};

	return sys_aspace_map(aspace, &args);
}

/* Is this byte of our memory there? */
static bool readable(const void *at)
{
	char byte;

	return sys_process_read(core_process, (uint64_t)at, &byte, 1) == 1;
}

static void create_refused(void)
{
	REFUSED(sys_vmo_create(0, VMO_ANON), EINVAL);
	REFUSED(sys_vmo_create(100, VMO_ANON), EINVAL);
	REFUSED(sys_vmo_create((1ull << 40) + PAGE_SIZE, VMO_ANON), EINVAL);
	REFUSED(sys_vmo_create(PAGE_SIZE, VMO_PHYSICAL), EINVAL);
	REFUSED(sys_vmo_create(PAGE_SIZE, VMO_KINDS + 5), EINVAL);
	core_close(TAKE(sys_vmo_create(1ull << 40, VMO_ANON)));
	REFUSED(sys_vmo_create(1ull << 40, VMO_WIRED), ENOMEM);
}

static void read_write(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGES(3), VMO_ANON));
	handle_t reader = TAKE(sys_handle_dup(vmo, RIGHT_READ));
	char out[16], zero[16] = {0};

	OK(sys_vmo_read(vmo, 0, out, sizeof(out), 0));
	CHECK(memcmp(out, zero, sizeof(out)) == 0);
	CHECK_EQ(committed(vmo), 0); /* reading commits nothing */
	OK(sys_vmo_write(vmo, PAGE_SIZE - 8, "across a page.", 15));
	OK(sys_vmo_read(vmo, PAGE_SIZE - 8, out, 15, 0));
	CHECK(memcmp(out, "across a page.", 15) == 0);
	CHECK_EQ(committed(vmo), PAGES(2));
	REFUSED(sys_vmo_write(reader, 0, "x", 1), EACCES);
	REFUSED(sys_vmo_read(vmo, PAGES(3), out, 1, 0), EINVAL);
	REFUSED(sys_vmo_read(vmo, PAGES(3) - 1, out, 2, 0), EINVAL);
	REFUSED(sys_vmo_read(vmo, UINT64_MAX, out, 2, 0), EINVAL);
	REFUSED(sys_vmo_read(vmo, 0, (void *)16, 1, 0), EFAULT);
	REFUSED(sys_vmo_read(vmo, 0, out, 1, VMO_RESIDENT << 1), EINVAL);
	OK(sys_vmo_read(vmo, PAGES(2), out, 1, VMO_RESIDENT)); /* absent: zeros */
	REFUSED(sys_vmo_write(vmo, 0, (void *)16, 1), EFAULT);
	core_close(reader);
	core_close(vmo);
}

static void commit_decommit(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGES(8), VMO_ANON));
	handle_t wired = TAKE(sys_vmo_create(PAGES(2), VMO_WIRED));
	char byte = 7;

	OK(sys_vmo_commit(vmo, PAGES(2), PAGES(3)));
	CHECK_EQ(committed(vmo), PAGES(3));
	OK(sys_vmo_write(vmo, PAGES(2), &byte, 1));
	OK(sys_vmo_decommit(vmo, PAGES(2), PAGES(1)));
	CHECK_EQ(committed(vmo), PAGES(2));
	OK(sys_vmo_read(vmo, PAGES(2), &byte, 1, 0));
	CHECK_EQ(byte, 0);
	REFUSED(sys_vmo_commit(vmo, PAGES(8), PAGES(1)), EINVAL);
	CHECK_EQ(committed(wired), PAGES(2));
	REFUSED(sys_vmo_decommit(wired, 0, PAGES(1)), EINVAL);
	REFUSED(sys_vmo_resize(wired, PAGES(1)), EINVAL);
	core_close(wired);
	core_close(vmo);
}

static void resize(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGES(4), VMO_ANON));
	int64_t at = map_at(core_aspace, vmo, 0, 0, PAGES(4), PROT_R | PROT_W);
	char *bytes = (char *)at;
	handle_t user;

	CHECK(at > 0);
	memset(bytes, 1, PAGES(4));
	OK(sys_vmo_resize(vmo, PAGES(2)));
	CHECK_EQ(committed(vmo), PAGES(2));
	CHECK(readable(bytes + PAGES(2) - 1));
	CHECK(!readable(bytes + PAGES(2)));
	OK(sys_vmo_resize(vmo, PAGES(4)));
	CHECK(readable(bytes + PAGES(3)));
	CHECK_EQ(bytes[PAGES(3)], 0);
	REFUSED(sys_vmo_resize(vmo, 5), EINVAL);
	user = TAKE(sys_handle_dup(vmo, RIGHT_READ | RIGHT_WRITE | RIGHT_MAP));
	REFUSED(sys_vmo_resize(user, PAGES(8)), EACCES);
	core_close(user);
	core_unmap(bytes, PAGES(4));
	core_close(vmo);
}

static void clone(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGES(2), VMO_ANON)), copy;
	char a[2] = "A", b[2];
	int64_t at = map_at(core_aspace, vmo, 0, 0, PAGES(2), PROT_R | PROT_W);

	CHECK(at > 0);
	OK(sys_vmo_write(vmo, 0, a, 2));
	OK(sys_vmo_write(vmo, PAGES(1), a, 2));
	copy = TAKE(sys_vmo_clone(vmo, 0, PAGES(2)));
	*(volatile char *)at = 'B'; /* the mapped side writes */
	OK(sys_vmo_read(copy, 0, b, 2, 0));
	CHECK_EQ(b[0], 'A');
	OK(sys_vmo_write(copy, PAGES(1), "C", 1)); /* and the other */
	CHECK_EQ(((volatile char *)at)[PAGES(1)], 'A');
	REFUSED(sys_vmo_clone(vmo, PAGES(1), PAGES(2)), EINVAL);
	core_unmap((void *)at, PAGES(2));
	core_close(vmo);
	OK(sys_vmo_read(copy, 0, b, 2, 0)); /* outlives its origin */
	CHECK_EQ(b[0], 'A');
	core_close(copy);
}

/* Copies of many words meet pages that are not there: those are made, or the copy ends. */
static void long_copies(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGES(4), VMO_ANON));
	handle_t fresh = TAKE(sys_vmo_create(PAGES(5), VMO_ANON));
	static uint8_t pattern[PAGES(4)];
	int64_t at = map_at(core_aspace, fresh, 0, 0, PAGES(5), PROT_R | PROT_W);
	uint8_t *to = (uint8_t *)at + 2003;

	CHECK(at > 0);
	for (unsigned i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + (i >> 8));
	OK(sys_vmo_write(vmo, 0, pattern, sizeof(pattern)));
	OK(sys_vmo_read(vmo, 5, to, PAGES(4) - 5 - 3, 0));
	CHECK(!memcmp(to, pattern + 5, PAGES(4) - 5 - 3));
	CHECK_EQ(to[PAGES(4) - 8], 0);
	core_unmap((uint8_t *)at + PAGES(2), PAGES(1));
	REFUSED(sys_vmo_read(vmo, 0, to, PAGES(4), 0), EFAULT);
	REFUSED(sys_vmo_write(vmo, 0, to, PAGES(4)), EFAULT);
	OK(sys_vmo_read(vmo, 0, to, PAGES(2) - 2003, 0));
	CHECK(!memcmp(to, pattern, PAGES(2) - 2003));
	core_unmap((void *)at, PAGES(2));
	core_unmap((uint8_t *)at + PAGES(3), PAGES(2));
	core_close(fresh);
	core_close(vmo);
}

static void map_errors(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGES(2), VMO_ANON));
	handle_t reader = TAKE(sys_handle_dup(vmo, RIGHT_READ | RIGHT_MAP));
	handle_t unmappable = TAKE(sys_handle_dup(vmo, RIGHT_READ));
	uint32_t rw = PROT_R | PROT_W;
	int64_t at = map_at(core_aspace, vmo, 0, 0, PAGES(2), rw);

	CHECK(at > 0 && at % PAGE_SIZE == 0);
	REFUSED(map_at(core_aspace, vmo, (uint64_t)at, 0, PAGES(1), rw | MAP_AT), EEXIST);
	REFUSED(map_at(core_aspace, vmo, 0, 0, PAGES(3), rw), EINVAL);
	REFUSED(map_at(core_aspace, vmo, 0, 100, PAGES(1), rw), EINVAL);
	REFUSED(map_at(core_aspace, vmo, 0, 0, 0, rw), EINVAL);
	REFUSED(map_at(core_aspace, vmo, USER_HI, 0, PAGES(1), rw | MAP_AT), EINVAL);
	REFUSED(map_at(core_aspace, vmo, 0, 0, PAGES(1), rw | MAP_AT), EINVAL);
	REFUSED(map_at(core_aspace, vmo, USER_LO - PAGE_SIZE, 0, PAGES(1), rw | MAP_AT), EINVAL);
	REFUSED(map_at(core_aspace, vmo, UINT64_MAX & ~4095ull, 0, PAGES(1), rw | MAP_AT), EINVAL);
	REFUSED(map_at(core_aspace, reader, 0, 0, PAGES(1), rw), EACCES);
	REFUSED(map_at(core_aspace, unmappable, 0, 0, PAGES(1), PROT_R), EACCES);
	REFUSED(map_at(core_aspace, vmo, 0, 0, PAGES(1), rw | PROT_X), EACCES); /* W^X */
	REFUSED(map_at(core_aspace, vmo, 0, 0, PAGES(1), rw | 1u << 30), EINVAL);
	REFUSED(map_at(core_aspace, vmo, USER_INFO_PAGE, 0, PAGES(1),
		       PROT_R | MAP_AT | MAP_REPLACE),
		EINVAL);
	REFUSED(sys_aspace_map(core_aspace, (void *)16), EFAULT);
	CHECK(readable((void *)at)); /* nothing has changed */
	core_unmap((void *)at, PAGES(2));
	core_close(unmappable);
	core_close(reader);
	core_close(vmo);
}

static void map_replace_split(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGES(4), VMO_ANON));
	handle_t other = TAKE(sys_vmo_create(PAGES(1), VMO_ANON));
	uint32_t rw = PROT_R | PROT_W;
	int64_t at = map_at(core_aspace, vmo, 0, 0, PAGES(4), rw);
	volatile char *bytes = (volatile char *)at;
	struct mapping_info info;

	CHECK(at > 0);
	for (int i = 0; i < 4; i++)
		bytes[PAGES(i)] = (char)(i + 1);
	OK(sys_vmo_write(other, 0, "x", 1));
	CHECK_EQ(map_at(core_aspace, other, (uint64_t)at + PAGES(1), 0, PAGES(1),
			rw | MAP_AT | MAP_REPLACE),
		 at + (int64_t)PAGES(1));
	CHECK_EQ(bytes[PAGES(1)], 'x');
	CHECK_EQ(bytes[0], 1);
	CHECK_EQ(bytes[PAGES(2)], 3);
	OK(sys_aspace_query(core_aspace, (uint64_t)at + PAGES(2), &info));
	CHECK_EQ(info.addr, at + (int64_t)PAGES(2));
	CHECK_EQ(info.offset, PAGES(2));
	CHECK_EQ(info.len, PAGES(2));
	OK(sys_aspace_unmap(core_aspace, (uint64_t)at + PAGES(2), PAGES(1)));
	CHECK(!readable((char *)bytes + PAGES(2)));
	CHECK_EQ(bytes[PAGES(3)], 4);
	REFUSED(sys_aspace_query(core_aspace, USER_HI - PAGE_SIZE, &info), ENOENT);
	core_unmap((void *)at, PAGES(4));
	OK(sys_aspace_unmap(core_aspace, (uint64_t)at, PAGES(4))); /* nothing there: fine */
	core_close(other);
	core_close(vmo);
}

static void protect(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGES(3), VMO_ANON));
	handle_t reader = TAKE(sys_handle_dup(vmo, RIGHT_READ | RIGHT_MAP));
	int64_t at = map_at(core_aspace, vmo, 0, 0, PAGES(3), PROT_R | PROT_W);
	int64_t ro = map_at(core_aspace, reader, 0, 0, PAGES(1), PROT_R);
	char byte = 1;

	CHECK(at > 0 && ro > 0);
	OK(sys_aspace_protect(core_aspace, (uint64_t)at + PAGES(1), PAGES(1), PROT_R));
	CHECK_EQ(sys_process_write(core_process, (uint64_t)at, &byte, 1), 1);
	REFUSED(sys_process_write(core_process, (uint64_t)at + PAGES(1), &byte, 1), EFAULT);
	REFUSED(sys_random((void *)(at + (int64_t)PAGES(1)), 8), EFAULT);
	REFUSED(sys_aspace_protect(core_aspace, (uint64_t)ro, PAGES(1), PROT_R | PROT_W), EACCES);
	OK(sys_aspace_protect(core_aspace, (uint64_t)at, PAGES(1), 0));
	REFUSED(sys_process_read(core_process, (uint64_t)at, &byte, 1), EFAULT);
	OK(sys_aspace_unmap(core_aspace, (uint64_t)at + PAGES(1), PAGES(1)));
	REFUSED(sys_aspace_protect(core_aspace, (uint64_t)at, PAGES(3), PROT_R), ENOMEM);
	OK(sys_aspace_protect(core_aspace, (uint64_t)at, PAGES(1), PROT_R | PROT_W));
	CHECK_EQ(*(volatile char *)at, 1);
	core_unmap((void *)at, PAGES(3));
	core_unmap((void *)ro, PAGES(1));
	core_close(reader);
	core_close(vmo);
}

static void populate(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGES(4), VMO_ANON));
	struct process_info before, after;
	int64_t at;

	OK(sys_vmo_commit(vmo, 0, PAGES(4)));
	OK(sys_process_info(core_process, &before));
	at = map_at(core_aspace, vmo, 0, 0, PAGES(4), PROT_R | MAP_POPULATE);
	CHECK(at > 0);
	OK(sys_process_info(core_process, &after));
	CHECK_EQ(after.memory - before.memory, PAGES(4));
	core_unmap((void *)at, PAGES(4));
	OK(sys_process_info(core_process, &after));
	CHECK_EQ(after.memory, before.memory);
	core_close(vmo);
}

/* Copying an address space: snapshot, shared and dropped ranges. */
static void aspace_copy(void)
{
	handle_t a = TAKE(sys_aspace_create()), b, vmo[3];
	uint64_t base = 0x10000000;
	struct process_args args = {.name = "viewer"};
	handle_t viewer;
	char text[3] = {0};

	for (int i = 0; i < 3; i++) {
		vmo[i] = TAKE(sys_vmo_create(PAGES(1), VMO_ANON));
		OK(sys_vmo_write(vmo[i], 0, "1", 1));
		CHECK(map_at(a, vmo[i], base + PAGES(i), 0, PAGES(1), PROT_R | PROT_W | MAP_AT) >
		      0);
	}
	OK(sys_aspace_inherit(a, base + PAGES(1), PAGES(1), MAP_SHARE));
	OK(sys_aspace_inherit(a, base + PAGES(2), PAGES(1), MAP_DROP));
	REFUSED(sys_aspace_inherit(a, base, PAGES(1), MAP_AT), EINVAL);
	b = TAKE(sys_aspace_clone(a));
	for (int i = 0; i < 3; i++)
		OK(sys_vmo_write(vmo[i], 0, "2", 1));
	viewer = TAKE(sys_process_create(core_silo, b, &args));
	CHECK_EQ(sys_process_read(viewer, base, text, 1), 1);
	CHECK_EQ(text[0], '1');
	CHECK_EQ(sys_process_read(viewer, base + PAGES(1), text, 1), 1);
	CHECK_EQ(text[0], '2');
	REFUSED(sys_process_read(viewer, base + PAGES(2), text, 1), EFAULT);
	OK(sys_process_kill(viewer, 0));
	OK(sys_process_reap(viewer));
	core_close(viewer);
	for (int i = 0; i < 3; i++)
		core_close(vmo[i]);
	core_close(b);
	core_close(a);
}

/* What is given up is given back, to the byte. */
static void account_returns(void)
{
	uint64_t before = core_usage(core_silo, RES_MEMORY), during;

	for (int round = 0; round < 3; round++) {
		handle_t vmo;
		char *at = core_map(PAGES(64), PROT_R | PROT_W, &vmo);
		handle_t copy;

		memset(at, 1, PAGES(64));
		copy = TAKE(sys_vmo_clone(vmo, 0, PAGES(64)));
		memset(at, 2, PAGES(32));
		during = core_usage(core_silo, RES_MEMORY);
		CHECK(during >= before + PAGES(96));
		core_unmap(at, PAGES(64));
		core_close(vmo);
		core_close(copy);
		if (round == 0)
			before = core_usage(core_silo, RES_MEMORY); /* tables are warm now */
	}
	CHECK_EQ(core_usage(core_silo, RES_MEMORY), before);
}

/* An address space with memory in its page tables; all goes with its last handle. A call maps ahead
 * only so many pages, hence the pieces. */
static handle_t aspace_filled(uint64_t len)
{
	handle_t aspace = TAKE(sys_aspace_create());
	handle_t vmo = TAKE(sys_vmo_create(len, VMO_WIRED));
	const uint64_t piece = PAGES(64);

	for (uint64_t at = 0; at < len; at += piece)
		CHECK(map_at(aspace, vmo, 0, at, piece, PROT_R | PROT_W | MAP_POPULATE) > 0);
	core_close(vmo);
	return aspace;
}

/* What was given up is freed in slices: who needs it meanwhile gets it, by a call or by a fault,
 * and no refusal is counted. What never fits is refused. */
static void freed_is_waited_for(void)
{
	struct silo_args args = {.id = 1000};
	handle_t silo = TAKE(sys_silo_create(core_silo, &args)), vmo, full;
	const uint64_t len = 16 << 20;
	struct silo_info info;
	volatile char *at;

	OK(sys_thread_charge(silo));
	vmo = TAKE(sys_vmo_create(len, VMO_ANON));
	at = (volatile char *)map_at(core_aspace, vmo, 0, 0, len, PROT_R | PROT_W);
	CHECK((int64_t)at > 0);
	full = aspace_filled(len);
	/* Room for nothing else from now on. */
	OK(sys_silo_limit(silo, LIMIT_MEMORY, core_usage(silo, RES_MEMORY) + PAGES(2)));
	for (int round = 0; round < 4; round++) {
		core_close(full);
		full = aspace_filled(len);
	}
	core_close(full);
	for (uint64_t i = 0; i < len; i += PAGE_SIZE)
		at[i] = 1;
	OK(sys_silo_info(silo, &info));
	CHECK_EQ(info.refused[RES_MEMORY], 0);
	REFUSED(sys_vmo_create(len, VMO_WIRED), ENOMEM);
	core_unmap((void *)at, len);
	core_close(vmo);
	OK(sys_thread_charge(HANDLE_NONE));
	OK(sys_silo_control(silo, SILO_OP_DESTROY, 0));
	core_close(silo);
}

/* Threads write through their own TLBs while another takes the pages away. */
static volatile char *race_page;
static uint32_t race_stop, race_lost;

static void race_touch(uint64_t arg)
{
	char byte = (char)arg;

	while (!__atomic_load_n(&race_stop, __ATOMIC_ACQUIRE)) {
		int64_t n = sys_process_write(core_process, (uint64_t)race_page, &byte, 1);

		if (n != 1)
			__atomic_add_fetch(&race_lost, 1, __ATOMIC_RELAXED);
	}
}

static void unmap_race(void)
{
	static struct core_native workers[3];
	handle_t vmo = TAKE(sys_vmo_create(PAGES(1), VMO_ANON));
	int64_t at = map_at(core_aspace, vmo, 0, 0, PAGES(1), PROT_R | PROT_W);

	if (core_cpus() < 2)
		core_skip("one CPU");
	CHECK(at > 0);
	race_page = (volatile char *)at;
	race_stop = race_lost = 0;
	for (int i = 0; i < 3; i++)
		core_native_start(&workers[i], race_touch, (uint64_t)i);
	for (int round = 0; round < 200; round++) {
		OK(sys_aspace_unmap(core_aspace, (uint64_t)at, PAGES(1)));
		CHECK_EQ(map_at(core_aspace, vmo, (uint64_t)at, 0, PAGES(1),
				PROT_R | PROT_W | MAP_AT),
			 at);
		OK(sys_aspace_protect(core_aspace, (uint64_t)at, PAGES(1), PROT_R));
		OK(sys_aspace_protect(core_aspace, (uint64_t)at, PAGES(1), PROT_R | PROT_W));
	}
	__atomic_store_n(&race_stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		core_native_join(&workers[i]);
	core_unmap((void *)at, PAGES(1));
	core_close(vmo);
}

/* A frame that was unmapped on all CPUs and reused must not be written by a stale TLB entry. */
static void stale_write(uint64_t arg)
{
	volatile uint64_t *page = (volatile uint64_t *)race_page;

	(void)arg;
	while (!__atomic_load_n(&race_stop, __ATOMIC_ACQUIRE))
		page[1] = 1;
}

static void stale_tlb(void)
{
	static struct core_native worker;
	handle_t vmo = TAKE(sys_vmo_create(PAGES(1), VMO_ANON));
	handle_t other = TAKE(sys_vmo_create(PAGES(1), VMO_ANON));
	int64_t at = map_at(core_aspace, vmo, 0, 0, PAGES(1), PROT_R | PROT_W);
	uint64_t words[2];

	if (core_cpus() < 2)
		core_skip("one CPU");
	CHECK(at > 0);
	race_page = (volatile char *)at;
	race_stop = 0;
	core_native_start(&worker, stale_write, 0);
	for (int round = 0; round < 100; round++) {
		handle_t from = round & 1 ? vmo : other, gone = round & 1 ? other : vmo;

		CHECK_EQ(map_at(core_aspace, from, (uint64_t)at, 0, PAGES(1),
				PROT_R | PROT_W | MAP_AT | MAP_REPLACE),
			 at);
		words[1] = 0;
		OK(sys_vmo_write(gone, 0, words, sizeof(words)));
		OK(sys_vmo_read(gone, 0, words, sizeof(words), 0));
		CHECK_EQ(words[1], 0);
	}
	__atomic_store_n(&race_stop, 1, __ATOMIC_RELEASE);
	core_native_join(&worker);
	core_unmap((void *)at, PAGES(1));
	core_close(other);
	core_close(vmo);
}

const struct core_test core_tests[] = {
	{"create_refused", create_refused},
	{"read_write", read_write},
	{"long_copies", long_copies},
	{"commit_decommit", commit_decommit},
	{"resize", resize},
	{"clone", clone},
	{"map_errors", map_errors},
	{"map_replace_split", map_replace_split},
	{"protect", protect},
	{"populate", populate},
	{"aspace_copy", aspace_copy},
	{"account_returns", account_returns},
	{"freed_is_waited_for", freed_is_waited_for},
	{"unmap_race", unmap_race},
	{"stale_tlb", stale_tlb},
	{NULL, NULL},
};

const struct core_role core_roles[] = {{NULL, NULL}};

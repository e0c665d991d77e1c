/* SPDX-License-Identifier: ISC */
/*
 * pager.c: VMOs whose pages a program supplies. The pager is the first thread; the others fault.
 */
#include <string.h>
#include "core.h"

#define KEY	 77
#define PAGES(n) ((uint64_t)(n)*PAGE_SIZE)
#define SIZE	 PAGES(8)

struct pager {
	handle_t queue, vmo, source;
};

static void pager_open(struct pager *p, uint64_t timeout)
{
	p->queue = TAKE(sys_queue_create());
	p->vmo = TAKE(sys_vmo_create_pager(p->queue, KEY, SIZE, timeout));
	p->source = TAKE(sys_vmo_create(SIZE, VMO_WIRED));
}

static void pager_shut(struct pager *p)
{
	core_close(p->source);
	core_close(p->vmo);
	if (p->queue)
		core_close(p->queue);
}

static void await_request(const struct pager *p)
{
	struct event event;

	CHECK_EQ(sys_queue_wait(p->queue, &event, 1, core_soon()), 1);
	CHECK_EQ(event.kind, EVENT_PAGER);
	CHECK_EQ(event.key, KEY);
}

static uint8_t *map_vmo(handle_t vmo, uint32_t prot)
{
	struct map_args args = {.vmo = vmo, .flags = prot, .len = SIZE};
	int64_t at = sys_aspace_map(core_aspace, &args);

	CHECK(at > 0);
	return (uint8_t *)at;
}

static uint8_t *touch_at;
static uint32_t touch_value;

static void touch(uint64_t offset)
{
	touch_value = ((volatile uint8_t *)touch_at)[offset];
}

static int64_t read_result;
static handle_t read_vmo;

static void read_call(uint64_t offset)
{
	uint8_t byte = 0;

	read_result = sys_vmo_read(read_vmo, offset, &byte, 1, 0);
	touch_value = byte;
}

static void supply(void)
{
	static struct core_native thread;
	struct pager_request requests[4];
	struct pager p;
	uint8_t byte = 42;

	pager_open(&p, 0);
	touch_at = map_vmo(p.vmo, PROT_R);
	OK(sys_vmo_write(p.source, PAGES(2), &byte, 1));
	core_native_start(&thread, touch, PAGES(3));
	await_request(&p);
	CHECK_EQ(sys_pager_next(p.vmo, requests, 4), 1);
	CHECK_EQ(requests[0].offset, PAGES(3));
	CHECK(requests[0].len >= PAGE_SIZE);
	CHECK_EQ(requests[0].access, PROT_R);
	CHECK_EQ(sys_pager_next(p.vmo, requests, 4), 0); /* taken */
	OK(sys_pager_supply(p.vmo, PAGES(3), PAGES(1), p.source, PAGES(2)));
	core_native_join(&thread);
	CHECK_EQ(touch_value, 42);
	REFUSED(sys_pager_supply(p.vmo, PAGES(3), PAGES(1), p.source, 0), EEXIST);
	REFUSED(sys_pager_supply(p.vmo, SIZE, PAGES(1), p.source, 0), EINVAL);
	REFUSED(sys_pager_supply(p.vmo, 0, PAGES(1), p.vmo, 0), EINVAL);
	core_unmap(touch_at, SIZE);
	pager_shut(&p);
}

/* A call meets the missing page: it waits and is done again. */
static void call_waits(void)
{
	static struct core_native thread;
	struct pager_request request;
	struct pager p;
	uint8_t byte = 43;

	pager_open(&p, 0);
	read_vmo = p.vmo;
	OK(sys_vmo_write(p.source, 0, &byte, 1));
	core_native_start(&thread, read_call, 0);
	await_request(&p);
	CHECK_EQ(sys_pager_next(p.vmo, &request, 1), 1);
	OK(sys_pager_supply(p.vmo, 0, PAGES(1), p.source, 0));
	core_native_join(&thread);
	OK(read_result);
	CHECK_EQ(touch_value, 43);
	pager_shut(&p);
}

static void fail_request(void)
{
	static struct core_native thread;
	struct pager_request request;
	struct pager p;

	pager_open(&p, 0);
	read_vmo = p.vmo;
	core_native_start(&thread, read_call, 0);
	await_request(&p);
	CHECK_EQ(sys_pager_next(p.vmo, &request, 1), 1);
	OK(sys_pager_fail(p.vmo, 0, PAGES(1), -EIO));
	core_native_join(&thread);
	CHECK(read_result == -EIO || read_result == -EFAULT);
	pager_shut(&p);
}

static void late_pager(void)
{
	static struct core_native thread;
	struct pager p;

	pager_open(&p, 20 * NS_PER_MS);
	read_vmo = p.vmo;
	core_native_start(&thread, read_call, 0);
	core_native_join(&thread); /* nobody serves */
	CHECK(read_result < 0);
	pager_shut(&p);
}

static void dead_pager(void)
{
	static struct core_native thread;
	struct pager p;

	pager_open(&p, 0);
	read_vmo = p.vmo;
	core_native_start(&thread, read_call, 0);
	await_request(&p);
	core_close(p.queue);
	p.queue = HANDLE_NONE;
	core_native_join(&thread);
	CHECK(read_result < 0);
	pager_shut(&p);
}

/* A read that does not wait: whole, or an error; the dead pager's pages are not shown. */
static void resident_reads(void)
{
	static uint8_t got[SIZE];
	uint8_t bytes[2] = {44, 45};
	struct pager_request request;
	struct event event;
	struct pager p;

	pager_open(&p, 0);
	OK(sys_vmo_write(p.source, PAGES(1) - 1, bytes, 2));
	REFUSED(sys_vmo_read(p.vmo, 0, got, 1, VMO_RESIDENT), EAGAIN);
	REFUSED(sys_vmo_read(p.vmo, 0, got, 1, VMO_RESIDENT << 1), EINVAL);
	CHECK_EQ(sys_queue_wait(p.queue, &event, 1, 0), -EAGAIN); /* nobody was asked */
	CHECK_EQ(sys_pager_next(p.vmo, &request, 1), 0);
	OK(sys_pager_supply(p.vmo, 0, PAGES(2), p.source, 0));
	OK(sys_vmo_read(p.vmo, PAGES(1) - 1, got, 2, VMO_RESIDENT));
	CHECK(!memcmp(got, bytes, 2));
	REFUSED(sys_vmo_read(p.vmo, PAGES(2) - 1, got, 2, VMO_RESIDENT), EAGAIN);
	REFUSED(sys_vmo_read(p.vmo, SIZE - 1, got, 2, VMO_RESIDENT), EINVAL);
	OK(sys_pager_supply(p.vmo, PAGES(2), PAGES(6), p.source, PAGES(2)));
	OK(sys_vmo_read(p.vmo, 0, got, SIZE, VMO_RESIDENT));
	CHECK(!memcmp(got + PAGES(1) - 1, bytes, 2));
	CHECK_EQ(sys_pager_evict(p.vmo, PAGES(3), PAGES(1)), 1);
	REFUSED(sys_vmo_read(p.vmo, 0, got, SIZE, VMO_RESIDENT), EAGAIN);
	OK(sys_vmo_read(p.vmo, 0, got, PAGES(3), VMO_RESIDENT));
	core_close(p.queue);
	p.queue = HANDLE_NONE;
	REFUSED(sys_vmo_read(p.vmo, 0, got, 1, VMO_RESIDENT), EIO);
	pager_shut(&p);
}

static uint64_t committed(handle_t vmo)
{
	struct vmo_info info = {0};

	OK(sys_vmo_info(vmo, &info));
	return info.committed;
}

/* What a dead pager had supplied goes back, unless somebody looks at it. */
static void abandoned(void)
{
	struct pager mapped, plain;
	uint64_t deadline = core_soon();
	uint8_t byte = 46, *at;

	pager_open(&mapped, 0);
	pager_open(&plain, 0);
	OK(sys_vmo_write(mapped.source, 0, &byte, 1));
	OK(sys_pager_supply(mapped.vmo, 0, SIZE, mapped.source, 0));
	OK(sys_pager_supply(plain.vmo, 0, SIZE, plain.source, 0));
	OK(sys_vmo_write(plain.vmo, PAGES(1), &byte, 1)); /* dirty: nobody could write it back */
	at = map_vmo(mapped.vmo, PROT_R);
	core_close(mapped.queue);
	core_close(plain.queue);
	mapped.queue = plain.queue = HANDLE_NONE;
	while (committed(plain.vmo) && time_now() < deadline)
		(void)!sys_thread_yield();
	CHECK_EQ(committed(plain.vmo), 0);
	CHECK_EQ(committed(mapped.vmo), SIZE);
	CHECK_EQ(*(volatile uint8_t *)at, 46);
	core_unmap(at, SIZE);
	pager_shut(&mapped);
	pager_shut(&plain);
}

/* A program that faults on a page that never comes dies of it, and says so. */
static int role_touch(void)
{
	struct map_args args = {.vmo = boot_handle("vmo"), .flags = PROT_R, .len = PAGE_SIZE};
	int64_t at = sys_aspace_map(core_aspace, &args);

	return at <= 0 ? 1 : *(volatile uint8_t *)at;
}

static void fault_reason(void)
{
	struct process_info info;
	struct spawned s;
	struct pager p;
	uint64_t deadline = core_soon();
	struct spawn_handle handles[] = {{"vmo", 0, RIGHT_READ | RIGHT_MAP, 0, 0}};

	pager_open(&p, 0);
	handles[0].handle = p.vmo;
	core_spawn(&s, "touch", NULL, HANDLE_NONE, handles, 1);
	/* The shim looks at the fault first and lets it happen again: it may ask twice. */
	do {
		OK(sys_pager_fail(p.vmo, 0, PAGES(1), -EIO));
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
		OK(sys_process_info(s.process, &info));
	} while (info.state != PROCESS_CORPSE && time_now() < deadline);
	CHECK(core_wait(&s, &info));
	CHECK_EQ(info.reason, FAULT_PAGER);
	pager_shut(&p);
}

static void dirty_evict(void)
{
	struct pager_request ranges[4];
	struct pager p;
	uint8_t *at;
	int64_t n;

	pager_open(&p, 0);
	OK(sys_pager_supply(p.vmo, 0, PAGES(4), p.source, 0));
	at = map_vmo(p.vmo, PROT_R | PROT_W);
	CHECK_EQ(sys_pager_dirty(p.vmo, ranges, 4), 0);
	((volatile uint8_t *)at)[PAGES(1)] = 5;
	((volatile uint8_t *)at)[PAGES(2)] = 5;
	n = sys_pager_dirty(p.vmo, ranges, 4);
	CHECK(n >= 1);
	CHECK_EQ(ranges[0].offset, PAGES(1));
	CHECK_EQ(ranges[0].len + (n > 1 ? ranges[1].len : 0), PAGES(2));
	CHECK_EQ(sys_pager_dirty(p.vmo, ranges, 4), 0); /* clean now */
	((volatile uint8_t *)at)[PAGES(1)] = 6;		/* and dirty again */
	CHECK_EQ(sys_pager_evict(p.vmo, 0, PAGES(4)), 3);
	CHECK_EQ(sys_pager_dirty(p.vmo, ranges, 4), 1);
	CHECK_EQ(ranges[0].offset, PAGES(1));
	CHECK_EQ(sys_pager_evict(p.vmo, 0, PAGES(4)), 1);
	core_unmap(at, SIZE);
	pager_shut(&p);
}

static void rights(void)
{
	struct pager_request request;
	struct pager p;
	handle_t user;

	pager_open(&p, 0);
	user = TAKE(sys_handle_dup(p.vmo, RIGHT_READ | RIGHT_WRITE | RIGHT_MAP));
	REFUSED(sys_pager_next(user, &request, 1), EACCES);
	REFUSED(sys_pager_supply(user, 0, PAGES(1), p.source, 0), EACCES);
	REFUSED(sys_pager_evict(user, 0, PAGES(1)), EACCES);
	REFUSED(sys_pager_dirty(user, &request, 1), EACCES);
	REFUSED(sys_pager_fail(user, 0, PAGES(1), -EIO), EACCES);
	REFUSED(sys_vmo_resize(user, PAGES(1)), EACCES);
	REFUSED(sys_vmo_clone(user, 0, PAGES(1)), EAGAIN); /* not resident */
	OK(sys_pager_supply(p.vmo, 0, PAGES(1), p.source, 0));
	core_close(TAKE(sys_vmo_clone(user, 0, PAGES(1))));
	OK(sys_vmo_resize(p.vmo, PAGES(16)));
	REFUSED(sys_pager_next(p.source, &request, 1), EINVAL);
	core_close(user);
	pager_shut(&p);
}

/* The source's frames are shared, not copied. */
static void shared_frames(void)
{
	struct pager p;
	uint8_t byte = 9, got = 0;

	pager_open(&p, 0);
	OK(sys_pager_supply(p.vmo, PAGES(2), PAGES(1), p.source, PAGES(5)));
	OK(sys_vmo_write(p.vmo, PAGES(2) + 3, &byte, 1));
	OK(sys_vmo_read(p.source, PAGES(5) + 3, &got, 1, 0));
	CHECK_EQ(got, 9);
	pager_shut(&p);
}

const struct core_test core_tests[] = {
	{"supply", supply},
	{"call_waits", call_waits},
	{"fail_request", fail_request},
	{"late_pager", late_pager},
	{"dead_pager", dead_pager},
	{"resident_reads", resident_reads},
	{"abandoned", abandoned},
	{"fault_reason", fault_reason},
	{"dirty_evict", dirty_evict},
	{"pager_rights", rights},
	{"shared_frames", shared_frames},
	{NULL, NULL},
};

const struct core_role core_roles[] = {{"touch", role_touch}, {NULL, NULL}};

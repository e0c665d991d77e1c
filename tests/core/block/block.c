/* SPDX-License-Identifier: ISC */
/*
 * block.c: the real devd and disk driver on the bare kernel, with this program in the supervisor's
 * place: it starts rootd and devd, leases the disk, starts the driver, and is its client over a
 * ring. The disk is scratch: its contents are written here.
 *
 * The driver is killed with requests in flight; its function is reset, a successor gets a fresh
 * lease, and every request is given again, as a file system does.
 *
 * Built once for each driver, with its name, the disk's name and part, and what /dev/pci/bus says
 * of the function.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "9p/client.h"
#include "ring/ring.h"
#include "serve/client_channel.h"
#include "serve/ns.h"
#include "tests/core/block/system.h"

#ifndef DRIVER
#define DRIVER "virtio-blk"
#define DISK   "vda"
#define MATCH  "vendor=1af4"
#define BADGE  SERVE_BADGE_CONNECTOR
#endif

#define DRIVER_SILO 20u
#define ENTRIES	    128u
#define SEGMENTS    1024u
#define POOL_BYTES  (8ull << 20)

static struct child driver;
static handle_t driver_silo, queue, lease;
static char function[16];

/* ---- a ring's life --------------------------------------------------------------- */

static handle_t life;
static uint64_t offers, standing; /* made so far; that whose ring the driver has, 0: none */

/* The next to end must be that offer's. */
static void life_ended(uint64_t offer, uint64_t deadline)
{
	struct ipc_msg m;
	struct event e;

	CHECK_EQ(ipc_wait(life, &m, deadline), IPC_EVENT);
	e = ipc_event(&m);
	CHECK_EQ(e.kind, EVENT_CLOSED);
	CHECK_EQ(e.data0, offer);
	if (offer == standing)
		standing = 0;
}

static void life_stands(void)
{
	struct ipc_msg m;

	CHECK(standing);
	CHECK_EQ(ipc_wait(life, &m, DEADLINE_NOW), -EAGAIN);
}

/* ---- the lease and the driver ---------------------------------------------------- */

static int lease_take(uint32_t silo, handle_t *out)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/pci/%s/ctl", function);
	return lease_path(path, silo, out);
}

static void driver_start(void)
{
	struct spawn_handle handles[2] = {{"ns:/", ns_handle(), RIGHTS_SAME, 0, 0}};
	handle_t other;

	OK(lease_take(DRIVER_SILO, &lease));
	REFUSED(lease_take(DRIVER_SILO + 1, &other), EBUSY);
	handles[1] = (struct spawn_handle){"device:0", lease, RIGHTS_SAME, 0, 0};
	child_run(&driver, DRIVER, DISK, driver_silo, handles, 2);
	core_close(handles[0].handle);
	core_close(lease);
}

static void driver_kill(void)
{
	char path[64];

	OK(sys_process_kill(driver.spawned.process, -1));
	life_ended(standing, DEADLINE_NOW);
	OK(sys_process_reap(driver.spawned.process));
	core_close(driver.spawned.thread);
	core_close(driver.spawned.process);
	driver.alive = false;
	CHECK(silo_state(driver_silo) == SILO_ZOMBIE || silo_state(driver_silo) == SILO_CRASHED ||
	      silo_state(driver_silo) == SILO_STOPPED);
	snprintf(path, sizeof(path), "/dev/pci/%s/ctl", function);
	OK(ns_command(path, "reset"));
	CHECK(silo_state(driver_silo) != SILO_ZOMBIE); /* its DMA memory is out of quarantine */
	silo_again(driver_silo);
}

/* ---- the ring -------------------------------------------------------------------- */

static struct ring_client client;
static handle_t ring_vmo, pool_vmo, bell;
static uint8_t *pool, *ring_memory;
static uint64_t ring_len, disk_sectors;
static uint32_t max_segments, max_sectors, features;

static void *wired(uint64_t len, handle_t *vmo)
{
	struct map_args args = {.flags = PROT_R | PROT_W, .len = len};
	int64_t at;

	args.vmo = *vmo = TAKE(sys_vmo_create(len, VMO_WIRED));
	at = sys_aspace_map(core_aspace, &args);
	CHECK(at > 0);
	return (void *)at;
}

static void ring_make(void)
{
	ring_len = (RING_BYTES(ENTRIES, SEGMENTS) + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	ring_memory = wired(ring_len, &ring_vmo);
	OK(ring_client_init(&client, ring_memory, ring_len,
			    &(struct ring_geometry){ENTRIES, SEGMENTS, POOL_BYTES}));
}

static void pool_make(void)
{
	pool = wired(POOL_BYTES, &pool_vmo);
	bell = TAKE(sys_signal_create(0));
	life = TAKE(sys_channel_create());
	queue = TAKE(sys_queue_create());
	CHECK(sys_queue_add(queue, bell, EVENT_SIGNAL, 1, 0, RING_BELL_CLIENT) > 0);
}

/* Offer it to the disk; handles are dups, the answer is word 0. */
static int64_t offer(uint64_t pool_bytes)
{
	static struct p9_file *session; /* stays open: the ring lives as long as its session */
	struct ipc_msg m = {.tag = MSG_LABEL(RING_OFFER) | MSG_HANDLES(4),
			    .w = {RING_VERSION, ENTRIES, SEGMENTS, pool_bytes}};
	handle_t handles[4] = {TAKE(sys_handle_dup(ring_vmo, RIGHTS_SAME)),
			       TAKE(sys_handle_dup(pool_vmo, RIGHTS_SAME)),
			       TAKE(sys_handle_dup(bell, RIGHTS_SAME)),
			       TAKE(sys_channel_sender(life, ++offers, RIGHT_GRANT, REPLY_NONE))};

	if (session)
		p9_client_close(session);
	OK(ns_open("/scheme/block/" DISK "/ctl", P9_O_RDWR, 0, &session));
	memcpy(message_page()->handles, handles, sizeof(handles));
	CHECK(ipc_call(channel_link_handle(session->conn->link), &m, time_in(SYSTEM_PATIENCE)) >=
	      0);
	if (m.w[0]) {
		life_ended(offers, time_in(SYSTEM_PATIENCE));
		return (int64_t)m.w[0];
	}
	if (standing) /* the session's end ended it, too */
		life_ended(standing, time_in(SYSTEM_PATIENCE));
	standing = offers;
	CHECK_EQ(m.w[1], 512);
	disk_sectors = m.w[2];
	max_segments = (uint32_t)m.w[3];
	max_sectors = (uint32_t)m.w[4];
	features = (uint32_t)m.w[5];
	return 0;
}

/* Offers nothing by the session that it was given: the errno. */
static int role_stranger(void)
{
	struct ipc_msg m = {.tag = MSG_LABEL(RING_OFFER), .w = {RING_VERSION}};

	if (ipc_call(boot_handle("session"), &m, time_in(SYSTEM_PATIENCE)) < 0)
		return 98;
	return (int)-(int64_t)m.w[0];
}

static void stranger(uint32_t id, handle_t session, uint32_t rights, int error)
{
	struct silo_args args = {.id = id};
	struct spawn_handle give = {"session", session, rights, 0, 0};
	handle_t silo = TAKE(sys_silo_create(core_silo, &args));
	struct child c = {.channel = TAKE(sys_channel_create())};

	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	child_role(&c, "stranger", silo, &give, 1);
	core_expect(&c.spawned, error);
	core_close(c.channel);
	core_silo_end(silo);
}

/* Another silo is told that a ring is in use only if it might have offered its own. */
static void strangers(void)
{
	struct p9_file *file;
	uint64_t rights;
	handle_t h; /* of a session of its own, not that of the ring */

	OK(ns_open("/scheme/block/" DISK "/ctl", P9_O_RDWR, 0, &file));
	OK(p9_client_gethandle(file, P9_HANDLE_SESSION, 0, &rights, &h));
	p9_client_close(file);
	stranger(30, h, RIGHTS_SAME, EBUSY);
	stranger(30, h, RIGHT_READ | RIGHT_WRITE, EPERM);
	stranger(30, h, RIGHT_READ | RIGHT_WRITE | RIGHT_IOCTL, EBUSY);
	stranger(1030, h, RIGHTS_SAME, EPERM);
	core_close(h);
	life_stands();
}

static void ring_bell(void)
{
	if (ring_client_bell(&client))
		CHECK(sys_signal_set(bell, 0, RING_BELL_DRIVER) >= 0);
}

/* The next completion; false when none came in time. */
static bool completion(struct ring_completion *c)
{
	uint64_t deadline = time_in(SYSTEM_PATIENCE);
	struct event e;
	int r;

	while ((r = ring_client_take(&client, c)) == 0) {
		if (!ring_client_sleep(&client))
			continue;
		if (sys_queue_wait(queue, &e, 1, deadline) < 0)
			return false;
		CHECK(sys_signal_set(bell, RING_BELL_CLIENT, 0) >= 0);
		ring_client_awake(&client);
	}
	CHECK_EQ(r, 1);
	return true;
}

static void submit(uint64_t cookie, uint8_t op, uint64_t sector, uint32_t sectors, uint64_t offset,
		   uint8_t flags)
{
	struct ring_submission s = {.cookie = cookie,
				    .sector = sector,
				    .sectors = sectors,
				    .segment_count = sectors ? 1 : 0,
				    .op = op,
				    .flags = flags};
	struct ring_segment seg = {.offset = offset, .len = sectors * 512};

	OK(ring_client_submit(&client, &s, &seg));
}

static int one(uint8_t op, uint64_t sector, uint32_t sectors, uint64_t offset, uint8_t flags)
{
	struct ring_completion c;

	submit(77, op, sector, sectors, offset, flags);
	ring_bell();
	CHECK(completion(&c));
	CHECK_EQ(c.cookie, 77);
	return c.status;
}

/* ---- what is tested -------------------------------------------------------------- */

static uint64_t stamp(uint64_t sector, uint64_t word, uint64_t salt)
{
	return (sector * 64 + word) * 0x9e3779b97f4a7c15ull ^ salt;
}

static void fill(uint8_t *at, uint64_t sector, uint32_t sectors, uint64_t salt)
{
	uint64_t *w = (uint64_t *)at;

	for (uint64_t i = 0; i < sectors * 64ull; i++)
		w[i] = stamp(sector + i / 64, i % 64, salt);
}

static bool same(const uint8_t *at, uint64_t sector, uint32_t sectors, uint64_t salt)
{
	const uint64_t *w = (const uint64_t *)at;

	for (uint64_t i = 0; i < sectors * 64ull; i++)
		if (w[i] != stamp(sector + i / 64, i % 64, salt))
			return false;
	return true;
}

static void big_requests(void)
{
	uint32_t n = max_sectors;

	CHECK(max_segments < 20 || n * 512 >= 256u << 10); /* a small queue allows less */
	fill(pool, 0, n, 1);
	OK(one(BLOCK_WRITE, 0, n, 0, 0));
	memset(pool + (4 << 20), 0, n * 512);
	OK(one(BLOCK_READ, 0, n, 4 << 20, 0));
	CHECK(same(pool + (4 << 20), 0, n, 1));
	OK(one(BLOCK_READ, 3, 5, (4 << 20) + 512 * 7, 0)); /* across a page, not aligned to one */
	CHECK(same(pool + (4 << 20) + 512 * 7, 3, 5, 1));
	OK(one(BLOCK_FLUSH, 0, 0, 0, 0));
	OK(one(BLOCK_WRITE, 9, 1, 512 * 9, BLOCK_FUA));
}

static void wrong_requests(void)
{
	CHECK_EQ(one(BLOCK_READ, disk_sectors, 1, 0, 0), -ENXIO);
	CHECK_EQ(one(BLOCK_READ, UINT64_MAX, 2, 0, 0), -ENXIO);
	CHECK_EQ(one(BLOCK_READ, disk_sectors - 1, 2, 0, 0), -ENXIO);
	CHECK_EQ(one(BLOCK_READ, 0, max_sectors + 1, 0, 0), -EINVAL);
	CHECK_EQ(one(99, 0, 1, 0, 0), -EINVAL);
	CHECK_EQ(one(BLOCK_READ, 0, 1, POOL_BYTES - 256, 0), -EINVAL);
	CHECK_EQ(one(BLOCK_READ, 0, 16, POOL_BYTES - 512, 0), -EINVAL);
	CHECK_EQ(one(BLOCK_READ, 0, 1, UINT64_MAX & ~511ull, 0), -EINVAL);
	OK(one(BLOCK_READ, 0, 1, 0, 0));
}

#define DEPTH  64u
#define CHUNK  16u /* sectors */
#define ROUNDS 16u

/* Many in flight, completed in any order. */
static void many_in_flight(void)
{
	uint32_t total = DEPTH * ROUNDS, next = 0, done = 0;
	bool busy[DEPTH] = {false};
	struct ring_completion c;

	for (uint32_t i = 0; i < DEPTH; i++)
		fill(pool + i * CHUNK * 512, 4096 + i * CHUNK, CHUNK, 2);
	for (uint32_t i = 0; i < DEPTH; i++)
		submit(i, BLOCK_WRITE, 4096 + i * CHUNK, CHUNK, i * CHUNK * 512, 0);
	ring_bell();
	for (uint32_t i = 0; i < DEPTH; i++) {
		CHECK(completion(&c));
		OK(c.status);
	}
	memset(pool, 0, DEPTH * CHUNK * 512);
	while (done < total) {
		for (uint32_t i = 0; i < DEPTH && next < total; i++)
			if (!busy[i]) {
				submit(i, BLOCK_READ, 4096 + i * CHUNK, CHUNK, i * CHUNK * 512, 0);
				busy[i] = true;
				next++;
			}
		ring_bell();
		CHECK(completion(&c));
		CHECK(c.cookie < DEPTH && busy[c.cookie]);
		OK(c.status);
		CHECK(same(pool + c.cookie * CHUNK * 512, 4096 + c.cookie * CHUNK, CHUNK, 2));
		busy[c.cookie] = false;
		done++;
	}
}

/* The driver dies with writes in flight; each is given again to its successor and then read. */
static void killed(unsigned round)
{
	struct ring_completion c;
	bool pending[DEPTH];
	unsigned left = DEPTH;

	for (uint32_t i = 0; i < DEPTH; i++) {
		fill(pool + i * CHUNK * 512, 8192 + i * CHUNK, CHUNK, 3 + round);
		pending[i] = true;
		submit(i, BLOCK_WRITE, 8192 + i * CHUNK, CHUNK, i * CHUNK * 512, 0);
	}
	ring_bell();
	for (unsigned i = 0; i < round * 8; i++) { /* some of them end before */
		CHECK(completion(&c));
		pending[c.cookie] = false;
		left--;
	}
	driver_kill();
	driver_start();
	while (ring_client_take(&client, &c) == 1) {
		pending[c.cookie] = false;
		left--;
	}
	ring_client_reset(&client);
	OK(offer(POOL_BYTES));
	for (uint32_t i = 0; i < DEPTH; i++)
		if (pending[i])
			submit(i, BLOCK_WRITE, 8192 + i * CHUNK, CHUNK, i * CHUNK * 512, 0);
	ring_bell();
	for (; left; left--) {
		CHECK(completion(&c));
		OK(c.status);
	}
	memset(pool, 0, POOL_BYTES);
	for (uint32_t i = 0; i < DEPTH; i++) {
		OK(one(BLOCK_READ, 8192 + i * CHUNK, CHUNK, i * CHUNK * 512, 0));
		CHECK(same(pool + i * CHUNK * 512, 8192 + i * CHUNK, CHUNK, 3 + round));
	}
}

/* devd dies: the driver does not notice, and the successor knows whose the function is. */
static void devd_killed(void)
{
	struct kept kept[34];
	char path[64], text[4096];
	handle_t other;
	int64_t got;
	int n;

	OK(sys_process_kill(devd.spawned.process, -1));
	n = kept_take(core_process, devd.spawned.process, kept, 34);
	CHECK(n > 0);
	OK(sys_process_reap(devd.spawned.process));
	core_close(devd.spawned.thread);
	core_close(devd.spawned.process);
	OK(one(BLOCK_READ, 0, 1, 0, 0));
	silo_again(devd_silo);
	devd_start(kept, (unsigned)n);
	kept_close(kept, (unsigned)n);
	snprintf(path, sizeof(path), "/dev/pci/%s/status", function);
	/* The session that its predecessor had made is ended by the first message. */
	got = ns_load_text(path, text, sizeof(text));
	if (got == -ECANCELED)
		got = ns_load_text(path, text, sizeof(text));
	CHECK(got > 0);
	CHECK(strstr(text, "state leased\n"));
	CHECK(strstr(text, "silo 20\n"));
	REFUSED(lease_take(DRIVER_SILO + 1, &other), EBUSY);
	OK(one(BLOCK_READ, 0, 1, 0, 0));
}

static void wrong_offers(void)
{
	CHECK_EQ(offer(POOL_BYTES + PAGE_SIZE), -EINVAL);
	CHECK_EQ(offer(0), -EINVAL);
	CHECK_EQ(offer(123), -EINVAL);
}

/* A new ring while requests of the old one are with the device. */
static void offered_again(void)
{
	handle_t old = ring_vmo;

	for (uint32_t i = 0; i < DEPTH; i++)
		submit(i, BLOCK_READ, 4096 + i * CHUNK, CHUNK, i * CHUNK * 512, 0);
	ring_bell();
	core_unmap(ring_memory, ring_len);
	core_close(old);
	ring_make();
	OK(offer(POOL_BYTES));
	OK(one(BLOCK_READ, 0, 1, 4 << 20, 0));
}

/* Indexes that cannot be: the ring is given up, and another is taken. */
static void broken(void)
{
	__atomic_store_n(&client.header->submit_tail, client.submit_tail + 5000, __ATOMIC_SEQ_CST);
	CHECK(sys_signal_set(bell, 0, RING_BELL_DRIVER) >= 0);
	life_ended(standing, time_in(SYSTEM_PATIENCE));
	ring_client_reset(&client);
	OK(offer(POOL_BYTES));
	OK(one(BLOCK_READ, 0, 1, 4 << 20, 0));
}

static void restarted(void)
{
	struct ring_completion c;

	for (uint32_t i = 0; i < DEPTH; i++)
		submit(i, BLOCK_READ, 8192 + i * CHUNK, CHUNK, i * CHUNK * 512, 0);
	ring_bell();
	OK(ns_command("/scheme/block/" DISK "/ctl", "restart"));
	for (uint32_t i = 0; i < DEPTH; i++) {
		CHECK(completion(&c));
		OK(c.status);
	}
	OK(one(BLOCK_READ, 0, 1, 0, 0));
	life_stands();
}

/* Its supervisor takes the ring away. */
static void detached(void)
{
	life_stands();
	OK(ns_command("/scheme/block/" DISK "/ctl", "detach"));
	life_ended(standing, time_in(SYSTEM_PATIENCE));
	ring_client_reset(&client);
	OK(offer(POOL_BYTES));
	OK(one(BLOCK_READ, 0, 1, 4 << 20, 0));
}

static void speed(void)
{
	uint32_t sectors = max_sectors < 512 ? max_sectors : 512, n = 256, next = 0, done = 0;
	uint64_t begin = time_now(), ns;
	struct ring_completion c;

	while (done < n) {
		while (next < n && next - done < 8) {
			submit(next, BLOCK_READ, (uint64_t)(next % 64) * sectors, sectors,
			       (next % 8) * 512ull * 1024, 0);
			next++;
		}
		ring_bell();
		CHECK(completion(&c));
		OK(c.status);
		done++;
	}
	ns = time_now() - begin;
	log_print("%s: %u reads of %u KiB: %llu MiB/s", DISK, n, sectors / 2,
		  (unsigned long long)((uint64_t)n * sectors * 512 * NS_PER_S / ns >> 20));
}

/* Of the disk that is mounted: the driver's only one, or a part of its tree. */
static handle_t disk_connector(void)
{
	if (BADGE == SERVE_BADGE_CONNECTOR)
		return TAKE(sys_handle_dup(driver.connector, RIGHTS_SAME));
	return TAKE(sys_channel_sender(driver.channel, BADGE, SERVE_RIGHTS_FILE | SERVE_RIGHTS_SEND,
				       REPLY_NONE));
}

static int role_system(void)
{
	uint64_t limits[LIMIT_KEYS] = {0};

	system_start();
	function_find(MATCH, function);
	driver_silo = core_silo_make(DRIVER_SILO, 076, limits);
	channel_make(&driver);
	driver_start();
	system_mount(disk_connector(), "/scheme/block/" DISK);
	pool_make();
	ring_make();
	wrong_offers();
	OK(offer(POOL_BYTES));
	log_print("block: %s: %llu sectors, requests of %u sectors, %u segments", DISK,
		  (unsigned long long)disk_sectors, max_sectors, max_segments);
	strangers();
	big_requests();
	wrong_requests();
	many_in_flight();
	offered_again();
	broken();
	restarted();
	detached();
	killed(0);
	devd_killed();
	for (unsigned i = 1; i < 4; i++)
		killed(i);
	speed();
	child_end(&driver);
	system_end();
	return 0;
}

const struct core_test core_tests[] = {{"disk", system_role}, {NULL, NULL}};

const struct core_role core_roles[] = {
	{"system", role_system}, {"stranger", role_stranger}, {NULL, NULL}};

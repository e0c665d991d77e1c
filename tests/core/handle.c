/* SPDX-License-Identifier: ISC */
/*
 * handle.c: handles and rights, revocation, and the small calls (clock, random, log).
 */
#include <stdlib.h>
#include <string.h>
#include "core.h"

#define NO_HANDLE 0xfffffff1u

static void null_call(void)
{
	OK(sys_null());
}

static void close_twice(void)
{
	handle_t h = TAKE(sys_signal_create(0));
	handle_t again;

	core_close(h);
	REFUSED(sys_handle_close(h), EBADF);
	REFUSED(sys_handle_close(HANDLE_NONE), EBADF);
	REFUSED(sys_handle_close(NO_HANDLE), EBADF);
	again = TAKE(sys_signal_create(0));
	CHECK(again != h); /* same slot, another generation */
	REFUSED(sys_signal_get(h), EBADF);
	core_close(again);
}

static void dup_rights(void)
{
	handle_t h = TAKE(sys_signal_create(7));
	handle_t reader = TAKE(sys_handle_dup(h, RIGHT_READ | RIGHT_GRANT));
	struct handle_info info;

	CHECK_EQ(sys_signal_get(reader), 7);
	REFUSED(sys_signal_set(reader, 0, 1), EACCES);
	CHECK_EQ(sys_signal_get(h), 7);
	REFUSED(sys_handle_dup(reader, RIGHT_READ | RIGHT_WRITE), EPERM);
	OK(sys_handle_info(reader, &info));
	CHECK_EQ(info.type, OBJ_SIGNAL);
	CHECK_EQ(info.rights, RIGHT_READ | RIGHT_GRANT);
	core_close(TAKE(sys_handle_dup(reader, RIGHTS_SAME)));
	core_close(reader);
	core_close(h);
}

static void dup_depth(void)
{
	handle_t chain[18];
	int n = 1;
	int64_t next = 0;

	chain[0] = TAKE(sys_signal_create(0));
	while (n < 18 && (next = sys_handle_dup(chain[n - 1], RIGHTS_SAME)) >= 0)
		chain[n++] = (handle_t)next;
	REFUSED(next, EMLINK);
	CHECK(n == 16 || n == 17); /* depth at most 16 */
	while (n)
		core_close(chain[--n]);
}

static void shrink(void)
{
	handle_t h = TAKE(sys_signal_create(1));
	handle_t before = TAKE(sys_handle_dup(h, RIGHTS_SAME));

	OK(sys_handle_shrink(h, RIGHT_READ));
	REFUSED(sys_signal_set(h, 0, 2), EACCES);
	REFUSED(sys_handle_dup(h, RIGHT_WRITE), EPERM);
	CHECK_EQ(sys_signal_set(before, 0, 2), 1); /* derived earlier: as it was */
	CHECK_EQ(sys_signal_get(h), 3);
	REFUSED(sys_handle_shrink(NO_HANDLE, 0), EBADF);
	core_close(before);
	core_close(h);
}

static void revoke_tree(void)
{
	handle_t root = TAKE(sys_signal_create(5));
	handle_t child = TAKE(sys_handle_dup(root, RIGHTS_SAME));
	handle_t grandchild = TAKE(sys_handle_dup(child, RIGHTS_SAME));
	handle_t other = TAKE(sys_handle_dup(root, RIGHT_READ | RIGHT_WRITE));

	OK(sys_handle_close(child)); /* re-parents the grandchild */
	CHECK_EQ(sys_signal_get(grandchild), 5);
	REFUSED(sys_handle_revoke(other), EACCES);
	OK(sys_handle_revoke(root));
	REFUSED(sys_signal_get(grandchild), EBADF);
	REFUSED(sys_signal_get(other), EBADF);
	CHECK_EQ(sys_signal_get(root), 5);
	OK(sys_handle_revoke(root)); /* nothing left: fine */
	core_close(root);
}

static void revoke_unmaps(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGE_SIZE, VMO_ANON));
	handle_t derived = TAKE(sys_handle_dup(vmo, RIGHTS_SAME));
	struct map_args args = {.vmo = derived, .flags = PROT_R | PROT_W, .len = PAGE_SIZE};
	int64_t at = sys_aspace_map(core_aspace, &args);
	char byte = 1;

	CHECK(at > 0);
	*(volatile char *)at = 9;
	core_close(derived); /* the mapping stays */
	CHECK_EQ(*(volatile char *)at, 9);
	OK(sys_handle_revoke(vmo));
	REFUSED(sys_process_read(core_process, (uint64_t)at, &byte, 1), EFAULT);
	OK(sys_vmo_read(vmo, 0, &byte, 1, 0));
	CHECK_EQ(byte, 9);
	core_close(vmo);
}

static void info_and_flags(void)
{
	handle_t h = TAKE(sys_signal_create(0));
	struct handle_info info;

	OK(sys_handle_flags(h, HANDLE_INHERIT | HANDLE_STAY, 0));
	OK(sys_handle_info(h, &info));
	CHECK_EQ(info.flags & (HANDLE_INHERIT | HANDLE_STAY), HANDLE_INHERIT | HANDLE_STAY);
	CHECK_EQ(info.handle, h);
	OK(sys_handle_flags(h, 0, HANDLE_STAY));
	OK(sys_handle_info(h, &info));
	CHECK_EQ(info.flags & HANDLE_STAY, 0);
	REFUSED(sys_handle_flags(h, HANDLE_KEPT, 0), EINVAL);
	REFUSED(sys_handle_flags(h, 1u << 20, 0), EINVAL);
	REFUSED(sys_handle_info(h, (struct handle_info *)16), EFAULT);
	REFUSED(sys_handle_info(NO_HANDLE, &info), EBADF);
	core_close(h);
}

static void list(void)
{
	handle_t h = TAKE(sys_signal_create(0));
	struct handle_info infos[4];
	uint32_t start = 0, total = 0;
	struct process_info process;
	bool seen = false;

	OK(sys_process_info(core_process, &process));
	for (;;) {
		int64_t n = sys_handle_list(core_process, start, infos, 4);

		CHECK(n >= 0);
		if (n <= 0 || n > 4)
			break;
		for (int64_t i = 0; i < n; i++)
			seen |= infos[i].handle == h;
		total += (uint32_t)n;
		start = (infos[n - 1].handle & (HANDLE_SLOTS_MAX - 1)) + 1;
	}
	CHECK(seen);
	CHECK_EQ(total, process.handles);
	core_close(h);
}

static void wrong_type(void)
{
	handle_t h = TAKE(sys_signal_create(0));

	REFUSED(sys_vmo_resize(h, PAGE_SIZE), EINVAL);
	REFUSED(sys_process_kill(h, 0), EINVAL);
	REFUSED(sys_handle_list(h, 0, NULL, 0), EINVAL);
	core_close(h);
}

static void clock(void)
{
	uint64_t a = (uint64_t)sys_clock_read(), b = time_now(), c = (uint64_t)sys_clock_read();
	handle_t handle = boot_handle("clock");
	handle_t weak = TAKE(sys_handle_dup(handle, RIGHT_READ));

	CHECK(a <= c && c - a < NS_PER_S);
	CHECK(b + NS_PER_MS >= a && b <= c + NS_PER_MS); /* the page and the kernel agree */
	REFUSED(sys_clock_set(weak, 1), EACCES);
	OK(sys_clock_set(handle, 1000 * (int64_t)NS_PER_S));
	CHECK(time_wall() - time_now() > 999 * NS_PER_S);
	core_close(weak);
}

static void random_bytes(void)
{
	uint64_t a[4] = {0}, b[4] = {0};
	static char big[65537];

	OK(sys_random(a, sizeof(a)));
	OK(sys_random(b, sizeof(b)));
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	OK(sys_random(big, 65536));
	REFUSED(sys_random(big, 65537), EINVAL);
	REFUSED(sys_random((void *)16, 8), EFAULT);
	OK(sys_random((void *)16, 0));
}

static void log_lines(void)
{
	static char text[4096];
	uint64_t cursor = 0;
	bool seen = false;
	int64_t n;
	handle_t weak = TAKE(sys_handle_dup(core_log, RIGHT_GRANT));

	OK(sys_log_write(core_log, "core-marker", 11));
	REFUSED(sys_log_write(core_log, text, 1025), EINVAL);
	REFUSED(sys_log_write(core_log, (void *)16, 8), EFAULT);
	REFUSED(sys_log_write(weak, "x", 1), EACCES);
	REFUSED(sys_log_read(weak, &cursor, text, sizeof(text)), EACCES);
	while ((n = sys_log_read(core_log, &cursor, text, sizeof(text) - 1)) > 0) {
		text[n] = 0;
		seen |= strstr(text, "core-marker") != NULL;
	}
	CHECK_EQ(n, 0);
	CHECK(seen);
	core_close(weak);
}

static void uart(void)
{
	handle_t weak = TAKE(sys_handle_dup(core_log, RIGHT_READ | RIGHT_WRITE));
	static char big[4097];
	char byte;

	REFUSED(sys_uart_write(weak, "x", 1), EACCES);
	REFUSED(sys_uart_read(weak, &byte, 1, DEADLINE_NOW), EACCES);
	REFUSED(sys_uart_write(core_log, big, 4097), EINVAL);
	OK(sys_uart_write(core_log, "", 0));
	REFUSED(sys_uart_read(core_log, &byte, 1, time_in(NS_PER_MS)), ETIMEDOUT);
	REFUSED(sys_machine_control(weak, MACHINE_LOG_LEVEL, 0), EACCES);
	REFUSED(sys_machine_control(core_log, 99, 0), EINVAL);
	core_close(weak);
}

static void totals(void)
{
	struct system_info a, b;
	handle_t h;

	OK(sys_system_info(core_log, &a));
	h = TAKE(sys_signal_create(0));
	OK(sys_system_info(core_log, &b));
	CHECK_EQ(b.objects[OBJ_SIGNAL], a.objects[OBJ_SIGNAL] + 1);
	CHECK_EQ(a.abi, ABI_VERSION);
	CHECK_EQ(a.cpus, core_cpus());
	CHECK(a.memory_free <= a.memory_total);
	core_close(h);
}

/* The table is full: an error, and everything goes on after one is given back. */
static int role_table_full(void)
{
	static handle_t held[HANDLE_SLOTS_MAX + 1];
	uint32_t n = 0;
	int64_t result = 0;

	while (n <= HANDLE_SLOTS_MAX && (result = sys_handle_dup(core_log, RIGHTS_SAME)) >= 0)
		held[n++] = (handle_t)result;
	if (result != -EMFILE && result != -EDQUOT && result != -ENOMEM)
		return 1;
	core_close(held[--n]);
	held[n++] = TAKE(sys_handle_dup(core_log, RIGHTS_SAME));
	REFUSED(sys_handle_dup(core_log, RIGHTS_SAME), -(int)result);
	while (n)
		core_close(held[--n]);
	return 0;
}

static void table_full(void)
{
	struct spawned s;

	core_spawn(&s, "table_full", NULL, HANDLE_NONE, NULL, 0);
	core_expect(&s, 0);
}

/* Deriving below a handle that is being revoked, from another CPU: ends, and nothing survives. */
static handle_t race_root;
static uint32_t race_go, race_stop;

static void race_derive(uint64_t arg)
{
	(void)arg;
	while (!__atomic_load_n(&race_stop, __ATOMIC_ACQUIRE)) {
		int64_t h = sys_handle_dup(race_root, RIGHTS_SAME);

		__atomic_store_n(&race_go, 1, __ATOMIC_RELEASE);
		if (h >= 0) {
			int64_t h2 = sys_handle_dup((handle_t)h, RIGHTS_SAME);

			if (h2 >= 0)
				sys_handle_close((handle_t)h2);
			sys_handle_close((handle_t)h);
		} else {
			CHECK(h == -EAGAIN || h == -EBADF);
		}
	}
}

static void revoke_race(void)
{
	static struct core_native workers[3];
	handle_t root = TAKE(sys_signal_create(1));

	if (core_cpus() < 2)
		core_skip("one CPU");
	race_root = TAKE(sys_handle_dup(root, RIGHTS_SAME));
	race_stop = race_go = 0;
	for (int i = 0; i < 3; i++)
		core_native_start(&workers[i], race_derive, 0);
	while (!__atomic_load_n(&race_go, __ATOMIC_ACQUIRE))
		OK(sys_thread_yield());
	for (int round = 0; round < 100; round++) {
		OK(sys_handle_revoke(race_root));
		CHECK_EQ(sys_signal_get(race_root), 1);
	}
	OK(sys_handle_revoke(root));
	__atomic_store_n(&race_stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		core_native_join(&workers[i]);
	REFUSED(sys_signal_get(race_root), EBADF);
	core_close(root);
}

/* Hands a derived handle out, derives many more, and revokes: the last made go first. */
static int role_revoke(void)
{
	handle_t root = boot_handle("root"), sender = boot_handle("sender");
	struct ipc_msg m = {.tag = MSG_HANDLES(1)};

	message_page()->handles[0] = TAKE(sys_handle_dup(root, RIGHTS_SAME));
	OK(ipc_send(sender, &m));
	for (unsigned i = 0; i < 10000; i++)
		(void)TAKE(sys_handle_dup(root, RIGHTS_SAME));
	m.tag = 0;
	(void)!ipc_call(sender, &m, time_in(CORE_PATIENCE));
	OK(sys_handle_revoke(root));
	return 7;
}

static int64_t call_result;

static void call_once(uint64_t sender)
{
	struct ipc_msg m = {0};

	call_result = ipc_call((handle_t)sender, &m, core_soon());
}

/* An answer with such a handle is not sent: EBUSY, as EAGAIN is the wait's, after the answer. */
static void nothing_answers(handle_t vmo)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = TAKE(sys_channel_sender(channel, 1, CORE_SENDER, REPLY_NONE));
	struct core_native client;
	struct ipc_msg m;

	core_native_start(&client, call_once, sender);
	CHECK_EQ(ipc_wait(channel, &m, core_soon()), IPC_MESSAGE);
	m.tag = MSG_HANDLES(1);
	message_page()->handles[0] = vmo;
	REFUSED(ipc_reply_wait(channel, &m, DEADLINE_NOW, REPLY_CURRENT), EBUSY);
	m.tag = 0;
	CHECK_EQ(ipc_reply_wait(channel, &m, DEADLINE_NOW, REPLY_CURRENT), -EAGAIN);
	core_native_join(&client);
	CHECK_EQ(call_result, 0);
	core_close(sender);
	core_close(channel);
}

/* All that would make more below a handle that is being revoked. */
static void nothing_derives(handle_t vmo, handle_t sender)
{
	struct map_args map = {.vmo = vmo, .flags = PROT_R, .len = PAGE_SIZE};
	struct process_args args = {.name = "heir", .flags = PROCESS_INHERIT};
	handle_t queue = TAKE(sys_queue_create()), aspace = TAKE(sys_aspace_create());
	struct ipc_msg m = {.tag = MSG_HANDLES(1)};

	REFUSED(sys_handle_dup(vmo, RIGHTS_SAME), EAGAIN);
	REFUSED(sys_process_give(core_process, vmo, RIGHTS_SAME, 0), EAGAIN);
	REFUSED(sys_process_give(core_process, vmo, RIGHTS_SAME, GIVE_MOVE), EAGAIN);
	REFUSED(sys_aspace_map(core_aspace, &map), EAGAIN);
	REFUSED(sys_queue_add(queue, vmo, EVENT_SIGNAL, 1, 0, 1), EAGAIN);
	message_page()->handles[0] = vmo;
	REFUSED(ipc_send(sender, &m), EAGAIN);
	REFUSED(ipc_call(sender, &m, DEADLINE_NOW), EAGAIN);
	OK(sys_handle_flags(vmo, HANDLE_INHERIT, 0));
	REFUSED(sys_process_create(core_silo, aspace, &args), EAGAIN);
	nothing_answers(vmo);
	core_close(aspace);
	core_close(queue);
}

/* Instruction by instruction, until the thread is half way through revoking. */
static void step_into_revoke(struct spawned *s, handle_t vmo, handle_t sender)
{
	handle_t queue = TAKE(sys_queue_create());
	struct event e;
	int64_t derived;

	CHECK(sys_queue_add(queue, s->process, EVENT_PROCESS, 1, 0, PROCESS_EV_FAULT) > 0);
	OK(sys_thread_suspend(s->thread)); /* it waits for the answer */
	OK(ipc_reply(REPLY_CURRENT, &(struct ipc_msg){0}));
	while ((derived = sys_handle_dup(vmo, RIGHTS_SAME)) >= 0) {
		core_close((handle_t)derived);
		OK(sys_thread_step(s->thread));
		CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
	}
	CHECK_EQ(derived, -EAGAIN);
	nothing_derives(vmo, sender);
	OK(sys_thread_resume(s->thread));
	core_close(queue);
}

static void below_a_revocation(void)
{
	handle_t silo = core_silo_make(1500, 0, NULL), channel = TAKE(sys_channel_create());
	handle_t sender = TAKE(sys_channel_sender(channel, 1, CORE_SENDER, REPLY_NONE));
	handle_t root = TAKE(sys_vmo_create(PAGE_SIZE, VMO_ANON)), vmo;
	struct spawn_handle give[] = {{"root", root, RIGHTS_SAME, 0, 0},
				      {"sender", sender, RIGHTS_SAME, 0, 0}};
	struct ipc_msg m;
	struct spawned s;

	core_spawn(&s, "revoke", NULL, silo, give, 2);
	CHECK_EQ(ipc_wait(channel, &m, core_soon()), IPC_MESSAGE);
	vmo = message_page()->handles[0];
	CHECK_EQ(ipc_wait(channel, &m, core_soon()), IPC_MESSAGE);
	step_into_revoke(&s, vmo, sender);
	core_expect(&s, 7);
	REFUSED(sys_handle_close(vmo), EBADF);
	core_silo_end(silo);
	core_close(root);
	core_close(sender);
	core_close(channel);
}

const struct core_test core_tests[] = {
	{"null_call", null_call},
	{"close_twice", close_twice},
	{"dup_rights", dup_rights},
	{"dup_depth", dup_depth},
	{"shrink", shrink},
	{"revoke_tree", revoke_tree},
	{"revoke_unmaps", revoke_unmaps},
	{"info_and_flags", info_and_flags},
	{"list", list},
	{"wrong_type", wrong_type},
	{"clock", clock},
	{"random_bytes", random_bytes},
	{"log_lines", log_lines},
	{"uart", uart},
	{"totals", totals},
	{"table_full", table_full},
	{"revoke_race", revoke_race},
	{"below_a_revocation", below_a_revocation},
	{NULL, NULL},
};

const struct core_role core_roles[] = {
	{"table_full", role_table_full}, {"revoke", role_revoke}, {NULL, NULL}};

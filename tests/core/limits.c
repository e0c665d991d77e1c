/* SPDX-License-Identifier: ISC */
/*
 * limits.c: what a process, and a silo with those below it, may be charged: at the limit and past
 * it, that a refusal changes nothing, and that everything comes back. Long: one test a limit.
 */
#include <stdlib.h>
#include <string.h>
#include "core.h"

#define USER_ID 1000

static uint64_t charged(handle_t process)
{
	struct process_info info;

	OK(sys_process_info(process, &info));
	return info.charged;
}

static uint64_t refused(handle_t silo, enum resource r)
{
	struct silo_info info;

	OK(sys_silo_info(silo, &info));
	return info.refused[r];
}

/* ---- memory of a process -----------------------------------------------------------------------
 */

/* What a process is made of, charged to where it will run; one page of the VMO is there. */
struct parts {
	handle_t aspace, vmo;
};

static void parts_make(struct parts *p, handle_t silo)
{
	OK(sys_thread_charge(silo));
	p->aspace = TAKE(sys_aspace_create());
	OK(sys_thread_charge(p->aspace));
	p->vmo = TAKE(sys_vmo_create(64 * PAGE_SIZE, VMO_ANON));
	OK(sys_vmo_commit(p->vmo, 0, PAGE_SIZE));
	OK(sys_thread_charge(HANDLE_NONE));
}

static void parts_close(struct parts *p)
{
	core_close(p->vmo);
	core_close(p->aspace);
}

static int64_t process_of(handle_t silo, handle_t aspace)
{
	struct process_args args = {.name = "made"};

	return sys_process_create(silo, aspace, &args);
}

static void process_end(handle_t process)
{
	OK(sys_process_kill(process, 0));
	OK(sys_process_reap(process));
	core_close(process);
}

static int64_t commit(const struct parts *p, uint64_t page)
{
	return sys_vmo_commit(p->vmo, page * PAGE_SIZE, PAGE_SIZE);
}

static void process_memory_exact(void)
{
	handle_t silo = core_silo_make(USER_ID, 0, NULL), process;
	struct silo_info before;
	struct parts p;
	uint64_t base;

	OK(sys_silo_info(silo, &before));
	parts_make(&p, silo);
	process = TAKE(process_of(silo, p.aspace));
	base = charged(process);
	CHECK(base >= 2 * PAGE_SIZE && base < 16 * PAGE_SIZE); /* tables and the page */
	OK(sys_silo_limit(silo, LIMIT_PROCESS_MEMORY, base + 2 * PAGE_SIZE));
	OK(commit(&p, 1));
	OK(commit(&p, 2)); /* at the limit */
	CHECK_EQ(refused(silo, RES_MEMORY), 0);
	REFUSED(commit(&p, 3), ENOMEM);
	CHECK_EQ(charged(process), base + 2 * PAGE_SIZE);
	CHECK_EQ(refused(silo, RES_MEMORY), 1);
	OK(sys_silo_limit(silo, LIMIT_PROCESS_MEMORY, base + 3 * PAGE_SIZE));
	OK(commit(&p, 3));
	REFUSED(commit(&p, 4), ENOMEM);
	OK(sys_silo_limit(silo, LIMIT_PROCESS_MEMORY, PAGE_SIZE)); /* below its use */
	CHECK_EQ(charged(process), base + 3 * PAGE_SIZE);
	OK(sys_vmo_decommit(p.vmo, 3 * PAGE_SIZE, PAGE_SIZE));
	REFUSED(commit(&p, 3), ENOMEM);
	CHECK_EQ(charged(process), base + 2 * PAGE_SIZE);
	OK(sys_silo_limit(silo, LIMIT_PROCESS_MEMORY, 0));
	OK(commit(&p, 3));
	process_end(process);
	parts_close(&p);
	core_returns(silo, &before);
	core_silo_end(silo);
}

/* A process is not made of more than it may have. */
static void process_memory_at_birth(void)
{
	handle_t silo = core_silo_make(USER_ID, 0, NULL), process;
	struct silo_info before, after;
	struct parts p;

	parts_make(&p, silo);
	OK(sys_silo_limit(silo, LIMIT_PROCESS_MEMORY, PAGE_SIZE));
	OK(sys_silo_info(silo, &before));
	REFUSED(process_of(silo, p.aspace), ENOMEM);
	OK(sys_silo_info(silo, &after));
	CHECK(!memcmp(before.usage, after.usage, sizeof(after.usage)));
	OK(sys_silo_limit(silo, LIMIT_PROCESS_MEMORY, 1 << 20));
	process = TAKE(process_of(silo, p.aspace));
	process_end(process);
	parts_close(&p);
	core_silo_end(silo);
}

/* Made in the root silo, attached to another: all that it is charged goes with it. */
static void process_memory_moves(void)
{
	uint64_t narrow[LIMIT_KEYS] = {[LIMIT_PROCESS_MEMORY] = 3 * PAGE_SIZE};
	uint64_t poor[LIMIT_KEYS] = {[LIMIT_MEMORY] = 3 * PAGE_SIZE};
	handle_t small = core_silo_make(USER_ID, 0, narrow);
	handle_t little = core_silo_make(USER_ID + 1, 0, poor);
	handle_t silo = core_silo_make(USER_ID + 2, 0, NULL), process;
	struct silo_info before, after;
	struct parts p;
	uint64_t base;

	parts_make(&p, core_silo);
	process = TAKE(process_of(core_silo, p.aspace));
	OK(commit(&p, 1));
	OK(commit(&p, 2));
	OK(commit(&p, 3));
	base = charged(process);
	OK(sys_silo_info(core_silo, &before));
	REFUSED(sys_silo_attach(small, process), ENOMEM);
	REFUSED(sys_silo_attach(little, process), ENOMEM);
	CHECK_EQ(core_usage(small, RES_MEMORY), 0);
	CHECK_EQ(core_usage(little, RES_MEMORY), 0);
	CHECK_EQ(core_usage(little, RES_PROCESSES), 0);
	OK(sys_silo_info(core_silo, &after));
	CHECK(!memcmp(before.usage, after.usage, sizeof(after.usage)));
	OK(sys_silo_attach(silo, process));
	CHECK_EQ(core_usage(silo, RES_MEMORY), base);
	CHECK_EQ(charged(process), base);
	OK(commit(&p, 4)); /* what it is given later, too */
	CHECK_EQ(core_usage(silo, RES_MEMORY), base + PAGE_SIZE);
	OK(sys_silo_info(core_silo, &after));
	CHECK_EQ(after.usage[RES_MEMORY], before.usage[RES_MEMORY] + PAGE_SIZE);
	process_end(process);
	parts_close(&p);
	core_silo_end(small);
	core_silo_end(little);
	core_silo_end(silo);
}

/* An address space is one process's memory; a second one in it has an account of its own. */
static void process_memory_shared(void)
{
	handle_t silo = core_silo_make(USER_ID, 0, NULL), chief, first, second, third;
	struct silo_info before;
	struct parts p, q;
	uint64_t base;

	OK(sys_silo_info(silo, &before));
	parts_make(&q, silo);
	chief = TAKE(process_of(silo, q.aspace)); /* with the first one its silo would end */
	parts_make(&p, silo);
	first = TAKE(process_of(silo, p.aspace));
	second = TAKE(process_of(silo, p.aspace));
	base = charged(first);
	CHECK_EQ(charged(second), 0);
	OK(commit(&p, 1));
	CHECK_EQ(charged(first), base + PAGE_SIZE);
	CHECK_EQ(charged(second), 0);
	process_end(first);
	third = TAKE(process_of(silo, p.aspace)); /* takes over what the first has left */
	CHECK_EQ(charged(third), base + PAGE_SIZE);
	process_end(third);
	process_end(second);
	process_end(chief);
	parts_close(&p);
	parts_close(&q);
	core_returns(silo, &before);
	core_silo_end(silo);
}

/* What a process makes counts for it, until it becomes another's. */
static void process_memory_maker(void)
{
	uint64_t base = charged(core_process);
	handle_t silo = core_silo_make(USER_ID, 0, NULL);
	handle_t aspace = TAKE(sys_aspace_create()), process;
	uint64_t with = charged(core_process);

	CHECK(with >= base + PAGE_SIZE);
	process = TAKE(process_of(silo, aspace));
	CHECK(charged(core_process) + PAGE_SIZE <= with);
	CHECK(charged(process) >= PAGE_SIZE);
	CHECK(core_usage(silo, RES_MEMORY) >= charged(process));
	process_end(process);
	core_close(aspace);
	core_silo_end(silo);
}

static void thread_charge_refused(void)
{
	handle_t queue = TAKE(sys_queue_create()), aspace = TAKE(sys_aspace_create());
	handle_t weak = TAKE(sys_handle_dup(aspace, RIGHT_READ));
	uint64_t base = charged(core_process);
	handle_t vmo;

	REFUSED(sys_thread_charge(queue), EINVAL);
	REFUSED(sys_thread_charge(weak), EACCES);
	REFUSED(sys_thread_charge(0x3fff), EBADF);
	vmo = TAKE(sys_vmo_create(PAGE_SIZE, VMO_WIRED)); /* still the caller's own */
	CHECK(charged(core_process) >= base + PAGE_SIZE);
	core_close(vmo);
	core_close(weak);
	core_close(aspace);
	core_close(queue);
}

/* Takes memory until it is refused, tells how much, and waits. */
static int role_fill(void)
{
	int64_t vmo = sys_vmo_create(PAGE_SIZE << 12, VMO_ANON), result = 0;
	uint64_t got = 0, limit = strtoull(core_argument, NULL, 10);
	struct process_info info;

	if (vmo < 0 || sys_process_info(boot_handle("self"), &info))
		return 1;
	while (got < 4096 && result == 0) {
		result = sys_vmo_commit((handle_t)vmo, got * PAGE_SIZE, PAGE_SIZE);
		got += result == 0;
	}
	if (result != -ENOMEM || sys_process_info(boot_handle("self"), &info))
		return 2;
	if (info.charged > limit || info.charged < limit - 4 * PAGE_SIZE)
		return 3;
	/* objects are memory, too; and closing gives room */
	for (unsigned i = 0; i < 1000 && result != -EMFILE; i++)
		result = sys_queue_create();
	if (result != -ENOMEM)
		return 4;
	if (sys_vmo_decommit((handle_t)vmo, 0, PAGE_SIZE) || sys_queue_create() < 0)
		return 5;
	return sys_signal_set(boot_handle("full"), 0, 1) < 0 ||
	       sys_thread_sleep(time_in(CORE_PATIENCE)) < 0;
}

static int role_wait(void)
{
	return sys_thread_sleep(time_in(CORE_PATIENCE)) < 0 ? 1 : 2;
}

static void signal_wait(handle_t queue)
{
	struct event e;

	CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
	CHECK_EQ(e.kind, EVENT_SIGNAL);
}

/* Two processes of a silo are limited apart from each other. */
static void process_memory_apart(void)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_PROCESS_MEMORY] = 1 << 20};
	handle_t silo = core_silo_make(USER_ID, 0, limits), queue = TAKE(sys_queue_create());
	struct spawned s[2];
	handle_t full[2];

	for (unsigned i = 0; i < 2; i++) {
		struct spawn_handle handles[] = {{"full", HANDLE_NONE, RIGHTS_SAME, 0, 0}};

		full[i] = handles[0].handle = TAKE(sys_signal_create(0));
		CHECK(sys_queue_add(queue, full[i], EVENT_SIGNAL, i, WATCH_EDGE, 1) > 0);
		core_spawn(&s[i], "fill", "1048576", silo, handles, 1);
		signal_wait(queue);
		CHECK(charged(s[i].process) <= 1 << 20);
	}
	CHECK(core_usage(silo, RES_MEMORY) >= 2 * ((1 << 20) - 8 * PAGE_SIZE));
	CHECK(refused(silo, RES_MEMORY) >= 4);
	for (unsigned i = 0; i < 2; i++) {
		spawn_discard(&s[i]);
		core_close(full[i]);
	}
	core_close(queue);
	core_silo_end(silo);
}

/* Touches memory, without end. */
static int role_touch(void)
{
	uint64_t len = 4096 * PAGE_SIZE;
	struct map_args args = {.flags = PROT_R | PROT_W, .len = len};
	int64_t vmo = sys_vmo_create(len, VMO_ANON), at;

	args.vmo = (handle_t)vmo;
	at = vmo < 0 ? vmo : sys_aspace_map(boot_handle("aspace"), &args);
	for (uint64_t i = 0; at > 0 && i < len; i += PAGE_SIZE)
		*(volatile uint8_t *)(at + i) = 1;
	return 1;
}

static void process_memory_fault(void)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_PROCESS_MEMORY] = 1 << 20};
	handle_t silo = core_silo_make(USER_ID, 0, limits);
	struct process_info info;
	struct spawned rest, s;

	core_spawn(&rest, "wait", NULL, silo, NULL, 0);
	core_spawn(&s, "touch", NULL, silo, NULL, 0);
	CHECK(core_wait(&s, &info));
	CHECK_EQ(info.reason, FAULT_MEMORY);
	CHECK(info.charged <= 1 << 20 && info.charged > (1 << 20) - 8 * PAGE_SIZE);
	OK(sys_process_info(rest.process, &info)); /* the other one notices nothing */
	CHECK_EQ(info.state, PROCESS_RUNNING);
	spawn_discard(&rest);
	core_silo_end(silo);
}

/* ---- handles on their way ---------------------------------------------------------------------
 */

static handle_t sender_make(handle_t channel)
{
	return TAKE(sys_channel_sender(channel, 1, CORE_SENDER, REPLY_NONE));
}

static int64_t post(handle_t sender, const handle_t *handles, unsigned n)
{
	struct ipc_msg m = {.tag = MSG_HANDLES(n)};

	for (unsigned i = 0; i < n; i++)
		message_page()->handles[i] = handles[i];
	return ipc_send(sender, &m);
}

/* The next message; its handles, which printing would overwrite in the page. */
static void take(handle_t channel, unsigned n, handle_t *handles)
{
	struct ipc_msg m;

	CHECK_EQ(ipc_wait(channel, &m, core_soon()), IPC_MESSAGE);
	for (unsigned i = 0; i < n; i++)
		handles[i] = message_page()->handles[i];
	CHECK_EQ(MSG_NHANDLES(m.tag), n);
}

/* Fills its table, posts two of its handles, and has room again only when they have arrived. */
static int role_post(void)
{
	int64_t full = core_argument[0] == 's' ? -EDQUOT : -EMFILE, made = 0;
	handle_t to = boot_handle("to"), give[2] = {0};
	struct ipc_msg m = {0};

	for (unsigned i = 0; made >= 0 && i < 100; i++) {
		made = sys_signal_create(0);
		if (made >= 0)
			give[i % 2] = (handle_t)made;
	}
	if (made != full || post(to, give, 2))
		return 1;
	if (sys_signal_create(0) != full)
		return 2;
	if (ipc_call(to, &m, core_soon())) /* answered when both were received */
		return 3;
	if (sys_signal_create(0) < 0 || sys_signal_create(0) < 0 || sys_signal_create(0) != full)
		return 4;
	return 0;
}

static void posted_count(enum limit_key key, const char *which)
{
	uint64_t limits[LIMIT_KEYS] = {0};
	handle_t channel = TAKE(sys_channel_create()), got[2], silo;
	struct spawn_handle to = {"to", sender_make(channel), RIGHTS_SAME, 0, 0};
	struct ipc_msg m = {0};
	struct spawned s;

	limits[key] = 20;
	silo = core_silo_make(USER_ID, 0, limits);
	core_spawn(&s, "post", which, silo, &to, 1);
	core_until(s.thread, THREAD_CALLING); /* it has filled, posted, and calls */
	CHECK_EQ(core_usage(silo, RES_HANDLES), 20);
	take(channel, 2, got);
	CHECK_EQ(core_usage(silo, RES_HANDLES), 18);
	CHECK_EQ(ipc_wait(channel, &m, core_soon()), IPC_MESSAGE);
	OK(ipc_reply(REPLY_CURRENT, &m));
	core_expect(&s, 0);
	CHECK_EQ(core_usage(silo, RES_HANDLES), 0);
	core_close(got[0]);
	core_close(got[1]);
	core_close(to.handle);
	core_close(channel);
	core_silo_end(silo);
}

static void posted_in_silo(void)
{
	posted_count(LIMIT_HANDLES, "silo");
}

static void posted_in_process(void)
{
	posted_count(LIMIT_PROCESS_HANDLES, "process");
}

/* A handle that never arrives is given back. */
static void posted_lost(void)
{
	handle_t channel = TAKE(sys_channel_create()), to = sender_make(channel), got[2];
	handle_t signal = TAKE(sys_signal_create(0)), copy[2];
	uint64_t before = core_usage(core_silo, RES_HANDLES);

	copy[0] = TAKE(sys_handle_dup(signal, RIGHTS_SAME));
	copy[1] = TAKE(sys_signal_create(0));
	OK(post(to, copy, 2));
	CHECK_EQ(core_usage(core_silo, RES_HANDLES), before + 2);
	OK(sys_handle_revoke(signal)); /* on its way */
	CHECK_EQ(core_usage(core_silo, RES_HANDLES), before + 1);
	take(channel, 2, got);
	CHECK_EQ(got[0], HANDLE_NONE);
	CHECK_EQ(core_usage(core_silo, RES_HANDLES), before + 1);
	OK(post(to, &got[1], 1));
	CHECK_EQ(core_usage(core_silo, RES_HANDLES), before + 1);
	core_close(channel); /* and with it what waits there */
	CHECK_EQ(core_usage(core_silo, RES_HANDLES), before - 1);
	core_close(to);
	core_close(signal);
}

/* Posts one handle, tells so, and waits. */
static int role_give(void)
{
	handle_t give = (handle_t)sys_signal_create(0);

	if (post(boot_handle("to"), &give, 1))
		return 1;
	return sys_signal_set(boot_handle("done"), 0, 1) < 0 || role_wait();
}

/* Fills its table and then waits, at the channel or at a queue: the message comes without its
 * handle, and what its sender's end says comes behind it. */
static int role_crowded(void)
{
	handle_t source = boot_handle("from");
	uint64_t badges = 0;
	struct ipc_msg m;

	if (core_argument[0] == 'q') {
		int64_t queue = sys_queue_create();

		if (queue < 0 || sys_queue_add((handle_t)queue, source, EVENT_MESSAGE, 1, 0, 0) < 0)
			return 1;
		source = (handle_t)queue;
	}
	while (sys_signal_create(0) >= 0)
		;
	if (ipc_wait(source, &m, core_soon()) != IPC_MESSAGE || MSG_NHANDLES(m.tag) != 1)
		return 2;
	if (m.badge != 1 || message_page()->handles[0] != HANDLE_NONE)
		return 3;
	for (unsigned i = 0; i < 2; i++) { /* the message's sender, and the one that it carried */
		struct event e;

		if (ipc_wait(source, &m, core_soon()) != IPC_EVENT)
			return 4;
		e = ipc_event(&m);
		if (e.kind != EVENT_CLOSED)
			return 5;
		badges |= 1ull << e.data0;
	}
	if (badges != (1 << 1 | 1 << 2))
		return 6;
	return ipc_wait(source, &m, DEADLINE_NOW) == -EAGAIN ? 0 : 7;
}

static void posted_no_room(const char *source, bool waits)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_PROCESS_HANDLES] = 20};
	handle_t silo = core_silo_make(USER_ID, 0, limits), channel = TAKE(sys_channel_create());
	handle_t to = sender_make(channel);
	handle_t gift = TAKE(sys_channel_sender(channel, 2, CORE_SENDER, REPLY_NONE));
	struct spawn_handle from = {"from", channel, RIGHTS_SAME, 0, 0};
	struct spawned s;

	OK(core_prepare(&s, "crowded", source, silo, &from, 1));
	if (waits) {
		OK(sys_thread_start(s.thread));
		core_until(s.thread, source[0] == 'q' ? THREAD_QUEUE : THREAD_RECEIVE);
	}
	OK(post(to, &gift, 1));
	core_close(to);
	if (!waits)
		OK(sys_thread_start(s.thread));
	core_expect(&s, 0);
	core_close(channel);
	core_silo_end(silo);
}

static void posted_to_full(void)
{
	posted_no_room("channel", false);
	posted_no_room("channel", true);
}

static void posted_to_full_queue(void)
{
	posted_no_room("queue", false);
	posted_no_room("queue", true);
}

/* Takes one when it is told to. */
static int role_get(void)
{
	struct ipc_msg m = {0};

	if (ipc_call(boot_handle("ask"), &m, core_soon()))
		return 1;
	if (ipc_wait(boot_handle("from"), &m, core_soon()) != IPC_MESSAGE)
		return 2;
	return MSG_NHANDLES(m.tag) == 1 && message_page()->handles[0] ? 0 : 3;
}

/* Sender and receiver are in one silo, which is full: the handle still arrives. */
static void posted_within(void)
{
	handle_t silo = core_silo_make(USER_ID, 0, NULL), queue = TAKE(sys_queue_create());
	handle_t channel = TAKE(sys_channel_create()), asked = TAKE(sys_channel_create());
	struct spawn_handle give[] = {{"to", sender_make(channel), RIGHTS_SAME, 0, 0},
				      {"done", TAKE(sys_signal_create(0)), RIGHTS_SAME, 0, 0}};
	struct spawn_handle get[] = {{"ask", sender_make(asked), RIGHTS_SAME, 0, 0},
				     {"from", channel, RIGHTS_SAME, 0, 0}};
	struct ipc_msg m = {0};
	struct spawned giver, getter;

	CHECK(sys_queue_add(queue, give[1].handle, EVENT_SIGNAL, 1, WATCH_EDGE, 1) > 0);
	core_spawn(&giver, "give", NULL, silo, give, 2);
	signal_wait(queue);
	core_spawn(&getter, "get", NULL, silo, get, 2);
	CHECK_EQ(ipc_wait(asked, &m, core_soon()), IPC_MESSAGE);
	OK(sys_silo_limit(silo, LIMIT_HANDLES, core_usage(silo, RES_HANDLES)));
	OK(ipc_reply(REPLY_CURRENT, &m));
	core_expect(&getter, 0);
	CHECK_EQ(refused(silo, RES_HANDLES), 0);
	spawn_discard(&giver);
	core_close(give[0].handle);
	core_close(give[1].handle);
	core_close(get[0].handle);
	core_close(channel);
	core_close(asked);
	core_close(queue);
	core_silo_end(silo);
}

/* ---- handles inherited -------------------------------------------------------------------------
 */

static int64_t heir_of(handle_t silo)
{
	struct process_args args = {.name = "heir", .flags = PROCESS_INHERIT};
	handle_t aspace = TAKE(sys_aspace_create());
	int64_t heir = sys_process_create(silo, aspace, &args);

	core_close(aspace);
	return heir;
}

/* An heir gets no more handles than its silo lets a process have, or is not made. */
static void inherited_count(void)
{
	handle_t silo = core_silo_make(USER_ID, 0, NULL), marked[4], heir;
	struct silo_info before;

	OK(sys_silo_info(silo, &before));
	for (unsigned i = 0; i < 4; i++) {
		marked[i] = TAKE(sys_signal_create(0));
		OK(sys_handle_flags(marked[i], HANDLE_INHERIT, 0));
	}
	OK(sys_silo_limit(silo, LIMIT_PROCESS_HANDLES, 3));
	REFUSED(heir_of(silo), EMFILE);
	core_returns(silo, &before);
	OK(sys_silo_limit(silo, LIMIT_PROCESS_HANDLES, 4));
	heir = TAKE(heir_of(silo));
	CHECK_EQ(core_usage(silo, RES_HANDLES), 4);
	process_end(heir);
	core_returns(silo, &before);
	for (unsigned i = 0; i < 4; i++)
		core_close(marked[i]);
	core_silo_end(silo);
}

/* ---- CPUs
 * ---------------------------------------------------------------------------------------- */

static int role_spin(void)
{
	for (;;)
		__asm__ volatile("pause");
	return 0;
}

static int64_t below(handle_t parent, uint32_t id, enum limit_key key, uint64_t value)
{
	struct silo_args args = {.id = id};

	args.limits[key] = value;
	return sys_silo_create(parent, &args);
}

static int64_t make_below(handle_t parent, uint32_t id)
{
	return below(parent, id, LIMIT_MEMORY, 0);
}

static void run(handle_t silo)
{
	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
}

static void discard(handle_t silo)
{
	OK(sys_silo_control(silo, SILO_OP_DESTROY, 0));
	core_close(silo);
}

static uint64_t limit_of(handle_t silo, enum limit_key key)
{
	struct silo_info info;

	OK(sys_silo_info(silo, &info));
	return info.limits[key];
}

static uint64_t cpu_used(handle_t silo)
{
	struct silo_info info;

	OK(sys_silo_info(silo, &info));
	return info.cpu_ns;
}

static void shares_refused(void)
{
	handle_t outer = TAKE(below(core_silo, 100, LIMIT_CPU_SHARES, 512)), inner, deep;

	REFUSED(below(outer, 101, LIMIT_CPU_SHARES, 513), EPERM);
	inner = TAKE(below(outer, 101, LIMIT_CPU_SHARES, 512));
	REFUSED(sys_silo_limit(inner, LIMIT_CPU_SHARES, 513), EPERM);
	CHECK_EQ(limit_of(inner, LIMIT_CPU_SHARES), 512);
	OK(sys_silo_limit(outer, LIMIT_CPU_SHARES, 100));
	REFUSED(below(inner, 102, LIMIT_CPU_SHARES, 101),
		EPERM); /* the inner one has no more now */
	deep = TAKE(below(inner, 102, LIMIT_CPU_SHARES, 100));
	OK(sys_silo_limit(inner, LIMIT_MEMORY, 1 << 20)); /* what it was given stays, unused */
	OK(sys_silo_limit(outer, LIMIT_CPU_SHARES, 0));	  /* 1024 again */
	OK(sys_silo_limit(deep, LIMIT_CPU_SHARES, 512));
	REFUSED(sys_silo_limit(deep, LIMIT_CPU_SHARES, 513), EPERM);
	OK(sys_silo_limit(inner, LIMIT_CPU_SHARES, 1024));
	OK(sys_silo_limit(deep, LIMIT_CPU_SHARES, 0)); /* 1024 as well: nothing was asked for */
	discard(deep);
	discard(inner);
	discard(outer);
}

/* A silo given as much as its neighbour gets a quarter when its parent has a quarter. */
static void shares_narrowed(void)
{
	handle_t other = TAKE(below(core_silo, 103, LIMIT_CPU_SHARES, 1024));
	handle_t outer = TAKE(below(core_silo, 100, LIMIT_CPU_SHARES, 1024));
	handle_t inner = TAKE(below(outer, 101, LIMIT_CPU_SHARES, 1024));
	uint64_t deadline = core_soon(), a, b;
	struct spawned s[2];
	bool quarter;

	run(other);
	run(inner);
	OK(sys_silo_limit(outer, LIMIT_CPU_SHARES, 256));
	OK(sys_silo_limit(other, LIMIT_AFFINITY, 1));
	OK(sys_silo_limit(inner, LIMIT_AFFINITY, 1));
	core_spawn(&s[0], "spin", NULL, other, NULL, 0);
	core_spawn(&s[1], "spin", NULL, inner, NULL, 0);
	do { /* a machine that loses its own CPU now and then needs longer to even out */
		a = cpu_used(other);
		b = cpu_used(inner);
		OK(sys_thread_sleep(time_in(300 * NS_PER_MS)));
		a = cpu_used(other) - a;
		b = cpu_used(inner) - b;
		quarter = a > 3 * b && a < 5 * b;
	} while (!quarter && time_now() < deadline);
	CHECK(quarter);
	spawn_discard(&s[0]);
	spawn_discard(&s[1]);
	core_silo_end(inner);
	core_silo_end(other);
	discard(outer);
}

static void quota_set(handle_t silo, uint64_t quota, uint64_t period)
{
	OK(sys_silo_limit(silo, LIMIT_CPU_PERIOD_US, period));
	OK(sys_silo_limit(silo, LIMIT_CPU_QUOTA_US, quota));
}

static void quota_refused(void)
{
	handle_t outer = TAKE(below(core_silo, 100, LIMIT_CPU_PERIOD_US, 10000)), inner, deep;
	struct silo_args args = {.id = 101};

	quota_set(outer, 2000, 10000); /* a fifth */
	args.limits[LIMIT_CPU_QUOTA_US] = 20001;
	args.limits[LIMIT_CPU_PERIOD_US] = 100000;
	REFUSED(sys_silo_create(outer, &args), EPERM);
	args.limits[LIMIT_CPU_QUOTA_US] = 20000;
	inner = TAKE(sys_silo_create(outer, &args));
	REFUSED(sys_silo_limit(inner, LIMIT_CPU_QUOTA_US, 20001), EPERM);
	REFUSED(sys_silo_limit(inner, LIMIT_CPU_PERIOD_US, 99999), EPERM);
	CHECK_EQ(limit_of(inner, LIMIT_CPU_QUOTA_US), 20000);
	CHECK_EQ(limit_of(inner, LIMIT_CPU_PERIOD_US), 100000);
	OK(sys_silo_limit(inner, LIMIT_CPU_QUOTA_US, 0)); /* its parent's is what it has */
	args.id = 102;
	args.limits[LIMIT_CPU_QUOTA_US] = 20001;
	REFUSED(sys_silo_create(inner, &args), EPERM); /* two above */
	args.limits[LIMIT_CPU_QUOTA_US] = 20000;
	deep = TAKE(sys_silo_create(inner, &args));
	OK(sys_silo_limit(outer, LIMIT_CPU_QUOTA_US, 0));
	OK(sys_silo_limit(deep, LIMIT_CPU_QUOTA_US, 100000));
	discard(deep);
	discard(inner);
	discard(outer);
}

/* Whatever is made below a silo, it uses no more time together than the silo may. */
static void quota_together(void)
{
	handle_t outer = TAKE(below(core_silo, 100, LIMIT_CPU_PERIOD_US, 10000)), silo[3];
	uint64_t used, first, began, deadline = core_soon();
	struct silo_info info;
	struct spawned s[3];
	bool fifth;

	quota_set(outer, 2000, 10000);
	for (unsigned i = 0; i < 3; i++) {
		silo[i] = TAKE(make_below(i == 2 ? silo[1] : outer, 101 + i));
		run(silo[i]);
		core_spawn(&s[i], "spin", NULL, silo[i], NULL, 0);
	}
	quota_set(silo[0], 500, 10000); /* and one has a smaller one of its own */
	OK(sys_thread_sleep(time_in(50 * NS_PER_MS)));
	do {
		used = 0;
		first = cpu_used(silo[0]);
		for (unsigned i = 0; i < 3; i++)
			used += cpu_used(silo[i]);
		began = time_now();
		OK(sys_thread_sleep(time_in(300 * NS_PER_MS)));
		for (unsigned i = 0; i < 3; i++)
			used -= cpu_used(silo[i]);
		used = -used;
		began = time_now() - began;
		first = cpu_used(silo[0]) - first;
		fifth = used > began / 10 && used < began * 3 / 10 && first < began / 10;
		for (unsigned i = 0; i < 3; i++) {
			OK(sys_silo_info(silo[i], &info));
			fifth = fifth && info.throttled_ns > 0;
		}
	} while (!fifth && time_now() < deadline);
	CHECK(fifth);
	/* without the quota they run at will; one that is made meanwhile, too */
	OK(sys_silo_limit(outer, LIMIT_CPU_QUOTA_US, 0));
	deadline = core_soon();
	do {
		used = cpu_used(silo[2]);
		OK(sys_thread_sleep(time_in(60 * NS_PER_MS)));
		used = cpu_used(silo[2]) - used;
	} while (used < 15 * NS_PER_MS && time_now() < deadline);
	CHECK(used >= 15 * NS_PER_MS);
	for (unsigned i = 3; i-- > 0;) {
		spawn_discard(&s[i]);
		core_silo_end(silo[i]);
	}
	discard(outer);
}

/* A silo that runs on one CPU alone gets its new turns also when another CPU finds that they are
 * due: ours, where a timer fires all the time. Time in which it had none left does not count. */
static void quota_elsewhere(void)
{
	struct silo_info before, after;
	handle_t bounded, other;
	struct spawned s[2];
	bool waits = false;

	if (core_cpus() < 2)
		core_skip("one CPU");
	bounded = TAKE(below(core_silo, 1001, LIMIT_AFFINITY, 2));
	other = TAKE(below(core_silo, 1002, LIMIT_AFFINITY, 2));
	quota_set(bounded, 500, 2000);
	run(bounded);
	run(other);
	OK(sys_thread_affinity(core_thread, 1));
	core_spawn(&s[0], "spin", NULL, bounded, NULL, 0);
	core_spawn(&s[1], "spin", NULL, other, NULL, 0);
	for (unsigned i = 0; i < 8 && !waits; i++) {
		uint64_t end = time_in(400 * NS_PER_MS);

		OK(sys_silo_info(bounded, &before));
		while (time_now() < end)
			OK(sys_thread_sleep(time_in(20 * NS_PER_US)));
		OK(sys_silo_info(bounded, &after));
		waits = after.cpu_ns == before.cpu_ns &&
			after.throttled_ns - before.throttled_ns < 200 * NS_PER_MS;
	}
	OK(sys_thread_affinity(core_thread, UINT64_MAX));
	spawn_discard(&s[0]);
	spawn_discard(&s[1]);
	core_silo_end(bounded);
	core_silo_end(other);
	CHECK(!waits);
}

/* Sleeps a little, again and again, longer than the period below. Fails when it is late by half of
 * that in each of many tries: a machine may lose its own CPU. */
static int role_nap(void)
{
	uint64_t latest = UINT64_MAX;

	for (unsigned i = 0; i < 16 && latest > 100 * NS_PER_MS; i++) {
		uint64_t end = time_in(450 * NS_PER_MS);

		latest = 0;
		while (time_now() < end) {
			uint64_t until = time_in(10 * NS_PER_MS), late;

			OK(sys_thread_sleep(until));
			late = time_now() - until;
			latest = late > latest ? late : latest;
		}
	}
	return latest > 100 * NS_PER_MS;
}

/* A silo whose quota lasts for long does not keep others waiting for that long. */
static void quota_in_turn(void)
{
	handle_t bounded = TAKE(below(core_silo, 1001, LIMIT_AFFINITY, 1));
	handle_t other = TAKE(below(core_silo, 1002, LIMIT_AFFINITY, 1));
	struct process_info info;
	struct spawned s[2];
	bool ended;

	quota_set(bounded, 195000, 200000);
	run(bounded);
	run(other);
	core_spawn(&s[0], "spin", NULL, bounded, NULL, 0);
	core_spawn(&s[1], "nap", NULL, other, NULL, 0);
	ended = core_wait(&s[1], &info);
	spawn_discard(&s[0]);
	core_silo_end(bounded);
	core_silo_end(other);
	CHECK(ended);
	CHECK_EQ(info.code, 0);
}

static void affinity_narrowed(void)
{
	handle_t outer, inner;
	struct spawned early, s;
	struct thread_info info;

	if (core_cpus() < 2)
		core_skip("one CPU");
	outer = TAKE(below(core_silo, 100, LIMIT_AFFINITY, 1));
	REFUSED(below(outer, 101, LIMIT_AFFINITY, 2), EINVAL);
	inner = TAKE(below(outer, 101, LIMIT_AFFINITY, 3));
	REFUSED(sys_silo_limit(inner, LIMIT_AFFINITY, 2), EINVAL);
	CHECK_EQ(limit_of(inner, LIMIT_AFFINITY), 3);
	run(inner);
	OK(core_prepare(&early, "spin", NULL, inner, NULL, 0));
	core_spawn(&s, "spin", NULL, inner, NULL, 0);
	REFUSED(sys_thread_affinity(s.thread, 2), EINVAL);
	OK(sys_silo_limit(outer, LIMIT_AFFINITY, 2)); /* and what runs there moves */
	REFUSED(sys_thread_affinity(s.thread, 1), EINVAL);
	OK(sys_thread_start(early.thread)); /* made before, and the same holds for it */
	for (unsigned i = 0; i < 2; i++) {
		handle_t thread = i ? early.thread : s.thread;
		uint64_t deadline = core_soon();

		do {
			OK(sys_thread_sleep(time_in(NS_PER_MS)));
			OK(sys_thread_info(thread, &info));
		} while ((info.cpu != 1 || info.cpu_ns == 0) && time_now() < deadline);
		CHECK_EQ(info.cpu, 1);
	}
	spawn_discard(&early);
	spawn_discard(&s);
	core_silo_end(inner);
	discard(outer);
}

const struct core_test core_tests[] = {
	{"process_memory_exact", process_memory_exact},
	{"process_memory_at_birth", process_memory_at_birth},
	{"process_memory_moves", process_memory_moves},
	{"process_memory_shared", process_memory_shared},
	{"process_memory_maker", process_memory_maker},
	{"process_memory_apart", process_memory_apart},
	{"process_memory_fault", process_memory_fault},
	{"thread_charge_refused", thread_charge_refused},
	{"posted_in_silo", posted_in_silo},
	{"posted_in_process", posted_in_process},
	{"posted_lost", posted_lost},
	{"posted_to_full", posted_to_full},
	{"posted_to_full_queue", posted_to_full_queue},
	{"posted_within", posted_within},
	{"inherited_count", inherited_count},
	{"shares_refused", shares_refused},
	{"shares_narrowed", shares_narrowed},
	{"quota_refused", quota_refused},
	{"quota_together", quota_together},
	{"quota_elsewhere", quota_elsewhere},
	{"quota_in_turn", quota_in_turn},
	{"affinity_narrowed", affinity_narrowed},
	{NULL, NULL},
};

const struct core_role core_roles[] = {
	{"wait", role_wait}, {"fill", role_fill}, {"touch", role_touch}, {"spin", role_spin},
	{"post", role_post}, {"give", role_give}, {"get", role_get},	 {"crowded", role_crowded},
	{"nap", role_nap},   {NULL, NULL}};

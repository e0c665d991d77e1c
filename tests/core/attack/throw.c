/* SPDX-License-Identifier: ISC */
/*
 * throw.c: an attacker: random system calls by its main thread and by the threads that it makes, in
 * its own process and in processes that it makes (which share its address space). Only the main
 * thread may use libc.
 *
 * A thread that runs in another process knows no handles at first: it tries the numbers that a
 * fresh table gives out.
 */
#include <stdlib.h>
#include <string.h>
#include "attack.h"

#define STACK 16384

static struct slot {
	uint32_t taken;
	struct thrower thrower;
	handle_t pool[POOLS][KNOWN];
	struct thread_block block;
	uint64_t scratch[SCRATCH / 8];
	uint8_t shim_stack[4096] __attribute__((aligned(16)));
	uint8_t stack[STACK] __attribute__((aligned(16)));
} slots[SLOTS];

static handle_t own_pool[POOLS][KNOWN];
static struct thrower first;
struct stats *stats;

/* ---- one call -------------------------------------------------------------------------------- */

static void learn(struct thrower *t, handle_t h)
{
	struct handle_info info;

	if (sys_handle_info(h, &info) == 0 && info.type < OBJ_TYPES)
		keep(t, info.type, h);
}

static void message_prepare(struct thrower *t, struct message_page *page, struct ipc_msg *m)
{
	m->tag = below(t, 6) ? below(t, 128) : below(t, MSG_DATA_MAX);
	if (!below(t, 4))
		m->tag |= MSG_HANDLES(1 + below(t, 4));
	if (!below(t, 3))
		m->tag |= MSG_BUFFERS;
	if (!below(t, 20))
		m->tag = rnd(t);
	for (unsigned i = 0; i < MSG_WORDS; i++)
		m->w[i] = rnd(t);
	for (unsigned i = 0; i < MSG_HANDLES_MAX; i++)
		page->handles[i] = pick_any(t);
	page->in = below(t, 8) ? (uint64_t)t->scratch : rnd(t);
	page->out = below(t, 8) ? (uint64_t)t->scratch : ARENA;
	page->in_len = below(t, 64);
	page->out_len = below(t, 10000);
}

/* Where calls meet: what all attackers of a round share, or anything. */
static handle_t meeting(struct thrower *t, handle_t home, unsigned pool)
{
	return home && below(t, 3) ? home : pick(t, pool);
}

static handle_t some_reply(struct thrower *t)
{
	handle_t kept = pick(t, OBJ_REPLY);

	if (!below(t, 16))
		return pick_any(t);
	if (t->in_hand && below(t, 8))
		return REPLY_CURRENT;
	return kept && below(t, 2) ? kept : REPLY_NONE;
}

static int64_t message_call(struct thrower *t, uint32_t number)
{
	struct message_page *page = message_page();
	uint64_t deadline = below(t, 8) ? time_in(below(t, NS_PER_MS)) : DEADLINE_NOW;
	handle_t source = meeting(t, t->home_source, below(t, 2) ? OBJ_QUEUE : OBJ_CHANNEL);
	handle_t sender = meeting(t, t->home_sender, OBJ_SENDER), reply = some_reply(t);
	struct ipc_msg m;
	int64_t result;

	message_prepare(t, page, &m);
	switch (number) {
	case SYS_ipc_call: result = ipc_call(sender, &m, deadline); break;
	case SYS_ipc_send: result = ipc_send(sender, &m); break;
	case SYS_ipc_reply:
		result = ipc_reply(reply, &m);
		t->in_hand = false;
		break;
	default:
		result = ipc_reply_wait(source, &m, deadline, reply);
		t->in_hand = result == IPC_MESSAGE;
	}
	if (result == 0 && number != SYS_ipc_send && number != SYS_ipc_reply)
		for (unsigned i = 0; i < MSG_NHANDLES(m.tag) && i < MSG_HANDLES_MAX; i++)
			learn(t, page->handles[i]);
	return result;
}

/* Calls that do not come back when they succeed, and what hinders the thrower itself. */
static bool wanted(struct thrower *t, uint32_t number)
{
	bool own = !t->foreign && !(t->flags & ATTACK_RECKLESS);

	switch (number) {
	case SYS_process_exit: return !own && !below(t, 20);
	case SYS_thread_exit: return t != &first && !below(t, 100);
	case SYS_process_exec: return !own && !below(t, 10);
	case SYS_upcall_return: return t != &first && !below(t, 50);
	case SYS_cap_enter: return !own && !below(t, 60);
	case SYS_process_pledge: return !below(t, 20);
	}
	return true;
}

static bool comes_back(uint32_t number)
{
	return number != SYS_process_exit && number != SYS_thread_exit &&
	       number != SYS_process_exec && number != SYS_upcall_return;
}

static void count(unsigned row, int64_t result)
{
	unsigned error = result < 0 && result > -(int64_t)ERRNOS ? (unsigned)-result : 0;

	__atomic_fetch_add(&stats->calls, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&stats->result[row][error], 1, __ATOMIC_RELAXED);
	if (!error)
		__atomic_fetch_add(&stats->succeeded, 1, __ATOMIC_RELAXED);
}

/* Arguments that go together. */
static void fit(struct thrower *t, uint32_t number, uint64_t a[6])
{
	switch (number) {
	case SYS_irq_create:
		if (a[1] == IRQ_LINE)
			a[2] = TEST_LINE;
		break;
	case SYS_dma_map:
		if (t->wired) {
			a[1] = t->wired;
			a[2] = PAGES(below(t, 3));
			a[3] = PAGES(1 + below(t, 2));
		}
		break;
	case SYS_process_take:
		a[0] = t->given_to;
		a[1] = t->given;
		break;
	case SYS_dma_unmap:
		for (unsigned i = 0; i < 4; i++)
			a[i] = t->dma[i];
		break;
	}
}

/* Waits end, and the machine goes on. */
static void tame(struct thrower *t, uint32_t number, unsigned args, uint64_t a[6])
{
	if (number == SYS_futex_wait || number == SYS_thread_sleep || number == SYS_queue_wait ||
	    number == SYS_uart_read)
		a[args - 1] = time_in(below(t, NS_PER_MS));
	if (number == SYS_machine_control)
		a[1] = MACHINE_LOG_LEVEL;
}

static void remember(struct thrower *t, const struct plan *plan, const uint64_t a[6],
		     int64_t result)
{
	switch (plan->number) {
	case SYS_handle_close: forget(t, (handle_t)a[0]); return;
	case SYS_aspace_map: t->mapped = (uint64_t)result; return;
	case SYS_dma_map: memcpy(t->dma, a, sizeof(t->dma)); return;
	case SYS_process_give:
		t->given_to = (handle_t)a[0];
		t->given = (handle_t)result;
		return;
	case SYS_reply_save: t->in_hand = false;
	}
	if (plan->makes == POOLS)
		learn(t, (handle_t)result);
	else
		keep(t, plan->makes, (handle_t)result);
}

static int64_t call(struct thrower *t, const struct plan *plan)
{
	const char *kinds = plan_kinds(plan->number);
	unsigned args = (unsigned)strlen(kinds);
	uint64_t a[6] = {0};
	int64_t result;

	for (unsigned i = 0; i < args; i++)
		a[i] = below(t, 16) ? aim(t, plan->aims[i]) : aim_wildly(t, kinds[i]);
	if (plan->number == SYS_queue_add && below(t, 8))
		aim_queue_add(t, a);
	if (below(t, 8))
		fit(t, plan->number, a);
	tame(t, plan->number, args, a);
	result = syscall6(plan->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (result >= 0)
		remember(t, plan, a, result);
	return result;
}

/* What has a request in hand does something with it; messages are thrown more often than others. */
static unsigned choose(struct thrower *t)
{
	static const uint32_t with_request[] = {
		SYS_reply_save,	    SYS_reply_read,	SYS_reply_write,    SYS_ipc_reply,
		SYS_ipc_reply_wait, SYS_channel_sender, SYS_reply_violation};
	static const uint32_t messages[] = {SYS_ipc_call, SYS_ipc_reply_wait, SYS_ipc_reply_wait,
					    SYS_ipc_send, SYS_ipc_reply};
	uint32_t number;

	if (t->in_hand && below(t, 2))
		number = with_request[below(t, sizeof(with_request) / sizeof(with_request[0]))];
	else if (!below(t, 6))
		number = messages[below(t, sizeof(messages) / sizeof(messages[0]))];
	else
		return (unsigned)below(t, plan_count);
	for (unsigned row = 0; row < plan_count; row++)
		if (plans[row].number == number)
			return row;
	return 0;
}

static void throw_one(struct thrower *t)
{
	unsigned row = choose(t);
	const struct plan *plan = &plans[row];
	int64_t result;

	if ((plan->seldom && below(t, plan->seldom)) || !wanted(t, plan->number))
		return;
	if (!comes_back(plan->number))
		count(row, 0); /* who reads this knows that it came so far, not that it succeeded */
	if (plan_kinds(plan->number)[0] == '*')
		result = message_call(t, plan->number);
	else
		result = call(t, plan);
	count(row, result);
}

/* A load or store where attackers map: at a page that a pager has, or nobody. It may be the last.
 */
static void touch(struct thrower *t)
{
	volatile uint64_t *at = (uint64_t *)(ARENA + below(t, ARENA_LEN / 8) * 8);

	if (below(t, 2))
		*at = (uint64_t)at;
	else
		(void)*at;
}

/* A process in our own address space, with some handles, and a thread that throws in it. */
static void breed(struct thrower *t)
{
	struct process_args args = {.name = "brood"};
	struct thread_args thread;
	int64_t process, made;
	handle_t silo = pick(t, OBJ_SILO);

	if (!silo || t->foreign || !slot_take(t, &thread, true))
		return;
	process = sys_process_create(silo, core_aspace, &args);
	if (process < 0)
		return;
	for (unsigned pool = OBJ_VMO; pool < POOLS; pool++) {
		handle_t h = pool == OBJ_ASPACE ? core_aspace : pick(t, pool);
		int64_t given = sys_process_give((handle_t)process, h, RIGHTS_SAME,
						 below(t, 2) ? HANDLE_KEPT | HANDLE_STAY : 0);

		if (given < 0)
			continue;
		t->given_to = (handle_t)process;
		t->given = (handle_t)given;
	}
	made = sys_thread_create((handle_t)process, &thread);
	if (made >= 0 && sys_thread_start((handle_t)made) == 0)
		keep(t, OBJ_THREAD, (handle_t)made);
	keep(t, OBJ_PROCESS, (handle_t)process);
}

static void throw_all(struct thrower *t)
{
	for (; t->left; t->left--) {
		throw_one(t);
		if (!below(t, 150))
			breed(t);
		if (t->foreign && !below(t, 100))
			touch(t);
	}
}

/* ---- threads --------------------------------------------------------------------------------- */

static void slot_main(struct slot *s)
{
	struct thrower *t = &s->thrower;

	for (handle_t h = 0; t->foreign && h < 32; h++)
		learn(t, h | 1u << HANDLE_SLOT_BITS);
	throw_all(t);
	sys_thread_exit(0, (uint64_t)&s->taken);
}

bool slot_take(struct thrower *t, struct thread_args *args, bool foreign)
{
	struct slot *s = NULL;

	for (unsigned i = 0; i < SLOTS && !s; i++)
		if (!__atomic_exchange_n(&slots[i].taken, 1, __ATOMIC_ACQ_REL))
			s = &slots[i];
	if (!s)
		return false;
	memset(s->pool, 0, sizeof(s->pool));
	memset(&s->block, 0, sizeof(s->block));
	s->block.free[1] = (uint64_t)(s->shim_stack + sizeof(s->shim_stack)) - 16;
	s->block.free[7] = (uint64_t)&s->block;
	s->thrower = *t;
	s->thrower.state = rnd(t) | 1;
	s->thrower.left = 200 + below(t, 600);
	s->thrower.scratch = s->scratch;
	s->thrower.foreign = foreign;
	s->thrower.in_hand = false;
	if (foreign)
		s->thrower.home_source = s->thrower.home_sender = s->thrower.wired = HANDLE_NONE;
	if (foreign)
		s->thrower.pool = s->pool;
	*args = (struct thread_args){.entry = (uint64_t)slot_main,
				     .sp = (uint64_t)(s->stack + STACK) - 8,
				     .arg = (uint64_t)s,
				     .gs = (uint64_t)&s->block,
				     .block = (uint64_t)&s->block};
	return true;
}

/* Some threads of the attacker's own, so that there is somebody to wait for. */
static void own_threads(void)
{
	for (unsigned i = 0; i < 3; i++) {
		struct thread_args args;
		int64_t thread;

		if (!slot_take(&first, &args, false))
			return;
		thread = sys_thread_create(core_process, &args);
		if (thread < 0 || sys_thread_start((handle_t)thread) < 0)
			return;
		keep(&first, OBJ_THREAD, (handle_t)thread);
	}
}

/* ---- the process ----------------------------------------------------------------------------- */

static void map_known(const char *name, uint64_t at, uint64_t len)
{
	struct map_args args = {.vmo = boot_handle(name),
				.flags = PROT_R | PROT_W | MAP_AT,
				.addr = at,
				.len = len};

	CHECK_EQ(sys_aspace_map(core_aspace, &args), at);
	core_close(args.vmo);
}

static void know_bootstrap(void)
{
	const struct bootstrap *block = boot_block();

	for (unsigned i = 0; i < block->count; i++) {
		const struct bootstrap_handle *h = &block->handles[i];
		bool vital = h->handle == core_aspace || h->handle == core_process ||
			     h->handle == core_thread;

		if (!strcmp(h->name, "stats") || !strcmp(h->name, "shared") ||
		    (vital && !(first.flags & ATTACK_RECKLESS)))
			continue;
		learn(&first, h->handle);
		if (!strcmp(h->name, "home"))
			first.home_source = h->handle;
		if (!strcmp(h->name, "sender"))
			first.home_sender = h->handle;
		if (!strcmp(h->name, "wired"))
			first.wired = h->handle;
	}
}

int role_attacker(void)
{
	struct process_info info;
	char *rest;
	uint64_t seed = strtoull(core_argument, &rest, 16);

	first.left = strtoull(rest, &rest, 16);
	first.flags = (uint32_t)strtoull(rest, NULL, 16);
	first.state = seed * 0x9e3779b97f4a7c15ull + 1;
	first.pool = own_pool;
	first.scratch = core_map(SCRATCH, PROT_R | PROT_W, NULL);
	OK(sys_process_info(core_process, &info));
	first.pid = info.pid;
	map_known("stats", STATS_AT, (sizeof(struct stats) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1ull));
	map_known("shared", SHARED_AT, PAGE_SIZE);
	stats = (struct stats *)STATS_AT;
	know_bootstrap();
	own_threads();
	throw_all(&first);
	sys_process_exit(0); /* libc may be in ruins */
}

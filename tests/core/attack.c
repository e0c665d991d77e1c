/* SPDX-License-Identifier: ISC */
/*
 * attack.c: random system calls from unprivileged silos. Nothing may happen but errors, and after
 * each round the account of the silo, and those above it, must be where they were.
 *
 * The boot command line may say seed=N rounds=N calls=N: a round with a seed does the same again
 * (on one CPU). Each round starts three attackers in one silo with limits, which share a channel,
 * a queue, a VMO, a signal word and handles to one another; they are killed when they take long.
 */
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "sys_table.h"

#define CAGE_ID	  1999
#define SILO_ID	  2000
#define ATTACKERS 3
#define KNOWN	  64
#define SCRATCH	  65536

static const struct {
	uint32_t number;
	const char *kinds;
} calls[] = {
#define ROW(number, name, kinds) {number, kinds},
	SYS_TABLE(ROW)
#undef ROW
};

/* ---- the attacker ---------------------------------------------------------------------------- */

static uint64_t state;
static handle_t known[KNOWN];
static uint64_t *scratch; /* its end is the end of a mapping */

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t below(uint64_t n)
{
	return (rnd() >> 20) % n;
}

static handle_t some_handle(void)
{
	switch (below(10)) {
	case 0: return (handle_t)rnd();
	case 1: return (handle_t)(below(64) | 1u << HANDLE_SLOT_BITS);
	case 2: return below(2) ? REPLY_CURRENT : REPLY_NONE;
	}
	return known[below(KNOWN)];
}

static uint64_t some_number(void)
{
	switch (below(12)) {
	case 0: return rnd();
	case 1: return 1ull << below(64);
	case 2: return (1ull << below(64)) - 1;
	case 3: return 0;
	case 4: return below(20) * PAGE_SIZE;
	case 5: return below(20) * PAGE_SIZE + (uint64_t)scratch;
	case 6: return time_in(below(NS_PER_MS));
	case 7: return 0x10000000 + below(64) * PAGE_SIZE;
	case 8: return USER_HI - below(4) * PAGE_SIZE;
	}
	return below(16);
}

static uint32_t some_word(void)
{
	switch (below(6)) {
	case 0: return (uint32_t)rnd();
	case 1: return 1u << below(32);
	case 2: return RIGHTS_SAME;
	case 3: return RIGHTS_ALL;
	}
	return (uint32_t)below(16);
}

/* What structures are made of: handles, small numbers, addresses. */
static void scramble(uint64_t *at, unsigned words)
{
	for (unsigned i = 0; i < words; i++)
		switch (below(4)) {
		case 0: at[i] = some_number(); break;
		case 1: at[i] = (uint64_t)some_word() << 32 | some_handle(); break;
		case 2: at[i] = (uint64_t)some_word() << 32 | some_word(); break;
		case 3: at[i] = 0; break;
		}
}

static uint64_t some_pointer(void)
{
	uint64_t *at = &scratch[below(SCRATCH / 8 - 1024)];

	switch (below(12)) {
	case 0: return rnd();
	case 1: return 0;
	case 2: return USER_INFO_PAGE;
	case 3: return (uint64_t)some_pointer; /* text */
	case 4: return (uint64_t)(scratch + SCRATCH / 8) - below(64);
	case 5: return USER_HI - below(64);
	}
	scramble(at, 64);
	return (uint64_t)at;
}

static uint64_t some_argument(char kind)
{
	switch (kind) {
	case 'h': return some_handle();
	case 'w': return some_word();
	case 'q': return some_number();
	}
	return some_pointer();
}

static int64_t ipc_attack(uint32_t number)
{
	struct message_page *page = message_page();
	struct ipc_msg m;
	int64_t result;

	scramble((uint64_t *)&m, sizeof(m) / 8);
	m.tag = below(2) ? rnd() : below(64) | MSG_HANDLES(below(6)) | (below(2) ? MSG_BUFFERS : 0);
	scramble((uint64_t *)page, 16);
	for (int i = 0; i < MSG_HANDLES_MAX; i++)
		page->handles[i] = some_handle();
	switch (number) {
	case SYS_ipc_call: result = ipc_call(some_handle(), &m, time_in(below(NS_PER_MS))); break;
	case SYS_ipc_reply: result = ipc_reply(some_handle(), &m); break;
	case SYS_ipc_send: result = ipc_send(some_handle(), &m); break;
	default:
		result =
			ipc_reply_wait(some_handle(), &m, time_in(below(NS_PER_MS)), some_handle());
	}
	if (result == 0 && MSG_NHANDLES(m.tag))
		known[below(KNOWN)] = page->handles[0];
	return -1;
}

static int64_t one_call(void)
{
	unsigned i = (unsigned)below(sizeof(calls) / sizeof(calls[0]));
	uint64_t a[6] = {0};
	const char *kinds = calls[i].kinds;

	switch (calls[i].number) {
	case SYS_process_exit:
	case SYS_thread_exit: return -1; /* we want to go on */
	case SYS_process_exec:
	case SYS_upcall_return:
	case SYS_cap_enter:
		if (below(200))
			return -1;
	}
	if (kinds[0] == '*')
		return ipc_attack(calls[i].number);
	for (unsigned n = 0; kinds[n]; n++)
		a[n] = some_argument(kinds[n]);
	/* Waits end: the last argument of these is a deadline. */
	if (calls[i].number == SYS_futex_wait || calls[i].number == SYS_thread_sleep ||
	    calls[i].number == SYS_queue_wait || calls[i].number == SYS_uart_read)
		a[strlen(kinds) - 1] = time_in(below(NS_PER_MS));
	return syscall6(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* core_argument: seed in hex, then calls, then 1 when it may ruin its own memory. */
static int role_attacker(void)
{
	char *rest;
	uint64_t seed = strtoull(core_argument, &rest, 16);
	uint64_t count = strtoull(rest, &rest, 16);
	bool reckless = strtoull(rest, NULL, 16) & 1;
	const struct bootstrap *block = boot_block();

	state = seed * 0x9e3779b97f4a7c15ull + 1;
	scratch = core_map(SCRATCH, PROT_R | PROT_W, NULL);
	for (unsigned i = 0; i < KNOWN; i++) {
		const struct bootstrap_handle *h = &block->handles[i % block->count];

		if (reckless || (strcmp(h->name, "aspace") && strcmp(h->name, "self") &&
				 strcmp(h->name, "thread")))
			known[i] = h->handle;
	}
	for (uint64_t i = 0; i < count; i++) {
		int64_t result = one_call();

		if (result > 0 && result <= UINT32_MAX)
			known[below(KNOWN)] = (handle_t)result;
	}
	sys_process_exit(0); /* libc may be in ruins */
}

/* ---- the judge ------------------------------------------------------------------------------- */

static uint64_t option(const char *name, uint64_t otherwise)
{
	const char *at = (const char *)boot_block()->cmdline;
	size_t len = strlen(name);

	for (at = at ? strstr(at, name) : NULL; at; at = strstr(at + 1, name))
		if (at[len] == '=')
			return strtoull(at + len + 1, NULL, 0);
	return otherwise;
}

/* A silo below `parent`, running. */
static handle_t silo_below(handle_t parent, uint32_t id)
{
	struct silo_args args = {.id = id};
	handle_t silo;

	if (id == SILO_ID) {
		args.limits[LIMIT_MEMORY] = 16 << 20;
		args.limits[LIMIT_PROCESSES] = 8;
		args.limits[LIMIT_THREADS] = 16;
		args.limits[LIMIT_HANDLES] = 400;
		args.limits[LIMIT_MESSAGES] = 100;
		args.limits[LIMIT_DMA] = 1 << 20;
	}
	silo = TAKE(sys_silo_create(parent, &args));
	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	return silo;
}

static char *put_hex(char *p, uint64_t value)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		*p++ = "0123456789abcdef"[value >> shift & 15];
	*p++ = ' ';
	return p;
}

/* Until it ends, or has done nothing for a while: random calls suspend themselves, and worse. */
static void watch(struct spawned *s)
{
	uint64_t deadline = time_in(3 * NS_PER_S), used = 0;
	struct process_info info;
	unsigned idle = 0;

	do {
		OK(sys_thread_sleep(time_in(2 * NS_PER_MS)));
		OK(sys_process_info(s->process, &info));
		idle = info.cpu_ns == used ? idle + 1 : 0;
		used = info.cpu_ns;
	} while (info.state < PROCESS_CORPSE && idle < 10 && time_now() < deadline);
	spawn_discard(s);
}

static void attack_round(handle_t cage, uint64_t seed, uint64_t count)
{
	handle_t silo = silo_below(cage, SILO_ID);
	handle_t weak = TAKE(sys_handle_dup(silo, RIGHT_READ | RIGHT_MANAGE | RIGHT_GRANT));
	handle_t channel = TAKE(sys_channel_create()), queue = TAKE(sys_queue_create());
	handle_t signal = TAKE(sys_signal_create(0));
	handle_t vmo = TAKE(sys_vmo_create(16 * PAGE_SIZE, VMO_ANON));
	handle_t sender = TAKE(sys_channel_sender(channel, 5, CORE_SENDER, REPLY_NONE));
	struct spawn_handle handles[] = {
		{"channel", channel, RIGHTS_SAME, 0, 0}, {"sender", sender, RIGHTS_SAME, 0, 0},
		{"queue", queue, RIGHTS_SAME, 0, 0},	 {"signal", signal, RIGHTS_SAME, 0, 0},
		{"vmo", vmo, RIGHTS_SAME, 0, 0},	 {"silo", weak, RIGHTS_SAME, 0, 0}};
	struct spawned s[ATTACKERS];

	for (unsigned i = 0; i < ATTACKERS; i++) {
		char argument[64], *p = put_hex(argument, seed * ATTACKERS + i);

		p = put_hex(p, count);
		p[0] = (seed & 7) == 0 ? '1' : '0';
		p[1] = 0;
		OK(core_prepare(&s[i], "attacker", argument, silo, handles, seed & 1 ? 6 : 5));
	}
	for (unsigned i = 0; i < ATTACKERS; i++) {
		int64_t result = sys_thread_start(s[i].thread);

		/* An attacker before it may have stopped the silo, or ended this one. */
		CHECK(result == 0 || result == -EINVAL || result == -EBUSY || result == -EBADF);
	}
	for (unsigned i = 0; i < ATTACKERS; i++)
		watch(&s[i]);
	core_close(weak);
	core_close(vmo);
	core_close(sender);
	core_close(signal);
	core_close(queue);
	core_close(channel);
	core_silo_end(silo);
}

static void attack(void)
{
	uint64_t seed = option("seed", 1), rounds = option("rounds", 60);
	uint64_t count = option("calls", 3000), deadline = time_in(40 * NS_PER_S);
	handle_t cage = silo_below(core_silo, CAGE_ID);
	struct silo_info before;
	uint64_t i;

	OK(sys_silo_info(cage, &before));
	for (i = 0; i < rounds && time_now() < deadline; i++) {
		log_print("attack: seed %llu", (unsigned long long)(seed + i));
		attack_round(cage, seed + i, count);
		core_returns(cage, &before);
	}
	log_print("attack: %llu rounds", (unsigned long long)i);
	core_silo_end(cage);
}

const struct core_test core_tests[] = {{"attack", attack}, {NULL, NULL}};
const struct core_role core_roles[] = {{"attacker", role_attacker}, {NULL, NULL}};

/* SPDX-License-Identifier: ISC */
/*
 * judge.c: random system calls from silos with limits. Nothing may happen but errors: after each
 * round the accounts of the silos above the attackers' must be where they were, and everybody must
 * have ended when told to.
 *
 * Words of the boot command line: seed=N, rounds=N, calls=N (of an attacker's first thread a
 * round), seconds=N, total=N (calls of all, then stop), table=1 (what each call answered, at the
 * end). A round with a seed does the same again, on one CPU and as far as time does not matter.
 *
 * Each round starts three attackers in a silo of user tier, one in a second, and one in a silo of
 * system tier, which has a device, control over the first silo, and the log. All share a channel, a
 * queue, VMOs and more. The report names the calls that never succeeded: there must be none but
 * those that cannot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attack.h"

#define CAGE_ID	    1999
#define STRONG_CAGE 150
#define USER_ONE    2000
#define USER_TWO    2001
#define STRONG	    151
#define ATTACKERS   5
#define ENOUGH	    300000u /* calls after which each must have succeeded */
#define EXTRA	    3u	    /* times the rounds, as long as one has not */
#define STATS_LEN   ((sizeof(struct stats) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1ull))

struct round {
	handle_t silo[3]; /* of the attackers: USER_ONE, USER_TWO, STRONG */
	handle_t device, channel, queue, signal, sender, vmo, wired;
	handle_t stats, shared, clock;
	struct spawned s[ATTACKERS];
};

static uint64_t option(const char *name, uint64_t otherwise)
{
	const char *at = (const char *)boot_block()->cmdline;
	size_t len = strlen(name);

	for (at = at ? strstr(at, name) : NULL; at; at = strstr(at + 1, name))
		if (at[len] == '=')
			return strtoull(at + len + 1, NULL, 0);
	return otherwise;
}

/* ---- silos ----------------------------------------------------------------------------------- */

static handle_t silo_below(handle_t parent, uint32_t id, uint32_t mode, bool limited)
{
	struct silo_args args = {.id = id, .mode = mode};
	handle_t silo;

	if (limited) {
		args.limits[LIMIT_MEMORY] = 12 << 20;
		args.limits[LIMIT_PROCESSES] = 16;
		args.limits[LIMIT_THREADS] = 40;
		args.limits[LIMIT_HANDLES] = 1500;
		args.limits[LIMIT_MESSAGES] = 100;
		args.limits[LIMIT_DMA] = 1 << 20;
	}
	silo = TAKE(sys_silo_create(parent, &args));
	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	return silo;
}

/* Whatever attackers have made of it. False: there is more to do. */
static bool silo_ends(handle_t silo, handle_t device)
{
	struct silo_info info;

	(void)!sys_silo_control(silo, SILO_OP_KILL, SILO_BELOW);
	OK(sys_silo_info(silo, &info));
	switch ((enum silo_state)info.state) {
	case SILO_CREATED:
	case SILO_STOPPED:
	case SILO_CRASHED: return sys_silo_control(silo, SILO_OP_DESTROY, SILO_BELOW) == 0;
	case SILO_LOADING:
	case SILO_READY:
	case SILO_RUNNING:
	case SILO_PAUSED:
	case SILO_STOPPING: return false;
	case SILO_ZOMBIE: OK(sys_device_quiesced(device)); return false;
	case SILO_DESTROYED:
	case SILO_STATES: break;
	}
	return true;
}

/* What keeps it? */
static void silo_gone(handle_t silo)
{
	struct process_info list[4];
	struct silo_info info;
	int64_t n;

	OK(sys_silo_info(silo, &info));
	if (info.state == SILO_DESTROYED)
		return;
	log_print("attack: silo %u is in state %u, DESTROY answers %s", info.id, info.state,
		  error_name((int)sys_silo_control(silo, SILO_OP_DESTROY, SILO_BELOW)));
	n = sys_silo_processes(silo, list, 4, 0);
	for (int64_t i = 0; i < n; i++)
		log_print("attack: process %llu %s in state %u, %u threads, %u handles",
			  (unsigned long long)list[i].pid, list[i].name, list[i].state,
			  list[i].threads, list[i].handles);
	while (option("stay", 0)) /* for a debugger */
		OK(sys_thread_sleep(time_in(NS_PER_S)));
	CHECK_EQ(info.state, SILO_DESTROYED);
}

/* Corpses in one may hold what keeps another, so all end together. */
static void silos_finish(const handle_t silo[3], handle_t device)
{
	uint64_t deadline = core_soon();
	bool gone[3] = {false, false, false};

	while (!(gone[0] && gone[1] && gone[2]) && time_now() < deadline) {
		for (unsigned i = 0; i < 3; i++)
			gone[i] = gone[i] || silo_ends(silo[i], device);
		OK(sys_thread_sleep(time_in(100 * NS_PER_US)));
	}
	for (unsigned i = 0; i < 3; i++) {
		silo_gone(silo[i]);
		core_close(silo[i]);
	}
}

/* ---- a round --------------------------------------------------------------------------------- */

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

static void objects_make(struct round *r)
{
	struct device_args args = {.regs = {{HPET, PAGE_SIZE}},
				   .ports = {{POST_PORT, 1}},
				   .lines = {TEST_LINE + 1},
				   .msi = 4,
				   .source = TEST_SOURCE,
				   .dma_max = 1 << 20,
				   .name = "toy"};

	r->device = TAKE(sys_device_create(core_device, &args));
	r->channel = TAKE(sys_channel_create());
	r->queue = TAKE(sys_queue_create());
	r->signal = TAKE(sys_signal_create(0));
	r->vmo = TAKE(sys_vmo_create(PAGES(16), VMO_ANON));
	r->wired = TAKE(sys_vmo_create(PAGES(4), VMO_WIRED));
	r->sender = TAKE(sys_channel_sender(r->channel, 5, CORE_SENDER, REPLY_NONE));
}

static void objects_close(struct round *r)
{
	core_close(r->channel);
	core_close(r->queue);
	core_close(r->signal);
	core_close(r->vmo);
	core_close(r->wired);
	core_close(r->sender);
}

/* The last ones are for the strong attacker alone. */
#define SHARED_HANDLES 10
#define OWN_SILO       9
#define STRONG_HANDLES 4

static void attackers_make(struct round *r, uint64_t seed, uint64_t count)
{
	struct spawn_handle handles[SHARED_HANDLES + STRONG_HANDLES] = {
		{"stats", r->stats, RIGHTS_SAME, 0, 0},
		{"shared", r->shared, RIGHTS_SAME, 0, 0},
		{"channel", r->channel, RIGHTS_SAME, 0, 0},
		{"sender", r->sender, RIGHTS_SAME, 0, 0},
		{"queue", r->queue, RIGHTS_SAME, 0, 0},
		{"signal", r->signal, RIGHTS_SAME, 0, 0},
		{"vmo", r->vmo, RIGHTS_SAME, 0, 0},
		{"wired", r->wired, RIGHTS_SAME, 0, 0},
		{"home", seed & 1 ? r->queue : r->channel, RIGHTS_SAME, 0, 0},
		{"silo", HANDLE_NONE, RIGHTS_SAME, 0, 0},
		{"clock", r->clock, RIGHTS_SAME, 0, 0},
		{"device", r->device, RIGHTS_SAME, 0, 0},
		{"user", r->silo[0], RIGHTS_SAME, 0, 0},
		{"machine", core_log, RIGHTS_SAME, 0, 0}};

	for (unsigned i = 0; i < ATTACKERS; i++) {
		unsigned home = i < 3 ? 0 : i - 2;
		bool strong = home == 2;
		char argument[64], *p = put_hex(argument, seed * ATTACKERS + i);

		p = put_hex(p, count);
		p[0] = (char)('0' + (seed % 4 == 0 ? ATTACK_RECKLESS : 0) +
			      (strong ? ATTACK_STRONG : 0));
		p[1] = 0;
		handles[OWN_SILO].handle = r->silo[home];
		OK(core_prepare(&r->s[i], "attacker", argument, r->silo[home], handles,
				SHARED_HANDLES + (strong ? STRONG_HANDLES : 0)));
	}
}

static void attack_round(struct round *r, const handle_t cages[2], uint64_t seed, uint64_t count)
{
	r->silo[0] = silo_below(cages[0], USER_ONE, 0, true);
	r->silo[1] = silo_below(cages[0], USER_TWO, MODE_LOOKUP, true);
	r->silo[2] = silo_below(cages[1], STRONG, 0777, true);
	objects_make(r);
	if (seed & 1)
		CHECK(sys_queue_add(r->queue, r->channel, EVENT_MESSAGE, 1, 0, 0) > 0);
	attackers_make(r, seed, count);
	for (unsigned i = 0; i < ATTACKERS; i++) {
		int64_t result = sys_thread_start(r->s[i].thread);

		/* An attacker before it may have stopped the silo, or ended this one. */
		CHECK(result == 0 || result == -EINVAL || result == -EBUSY || result == -EBADF);
	}
	for (unsigned i = 0; i < ATTACKERS; i++)
		watch(&r->s[i]);
	objects_close(r);
	OK(sys_device_quiesced(r->device));
	silos_finish(r->silo, r->device);
	core_close(r->device);
}

/* ---- the report ------------------------------------------------------------------------------ */

/* Nothing comes to the UART. */
static bool may_fail(const struct plan *plan)
{
	return plan->number == SYS_uart_read;
}

static void report_row(unsigned row)
{
	char line[200] = "";
	size_t at = 0;

	for (unsigned e = 0; e < ERRNOS && at < sizeof(line) - 40; e++)
		if (stats->result[row][e])
			at += (size_t)snprintf(line + at, sizeof(line) - at, " %s %u",
					       e ? error_name(-(int)e) : "ok",
					       stats->result[row][e]);
	log_print("attack: %s:%s", plans[row].name, line);
}

/* Has the call succeeded, where it can? */
static bool reached(unsigned row)
{
	return stats->result[row][0] || may_fail(&plans[row]);
}

/* Calls that have never succeeded and should have. */
static unsigned never_reached(void)
{
	unsigned never = 0;

	for (unsigned row = 0; row < plan_count; row++)
		never += !reached(row);
	return never;
}

static void report(void)
{
	log_print("attack: %llu calls, %llu succeeded", (unsigned long long)stats->calls,
		  (unsigned long long)stats->succeeded);
	for (unsigned row = 0; row < plan_count; row++) {
		if (option("table", 0))
			report_row(row);
		if (reached(row))
			continue;
		log_print("attack: %s never succeeded", plans[row].name);
		report_row(row);
	}
}

/* Who finds its number could shrink another kind. */
static struct stats *stats_map(handle_t *vmo)
{
	struct map_args args = {.flags = PROT_R | PROT_W, .len = STATS_LEN};
	int64_t at;

	args.vmo = *vmo = TAKE(sys_vmo_create(STATS_LEN, VMO_WIRED));
	at = sys_aspace_map(core_aspace, &args);
	CHECK(at > 0);
	return (struct stats *)at;
}

static void attack(void)
{
	uint64_t seed = option("seed", 1), rounds = option("rounds", 60);
	uint64_t count = option("calls", 1500), total = option("total", UINT64_MAX);
	uint64_t deadline = time_in(option("seconds", 40) * NS_PER_S), i;
	handle_t cages[2] = {silo_below(core_silo, CAGE_ID, MODE_LOOKUP, false),
			     silo_below(core_silo, STRONG_CAGE, 0777, false)};
	struct silo_info before[2];
	struct round r = {.clock = boot_handle("clock")};

	stats = stats_map(&r.stats);
	r.shared = TAKE(sys_vmo_create(PAGE_SIZE, VMO_WIRED));
	OK(sys_silo_info(cages[0], &before[0]));
	OK(sys_silo_info(cages[1], &before[1]));
	/* Chance may leave out what is thrown seldom: then it goes on, for a while. */
	for (i = 0; (i < rounds || (i < EXTRA * rounds && never_reached())) &&
		    time_now() < deadline && stats->calls < total;
	     i++) {
		log_print("attack: seed %llu, after %llu calls", (unsigned long long)(seed + i),
			  (unsigned long long)stats->calls);
		attack_round(&r, cages, seed + i, count);
		core_returns(cages[0], &before[0]);
		core_returns(cages[1], &before[1]);
	}
	report();
	if (stats->calls >= ENOUGH)
		CHECK_EQ(never_reached(), 0);
	core_unmap(stats, STATS_LEN);
	core_close(r.stats);
	core_close(r.shared);
	core_silo_end(cages[0]);
	core_silo_end(cages[1]);
}

const struct core_test core_tests[] = {{"attack", attack}, {NULL, NULL}};
const struct core_role core_roles[] = {{"attacker", role_attacker}, {NULL, NULL}};

/* SPDX-License-Identifier: ISC */
/*
 * storm.c: programs that fault all the time, a handler with two threads, and ends at random: of
 * the handler, whose successor goes on with what it left, and of programs. Nothing is lost: each
 * load of each program that is let live is answered, with its own value.
 *
 * The boot word seed=N repeats the choices of a run, as far as time does not matter.
 */
#include "faults.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAMS 3
#define LOADERS	 2 /* threads of each */
#define HANDLERS 2 /* threads */
#define KILLS	 60u

static struct actor chief, programs[PROGRAMS], handler;
static struct line line;
static handle_t silo; /* of the programs; the chief, who never runs, keeps it from ending */
static uint32_t stop;
static uint64_t state;

static uint32_t chance(uint32_t n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % n;
}

/* arg: where to load; got: loads, wrong values */
static void load_for_ever(struct actor_thread *t)
{
	for (uint64_t i = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++) {
		uint64_t at = t->arg[0] + 8 * (i % 512);

		t->got[1] += actor_load(at) != ~at;
		t->got[0]++;
	}
}

/* Answers; each third fault only after the next one, if that comes soon. arg: channel */
static void handle_for_ever(struct actor_thread *t)
{
	struct message_page *page = message_page();
	struct thread_regs *regs = (struct thread_regs *)page->data, old;
	handle_t kept = HANDLE_NONE;
	struct ipc_msg m;

	for (uint64_t i = 0;; i++) {
		uint64_t until = kept ? time_in(NS_PER_MS) : DEADLINE_NEVER;

		if (ipc_wait((handle_t)t->arg[0], &m, until) == IPC_MESSAGE) {
			regs->rax = ~m.w[2];
			regs->rip += LOAD_LEN;
			if (i % 3 == 0 && !kept) {
				old = *regs;
				t->got[0] = sys_reply_save();
				kept = t->got[0] > 0 ? (handle_t)t->got[0] : HANDLE_NONE;
				continue;
			}
			m.tag = sizeof(*regs);
			t->got[1] = ipc_reply(REPLY_CURRENT, &m);
		} /* else late, or one was abandoned */
		if (!kept)
			continue;
		*regs = old;
		m.tag = sizeof(*regs);
		t->got[2] = ipc_reply(kept, &m);
		kept = HANDLE_NONE;
	}
}

static void program_start(unsigned i)
{
	struct actor *a = &programs[i];

	actor_make(a, silo);
	for (unsigned k = 0; k < LOADERS; k++)
		actor_thread(a, load_for_ever, HOLE + (i * LOADERS + k) * PAGE_SIZE);
	OK(sys_process_faults(a->s.process, line.sender));
	actor_start(a);
}

static void handler_start(void)
{
	handle_t channel;

	actor_make(&handler, HANDLE_NONE);
	channel = actor_give(&handler, line.channel, 0);
	for (unsigned k = 0; k < HANDLERS; k++)
		actor_thread(&handler, handle_for_ever, channel);
	actor_start(&handler);
}

static void seed(void)
{
	const char *word =
		boot_block()->cmdline ? strstr((const char *)boot_block()->cmdline, "seed=") : NULL;

	state = word ? strtoull(word + 5, NULL, 0) : time_now();
	log_print("seed=%llu", (unsigned long long)state);
}

static void goes_on(const struct actor_thread *t)
{
	int64_t before = __atomic_load_n(&t->got[0], __ATOMIC_RELAXED);
	uint64_t deadline = core_soon();

	while (__atomic_load_n(&t->got[0], __ATOMIC_RELAXED) == before && time_now() < deadline)
		OK(sys_thread_sleep(time_in(100 * NS_PER_US)));
	CHECK(t->got[0] > before);
}

static void program_ends(struct actor *a)
{
	actor_exits(a, 0);
	for (unsigned k = 0; k < LOADERS; k++)
		CHECK_EQ(a->t[k].got[1], 0);
}

static void ends_at_random(void)
{
	for (unsigned n = 0; n < KILLS; n++) {
		unsigned i = chance(PROGRAMS + 1);

		OK(sys_thread_sleep(time_in((1 + chance(4000)) * NS_PER_US)));
		if (i == PROGRAMS) {
			actor_end(&handler);
			handler_start();
		} else {
			actor_end(&programs[i]);
			program_start(i);
		}
	}
}

void storm(void)
{
	struct silo_info before;

	seed();
	stop = 0;
	silo = core_silo_make(1500, 0, NULL);
	actor_make(&chief, silo);
	OK(sys_silo_info(silo, &before));
	line_open(&line);
	handler_start();
	for (unsigned i = 0; i < PROGRAMS; i++)
		program_start(i);
	ends_at_random();
	for (unsigned i = 0; i < PROGRAMS; i++)
		for (unsigned k = 0; k < LOADERS; k++)
			goes_on(&programs[i].t[k]);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < PROGRAMS; i++)
		program_ends(&programs[i]);
	actor_end(&handler);
	line_close(&line);
	core_returns(silo, &before);
	actor_end(&chief);
	core_silo_end(silo);
}

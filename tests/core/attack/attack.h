/* SPDX-License-Identifier: ISC */
/*
 * attack.h: what the parts of the random thrower share. judge.c is the test: it makes silos, starts
 * attackers in them, ends them, and looks whether everything came back. throw.c is an attacker:
 * which call next, by which thread. aim.c chooses arguments: mostly such that the call can succeed,
 * sometimes anything. plan.c is the table of calls.
 */
#pragma once
#include "../core.h"

#define KNOWN	    24u /* handles of each type that an attacker remembers */
#define SCRATCH	    65536u
#define PAGES(n)    ((uint64_t)(n)*PAGE_SIZE)
#define ARENA	    0x10000000ull /* where attackers map */
#define ARENA_LEN   PAGES(256)
#define STATS_AT    0x3000000000ull
#define SHARED_AT   0x3100000000ull /* one page that all attackers see: words to wait at */
#define ERRNOS	    134u
#define CALLS_MAX   160u
#define SLOTS	    10u	  /* threads that an attacker makes */
#define FIRST_SILO  3000u /* ids of silos that attackers make */
#define HPET	    0xfed00000ull
#define POST_PORT   0x80u
#define TEST_LINE   8u
#define TEST_SOURCE 0x10u /* a requester that is not there: 00:02.0 */

/* What all attackers have done, in a VMO that they and the judge map. */
struct stats {
	uint64_t calls, succeeded;
	uint32_t result[CALLS_MAX][ERRNOS]; /* by row of the plan and errno; 0: success */
};

/* Core_argument: three numbers in hex, and these flags. */
#define ATTACK_RECKLESS 1u /* may ruin its own memory, threads and process */
#define ATTACK_STRONG	2u /* has a device, a silo and the log's MANAGE */

/* Pager VMOs are remembered apart. */
enum { POOL_PAGER = OBJ_TYPES, POOLS };

/* One who throws: the attacker's main thread, or a thread that it made. */
struct thrower {
	uint64_t state;	   /* of the random numbers */
	uint64_t left;	   /* calls */
	uint64_t *scratch; /* its end is the end of a mapping */
	handle_t (*pool)[KNOWN];
	uint32_t flags;
	bool foreign;			   /* runs in another process than it was made in */
	bool in_hand;			   /* has received a call */
	handle_t home_source, home_sender; /* where the attackers of a round meet */
	handle_t wired;			   /* memory that a device may reach */
	uint64_t pid;
	handle_t given, given_to; /* a number in another process's table */
	uint64_t mapped;	  /* where something was mapped last */
	uint64_t dma[4];	  /* the last dma_map */
};

/* A row of the plan: letters say what each argument should be (aim.c), `makes` what a result is. */
struct plan {
	uint32_t number;
	const char *name;
	const char *aims;
	uint8_t makes;	/* pool of the handle that it answers; OBJ_NONE: no handle; POOLS: ask */
	uint8_t seldom; /* only every so many times that it is drawn; 0: always */
};
extern const struct plan plans[];
extern const unsigned plan_count;
const char *plan_kinds(uint32_t number); /* of sys_table.h */

/* ---- aim.c ---- */
uint64_t rnd(struct thrower *t);
uint64_t below(struct thrower *t, uint64_t n);
handle_t pick(struct thrower *t, unsigned pool); /* may be 0 */
handle_t pick_any(struct thrower *t);
void keep(struct thrower *t, unsigned pool, handle_t h);
void forget(struct thrower *t, handle_t h);
uint64_t aim_wildly(struct thrower *t, char kind);
uint64_t aim(struct thrower *t, char letter);
void aim_queue_add(struct thrower *t, uint64_t a[6]);

/* ---- throw.c ---- */
extern struct stats *stats;
/* A thread's arguments that lead it into throwing, in a slot of its own; false: no slot is left. */
bool slot_take(struct thrower *t, struct thread_args *args, bool foreign);
int role_attacker(void);

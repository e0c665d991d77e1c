/* SPDX-License-Identifier: ISC */
/*
 * restart.h: may something that ended be started again, and when? Pure: time comes in, a verdict
 * goes out. Used by sipd for silos and by init for the servers below sipd.
 *
 * The first restart in a window comes at once, later ones after a pause that doubles up to the
 * policy's ceiling. When the window's budget is used up the thing rests for a long time and is
 * tried once more with a fresh window. Invariant: never more than `budget` restarts are granted
 * between window_start and the window's end.
 *
 * Spec: docs/restart.md.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "silo/silo.h"

#define RESTART_FIRST_NS 100000000ull	 /* the second restart's pause */
#define RESTART_REST_NS	 300000000000ull /* with an empty budget: five minutes */

/* What is remembered about one silo. Zeroed at first. */
struct restart_record {
	uint64_t window_start; /* ns; time of the window's first restart */
	uint32_t used;	       /* restarts granted in this window */
	uint32_t total;	       /* since the record was made */
};

enum restart_verdict {
	RESTART_NO,   /* the policy wants none */
	RESTART_AT,   /* at *when, which may be now */
	RESTART_REST, /* budget empty: rest until *when, then RESTART_AT without pause */
};

/*
 * Something ended at `now` (ns): decide and account. failed: by a fault, a hang, or with a code
 * other than 0. *when is written unless the verdict is RESTART_NO.
 */
enum restart_verdict restart_decide(const struct silo_restart_policy *policy,
				    struct restart_record *record, bool failed, uint64_t now,
				    uint64_t *when);

/* Restarts left in the window that holds at `now`. */
uint32_t restart_left(const struct silo_restart_policy *policy, const struct restart_record *record,
		      uint64_t now);

/* The rest is over, or someone asks for a start by hand: a fresh window. */
void restart_forgive(struct restart_record *record);

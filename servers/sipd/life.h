/* SPDX-License-Identifier: ISC */
/*
 * life.h: the life of a silo as its supervisor sees it. Pure: life_step is the only function that
 * changes the state; it takes what happened and says what is to be done.
 *
 *	created --start--> waiting --needs met--> loading --loaded--> running <--> paused
 *	running, paused --stop--> stopping --ended--> stopped
 *	running, paused --ended, killed, hung--> stopped | crashed | backoff | exhausted (restart.h)
 *	loading --failed--> crashed | backoff | exhausted;  --absent--> stopped
 *	backoff, exhausted --time--> waiting
 *	created, stopped, crashed, backoff, exhausted, waiting --destroy--> destroyed
 *
 * The kernel has a state of its own for what it enforces (enum silo_state); this one knows waits,
 * pauses and budgets as well. What status files show is life_state_name: the design's words only.
 *
 * `stop` is for good, and ends in a kill when the silo does not end by itself; `kill` alone is a
 * violent end like a crash, after which the restart policy decides. It means the process that there
 * is or that is being made: where the next start is only due there is nothing to end, and a stop
 * or a restart that is under way stays one.
 *
 * Invariant: a silo that was told to stop starts again only when someone asks for it, or by
 * `restart` (the `again` flag).
 *
 * Spec: docs/restart.md.
 */
#pragma once
#include "servers/sipd/restart.h"

#define LIFE_MUST     __attribute__((warn_unused_result))
#define LIFE_GRACE_NS 2000000000ull /* from stop to kill */

enum life_state {
	LIFE_CREATED,
	LIFE_WAITING, /* wants to start; something that it needs does not run */
	LIFE_LOADING,
	LIFE_RUNNING,
	LIFE_PAUSED,
	LIFE_STOPPING,
	LIFE_STOPPED,
	LIFE_CRASHED,	/* and will not be started again by itself */
	LIFE_BACKOFF,	/* crashed or ended; starts again at `when` */
	LIFE_EXHAUSTED, /* budget used up; tried again at `when` */
	LIFE_DESTROYED,
	LIFE_STATES
};

enum life_event {
	LIFE_START,
	LIFE_NEEDS_MET,
	LIFE_LOADED,
	LIFE_LOAD_FAILED,
	LIFE_ABSENT, /* its device or its program is not there: trying again is of no use */
	LIFE_EXITED, /* with code 0 */
	LIFE_FAILED, /* with another code */
	LIFE_FAULTED,
	LIFE_HUNG,
	LIFE_STOP,
	LIFE_KILL,
	LIFE_SUSPEND,
	LIFE_RESUME,
	LIFE_AGAIN, /* stop, then start */
	LIFE_TIME,  /* `when` has come */
	LIFE_DESTROY,
	LIFE_EVENTS
};

/* What the caller does next. */
enum life_action {
	LIFE_DO_NOTHING,
	LIFE_DO_CHECK, /* see whether its needs are met: LIFE_NEEDS_MET */
	LIFE_DO_LOAD,  /* LIFE_LOADED or LIFE_LOAD_FAILED will follow */
	LIFE_DO_ASK,   /* ask it to end */
	LIFE_DO_KILL,  /* end it; an end event will follow */
	LIFE_DO_SUSPEND,
	LIFE_DO_RESUME,
	LIFE_DO_RELEASE, /* it is over: give its place up, so that clients learn of it */
	LIFE_DO_DESTROY,
};

struct life {
	enum life_state state;
	bool again;    /* start when it has ended */
	bool hung;     /* being killed because it did not answer */
	bool killed;   /* a kill was ordered for its present process, or the one being loaded */
	bool doomed;   /* a stop came while it was loading */
	uint64_t when; /* ns: LIFE_TIME is due; UINT64_MAX: never */
	struct restart_record record;
};

void life_init(struct life *life);

/*
 * Something happened at `now` (ns). Returns 0 and what to do; -EBUSY not now (stopping, loading),
 * -EINVAL not from this state, -EEXIST it runs or is about to; then nothing has changed.
 */
LIFE_MUST int life_step(struct life *life, const struct silo_restart_policy *policy,
			enum life_event event, uint64_t now, enum life_action *action);

/* May it be changed (name, module, mode, family)? */
bool life_idle(const struct life *life);
/* Has it a process? */
bool life_active(const struct life *life);

/* created, loading, running, paused, stopping, stopped, crashed, destroyed. */
const char *life_state_name(enum life_state state);

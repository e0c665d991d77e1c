/* SPDX-License-Identifier: ISC */
/* life.c: the state machine of life.h: one function an event, one function that sets the state. */
#include "servers/sipd/life.h"

#include <errno.h>

void life_init(struct life *life)
{
	*life = (struct life){.state = LIFE_CREATED, .when = UINT64_MAX};
}

bool life_idle(const struct life *life)
{
	switch (life->state) {
	case LIFE_CREATED:
	case LIFE_WAITING:
	case LIFE_STOPPED:
	case LIFE_CRASHED:
	case LIFE_BACKOFF:
	case LIFE_EXHAUSTED: return true;
	case LIFE_LOADING:
	case LIFE_RUNNING:
	case LIFE_PAUSED:
	case LIFE_STOPPING:
	case LIFE_DESTROYED:
	case LIFE_STATES: return false;
	}
	return false;
}

bool life_active(const struct life *life)
{
	return life->state == LIFE_RUNNING || life->state == LIFE_PAUSED ||
	       life->state == LIFE_STOPPING;
}

const char *life_state_name(enum life_state state)
{
	switch (state) {
	case LIFE_CREATED:
	case LIFE_WAITING: return "created";
	case LIFE_LOADING: return "loading";
	case LIFE_RUNNING: return "running";
	case LIFE_PAUSED: return "paused";
	case LIFE_STOPPING: return "stopping";
	case LIFE_STOPPED: return "stopped";
	case LIFE_CRASHED:
	case LIFE_BACKOFF:
	case LIFE_EXHAUSTED: return "crashed";
	case LIFE_DESTROYED: return "destroyed";
	case LIFE_STATES: break;
	}
	return "?";
}

/* The only writer of life->state. */
static void life_set(struct life *life, enum life_state state, uint64_t when)
{
	life->state = state;
	life->when = when;
}

static uint64_t grace_end(uint64_t now)
{
	uint64_t when;

	return __builtin_add_overflow(now, LIFE_GRACE_NS, &when) ? UINT64_MAX : when;
}

static int on_start(struct life *life, enum life_action *action)
{
	switch (life->state) {
	case LIFE_CREATED:
	case LIFE_STOPPED:
	case LIFE_CRASHED:
	case LIFE_BACKOFF:
	case LIFE_EXHAUSTED:
		restart_forgive(&life->record);
		life_set(life, LIFE_WAITING, UINT64_MAX);
		*action = LIFE_DO_CHECK;
		return 0;
	case LIFE_WAITING:
	case LIFE_LOADING:
	case LIFE_RUNNING:
	case LIFE_PAUSED: return -EEXIST;
	case LIFE_STOPPING: return -EBUSY;
	case LIFE_DESTROYED:
	case LIFE_STATES: break;
	}
	return -EINVAL;
}

static void kill_order(struct life *life, uint64_t now, enum life_action *action)
{
	life->killed = true;
	life->when = grace_end(now);
	*action = LIFE_DO_KILL;
}

/* Told to stop while it has a process. */
static int stop_active(struct life *life, enum life_event event, uint64_t now,
		       enum life_action *action)
{
	bool deaf = life->state == LIFE_PAUSED;

	if (life->state == LIFE_STOPPING)
		return -EBUSY;
	life_set(life, LIFE_STOPPING, grace_end(now));
	life->again = event == LIFE_AGAIN;
	*action = LIFE_DO_ASK;
	if (deaf)
		kill_order(life, now, action);
	return 0;
}

/* Told to stop, or to stop and start again. */
static int on_stop(struct life *life, enum life_event event, uint64_t now, enum life_action *action)
{
	bool again = event == LIFE_AGAIN;

	switch (life->state) {
	case LIFE_RUNNING:
	case LIFE_PAUSED:
	case LIFE_STOPPING: return stop_active(life, event, now, action);
	case LIFE_LOADING:
		life->doomed = true;
		life->again = again;
		return 0;
	case LIFE_WAITING:
	case LIFE_BACKOFF:
	case LIFE_EXHAUSTED:
		life_set(life, again ? LIFE_WAITING : LIFE_STOPPED, UINT64_MAX);
		*action = again ? LIFE_DO_CHECK : LIFE_DO_RELEASE;
		return 0;
	case LIFE_CREATED:
	case LIFE_STOPPED:
	case LIFE_CRASHED: return again ? on_start(life, action) : -EINVAL;
	case LIFE_DESTROYED:
	case LIFE_STATES: break;
	}
	return -EINVAL;
}

/* The end of its process, and nothing else: what follows was decided before, or is the policy's. */
static int on_kill(struct life *life, uint64_t now, enum life_action *action)
{
	switch (life->state) {
	case LIFE_RUNNING:
	case LIFE_PAUSED:
	case LIFE_STOPPING: kill_order(life, now, action); return 0;
	case LIFE_LOADING: life->killed = true; return 0;
	case LIFE_WAITING:
	case LIFE_BACKOFF:
	case LIFE_EXHAUSTED: return 0; /* it has ended already, and its next start stands */
	case LIFE_CREATED:
	case LIFE_STOPPED:
	case LIFE_CRASHED:
	case LIFE_DESTROYED:
	case LIFE_STATES: break;
	}
	return -EINVAL;
}

static void stopped(struct life *life, enum life_action *action)
{
	if (life->again) {
		life->again = false;
		restart_forgive(&life->record);
		life_set(life, LIFE_WAITING, UINT64_MAX);
		*action = LIFE_DO_CHECK;
	} else {
		life_set(life, LIFE_STOPPED, UINT64_MAX);
		*action = LIFE_DO_RELEASE;
	}
}

/* It ended by itself, or could not be loaded. */
static void ended(struct life *life, const struct silo_restart_policy *policy, bool failed,
		  bool crashed, uint64_t now, enum life_action *action)
{
	uint64_t when = UINT64_MAX;

	switch (restart_decide(policy, &life->record, failed, now, &when)) {
	case RESTART_NO:
		life_set(life, crashed ? LIFE_CRASHED : LIFE_STOPPED, UINT64_MAX);
		*action = LIFE_DO_RELEASE;
		return;
	case RESTART_AT:
		life_set(life, when <= now ? LIFE_WAITING : LIFE_BACKOFF,
			 when <= now ? UINT64_MAX : when);
		*action = when <= now ? LIFE_DO_CHECK : LIFE_DO_NOTHING;
		return;
	case RESTART_REST:
		life_set(life, LIFE_EXHAUSTED, when);
		*action = LIFE_DO_RELEASE;
		return;
	}
}

static int on_end(struct life *life, const struct silo_restart_policy *policy,
		  enum life_event event, uint64_t now, enum life_action *action)
{
	bool crashed = life->hung || event == LIFE_FAULTED;
	bool failed = crashed || life->killed || event != LIFE_EXITED;

	if (!life_active(life))
		return -EINVAL;
	life->hung = life->killed = false;
	if (life->state == LIFE_STOPPING)
		stopped(life, action);
	else
		ended(life, policy, failed, crashed, now, action);
	return 0;
}

static int on_loaded(struct life *life, const struct silo_restart_policy *policy,
		     enum life_event event, uint64_t now, enum life_action *action)
{
	bool doomed = life->doomed, killed = life->killed;

	if (life->state != LIFE_LOADING)
		return -EINVAL;
	life->doomed = life->killed = false;
	if (event == LIFE_LOADED && doomed) {
		life_set(life, LIFE_STOPPING, UINT64_MAX);
		kill_order(life, now, action);
	} else if (event == LIFE_LOADED) {
		life_set(life, LIFE_RUNNING, UINT64_MAX);
		if (killed)
			kill_order(life, now, action);
	} else if (doomed || event == LIFE_ABSENT) {
		stopped(life, action);
	} else {
		ended(life, policy, true, true, now, action);
	}
	return 0;
}

static int on_time(struct life *life, uint64_t now, enum life_action *action)
{
	if (now < life->when)
		return 0;
	switch (life->state) {
	case LIFE_EXHAUSTED:
		restart_forgive(&life->record);
		life->record.total++;
		life_set(life, LIFE_WAITING, UINT64_MAX);
		*action = LIFE_DO_CHECK;
		return 0;
	case LIFE_BACKOFF:
		life_set(life, LIFE_WAITING, UINT64_MAX);
		*action = LIFE_DO_CHECK;
		return 0;
	case LIFE_STOPPING: /* it does not go by itself */
	case LIFE_RUNNING:  /* a kill has not ended it */
	case LIFE_PAUSED: kill_order(life, now, action); return 0;
	case LIFE_CREATED:
	case LIFE_WAITING:
	case LIFE_LOADING:
	case LIFE_STOPPED:
	case LIFE_CRASHED:
	case LIFE_DESTROYED:
	case LIFE_STATES: break;
	}
	return -EINVAL;
}

static int on_hung(struct life *life, uint64_t now, enum life_action *action)
{
	if (life->state != LIFE_RUNNING)
		return -EINVAL;
	life->hung = true;
	kill_order(life, now, action);
	return 0;
}

/* From one state to another and nothing else. */
static int move(struct life *life, enum life_state from, enum life_state to, enum life_action todo,
		enum life_action *action)
{
	if (life->state != from)
		return -EINVAL;
	life_set(life, to, UINT64_MAX);
	*action = todo;
	return 0;
}

static int on_destroy(struct life *life, enum life_action *action)
{
	if (!life_idle(life))
		return life->state == LIFE_DESTROYED ? -EINVAL : -EBUSY;
	life_set(life, LIFE_DESTROYED, UINT64_MAX);
	*action = LIFE_DO_DESTROY;
	return 0;
}

int life_step(struct life *life, const struct silo_restart_policy *policy, enum life_event event,
	      uint64_t now, enum life_action *action)
{
	*action = LIFE_DO_NOTHING;
	switch (event) {
	case LIFE_START: return on_start(life, action);
	case LIFE_NEEDS_MET: return move(life, LIFE_WAITING, LIFE_LOADING, LIFE_DO_LOAD, action);
	case LIFE_LOADED:
	case LIFE_LOAD_FAILED:
	case LIFE_ABSENT: return on_loaded(life, policy, event, now, action);
	case LIFE_EXITED:
	case LIFE_FAILED:
	case LIFE_FAULTED: return on_end(life, policy, event, now, action);
	case LIFE_HUNG: return on_hung(life, now, action);
	case LIFE_STOP:
	case LIFE_AGAIN: return on_stop(life, event, now, action);
	case LIFE_KILL: return on_kill(life, now, action);
	case LIFE_SUSPEND: return move(life, LIFE_RUNNING, LIFE_PAUSED, LIFE_DO_SUSPEND, action);
	case LIFE_RESUME: return move(life, LIFE_PAUSED, LIFE_RUNNING, LIFE_DO_RESUME, action);
	case LIFE_TIME: return on_time(life, now, action);
	case LIFE_DESTROY: return on_destroy(life, action);
	case LIFE_EVENTS: break;
	}
	return -EINVAL;
}

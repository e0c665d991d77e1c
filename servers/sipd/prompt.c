/* SPDX-License-Identifier: ISC */
/*
 * prompt.c: a prompt always comes. When the shell (label "sh"), or a silo that it needs directly or
 * through others, is down and will not be started soon, or is switched off or unknown, the recovery
 * shell is started: a program on the kernel's polled UART that needs no server. A driver of that
 * chain that has devices, the UART's, or is about to get them, has to yield them: it is stopped,
 * and started again as soon as the chain is. The recovery shell ends when the shell runs again;
 * when it ends by itself, another one is started.
 *
 * It runs in the root silo, outside of what is supervised: nothing that fails there can fail it.
 * Invariant: at most one of ours runs, a predecessor's included.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <string.h>
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"

#define PROMPT_LABEL "sh"
#define PROMPT_DEPTH 8		    /* of needs that are followed */
#define PAUSE_NS     NS_PER_S	    /* between one recovery shell and the next */
#define YIELD_NS     (5 * NS_PER_S) /* for a driver to let its device go */

/* Does the silo with this label need s, or is it s? */
static bool needs(struct sipd *d, const char *label, const struct silo *s, unsigned depth)
{
	struct silo *from = silo_by_label(d, label);

	if (!from || depth == PROMPT_DEPTH)
		return false;
	if (from == s)
		return true;
	for (uint32_t i = 0; i < from->slot->desc.need_count; i++)
		if (needs(d, from->slot->desc.needs[i], s, depth + 1))
			return true;
	return false;
}

bool prompt_needs(const struct silo *s)
{
	return needs(s->sipd, PROMPT_LABEL, s, 0);
}

/* Is the silo with this label, or one that it needs, not there, or not to be started by itself? */
static bool chain_down(struct sipd *d, const char *label, unsigned depth)
{
	struct silo *s = silo_by_label(d, label);

	if (!s)
		return true;
	if (s->slot->flags & (SLOT_FOREIGN | SLOT_YIELDED) || depth == PROMPT_DEPTH)
		return false;
	switch (s->slot->life.state) {
	case LIFE_CREATED:
	case LIFE_STOPPED:
	case LIFE_CRASHED:
	case LIFE_EXHAUSTED:
	case LIFE_DESTROYED: return true;
	case LIFE_WAITING:
	case LIFE_LOADING:
	case LIFE_RUNNING:
	case LIFE_PAUSED:
	case LIFE_STOPPING:
	case LIFE_BACKOFF:
	case LIFE_STATES: break;
	}
	for (uint32_t i = 0; i < s->slot->desc.need_count; i++)
		if (chain_down(d, s->slot->desc.needs[i], depth + 1))
			return true;
	return false;
}

/* ---- the process ------------------------------------------------------------------------ */

static void recovery_forget(struct sipd *d)
{
	if (d->recovery_watch.id)
		serve_watch_remove(&d->serve, &d->recovery_watch);
	sys_handle_close(d->recovery);
	d->recovery = HANDLE_NONE;
	d->store->recovery = 0;
}

static void recovery_end(struct sipd *d)
{
	int64_t err;

	d->recovery_at = UINT64_MAX;
	if (d->recovery == HANDLE_NONE)
		return;
	err = sys_process_kill(d->recovery, 0);
	if (!err)
		err = sys_process_reap(d->recovery);
	if (err)
		log_print("sipd: the recovery shell lingers: %s", error_text((int)err));
	recovery_forget(d);
}

/* It has ended by itself. */
static void recovery_ended(struct serve_watch *w, const struct event *e)
{
	struct sipd *d = w->arg;

	(void)e;
	w->id = 0; /* it was for once */
	if (sys_process_reap(d->recovery) < 0)
		log_print("sipd: the recovery shell's corpse stays");
	recovery_forget(d);
	d->recovery_at = time_in(PAUSE_NS);
	timer_update(d);
}

static int recovery_watch(struct sipd *d)
{
	d->recovery_watch = (struct serve_watch){.fn = recovery_ended, .arg = d};
	return serve_watch_add(&d->serve, &d->recovery_watch, d->recovery, EVENT_PROCESS,
			       WATCH_ONESHOT, PROCESS_EV_EXIT);
}

static int recovery_spawn(struct sipd *d)
{
	const struct module *m = module_find(d, "recovery");
	struct spawn_handle handles[] = {
		{"log", d->log, RIGHTS_SAME, 0, 0},
		{"silo", d->root, RIGHTS_SAME, 0, 0},
		{"fd:1", d->log, RIGHT_WRITE, 0, 0},
		{"fd:2", d->log, RIGHT_WRITE, 0, 0},
	};
	struct spawn_args args = {.shim = d->has_shim ? &d->shim : NULL,
				  .silo = d->root,
				  .name = "recovery",
				  .handles = handles,
				  .handle_count = 4,
				  .pledges = PLEDGES_ALL};
	struct spawned made;
	int err;

	if (!m)
		return -ENOENT;
	args.image =
		(struct spawn_image){.vmo = d->archive_vmo,
				     .offset = (uint64_t)((const uint8_t *)m->data - d->archive),
				     .len = m->size,
				     .bytes = m->data};
	err = spawn_run(&args, &made);
	if (err)
		return err;
	sys_handle_close(made.thread);
	d->recovery = made.process;
	return 0;
}

static void recovery_start(struct sipd *d)
{
	int err = recovery_spawn(d);

	if (err) {
		log_print("sipd: the recovery shell cannot be started: %s", error_text(err));
		return;
	}
	if (sipd_keep(d, &d->recovery, &d->store->recovery))
		log_print("sipd: the recovery shell will not be known to a successor");
	if (recovery_watch(d))
		log_print("sipd: the recovery shell is not watched");
	log_print("sipd: the recovery shell runs");
}

/* ---- its device ------------------------------------------------------------------------- */

static bool may_stop(const struct silo *s)
{
	switch (s->slot->life.state) {
	case LIFE_WAITING:
	case LIFE_LOADING:
	case LIFE_RUNNING:
	case LIFE_PAUSED:
	case LIFE_BACKOFF: return true;
	case LIFE_CREATED:
	case LIFE_STOPPING:
	case LIFE_STOPPED:
	case LIFE_CRASHED:
	case LIFE_EXHAUSTED:
	case LIFE_DESTROYED:
	case LIFE_STATES: break;
	}
	return false;
}

static bool is_driver(struct sipd *d, const struct silo *s)
{
	return s->slot && !(s->slot->flags & SLOT_FOREIGN) &&
	       (s->slot->leases || s->slot->desc.devices) && needs(d, PROMPT_LABEL, s, 0);
}

/* Drivers that the shell needs give up their devices, or take them again. */
static void drivers_yield(struct sipd *d, bool yield)
{
	for (unsigned i = 0; i < SIPD_SILOS; i++) {
		struct silo *s = &d->silo[i];
		int err;

		if (!is_driver(d, s) || !(s->slot->flags & SLOT_YIELDED) != yield ||
		    (yield && !may_stop(s)))
			continue;
		s->slot->flags ^= SLOT_YIELDED;
		err = silo_happen(s, yield ? LIFE_STOP : LIFE_START);
		if (err && err != -EEXIST)
			log_print("sipd: %s does not %s: %s", s->slot->desc.name,
				  yield ? "yield" : "come back", error_text(err));
	}
}

/* One of those may still take its device, or has not let it go. */
static bool drivers_busy(struct sipd *d)
{
	for (unsigned i = 0; i < SIPD_SILOS; i++)
		if (is_driver(d, &d->silo[i]) && !life_idle(&d->silo[i].slot->life))
			return true;
	return false;
}

/* ---- when ------------------------------------------------------------------------------- */

static bool recovery_wanted(const struct sipd *d)
{
	return d->recovery_at != UINT64_MAX;
}

/* Start it if it is wanted and can have the UART, or when its time has come. */
static void recovery_try(struct sipd *d)
{
	if (!recovery_wanted(d) || (drivers_busy(d) && time_now() < d->recovery_at))
		return;
	d->recovery_at = UINT64_MAX;
	recovery_start(d);
}

static void prompt_lost(struct sipd *d, const char *why)
{
	if (d->recovery == HANDLE_NONE && !recovery_wanted(d)) {
		log_print("sipd: no prompt: %s is down", why);
		d->recovery_at = time_in(YIELD_NS);
	}
	drivers_yield(d, true);
	recovery_try(d);
}

void prompt_check(struct silo *s)
{
	struct sipd *d = s->sipd;

	if (!needs(d, PROMPT_LABEL, s, 0))
		return;
	if (s->slot->flags & SLOT_YIELDED) {
		recovery_try(d);
		return;
	}
	switch (s->slot->life.state) {
	case LIFE_RUNNING:
		if (!strcmp(s->slot->desc.name, PROMPT_LABEL))
			recovery_end(d);
		return;
	case LIFE_STOPPED:
	case LIFE_CRASHED:
	case LIFE_EXHAUSTED: prompt_lost(d, s->slot->desc.name); return;
	case LIFE_WAITING:
	case LIFE_LOADING: drivers_yield(d, false); return;
	case LIFE_CREATED:
	case LIFE_PAUSED:
	case LIFE_STOPPING:
	case LIFE_BACKOFF:
	case LIFE_DESTROYED:
	case LIFE_STATES: return;
	}
}

/* A predecessor's recovery shell may have ended while nobody looked. */
static void recovery_adopt(struct sipd *d)
{
	struct process_info info;

	if (recovery_watch(d))
		log_print("sipd: the recovery shell is not watched");
	if (sys_process_info(d->recovery, &info) < 0 || info.state != PROCESS_RUNNING)
		recovery_end(d);
}

void prompt_begin(struct sipd *d)
{
	struct silo *shell = silo_by_label(d, PROMPT_LABEL);

	if (d->recovery != HANDLE_NONE)
		recovery_adopt(d);
	if (chain_down(d, PROMPT_LABEL, 0))
		prompt_lost(d, "what the shell needs");
	else if (shell && shell->slot->life.state == LIFE_RUNNING)
		recovery_end(d);
}

void prompt_tick(struct sipd *d, uint64_t now)
{
	if (now < d->recovery_at)
		return;
	if (chain_down(d, PROMPT_LABEL, 0))
		recovery_try(d);
	else
		d->recovery_at = UINT64_MAX;
}

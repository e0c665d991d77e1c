/* SPDX-License-Identifier: ISC */
/*
 * prompt.c: a prompt always comes. When the shell (label "sh"), or a silo that it needs directly or
 * through others, is down and will not be started soon, the recovery shell is started: a program on
 * the kernel's polled UART that needs no server. A driver of that chain that still has devices, the
 * UART's, has to yield them: it is stopped, and started again as soon as the chain is. The recovery
 * shell ends when the shell runs again.
 *
 * It runs in the root silo, outside of what is supervised: nothing that fails there can fail it.
 * Invariant: at most one runs.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <string.h>
#include "sys/error.h"
#include "sys/log.h"

#define PROMPT_LABEL "sh"
#define PROMPT_DEPTH 8 /* of needs that are followed */

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

static int recovery_start(struct sipd *d)
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

static void recovery_end(struct sipd *d)
{
	int64_t err;

	if (d->recovery == HANDLE_NONE)
		return;
	err = sys_process_kill(d->recovery, 0);
	if (!err)
		err = sys_process_reap(d->recovery);
	if (err)
		log_print("sipd: the recovery shell lingers: %s", error_text((int)err));
	sys_handle_close(d->recovery);
	d->recovery = HANDLE_NONE;
}

/* It may have ended by itself. */
static bool recovery_runs(struct sipd *d)
{
	struct process_info info;

	if (d->recovery != HANDLE_NONE && sys_process_info(d->recovery, &info) == 0 &&
	    info.state == PROCESS_RUNNING)
		return true;
	recovery_end(d);
	return false;
}

/* Drivers that the shell needs give up their devices, or take them again. */
static void drivers_yield(struct sipd *d, bool yield)
{
	for (unsigned i = 0; i < SIPD_SILOS; i++) {
		struct silo *s = &d->silo[i];
		int err = 0;

		if (!s->slot || s->slot->flags & SLOT_FOREIGN || s->yielded == yield ||
		    !s->slot->leases || !needs(d, PROMPT_LABEL, s, 0))
			continue;
		if (yield && s->slot->life.state != LIFE_RUNNING)
			continue;
		s->yielded = yield;
		err = silo_happen(s, yield ? LIFE_STOP : LIFE_START);
		if (err && err != -EEXIST)
			log_print("sipd: %s does not %s: %s", s->slot->desc.name,
				  yield ? "yield" : "come back", error_text(err));
	}
}

static void prompt_lost(struct silo *s)
{
	struct sipd *d = s->sipd;
	int err;

	if (recovery_runs(d))
		return;
	err = recovery_start(d);
	log_print("sipd: %s is down: the recovery shell %s", s->slot->desc.name,
		  err ? "cannot be started" : "runs");
	if (!err)
		drivers_yield(d, true);
}

void prompt_check(struct silo *s)
{
	struct sipd *d = s->sipd;

	if (!needs(d, PROMPT_LABEL, s, 0) || s->yielded)
		return;
	switch (s->slot->life.state) {
	case LIFE_RUNNING:
		if (!strcmp(s->slot->desc.name, PROMPT_LABEL))
			recovery_end(d);
		return;
	case LIFE_STOPPED:
	case LIFE_CRASHED:
	case LIFE_EXHAUSTED: prompt_lost(s); return;
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

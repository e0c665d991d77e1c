/* SPDX-License-Identifier: ISC */
/*
 * supervise.c: what the decisions of life.c come to: needs are checked, workers asked, processes
 * ended, places given up. Main thread only.
 *
 * The end of a silo is the kernel's word (EVENT_SILO); nothing here guesses it. Invariant: after
 * silo_happen the timer stands at the earliest `when` of all lives.
 *
 * Not here: how a silo is loaded (launch.c), how it ended (crash.c).
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"

/* A one-way message to a silo that is to end: finish what is in hand, then exit. */
#define SIP_LABEL_STOP 0x53544f50u /* "STOP" */

static int act(struct silo *s, enum life_action action);

int silo_happen(struct silo *s, enum life_event event)
{
	struct sipd *d = s->sipd;
	enum life_action action;
	int err = life_step(&s->slot->life, &s->slot->desc.restart, event, time_now(), &action);

	if (err)
		return err;
	if (action != LIFE_DO_DESTROY)
		output_wake(s);
	err = act(s, action);
	if (s->slot)
		prompt_check(s);
	timer_update(d);
	return err;
}

/* For events that cannot be refused from here. */
static void happen(struct silo *s, enum life_event event)
{
	int err = silo_happen(s, event);

	if (err)
		log_print("sipd: %s: event %d in state %s: %s", s->slot->desc.name, (int)event,
			  life_state_name(s->slot->life.state), error_text(err));
}

/* ---- needs ------------------------------------------------------------------------------ */

static bool runs(const struct silo *s)
{
	return s->slot->flags & SLOT_FOREIGN || s->slot->life.state == LIFE_RUNNING ||
	       s->slot->life.state == LIFE_PAUSED;
}

/* One need. One that is started on demand is started by this. */
static bool need_met(struct silo *s, const char *label)
{
	struct silo *other = silo_by_label(s->sipd, label);

	if (other && runs(other))
		return true;
	snprintf(s->waits, sizeof(s->waits), other ? "need %s" : "need %s, which is unknown",
		 label);
	if (other && other->slot->life.state == LIFE_CREATED &&
	    other->slot->desc.start == SILO_DEMAND)
		happen(other, LIFE_START);
	return other && runs(other);
}

static void needs_check(struct silo *s)
{
	const struct silo_desc *desc = &s->slot->desc;

	s->waits[0] = '\0';
	for (uint32_t i = 0; i < desc->need_count; i++)
		if (!need_met(s, desc->needs[i]))
			return;
	happen(s, LIFE_NEEDS_MET);
}

void silos_check(struct sipd *d)
{
	for (unsigned i = 0; i < SIPD_SILOS; i++)
		if (d->silo[i].slot && d->silo[i].slot->life.state == LIFE_WAITING)
			needs_check(&d->silo[i]);
}

void silos_start_boot(struct sipd *d)
{
	for (unsigned i = 0; i < SIPD_SILOS; i++) {
		struct silo *s = &d->silo[i];

		if (!s->slot || s->slot->flags & SLOT_FOREIGN || !(s->slot->flags & SLOT_BOOT))
			continue;
		if (s->slot->desc.start != SILO_BOOT || s->slot->life.state != LIFE_CREATED)
			continue;
		if (boot_off(s->slot->desc.name))
			log_print("sipd: %s is switched off", s->slot->desc.name);
		else
			happen(s, LIFE_START);
	}
}

/* ---- actions ---------------------------------------------------------------------------- */

static void control(struct silo *s, enum silo_op op)
{
	int64_t err = sys_silo_control(s->silo, op, 0);

	if (err && err != -EINVAL) /* it may have ended by itself meanwhile */
		log_print("sipd: %s: operation %d: %s", s->slot->desc.name, (int)op,
			  error_text((int)err));
}

/* Ask it to end. A silo without a channel cannot be asked. */
static void ask(struct silo *s)
{
	struct ipc_msg m = {.tag = MSG_LABEL(SIP_LABEL_STOP)};

	serve_flush();
	if (s->place.connector == HANDLE_NONE || ipc_send(s->place.connector, &m) < 0)
		control(s, SILO_OP_KILL);
	else
		control(s, SILO_OP_STOP);
}

/* It has no process and will have none for long: callers learn of it, what was kept goes. */
static void release(struct silo *s)
{
	health_end(s);
	place_close(&s->place, &s->slot->ids.place);
	kept_close(s->kept, s->kept_count);
	s->kept_count = 0;
	if (s->state != HANDLE_NONE)
		sys_handle_close(s->state);
	s->state = HANDLE_NONE;
	s->slot->ids.state = 0;
}

static int destroy(struct silo *s)
{
	int64_t err = 0;

	release(s);
	if (s->slot->desc.provide_count && s->slot->starts && worker_unmount(s))
		log_print("sipd: %s: its paths stay mounted", s->slot->desc.name);
	if (s->silo != HANDLE_NONE) {
		serve_watch_remove(&s->sipd->serve, &s->watch);
		err = sys_silo_control(s->silo, SILO_OP_DESTROY, 0);
		sys_handle_close(s->silo);
		s->silo = HANDLE_NONE;
	}
	if (err)
		log_print("sipd: %s: its silo lingers: %s", s->slot->desc.name,
			  error_text((int)err));
	silo_free(s);
	return 0;
}

static int act(struct silo *s, enum life_action action)
{
	int err;

	switch (action) {
	case LIFE_DO_NOTHING: return 0;
	case LIFE_DO_CHECK: needs_check(s); return 0;
	case LIFE_DO_LOAD:
		err = worker_load(s);
		if (err)
			silo_loaded(s, err, "no worker");
		return 0;
	case LIFE_DO_ASK: ask(s); return 0;
	case LIFE_DO_KILL: control(s, SILO_OP_KILL); return 0;
	case LIFE_DO_SUSPEND:
		health_end(s);
		control(s, SILO_OP_PAUSE);
		event_note(s->sipd, SIP_PAUSED, s->id, 0, 0);
		return 0;
	case LIFE_DO_RESUME:
		control(s, SILO_OP_RESUME);
		health_begin(s);
		event_note(s->sipd, SIP_RESUMED, s->id, 0, 0);
		return 0;
	case LIFE_DO_RELEASE: release(s); return 0;
	case LIFE_DO_DESTROY: return destroy(s);
	}
	return 0;
}

/* ---- what comes in ---------------------------------------------------------------------- */

void silo_loaded(struct silo *s, int err, const char *why)
{
	struct slot *slot = s->slot;

	if (err) {
		snprintf(slot->error, sizeof(slot->error), "start: %s: %s", why, error_text(err));
		log_print("sipd: %s cannot be started: %s: %s", slot->desc.name, why,
			  error_text(err));
		happen(s, err == -ENODEV || err == -ENOEXEC ? LIFE_ABSENT : LIFE_LOAD_FAILED);
		return;
	}
	slot->pid = s->pid;
	slot->started = time_now();
	slot->starts++;
	slot->flags &= ~SLOT_NOTED;
	s->waits[0] = '\0';
	event_note(s->sipd, SIP_STARTED, s->id, s->pid, slot->starts);
	log_print("sipd: %s (silo %u) runs, pid %llu", slot->desc.name, s->id,
		  (unsigned long long)s->pid);
	health_begin(s);
	if (s->remount && worker_mount(s))
		log_print("sipd: %s is not mounted again", slot->desc.name);
	s->remount = false;
	happen(s, LIFE_LOADED);
	silo_look(s); /* it may have ended before we were ready to hear it */
	silos_check(s->sipd);
}

static bool ended(const struct silo_info *info)
{
	return info->state == SILO_STOPPED || info->state == SILO_CRASHED ||
	       info->state == SILO_ZOMBIE;
}

static void note_end(struct silo *s)
{
	const struct ending *last = &s->slot->last;

	if (last->reason != FAULT_NONE)
		event_note(s->sipd, SIP_CRASHED, s->id,
			   (uint64_t)last->reason << 32 | (uint32_t)last->fault_code,
			   last->address);
	else if (last->hung || last->killed)
		event_note(s->sipd, SIP_KILLED, s->id, last->pid, 0);
	else
		event_note(s->sipd, SIP_STOPPED, s->id, last->pid, (uint32_t)last->code);
}

void silo_look(struct silo *s)
{
	struct life *life = &s->slot->life;
	struct silo_info info;
	enum life_event event = LIFE_EXITED;

	if (!life_active(life) || s->silo == HANDLE_NONE || sys_silo_info(s->silo, &info) < 0 ||
	    !ended(&info))
		return;
	health_end(s);
	silo_bury(s);
	s->slot->last.hung = life->hung;
	s->slot->last.killed = life->killed;
	if (s->slot->last.reason != FAULT_NONE)
		event = LIFE_FAULTED;
	else if (s->slot->last.code != 0)
		event = LIFE_FAILED;
	note_end(s);
	happen(s, event);
}

/*
 * A server of init: nothing is ours to decide, but its starts and ends are told. Events of one silo
 * coalesce, and some came while no sipd looked: what counts is whether its main process is another.
 */
static void foreign_look(struct silo *s)
{
	struct slot *slot = s->slot;
	struct silo_info info;
	bool gone;

	if (sys_silo_info(s->silo, &info) < 0)
		return;
	gone = slot->pid && slot->pid != info.main_pid;
	if (info.state == SILO_CRASHED || info.state == SILO_STOPPED) {
		gone = slot->pid != 0;
		info.main_pid = 0;
	}
	if (gone && info.state == SILO_CRASHED)
		event_note(s->sipd, SIP_CRASHED, s->id, (uint64_t)info.main_reason << 32, 0);
	else if (gone)
		event_note(s->sipd, SIP_STOPPED, s->id, slot->pid, (uint32_t)info.main_code);
	if (slot->pid == info.main_pid)
		return;
	slot->pid = info.main_pid;
	slot->started = slot->pid ? time_now() : 0;
	if (!slot->pid)
		return;
	slot->starts++;
	event_note(s->sipd, SIP_STARTED, s->id, slot->pid, slot->starts);
}

static void watch_fired(struct serve_watch *w, const struct event *e)
{
	struct silo *s = w->arg;

	(void)e;
	if (!s->slot)
		return;
	if (s->slot->flags & SLOT_FOREIGN)
		foreign_look(s);
	else
		silo_look(s);
}

void silo_watch_init(struct silo *s)
{
	s->watch = (struct serve_watch){.fn = watch_fired, .arg = s};
}

int silo_watch(struct silo *s)
{
	return serve_watch_add(&s->sipd->serve, &s->watch, s->silo, EVENT_SILO, 0, 0);
}

void foreign_watch(struct sipd *d)
{
	char name[SILO_LABEL_MAX + 8];

	for (unsigned i = 0; i < SIPD_SILOS; i++) {
		struct silo *s = &d->silo[i];

		if (!s->slot || !(s->slot->flags & SLOT_FOREIGN))
			continue;
		snprintf(name, sizeof(name), "silo:%s", s->slot->desc.name);
		s->silo = boot_handle(name);
		if (s->silo == HANDLE_NONE)
			continue;
		if (silo_watch(s))
			log_print("sipd: %s is not watched", s->slot->desc.name);
		foreign_look(s);
	}
}

/* ---- time ------------------------------------------------------------------------------- */

void timer_update(struct sipd *d)
{
	uint64_t next = output_tick(d, time_now());
	int err;

	if (d->recovery_at < next)
		next = d->recovery_at;
	for (unsigned i = 0; i < SIPD_SILOS; i++)
		if (d->silo[i].slot && d->silo[i].slot->life.when < next)
			next = d->silo[i].slot->life.when;
	if (next == d->timer_at && d->timer.id)
		return;
	err = serve_watch_timer(&d->serve, &d->timer, next, 0);
	if (err)
		log_print("sipd: no timer: %d", err);
	d->timer_at = next;
}

void timer_fired(struct serve_watch *w, const struct event *e)
{
	struct sipd *d = w->arg;
	uint64_t now = time_now();

	(void)e;
	d->timer_at = 0;
	for (unsigned i = 0; i < SIPD_SILOS; i++)
		if (d->silo[i].slot && d->silo[i].slot->life.when <= now)
			happen(&d->silo[i], LIFE_TIME);
	prompt_tick(d, now);
	timer_update(d);
}

/* SPDX-License-Identifier: ISC */
/*
 * server.c: the life of one of init's servers: down, running, back-off, resting.
 *
 * A server's end is the end of its silo (EVENT_SILO). Then what it kept is taken out of the corpse,
 * the corpse goes, and the restart policy of its description decides. Its channel lives on in our
 * hands, so that its clients' calls wait under their own deadlines instead of failing.
 *
 * Invariant: server_set is the only writer of memory->state; while it is RUNNING there is a
 * process, else there is none.
 */
#include "servers/init/init.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cpio/cpio.h"
#include "serve/serve.h"
#include "servers/sipd/args.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"
#include "sys/sys.h"

/* sipd registers what its silos provide; after rootd's restart it has to do so again. */
#define REGISTRAR_RIGHTS (RIGHT_BIND | SERVE_RIGHTS_SEND)

static void server_set(struct server *s, enum server_state state, uint64_t when)
{
	s->memory->state = state;
	s->when = when;
}

void server_describe(struct init *init, enum server_name name)
{
	static struct silo_desc work;
	struct server *s = &init->server[name];
	struct spawn_image program;
	struct cpio_entry entry;
	struct silo_error error;
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/boot/silos/%s.silo", s->name);
	err = cpio_find((const void *)init->block->archive, init->block->archive_len, path, &entry);
	if (err) {
		log_print("init: no %s", path);
		return;
	}
	err = silo_parse(entry.data, entry.size, &s->desc, &work, &error);
	if (err) {
		log_print("init: %s:%u: %s", path, error.line, error.reason);
		return;
	}
	/* The archive does not change: what is not there now never will be. */
	err = image_find(init, silo_text(&s->desc, s->desc.exec), &program);
	if (err)
		log_print("init: %s: no program %s", path, silo_text(&s->desc, s->desc.exec));
	else
		s->described = true;
}

/* ---- making what a server stands on ----------------------------------------------------- */

static int silo_make(struct init *init, struct server *s)
{
	struct silo_args args;
	int64_t h;
	int err;

	if (s->silo != HANDLE_NONE)
		return 0;
	silo_args_fill(&args, &s->desc);
	h = sys_silo_create(init->silo, &args);
	if (h < 0)
		return (int)h;
	s->silo = (handle_t)h;
	err = init_keep(init, &s->silo, &s->memory->ids.silo);
	if (err)
		return err;
	h = sys_queue_add(init->queue, s->silo, EVENT_SILO, (uint64_t)(s - init->server), 0, 0);
	return h < 0 ? (int)h : 0;
}

/* Its place; for rootd the full registrar, too. */
static int place_prepare(struct init *init, struct server *s)
{
	bool is_root = s == &init->server[SERVER_ROOTD];
	int64_t h;
	int err;

	if (s->place.connector != HANDLE_NONE)
		return 0;
	err = place_make(init->self, &s->place, &s->memory->ids.place, s->desc.provide_count);
	if (err || !is_root)
		return err;
	h = sys_channel_sender(s->place.channel, SERVE_BADGE_REGISTRAR, REGISTRAR_RIGHTS,
			       REPLY_NONE);
	if (h < 0) {
		place_close(&s->place, &s->memory->ids.place);
		return (int)h;
	}
	init->registrar = (handle_t)h;
	return init_keep(init, &init->registrar, &init->state->registrar);
}

static int state_make(struct init *init, struct server *s)
{
	int64_t h;

	if (s->state != HANDLE_NONE || !s->desc.keeper)
		return 0;
	h = sys_vmo_create(STATE_BYTES, VMO_ANON);
	if (h < 0)
		return (int)h;
	s->state = (handle_t)h;
	return init_keep(init, &s->state, &s->memory->ids.state);
}

/* From whatever a silo that has no process is, to one that takes a process. */
static int silo_prepare(struct server *s)
{
	struct silo_info info;
	int64_t err = sys_silo_info(s->silo, &info);

	if (!err && info.state == SILO_ZOMBIE)
		return -EBUSY; /* devd has not released its DMA memory yet */
	if (!err && (info.state == SILO_STOPPED || info.state == SILO_CRASHED))
		err = sys_silo_control(s->silo, SILO_OP_RESET, 0);
	if (!err && info.state != SILO_LOADING)
		err = sys_silo_control(s->silo, SILO_OP_LOAD, 0);
	return (int)err;
}

static int server_run(struct init *init, struct server *s)
{
	int64_t err = silo_make(init, s);

	if (!err)
		err = place_prepare(init, s);
	if (!err)
		err = state_make(init, s);
	if (!err)
		err = silo_prepare(s);
	if (!err)
		err = server_launch(init, s);
	if (!err)
		err = init_keep(init, &s->process, &s->memory->ids.process);
	if (!err)
		err = init_keep(init, &s->thread, &s->memory->ids.thread);
	if (!err)
		err = sys_silo_control(s->silo, SILO_OP_READY, 0);
	if (!err)
		err = sys_silo_control(s->silo, SILO_OP_START, 0);
	if (!err)
		err = sys_thread_start(s->thread);
	return (int)err;
}

/* ---- the end and what follows ----------------------------------------------------------- */

static void forget_process(struct server *s)
{
	if (s->thread != HANDLE_NONE)
		sys_handle_close(s->thread);
	if (s->process != HANDLE_NONE)
		sys_handle_close(s->process);
	s->process = s->thread = HANDLE_NONE;
	s->memory->ids.process = s->memory->ids.thread = 0;
}

/* What the dead process kept is ours now; its channel is known by its number. */
static void take_kept(struct init *init, struct server *s)
{
	int n;

	if (s->process == HANDLE_NONE)
		return;
	n = kept_take(init->self, s->process, s->kept + s->kept_count, KEPT_MAX - s->kept_count);
	if (n < 0) {
		log_print("init: %s: what it kept is lost: %d", s->name, n);
		return;
	}
	s->kept_count += (unsigned)n;
	place_return(&s->place, &s->memory->ids.place, s->kept, s->kept_count);
	s->kept_count = kept_tidy(s->kept, s->kept_count);
	if (sys_process_reap(s->process) < 0)
		log_print("init: %s: its corpse stays", s->name);
}

static void tell_end(const struct server *s)
{
	struct process_info info;

	if (s->process == HANDLE_NONE || sys_process_info(s->process, &info) < 0)
		return;
	if (info.reason == FAULT_NONE)
		log_print("init: %s (pid %llu) ended, code %d", s->name,
			  (unsigned long long)info.pid, info.code);
	else
		log_print("init: %s (pid %llu) crashed: reason %u code 0x%llx address 0x%llx at "
			  "0x%llx",
			  s->name, (unsigned long long)info.pid, info.reason,
			  (unsigned long long)info.fault_code,
			  (unsigned long long)info.fault_address,
			  (unsigned long long)info.fault_rip);
}

/* It has no process any more: start it now, later, or after a long rest. */
static void decide(struct init *init, struct server *s, uint64_t now)
{
	uint64_t when = now;

	switch (restart_decide(&s->desc.restart, &s->memory->record, true, now, &when)) {
	case RESTART_NO:
		server_set(s, SERVER_OFF, UINT64_MAX);
		log_print("init: %s is not restarted", s->name);
		break;
	case RESTART_AT: server_set(s, when <= now ? SERVER_DOWN : SERVER_BACKOFF, when); break;
	case RESTART_REST:
		server_set(s, SERVER_RESTING, when);
		log_print("init: %s has used up its restarts", s->name);
		recovery_start(init);
		break;
	}
	s->ping_at = UINT64_MAX;
}

void server_start(struct init *init, struct server *s)
{
	uint64_t now = time_now();
	int err;

	if (!s->described) {
		server_set(s, SERVER_OFF, UINT64_MAX);
		return;
	}
	err = server_run(init, s);
	if (err) {
		log_print("init: %s cannot be started: %s", s->name, error_text(err));
		if (s->process != HANDLE_NONE && sys_process_kill(s->process, -1) == 0)
			take_kept(init, s);
		forget_process(s);
		decide(init, s, now);
		return;
	}
	s->memory->starts++;
	s->missed = 0;
	server_set(s, SERVER_RUNNING, UINT64_MAX);
	s->ping_at = s->desc.heartbeat_ms && s->place.connector != HANDLE_NONE
			     ? time_in(s->desc.heartbeat_ms * NS_PER_MS)
			     : UINT64_MAX;
	log_print("init: %s runs", s->name);
	if (s == &init->server[SERVER_ROOTD])
		mounts_forget(init);
	init->mount_at = now;
}

void server_event(struct init *init, struct server *s)
{
	struct silo_info info;

	if (s->memory->state != SERVER_RUNNING || sys_silo_info(s->silo, &info) < 0)
		return;
	if (info.state != SILO_STOPPED && info.state != SILO_CRASHED && info.state != SILO_ZOMBIE)
		return;
	tell_end(s);
	take_kept(init, s);
	forget_process(s);
	decide(init, s, time_now());
}

/* ---- time ------------------------------------------------------------------------------- */

static void ping(struct server *s, uint64_t now)
{
	uint64_t period = s->desc.heartbeat_ms * NS_PER_MS;
	uint64_t patience = period < CALL_NS ? period : CALL_NS;
	struct ipc_msg m = {.tag = MSG_LABEL(SERVE_LABEL_PING)};
	int64_t err = ipc_call(s->place.connector, &m, time_in(patience));

	s->missed = err == -ETIMEDOUT ? s->missed + 1 : 0;
	s->ping_at = now + period;
	if (s->missed < HUNG_PINGS)
		return;
	log_print("init: %s does not answer; it is ended", s->name);
	s->ping_at = now + PATIENCE_NS;
	err = sys_process_kill(s->process, -1);
	if (err)
		log_print("init: %s cannot be ended: %d", s->name, (int)err);
}

void server_tick(struct init *init, struct server *s, uint64_t now)
{
	switch ((enum server_state)s->memory->state) {
	case SERVER_OFF: break;
	case SERVER_RUNNING:
		if (now >= s->ping_at)
			ping(s, now);
		break;
	case SERVER_RESTING:
		if (now >= s->when) {
			restart_forgive(&s->memory->record);
			server_start(init, s);
		}
		break;
	case SERVER_DOWN:
	case SERVER_BACKOFF:
		if (now >= s->when)
			server_start(init, s);
		break;
	}
}

uint64_t server_next(const struct init *init, const struct server *s)
{
	(void)init;
	switch ((enum server_state)s->memory->state) {
	case SERVER_OFF: return UINT64_MAX;
	case SERVER_RUNNING: return s->ping_at;
	case SERVER_DOWN:
	case SERVER_BACKOFF:
	case SERVER_RESTING: return s->when;
	}
	return UINT64_MAX;
}

/* ---- mounts ----------------------------------------------------------------------------- */

static int server_mount(struct init *init, struct server *s)
{
	char reason[SILO_REASON_MAX];
	int err = place_mount(&s->place, &s->desc, init->registrar, time_in(CALL_NS), reason);

	if (err)
		log_print("init: %s: %s", s->name, reason);
	s->mounted = !err;
	return err;
}

/* sipd registers for its silos; rootd's successor knows nothing of them. */
static int tell_sipd(struct init *init)
{
	struct ipc_msg m = {.tag = MSG_LABEL(INIT_LABEL_REMOUNT)};
	handle_t sipd = init->server[SERVER_SIPD].place.connector;

	return sipd == HANDLE_NONE ? 0 : (int)ipc_send(sipd, &m);
}

void mounts_forget(struct init *init)
{
	for (unsigned i = 0; i < SERVERS; i++)
		init->server[i].mounted = false;
	init->tell = true;
}

/* A call to one that has ended would only wait for its deadline: the event may not be read yet. */
static bool rootd_runs(struct init *init)
{
	struct server *rootd = &init->server[SERVER_ROOTD];

	server_event(init, rootd);
	return rootd->memory->state == SERVER_RUNNING;
}

void servers_mount(struct init *init, uint64_t now)
{
	bool again = false;

	if (now < init->mount_at || !rootd_runs(init))
		return;
	for (unsigned i = SERVER_BOOTFS; i < SERVERS && !again; i++) {
		struct server *s = &init->server[i];

		if (s->described && !s->mounted && s->place.connector != HANDLE_NONE)
			again = server_mount(init, s) != 0 || !rootd_runs(init);
	}
	if (!again && init->tell)
		init->tell = tell_sipd(init) != 0;
	init->mount_at = again || init->tell ? now + MOUNT_RETRY_NS : UINT64_MAX;
}

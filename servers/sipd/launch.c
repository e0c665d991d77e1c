/* SPDX-License-Identifier: ISC */
/*
 * launch.c: from a description to a running process. Runs in a worker while the silo is
 * LIFE_LOADING; nobody else touches the silo's [L] fields meanwhile.
 *
 * In its bootstrap block a program finds: log; fd:0 fd:1 fd:2, its terminal or its output ring;
 * ns:/ if its mode has LOOKUP; silo, its own, if its mode has SPAWN; serve, if it provides paths
 * (kept); state, with `keeper on`; device:0 ... (the first one also as `device`); what its
 * predecessor kept comes back without names.
 *
 * Invariant: on failure the silo has no process, and what was kept for it is still here.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "servers/sipd/args.h"
#include "servers/sipd/remote.h"
#include "sys/info.h"
#include "sys/log.h"

#define HANDLES_MAX BOOTSTRAP_NAMES
#define ZOMBIE_NS   (100 * NS_PER_MS) /* between looks at a silo in quarantine */
#define ZOMBIE_MAX  20

_Static_assert(SIPD_DEVICES_MAX + 12 <= HANDLES_MAX, "all names fit the bootstrap block");

struct launch {
	struct silo *s;
	struct spawn_handle handles[HANDLES_MAX];
	unsigned count;
	handle_t device[SIPD_DEVICES_MAX];
	unsigned devices;
	handle_t terminal; /* opened session, ours to close; HANDLE_NONE: the output ring */
	handle_t image;	   /* VMO, ours to close; HANDLE_NONE: the archive's */
	char names[SIPD_DEVICES_MAX][16];
	const char *argv[SILO_ARGS_MAX + 2];
	const char *envp[SILO_ENV_MAX + 1];
};

static int fail(char *why, int err, const char *what)
{
	snprintf(why, SILO_REASON_MAX, "%s", what);
	return err;
}

/* ---- the program ------------------------------------------------------------------------ */

static int image_find(struct launch *l, struct spawn_image *image, char *why)
{
	struct sipd *d = l->s->sipd;
	const char *path = l->argv[0];
	const struct module *m = module_find(d, path);
	uint64_t size;
	int err;

	if (m) {
		*image = (struct spawn_image){
			.vmo = d->archive_vmo,
			.offset = (uint64_t)((const uint8_t *)m->data - d->archive),
			.len = m->size,
			.bytes = m->data};
		return 0;
	}
	err = remote_program(path, &l->image, &size);
	if (err) {
		snprintf(why, SILO_REASON_MAX, "program %.90s", path);
		return err == -ENOENT ? -ENOEXEC : err;
	}
	*image = (struct spawn_image){.vmo = l->image, .len = size};
	return 0;
}

static void words_gather(struct launch *l)
{
	const struct silo_desc *desc = &l->s->slot->desc;
	unsigned n = 0;

	l->argv[n++] = silo_text(desc, desc->exec);
	for (uint32_t i = 0; i < desc->args; i++)
		l->argv[n++] = silo_text(desc, desc->arg[i]);
	for (uint32_t i = 0; i < desc->envs; i++)
		l->envp[i] = silo_text(desc, desc->env[i]);
}

/* ---- the silo --------------------------------------------------------------------------- */

static int silo_create(struct silo *s)
{
	struct silo_args args;
	int64_t h;
	int err;

	silo_args_fill(&args, &s->slot->desc);
	h = sys_silo_create(s->sipd->root, &args);
	if (h < 0)
		return (int)h;
	s->silo = (handle_t)h;
	err = sipd_keep(s->sipd, &s->silo, &s->slot->ids.silo);
	return err ? err : silo_watch(s);
}

/* One that was made for another mode cannot be used again: modes only shrink. */
static int silo_renew(struct silo *s, const struct silo_info *info)
{
	const struct silo_desc *desc = &s->slot->desc;
	int64_t err;

	if (info->mode == desc->mode && !(info->flags & SILO_STRICT) == !desc->strict)
		return 0;
	err = sys_silo_control(s->silo, SILO_OP_DESTROY, 0);
	if (err)
		return (int)err;
	serve_watch_remove(&s->sipd->serve, &s->watch);
	sys_handle_close(s->silo);
	s->silo = HANDLE_NONE;
	return silo_create(s);
}

/* The DMA memory of the process before is in quarantine until devd has reset the device. */
static int quarantine_wait(struct silo *s, struct silo_info *info)
{
	int64_t err = sys_silo_info(s->silo, info);

	for (int i = 0; !err && info->state == SILO_ZOMBIE && i < ZOMBIE_MAX; i++) {
		leases_reset(s);
		err = sys_silo_info(s->silo, info);
		if (!err && info->state == SILO_ZOMBIE)
			err = sys_thread_sleep(time_in(ZOMBIE_NS));
	}
	if (!err && info->state == SILO_ZOMBIE)
		err = -EBUSY;
	return (int)err;
}

/* A kernel silo that takes a process. */
static int silo_prepare(struct silo *s, char *why)
{
	struct silo_info info;
	int64_t err;

	if (s->silo == HANDLE_NONE) {
		err = silo_create(s);
		if (err)
			return fail(why, (int)err, "creating the silo");
	}
	if (s->slot->leases)
		leases_reset(s);
	err = quarantine_wait(s, &info);
	if (err)
		return fail(why, (int)err, "its DMA memory is still in quarantine");
	if (info.state == SILO_STOPPED || info.state == SILO_CRASHED)
		err = silo_renew(s, &info);
	if (!err)
		err = sys_silo_info(s->silo, &info);
	if (!err && (info.state == SILO_STOPPED || info.state == SILO_CRASHED))
		err = sys_silo_control(s->silo, SILO_OP_RESET, 0);
	if (!err && info.state != SILO_LOADING)
		err = sys_silo_control(s->silo, SILO_OP_LOAD, 0);
	return err ? fail(why, (int)err, "resetting the silo") : 0;
}

/* ---- its place and handles -------------------------------------------------------------- */

static int place_prepare(struct silo *s, char *why)
{
	const struct silo_desc *desc = &s->slot->desc;
	int err;

	if (!desc->provide_count && !desc->heartbeat_ms)
		return 0;
	/* A channel whose receive side died with a process is of no use. */
	if (s->place.channel == HANDLE_NONE) {
		place_close(&s->place, &s->slot->ids.place);
		s->mounted = false;
		err = place_make(s->sipd->self, &s->place, &s->slot->ids.place,
				 desc->provide_count);
		if (err)
			return fail(why, err, "making its channel");
	}
	if (s->mounted)
		return 0;
	err = place_mount(&s->place, desc, s->sipd->registrar, time_in(SIPD_CALL_NS), why);
	s->mounted = !err;
	return err;
}

static int state_prepare(struct silo *s)
{
	int64_t h;

	if (!s->slot->desc.keeper || s->state != HANDLE_NONE)
		return 0;
	h = sys_vmo_create(SIPD_STATE_SIZE, VMO_ANON);
	if (h < 0)
		return (int)h;
	s->state = (handle_t)h;
	return sipd_keep(s->sipd, &s->state, &s->slot->ids.state);
}

static int terminal_open(struct launch *l, char *why)
{
	const char *path = l->s->slot->console;

	if (!*path)
		return 0;
	snprintf(why, SILO_REASON_MAX, "console %s", path);
	return remote_terminal(path, &l->terminal);
}

static void give(struct launch *l, const char *name, handle_t handle, uint32_t rights,
		 uint32_t flags)
{
	if (handle != HANDLE_NONE && l->count < HANDLES_MAX)
		l->handles[l->count++] =
			(struct spawn_handle){name, handle, rights, flags, HANDLE_NONE};
}

static void devices_give(struct launch *l)
{
	for (unsigned i = 0; i < l->devices; i++) {
		snprintf(l->names[i], sizeof(l->names[i]), "device:%u", i);
		give(l, l->names[i], l->device[i], RIGHTS_SAME, 0);
	}
	if (l->devices)
		give(l, "device", l->device[0], RIGHTS_SAME, 0);
}

static void handles_gather(struct launch *l)
{
	struct silo *s = l->s;
	struct sipd *d = s->sipd;
	const struct silo_desc *desc = &s->slot->desc;
	handle_t io = l->terminal ? l->terminal : s->output_sender;

	/* Who may list all silos may read what all of them logged. */
	give(l, "log", d->log,
	     RIGHT_WRITE | RIGHT_GRANT | (desc->mode & MODE_LIST ? RIGHT_READ : 0), 0);
	give(l, "fd:0", io, RIGHTS_SAME, 0);
	give(l, "fd:1", io, RIGHTS_SAME, 0);
	give(l, "fd:2", io, RIGHTS_SAME, 0);
	if (desc->mode & MODE_LOOKUP)
		give(l, "ns:/", d->ns, RIGHTS_SAME, 0);
	if (desc->mode & MODE_SPAWN)
		give(l, "silo", s->silo, RIGHTS_SAME, 0);
	give(l, "serve", s->place.channel, RIGHTS_SAME, HANDLE_KEPT);
	give(l, "state", s->state, RIGHTS_SAME, 0);
	devices_give(l);
}

/* ---- the process ------------------------------------------------------------------------ */

static int process_make(struct launch *l, const struct spawn_image *image)
{
	struct silo *s = l->s;
	struct sipd *d = s->sipd;
	struct spawn_args args = {.image = *image,
				  .shim = d->has_shim ? &d->shim : NULL,
				  .silo = s->silo,
				  .name = s->slot->desc.name,
				  .argv = l->argv,
				  .envp = l->envp,
				  .handles = l->handles,
				  .handle_count = l->count,
				  .pledges = PLEDGES_ALL};
	struct spawned made;
	int err = spawn_create(&args, &made);

	if (err)
		return err;
	s->process = made.process;
	s->thread = made.thread;
	err = sipd_keep(d, &s->process, &s->slot->ids.process);
	return err ? err : sipd_keep(d, &s->thread, &s->slot->ids.thread);
}

/* What was kept goes to the successor; so did the channel. We have it again at its end. */
static int kept_hand_on(struct silo *s, char *why)
{
	int err = kept_give(s->process, s->kept, s->kept_count);

	if (err)
		return fail(why, err, "handing on what was kept");
	s->kept_count = 0;
	if (s->place.channel != HANDLE_NONE)
		sys_handle_close(s->place.channel);
	s->place.channel = HANDLE_NONE;
	return 0;
}

static int process_start(struct silo *s, char *why)
{
	struct process_info info;
	int64_t err = sys_process_info(s->process, &info);

	s->pid = err ? 0 : info.pid;
	if (!err)
		err = sys_silo_control(s->silo, SILO_OP_READY, 0);
	if (!err)
		err = sys_silo_control(s->silo, SILO_OP_START, 0);
	if (!err)
		err = sys_thread_start(s->thread);
	return err ? fail(why, (int)err, "starting its first thread") : 0;
}

static int launch_run(struct launch *l, char *why)
{
	struct silo *s = l->s;
	struct spawn_image image;
	int err;

	words_gather(l);
	err = image_find(l, &image, why);
	if (!err)
		err = silo_prepare(s, why);
	if (!err)
		err = place_prepare(s, why);
	if (!err && (err = state_prepare(s)))
		return fail(why, err, "making its state memory");
	if (!err)
		err = leases_take(s, l->device, &l->devices, why);
	if (!err)
		err = terminal_open(l, why);
	if (err)
		return err;
	handles_gather(l);
	err = process_make(l, &image);
	if (err)
		return fail(why, err, "making its process");
	err = kept_hand_on(s, why);
	return err ? err : process_start(s, why);
}

void launch_undo(struct silo *s)
{
	int64_t err;

	if (s->process != HANDLE_NONE) {
		err = sys_process_kill(s->process, -1);
		if (err)
			log_print("sipd: %s: a process of it lingers: %d", s->slot->desc.name,
				  (int)err);
		kept_return(s);
	}
	if (s->silo != HANDLE_NONE && sys_silo_control(s->silo, SILO_OP_KILL, 0) < 0)
		return; /* it had none, or has ended */
}

int silo_launch(struct silo *s, char *why)
{
	struct launch l = {.s = s};
	int err;

	why[0] = '\0';
	err = launch_run(&l, why);
	if (err)
		launch_undo(s);
	for (unsigned i = 0; i < l.devices; i++)
		sys_handle_close(l.device[i]);
	if (l.terminal != HANDLE_NONE)
		sys_handle_close(l.terminal);
	if (l.image != HANDLE_NONE)
		sys_handle_close(l.image);
	return err;
}

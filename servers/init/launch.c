/* SPDX-License-Identifier: ISC */
/*
 * launch.c: what each server finds in its bootstrap block, and its process.
 *
 *	all	log fd:1 fd:2; serve (kept) if it has a channel; state, if `keeper on`
 *	rootd	nothing else
 *	bootfs	the archive, mapped
 *	devd	device (kept: its leases hang from it), clock, ns:/
 *	sipd	silo (the root silo), silo:NAME of all servers, archive, shim, registrar, ns:/
 *
 * What a predecessor kept beside these comes back without a name: the server knows it by its
 * object's number. Invariant: a kept handle is with the corpse, with init, or with the successor.
 */
#include "servers/init/init.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cpio/cpio.h"
#include "serve/serve.h"
#include "sys/log.h"
#include "sys/sys.h"

#define HANDLES_MAX BOOTSTRAP_NAMES
#define ARGV_MAX    (SILO_ARGS_MAX + 2)
#define RECOVERY    "/boot/bin/recovery"

struct launch {
	struct init *init;
	struct server *s;
	struct spawn_handle handles[HANDLES_MAX];
	unsigned count;
	char names[SERVERS][24];
	const char *argv[ARGV_MAX];
	const char *envp[SILO_ENV_MAX + 1];
};

int image_find(const struct init *init, const char *path, struct spawn_image *image)
{
	const uint8_t *archive = (const uint8_t *)init->block->archive;
	struct cpio_entry entry;
	int err = cpio_find(archive, init->block->archive_len, path, &entry);

	if (err)
		return err;
	*image = (struct spawn_image){.vmo = init->archive,
				      .offset = (uint64_t)((const uint8_t *)entry.data - archive),
				      .len = entry.size,
				      .bytes = entry.data};
	return 0;
}

static void give(struct launch *l, const char *name, handle_t handle, uint32_t rights,
		 uint32_t flags)
{
	if (handle == HANDLE_NONE || l->count == HANDLES_MAX)
		return;
	l->handles[l->count++] = (struct spawn_handle){name, handle, rights, flags, HANDLE_NONE};
}

static void give_common(struct launch *l)
{
	struct server *s = l->s;
	uint32_t log = RIGHT_WRITE | RIGHT_GRANT;

	give(l, "log", l->init->log, s == &l->init->server[SERVER_SIPD] ? RIGHTS_SAME : log, 0);
	give(l, "fd:1", l->init->log, log, 0);
	give(l, "fd:2", l->init->log, log, 0);
	give(l, "serve", s->place.channel, RIGHTS_SAME, HANDLE_KEPT);
	give(l, "state", s->state, RIGHTS_SAME, 0);
	if (s != &l->init->server[SERVER_ROOTD] && s->desc.mode & MODE_LOOKUP)
		give(l, "ns:/", l->init->server[SERVER_ROOTD].place.connector, RIGHTS_SAME, 0);
}

static void give_sipd(struct launch *l)
{
	struct init *init = l->init;

	give(l, "silo", init->silo, RIGHTS_SAME, 0);
	give(l, "archive", init->archive, RIGHTS_SAME, 0);
	give(l, "shim", init->shim_vmo, RIGHTS_SAME, 0);
	give(l, "registrar", init->registrar, RIGHTS_SAME, 0);
	for (unsigned i = 0; i < SERVERS; i++) {
		struct server *other = &init->server[i];

		snprintf(l->names[i], sizeof(l->names[i]), "silo:%s", other->name);
		give(l, l->names[i], other->silo, RIGHTS_SAME, 0);
	}
}

static void handles_gather(struct launch *l, enum server_name name)
{
	give_common(l);
	switch (name) {
	case SERVER_ROOTD:
	case SERVER_BOOTFS: break;
	case SERVER_DEVD:
		/* Not kept: the successor gets it anew, and leases hang from ours then. */
		give(l, "device", l->init->device, RIGHTS_SAME, 0);
		give(l, "clock", l->init->clock, RIGHTS_SAME, 0);
		break;
	case SERVER_SIPD: give_sipd(l); break;
	case SERVERS: break;
	}
}

static void words_gather(struct launch *l)
{
	const struct silo_desc *d = &l->s->desc;
	unsigned n = 0;

	l->argv[n++] = silo_text(d, d->exec);
	for (uint32_t i = 0; i < d->args; i++)
		l->argv[n++] = silo_text(d, d->arg[i]);
	for (uint32_t i = 0; i < d->envs; i++)
		l->envp[i] = silo_text(d, d->env[i]);
}

/* What was kept goes to the successor; so did the channel. */
static int kept_hand_on(struct server *s)
{
	int err = kept_give(s->process, s->kept, s->kept_count);

	if (err)
		return err;
	s->kept_count = 0;
	if (s->place.channel != HANDLE_NONE)
		sys_handle_close(s->place.channel);
	s->place.channel = HANDLE_NONE;
	return 0;
}

int server_launch(struct init *init, struct server *s)
{
	struct launch l = {.init = init, .s = s};
	struct spawn_args args = {.shim = init->has_shim ? &init->shim : NULL,
				  .silo = s->silo,
				  .name = s->name,
				  .argv = l.argv,
				  .envp = l.envp,
				  .handles = l.handles,
				  .pledges = PLEDGES_ALL,
				  .cmdline = (const char *)init->block->cmdline};
	enum server_name name = (enum server_name)(s - init->server);
	struct spawned spawned;
	int err;

	if (name == SERVER_BOOTFS || name == SERVER_SIPD) {
		args.archive = init->archive;
		args.archive_len = init->block->archive_len;
	}
	words_gather(&l);
	handles_gather(&l, name);
	args.handle_count = l.count;
	err = image_find(init, l.argv[0], &args.image);
	if (!err)
		err = spawn_create(&args, &spawned);
	if (err)
		return err;
	s->process = spawned.process;
	s->thread = spawned.thread;
	return kept_hand_on(s);
}

void recovery_start(struct init *init)
{
	struct spawn_handle handles[] = {
		{"log", init->log, RIGHTS_SAME, 0, 0},
		{"silo", init->silo, RIGHTS_SAME, 0, 0},
		{"fd:1", init->log, RIGHT_WRITE, 0, 0},
		{"fd:2", init->log, RIGHT_WRITE, 0, 0},
	};
	struct spawn_args args = {.shim = init->has_shim ? &init->shim : NULL,
				  .silo = init->silo,
				  .name = "recovery",
				  .handles = handles,
				  .handle_count = 4,
				  .pledges = PLEDGES_ALL};
	struct spawned spawned;
	int64_t err;

	init->recovery_at = UINT64_MAX;
	if (init->recovery != HANDLE_NONE)
		return;
	err = image_find(init, RECOVERY, &args.image);
	if (!err)
		err = spawn_run(&args, &spawned);
	if (err) {
		log_print("init: no recovery shell: %d", (int)err);
		return;
	}
	sys_handle_close(spawned.thread);
	init->recovery = spawned.process;
	err = sys_queue_add(init->queue, spawned.process, EVENT_PROCESS, SERVERS, WATCH_ONESHOT,
			    PROCESS_EV_EXIT);
	if (err < 0)
		log_print("init: the recovery shell is not watched: %d", (int)err);
	log_print("init: the recovery shell runs");
}

/* SPDX-License-Identifier: ISC */
/*
 * sipd: registry and supervisor of silos, and /dev/sip, the files by which they are controlled.
 *
 * Started by init with the root silo, the boot archive, the shim, rootd's registrar, a connector of
 * rootd, a channel that init has mounted at /dev/sip, and the state memory of its predecessor.
 *
 * Not here: what a silo may do (the kernel's gates), what files mean (their servers), devices
 * (devd). Never waits for a server that it supervises: that is the workers' business.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <stdio.h>
#include "servers/init/init_label.h"
#include "servers/sipd/remote.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/log.h"

#define AUDIT_BYTES 32768u

static struct sipd sipd;

static int shim_open(struct sipd *d)
{
	struct spawn_image image = {.vmo = boot_handle("shim")};
	struct vmo_info info;
	int64_t err = sys_vmo_info(image.vmo, &info);

	if (err)
		return (int)err;
	image.len = info.size;
	err = spawn_shim_open(&image, &d->shim);
	d->has_shim = !err;
	return (int)err;
}

/* The handles that init gave. */
static int handles_find(struct sipd *d)
{
	const struct bootstrap *block = boot_block();
	int64_t copy;

	if (!block || !block->archive)
		return -ENXIO;
	d->archive = (const uint8_t *)block->archive;
	d->archive_len = block->archive_len;
	d->self = boot_handle("self");
	d->log = boot_handle("log");
	d->root = boot_handle("silo");
	d->registrar = boot_handle("registrar");
	d->archive_vmo = boot_handle("archive");
	d->ns = boot_handle("ns:/");
	if (!d->self || !d->root || !d->archive_vmo || !d->ns)
		return -ENXIO;
	/* The namespace uses its connector up; the silos are given this one. */
	copy = sys_handle_dup(d->ns, RIGHTS_SAME);
	if (copy < 0)
		return (int)copy;
	return remote_init((handle_t)copy, SIPD_CALL_NS);
}

/* init: rootd has a successor, which knows no mounts. */
static int64_t call_take(struct serve *s, struct serve_call *c)
{
	struct sipd *d = s->ctx;

	if (c->label != INIT_LABEL_REMOUNT)
		return -EOPNOTSUPP;
	if (c->from.silo != 1)
		return -EPERM;
	for (unsigned i = 0; i < SIPD_SILOS; i++) {
		struct silo *silo = &d->silo[i];

		if (!silo->slot || silo->slot->flags & SLOT_FOREIGN)
			continue;
		if (silo->slot->life.state == LIFE_LOADING)
			silo->remount = true;
		else if (worker_mount(silo))
			log_print("sipd: %s is not mounted again", silo->slot->desc.name);
	}
	return 0;
}

/* Only who may control anything leaves a trace in what others read. */
static void complain(struct p9_call *call, const char *reason)
{
	struct sipd *d = call->ctx;
	struct silo *s = call->obj ? call_silo(call) : NULL;

	if (!(call->req->from.mode & (MODE_LIST | MODE_STOP | MODE_SPAWN)))
		return;
	if (s)
		snprintf(s->slot->error, sizeof(s->slot->error), "%s", reason);
	else
		snprintf(d->error, sizeof(d->error), "%s", reason);
}

static int serve_begin(struct sipd *d)
{
	const struct p9_limits limits = {.sessions = SERVE_SESSIONS, .memory = 8 << 20};
	int err = p9_log_init(&d->events, SIP_EVENTS * SIP_EVENT_LEN);

	if (!err)
		err = p9_log_init(&d->audit, AUDIT_BYTES);
	d->events.from_start = d->audit.from_start = true;
	d->audit.closed = true; /* a record to read, not a stream to follow */
	if (!err)
		err = p9_tree_init(&d->tree, &sip_top, d);
	d->tree.complain = complain;
	output_ops(d);
	if (!err)
		err = serve_init(&d->serve, &d->ops, &d->tree, &limits);
	d->serve.ctx = d;
	d->serve.call = call_take;
	d->timer = (struct serve_watch){.fn = timer_fired, .arg = d};
	d->recovery_at = UINT64_MAX;
	return err;
}

static int sipd_begin(struct sipd *d)
{
	bool survived = false;
	int err = serve_begin(d);

	if (!err)
		err = handles_find(d);
	if (!err)
		err = shim_open(d);
	if (!err)
		err = modules_read(d);
	if (!err)
		err = health_init(d);
	if (!err)
		err = workers_start(d);
	if (!err)
		err = store_open(d, &survived);
	if (err)
		return err;
	(void)descriptions_read(d);
	foreign_watch(d);
	if (survived) {
		log_print("sipd: goes on with the silos of its predecessor");
		silos_resume(d);
	}
	silos_start_boot(d);
	silos_check(d);
	prompt_begin(d);
	timer_update(d);
	return 0;
}

int main(void)
{
	int err = sipd_begin(&sipd);

	if (err) {
		log_print("sipd: cannot begin: %s", error_text(err));
		return 1;
	}
	return serve_run(&sipd.serve) ? 2 : 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * tree.c: a disk as files: /scheme/block/NAME/{ctl,geometry,status}.
 *
 *	ctl	  "detach": give the client's ring up; "restart": restart the device. Both need STOP
 *		  in the mode
 *	geometry  sectors and what a request may hold, one "key value" a line
 *	status	  state, counters
 *
 * A ring ends with the session that offered it: the engine lets go of the session's root then.
 */
#include <errno.h>
#include <string.h>
#include "blockdrv/blockdrv.h"
#include "sys/info.h"

static struct block_disk *disk_of(struct p9_call *call)
{
	struct block_driver *d = call->ctx;

	return call->obj ? d->disk[call->obj - 1] : d->disk[0];
}

struct block_disk *block_session_disk(struct block_driver *d, uint64_t badge)
{
	const struct p9_session *s = p9_session_find(&d->serve.p9, badge);
	uint32_t obj = s && s->root ? (uint32_t)(s->root->qid.path >> 32) : 0;

	if (!s)
		return NULL;
	if (obj)
		return obj - 1 < d->disks ? d->disk[obj - 1] : NULL;
	return d->disks == 1 ? d->disk[0] : NULL;
}

static void op_clunk(struct p9_fid *fid)
{
	const struct p9_tree *tree = fid->session->server->ctx;
	struct block_driver *d = tree->ctx;

	for (unsigned i = 0; fid->root && i < d->disks; i++)
		if (d->disk[i]->ring && d->disk[i]->ring->session == fid->session->id)
			block_ring_drop(d->disk[i]);
	p9_tree_ops.clunk(fid);
}

static const char *state_name(const struct block_disk *disk)
{
	if (disk->absent)
		return "absent";
	if (disk->lost)
		return "lost";
	return disk->ring ? disk->old ? "draining" : "attached" : "idle";
}

static int geometry_text(struct p9_call *call, struct p9_text *out)
{
	const struct block_disk *disk = disk_of(call);

	if (disk->absent)
		return -ENODEV;
	p9_text_printf(out, "sector_size %u\nsectors %llu\n", BLOCK_SECTOR,
		       (unsigned long long)disk->limits.sectors);
	p9_text_printf(out, "request_sectors %u\nrequest_segments %u\ndepth %u\n",
		       disk->limits.request_sectors, disk->limits.request_segments, disk->depth);
	p9_text_printf(out, "flush %s\nreadonly %s\n",
		       disk->features & BLOCK_FEATURE_FLUSH ? "yes" : "no",
		       disk->features & BLOCK_FEATURE_READONLY ? "yes" : "no");
	return 0;
}

static void line(struct p9_text *out, const char *key, uint64_t value)
{
	p9_text_printf(out, "%s %llu\n", key, (unsigned long long)value);
}

static int status_text(struct p9_call *call, struct p9_text *out)
{
	const struct block_disk *disk = disk_of(call);

	p9_text_printf(out, "name %s\nmodel %s\nserial %s\nstate %s\n", disk->name, disk->model,
		       disk->serial, state_name(disk));
	line(out, "silo", disk->ring ? disk->ring->silo : 0);
	line(out, "active", disk->active);
	line(out, "waiting", disk->waiting);
	line(out, "reads", disk->reads);
	line(out, "writes", disk->writes);
	line(out, "flushes", disk->flushes);
	line(out, "sectors_read", disk->sectors_read);
	line(out, "sectors_written", disk->sectors_written);
	line(out, "errors", disk->errors);
	line(out, "timeouts", disk->timeouts);
	line(out, "restarts", disk->restarts);
	line(out, "refused", disk->refused);
	line(out, "rings", disk->rings);
	line(out, "interrupts", disk->driver->interrupts);
	return 0;
}

static int gate(struct p9_call *call)
{
	if (call->req->from.mode & MODE_STOP)
		return 0;
	return p9_tree_fail(call, EPERM, "the mode has no STOP");
}

static int ctl_detach(struct p9_call *call, int argc, char **argv)
{
	int err = gate(call);

	(void)argc;
	(void)argv;
	if (!err)
		block_ring_drop(disk_of(call));
	return err;
}

static int ctl_restart(struct p9_call *call, int argc, char **argv)
{
	struct block_disk *disk = disk_of(call);
	int err = gate(call);

	(void)argc;
	(void)argv;
	if (err || disk->absent)
		return err ? err : -ENODEV;
	block_restart(disk);
	return 0;
}

static const struct p9_command commands[] = {
	{.word = "detach", .run = ctl_detach, .usage = "detach"},
	{.word = "restart", .run = ctl_restart, .usage = "restart"},
	{.word = NULL},
};

static const struct p9_file files[] = {
	{.name = "ctl", .mode = P9_S_IFREG | 0644, .text = status_text, .commands = commands},
	{.name = "geometry", .mode = P9_S_IFREG | 0444, .text = geometry_text},
	{.name = "status", .mode = P9_S_IFREG | 0444, .text = status_text},
	{.name = NULL},
};

static int objects_next(void *ctx, uint32_t after, uint32_t *obj, char *name)
{
	const struct block_driver *d = ctx;

	if (after >= d->disks)
		return -ENOENT;
	*obj = after + 1;
	strcpy(name, d->disk[after]->name);
	return 0;
}

static int objects_find(void *ctx, struct p9_str name, uint32_t *obj)
{
	const struct block_driver *d = ctx;

	for (unsigned i = 0; i < d->disks; i++)
		if (p9_str_equal(name, d->disk[i]->name)) {
			*obj = i + 1;
			return 0;
		}
	return -ENOENT;
}

static const struct p9_file disk_dir = {
	.name = "disk", .mode = P9_S_IFDIR | 0555, .children = files};
static const struct p9_objects disk_objects = {
	.file = &disk_dir, .next = objects_next, .find = objects_find};
static const struct p9_file single = {.name = "/", .mode = P9_S_IFDIR | 0555, .children = files};
static const struct p9_file several = {
	.name = "/", .mode = P9_S_IFDIR | 0555, .objects = &disk_objects};

int block_tree_init(struct block_driver *d)
{
	int err;

	if (!d->disks)
		return -ENODEV;
	err = p9_tree_init(&d->tree, d->disks == 1 ? &single : &several, d);
	d->tree.now_sec = time_wall() / NS_PER_S;
	d->ops = p9_tree_ops;
	d->ops.clunk = op_clunk;
	if (!err)
		err = serve_init(&d->serve, &d->ops, &d->tree, NULL);
	for (unsigned i = 0; d->disks > 1 && i < d->disks && i < SERVE_SUBS && !err; i++)
		err = serve_sub(&d->serve, i, d->disk[i]->name);
	return err;
}

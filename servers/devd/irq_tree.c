/* SPDX-License-Identifier: ISC */
/*
 * irq_tree.c: /dev/irq: interrupt lines for a silo that drives a device by files.
 *
 *	ctl	"register N NAME", "unregister N"; reads one line each:
 *		irq N: NAME pending= delivered= dropped=
 *	N	read waits for the interrupt and gives "irq N"; write acknowledges it
 *
 * N is a line of a lease of the asking silo, and only that silo uses it. The interrupt object is
 * made from the lease, so it ends with it.
 */
#include "servers/devd/devd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sys/log.h"
#include "sys/sys.h"

static struct file_irq *irq_of(struct devd *d, uint32_t line)
{
	for (unsigned i = 0; i < DEVD_IRQS; i++)
		if (d->irq[i].unit && d->irq[i].line == line)
			return &d->irq[i];
	return NULL;
}

static struct file_irq *irq_free(struct devd *d)
{
	for (unsigned i = 0; i < DEVD_IRQS; i++)
		if (!d->irq[i].unit)
			return &d->irq[i];
	return NULL;
}

static void irq_end(struct file_irq *i)
{
	struct p9_request *req;

	serve_watch_remove(&i->devd->serve, &i->watch);
	sys_handle_close(i->irq);
	i->unit = NULL;
	while ((req = waiters_take(&i->readers)))
		p9_respond(req, -EIO);
}

void irq_files_end(struct unit *u)
{
	for (unsigned i = 0; i < DEVD_IRQS; i++)
		if (u->devd->irq[i].unit == u)
			irq_end(&u->devd->irq[i]);
}

static int irq_answer(struct file_irq *i, struct p9_request *req)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "irq %u\n", i->line);

	i->unread = 0;
	return p9_respond_data(req, text, (uint32_t)n);
}

static void on_irq(struct serve_watch *w, const struct event *e)
{
	struct file_irq *i = w->arg;
	struct p9_request *req = waiters_take(&i->readers);

	i->unread += e->count;
	if (req)
		irq_answer(i, req);
}

/* ---- ctl ------------------------------------------------------------------------- */

static struct unit *line_unit(struct devd *d, uint32_t silo, uint32_t line)
{
	for (unsigned i = 0; i < d->units; i++)
		if (d->unit[i].state == UNIT_LEASED && d->unit[i].silo == silo &&
		    d->unit[i].args.lines[0] == line + 1)
			return &d->unit[i];
	return NULL;
}

static int irq_register(struct devd *d, struct unit *u, uint32_t line, const char *name)
{
	struct file_irq *i = irq_free(d);
	int64_t h;
	int err;

	if (irq_of(d, line))
		return -EBUSY;
	if (!i)
		return -ENOSPC;
	h = sys_irq_create(u->lease, IRQ_LINE, line, u->line_flags);
	if (h < 0)
		return (int)h;
	*i = (struct file_irq){.unit = u, .devd = d, .line = line, .irq = (handle_t)h};
	i->watch = (struct serve_watch){.fn = on_irq, .arg = i};
	snprintf(i->name, sizeof(i->name), "%s", name);
	err = serve_watch_add(&d->serve, &i->watch, i->irq, EVENT_IRQ, 0, 0);
	if (err)
		irq_end(i);
	return err;
}

static int ctl_register(struct p9_call *call, int argc, char **argv)
{
	struct devd *d = call->ctx;
	uint32_t line = (uint32_t)strtoul(argv[1], NULL, 0);
	struct unit *u = line_unit(d, call->req->from.silo, line);
	int err;

	if (!u || !(call->req->from.mode & MODE_INTERRUPT))
		return p9_tree_fail(call, EPERM, "register: %s is no line of your leases", argv[1]);
	err = irq_register(d, u, line, argc > 2 ? argv[2] : u->name);
	return err ? p9_tree_fail(call, -err, "register: refused") : 0;
}

static int ctl_unregister(struct p9_call *call, int argc, char **argv)
{
	struct file_irq *i = irq_of(call->ctx, (uint32_t)strtoul(argv[1], NULL, 0));

	(void)argc;
	if (!i || i->unit->silo != call->req->from.silo)
		return p9_tree_fail(call, EPERM, "unregister: %s is not yours", argv[1]);
	irq_end(i);
	return 0;
}

static int ctl_text(struct p9_call *call, struct p9_text *out)
{
	struct devd *d = call->ctx;
	struct irq_info info;

	for (unsigned n = 0; n < DEVD_IRQS; n++) {
		const struct file_irq *i = &d->irq[n];

		if (!i->unit || sys_irq_info(i->irq, &info) < 0)
			continue;
		p9_text_printf(out, "irq %u: %s pending=%llu delivered=%llu dropped=%llu\n",
			       i->line, i->name, (unsigned long long)info.pending,
			       (unsigned long long)info.delivered,
			       (unsigned long long)info.dropped);
	}
	return 0;
}

static const struct p9_command commands[] = {
	{.word = "register", .min = 1, .max = 2, .run = ctl_register, .usage = "register N NAME"},
	{.word = "unregister", .min = 1, .max = 1, .run = ctl_unregister, .usage = "unregister N"},
	{.word = NULL},
};

/* ---- N: the object's number is the line + 1 -------------------------------------- */

static int objects_next(void *ctx, uint32_t after, uint32_t *obj, char *name)
{
	struct devd *d = ctx;
	uint32_t best = UINT32_MAX;

	for (unsigned n = 0; n < DEVD_IRQS; n++)
		if (d->irq[n].unit && d->irq[n].line + 1 > after && d->irq[n].line + 1 < best)
			best = d->irq[n].line + 1;
	if (best == UINT32_MAX)
		return -ENOENT;
	*obj = best;
	sprintf(name, "%u", best - 1);
	return 0;
}

static int objects_find(void *ctx, struct p9_str name, uint32_t *obj)
{
	char text[P9_NAME_MAX + 1];

	for (uint32_t after = 0; !objects_next(ctx, after, obj, text); after = *obj)
		if (p9_str_equal(name, text))
			return 0;
	return -ENOENT;
}

/* The caller's interrupt, or NULL. */
static struct file_irq *own(struct p9_call *call)
{
	struct file_irq *i = irq_of(call->ctx, call->obj - 1);

	return i && i->unit->silo == call->req->from.silo ? i : NULL;
}

static int file_check(struct p9_call *call)
{
	return irq_of(call->ctx, call->obj - 1) ? 0 : -ENOENT;
}

static int file_read(struct p9_call *call, uint64_t offset, uint32_t count)
{
	struct file_irq *i = own(call);

	(void)offset;
	if (!i)
		return -EPERM;
	if (count < 16)
		return -EINVAL;
	return i->unread ? irq_answer(i, call->req) : waiters_add(&i->readers, call->req);
}

static int file_write(struct p9_call *call, uint64_t offset, uint32_t count)
{
	struct file_irq *i = own(call);

	(void)offset;
	(void)count;
	return i ? (int)sys_irq_ack(i->irq) : -EPERM;
}

static int file_flush(struct p9_call *call)
{
	struct file_irq *i = irq_of(call->ctx, call->obj - 1);

	if (i)
		waiters_remove(&i->readers, call->req);
	return 0;
}

static const struct p9_file irq_file = {.name = "irq",
					.mode = P9_S_IFREG | 0666,
					.check = file_check,
					.read = file_read,
					.write = file_write,
					.append = true,
					.flush = file_flush};

const struct p9_objects irq_objects = {
	.file = &irq_file, .next = objects_next, .find = objects_find};

const struct p9_file irq_dir[] = {
	{.name = "ctl", .mode = P9_S_IFREG | 0644, .text = ctl_text, .commands = commands},
	{.name = NULL},
};

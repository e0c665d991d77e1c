/* SPDX-License-Identifier: ISC */
/*
 * dma_tree.c: /dev/dma: memory for transfers, for a silo that drives a device by files.
 *
 *	alloc	write "size N align A" (and "device NAME" when several are leased); the same opener
 *		then reads "id: addr: size:" of the memory
 *	ctl	what the asking silo has
 *	ID	the memory: read, write, and a handle of kind VMO
 *
 * The memory is made through a lease of the asking silo, so that it is confined where there is an
 * IOMMU and freed only after the function was reset, when the lease ends.
 */
#include "servers/devd/devd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sys/log.h"
#include "sys/sys.h"

#define DMA_SIZE_MAX (16ull << 20)

static struct file_dma *dma_of(struct devd *d, uint32_t obj)
{
	uint32_t n = (obj & 0xffff) - 1;

	return n < DEVD_DMAS && d->dma[n].unit && d->dma[n].serial == obj >> 16 ? &d->dma[n] : NULL;
}

static uint32_t id_of(const struct devd *d, const struct file_dma *m)
{
	return m->serial << 16 | (uint32_t)(m - d->dma + 1);
}

static struct file_dma *own(struct p9_call *call, uint32_t obj)
{
	struct file_dma *m = dma_of(call->ctx, obj);

	return m && m->unit->silo == call->req->from.silo ? m : NULL;
}

static void dma_end(struct file_dma *m)
{
	phys_unmap(m->unit->devd, m->at, m->size);
	sys_handle_close(m->vmo);
	m->unit = NULL;
}

void dma_files_end(struct unit *u)
{
	for (unsigned i = 0; i < DEVD_DMAS; i++)
		if (u->devd->dma[i].unit == u)
			dma_end(&u->devd->dma[i]);
}

/* ---- alloc ----------------------------------------------------------------------- */

static struct unit *lease_named(struct devd *d, uint32_t silo, const char *name)
{
	for (unsigned i = 0; i < d->units; i++) {
		struct unit *u = &d->unit[i];

		if (u->state == UNIT_LEASED && u->silo == silo && u->args.dma_max &&
		    (!name || !strcmp(u->name, name)))
			return u;
	}
	return NULL;
}

static int dma_map(struct devd *d, struct file_dma *m)
{
	struct map_args args = {.vmo = m->vmo, .flags = PROT_R | PROT_W, .len = m->size};
	struct vmo_info info;
	int64_t at = sys_vmo_info(m->vmo, &info);

	if (!at)
		at = sys_aspace_map(d->aspace, &args);
	if (at < 0)
		return (int)at;
	m->at = (uint8_t *)at;
	m->bus = info.bus;
	return 0;
}

static int dma_make(struct devd *d, struct unit *u, uint64_t size, uint64_t align, uint32_t *id)
{
	struct file_dma *m = NULL;
	int64_t h;
	int err;

	for (unsigned i = 0; i < DEVD_DMAS && !m; i++)
		if (!d->dma[i].unit)
			m = &d->dma[i];
	if (!m)
		return -ENOSPC;
	h = sys_vmo_create_contiguous(u->lease, size, align);
	if (h < 0)
		return (int)h;
	*m = (struct file_dma){.unit = u, .vmo = (handle_t)h, .size = size};
	m->serial = ++d->dma_serial & 0x7fff;
	err = dma_map(d, m);
	if (err)
		dma_end(m);
	else
		*id = id_of(d, m);
	return err;
}

static int alloc_run(struct p9_call *call, int argc, char **argv)
{
	uint64_t size = 0, align = PAGE_SIZE;
	const char *name = NULL;
	struct unit *u;
	uint32_t id = 0;
	int err;

	for (int i = 0; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "size"))
			size = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "align"))
			align = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "device"))
			name = argv[i + 1];
		else
			return p9_tree_fail(call, EINVAL, "alloc: %.40s?", argv[i]);
	}
	if (argc % 2 || !size || size > DMA_SIZE_MAX)
		return p9_tree_fail(call, EINVAL, "alloc: size N align A, at most 16 MiB");
	u = lease_named(call->ctx, call->req->from.silo, name);
	if (!u || !(call->req->from.mode & MODE_DMA))
		return p9_tree_fail(call, EPERM, "alloc: no such lease, or no DMA in the mode");
	size = (size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	err = dma_make(call->ctx, u, size, align, &id);
	if (!err)
		*call->state = (void *)(uintptr_t)id;
	return err;
}

static const struct p9_command alloc_commands[] = {
	{.word = "size", .min = 1, .max = 5, .run = alloc_run, .usage = "size N align A"},
	{.word = NULL},
};

static void dma_line(const struct devd *d, const struct file_dma *m, struct p9_text *out)
{
	p9_text_printf(out, "id:%u addr:0x%llx size:%llu\n", id_of(d, m),
		       (unsigned long long)m->bus, (unsigned long long)m->size);
}

static int alloc_text(struct p9_call *call, struct p9_text *out)
{
	const struct file_dma *m = NULL;

	if (call->state && *call->state)
		m = own(call, (uint32_t)(uintptr_t)*call->state);
	if (m)
		dma_line(call->ctx, m, out);
	return 0;
}

/* ---- ctl ------------------------------------------------------------------------- */

static int ctl_text(struct p9_call *call, struct p9_text *out)
{
	const struct devd *d = call->ctx;

	for (unsigned i = 0; i < DEVD_DMAS; i++)
		if (d->dma[i].unit && d->dma[i].unit->silo == call->req->from.silo)
			dma_line(d, &d->dma[i], out);
	return 0;
}

/* ---- ID -------------------------------------------------------------------------- */

static int objects_next(void *ctx, uint32_t after, uint32_t *obj, char *name)
{
	struct devd *d = ctx;
	uint32_t best = UINT32_MAX;

	for (unsigned i = 0; i < DEVD_DMAS; i++)
		if (d->dma[i].unit && id_of(d, &d->dma[i]) > after && id_of(d, &d->dma[i]) < best)
			best = id_of(d, &d->dma[i]);
	if (best == UINT32_MAX)
		return -ENOENT;
	*obj = best;
	sprintf(name, "%u", best);
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

static int file_check(struct p9_call *call)
{
	return dma_of(call->ctx, call->obj) ? 0 : -ENOENT;
}

static int file_read(struct p9_call *call, uint64_t offset, uint32_t count)
{
	const struct file_dma *m = own(call, call->obj);

	if (!m)
		return -EPERM;
	if (offset >= m->size)
		return 0;
	if (count > m->size - offset)
		count = (uint32_t)(m->size - offset);
	return p9_respond_data(call->req, m->at + offset, count);
}

static int file_write(struct p9_call *call, uint64_t offset, uint32_t count)
{
	const struct file_dma *m = own(call, call->obj);

	if (!m)
		return -EPERM;
	if (offset > m->size || count > m->size - offset)
		return -ENOSPC;
	return p9_request_get(call->req, 0, m->at + offset, count);
}

static int file_gethandle(struct p9_call *call, enum p9_handle_kind kind, uint64_t arg,
			  uint64_t *value, uint32_t *handle)
{
	const struct file_dma *m = own(call, call->obj);
	uint32_t rights = RIGHT_MAP | RIGHT_READ | RIGHT_GRANT | (arg & PROT_W ? RIGHT_WRITE : 0);
	int64_t h;

	if (kind != P9_HANDLE_VMO)
		return -EOPNOTSUPP;
	if (!m || arg & PROT_X)
		return -EPERM;
	h = sys_handle_dup(m->vmo, rights);
	if (h < 0)
		return (int)h;
	*handle = (uint32_t)h;
	*value = m->size;
	return 0;
}

static int file_attr(struct p9_call *call, struct p9_attr *attr)
{
	const struct file_dma *m = dma_of(call->ctx, call->obj);

	attr->size = m ? m->size : 0;
	return 0;
}

static const struct p9_file dma_file = {.name = "dma",
					.mode = P9_S_IFREG | 0666,
					.check = file_check,
					.read = file_read,
					.write = file_write,
					.attr = file_attr,
					.gethandle = file_gethandle};

const struct p9_objects dma_objects = {
	.file = &dma_file, .next = objects_next, .find = objects_find};

const struct p9_file dma_dir[] = {
	{.name = "alloc",
	 .mode = P9_S_IFREG | 0666,
	 .text = alloc_text,
	 .commands = alloc_commands},
	{.name = "ctl", .mode = P9_S_IFREG | 0444, .text = ctl_text},
	{.name = NULL},
};

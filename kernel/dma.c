/* SPDX-License-Identifier: ISC */
/*
 * dma.c: memory that was made or mapped through a device, and its quarantine.
 *
 * Every such piece is a claim in the device's list. DMA memory is charged
 * (RES_DMA) to the silo of who claimed it and counted against the device's
 * dma_max. While the owner lives, its word is enough: dma_unmap, or the end of
 * a contiguous VMO, ends the claim. When the owner died the device may still be
 * writing: claims are then in quarantine, frames held and charged, until the
 * holder of REVOKE says that the function was reset (device_quiesced).
 * A driver's handles may be closed before or after its device is silenced: both
 * ways lead to quarantine.
 *
 * Invariant: dma_used + dma_quarantined is the sum of the DMA claims' pages.
 */
#include "device_private.h"
#include "aspace.h"
#include "iommu.h"
#include "log.h"
#include "memory.h"
#include "syscall.h"

#define MAP_PAGES_MAX 512u
#define VMO_RIGHTS                                                                                 \
	(RIGHT_READ | RIGHT_WRITE | RIGHT_MAP | RIGHT_GRANT | RIGHT_REVOKE | RIGHT_MANAGE |        \
	 RIGHT_INSIDE)

static uint64_t claim_bytes(const struct claim *c)
{
	return c->pages * PAGE_SIZE;
}

/* ---- making and ending claims ----------------------------------------------------- */

/* So many bytes more, modulo 2^64, are held through a device and all that it was cut out of. */
static void dma_hold(struct device *d, uint64_t bytes)
{
	for (; d; d = d->parent)
		d->dma_held += bytes;
}

/* Room in the budgets of the device and of those that it was cut out of, and in the silo's. */
static int dma_charge(struct device *d, struct silo *s, uint64_t bytes)
{
	int err;

	for (const struct device *up = d; up; up = up->parent)
		if (bytes > up->args.dma_max || up->dma_held > up->args.dma_max - bytes)
			return -EDQUOT;
	err = account_charge(s->account, RES_DMA, bytes);
	if (err)
		return err;
	d->dma_used += bytes;
	dma_hold(d, bytes);
	return 0;
}

static void dma_uncharge(struct device *d, struct silo *s, uint64_t bytes)
{
	d->dma_used -= bytes;
	dma_hold(d, -bytes);
	account_uncharge(s->account, RES_DMA, bytes);
}

/* A claim of the silo's, charged and listed, still without a VMO. NULL: *err says why. */
static struct claim *claim_new(struct device *d, struct silo *s, enum claim_kind kind,
			       uint64_t page, uint64_t pages, int *err)
{
	struct claim *c = kmem_alloc(s->account, sizeof(*c));

	*err = c ? 0 : -ENOMEM;
	if (!c)
		return NULL;
	if (kind != CLAIM_REGISTERS)
		*err = dma_charge(d, s, pages * PAGE_SIZE);
	if (*err) {
		kmem_free(c, sizeof(*c));
		return NULL;
	}
	list_add_tail(&d->claims, &c->node);
	c->device = d;
	c->kind = (uint8_t)kind;
	c->page = page;
	c->pages = pages;
	c->silo = s;
	object_get(&s->object);
	return c;
}

/* The claim is no more; nothing that it held is held any longer. */
static void claim_end(struct claim *c)
{
	struct silo *s = c->silo;

	assert(!c->quarantined);
	list_del(&c->node);
	if (c->device && c->kind != CLAIM_REGISTERS)
		dma_uncharge(c->device, s, claim_bytes(c));
	kmem_free(c, sizeof(*c));
	object_put(&s->object);
}

static bool owner_ends(const struct device *d)
{
	return d->owner && (d->owner->ending || d->owner->clearing);
}

/* ---- confinement ---------------------------------------------------------------------- */

static void claim_unconfine(struct claim *c)
{
	struct iommu_domain *domain = c->device ? c->device->domain : NULL;

	if (!c->confined)
		return;
	for (uint64_t i = 0; i < c->pages; i++)
		iommu_unmap(domain, vmo_frame(c->vmo, c->page + i));
	iommu_flush(domain);
	c->confined = false;
}

static int domain_ready(struct device *d)
{
	if (d->domain)
		return 0;
	if (d->args.source == NO_SOURCE)
		return -EPERM; /* no requester that could be confined */
	return iommu_domain_get(d->args.source, d->object.account, &d->domain);
}

/* With an IOMMU: let the device reach the claim's pages. */
static int claim_confine(struct claim *c)
{
	struct device *d = c->device;
	int err;

	if (!iommu_present())
		return 0;
	err = domain_ready(d);
	for (uint64_t i = 0; !err && i < c->pages; i++) {
		err = iommu_map(d->domain, vmo_frame(c->vmo, c->page + i));
		if (err && i) {
			while (i-- > 0)
				iommu_unmap(d->domain, vmo_frame(c->vmo, c->page + i));
			iommu_flush(d->domain); /* the device may have used them already */
			break;
		}
	}
	c->confined = !err;
	return err;
}

/* ---- quarantine --------------------------------------------------------------------- */

static void quarantine_count(struct claim *c, bool begins)
{
	struct device *d = c->device;
	uint64_t bytes = claim_bytes(c);

	c->quarantined = begins;
	d->dma_used += begins ? -bytes : bytes;
	d->dma_quarantined += begins ? bytes : -bytes;
	silo_quarantine(c->silo, begins ? (int64_t)bytes : -(int64_t)bytes);
}

static void quarantine_begin(struct claim *c)
{
	if (c->kind == CLAIM_CONTIGUOUS)
		vmo_pin(c->vmo, 0, c->pages);
	quarantine_count(c, true);
}

/* The VMO goes while its owner's handles are being closed: keep its frames. */
static void quarantine_frames(struct claim *c)
{
	c->frames = vmo_frame(c->vmo, 0);
	for (uint64_t i = 0; i < c->pages; i++)
		frame_get(c->frames + i * PAGE_SIZE);
	c->vmo = NULL;
	quarantine_count(c, true);
}

/* A contiguous VMO that somebody still has goes on as a claim out of quarantine. */
static void quarantine_end(struct claim *c)
{
	struct vmo *v = c->vmo;
	uint64_t page = c->page, pages = c->pages;
	paddr_t frames = c->frames;

	quarantine_count(c, false);
	if (c->kind == CLAIM_MAPPED || !v)
		claim_end(c);
	if (v)
		vmo_unpin(v, page, pages); /* may destroy the VMO, and then claim_release runs */
	for (uint64_t i = 0; frames && i < pages; i++)
		frame_put(frames + i * PAGE_SIZE);
}

static void claim_silence(struct claim *c)
{
	if (c->kind == CLAIM_REGISTERS)
		vmo_unmap_everywhere(c->vmo); /* may end the claim */
	else if (iommu_present())
		claim_unconfine(c);
	else if (!c->quarantined)
		quarantine_begin(c);
}

static struct claim *first_mapped(struct device *d)
{
	list_for_each (c, &d->claims, struct claim, node)
		if (c->kind == CLAIM_MAPPED)
			return c;
	return NULL;
}

/* What an IOMMU keeps the device from needs no quarantine. */
void claims_silence(struct device *d)
{
	struct claim *c;

	list_for_each_safe (each, &d->claims, struct claim, node)
		claim_silence(each);
	while (iommu_present() && (c = first_mapped(d))) {
		struct vmo *v = c->vmo;
		uint64_t page = c->page, pages = c->pages;

		claim_end(c);
		vmo_unpin(v, page, pages); /* may destroy it, and end its other claims */
	}
}

void claims_forget(struct device *d)
{
	list_for_each_safe (c, &d->claims, struct claim, node) {
		assert(c->kind != CLAIM_MAPPED && !c->quarantined && !c->confined);
		list_del(&c->node);
		if (c->kind != CLAIM_REGISTERS)
			dma_uncharge(d, c->silo, claim_bytes(c));
		c->device = NULL;
	}
}

void claims_adopt(struct device *to, struct device *from)
{
	list_for_each_safe (c, &from->claims, struct claim, node) {
		if (!c->quarantined)
			continue;
		list_del(&c->node);
		list_add_tail(&to->claims, &c->node);
		c->device = to;
		from->dma_quarantined -= claim_bytes(c);
		to->dma_quarantined += claim_bytes(c);
		dma_hold(from, -claim_bytes(c));
		dma_hold(to, claim_bytes(c));
	}
}

static bool device_within(const struct device *part, const struct device *whole)
{
	while (part && part != whole)
		part = part->parent;
	return part;
}

static void device_quiesce(struct device *d)
{
	list_for_each_safe (c, &d->claims, struct claim, node)
		if (c->quarantined)
			quarantine_end(c);
	if (!d->orphan)
		return;
	d->orphan = false;
	object_put(&d->object);
}

int64_t sys_device_quiesced(struct thread *cur, handle_t device)
{
	struct device *d;
	struct cap *cap;
	int err = device_find(cur, device, RIGHT_REVOKE, 0, &cap, &d);

	if (err)
		return err;
	/* What was cut out of it is of the same function; nobody may be left to say so for that. */
	list_for_each_safe (part, devices_all(), struct device, all_node)
		if (device_within(part, d))
			device_quiesce(part);
	return 0;
}

/* ---- VMOs of a device ------------------------------------------------------------------ */

/* vmo_on_destroy: the VMO of a claim goes. */
static void claim_release(struct vmo *v, void *arg)
{
	struct claim *c = arg;

	assert(c->vmo == v && !c->quarantined);
	claim_unconfine(c);
	if (c->kind == CLAIM_CONTIGUOUS && !iommu_present() && c->device && owner_ends(c->device))
		quarantine_frames(c);
	else
		claim_end(c);
}

/* Give the caller a handle to a claim's new VMO, which holds it from then on. */
static int64_t vmo_give(struct thread *cur, struct cap *above, struct claim *c, struct vmo *v)
{
	handle_t h;
	int err = 0;

	c->vmo = v;
	vmo_on_destroy(v, claim_release, c);
	if (c->kind == CLAIM_CONTIGUOUS)
		err = claim_confine(c);
	if (!err)
		err = handle_install(&cur->process->table, vmo_object(v), VMO_RIGHTS, above, &h);
	object_put(vmo_object(v)); /* without a handle it goes, and its claim */
	return err ? err : (int64_t)h;
}

int64_t claim_registers(struct thread *cur, struct cap *above, struct device *d, uint64_t base,
			uint64_t size)
{
	struct silo *s = cur->process->silo;
	struct claim *c;
	struct vmo *v;
	int err;

	c = claim_new(d, s, CLAIM_REGISTERS, 0, size / PAGE_SIZE, &err);
	if (!c)
		return err;
	err = vmo_make_fixed(cur->process->account, base, size, true, &v);
	if (err) {
		claim_end(c);
		return err;
	}
	return vmo_give(cur, above, c, v);
}

static int64_t claim_contiguous(struct thread *cur, struct cap *above, struct device *d,
				uint64_t size, uint64_t align)
{
	struct silo *s = cur->process->silo;
	struct claim *c;
	struct vmo *v;
	int64_t made;
	int err;

	c = claim_new(d, s, CLAIM_CONTIGUOUS, 0, size / PAGE_SIZE, &err);
	if (!c)
		return err;
	made = vmo_make_contiguous(cur, cur->process->account, size, align, &v);
	if (made) { /* K_RESTART too: the claim is made again then */
		claim_end(c);
		return made;
	}
	return vmo_give(cur, above, c, v);
}

int64_t sys_vmo_create_contiguous(struct thread *cur, handle_t device, uint64_t size,
				  uint64_t align)
{
	struct device *d;
	struct cap *above;
	int err = device_find(cur, device, RIGHT_MANAGE, MODE_DMA, &above, &d);

	if (err)
		return err;
	if (!size || !page_aligned(size) || (align & (align - 1)))
		return -EINVAL;
	err = device_own(d, cur->process);
	if (err)
		return err;
	return claim_contiguous(cur, above, d, size, align < PAGE_SIZE ? PAGE_SIZE : align);
}

/* ---- mapping ----------------------------------------------------------------------------- */

/* A whole number of pages inside a VMO that stays where it is. */
static int decode_range(const struct vmo *v, uint64_t offset, uint64_t len)
{
	enum vmo_kind kind = vmo_kind_of(v);

	if (kind != VMO_WIRED && kind != VMO_CONTIGUOUS)
		return -EINVAL;
	if (!len || !page_aligned(offset | len) || len > MAP_PAGES_MAX * PAGE_SIZE)
		return -EINVAL;
	return offset > vmo_size(v) || len > vmo_size(v) - offset ? -EINVAL : 0;
}

static int64_t addresses_out(struct thread *cur, struct vmo *v, uint64_t page, uint64_t pages,
			     uaddr_t out)
{
	static uint64_t bus[MAP_PAGES_MAX]; /* [K] */

	for (uint64_t i = 0; i < pages; i++)
		bus[i] = vmo_frame(v, page + i);
	return copy_out(cur, out, bus, pages * sizeof(bus[0]));
}

int64_t sys_dma_map(struct thread *cur, handle_t device, handle_t vmo, uint64_t offset,
		    uint64_t len, uaddr_t addrs)
{
	struct device *d;
	struct object *o;
	struct cap *cap;
	struct claim *c;
	struct vmo *v;
	int err;
	int64_t out = device_find(cur, device, RIGHT_MANAGE, MODE_DMA, &cap, &d);

	if (!out)
		out = object_find(cur, vmo, OBJ_VMO, RIGHT_READ | RIGHT_WRITE, &o);
	if (out)
		return out;
	v = vmo_of(o);
	out = decode_range(v, offset, len);
	if (!out)
		out = addresses_out(cur, v, offset / PAGE_SIZE, len / PAGE_SIZE, addrs);
	if (!out)
		out = device_own(d, cur->process);
	if (out)
		return out;
	c = claim_new(d, cur->process->silo, CLAIM_MAPPED, offset / PAGE_SIZE, len / PAGE_SIZE,
		      &err);
	if (!c)
		return err;
	c->vmo = v;
	err = claim_confine(c);
	if (err) {
		claim_end(c);
		return err;
	}
	vmo_pin(v, c->page, c->pages);
	return (int64_t)c->pages;
}

int64_t sys_dma_unmap(struct thread *cur, handle_t device, handle_t vmo, uint64_t offset,
		      uint64_t len)
{
	struct device *d;
	struct object *o;
	struct cap *cap;
	int err = device_find(cur, device, RIGHT_MANAGE, 0, &cap, &d);

	if (!err)
		err = object_find(cur, vmo, OBJ_VMO, 0, &o);
	if (err)
		return err;
	list_for_each (c, &d->claims, struct claim, node)
		if (c->kind == CLAIM_MAPPED && c->vmo == vmo_of(o) && !c->quarantined &&
		    c->page * PAGE_SIZE == offset && claim_bytes(c) == len) {
			claim_unconfine(c);
			vmo_unpin(c->vmo, c->page, c->pages); /* the handle still holds it */
			claim_end(c);
			return 0;
		}
	return -EINVAL;
}

/* SPDX-License-Identifier: ISC */
/*
 * dma.c: the calls that make memory for a device, or map it, and their ends.
 *
 * Every such piece is a claim in the device's list. DMA memory is charged
 * (RES_DMA) to the silo of who claimed it and counted against the device's
 * dma_max. While the owner lives, its word is enough: dma_unmap, or the end of
 * a contiguous VMO, ends the claim. When the owner died the device may still be
 * writing: claims are then in quarantine, frames held and charged, until the
 * holder of REVOKE says that the function was reset (device_quiesced).
 * A driver's handles may be closed before or after its device is silenced: both
 * ways lead to quarantine. With an IOMMU there is none: the pages leave the
 * device's domain, and its caches, before anybody lets go of their frames.
 *
 * All of that goes in slices (claim.h). A call that fails goes back in slices,
 * too, and answers when nothing of it is left.
 */
#include "claim.h"
#include "aspace.h"
#include "iommu.h"
#include "memory.h"
#include "syscall.h"
#include "thread.h"

#define MAP_PAGES_MAX 512u
#define TOLD_AT_ONCE  32u
#define COST_TOLD     150 /* an address, looked up and written out */
#define VMO_RIGHTS                                                                                 \
	(RIGHT_READ | RIGHT_WRITE | RIGHT_MAP | RIGHT_GRANT | RIGHT_REVOKE | RIGHT_MANAGE |        \
	 RIGHT_INSIDE)

/* A slice of the end of what the caller's call made or was to end; then the call's result. */
static int64_t claim_end_slice(struct claim *c, struct slice *s)
{
	int result = c->result;

	if (!claim_unconfine(c, s))
		return K_RESTART;
	claim_end(c);
	return result;
}

/* ---- calls that are not restarted ------------------------------------------------------- */

/* dma_map or dma_unmap. Without an IOMMU the device of a dying owner may know addresses already:
 * silence, which comes, decides. */
static void mapped_drop(struct claim *c)
{
	struct device *d = c->device;

	if (c->state == CLAIM_MAKING && !iommu_present() && owner_ends(d)) {
		claim_move(c, CLAIM_LIVE);
		return;
	}
	claim_move(c, CLAIM_ENDING);
	list_del(&c->node);
	list_add_head(&d->claims, &c->node);
	device_work(d);
}

void dma_call_drop(struct thread *t)
{
	struct claim *c = t->claim;

	if (likely(!c))
		return;
	claim_part(c);
	device_settle(c->device, t->process, -EINTR);
	if (c->kind == CLAIM_MAPPED)
		mapped_drop(c);
	else
		object_put(vmo_object(c->vmo)); /* nobody has a handle: it ends, and its claim */
}

/* ---- quarantine ------------------------------------------------------------------------- */

static bool device_within(const struct device *part, const struct device *whole)
{
	while (part && part != whole)
		part = part->parent;
	return part;
}

/* What was cut out of a device is of the same function; nobody may be left to say so for that. */
static struct device *quarantined_within(const struct device *whole)
{
	list_for_each (d, devices_all(), struct device, all_node)
		if (d->dma_quarantined && device_within(d, whole))
			return d;
	return NULL;
}

int64_t sys_device_quiesced(struct thread *cur, handle_t device)
{
	struct slice s = {SLICE_CALL};
	struct device *d, *part;
	struct cap *cap;
	int err = device_find(cur, device, RIGHT_REVOKE, 0, &cap, &d);

	if (err)
		return err;
	while ((part = quarantined_within(d))) {
		/* The end of a VMO, if it was the last that held it. */
		if (!slice_take(&s, COST_CLAIM + SLICE_DESTROY))
			return K_RESTART;
		quarantine_end(claim_quarantined(part));
	}
	return 0;
}

/* ---- VMOs of a device ------------------------------------------------------------------ */

/* vmo_on_destroy: the VMO of a claim goes, which the device must not reach by then. While the
 * handles of its owner are being closed only quarantine is sure of that. */
static bool claim_release(struct vmo *v, void *arg, struct slice *s)
{
	struct claim *c = arg;

	assert(c->vmo == v && c->state != CLAIM_QUARANTINED && !c->thread);
	if (c->state == CLAIM_LIVE && c->kind == CLAIM_CONTIGUOUS && !iommu_present() &&
	    owner_ends(c->device)) {
		vmo_park(v);
		c->parked = true;
		quarantine_begin(c);
		return false;
	}
	if (c->state != CLAIM_SILENCED)
		claim_move(c, CLAIM_ENDING);
	if (!claim_unconfine(c, s))
		return false;
	claim_end(c);
	return true;
}

/* Give the caller a handle to a claim's VMO, which holds it from then on. */
static int64_t vmo_give(struct thread *cur, struct cap *above, struct claim *c)
{
	struct vmo *v = c->vmo;
	handle_t h;
	int err;

	claim_move(c, CLAIM_LIVE);
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
	c->vmo = v;
	vmo_on_destroy(v, claim_release, c);
	return vmo_give(cur, above, c);
}

/* Memory for a claim of the call's. K_RESTART: the claim is made again then. */
static int64_t contiguous_make(struct thread *cur, struct device *d, uint64_t size, uint64_t align)
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
	if (made) {
		claim_end(c);
		return made;
	}
	c->vmo = v;
	vmo_on_destroy(v, claim_release, c);
	claim_join(c, cur);
	return 0;
}

/* Undo what the call has made, a slice of it; then its error. */
static int64_t contiguous_undo(struct claim *c, struct slice *s)
{
	struct vmo *v = c->vmo;
	int result = c->result;

	if (!claim_unconfine(c, s))
		return K_RESTART;
	claim_part(c);
	object_put(vmo_object(v)); /* ends the claim */
	return result;
}

static bool contiguous_goes_on(const struct claim *c, const struct device *d, uint64_t size,
			       uint64_t align)
{
	return c && c->kind == CLAIM_CONTIGUOUS && c->device == d && claim_bytes(c) == size &&
	       !(vmo_frame(c->vmo, 0) & (align - 1));
}

static int64_t claim_contiguous(struct thread *cur, struct cap *above, struct device *d,
				uint64_t size, uint64_t align)
{
	struct slice s = {SLICE_CALL};
	struct claim *c;
	int64_t err;

	if (!contiguous_goes_on(cur->claim, d, size, align)) {
		dma_call_drop(cur); /* before: its end may be the owner's */
		err = device_own(d, cur->process);
		if (!err)
			err = contiguous_make(cur, d, size, align);
		if (err)
			return err;
		s.left = SLICE_DESTROY; /* most of it went there */
	}
	c = cur->claim;
	err = c->state == CLAIM_MAKING ? claim_confine(c, &s) : c->result;
	if (err == K_RESTART)
		return err;
	if (err) {
		claim_move(c, CLAIM_ENDING);
		c->result = (int)err;
		return contiguous_undo(c, &s);
	}
	claim_part(c);
	return vmo_give(cur, above, c);
}

int64_t sys_vmo_create_contiguous(struct thread *cur, handle_t device, uint64_t size,
				  uint64_t align)
{
	struct device *d;
	struct cap *above;
	int64_t err = device_find(cur, device, RIGHT_MANAGE, MODE_DMA, &above, &d);

	if (!err && (!size || !page_aligned(size) || (align & (align - 1))))
		err = -EINVAL;
	if (err) {
		dma_call_drop(cur);
		return err;
	}
	err = claim_contiguous(cur, above, d, size, align < PAGE_SIZE ? PAGE_SIZE : align);
	if (!cur->claim) /* not under way: it has answered, or begins anew */
		device_settle(d, cur->process, err);
	return err;
}

/* ---- mapping ----------------------------------------------------------------------------- */

static int both_find(struct thread *cur, handle_t device, handle_t vmo, uint32_t mode,
		     uint32_t vmo_rights, struct device **d, struct vmo **v)
{
	struct object *o;
	struct cap *cap;
	int err = device_find(cur, device, RIGHT_MANAGE, mode, &cap, d);

	if (err)
		return err;
	err = object_find(cur, vmo, OBJ_VMO, vmo_rights, &o);
	if (err)
		return err;
	*v = vmo_of(o);
	return 0;
}

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

/* Write out the addresses. The device must not rely on them before the call has answered. */
static int64_t addresses_out(struct thread *cur, struct claim *c, uaddr_t out, struct slice *s)
{
	uint64_t bus[TOLD_AT_ONCE];
	int64_t err;

	while (c->told < c->pages) {
		uint64_t n = c->pages - c->told;

		if (n > TOLD_AT_ONCE)
			n = TOLD_AT_ONCE;
		if (!slice_take(s, (int64_t)n * COST_TOLD))
			return K_RESTART;
		for (uint64_t i = 0; i < n; i++)
			bus[i] = vmo_frame(c->vmo, c->page + c->told + i);
		err = copy_out(cur, (uaddr_t){out.a + c->told * sizeof(bus[0])}, bus,
			       n * sizeof(bus[0]));
		if (err)
			return err;
		c->told += n;
	}
	return 0;
}

static bool claim_is(const struct claim *c, const struct device *d, const struct vmo *v,
		     uint64_t offset, uint64_t len)
{
	return c->kind == CLAIM_MAPPED && c->device == d && c->vmo == v &&
	       c->page * PAGE_SIZE == offset && claim_bytes(c) == len;
}

/* What the caller's call has begun, if it was this one. Another is given up. */
static struct claim *call_goes_on(struct thread *cur, const struct device *d, const struct vmo *v,
				  uint64_t offset, uint64_t len, bool unmap)
{
	const struct claim *c = cur->claim;

	if (c &&
	    (!claim_is(c, d, v, offset, len) || unmap != (c->state == CLAIM_ENDING && !c->result)))
		dma_call_drop(cur);
	return cur->claim;
}

static int mapped_begin(struct thread *cur, struct device *d, struct vmo *v, uint64_t offset,
			uint64_t len)
{
	struct claim *c;
	int err = device_own(d, cur->process);

	if (err)
		return err;
	c = claim_new(d, cur->process->silo, CLAIM_MAPPED, offset / PAGE_SIZE, len / PAGE_SIZE,
		      &err);
	if (!c)
		return err;
	c->vmo = v;
	vmo_pin(v, c->page, c->pages);
	claim_join(c, cur);
	return 0;
}

/* A slice of the way from a new claim to a live one; or, when that has failed, back to none. */
static int64_t mapped_make(struct thread *cur, struct claim *c, uaddr_t addrs)
{
	struct slice s = {SLICE_CALL};
	int64_t err = c->result;

	if (c->state == CLAIM_MAKING)
		err = addresses_out(cur, c, addrs, &s);
	if (!err)
		err = claim_confine(c, &s);
	if (err == K_RESTART)
		return err;
	if (err) {
		claim_move(c, CLAIM_ENDING);
		c->result = (int)err;
		return claim_end_slice(c, &s);
	}
	claim_part(c);
	claim_move(c, CLAIM_LIVE);
	return (int64_t)c->pages;
}

int64_t sys_dma_map(struct thread *cur, handle_t device, handle_t vmo, uint64_t offset,
		    uint64_t len, uaddr_t addrs)
{
	struct device *d = NULL;
	struct vmo *v = NULL;
	int64_t err = both_find(cur, device, vmo, MODE_DMA, RIGHT_READ | RIGHT_WRITE, &d, &v);

	if (!err)
		err = decode_range(v, offset, len);
	if (err) {
		dma_call_drop(cur);
		return err;
	}
	if (!call_goes_on(cur, d, v, offset, len, false))
		err = mapped_begin(cur, d, v, offset, len);
	if (!err)
		err = mapped_make(cur, cur->claim, addrs);
	if (!cur->claim)
		device_settle(d, cur->process, err);
	return err;
}

static int mapped_find(struct thread *cur, struct device *d, const struct vmo *v, uint64_t offset,
		       uint64_t len)
{
	list_for_each (c, &d->claims, struct claim, node)
		if (c->state == CLAIM_LIVE && claim_is(c, d, v, offset, len)) {
			claim_move(c, CLAIM_ENDING);
			claim_join(c, cur);
			return 0;
		}
	return -EINVAL;
}

int64_t sys_dma_unmap(struct thread *cur, handle_t device, handle_t vmo, uint64_t offset,
		      uint64_t len)
{
	struct slice s = {SLICE_CALL};
	struct device *d = NULL;
	struct vmo *v = NULL;
	int err = both_find(cur, device, vmo, 0, 0, &d, &v);

	if (!err && !call_goes_on(cur, d, v, offset, len, true))
		err = mapped_find(cur, d, v, offset, len);
	if (err) {
		dma_call_drop(cur);
		return err;
	}
	return claim_end_slice(cur->claim, &s);
}

/* SPDX-License-Identifier: ISC */
/*
 * claim.c: what a device may reach and may not any more: states of claims, their
 * charges, translation domains, silence and quarantine. See claim.h.
 *
 * Invariants: dma_used + dma_quarantined of a device is the sum of its DMA claims'
 * pages, and as much is charged; dma_held is that sum with all that was cut out of it. A claim that
 * has pages in the domain, or perhaps in caches of the device's, keeps its VMO's frames.
 */
#include "claim.h"
#include "iommu.h"
#include "memory.h"
#include "thread.h"

#define CLAIMS_MAX  512u /* of a device: dma_unmap looks through them */
#define COST_DOMAIN 6000

#define TO(state) (1u << (state))

/* From each state: where to. MAKING, LIVE and ENDING stand in device->claims, the others in
 * ->silenced. */
static const uint8_t moves[CLAIM_STATES] = {
	[CLAIM_MAKING] =
		TO(CLAIM_LIVE) | TO(CLAIM_ENDING) | TO(CLAIM_QUARANTINED) | TO(CLAIM_SILENCED),
	[CLAIM_LIVE] = TO(CLAIM_ENDING) | TO(CLAIM_QUARANTINED) | TO(CLAIM_SILENCED),
	[CLAIM_ENDING] = TO(CLAIM_ENDING) | TO(CLAIM_QUARANTINED) | TO(CLAIM_SILENCED),
	[CLAIM_QUARANTINED] = TO(CLAIM_SILENCED),
	[CLAIM_SILENCED] = 0,
};

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

struct claim *claim_new(struct device *d, struct silo *s, enum claim_kind kind, uint64_t page,
			uint64_t pages, int *err)
{
	struct claim *c;

	*err = -EDQUOT;
	if (d->claim_count >= CLAIMS_MAX)
		return NULL;
	*err = -ENOMEM;
	c = kmem_alloc(s->account, sizeof(*c));
	if (!c)
		return NULL;
	*err = kind == CLAIM_REGISTERS ? 0 : dma_charge(d, s, pages * PAGE_SIZE);
	if (*err) {
		kmem_free(c, sizeof(*c));
		return NULL;
	}
	list_add_tail(&d->claims, &c->node);
	d->claim_count++;
	c->device = d;
	object_get(&d->object);
	c->kind = (uint8_t)kind;
	c->page = page;
	c->pages = pages;
	c->silo = s;
	object_get(&s->object);
	return c;
}

void claim_move(struct claim *c, enum claim_state to)
{
	assert(moves[c->state] & TO(to));
	c->state = (uint8_t)to;
	switch (to) {
	case CLAIM_MAKING:
	case CLAIM_LIVE:
	case CLAIM_ENDING:
	case CLAIM_STATES: return;
	case CLAIM_QUARANTINED:
		list_del(&c->node);
		list_add_head(&c->device->silenced, &c->node);
		return;
	case CLAIM_SILENCED: list_del(&c->node); list_add_tail(&c->device->silenced, &c->node);
	}
}

void claim_join(struct claim *c, struct thread *t)
{
	assert(!t->claim && !c->thread);
	t->claim = c;
	c->thread = t;
}

void claim_part(struct claim *c)
{
	if (c->thread)
		c->thread->claim = NULL;
	c->thread = NULL;
}

bool claims_under_way(const struct device *d)
{
	list_for_each (c, &d->claims, struct claim, node)
		if (c->thread)
			return true;
	return false;
}

void claim_end(struct claim *c)
{
	struct device *d = c->device;
	struct silo *s = c->silo;
	struct vmo *pinned = c->kind == CLAIM_MAPPED ? c->vmo : NULL;
	uint64_t page = c->page, pages = c->pages;

	assert(c->state != CLAIM_QUARANTINED && !c->confined && !c->stale);
	claim_part(c);
	list_del(&c->node);
	d->claim_count--;
	if (c->kind != CLAIM_REGISTERS)
		dma_uncharge(d, s, claim_bytes(c));
	kmem_free(c, sizeof(*c));
	object_put(&s->object);
	object_put(&d->object);
	if (pinned)
		vmo_unpin(pinned, page, pages); /* may destroy it, and end its own claim */
}

/* ---- confinement ---------------------------------------------------------------------- */

bool claim_unconfine(struct claim *c, struct slice *s)
{
	struct iommu_domain *domain = c->device->domain;

	for (; c->confined; c->confined--) {
		if (!iommu_unmap(domain, vmo_frame(c->vmo, c->page + c->confined - 1), s))
			return false;
		c->stale = true;
	}
	if (c->stale)
		iommu_flush(domain);
	c->stale = false;
	return true;
}

static int domain_ready(struct device *d, struct slice *s)
{
	if (d->domain)
		return 0;
	if (d->args.source == NO_SOURCE)
		return -EPERM; /* no requester that could be confined */
	s->left -= COST_DOMAIN;
	return iommu_domain_get(d->args.source, d->object.account, &d->domain);
}

int64_t claim_confine(struct claim *c, struct slice *s)
{
	int64_t err;

	if (!iommu_present())
		return 0;
	err = domain_ready(c->device, s);
	while (!err && c->confined < c->pages) {
		err = iommu_map(c->device->domain, vmo_frame(c->vmo, c->page + c->confined), s);
		if (!err)
			c->confined++;
	}
	return err;
}

/* ---- ends ------------------------------------------------------------------------------ */

/* It may be all that holds its VMO, which then begins to go. */
static void mapped_end(struct claim *c, struct slice *s)
{
	if (vmo_object(c->vmo)->refs == 1)
		s->left -= SLICE_DESTROY;
	claim_end(c);
}

bool claims_tidy(struct device *d, struct slice *s)
{
	while (!list_empty(&d->claims)) {
		struct claim *c = list_first(&d->claims, struct claim, node);

		if (c->state != CLAIM_ENDING || c->kind != CLAIM_MAPPED || c->thread)
			break;
		if (!slice_take(s, COST_CLAIM) || !claim_unconfine(c, s))
			return false;
		mapped_end(c, s);
	}
	return true;
}

/* ---- silence ---------------------------------------------------------------------------- */

static void quarantine_count(struct claim *c, bool begins)
{
	struct device *d = c->device;
	uint64_t bytes = claim_bytes(c);

	d->dma_used += begins ? -bytes : bytes;
	d->dma_quarantined += begins ? bytes : -bytes;
	silo_quarantine(c->silo, begins ? (int64_t)bytes : -(int64_t)bytes);
}

void quarantine_begin(struct claim *c)
{
	claim_move(c, CLAIM_QUARANTINED);
	quarantine_count(c, true);
}

/* A contiguous VMO that somebody still has goes on as a claim out of quarantine. */
void quarantine_end(struct claim *c)
{
	struct vmo *v = c->vmo;
	uint64_t pages = c->pages;
	bool parked = c->parked, mapped = c->kind == CLAIM_MAPPED;

	quarantine_count(c, false);
	claim_move(c, CLAIM_SILENCED);
	if (mapped || parked)
		claim_end(c);
	if (parked)
		vmo_unpark(v);
	else if (!mapped)
		vmo_unpin(v, 0, pages); /* may destroy it, and then claim_release runs */
}

static bool registers_silence(struct claim *c, struct slice *s)
{
	struct object *o = vmo_object(c->vmo);
	bool done;

	object_get(o); /* its mappings may be all that holds it */
	done = vmo_unmap_everywhere(c->vmo, s);
	if (done)
		claim_move(c, CLAIM_SILENCED);
	object_put(o);
	return done;
}

/* What an IOMMU keeps the device from needs no quarantine. */
static bool claim_silence(struct claim *c, struct slice *s)
{
	struct vmo *given_up = c->thread && c->kind != CLAIM_MAPPED ? c->vmo : NULL;

	claim_part(c);
	if (c->kind == CLAIM_REGISTERS)
		return registers_silence(c, s);
	if (given_up) {
		object_put(vmo_object(given_up)); /* its claim is ENDING then, or gone */
		return true;
	}
	if (!iommu_present()) {
		if (c->kind == CLAIM_CONTIGUOUS)
			vmo_pin(c->vmo, 0, c->pages);
		quarantine_begin(c);
		return true;
	}
	if (!claim_unconfine(c, s))
		return false;
	if (c->kind == CLAIM_MAPPED)
		mapped_end(c, s);
	else
		claim_move(c, CLAIM_SILENCED);
	return true;
}

bool claims_silence(struct device *d, struct slice *s)
{
	while (!list_empty(&d->claims))
		if (!slice_take(s, COST_CLAIM) ||
		    !claim_silence(list_first(&d->claims, struct claim, node), s))
			return false;
	return true;
}

struct claim *claim_quarantined(const struct device *d)
{
	return d->dma_quarantined ? list_first(&d->silenced, struct claim, node) : NULL;
}

void claims_adopt(struct device *to, struct device *from)
{
	struct claim *c;

	while ((c = claim_quarantined(from))) {
		list_del(&c->node);
		list_add_head(&to->silenced, &c->node);
		c->device = to;
		object_get(&to->object);
		from->claim_count--;
		to->claim_count++;
		from->dma_quarantined -= claim_bytes(c);
		to->dma_quarantined += claim_bytes(c);
		dma_hold(from, -claim_bytes(c));
		dma_hold(to, claim_bytes(c));
		object_put(&from->object);
	}
}

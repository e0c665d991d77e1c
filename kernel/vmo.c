/* SPDX-License-Identifier: ISC */
/*
 * vmo.c: memory objects: making, finding and filling pages, the end.
 *
 * Pages stand in the index, or, for linear VMOs (contiguous memory, registers,
 * the boot archive), one behind the other from `base`. A frame that stands in two
 * VMOs is marked ENTRY_COW in both; the first write of either side copies it, the
 * last holder takes it over. Frames of WIRED and CONTIGUOUS VMOs are FRAME_PLACED
 * and never change.
 *
 * A page of a pager VMO is mapped writable only once it is marked dirty, so that
 * the index alone says what is dirty.
 *
 * Page tables hold no references: a frame leaves the index only after it has left
 * all page tables and TLBs (vmo_unmap_pages).
 */
#include "vmo_private.h"
#include "arch.h"

static struct list dying = {&dying, &dying};

/* ---- making ---------------------------------------------------------------- */

int vmo_new(struct account *a, enum vmo_kind kind, uint64_t pages, struct vmo **out)
{
	struct vmo *v;

	if (!pages || pages > VMO_SIZE_MAX >> PAGE_SHIFT)
		return -EINVAL;
	v = kmem_alloc(a, sizeof(*v));
	if (!v)
		return -ENOMEM;
	object_init(&v->object, OBJ_VMO, a);
	v->kind = (uint8_t)kind;
	v->pages = pages;
	list_init(&v->mappings);
	list_init(&v->dying);
	*out = v;
	return 0;
}

int vmo_make(struct account *a, enum vmo_kind kind, uint64_t size, struct vmo **out)
{
	struct slice whole = {SLICE_WHOLE};
	int err;

	if (!page_aligned(size) || (kind != VMO_ANON && kind != VMO_WIRED))
		return -EINVAL;
	err = vmo_new(a, kind, size >> PAGE_SHIFT, out);
	if (err || kind == VMO_ANON)
		return err;
	err = (int)vmo_commit(*out, 0, (*out)->pages, NULL, &whole);
	if (err)
		object_put(&(*out)->object);
	return err;
}

int vmo_make_fixed(struct account *a, paddr_t base, uint64_t size, bool registers, struct vmo **out)
{
	struct vmo *v;
	int err;

	if (!page_aligned(base) || !page_aligned(size) || base + size < base)
		return -EINVAL;
	err = vmo_new(a, registers ? VMO_PHYSICAL : VMO_WIRED, size >> PAGE_SHIFT, &v);
	if (err)
		return err;
	v->linear = true;
	v->base = base;
	v->committed = v->pages;
	v->registers = registers;
	v->read_only = !registers;
	*out = v;
	return 0;
}

struct object *vmo_object(struct vmo *v)
{
	return &v->object;
}

struct vmo *vmo_of(struct object *o)
{
	return container_of(o, struct vmo, object);
}

enum vmo_kind vmo_kind_of(const struct vmo *v)
{
	return (enum vmo_kind)v->kind;
}

uint64_t vmo_size(const struct vmo *v)
{
	return v->pages << PAGE_SHIFT;
}

paddr_t vmo_frame(struct vmo *v, uint64_t page)
{
	if (page >= v->pages)
		return 0;
	return v->linear ? v->base + (page << PAGE_SHIFT) : ENTRY_FRAME(index_get(&v->index, page));
}

void vmo_pin(struct vmo *v, uint64_t page, uint64_t n)
{
	assert((v->kind == VMO_WIRED || v->kind == VMO_CONTIGUOUS) && page + n <= v->pages);
	v->pins++;
	object_get(&v->object);
}

void vmo_unpin(struct vmo *v, uint64_t page, uint64_t n)
{
	assert(v->pins && page + n <= v->pages);
	v->pins--;
	object_put(&v->object);
}

void vmo_on_destroy(struct vmo *v, bool (*release)(struct vmo *v, void *arg, struct slice *s),
		    void *arg)
{
	assert(!v->release);
	v->release = release;
	v->release_arg = arg;
}

/* ---- pages ----------------------------------------------------------------- */

/* Make a shared page the VMO's own. The old frame has other holders or none that we count, so it
 * is not freed here while somebody still copies from it. */
static int cow_break(struct vmo *v, uint64_t page, uint64_t entry, paddr_t *pa)
{
	paddr_t old = ENTRY_FRAME(entry), own;
	struct frame *f = frame_of(old);

	if (f && f->refs == 1 && !(f->flags & FRAME_FIXED)) {
		index_replace(&v->index, page, old);
		*pa = old;
		return 0;
	}
	own = frame_alloc_copy(v->object.account, 0, old);
	if (!own)
		return -ENOMEM;
	vmo_unmap_pages(v, page & ~(uint64_t)(INDEX_SLOTS - 1), 1ull << index_of(page));
	index_replace(&v->index, page, own);
	frame_put(old);
	*pa = own;
	return 0;
}

static int fill_zero(struct vmo *v, uint64_t page, struct vmo_page *out)
{
	uint32_t flags = v->kind == VMO_WIRED ? FRAME_PLACED : 0;
	paddr_t pa = frame_alloc(v->object.account, flags);

	if (!pa)
		return -ENOMEM;
	if (index_set(&v->index, page, pa, v->object.account)) {
		frame_put(pa);
		return -ENOMEM;
	}
	v->committed++;
	*out = (struct vmo_page){.pa = pa, .writable = true, .fresh = true};
	return 0;
}

int64_t vmo_page_get(struct vmo *v, uint64_t page, uint32_t access, struct thread *t,
		     struct vmo_page *out)
{
	struct index_node *leaf;
	uint64_t entry;

	if (page >= v->pages)
		return -EINVAL;
	if (v->linear) {
		vmo_linear_page(v, page, out);
		return (access & PROT_W) && !out->writable ? -EINVAL : 0;
	}
	leaf = index_leaf(&v->index, page);
	entry = leaf ? leaf->slot[index_of(page)] : 0;
	if (!entry)
		return v->pager ? pager_wait(v, page, access, t) : fill_zero(v, page, out);
	*out = (struct vmo_page){.pa = ENTRY_FRAME(entry), .writable = !(entry & ENTRY_COW)};
	if (!(access & PROT_W)) {
		if (v->pager && !(leaf->dirty >> index_of(page) & 1))
			out->writable = false;
		return 0;
	}
	if (v->pager)
		leaf->dirty |= 1ull << index_of(page);
	out->writable = true;
	return entry & ENTRY_COW ? cow_break(v, page, entry, &out->pa) : 0;
}

/* ---- the end --------------------------------------------------------------- */

static bool linear_free(struct vmo *v, struct slice *s)
{
	while (v->owned && v->pages) {
		if (!slice_take(s, COST_FRAME_FREE))
			return false;
		v->pages--;
		frame_put(v->base + (v->pages << PAGE_SHIFT));
	}
	return true;
}

/* Give back what is left of a dead VMO; true: it is gone. */
static bool vmo_free_slice(struct vmo *v, struct slice *s)
{
	uint64_t next = 0, dropped = 0;

	if (v->release && !v->release(v, v->release_arg, s))
		return false;
	v->release = NULL;
	if (v->linear ? !linear_free(v, s) : !vmo_drop(v, 0, UINT64_MAX, false, s, &next, &dropped))
		return false;
	assert(v->linear || !v->index.root);
	list_del(&v->dying);
	kmem_free(v, sizeof(*v));
	return true;
}

/* kernel_leave goes on with it. */
static void end_later(struct vmo *v)
{
	list_add_tail(&dying, &v->dying);
	sched_cleanup();
}

void vmo_destroy(struct object *o)
{
	struct vmo *v = vmo_of(o);
	struct slice s = {SLICE_DESTROY};

	assert(list_empty(&v->mappings) && !v->pins);
	list_del(&v->dying); /* it may be on its way to be emptied */
	list_init(&v->dying);
	if (v->pager)
		pager_destroy(v);
	if (!vmo_free_slice(v, &s) && !v->parked)
		end_later(v);
}

void vmo_park(struct vmo *v)
{
	assert(!v->object.refs && list_empty(&v->dying));
	v->release = NULL;
	v->parked = true;
}

void vmo_unpark(struct vmo *v)
{
	assert(v->parked);
	end_later(v);
}

void vmo_abandon(struct vmo *v)
{
	if (v->mapping_count)
		return;
	list_del(&v->dying);
	end_later(v);
}

/* Frames that readers hold of a server's cache would be missed by its successor. Who maps the VMO
 * keeps what it sees. */
static bool vmo_empty_slice(struct vmo *v, struct slice *s)
{
	uint64_t next = 0, dropped = 0;

	if (!v->mapping_count && !vmo_drop(v, 0, UINT64_MAX, false, s, &next, &dropped))
		return false;
	list_del(&v->dying);
	list_init(&v->dying);
	return true;
}

static bool vmo_cleanup_slice(struct vmo *v, struct slice *s)
{
	return v->object.refs ? vmo_empty_slice(v, s) : vmo_free_slice(v, s);
}

bool vmo_cleanup(struct slice *s)
{
	while (!list_empty(&dying))
		if (!vmo_cleanup_slice(list_first(&dying, struct vmo, dying), s))
			return true;
	return false;
}

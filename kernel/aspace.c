/* SPDX-License-Identifier: ISC */
/*
 * aspace.c: address spaces: making, mapping, unmapping, protection, the end.
 *
 * Unmapping goes in slices. A mapping that is being unmapped is marked `gone`:
 * faults fail, but its addresses stay taken until the whole call is done, so that
 * nobody can map there in between and lose it to the restarted call. Protection
 * changes the mapping first and then restricts its page table entries; `stale`
 * remembers how far that has come.
 *
 * The information page is a page table entry without a mapping, outside the
 * range that can be mapped.
 */
#include "aspace_private.h"
#include "info.h"

#define TABLES_AT_ONCE 32

static struct list dying = {&dying, &dying};

static struct aspace *aspace_of(struct object *o)
{
	return container_of(o, struct aspace, object);
}

static struct aspace *aspace_new(struct account *a)
{
	struct aspace *as = kmem_alloc(a, sizeof(*as));

	if (!as)
		return NULL;
	if (arch_aspace_init(&as->arch, a)) {
		kmem_free(as, sizeof(*as));
		return NULL;
	}
	object_init(&as->object, OBJ_ASPACE, a);
	return as;
}

/* What pays may be the account of an address space without a process, which hangs below that of a
 * process: then that one pays, or accounts would form chains, and each charge walks up. */
static struct account *account_own(struct account *a)
{
	return account_part(a->part && a->parent->part ? a->parent : a);
}

int aspace_make(struct account *a, struct aspace **out)
{
	struct account *own = account_own(a);
	struct aspace *as = own ? aspace_new(own) : NULL;

	if (own)
		account_put(own); /* the address space has it */
	if (!as)
		return -ENOMEM;
	list_init(&as->dying);
	as->choice_hint = CHOICE_LO;
	if (info_frame(0) && arch_map(&as->arch, USER_INFO_PAGE, info_frame(0), ARCH_R)) {
		object_put(&as->object);
		return -ENOMEM;
	}
	*out = as;
	return 0;
}

void aspace_withhold(struct aspace *as, uint32_t silo_flags)
{
	uint32_t withheld = as->withheld | (silo_flags & INFO_WITHHOLDS);
	int err;

	if (withheld == as->withheld)
		return;
	as->withheld = withheld;
	err = arch_map(&as->arch, USER_INFO_PAGE, info_frame(withheld), ARCH_R);
	assert(!err); /* its tables are there */
	arch_tlb_flush(&as->arch, USER_INFO_PAGE, 1);
}

bool prot_permitted(uint32_t rights, uint32_t prot)
{
	uint32_t need = prot & PROT_R ? RIGHT_READ : 0;

	need |= prot & PROT_W ? RIGHT_WRITE : 0;
	need |= prot & PROT_X ? RIGHT_EXECUTE : 0;
	need |= (prot & PROT_W) && (prot & PROT_X) ? RIGHT_WX : 0;
	return (rights & need) == need;
}

bool range_valid(uint64_t addr, uint64_t len)
{
	uint64_t end;

	return page_aligned(addr) && page_aligned(len) && len && addr >= USER_LO &&
	       !__builtin_add_overflow(addr, len, &end) && end <= USER_INFO_PAGE;
}

/* ---- unmap ----------------------------------------------------------------- */

/* Cut the mapping `i` at `at`, if that lies inside. One that is clear already and only keeps its
 * addresses goes as a whole. */
static int cut(struct aspace *as, uint32_t i, uint64_t at)
{
	const struct mapping *m = as->mappings[i];

	return m->start < at && m->end > at && m->vmo ? mapping_split(as, i, at) : 0;
}

/* Make mappings begin and end at lo and hi; *first is the first one of the range. */
static int range_cut(struct aspace *as, uint64_t lo, uint64_t hi, uint32_t *first)
{
	uint32_t i = mapping_index(as, lo);

	if (i < as->mapping_count && as->mappings[i]->start < lo && as->mappings[i]->vmo) {
		if (cut(as, i, lo))
			return -ENOMEM;
		i++;
	}
	*first = i;
	while (i < as->mapping_count && as->mappings[i]->end < hi)
		i++;
	return i < as->mapping_count ? cut(as, i, hi) : 0;
}

/* Addresses from `lo` on became free. */
static void hint_lower(struct aspace *as, uint64_t lo)
{
	if (lo < as->choice_hint)
		as->choice_hint = lo > CHOICE_LO ? lo : CHOICE_LO;
}

static void gone_mark(struct mapping *m)
{
	if (!m->gone)
		m->stale = m->start;
	m->gone = true;
}

/* Clear and release; true: nothing of it is left but its place in the array. */
static bool mapping_end(struct mapping *m, struct slice *s)
{
	gone_mark(m);
	if (!m->vmo)
		return true;
	s->left -= COST_MAPPING;
	if (!mapping_clear(m, s))
		return false;
	if (m->vmo->object.refs == 1)
		s->left -= SLICE_DESTROY;
	mapping_release(m);
	return true;
}

/* End mappings from index `first` up to `hi`; *end: as far as it came. One remains, which keeps the
 * addresses of all that are gone. */
static bool range_end(struct aspace *as, uint32_t first, uint64_t hi, struct slice *s,
		      uint32_t *end)
{
	uint32_t i = first, kept = first;
	bool done = true;

	for (; i < as->mapping_count && as->mappings[i]->start < hi; i++) {
		struct mapping *m = as->mappings[i];

		done = mapping_end(m, s);
		if (!done)
			break;
		if (kept == first) {
			as->mappings[kept++] = m;
			continue;
		}
		as->mappings[first]->end = m->end;
		mapping_free(m);
	}
	mappings_close(as, kept, i);
	*end = kept;
	return done;
}

bool aspace_unmap_slice(struct aspace *as, uint64_t lo, uint64_t hi, struct slice *s, int *err)
{
	uint32_t first, end;

	*err = range_cut(as, lo, hi, &first);
	if (*err)
		return true;
	if (!range_end(as, first, hi, s, &end))
		return false;
	mappings_remove(as, first, end);
	if (end != first)
		hint_lower(as, lo);
	return true;
}

void aspace_unmap_range(struct aspace *as, uint64_t addr, uint64_t len)
{
	struct slice whole = {SLICE_WHOLE};
	int err;

	if (range_valid(addr, len) && !aspace_unmap_slice(as, addr, addr + len, &whole, &err))
		panic("unmap did not end");
}

/* Take one mapping, ended already, out of its address space. */
static void mapping_forget(struct mapping *m)
{
	struct aspace *as = m->aspace;
	uint32_t i = mapping_index(as, m->start);

	assert(as->mappings[i] == m);
	hint_lower(as, m->start);
	mappings_remove(as, i, i + 1);
}

/* The node stays below its handle until all page table entries are gone; revoke comes again. */
void mapping_revoked(struct cap *node)
{
	struct mapping *m = container_of(node, struct mapping, cap);
	struct slice s = {SLICE_REVOKE};

	if (mapping_end(m, &s))
		mapping_forget(m);
}

bool vmo_unmap_everywhere(struct vmo *v, struct slice *s)
{
	bool done;

	v->ended = true;
	object_get(&v->object); /* the last mapping may hold it */
	while (!list_empty(&v->mappings)) {
		struct mapping *m = list_first(&v->mappings, struct mapping, vmo_node);

		/* and a look at each mapping of its address space */
		if (!slice_take(s, COST_MAPPING + 2 * (int64_t)m->aspace->mapping_count) ||
		    !mapping_end(m, s))
			break;
		mapping_forget(m);
	}
	done = list_empty(&v->mappings);
	object_put(&v->object);
	return done;
}

/* ---- map ------------------------------------------------------------------- */

/* First fit, with a page left free on both sides; *index is the place in the array. */
static bool address_choose(struct aspace *as, uint64_t len, uint64_t *addr, uint32_t *index)
{
	uint64_t pos = as->choice_hint;
	uint32_t i = mapping_index(as, pos - PAGE_SIZE);
	bool hole = false; /* was a hole passed over that would do for less? */

	for (;; i++) {
		uint64_t next = i < as->mapping_count ? as->mappings[i]->start : CHOICE_HI;

		if (next > pos) {
			if (next - pos > len && next - pos - len >= PAGE_SIZE)
				break;
			hole |= next - pos >= 2 * PAGE_SIZE;
		}
		if (i >= as->mapping_count)
			return false;
		if (as->mappings[i]->end + PAGE_SIZE > pos)
			pos = as->mappings[i]->end + PAGE_SIZE;
	}
	if (!hole)
		as->choice_hint = pos + len + PAGE_SIZE;
	*addr = pos;
	*index = i;
	return true;
}

static bool range_free(const struct aspace *as, uint64_t addr, uint64_t len, uint32_t *index)
{
	*index = mapping_index(as, addr);
	return *index == as->mapping_count || as->mappings[*index]->start >= addr + len;
}

/* Find the place; with MAP_REPLACE what is there goes, and K_RESTART says that more remains. */
static int64_t place_find(struct aspace *as, uint64_t len, uint32_t flags, struct slice *s,
			  uint64_t *addr, uint32_t *index)
{
	int err;

	if (!(flags & MAP_AT)) {
		if (*addr && range_valid(*addr, len) && range_free(as, *addr, len, index))
			return 0;
		return address_choose(as, len, addr, index) ? 0 : -ENOMEM;
	}
	if (!range_valid(*addr, len))
		return -EINVAL;
	if (range_free(as, *addr, len, index))
		return 0;
	if (!(flags & MAP_REPLACE))
		return -EEXIST;
	if (!aspace_unmap_slice(as, *addr, *addr + len, s, &err))
		return K_RESTART;
	*index = mapping_index(as, *addr);
	return err;
}

static uint32_t rights_of_prot(uint32_t prot)
{
	return (prot & PROT_R ? RIGHT_READ : 0) | (prot & PROT_W ? RIGHT_WRITE : 0) |
	       (prot & PROT_X ? RIGHT_EXECUTE : 0);
}

/* Flags that are seldom asked for. */
static int map_check_flags(const struct vmo *v, uint32_t flags)
{
	uint32_t known = PROT_R | PROT_W | PROT_X | MAP_AT | MAP_REPLACE | MAP_POPULATE |
			 MAP_UNCACHED | MAP_DROP | MAP_SHARE;

	if ((flags & ~known) || ((flags & MAP_REPLACE) && !(flags & MAP_AT)) ||
	    ((flags & MAP_UNCACHED) && !v->registers) ||
	    (flags & (MAP_DROP | MAP_SHARE)) == (MAP_DROP | MAP_SHARE))
		return -EINVAL;
	return 0;
}

static int map_check(const struct vmo *v, uint64_t offset, uint64_t len, uint32_t flags,
		     const struct cap *through, uint64_t addr)
{
	uint64_t size = v->pages << PAGE_SHIFT;

	if (unlikely(!len || !page_aligned(len | offset | addr) || offset > size ||
		     len > size - offset))
		return -EINVAL;
	if ((flags & ~(PROT_R | PROT_W | PROT_X | MAP_POPULATE)) && map_check_flags(v, flags))
		return -EINVAL;
	if (unlikely(v->ended))
		return -EOWNERDEAD;
	if ((flags & PROT_W) && v->read_only)
		return -EACCES;
	if (through && !prot_permitted(through->rights, flags))
		return -EACCES;
	return through && cap_revoking(through) ? -EAGAIN : 0;
}

int64_t aspace_map_slice(struct aspace *as, struct vmo *v, uint64_t offset, uint64_t len,
			 uint32_t flags, struct cap *through, struct slice *s, uint64_t *addr)
{
	uint32_t prot, index;
	struct mapping *m;
	int64_t err;

	if (flags & (PROT_W | PROT_X))
		flags |= PROT_R;
	prot = flags & (PROT_R | PROT_W | PROT_X);
	err = map_check(v, offset, len, flags, through, *addr);
	if (err)
		return err;
	err = mappings_room(as, 3); /* replacing may split twice */
	if (err)
		return err;
	m = mapping_new(as, v, through, through ? through->rights : rights_of_prot(prot));
	if (!m)
		return -ENOMEM;
	err = place_find(as, len, flags, s, addr, &index);
	if (err) {
		mapping_release(m);
		mapping_free(m);
		return err;
	}
	m->start = *addr;
	m->end = m->stale = *addr + len;
	m->page = offset >> PAGE_SHIFT;
	m->prot = prot;
	m->inherit = flags & (MAP_DROP | MAP_SHARE);
	mapping_insert(as, index, m);
	if (flags & MAP_POPULATE)
		mapping_populate(m, m->page, m->page + (len >> PAGE_SHIFT), true, s);
	return 0;
}

int aspace_map_vmo(struct aspace *as, struct vmo *v, uint64_t offset, uint64_t len, uint32_t flags,
		   struct cap *through, uint64_t *addr)
{
	struct slice whole = {SLICE_WHOLE};

	return (int)aspace_map_slice(as, v, offset, len, flags, through, &whole, addr);
}

/* ---- protect, inherit ------------------------------------------------------ */

/* Is [lo, hi) mapped without a hole, and may all of it have `prot`? 0, -ENOMEM, -EACCES. */
static int protect_check(struct aspace *as, uint64_t lo, uint64_t hi, uint32_t prot)
{
	for (uint32_t i = mapping_index(as, lo); lo < hi; i++) {
		const struct mapping *m = i < as->mapping_count ? as->mappings[i] : NULL;

		if (!m || m->start > lo || m->gone)
			return -ENOMEM;
		if (!prot_permitted(m->cap.rights, prot) || ((prot & PROT_W) && m->vmo->read_only))
			return -EACCES;
		lo = m->end;
	}
	return 0;
}

/* Join mappings from the one before `lo` to the one at `hi`. False: the slice is used up. */
static bool join_range(struct aspace *as, uint64_t lo, uint64_t hi, struct slice *s)
{
	uint32_t kept = mapping_index(as, lo - 1), i = kept + 1;

	if (i >= as->mapping_count)
		return true;
	for (; i < as->mapping_count && as->mappings[i]->start <= hi && s->left > 0; i++)
		if (mapping_join(as->mappings[kept], as->mappings[i]))
			s->left -= COST_MAPPING;
		else
			as->mappings[++kept] = as->mappings[i];
	mappings_close(as, kept + 1, i);
	return s->left > 0;
}

int64_t aspace_protect_slice(struct aspace *as, uint64_t lo, uint64_t hi, uint32_t prot,
			     struct slice *s)
{
	uint32_t i;
	int err;

	if (prot & (PROT_W | PROT_X))
		prot |= PROT_R;
	err = protect_check(as, lo, hi, prot);
	if (!err)
		err = range_cut(as, lo, hi, &i);
	if (err)
		return err;
	for (; i < as->mapping_count && as->mappings[i]->start < hi; i++) {
		struct mapping *m = as->mappings[i];

		if (m->prot & ~prot)
			m->stale = m->start;
		m->prot = prot;
		if (m->stale != m->end && !mapping_restrict(m, s))
			return K_RESTART;
	}
	return join_range(as, lo, hi, s) ? 0 : K_RESTART;
}

int64_t aspace_inherit(struct aspace *as, uint64_t lo, uint64_t hi, uint32_t how, struct slice *s)
{
	uint32_t i;
	int err = range_cut(as, lo, hi, &i);

	if (err)
		return err;
	for (; i < as->mapping_count && as->mappings[i]->start < hi; i++)
		as->mappings[i]->inherit = how;
	return join_range(as, lo, hi, s) ? 0 : K_RESTART;
}

/* ---- the end --------------------------------------------------------------- */

/* Take a dead address space apart, from the top; true: it is gone. */
static bool aspace_free_slice(struct aspace *as, struct slice *s)
{
	bool dirty;

	while (as->mapping_count) {
		uint32_t last = as->mapping_count - 1;

		if (!mapping_end(as->mappings[last], s))
			return false;
		mappings_remove(as, last, last + 1);
	}
	if (!slice_take(s, COST_MAPPING))
		return false;
	arch_unmap(&as->arch, USER_INFO_PAGE, &dirty);
	while (!arch_aspace_free(&as->arch, TABLES_AT_ONCE))
		if (!slice_take(s, TABLES_AT_ONCE * 4 * COST_FRAME_FREE))
			return false;
	mappings_array_free(as);
	mappings_spares_free(as);
	list_del(&as->dying);
	kmem_free(as, sizeof(*as));
	return true;
}

void aspace_destroy(struct object *o)
{
	struct aspace *as = aspace_of(o);
	struct slice s = {SLICE_DESTROY};

	if (!aspace_free_slice(as, &s)) {
		list_add_tail(&dying, &as->dying);
		sched_cleanup(); /* kernel_leave goes on with it */
	}
}

bool aspace_cleanup(struct slice *s)
{
	while (!list_empty(&dying))
		if (!aspace_free_slice(list_first(&dying, struct aspace, dying), s))
			return true;
	return false;
}

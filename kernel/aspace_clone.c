/* SPDX-License-Identifier: ISC */
/*
 * aspace_clone.c: copying an address space by its mappings' inherit flags.
 *
 * Mappings go over in groups: neighbours that show neighbouring parts of one VMO
 * (what mprotect made of one mapping) share one clone of it. The call works in
 * slices; between them the source may change, so the copy is of each group at
 * its own moment, as the source's other threads would see it.
 *
 * Shared mappings hang below the same handle as the original: revoking ends
 * both. A snapshot hangs below none: it is the new address space's own memory,
 * but its protection stays within the rights of the original mapping.
 *
 * What cannot change is shared instead of copied: the boot archive, and pages of
 * a pager that were mapped without the right to write.
 */
#include "aspace_private.h"
#include "process.h"
#include "work.h"

enum treatment { DROP, SHARE, COPY };

static enum treatment treatment_of(const struct mapping *m)
{
	const struct vmo *v = m->vmo;

	if (m->gone || m->inherit == MAP_DROP || v->registers || v->kind == VMO_CONTIGUOUS)
		return DROP;
	if (cap_revoking(m->cap.parent)) /* it is about to go, and nothing new may hang there */
		return DROP;
	if (m->inherit == MAP_SHARE || v->read_only)
		return SHARE;
	if (v->kind == VMO_PAGER && !(m->cap.rights & RIGHT_WRITE))
		return SHARE;
	return COPY;
}

/* Index behind the group that starts at `i`. */
static uint32_t group_end(const struct aspace *as, uint32_t i, enum treatment how)
{
	const struct mapping *m = as->mappings[i];

	while (++i < as->mapping_count) {
		const struct mapping *n = as->mappings[i];

		if (how != COPY || n->vmo != m->vmo || n->start != as->mappings[i - 1]->end ||
		    n->page != mapping_page(m, n->start) || treatment_of(n) != COPY)
			break;
	}
	return i;
}

/* Map in `to` what `m` maps, from `v`, where m's VMO page `page` is v's page 0. */
static int mapping_copy(struct aspace *to, const struct mapping *m, struct vmo *v, uint64_t page,
			struct cap *parent)
{
	struct mapping *n;
	int err = mappings_room(to, 1);

	if (err)
		return err;
	n = mapping_new(to, v, parent, m->cap.rights);
	if (!n)
		return -ENOMEM;
	n->start = m->start;
	n->end = n->stale = m->end;
	n->page = m->page - page;
	n->prot = m->prot;
	n->inherit = m->inherit;
	mapping_insert(to, to->mapping_count, n);
	return 0;
}

/* The clone that the group's pages go to: the one begun, if the group is still what it was. */
static int clone_begin(struct work *w, const struct mapping *m, uint64_t pages, struct account *a,
		       struct vmo **out)
{
	struct vmo *v;
	int err;

	if (w->part && vmo_of(w->part)->pages == pages && w->key[0] == m->vmo->object.id &&
	    w->key[1] == m->page) {
		*out = vmo_of(w->part);
		return 0;
	}
	if (w->part)
		object_put(w->part);
	w->part = NULL;
	w->count = 0;
	err = vmo_new(a, VMO_ANON, pages, &v);
	if (err)
		return err;
	w->part = &v->object;
	w->key[0] = m->vmo->object.id;
	w->key[1] = m->page;
	*out = v;
	return 0;
}

static int64_t group_copy(struct work *w, struct aspace *to, struct aspace *as, uint32_t i,
			  uint32_t end, struct slice *s)
{
	struct mapping *m = as->mappings[i];
	uint64_t pages = (as->mappings[end - 1]->end - m->start) >> PAGE_SHIFT;
	struct vmo *v;
	int64_t err = clone_begin(w, m, pages, to->object.account, &v);

	if (!err)
		err = vmo_clone(m->vmo, m->page, v, s, &w->count);
	for (; !err && i < end; i++)
		err = mapping_copy(to, as->mappings[i], v, m->page, NULL);
	if (err)
		return err;
	object_put(w->part); /* the mappings hold it now */
	w->part = NULL;
	w->count = 0;
	return 0;
}

/* Copy the group at or after w->next; *more: there was one. */
static int64_t group_next(struct work *w, struct aspace *to, struct aspace *as, struct slice *s,
			  bool *more)
{
	uint32_t i = mapping_index(as, w->next), end;
	struct mapping *m;
	enum treatment how;
	int64_t err = 0;

	*more = i < as->mapping_count;
	if (!*more)
		return 0;
	m = as->mappings[i];
	/* A mapping that reaches below the cursor was made by joining since: what is below is done.
	 */
	if (m->start < w->next && w->next) {
		w->next = m->end;
		return 0;
	}
	how = treatment_of(m);
	end = group_end(as, i, how);
	s->left -= COST_MAPPING * (int64_t)(end - i);
	if (how == SHARE)
		err = mapping_copy(to, m, m->vmo, 0, m->cap.parent);
	else if (how == COPY)
		err = group_copy(w, to, as, i, end, s);
	if (!err)
		w->next = as->mappings[end - 1]->end;
	return err;
}

int64_t aspace_clone(struct thread *cur, struct aspace *as, struct account *a, struct aspace **out)
{
	struct slice s = {SLICE_CALL};
	struct aspace *to;
	struct work w;
	int64_t err = 0;
	bool more = true;

	work_begin(&w, cur, WORK_ASPACE_CLONE, (uint64_t[4]){as->object.id});
	if (!w.made) {
		err = aspace_make(a, &to);
		if (!err)
			w.made = &to->object;
	}
	while (!err && more) {
		if (s.left <= 0)
			err = K_RESTART;
		else
			err = group_next(&w, container_of(w.made, struct aspace, object), as, &s,
					 &more);
	}
	if (err == K_RESTART)
		err = work_suspend(&w);
	if (err == K_RESTART)
		return err;
	if (!err) {
		*out = container_of(w.made, struct aspace, object);
		w.made = NULL;
	}
	work_end(&w);
	return err;
}

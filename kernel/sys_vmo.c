/* SPDX-License-Identifier: ISC */
/*
 * sys_vmo.c: the system calls on VMOs, but for pagers (pager.c) and devices
 * (device.c). Each looks up and checks everything first; long ones work in
 * slices and are restarted, see work.h.
 */
#include "aspace_private.h"
#include "process.h"
#include "silo.h"
#include "syscall.h"
#include "work.h"

static const uint8_t zero_page[PAGE_SIZE]; /* what an absent anonymous page reads as */

static struct account *payer(struct thread *cur)
{
	return thread_account(cur);
}

/* A handle with all rights but WX for a new object, whose only reference it takes. */
static int64_t handle_give(struct thread *cur, struct object *o)
{
	handle_t h;
	int err = handle_install(&cur->process->table, o, RIGHTS_ALL & ~RIGHT_WX, NULL, &h);

	object_put(o);
	return err ? err : (int64_t)h;
}

/* A handle of a VMO with `rights`, and a range inside its size. */
static int vmo_range(struct thread *cur, handle_t h, uint32_t rights, uint64_t offset, uint64_t len,
		     bool whole_pages, struct vmo **out)
{
	struct object *o;
	uint64_t end;
	int err = object_find(cur, h, OBJ_VMO, rights, &o);

	if (err)
		return err;
	*out = vmo_of(o);
	if (__builtin_add_overflow(offset, len, &end) || end > vmo_size(*out) ||
	    (whole_pages && !page_aligned(offset | len)))
		return -EINVAL;
	return 0;
}

int64_t sys_vmo_create(struct thread *cur, uint64_t size, uint32_t kind)
{
	struct slice s = {SLICE_CALL};
	struct object *made;
	struct work w;
	struct vmo *v;
	int64_t err = 0;

	if (!page_aligned(size) || (kind != VMO_ANON && kind != VMO_WIRED))
		return -EINVAL;
	if (kind == VMO_ANON) {
		err = vmo_new(payer(cur), VMO_ANON, size >> PAGE_SHIFT, &v);
		return err ? err : handle_give(cur, &v->object);
	}
	work_begin(&w, cur, WORK_VMO_CREATE, (uint64_t[4]){size});
	if (!w.made) {
		if (size >> PAGE_SHIFT > frames_free())
			err = size > VMO_SIZE_MAX ? -EINVAL : -ENOMEM;
		else
			err = vmo_new(payer(cur), VMO_WIRED, size >> PAGE_SHIFT, &v);
		if (!err)
			w.made = &v->object;
	}
	if (!err)
		err = vmo_commit(vmo_of(w.made), 0, size >> PAGE_SHIFT, NULL, &s);
	if (err == K_RESTART)
		err = work_suspend(&w);
	if (err == K_RESTART)
		return err;
	made = w.made;
	if (!err)
		w.made = NULL;
	work_end(&w);
	return err ? err : handle_give(cur, made);
}

int64_t sys_vmo_clone(struct thread *cur, handle_t vmo, uint64_t offset, uint64_t len)
{
	struct slice s = {SLICE_CALL};
	struct object *made;
	struct vmo *src, *v;
	struct work w;
	int64_t err = vmo_range(cur, vmo, RIGHT_READ, offset, len, true, &src);

	if (err)
		return err;
	if (!vmo_clonable(src))
		return -EINVAL;
	work_begin(&w, cur, WORK_VMO_CLONE, (uint64_t[4]){src->object.id, offset, len});
	if (!w.made) {
		err = vmo_new(payer(cur), VMO_ANON, len >> PAGE_SHIFT, &v);
		if (!err)
			w.made = &v->object;
	}
	if (!err)
		err = vmo_clone(src, offset >> PAGE_SHIFT, vmo_of(w.made), &s, &w.next);
	if (err == K_RESTART)
		err = work_suspend(&w);
	if (err == K_RESTART)
		return err;
	made = w.made;
	if (!err)
		w.made = NULL;
	work_end(&w);
	return err ? err : handle_give(cur, made);
}

int64_t sys_vmo_info(struct thread *cur, handle_t vmo, uaddr_t out)
{
	struct vmo_info info = {0};
	struct object *o;
	struct vmo *v;
	int err = object_find(cur, vmo, OBJ_VMO, 0, &o);

	if (err)
		return err;
	v = vmo_of(o);
	info.kind = v->kind;
	info.size = vmo_size(v);
	info.committed = v->committed << PAGE_SHIFT;
	info.bus = v->kind == VMO_CONTIGUOUS ? v->base : 0;
	info.mappings = v->mapping_count;
	return copy_out(cur, out, &info, sizeof(info));
}

int64_t sys_vmo_resize(struct thread *cur, handle_t vmo, uint64_t size)
{
	struct slice s = {SLICE_CALL};
	struct object *o;
	struct vmo *v;
	int err = object_find(cur, vmo, OBJ_VMO, RIGHT_MANAGE, &o);

	if (err)
		return err;
	v = vmo_of(o);
	if ((v->kind != VMO_ANON && v->kind != VMO_PAGER) || !size || !page_aligned(size) ||
	    size > VMO_SIZE_MAX)
		return -EINVAL;
	return vmo_resize(v, size >> PAGE_SHIFT, &s);
}

/* ---- read and write ---------------------------------------------------------- */

/* Copy within one page, in the direction of `access` (PROT_R: out of the VMO). Without `waiter` a
 * pager's page that is missing is -EAGAIN. */
static int64_t page_transfer(struct thread *cur, struct vmo *v, uint64_t at, uint64_t n,
			     uint64_t user, uint32_t access, struct thread *waiter)
{
	uint64_t page = at >> PAGE_SHIFT, offset = at & (PAGE_SIZE - 1);
	struct vmo_page p;
	int64_t err;

	if (access == PROT_R && v->kind == VMO_ANON && !index_get(&v->index, page))
		return copy_out(cur, (uaddr_t){user}, zero_page, n);
	err = vmo_page_get(v, page, access, waiter, &p);
	if (err)
		return err;
	if (access == PROT_R)
		return copy_out(cur, (uaddr_t){user}, (char *)phys_to_virt(p.pa) + offset, n);
	return copy_in(cur, (char *)phys_to_virt(p.pa) + offset, (uaddr_t){user}, n);
}

/* The frame of a page of an indexed VMO, or 0. The leaf in hand stays one as long as the lock is
 * held: a fault of the copy may add to the index, and takes nothing out. */
static inline paddr_t page_near(struct vmo *v, uint64_t page, const struct index_node **leaf)
{
	if (!*leaf || !index_of(page))
		*leaf = index_leaf(&v->index, page);
	return *leaf ? ENTRY_FRAME((*leaf)->slot[index_of(page)]) : 0;
}

/* What is copied stays copied: a call that is run again, in the next slice or after a pager has
 * served it, finds in its arguments what is left. */
static int64_t transfer(struct thread *cur, handle_t vmo, uint64_t offset, uint64_t user,
			uint64_t len, uint32_t access, uint32_t flags)
{
	struct thread *waiter = flags & VMO_RESIDENT ? NULL : cur;
	struct slice s = {SLICE_CALL};
	const struct index_node *leaf = NULL;
	uint64_t done = 0;
	struct vmo *v;
	int64_t err = vmo_range(cur, vmo, access == PROT_R ? RIGHT_READ : RIGHT_WRITE, offset, len,
				false, &v);

	if (err)
		return err;
	if (v->registers || (access == PROT_W && v->read_only) || flags & ~VMO_RESIDENT)
		return -EINVAL;
	if (!waiter && v->pager && !pager_lives(v))
		return -EIO;
	while (!err && done < len) {
		uint64_t at = offset + done, n = PAGE_SIZE - (at & (PAGE_SIZE - 1));
		paddr_t pa;

		n = n < len - done ? n : len - done;
		if (!slice_take(&s, COST_PTE + (int64_t)n / 8))
			err = K_RESTART;
		else if (access == PROT_R && (pa = page_near(v, at >> PAGE_SHIFT, &leaf)))
			err = copy_out(cur, (uaddr_t){user + done},
				       (char *)phys_to_virt(pa) + (at & (PAGE_SIZE - 1)), n);
		else
			err = page_transfer(cur, v, at, n, user + done, access, waiter);
		done += err ? 0 : n;
	}
	if (err == K_RESTART) {
		REGS_ARG1(&cur->regs) = offset + done;
		REGS_WORD0(&cur->regs) = user + done;
		REGS_WORD1(&cur->regs) = len - done;
	} else if (err) {
		pager_error_forget(cur);
	}
	return err;
}

int64_t sys_vmo_read(struct thread *cur, handle_t vmo, uint64_t offset, uaddr_t out, uint64_t len,
		     uint32_t flags)
{
	return transfer(cur, vmo, offset, out.a, len, PROT_R, flags);
}

int64_t sys_vmo_write(struct thread *cur, handle_t vmo, uint64_t offset, uaddr_t in, uint64_t len)
{
	return transfer(cur, vmo, offset, in.a, len, PROT_W, 0);
}

int64_t sys_vmo_commit(struct thread *cur, handle_t vmo, uint64_t offset, uint64_t len)
{
	struct slice s = {SLICE_CALL};
	struct vmo *v;
	int64_t err = vmo_range(cur, vmo, RIGHT_WRITE, offset, len, true, &v);

	if (err)
		return err;
	err = vmo_commit(v, offset >> PAGE_SHIFT, (offset + len) >> PAGE_SHIFT, cur, &s);
	if (err && err != K_RESTART)
		pager_error_forget(cur);
	return err;
}

int64_t sys_vmo_decommit(struct thread *cur, handle_t vmo, uint64_t offset, uint64_t len)
{
	struct slice s = {SLICE_CALL};
	uint64_t next = 0, dropped = 0;
	struct vmo *v;
	int err = vmo_range(cur, vmo, RIGHT_WRITE, offset, len, true, &v);

	if (err)
		return err;
	if (v->kind != VMO_ANON)
		return -EINVAL;
	if (!vmo_drop(v, offset >> PAGE_SHIFT, (offset + len) >> PAGE_SHIFT, false, &s, &next,
		      &dropped))
		return K_RESTART;
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * sys_aspace.c: the system calls on address spaces. The work is in aspace.c and
 * aspace_clone.c; here handles are looked up and arguments checked.
 */
#include "aspace_private.h"
#include "process.h"
#include "silo.h"
#include "syscall.h"

static int aspace_find(struct thread *cur, handle_t h, uint32_t rights, struct aspace **out)
{
	struct object *o;
	int err = object_find(cur, h, OBJ_ASPACE, rights, &o);

	if (!err)
		*out = container_of(o, struct aspace, object);
	return err;
}

static int aspace_range(struct thread *cur, handle_t h, uint64_t addr, uint64_t len,
			struct aspace **out)
{
	int err = aspace_find(cur, h, RIGHT_WRITE, out);

	if (!err && !range_valid(addr, len))
		err = -EINVAL;
	return err;
}

static int64_t handle_give(struct thread *cur, struct aspace *as)
{
	handle_t h;
	int err =
		handle_install(&cur->process->table, &as->object, RIGHTS_ALL & ~RIGHT_WX, NULL, &h);

	object_put(&as->object);
	return err ? err : (int64_t)h;
}

int64_t sys_aspace_create(struct thread *cur)
{
	struct aspace *as;
	int err = aspace_make(thread_account(cur), &as);

	return err ? err : handle_give(cur, as);
}

int64_t sys_aspace_map(struct thread *cur, handle_t aspace, uaddr_t args)
{
	struct slice s = {SLICE_CALL};
	struct map_args a;
	struct aspace *as;
	struct cap *c;
	int64_t err = aspace_find(cur, aspace, RIGHT_WRITE, &as);

	if (err)
		return err;
	err = copy_in(cur, &a, args, sizeof(a));
	if (err)
		return err;
	err = cap_find(cur, a.vmo, OBJ_VMO, RIGHT_MAP, &c);
	if (err)
		return err;
	err = aspace_map_slice(as, vmo_of(c->object), a.offset, a.len, a.flags, c, &s, &a.addr);
	return err ? err : (int64_t)a.addr;
}

int64_t sys_aspace_unmap(struct thread *cur, handle_t aspace, uint64_t addr, uint64_t len)
{
	struct slice s = {SLICE_CALL};
	struct aspace *as;
	int err = aspace_range(cur, aspace, addr, len, &as);

	if (err)
		return err;
	if (!aspace_unmap_slice(as, addr, addr + len, &s, &err))
		return K_RESTART;
	return err;
}

int64_t sys_aspace_protect(struct thread *cur, handle_t aspace, uint64_t addr, uint64_t len,
			   uint32_t prot)
{
	struct slice s = {SLICE_CALL};
	struct aspace *as;
	int err = aspace_range(cur, aspace, addr, len, &as);

	if (err)
		return err;
	if (prot & ~(PROT_R | PROT_W | PROT_X))
		return -EINVAL;
	return aspace_protect_slice(as, addr, addr + len, prot, &s);
}

int64_t sys_aspace_inherit(struct thread *cur, handle_t aspace, uint64_t addr, uint64_t len,
			   uint32_t how)
{
	struct slice s = {SLICE_CALL};
	struct aspace *as;
	int err = aspace_range(cur, aspace, addr, len, &as);

	if (err)
		return err;
	if (how && how != MAP_SHARE && how != MAP_DROP)
		return -EINVAL;
	return aspace_inherit(as, addr, addr + len, how, &s);
}

int64_t sys_aspace_clone(struct thread *cur, handle_t aspace)
{
	struct aspace *as, *out;
	int64_t err = aspace_find(cur, aspace, RIGHT_READ, &as);

	if (err)
		return err;
	err = aspace_clone(cur, as, thread_account(cur), &out);
	return err ? err : handle_give(cur, out);
}

int64_t sys_aspace_query(struct thread *cur, handle_t aspace, uint64_t addr, uaddr_t out)
{
	struct mapping_info info = {0};
	struct aspace *as;
	uint32_t i;
	int err = aspace_find(cur, aspace, RIGHT_READ, &as);

	if (err)
		return err;
	i = mapping_index(as, addr);
	while (i < as->mapping_count && as->mappings[i]->gone)
		i++;
	if (i == as->mapping_count)
		return -ENOENT;
	info.addr = as->mappings[i]->start;
	info.len = as->mappings[i]->end - info.addr;
	info.offset = as->mappings[i]->page << PAGE_SHIFT;
	info.vmo = as->mappings[i]->vmo->object.id;
	info.flags = as->mappings[i]->prot | as->mappings[i]->inherit;
	return copy_out(cur, out, &info, sizeof(info));
}

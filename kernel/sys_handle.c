/* SPDX-License-Identifier: ISC */
/*
 * sys_handle.c: system calls on handles: close, copy, fewer rights, what they are.
 *
 * Rights only shrink: a copy has at most those of the handle that it is made from.
 * handle_revoke is in derivation.c; handles go to others in messages (message.c) and
 * by process_give (sys_process.c).
 */
#include "handle.h"
#include "memory.h"
#include "process.h"
#include "silo.h"
#include "syscall.h"

int64_t sys_handle_close(struct thread *cur, handle_t h)
{
	struct cap *c = cap_named(cur->process, h); /* giving up is not gated */

	if (!c)
		return -EBADF;
	cap_close(c);
	return 0;
}

int64_t sys_handle_dup(struct thread *cur, handle_t h, uint32_t rights)
{
	struct cap *c;
	handle_t out;
	int err = cap_find(cur, h, OBJ_NONE, 0, &c);

	if (err)
		return err;
	if (c->object->type == OBJ_REPLY)
		return -EINVAL; /* one-shot */
	if (rights == RIGHTS_SAME)
		rights = c->rights;
	if (rights & ~c->rights)
		return -EPERM;
	err = handle_install(&cur->process->table, c->object, rights, c, &out);
	return err ? err : (int64_t)out;
}

int64_t sys_handle_shrink(struct thread *cur, handle_t h, uint32_t rights)
{
	struct cap *c = cap_named(cur->process, h); /* nor is this */

	if (!c)
		return -EBADF;
	c->rights &= rights;
	return 0;
}

static void info_fill(struct handle_info *info, const struct cap *c)
{
	const struct object *o = c->object;

	memset(info, 0, sizeof(*info));
	info->type = o->type;
	info->rights = c->rights;
	info->flags = c->flags;
	info->refs = o->refs;
	info->id = o->id;
	info->handle = handle_number(c);
	info->silo = account_of_silo(o->account)->silo;
}

int64_t sys_handle_info(struct thread *cur, handle_t h, uaddr_t out)
{
	struct handle_info info;
	struct cap *c;
	int err = cap_find(cur, h, OBJ_NONE, 0, &c);

	if (err)
		return err;
	info_fill(&info, c);
	if (c->object->type == OBJ_SENDER && (c->rights & RIGHT_MANAGE))
		info.badge = sender_badge(c->object);
	return copy_out(cur, out, &info, sizeof(info));
}

int64_t sys_ipc_rights(struct thread *cur, handle_t h, uaddr_t out)
{
	struct handle_info info;
	struct cap *c;
	int err = cap_find(cur, h, OBJ_SENDER, 0, &c);

	if (err)
		return err;
	info_fill(&info, c);
	return copy_out(cur, out, &info, sizeof(info));
}

int64_t sys_handle_flags(struct thread *cur, handle_t h, uint32_t set, uint32_t clear)
{
	struct cap *c;
	int err = cap_find(cur, h, OBJ_NONE, 0, &c);

	if (err)
		return err;
	if ((set | clear) & ~(HANDLE_INHERIT | HANDLE_STAY))
		return -EINVAL;
	if ((set & HANDLE_INHERIT) && c->object->type == OBJ_REPLY)
		return -EINVAL; /* one-shot */
	c->flags = (c->flags & ~clear) | set;
	return 0;
}

int64_t sys_handle_list(struct thread *cur, handle_t process, uint32_t start, uaddr_t infos,
			uint32_t n)
{
	struct handle_info batch[16];
	struct object *o;
	struct handle_table *t;
	unsigned count = 0;
	int64_t err = object_find(cur, process, OBJ_PROCESS, RIGHT_READ, &o);

	if (err)
		return err;
	t = &process_of(o)->table;
	if (n > array_len(batch))
		n = array_len(batch);
	for (uint32_t i = start; i < t->slots && count < n; i++)
		if (handle_at(t, i))
			info_fill(&batch[count++], handle_at(t, i));
	err = count ? copy_out(cur, infos, batch, count * sizeof(batch[0])) : 0;
	return err ? err : (int64_t)count;
}

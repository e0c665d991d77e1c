/* SPDX-License-Identifier: ISC */
/*
 * sys_process.c: system calls on processes: making and ending them, looking into
 * them, handles given and taken, what a process gives up for itself.
 *
 * Making needs MANAGE of the silo; all that changes another process needs MANAGE of
 * it. A process gives no pledge that it has not.
 *
 * The life that they move along is process.c's; process_exec is in exec.c.
 */
#include "memory.h"
#include "process.h"
#include "sched.h"
#include "silo.h"
#include "syscall.h"

/* ---- life ---------------------------------------------------------------- */

static int spawn_allowed(struct thread *cur, struct silo *s)
{
	if (s != cur->process->silo && !(cur->process->silo->mode & MODE_SPAWN))
		return -EPERM;
	return 0;
}

int64_t sys_process_create(struct thread *cur, handle_t silo, handle_t aspace, uaddr_t args)
{
	struct process_args a;
	struct object *so, *ao;
	struct process *p;
	handle_t h;
	int64_t err = object_find(cur, silo, OBJ_SILO, RIGHT_MANAGE, &so);

	if (!err)
		err = object_find(cur, aspace, OBJ_ASPACE, RIGHT_MANAGE, &ao);
	if (!err)
		err = copy_in(cur, &a, args, sizeof(a));
	if (!err)
		err = spawn_allowed(cur, silo_of(so));
	if (err)
		return err;
	if (a.pledges & ~cur->process->pledges)
		return -EPERM;
	if ((a.flags & PROCESS_INHERIT) && silo_of(so) != cur->process->silo)
		err = handle_table_leaves(&cur->process->table);
	if (err)
		return err;
	err = process_make(silo_of(so), container_of(ao, struct aspace, object), &a, &p);
	if (err)
		return err;
	p->capability = cur->process->capability;
	process_identity_update(p);
	if (a.flags & PROCESS_INHERIT)
		err = handle_table_inherit(&p->table, &cur->process->table);
	if (!err)
		err = handle_install(&cur->process->table, &p->object, RIGHTS_ALL & ~RIGHT_WX, NULL,
				     &h);
	if (!err) {
		silo_process_made(p->silo, p);
		process_event(cur->process, PROCESS_EV_FORK, p->pid);
	} else {
		process_end(p, 0, NULL); /* clears what was inherited */
	}
	object_put(&p->object);
	return err ? err : (int64_t)h;
}

int64_t sys_process_open(struct thread *cur, handle_t silo, uint64_t pid)
{
	struct cap *c;
	handle_t h;
	int err = cap_find(cur, silo, OBJ_SILO, RIGHT_MANAGE, &c);

	if (err)
		return err;
	list_for_each (p, &silo_of(c->object)->processes, struct process, silo_node) {
		if (p->pid != pid || p->state == PROCESS_GONE)
			continue;
		err = handle_install(&cur->process->table, &p->object, RIGHTS_ALL & ~RIGHT_WX, c,
				     &h);
		return err ? err : (int64_t)h;
	}
	return -ESRCH;
}

int64_t sys_process_exit(struct thread *cur, int32_t code)
{
	process_end(cur->process, code, NULL);
	return K_DONE;
}

static int process_find(struct thread *cur, handle_t h, uint32_t rights, struct process **out)
{
	struct object *o;
	int err = object_find(cur, h, OBJ_PROCESS, rights, &o);

	if (!err)
		*out = process_of(o);
	return err;
}

int64_t sys_process_kill(struct thread *cur, handle_t process, int32_t code)
{
	struct process *p;
	int err = process_find(cur, process, RIGHT_MANAGE, &p);

	if (err)
		return err;
	if (p->state >= PROCESS_CORPSE)
		return 0;
	process_end(p, code, NULL);
	if (p == cur->process)
		return K_DONE;
	return K_RESTART; /* until it is a corpse */
}

int64_t sys_process_reap(struct thread *cur, handle_t process)
{
	struct process *p;
	int err = process_find(cur, process, RIGHT_MANAGE, &p);

	if (err)
		return err;
	if (p->state < PROCESS_CORPSE)
		return -EBUSY;
	if (p->state == PROCESS_CORPSE)
		corpse_release(p);
	return 0;
}

/* ---- looking ------------------------------------------------------------- */

void process_info_fill(struct process *p, struct process_info *info)
{
	uint64_t cycles = p->cpu_ns;

	memset(info, 0, sizeof(*info));
	list_for_each (t, &p->threads, struct thread, process_node)
		cycles += thread_cycles(t);
	info->pid = p->pid;
	info->state = p->state;
	info->code = p->code;
	info->reason = p->crash.reason;
	info->silo = p->silo->id;
	info->threads = p->thread_count;
	info->handles = p->table.used;
	info->memory = p->aspace ? p->aspace->resident : 0;
	info->charged = p->account->usage[RES_MEMORY];
	info->cpu_ns = cycles_to_ns(cycles);
	info->fault_code = p->crash.code;
	info->fault_address = p->crash.address;
	info->fault_rip = p->crash.rip;
	info->main_thread = p->main_thread;
	info->pledges = p->pledges;
	info->flags = p->identity.flags;
	memcpy(info->name, p->name, sizeof(info->name));
}

int64_t sys_process_info(struct thread *cur, handle_t process, uaddr_t out)
{
	struct process_info info;
	struct process *p;
	int err = process_find(cur, process, RIGHT_READ, &p);

	if (err)
		return err;
	process_info_fill(p, &info);
	return copy_out(cur, out, &info, sizeof(info));
}

static int64_t other_memory(struct thread *cur, handle_t process, uint64_t addr, uaddr_t buf,
			    uint64_t len, bool write)
{
	struct process *p;
	int err = process_find(cur, process, RIGHT_MANAGE, &p);

	if (err)
		return err;
	if (len > 65536)
		return -EINVAL;
	if (!p->aspace)
		return -ESRCH;
	if (write)
		return aspace_copy(p->aspace, addr, cur->aspace, buf.a, len);
	return aspace_copy(cur->aspace, buf.a, p->aspace, addr, len);
}

int64_t sys_process_read(struct thread *cur, handle_t process, uint64_t addr, uaddr_t out,
			 uint64_t len)
{
	return other_memory(cur, process, addr, out, len, false);
}

int64_t sys_process_write(struct thread *cur, handle_t process, uint64_t addr, uaddr_t in,
			  uint64_t len)
{
	return other_memory(cur, process, addr, in, len, true);
}

/* ---- handles ------------------------------------------------------------- */

int64_t sys_process_give(struct thread *cur, handle_t process, handle_t h, uint32_t rights,
			 uint32_t flags)
{
	struct process *p;
	struct cap *c, *moving;
	handle_t out;
	int err = process_find(cur, process, RIGHT_MANAGE, &p);

	if (!err)
		err = cap_find(cur, h, OBJ_NONE, RIGHT_GRANT, &c);
	if (err)
		return err;
	if (rights == RIGHTS_SAME)
		rights = c->rights;
	if ((rights & ~c->rights) || cur->process->capability)
		return -EPERM;
	if ((flags & ~(HANDLE_INHERIT | HANDLE_STAY | HANDLE_KEPT | GIVE_MOVE)) ||
	    c->object->type == OBJ_REPLY)
		return -EINVAL;
	if (p->state > PROCESS_RUNNING || p->ending)
		return -ESRCH;
	if (flags & GIVE_MOVE) {
		err = cap_revoking(c) ? -EAGAIN : handle_room(&p->table, 1);
		if (err)
			return err;
		cap_detach(c, &moving);
		moving->rights = rights;
		out = cap_attach(&p->table, moving);
	} else {
		err = handle_install(&p->table, c->object, rights, c, &out);
		if (err)
			return err;
	}
	handle_at(&p->table, out & (HANDLE_SLOTS_MAX - 1))->flags = (uint8_t)(flags & ~GIVE_MOVE);
	return out;
}

int64_t sys_process_take(struct thread *cur, handle_t process, handle_t number)
{
	struct process *p;
	struct cap *c, *moving;
	int err = process_find(cur, process, RIGHT_MANAGE, &p);

	if (err)
		return err;
	if (p->state < PROCESS_CORPSE)
		return -EBUSY;
	c = handle_at(&p->table, number & (HANDLE_SLOTS_MAX - 1));
	if (!c || p->state != PROCESS_CORPSE || handle_number(c) != number)
		return -ENOENT;
	err = handle_room(&cur->process->table, 1);
	if (err)
		return err;
	cap_detach(c, &moving);
	moving->revoking = false; /* who revoked by it is dead */
	return cap_attach(&cur->process->table, moving);
}

/* ---- giving up ----------------------------------------------------------- */

int64_t sys_process_pledge(struct thread *cur, uint32_t now, uint32_t successor)
{
	struct process *p = cur->process;

	if ((now & ~p->pledges) || (successor & ~p->next_pledges))
		return -EPERM;
	p->pledges = now;
	p->next_pledges = successor;
	process_identity_update(p);
	return 0;
}

int64_t sys_cap_enter(struct thread *cur)
{
	cur->process->capability = true;
	process_identity_update(cur->process);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * fault_call.c: a process's faults, sent as calls.
 *
 * A process may hold a sender (process_faults). A thread of it that faults then calls by
 * it, as if by ipc_call without a deadline, with words, data and a flag in the identity
 * that only the kernel writes. Its registers are the program's meanwhile (fault_call):
 * nothing of the call may be written there. The answer lets it go on, with registers of
 * the handler's if it sends some.
 *
 * A handler that does not want the fault (waits again without an answer, gives the reply
 * up) makes it final. One that is gone has decided nothing: the instruction runs again,
 * faults again, and finds who is the handler then.
 *
 * Who may lie: the handler about registers; arch_regs_set checks them, and who may make
 * it the handler has MANAGE on the process.
 */
#include "ipc_private.h"

#define FAULT_TAG sizeof(struct thread_regs)

bool faults_sent(const struct process *p)
{
	const struct sender *s;

	if (!p->faults)
		return false;
	s = sender_of(p->faults->object);
	return !s->killed && !s->channel->dead;
}

bool fault_call(struct thread *cur, const struct fault_info *f)
{
	struct cap *c = cur->process->faults;

	if (!faults_sent(cur->process))
		return false;
	cur->fault = (struct fault_record){f->reason, f->code, f->address, REGS_IP(&cur->regs)};
	cur->fault_call = true;
	cur->call_tag = FAULT_TAG;
	arch_bases_save(cur);
	call_fault(cur, sender_of(c->object), c->rights);
	return true;
}

void fault_deliver(struct thread *client, struct thread *server)
{
	const struct fault_record *f = &client->fault;

	REGS_WORD0(&server->regs) = f->reason;
	REGS_WORD1(&server->regs) = f->code;
	REGS_WORD2(&server->regs) = f->address;
	REGS_WORD3(&server->regs) = client->object.id;
	REGS_WORD4(&server->regs) = 0;
	REGS_WORD5(&server->regs) = 0;
	server->msg->from.flags |= IDENTITY_FAULT;
	arch_regs_get(client, (struct thread_regs *)server->msg->data);
}

int fault_answer(struct thread *cur, struct thread *client, uint64_t tag)
{
	struct thread_regs regs;
	int err;

	if (MSG_NHANDLES(tag))
		return -EINVAL;
	if (tag_bytes(tag)) {
		if (tag_bytes(tag) != sizeof(regs))
			return -EMSGSIZE;
		memcpy(&regs, cur->msg->data, sizeof(regs)); /* once: it is the program's page */
		err = arch_regs_set(client, &regs);
		if (err)
			return err;
		memory_call_drop(client); /* it may have been on its way to go on with one */
	}
	client->fault_call = false;
	client->fault.reason = FAULT_NONE;
	return 0;
}

void fault_unanswered(struct thread *client, int error)
{
	client->fault_call = false;
	if (error != -ECANCELED && error != -EPERM) {
		client->fault.reason = FAULT_NONE;
		thread_wake(client, K_DONE);
		return;
	}
	thread_set_run(client, THREAD_FAULTED); /* it is in no list */
	thread_crash(client, client->fault.reason, client->fault.code, client->fault.address);
}

int64_t sys_process_faults(struct thread *cur, handle_t process, handle_t sender)
{
	struct object *o;
	struct process *p;
	struct cap *c = NULL;
	int err = object_find(cur, process, OBJ_PROCESS, RIGHT_MANAGE, &o);

	if (!err && sender != HANDLE_NONE)
		err = cap_find(cur, sender, OBJ_SENDER, RIGHT_WRITE | RIGHT_GRANT, &c);
	if (err)
		return err;
	p = process_of(o);
	if (cur->process->capability)
		return -EPERM;
	if (p->state > PROCESS_RUNNING || p->ending)
		return -ESRCH;
	if (sender == HANDLE_NONE) {
		if (p->faults)
			cap_close(p->faults);
		return 0;
	}
	if (p->handler || faults_sent(p))
		return -EBUSY;
	if (p->faults)
		cap_close(p->faults);
	return cap_hold(c, CAP_FAULTS, &p->table, &p->faults);
}

/* SPDX-License-Identifier: ISC */
/*
 * reply.c: replies kept for later, and what the holder of a request may do with it
 * but answer: read and write the client's buffers, report a violation.
 *
 * A kept reply is a handle that answers once. Whether it still has a client is asked
 * at each use: the client may have left (call_end.c). Every offset and length is
 * checked against the buffers that the client's call named.
 */
#include "ipc_private.h"
#include "log.h"

#define COPY_MAX (1024 * 1024ull) /* bytes in one slice; the caller goes on from the count */

int64_t sys_reply_save(struct thread *cur)
{
	struct thread *client = cur->client;
	struct account *account = cur->process->account;
	struct reply *rep;
	handle_t h;
	int err;

	if (!client) {
		err = cur->client_gone ? -ECANCELED : -EINVAL;
		cur->client_gone = false;
		return err;
	}
	rep = kmem_alloc(account, sizeof(*rep));
	if (!rep)
		return -ENOMEM;
	object_init(&rep->object, OBJ_REPLY, account);
	list_init(&rep->node);
	rep->channel = client->call_channel;
	object_get(&rep->channel->object);
	rep->badge = client->call_badge;
	rep->tag = client->call_tag;
	err = handle_install(&cur->process->table, &rep->object,
			     RIGHT_READ | RIGHT_WRITE | RIGHT_INSIDE, NULL, &h);
	if (!err) {
		rep->client = client;
		client->reply = rep;
		client->server = NULL;
		cur->client = NULL;
		loan_end_now(cur);
	}
	object_put(&rep->object);
	return err ? err : (int64_t)h;
}

/* Its handle was closed unanswered: by the server (a refusal), or with the server. */
void reply_unhandled(struct object *o)
{
	struct reply *rep = reply_of(o);
	struct thread *client = rep->client;

	if (!client)
		return;
	rep->client = NULL;
	client->reply = NULL;
	if (!clearing_process) {
		client_fail(client, -ECANCELED);
		return;
	}
	call_orphan(client, clearing_process);
}

void reply_destroy(struct object *o)
{
	struct reply *rep = reply_of(o);

	object_put(&rep->channel->object);
	kmem_free(rep, sizeof(*rep));
}

static int64_t reply_copy(struct thread *cur, handle_t reply, uint64_t offset, uaddr_t buf,
			  uint64_t len, bool write)
{
	struct thread *client;
	struct cap *cap;
	uint64_t base, size;
	int err = request_find(cur, reply, &client, &cap);

	if (err)
		return err;
	if (!client)
		return -ECANCELED;
	if (!(client->call_tag & MSG_BUFFERS))
		return -EINVAL;
	base = write ? client->out : client->in;
	size = write ? client->out_len : client->in_len;
	if (offset > size || len > size - offset)
		return -EINVAL;
	if (len > COPY_MAX)
		len = COPY_MAX;
	if (write)
		return aspace_copy(client->aspace, base + offset, cur->aspace, buf.a, len);
	return aspace_copy(cur->aspace, buf.a, client->aspace, base + offset, len);
}

int64_t sys_reply_read(struct thread *cur, handle_t reply, uint64_t offset, uaddr_t out,
		       uint64_t len)
{
	return reply_copy(cur, reply, offset, out, len, false);
}

int64_t sys_reply_write(struct thread *cur, handle_t reply, uint64_t offset, uaddr_t in,
			uint64_t len)
{
	return reply_copy(cur, reply, offset, in, len, true);
}

/* Who is to end for what it sent: a process without the pledge, if one of the system says so. */
static void violator_end(const struct thread *cur, struct process *p, uint32_t pledge, uint64_t rip)
{
	struct fault_record crash = {.reason = FAULT_NONE, .rip = rip};

	if ((p->pledges & pledge) || cur->process->silo->id >= 1000)
		return;
	klog(LOG_IPC, LOG_WARN, "pid %lu %s: pledge violation %x", p->pid, p->name, pledge);
	process_end(p, -EPERM, &crash);
}

int64_t sys_reply_violation(struct thread *cur, handle_t reply, uint32_t pledge)
{
	struct thread *client;
	struct process *p;
	struct cap *cap;
	uint64_t rip;
	int err = request_find(cur, reply, &client, &cap);

	if (err)
		return err;
	if (!client)
		return -ECANCELED;
	if (!pledge || (pledge & ~PLEDGES_ALL))
		return -EINVAL;
	p = client->process;
	rip = REGS_IP(&client->regs);
	object_get(&p->object); /* the answer may end it, if it is a fault's */
	request_done(cur, client, cap);
	if (!cap)
		loan_end_now(cur);
	call_fail(client, -EPERM);
	violator_end(cur, p, pledge, rip);
	object_put(&p->object);
	return 0;
}

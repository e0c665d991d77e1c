/* SPDX-License-Identifier: ISC */
/*
 * call_end.c: calls that end without an answer, and whose time is used then.
 *
 * A client leaves (deadline, interrupt, death), a server dies or forgets, a channel
 * or a sender goes. Whoever holds a request whose client is gone finds that out
 * when it answers, or by an event where it has kept the reply. No client is left
 * waiting for nobody, and no server works on the time of a silo that may be gone.
 *
 * Answers are request.c's.
 */
#include "ipc_private.h"

/* ---- loans --------------------------------------------------------------- */

/* From now on `payer` pays for a thread, in whatever state it is. */
static void payer_change(struct thread *t, struct silo *payer, uint8_t band)
{
	bool queued = t->on_queue;

	if (t->run == THREAD_RUNNING)
		sched_charge(t->cpu);
	sched_remove(t);
	t->payer = payer;
	t->band = band;
	if (t->run == THREAD_RUNNING)
		t->cpu->payer = payer;
	if (queued)
		sched_ready(t);
}

void loan_end_now(struct thread *server)
{
	payer_change(server, server->process->silo, server->own_band);
	while (server->run == THREAD_REPLY && server->server) {
		struct thread *next = server->server;
		uint8_t band = server->band < next->own_band ? server->band : next->own_band;

		if (next->payer == server->payer && next->band == band)
			break;
		payer_change(next, server->payer, band);
		server = next;
	}
}

/* ---- clients ------------------------------------------------------------- */

void call_leave(struct thread *t)
{
	struct channel *ch = t->call_channel;
	struct reply *rep = t->reply;

	if (t->run == THREAD_CALLING) {
		list_del(&t->node);
		object_put(&t->call->object);
		t->call = NULL;
		return;
	}
	if (t->server) {
		t->server->client = NULL;
		t->server->client_gone = true;
		loan_end_now(t->server);
	}
	call_settle(t);
	if (!rep)
		return;
	rep->client = NULL;
	rep->abandoned = true;
	if (ch->dead)
		return;
	object_get(&rep->object);
	list_add_tail(&ch->abandoned, &rep->node);
	channel_notify(ch);
}

void call_fail(struct thread *client, int error)
{
	if (unlikely(client->fault_call))
		fault_unanswered(client, error);
	else
		thread_wake(client, error);
}

void client_fail(struct thread *client, int error)
{
	call_settle(client);
	call_fail(client, error);
}

void call_cut(struct thread *client)
{
	if (client->server) {
		client->server->client = NULL;
		client->server->client_gone = true;
		loan_end_now(client->server);
	}
	if (client->reply)
		client->reply->client = NULL;
	client_fail(client, -EPIPE);
}

/* ---- servers ------------------------------------------------------------- */

void request_forget(struct thread *server, int error)
{
	struct thread *client = server->client;

	server->client = NULL;
	server->client_gone = false;
	if (client)
		client_fail(client, error);
}

/* Nobody holds the request any more, and the process that did ends. The channel must not go before
 * the client knows its fate: among `unanswered` it would have been told, here it counts. */
void call_orphan(struct thread *client, struct process *p)
{
	object_get(&client->call_channel->object);
	client->orphan = true;
	list_del(&client->call_node);
	list_add_tail(&p->orphans, &client->call_node);
}

/* A thread that another one's exec ends has the request of a thread of its own process, which ends,
 * too, or is the successor: if that is a fault, nobody has decided that it is final. */
static bool own_in_exec(const struct thread *server)
{
	return server->dying && server->client->process == server->process;
}

void request_drop(struct thread *server)
{
	struct process *p = server->process;
	struct thread *client = server->client;

	/* The last thread's end is the process's: then only this one is in the list. */
	if (!p->ending && server->process_node.next != server->process_node.prev) {
		request_forget(server, own_in_exec(server) ? -ERESTART : -ECANCELED);
		return;
	}
	server->client = NULL;
	client->server = NULL;
	call_orphan(client, p);
}

void orphans_answer(struct process *p)
{
	while (!list_empty(&p->orphans)) {
		struct thread *client = list_first(&p->orphans, struct thread, call_node);

		client_fail(client, client->call_channel->dead ? -EPIPE : -ERESTART);
	}
}

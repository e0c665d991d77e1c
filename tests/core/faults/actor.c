/* SPDX-License-Identifier: ISC */
/*
 * actor.c: see actor.h.
 */
#include "actor.h"
#include <string.h>

void actor_make(struct actor *a, handle_t silo)
{
	struct process_args args = {.name = "actor"};

	memset(a, 0, sizeof(*a));
	a->s.process = TAKE(sys_process_create(silo ? silo : core_silo, core_aspace, &args));
}

static void actor_main(struct actor_thread *t)
{
	t->run(t);
	sys_thread_exit(0, 0);
}

struct actor_thread *actor_thread(struct actor *a, void (*run)(struct actor_thread *), uint64_t arg)
{
	struct actor_thread *t = &a->t[a->threads];
	struct thread_args args = {.entry = (uint64_t)actor_main,
				   .sp = (uint64_t)(t->stack + sizeof(t->stack)) - 8,
				   .arg = (uint64_t)t,
				   .gs = (uint64_t)&t->block,
				   .block = (uint64_t)&t->block};

	CHECK(a->threads < ACTOR_THREADS);
	t->run = run;
	t->arg[0] = arg;
	t->thread = TAKE(sys_thread_create(a->s.process, &args));
	if (!a->threads++)
		a->s.thread = t->thread;
	return t;
}

void actor_start(struct actor *a)
{
	for (unsigned i = 0; i < a->threads; i++)
		OK(sys_thread_start(a->t[i].thread));
}

handle_t actor_give(struct actor *a, handle_t h, uint32_t flags)
{
	return TAKE(sys_process_give(a->s.process, h, RIGHTS_SAME, flags));
}

/* What it leaves in this address space and in our table; the process is gone. */
static void actor_clean(struct actor *a)
{
	for (unsigned i = 0; i < a->threads; i++) {
		if (i)
			core_close(a->t[i].thread);
		core_unmap((void *)a->t[i].block.msg, PAGE_SIZE);
	}
	a->threads = 0;
}

void actor_end(struct actor *a)
{
	spawn_discard(&a->s);
	actor_clean(a);
}

static void actor_wait(struct actor *a, struct process_info *info)
{
	bool ended = core_wait(&a->s, info);

	actor_clean(a);
	CHECK(ended);
}

void actor_exits(struct actor *a, int32_t code)
{
	struct process_info info;

	actor_wait(a, &info);
	CHECK_EQ(info.reason, FAULT_NONE);
	CHECK_EQ(info.code, code);
}

void actor_crashes(struct actor *a, uint32_t reason, uint64_t address, uint64_t rip)
{
	struct process_info info;

	actor_wait(a, &info);
	CHECK_EQ(info.reason, reason);
	CHECK_EQ(info.code, -1);
	CHECK_EQ(info.fault_address, address);
	CHECK_EQ(info.fault_rip, rip);
}

__asm__(".text\n.globl actor_load\nactor_load: movq (%rdi), %rax\n ret");

void actor_loads(struct actor_thread *t)
{
	t->got[0] = (int64_t)actor_load(t->arg[0]);
}

void line_open(struct line *l)
{
	l->channel = TAKE(sys_channel_create());
	l->sender = TAKE(sys_channel_sender(l->channel, LINE_BADGE, CORE_SENDER, REPLY_NONE));
}

void line_close(struct line *l)
{
	core_close(l->sender);
	core_close(l->channel);
}

void loader_start(struct actor *a, const struct line *l, unsigned threads)
{
	actor_make(a, HANDLE_NONE);
	for (unsigned i = 0; i < threads; i++)
		actor_thread(a, actor_loads, HOLE + 8 * i);
	OK(sys_process_faults(a->s.process, l->sender));
	actor_start(a);
}

void fault_receive(handle_t source, struct ipc_msg *m, struct thread_regs *regs)
{
	const struct message_page *page = message_page();

	CHECK_EQ(ipc_wait(source, m, core_soon()), IPC_MESSAGE);
	CHECK_EQ(m->tag, sizeof(*regs));
	CHECK_EQ(m->badge, LINE_BADGE);
	CHECK(page->from.flags & IDENTITY_FAULT);
	if (regs)
		memcpy(regs, page->data, sizeof(*regs));
}

void fault_skip(handle_t reply, struct thread_regs regs, uint64_t value)
{
	struct ipc_msg m = {.tag = sizeof(regs)};

	regs.rip += LOAD_LEN;
	regs.rax = value;
	memcpy(message_page()->data, &regs, sizeof(regs));
	OK(ipc_reply(reply, &m));
}

struct event event_receive(handle_t source)
{
	struct ipc_msg m;

	CHECK_EQ(ipc_wait(source, &m, core_soon()), IPC_EVENT);
	return ipc_event(&m);
}

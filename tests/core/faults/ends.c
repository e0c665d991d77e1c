/* SPDX-License-Identifier: ISC */
/*
 * ends.c: what becomes of a fault when its handler, the way to it, or the program that faulted
 * ends.
 */
#include "faults.h"
#include <string.h>

static struct actor one, handler;
static struct line line;

/* How a handler that is to end holds the faults that it has: the first kept, the second in hand.
 * arg: the channel, how many. got[0]: 0 */
static void hold(struct actor_thread *t)
{
	struct ipc_msg m;

	for (uint64_t i = 0; i < t->arg[1]; i++) {
		t->got[0] = ipc_wait((handle_t)t->arg[0], &m, DEADLINE_NEVER);
		if (i + 1 < t->arg[1])
			t->got[1] = sys_reply_save();
	}
	t->got[2] = sys_thread_sleep(DEADLINE_NEVER);
}

static void handler_start(uint64_t holds, uint32_t flags)
{
	struct actor_thread *t;

	actor_make(&handler, HANDLE_NONE);
	t = actor_thread(&handler, hold, actor_give(&handler, line.channel, flags));
	t->arg[1] = holds;
	actor_start(&handler);
}

static void waits(unsigned thread, uint32_t run)
{
	core_until(one.t[thread].thread, run);
}

/* ---- the handler ----------------------------------------------------------------------------- */

static void dies_with(uint64_t holds)
{
	line_open(&line);
	handler_start(holds, 0);
	core_close(line.channel); /* only the handler receives */
	loader_start(&one, &line, (unsigned)holds);
	for (unsigned i = 0; i < holds; i++)
		waits(i, THREAD_REPLY);
	actor_end(&handler);
	core_close(line.sender);
}

/* Without a keeper nobody is left: the program ends of its own fault. */
void handler_dies(void)
{
	struct process_info info;
	bool ended;

	dies_with(1);
	actor_crashes(&one, FAULT_PAGE, HOLE, LOAD_RIP);
	dies_with(2); /* of one of them */
	ended = core_wait(&one.s, &info);
	core_close(one.t[1].thread);
	core_unmap((void *)one.t[0].block.msg, PAGE_SIZE);
	core_unmap((void *)one.t[1].block.msg, PAGE_SIZE);
	CHECK(ended);
	CHECK_EQ(info.reason, FAULT_PAGE);
	CHECK_EQ(info.fault_address & ~8ull, HOLE);
	CHECK_EQ(info.fault_rip, LOAD_RIP);
}

/* With a keeper its successor gets all of them: the kept, the one in hand, the one in the queue. */
void handler_succeeded(void)
{
	struct thread_regs regs;
	struct ipc_msg m;
	unsigned seen = 0;
	handle_t place;

	line_open(&line);
	handler_start(2, HANDLE_KEPT);
	place = (handle_t)handler.t[0].arg[0];
	core_close(line.channel); /* only the corpse keeps it */
	loader_start(&one, &line, 3);
	for (unsigned i = 0, received = 0; received < 2; i = (i + 1) % 3) {
		struct thread_info info[3];

		received = 0;
		for (unsigned k = 0; k < 3; k++) {
			OK(sys_thread_info(one.t[k].thread, &info[k]));
			received += info[k].run == THREAD_REPLY;
		}
		OK(sys_thread_sleep(time_in(100 * NS_PER_US)));
	}
	OK(sys_process_kill(handler.s.process, 0));
	for (unsigned i = 0; i < 3; i++)
		waits(i, THREAD_CALLING);
	line.channel = TAKE(sys_process_take(handler.s.process, place));
	actor_end(&handler);
	for (unsigned i = 0; i < 3; i++) {
		fault_receive(line.channel, &m, &regs);
		CHECK_EQ(regs.rip, LOAD_RIP);
		CHECK_EQ(regs.rdi, m.w[2]);
		seen |= 1u << (m.w[2] - HOLE) / 8;
		fault_skip(REPLY_CURRENT, regs, m.w[2]);
	}
	CHECK_EQ(seen, 7);
	actor_exits(&one, 0);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ((uint64_t)one.t[i].got[0], HOLE + 8 * i);
	line_close(&line);
}

/* The thread that has a fault in hand ends, its process goes on: that is a decision. */
static void receive_and_exit(struct actor_thread *t)
{
	struct ipc_msg m;

	t->got[0] = ipc_wait((handle_t)t->arg[0], &m, DEADLINE_NEVER);
}

static void sleep_for_ever(struct actor_thread *t)
{
	t->got[0] = sys_thread_sleep(DEADLINE_NEVER);
}

void handler_thread_ends(void)
{
	line_open(&line);
	actor_make(&handler, HANDLE_NONE);
	actor_thread(&handler, receive_and_exit, actor_give(&handler, line.channel, 0));
	actor_thread(&handler, sleep_for_ever, 0);
	actor_start(&handler);
	loader_start(&one, &line, 1);
	actor_crashes(&one, FAULT_PAGE, HOLE, LOAD_RIP);
	actor_end(&handler);
	line_close(&line);
}

/* ---- the way to it --------------------------------------------------------------------------- */

/* Three threads of a process wait: one received and kept, one in hand, one in the queue. */
static handle_t three_wait(struct thread_regs *in_hand)
{
	handle_t reply;
	struct ipc_msg m;

	line_open(&line);
	loader_start(&one, &line, 3);
	fault_receive(line.channel, &m, NULL);
	reply = TAKE(sys_reply_save());
	fault_receive(line.channel, &m, in_hand);
	for (unsigned i = 0; i < 3; i++) {
		struct thread_info info;

		OK(sys_thread_info(one.t[i].thread, &info));
		if (info.run != THREAD_REPLY)
			waits(i, THREAD_CALLING);
	}
	return reply;
}

/* All of them fault again, and there is nobody. */
static void three_crash(void)
{
	struct process_info info;
	bool ended = core_wait(&one.s, &info);

	for (unsigned i = 0; i < 3; i++) {
		if (i)
			core_close(one.t[i].thread);
		core_unmap((void *)one.t[i].block.msg, PAGE_SIZE);
	}
	CHECK(ended);
	CHECK_EQ(info.reason, FAULT_PAGE);
	CHECK_EQ(info.code, -1);
	CHECK(info.fault_address >= HOLE && info.fault_address <= HOLE + 16);
	CHECK_EQ(info.fault_rip, LOAD_RIP);
}

/* What was received is abandoned; answering it succeeds and does nothing. */
static void answers_nothing(handle_t reply, const struct thread_regs *regs)
{
	fault_skip(REPLY_CURRENT, *regs, 1);
	fault_skip(reply, *regs, 1);
}

void channel_closes(void)
{
	struct thread_regs regs;
	handle_t reply = three_wait(&regs);

	core_close(line.channel);
	three_crash();
	answers_nothing(reply, &regs);
	core_close(line.sender);
}

void sender_killed(void)
{
	struct thread_regs regs;
	handle_t reply = three_wait(&regs);
	struct ipc_msg m;

	OK(sys_sender_kill(line.channel, LINE_BADGE));
	three_crash();
	answers_nothing(reply, &regs);
	REFUSED(ipc_wait(line.channel, &m, DEADLINE_NOW), EAGAIN); /* nor is anything left to say */
	line_close(&line);
}

static void load_twice(struct actor_thread *t)
{
	t->got[0] = (int64_t)actor_load(HOLE);
	t->got[1] = (int64_t)actor_load(HOLE + 8);
}

static void twice_start(void)
{
	line_open(&line);
	actor_make(&one, HANDLE_NONE);
	actor_thread(&one, load_twice, 0);
}

/* What is in hand may still be answered; the next fault has nowhere to go. */
void sender_revoked(void)
{
	handle_t derived;
	struct thread_regs regs;
	struct ipc_msg m;
	struct event e;

	twice_start();
	derived = TAKE(sys_handle_dup(line.sender, RIGHTS_SAME));
	OK(sys_process_faults(one.s.process, derived));
	core_close(derived); /* the process's hangs from ours now */
	actor_start(&one);
	fault_receive(line.channel, &m, &regs);
	OK(sys_handle_revoke(line.sender));
	fault_skip(REPLY_CURRENT, regs, 3);
	actor_crashes(&one, FAULT_PAGE, HOLE + 8, LOAD_RIP);
	CHECK_EQ(one.t[0].got[0], 3);
	core_close(line.sender);
	e = event_receive(line.channel); /* only now: the process's is gone, too */
	CHECK_EQ(e.kind, EVENT_CLOSED);
	core_close(line.channel);
}

/* Taken back while one waits in the queue: it is received still, and a watch gets the next. */
void taken_back(void)
{
	handle_t queue = TAKE(sys_queue_create());
	struct thread_regs regs;
	struct event event;
	struct ipc_msg m;

	twice_start();
	OK(sys_process_faults(one.s.process, line.sender));
	actor_start(&one);
	waits(0, THREAD_CALLING);
	OK(sys_process_faults(one.s.process, HANDLE_NONE));
	CHECK(sys_queue_add(queue, one.s.process, EVENT_PROCESS, 1, 0, PROCESS_EV_FAULT) > 0);
	fault_receive(line.channel, &m, &regs);
	fault_skip(REPLY_CURRENT, regs, 4);
	CHECK_EQ(sys_queue_wait(queue, &event, 1, core_soon()), 1);
	CHECK(event.data0 & PROCESS_EV_FAULT);
	CHECK_EQ(sys_thread_state_get(one.s.thread, THREAD_REGS, &regs, sizeof(regs)),
		 sizeof(regs));
	CHECK_EQ(regs.rdi, HOLE + 8);
	regs.rip += LOAD_LEN;
	OK(sys_thread_state_set(one.s.thread, THREAD_REGS, &regs, sizeof(regs)));
	OK(sys_thread_resume(one.s.thread));
	actor_exits(&one, 0);
	CHECK_EQ(one.t[0].got[0], 4);
	core_close(queue);
	line_close(&line);
}

/* ---- the program ----------------------------------------------------------------------------- */

void program_dies(void)
{
	struct thread_regs regs;
	handle_t reply = three_wait(&regs);
	struct ipc_msg m;
	struct event e;

	actor_end(&one);
	e = event_receive(line.channel);
	CHECK_EQ(e.kind, EVENT_ABANDONED); /* of the kept one, once */
	CHECK_EQ(e.data0, LINE_BADGE);
	CHECK_EQ(e.data1, sizeof(regs));
	REFUSED(ipc_wait(line.channel, &m, DEADLINE_NOW), EAGAIN);
	fault_skip(reply, regs, 1);
	line_close(&line);
	/* The one in hand: dropped without a word. */
	reply = three_wait(&regs);
	actor_end(&one);
	REFUSED(sys_reply_save(), ECANCELED);
	core_close(reply);
	line_close(&line);
}

/* ---- a thread of the same process ------------------------------------------------------------ */

enum { ANSWER, WAIT_AGAIN, CLOSE, VIOLATION, EXIT, ANSWER_ONE };

/* arg: channel, what to do */
static void handle_sibling(struct actor_thread *t)
{
	struct thread_regs *regs = (struct thread_regs *)message_page()->data;
	handle_t channel = (handle_t)t->arg[0], reply = REPLY_CURRENT;
	struct ipc_msg m;

	t->got[0] = ipc_wait(channel, &m, DEADLINE_NEVER);
	switch (t->arg[1]) {
	case ANSWER_ONE: /* and not the other */
		reply = (handle_t)sys_reply_save();
		t->got[0] = ipc_wait(channel, &m, DEADLINE_NEVER);
		/* fallthrough */
	case ANSWER:
		regs->rip += LOAD_LEN;
		regs->rax = 21;
		m.tag = sizeof(*regs);
		t->got[1] = ipc_reply_wait(channel, &m, DEADLINE_NOW, reply);
		break;
	case WAIT_AGAIN: t->got[1] = ipc_wait(channel, &m, DEADLINE_NEVER); break;
	case CLOSE: t->got[1] = sys_handle_close((handle_t)sys_reply_save()); break;
	case VIOLATION: t->got[1] = sys_reply_violation(REPLY_CURRENT, PLEDGE_INET); break;
	case EXIT: return;
	}
	t->got[2] = 1;
}

static void sibling_start(uint64_t what, unsigned loaders)
{
	struct actor_thread *t;

	line_open(&line);
	actor_make(&one, HANDLE_NONE);
	t = actor_thread(&one, handle_sibling, actor_give(&one, line.channel, 0));
	t->arg[1] = what;
	for (unsigned i = 0; i < loaders; i++)
		actor_thread(&one, actor_loads, HOLE);
	OK(sys_process_faults(one.s.process, line.sender));
	actor_start(&one);
}

void own_handler(void)
{
	sibling_start(ANSWER, 1);
	actor_exits(&one, 0);
	CHECK_EQ(one.t[1].got[0], 21);
	line_close(&line);
}

/* Both end, the handler in the midst of its call. */
void own_handler_gives_up(void)
{
	for (uint64_t what = WAIT_AGAIN; what <= ANSWER_ONE; what++) {
		sibling_start(what, what == ANSWER_ONE ? 2 : 1);
		actor_crashes(&one, FAULT_PAGE, HOLE, LOAD_RIP);
		CHECK_EQ(one.t[0].got[2], 0);
		line_close(&line);
	}
}

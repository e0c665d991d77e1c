/* SPDX-License-Identifier: ISC */
/*
 * ipc.c: channels, senders, calls, replies, one-way messages.
 *
 * The server is mostly the first thread, and callers are native threads of the same process or
 * roles in other processes. Long, because all of its tests share these callers.
 */
#include <stdlib.h>
#include <string.h>
#include "core.h"

/* ---- callers --------------------------------------------------------------------------------- */

/* What a native thread is to send, and what came back. */
struct caller {
	struct core_native native;
	handle_t sender;
	uint64_t deadline;
	struct ipc_msg m;
	int64_t result;
	uint64_t in, in_len, out, out_len; /* buffers; lengths 0: none */
	handle_t give;			   /* handle to send along */
	handle_t got;			   /* handle that came back */
};

static void call_run(uint64_t arg)
{
	struct caller *c = (struct caller *)arg;
	struct message_page *page = message_page();

	page->in = c->in;
	page->in_len = c->in_len;
	page->out = c->out;
	page->out_len = c->out_len;
	if (c->in_len || c->out_len)
		c->m.tag |= MSG_BUFFERS;
	if (c->give) {
		page->handles[0] = c->give;
		c->m.tag |= MSG_HANDLES(1);
	}
	c->result = ipc_call(c->sender, &c->m, c->deadline);
	c->got = c->result == 0 && MSG_NHANDLES(c->m.tag) ? page->handles[0] : HANDLE_NONE;
}

static void caller_init(struct caller *c, handle_t sender)
{
	memset(c, 0, sizeof(*c));
	c->sender = sender;
	c->deadline = DEADLINE_NEVER;
	c->m.tag = MSG_LABEL(5);
	for (unsigned i = 0; i < MSG_WORDS; i++)
		c->m.w[i] = 100 + i;
}

static void caller_start(struct caller *c)
{
	core_native_start(&c->native, call_run, (uint64_t)c);
}

/* The next thing at a source must be a message. */
static void receive(handle_t source, struct ipc_msg *m)
{
	CHECK_EQ(ipc_wait(source, m, core_soon()), IPC_MESSAGE);
}

static struct event receive_event(handle_t source)
{
	struct ipc_msg m;

	CHECK_EQ(ipc_wait(source, &m, core_soon()), IPC_EVENT);
	return ipc_event(&m);
}

static void nothing_comes(handle_t source)
{
	struct ipc_msg m;
	int64_t result = ipc_wait(source, &m, time_in(2 * NS_PER_MS));

	CHECK_EQ(result, -ETIMEDOUT);
}

static handle_t sender_make(handle_t channel, uint64_t badge)
{
	return TAKE(sys_channel_sender(channel, badge, CORE_SENDER, REPLY_NONE));
}

/* ---- tests ----------------------------------------------------------------------------------- */

static struct caller one, two;

static void words(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 0x1234);
	struct ipc_msg m;

	caller_init(&one, sender);
	caller_start(&one);
	receive(channel, &m);
	CHECK_EQ(m.badge, 0x1234);
	CHECK_EQ(m.tag, MSG_LABEL(5));
	for (unsigned i = 0; i < MSG_WORDS; i++)
		CHECK_EQ(m.w[i], 100 + i);
	for (unsigned i = 0; i < MSG_WORDS; i++)
		m.w[i] *= 2;
	m.tag = MSG_LABEL(6);
	OK(ipc_reply(REPLY_CURRENT, &m));
	core_native_join(&one.native);
	OK(one.result);
	CHECK_EQ(one.m.tag, MSG_LABEL(6));
	for (unsigned i = 0; i < MSG_WORDS; i++)
		CHECK_EQ(one.m.w[i], 2 * (100 + i));
	REFUSED(ipc_reply(REPLY_CURRENT, &m), EINVAL); /* nothing in hand */
	core_close(sender);
	core_close(channel);
}

static void receiver_first(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 1);
	struct ipc_msg m = {0};

	caller_init(&one, sender);
	core_native_make(&one.native, call_run, (uint64_t)&one);
	OK(sys_thread_start(one.native.thread));
	receive(channel, &m);
	m.w[0]++;
	CHECK_EQ(ipc_reply_wait(channel, &m, time_in(NS_PER_MS), REPLY_CURRENT), -ETIMEDOUT);
	core_native_join(&one.native); /* the answer went out although nothing came then */
	CHECK_EQ(one.m.w[0], 101);
	core_close(sender);
	core_close(channel);
}

/* Only what the wait may say comes after the answer: with EBUSY it was not sent. */
static void answered_or_not(void)
{
	handle_t channel = TAKE(sys_channel_create()), queue = TAKE(sys_queue_create());
	handle_t sender = sender_make(channel, 1);
	struct ipc_msg m = {0};
	int64_t watch;

	caller_init(&one, sender);
	core_native_make(&one.native, call_run, (uint64_t)&one);
	OK(sys_thread_start(one.native.thread));
	receive(channel, &m);
	watch = sys_queue_add(queue, channel, EVENT_MESSAGE, 3, 0, 0);
	CHECK(watch > 0);
	m.w[0]++;
	REFUSED(ipc_reply_wait(channel, &m, DEADLINE_NOW, REPLY_CURRENT), EBUSY);
	OK(sys_queue_remove(queue, (uint64_t)watch));
	m.tag = 0;
	CHECK_EQ(ipc_reply_wait(channel, &m, DEADLINE_NOW, REPLY_CURRENT), -EAGAIN);
	core_native_join(&one.native); /* with EAGAIN it was */
	CHECK_EQ(one.result, 0);
	core_close(queue);
	core_close(sender);
	core_close(channel);
}

static void deadlines(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 9);
	struct ipc_msg m = {0};
	uint64_t before = time_now();

	REFUSED(ipc_call(sender, &m, DEADLINE_NOW), EAGAIN); /* nobody waits */
	REFUSED(ipc_call(sender, &m, time_in(3 * NS_PER_MS)), ETIMEDOUT);
	CHECK(time_now() - before >= 3 * NS_PER_MS);
	nothing_comes(channel); /* it never was received: no event */
	REFUSED(ipc_wait(channel, &m, DEADLINE_NOW), EAGAIN);
	core_close(sender);
	core_close(channel);
}

/* A timer that one call leaves behind neither ends a later wait nor is missed by it. */
static handle_t late_queue;
#define LATE_AT_ONCE 1
#define LATE_SLEEP   2
#define LATE_STOP    3

static void late_server(uint64_t arg)
{
	handle_t reply = REPLY_NONE;
	struct ipc_msg m = {0};

	(void)arg;
	for (;;) {
		int64_t what = ipc_reply_wait(late_queue, &m, DEADLINE_NEVER, reply);

		reply = REPLY_CURRENT;
		if (what != IPC_MESSAGE) { /* abandoned */
			reply = REPLY_NONE;
			continue;
		}
		if (m.tag >> 32 == LATE_SLEEP)
			(void)!sys_thread_sleep(time_in(40 * NS_PER_MS));
		if (m.tag >> 32 == LATE_STOP)
			break;
	}
	(void)!ipc_reply(REPLY_CURRENT, &m);
}

static int64_t late_call(handle_t sender, uint32_t label, uint64_t deadline)
{
	struct ipc_msg m = {.tag = MSG_LABEL(label)};

	return ipc_call(sender, &m, deadline);
}

/* A call that is answered in time, so that its timer stays behind. */
static void leave_timer(handle_t sender, uint64_t ns)
{
	int64_t r = -ETIMEDOUT;

	for (int i = 0; r == -ETIMEDOUT && i < 100; i++) /* the machine may be slow */
		r = late_call(sender, LATE_AT_ONCE, time_in(ns));
	OK(r);
}

static void deadline_left_behind(void)
{
	handle_t channel = TAKE(sys_channel_create()), sender = sender_make(channel, 9);
	static struct core_native server;
	uint64_t before;

	late_queue = TAKE(sys_queue_create());
	TAKE(sys_queue_add(late_queue, channel, EVENT_MESSAGE, 1, 0, 0));
	core_native_start(&server, late_server, 0);
	OK(late_call(sender, LATE_AT_ONCE, DEADLINE_NEVER));

	leave_timer(sender, 10 * NS_PER_MS);
	OK(late_call(sender, LATE_AT_ONCE, time_in(NS_PER_S)));
	before = time_now();
	OK(late_call(sender, LATE_SLEEP, DEADLINE_NEVER));
	CHECK(time_now() - before >= 40 * NS_PER_MS);

	leave_timer(sender, 10 * NS_PER_MS);
	OK(late_call(sender, LATE_SLEEP, time_in(20 * NS_PER_S)));
	leave_timer(sender, 5 * NS_PER_MS);
	before = time_now();
	REFUSED(late_call(sender, LATE_SLEEP, time_in(15 * NS_PER_MS)), ETIMEDOUT);
	CHECK(time_now() - before >= 15 * NS_PER_MS);

	OK(late_call(sender, LATE_AT_ONCE, time_in(NS_PER_S)));
	leave_timer(sender, 10 * NS_PER_MS);
	before = time_now();
	OK(sys_thread_sleep(time_in(30 * NS_PER_MS)));
	CHECK(time_now() - before >= 30 * NS_PER_MS);

	leave_timer(sender, 5 * NS_PER_MS);
	for (before = time_now(); time_now() - before < 10 * NS_PER_MS;)
		; /* it fires while we run */
	OK(late_call(sender, LATE_SLEEP, time_in(20 * NS_PER_S)));
	/* An earlier deadline than the one that was left. */
	OK(late_call(sender, LATE_AT_ONCE, time_in(20 * NS_PER_S)));
	before = time_now();
	REFUSED(late_call(sender, LATE_SLEEP, time_in(10 * NS_PER_MS)), ETIMEDOUT);
	CHECK(time_now() - before < 10 * NS_PER_S);
	OK(late_call(sender, LATE_STOP, time_in(20 * NS_PER_S)));
	core_native_join(&server);
	core_close(late_queue);
	core_close(sender);
	core_close(channel);
}

/* Servers that sleep after a request came to them straight from its caller are not taken for
 * waiting ones. */
static volatile uint64_t sleeper_served[2];

static void sleeper(uint64_t which)
{
	struct ipc_msg m = {0};
	handle_t reply = REPLY_NONE;

	while (ipc_reply_wait(late_queue, &m, DEADLINE_NEVER, reply) == IPC_MESSAGE) {
		reply = REPLY_CURRENT;
		sleeper_served[which]++;
		if (m.tag >> 32 == LATE_STOP)
			break;
		if (m.tag >> 32 == LATE_AT_ONCE) { /* answer, then sleep */
			(void)!ipc_reply(REPLY_CURRENT, &m);
			reply = REPLY_NONE;
		}
		(void)!sys_thread_sleep(time_in((m.tag >> 32 == LATE_SLEEP ? 30 : 10) * NS_PER_MS));
	}
	(void)!ipc_reply(REPLY_CURRENT, &m);
}

static void sleeping_servers(void)
{
	handle_t channel = TAKE(sys_channel_create()), sender = sender_make(channel, 9);
	static struct core_native servers[2];

	sleeper_served[0] = sleeper_served[1] = 0;
	late_queue = TAKE(sys_queue_create());
	TAKE(sys_queue_add(late_queue, channel, EVENT_MESSAGE, 1, 0, 0));
	for (unsigned i = 0; i < 2; i++)
		core_native_start(&servers[i], sleeper, i);
	OK(sys_thread_sleep(time_in(10 * NS_PER_MS)));
	for (unsigned i = 0; i < 8; i++) {
		/* One answers and sleeps; its sleep ends while the other has a request. */
		OK(late_call(sender, LATE_AT_ONCE, time_in(NS_PER_S)));
		OK(late_call(sender, LATE_SLEEP, time_in(NS_PER_S)));
	}
	CHECK_EQ(sleeper_served[0] + sleeper_served[1], 16);
	for (unsigned i = 0; i < 2; i++)
		OK(late_call(sender, LATE_STOP, time_in(NS_PER_S)));
	for (unsigned i = 0; i < 2; i++)
		core_native_join(&servers[i]);
	core_close(late_queue);
	core_close(sender);
	core_close(channel);
}

/* A caller leaves while the server has its request: ABANDONED, and the answer does nothing. */
static void abandoned(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 9);
	struct ipc_msg m;
	struct event e;
	handle_t reply;

	caller_init(&one, sender);
	one.deadline = time_in(100 * NS_PER_MS);
	one.m.tag = MSG_LABEL(77);
	caller_start(&one);
	receive(channel, &m);
	reply = TAKE(sys_reply_save());
	e = receive_event(channel);
	CHECK_EQ(e.kind, EVENT_ABANDONED);
	CHECK_EQ(e.data0, 9);
	CHECK_EQ(e.data1, MSG_LABEL(77));
	core_native_join(&one.native);
	CHECK_EQ(one.result, -ETIMEDOUT);
	REFUSED(sys_reply_read(reply, 0, &e, 1), ECANCELED);
	OK(ipc_reply(reply, &m));
	REFUSED(ipc_reply(reply, &m), EBADF); /* used up */
	core_close(sender);
	core_close(channel);
}

static void interrupt(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 9);

	caller_init(&one, sender);
	caller_start(&one);
	core_until(one.native.thread, THREAD_CALLING);
	OK(sys_thread_interrupt(one.native.thread, 1));
	core_native_join(&one.native);
	CHECK_EQ(one.result, -EINTR);
	nothing_comes(channel);
	core_close(sender);
	core_close(channel);
}

/* A call with bytes, and how many of the answer's came. */
static void call_bytes(uint64_t arg)
{
	struct caller *c = (struct caller *)arg;
	volatile uint8_t *data = (volatile uint8_t *)message_page()->data;

	for (unsigned i = 0; i < 24; i++)
		data[i] = 0xaa;
	c->result = ipc_call(c->sender, &c->m, c->deadline);
	for (unsigned i = 0; i < 24; i++)
		c->got += data[i] == 0xcc;
}

/* What lies behind a message's last byte in the page of who sends it is not sent, by whatever way:
 * it is of the server's other clients. */
static void no_more_bytes(void)
{
	handle_t channel = TAKE(sys_channel_create()), queue = TAKE(sys_queue_create());
	handle_t sender = sender_make(channel, 1);
	uint8_t *data = (uint8_t *)message_page()->data;
	struct ipc_msg m = {0};

	CHECK(sys_queue_add(queue, channel, EVENT_MESSAGE, 1, 0, 0) > 0);
	for (unsigned round = 0; round < 18; round++) {
		unsigned n = round % 9;

		caller_init(&one, sender);
		core_native_make(&one.native, call_bytes, (uint64_t)&one);
		one.m.tag |= 16 - n;
		OK(sys_thread_start(one.native.thread));
		if (round >= 9) /* the caller finds nobody waiting */
			core_until(one.native.thread, THREAD_CALLING);
		memset(data, 0xee, 24);
		receive(queue, &m);
		CHECK_EQ(m.tag & MSG_BYTES_MASK, 16 - n);
		for (unsigned i = 0; i < 24; i++)
			CHECK(i < 16 - n ? data[i] == 0xaa : data[i] != 0xaa);
		memset(data, 0xcc, 24);
		m.tag = 8 + n;
		CHECK(sys_queue_timer(queue, 0, 1, time_in(NS_PER_MS), 0) > 0);
		CHECK_EQ(ipc_reply_wait(queue, &m, DEADLINE_NEVER, REPLY_CURRENT), IPC_EVENT);
		core_native_join(&one.native);
		CHECK_EQ(one.got, 8 + n);
	}
	core_close(sender);
	core_close(channel);
	core_close(queue);
}

/* Requests are kept and answered out of order. */
static void saved_replies(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 9), first, second;
	struct ipc_msg m;

	caller_init(&one, sender);
	caller_init(&two, sender);
	one.m.w[0] = 1;
	caller_start(&one);
	receive(channel, &m);
	first = TAKE(sys_reply_save());
	REFUSED(sys_reply_save(), EINVAL);
	REFUSED(sys_handle_flags(first, HANDLE_INHERIT, 0), EINVAL); /* there is one of it */
	REFUSED(sys_handle_dup(first, RIGHTS_SAME), EINVAL);
	REFUSED(sys_process_give(core_process, first, RIGHTS_SAME, GIVE_MOVE), EACCES);
	caller_start(&two);
	receive(channel, &m);
	second = TAKE(sys_reply_save());
	m.w[0] = 20;
	OK(ipc_reply(second, &m));
	core_native_join(&two.native);
	m.w[0] = 10;
	OK(ipc_reply(first, &m));
	core_native_join(&one.native);
	CHECK_EQ(one.m.w[0], 10);
	CHECK_EQ(two.m.w[0], 20);
	core_close(sender);
	core_close(channel);
}

/* A reply handle that is closed unanswered frees its caller. */
static void reply_dropped(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 9), reply;
	struct ipc_msg m;

	caller_init(&one, sender);
	caller_start(&one);
	receive(channel, &m);
	reply = TAKE(sys_reply_save());
	core_close(reply);
	core_native_join(&one.native);
	CHECK(one.result < 0);
	core_close(sender);
	core_close(channel);
}

static void channel_gone(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 9);
	struct ipc_msg m = {0};

	caller_init(&one, sender);
	caller_start(&one);
	core_until(one.native.thread, THREAD_CALLING);
	core_close(channel);
	core_native_join(&one.native);
	CHECK_EQ(one.result, -EPIPE);
	REFUSED(ipc_call(sender, &m, DEADLINE_NEVER), EPIPE);
	REFUSED(ipc_send(sender, &m), EPIPE);
	core_close(sender);
}

static void closed_event(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 0xabc);
	handle_t copy = TAKE(sys_handle_dup(sender, RIGHTS_SAME));
	struct event e;

	core_close(sender);
	nothing_comes(channel);
	core_close(copy);
	e = receive_event(channel);
	CHECK_EQ(e.kind, EVENT_CLOSED);
	CHECK_EQ(e.data0, 0xabc);
	nothing_comes(channel);
	core_close(channel);
}

static void badges(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 3);
	handle_t weak = TAKE(sys_handle_dup(channel, RIGHT_READ));
	struct ipc_msg m = {0};

	REFUSED(sys_channel_sender(channel, 3, CORE_SENDER, REPLY_NONE), EEXIST);
	REFUSED(sys_channel_sender(weak, 4, CORE_SENDER, REPLY_NONE), EACCES);
	REFUSED(sys_sender_kill(weak, 3), EACCES);
	REFUSED(sys_sender_kill(channel, 4), ENOENT);
	caller_init(&one, sender);
	caller_start(&one);
	core_until(one.native.thread, THREAD_CALLING);
	OK(sys_sender_kill(channel, 3));
	core_native_join(&one.native);
	CHECK_EQ(one.result, -EPIPE);
	REFUSED(ipc_call(sender, &m, DEADLINE_NEVER), EPIPE);
	core_close(sender);
	core_close(weak);
	core_close(channel);
}

static void rights(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 3);
	handle_t mute = TAKE(sys_handle_dup(sender, RIGHT_GRANT));
	handle_t signal = TAKE(sys_signal_create(0));
	handle_t held = TAKE(sys_handle_dup(signal, RIGHT_READ));
	struct ipc_msg m = {0};
	struct handle_info info;

	REFUSED(ipc_call(mute, &m, DEADLINE_NOW), EACCES);
	REFUSED(ipc_send(mute, &m), EACCES);
	REFUSED(ipc_call(channel, &m, DEADLINE_NOW), EINVAL);
	REFUSED(ipc_call(0xfffffff1u, &m, DEADLINE_NOW), EBADF);
	REFUSED(ipc_wait(sender, &m, DEADLINE_NOW), EINVAL);
	caller_init(&one, sender);
	one.give = held; /* lacks GRANT */
	caller_start(&one);
	core_native_join(&one.native);
	CHECK_EQ(one.result, -EACCES);
	CHECK_EQ(sys_signal_get(held), 0); /* still ours */
	m.tag = MSG_DATA_MAX + 1;
	REFUSED(ipc_call(sender, &m, DEADLINE_NOW), EMSGSIZE);
	m.tag = MSG_HANDLES(5);
	REFUSED(ipc_call(sender, &m, DEADLINE_NOW), EMSGSIZE);
	OK(sys_ipc_rights(sender, &info));
	CHECK_EQ(info.type, OBJ_SENDER);
	core_close(held);
	core_close(signal);
	core_close(mute);
	core_close(sender);
	core_close(channel);
}

static void identity(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = TAKE(sys_channel_sender(
		channel, 0x77, RIGHT_WRITE | RIGHT_SEEK | RIGHT_GRANT, REPLY_NONE));
	const struct identity *from = &message_page()->from;
	struct process_info info;
	struct ipc_msg m;

	OK(sys_process_info(core_process, &info));
	caller_init(&one, sender);
	caller_start(&one);
	receive(channel, &m);
	CHECK_EQ(from->badge, 0x77);
	CHECK_EQ(from->pid, info.pid);
	CHECK_EQ(from->silo, 1);
	CHECK_EQ(from->rights & (RIGHT_SEEK | RIGHT_STAT), RIGHT_SEEK);
	CHECK_EQ(from->pledges, PLEDGES_ALL);
	CHECK_EQ(from->flags, IDENTITY_SYSTEM);
	OK(ipc_reply(REPLY_CURRENT, &m));
	core_native_join(&one.native);
	core_close(sender);
	core_close(channel);
}

static void handles_travel(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 1);
	struct message_page *page = message_page();
	handle_t got;
	struct ipc_msg m;

	caller_init(&one, sender);
	one.give = TAKE(sys_signal_create(0x55));
	caller_start(&one);
	receive(channel, &m);
	CHECK_EQ(MSG_NHANDLES(m.tag), 1);
	got = page->handles[0];
	CHECK(got != HANDLE_NONE);
	CHECK_EQ(sys_signal_get(got), 0x55);
	REFUSED(sys_signal_get(one.give), EBADF); /* it moved */
	page->handles[0] = got;
	m.tag = MSG_HANDLES(1);
	OK(ipc_reply(REPLY_CURRENT, &m)); /* and back */
	core_native_join(&one.native);
	OK(one.result);
	CHECK_EQ(sys_signal_get(one.got), 0x55);
	core_close(one.got);
	core_close(sender);
	core_close(channel);
}

/* The answer to a caller that left: its handles stay with the server. */
static void handles_to_nobody(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 1);
	handle_t gift = TAKE(sys_signal_create(1)), reply;
	struct ipc_msg m;

	caller_init(&one, sender);
	one.deadline = time_in(100 * NS_PER_MS);
	caller_start(&one);
	receive(channel, &m);
	reply = TAKE(sys_reply_save());
	core_native_join(&one.native);
	message_page()->handles[0] = gift;
	m.tag = MSG_HANDLES(1);
	OK(ipc_reply(reply, &m));
	CHECK_EQ(sys_signal_get(gift), 1);
	core_close(gift);
	core_close(sender);
	core_close(channel);
}

static void bytes_in_page(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 1);
	struct message_page *page = message_page();
	struct ipc_msg m = {0};

	caller_init(&one, sender);
	one.m.tag = MSG_DATA_MAX; /* whatever is in its page: zeros */
	caller_start(&one);
	memset(page->data, 0xee, MSG_DATA_MAX);
	receive(channel, &m);
	CHECK_EQ(m.tag & MSG_BYTES_MASK, MSG_DATA_MAX);
	CHECK_EQ(page->data[0], 0);
	CHECK_EQ(page->data[MSG_DATA_MAX - 1], 0);
	m.tag = MSG_DATA_MAX + 1;
	REFUSED(ipc_reply(REPLY_CURRENT, &m), EMSGSIZE); /* the request stays in hand */
	m.tag = 3;
	OK(ipc_reply(REPLY_CURRENT, &m));
	core_native_join(&one.native);
	CHECK_EQ(one.m.tag, 3);
	core_close(sender);
	core_close(channel);
}

static void buffers(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 1), reply;
	static char in[10000], out[10000], mine[10000];
	struct message_page *page = message_page();
	struct ipc_msg m;

	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = (char)i;
	caller_init(&one, sender);
	one.in = (uint64_t)in, one.in_len = sizeof(in);
	one.out = (uint64_t)out, one.out_len = sizeof(out);
	caller_start(&one);
	receive(channel, &m);
	CHECK(m.tag & MSG_BUFFERS);
	CHECK_EQ(page->lens[0], sizeof(in));
	CHECK_EQ(page->lens[1], sizeof(out));
	CHECK_EQ(sys_reply_read(REPLY_CURRENT, 0, mine, sizeof(in)), sizeof(in));
	CHECK(memcmp(in, mine, sizeof(in)) == 0);
	CHECK_EQ(sys_reply_read(REPLY_CURRENT, 9000, mine, 1000), 1000);
	REFUSED(sys_reply_read(REPLY_CURRENT, 9001, mine, 1000), EINVAL);
	REFUSED(sys_reply_read(REPLY_CURRENT, UINT64_MAX, mine, 2), EINVAL);
	CHECK_EQ(sys_reply_write(REPLY_CURRENT, 5000, "middle", 6), 6);
	REFUSED(sys_reply_write(REPLY_CURRENT, 9999, "xx", 2), EINVAL);
	reply = TAKE(sys_reply_save());
	CHECK_EQ(sys_reply_write(reply, 0, "start", 5), 5);
	m.tag = 0;
	OK(ipc_reply(reply, &m));
	core_native_join(&one.native);
	CHECK(memcmp(out, "start", 5) == 0 && memcmp(out + 5000, "middle", 6) == 0);
	REFUSED(sys_reply_read(REPLY_CURRENT, 0, mine, 1), EINVAL);

	caller_init(&one, sender); /* memory that is not there */
	one.in = 16, one.in_len = 100;
	caller_start(&one);
	receive(channel, &m);
	REFUSED(sys_reply_read(REPLY_CURRENT, 0, mine, 100), EFAULT);
	m.tag = 0;
	OK(ipc_reply(REPLY_CURRENT, &m));
	core_native_join(&one.native);
	core_close(sender);
	core_close(channel);
}

static void one_way(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 8);
	struct ipc_msg m = {.tag = MSG_LABEL(1)};
	int64_t result = 0;
	unsigned n = 0;

	while (n < 100 && result == 0) {
		m.w[0] = n;
		result = ipc_send(sender, &m);
		n += result == 0;
	}
	REFUSED(result, EDQUOT);
	CHECK_EQ(n, 64);
	for (unsigned i = 0; i < n; i++) {
		receive(channel, &m);
		CHECK_EQ(m.w[0], i);
		CHECK_EQ(m.badge, 8);
		REFUSED(ipc_reply(REPLY_CURRENT, &m), EINVAL); /* needs no answer */
	}
	OK(ipc_send(sender, &m)); /* room again */
	message_page()->handles[0] = channel;
	m.tag = MSG_HANDLES(1);
	REFUSED(ipc_send(sender, &m), EPERM); /* no receive handles inside */
	message_page()->handles[0] = TAKE(sys_signal_create(3));
	OK(ipc_send(sender, &m));
	core_close(channel); /* with a handle still queued: it goes too */
	core_close(sender);
}

static void through_queue(void)
{
	handle_t queue = TAKE(sys_queue_create());
	handle_t a = TAKE(sys_channel_create()), b = TAKE(sys_channel_create());
	handle_t sa = sender_make(a, 0xa), sb = sender_make(b, 0xb);
	handle_t signal = TAKE(sys_signal_create(0));
	struct ipc_msg m;
	struct event e;
	uint64_t seen = 0;

	TAKE(sys_queue_add(queue, a, EVENT_MESSAGE, 1, 0, 0));
	TAKE(sys_queue_add(queue, b, EVENT_MESSAGE, 2, 0, 0));
	REFUSED(sys_queue_add(queue, a, EVENT_MESSAGE, 3, 0, 0), EBUSY);
	TAKE(sys_queue_add(queue, signal, EVENT_SIGNAL, 4, WATCH_EDGE, 1));
	caller_init(&one, sa);
	caller_init(&two, sb);
	caller_start(&one);
	caller_start(&two);
	for (int i = 0; i < 2; i++) {
		receive(queue, &m);
		seen |= 1ull << m.badge;
		OK(ipc_reply(REPLY_CURRENT, &m));
	}
	CHECK_EQ(seen, 1ull << 0xa | 1ull << 0xb);
	core_native_join(&one.native);
	core_native_join(&two.native);
	CHECK_EQ(sys_signal_set(signal, 0, 1), 0);
	e = receive_event(queue);
	CHECK_EQ(e.kind, EVENT_SIGNAL);
	CHECK_EQ(e.key, 4);
	core_close(sa);
	e = receive_event(queue);
	CHECK_EQ(e.kind, EVENT_CLOSED);
	CHECK_EQ(e.key, 1);
	CHECK_EQ(e.data0, 0xa);
	nothing_comes(queue);
	core_close(sb);
	core_close(signal);
	core_close(a);
	core_close(b);
	core_close(queue);
}

/* ---- other processes ------------------------------------------------------------------------- */

/* Adds one to w[0] until told otherwise. */
static int role_adder(void)
{
	handle_t channel = boot_handle("channel");
	struct ipc_msg m = {0};
	int64_t result = ipc_wait(channel, &m, core_soon());

	while (result == IPC_MESSAGE && m.w[0] != 999) {
		m.w[0]++;
		result = ipc_reply_wait(channel, &m, core_soon(), REPLY_CURRENT);
	}
	return result == IPC_MESSAGE ? 7 : 1; /* dies with the last request in its hands */
}

static void server_dies(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 1);
	struct spawn_handle handles[] = {{"channel", channel, RIGHTS_SAME, 0, 0}};
	struct ipc_msg m = {0};
	struct spawned s;

	core_spawn(&s, "adder", NULL, HANDLE_NONE, handles, 1);
	core_close(channel); /* only the server receives now */
	for (uint64_t i = 0; i < 50; i++) {
		m.w[0] = i;
		OK(ipc_call(sender, &m, core_soon()));
		CHECK_EQ(m.w[0], i + 1);
	}
	m.w[0] = 999;
	REFUSED(ipc_call(sender, &m, core_soon()), EPIPE);
	core_expect(&s, 7);
	core_close(sender);
}

/* With a keeper: the call in hand gets ERESTART, the channel lives on for a successor. */
static void server_restarts(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = sender_make(channel, 1);
	struct spawn_handle handles[] = {{"channel", channel, RIGHTS_SAME, HANDLE_KEPT, 0}};
	struct process_info info;
	struct ipc_msg m = {.w = {999}};
	struct spawned s;
	handle_t kept;
	uint64_t deadline = core_soon();

	core_spawn(&s, "adder", NULL, HANDLE_NONE, handles, 1);
	core_close(channel);
	REFUSED(ipc_call(sender, &m, core_soon()), ERESTART);
	do {
		OK(sys_process_info(s.process, &info));
		OK(sys_thread_yield());
	} while (info.state != PROCESS_CORPSE && time_now() < deadline);
	REFUSED(ipc_call(sender, &m, time_in(2 * NS_PER_MS)), ETIMEDOUT); /* queued, not refused */
	kept = TAKE(sys_process_take(s.process, handles[0].given));
	spawn_discard(&s);
	handles[0].handle = kept;
	core_spawn(&s, "adder", NULL, HANDLE_NONE, handles, 1);
	core_close(kept);
	m.w[0] = 1;
	OK(ipc_call(sender, &m, core_soon()));
	CHECK_EQ(m.w[0], 2);
	m.w[0] = 999;
	REFUSED(ipc_call(sender, &m, core_soon()), ERESTART);
	core_expect(&s, 7); /* reaped: the kept handle goes with it */
	REFUSED(ipc_call(sender, &m, core_soon()), EPIPE);
	core_close(sender);
}

/* A client that dies while its call is in the server's hands. */
static int role_caller(void)
{
	struct ipc_msg m = {.w = {5}};

	return ipc_call(boot_handle("sender"), &m, core_soon()) == 0 ? 0 : 1;
}

static void client_dies(void)
{
	handle_t channel = TAKE(sys_channel_create());
	struct spawn_handle handles[] = {{"sender", sender_make(channel, 6), RIGHTS_SAME, 0, 0}};
	struct ipc_msg m;
	struct event e;
	struct spawned s;
	handle_t reply;

	core_spawn(&s, "caller", NULL, HANDLE_NONE, handles, 1);
	core_close(handles[0].handle);
	receive(channel, &m);
	CHECK_EQ(m.w[0], 5);
	reply = TAKE(sys_reply_save());
	OK(sys_process_kill(s.process, 3));
	core_expect(&s, 3);
	e = receive_event(channel);
	CHECK(e.kind == EVENT_ABANDONED || e.kind == EVENT_CLOSED);
	e = receive_event(channel);
	CHECK(e.kind == EVENT_ABANDONED || e.kind == EVENT_CLOSED);
	OK(ipc_reply(reply, &m)); /* to nobody */
	core_close(channel);
}

/* The same with the request in hand: no event is needed to answer it in vain. */
static void client_dies_in_hand(void)
{
	handle_t channel = TAKE(sys_channel_create());
	struct spawn_handle handles[] = {{"sender", sender_make(channel, 6), RIGHTS_SAME, 0, 0}};
	struct ipc_msg m;
	struct spawned s;

	core_spawn(&s, "caller", NULL, HANDLE_NONE, handles, 1);
	receive(channel, &m);
	OK(sys_process_kill(s.process, 3));
	core_expect(&s, 3);
	REFUSED(sys_reply_write(REPLY_CURRENT, 0, &m, 1), ECANCELED);
	REFUSED(sys_reply_save(), ECANCELED);
	core_close(handles[0].handle);
	core_close(channel);
}

static void violation(void)
{
	handle_t channel = TAKE(sys_channel_create());
	struct spawn_handle handles[] = {{"sender", sender_make(channel, 6), RIGHTS_SAME, 0, 0}};
	struct ipc_msg m;
	struct spawned s;

	core_spawn(&s, "caller", NULL, HANDLE_NONE, handles, 1);
	receive(channel, &m);
	/* It has every pledge: the request is only refused. */
	OK(sys_reply_violation(REPLY_CURRENT, PLEDGE_INET));
	core_expect(&s, 1);
	core_close(handles[0].handle);
	core_close(channel);
}

static uint64_t cpu_used(handle_t silo)
{
	struct silo_info info;

	OK(sys_silo_info(silo, &info));
	return info.cpu_ns;
}

/* Refusing a kept request ends no loan: the one in hand is still worked on in its client's time. */
static void violation_kept(void)
{
	handle_t silo = core_silo_make(1000, 0, NULL), reply;
	handle_t channel = TAKE(sys_channel_create());
	struct spawn_handle handles[] = {{"sender", sender_make(channel, 6), RIGHTS_SAME, 0, 0}};
	uint64_t used, until;
	struct spawned kept, s;
	struct ipc_msg m;

	core_spawn(&kept, "caller", NULL, HANDLE_NONE, handles, 1);
	receive(channel, &m);
	reply = TAKE(sys_reply_save());
	core_spawn(&s, "caller", NULL, silo, handles, 1);
	receive(channel, &m);
	OK(sys_reply_violation(reply, PLEDGE_INET));
	core_expect(&kept, 1);
	used = cpu_used(silo);
	until = time_in(20 * NS_PER_MS);
	while (time_now() < until)
		;
	OK(sys_thread_yield());
	CHECK(cpu_used(silo) - used >= 5 * NS_PER_MS);
	OK(ipc_reply(REPLY_CURRENT, &m));
	core_expect(&s, 0);
	core_close(handles[0].handle);
	core_close(channel);
	core_silo_end(silo);
}

/* Calls from several CPUs at once, with deadlines that hit everywhere. */
static uint32_t storm_good, storm_late, storm_bad;
static handle_t storm_sender;

static void storm(uint64_t seed)
{
	for (int i = 0; i < 500; i++) {
		struct ipc_msg m = {.w = {seed, (uint64_t)i}};
		int64_t result;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		result = ipc_call(storm_sender, &m, time_in((seed >> 33) % (200 * NS_PER_US)));
		if (result == 0 && m.w[1] == (uint64_t)i + 1)
			__atomic_add_fetch(&storm_good, 1, __ATOMIC_RELAXED);
		else if (result == -ETIMEDOUT || result == -EAGAIN)
			__atomic_add_fetch(&storm_late, 1, __ATOMIC_RELAXED);
		else
			__atomic_add_fetch(&storm_bad, 1, __ATOMIC_RELAXED);
	}
}

static void deadline_storm(void)
{
	static struct core_native callers[3];
	handle_t channel = TAKE(sys_channel_create());
	struct ipc_msg m = {0};
	handle_t reply = REPLY_NONE;
	bool live = true;

	storm_sender = sender_make(channel, 1);
	storm_good = storm_late = storm_bad = 0;
	for (int i = 0; i < 3; i++)
		core_native_start(&callers[i], storm, (uint64_t)i + 1);
	while (live) {
		int64_t what = ipc_reply_wait(channel, &m, time_in(50 * NS_PER_MS), reply);

		reply = REPLY_NONE;
		if (what == IPC_MESSAGE) {
			m.w[1]++;
			reply = REPLY_CURRENT;
		}
		live = what != -ETIMEDOUT || storm_good + storm_late + storm_bad < 1500;
		CHECK(what >= 0 || what == -ETIMEDOUT);
	}
	for (int i = 0; i < 3; i++)
		core_native_join(&callers[i]);
	CHECK_EQ(storm_bad, 0);
	CHECK_EQ(storm_good + storm_late, 1500);
	CHECK(storm_good > 0);
	core_close(storm_sender);
	core_close(channel);
}

const struct core_test core_tests[] = {
	{"words", words},
	{"receiver_first", receiver_first},
	{"answered_or_not", answered_or_not},
	{"deadlines", deadlines},
	{"deadline_left_behind", deadline_left_behind},
	{"sleeping_servers", sleeping_servers},
	{"abandoned", abandoned},
	{"interrupt", interrupt},
	{"no_more_bytes", no_more_bytes},
	{"saved_replies", saved_replies},
	{"reply_dropped", reply_dropped},
	{"channel_gone", channel_gone},
	{"closed_event", closed_event},
	{"badges", badges},
	{"ipc_rights", rights},
	{"identity", identity},
	{"handles_travel", handles_travel},
	{"handles_to_nobody", handles_to_nobody},
	{"bytes_in_page", bytes_in_page},
	{"buffers", buffers},
	{"one_way", one_way},
	{"through_queue", through_queue},
	{"server_dies", server_dies},
	{"server_restarts", server_restarts},
	{"client_dies", client_dies},
	{"client_dies_in_hand", client_dies_in_hand},
	{"violation", violation},
	{"violation_kept", violation_kept},
	{"deadline_storm", deadline_storm},
	{NULL, NULL},
};

const struct core_role core_roles[] = {
	{"adder", role_adder}, {"caller", role_caller}, {NULL, NULL}};

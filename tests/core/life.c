/* SPDX-License-Identifier: ISC */
/*
 * life.c: how one learns that another has ended: a sender of one's own that the other holds, and
 * EVENT_CLOSED when it goes (docs/objects/channel.md, Death). Whatever ends the other, the event
 * is there before anybody else is told, and also for who looks late.
 */
#include "core.h"

#define KEY_LIFE 1u
#define KEY_EXIT 2u

enum { CALL_HOLD, CALL_FORGET, CALL_CRASH };

/* Holds what it is given. */
static int role_holder(void)
{
	handle_t channel = boot_handle("channel"), held = HANDLE_NONE;
	struct ipc_msg m = {0};
	int64_t what = ipc_wait(channel, &m, core_soon());

	for (; what == IPC_MESSAGE;
	     what = ipc_reply_wait(channel, &m, DEADLINE_NEVER, REPLY_CURRENT)) {
		switch (m.tag >> 32) {
		case CALL_HOLD: held = message_page()->handles[0]; break;
		case CALL_FORGET: m.w[0] = (uint64_t)sys_handle_close(held); break;
		case CALL_CRASH: __builtin_trap();
		}
		m.tag = 0;
	}
	return 1;
}

struct holder {
	struct spawned s;
	handle_t channel, sender, kept;
};

static void holder_start(struct holder *h)
{
	struct spawn_handle handles[] = {{"channel", h->channel, RIGHTS_SAME, HANDLE_KEPT, 0}};

	core_spawn(&h->s, "holder", NULL, HANDLE_NONE, handles, 1);
	h->kept = handles[0].given;
}

static void holder_make(struct holder *h)
{
	h->channel = TAKE(sys_channel_create());
	h->sender = TAKE(sys_channel_sender(h->channel, 1, CORE_SENDER, REPLY_NONE));
	holder_start(h);
}

static void holder_end(struct holder *h)
{
	core_close(h->sender);
	core_close(h->channel);
}

static void holder_kill(struct holder *h)
{
	OK(sys_process_kill(h->s.process, -1));
}

static int64_t holder_call(const struct holder *h, uint32_t label)
{
	struct ipc_msg m = {.tag = MSG_LABEL(label)};
	int64_t err = ipc_call(h->sender, &m, core_soon());

	return err ? err : (int64_t)m.w[0];
}

static int64_t holder_give(const struct holder *h, handle_t life)
{
	struct ipc_msg m = {.tag = MSG_LABEL(CALL_HOLD) | MSG_HANDLES(1)};

	message_page()->handles[0] = life;
	return ipc_call(h->sender, &m, core_soon());
}

static handle_t life_make(handle_t channel, uint64_t badge)
{
	return TAKE(sys_channel_sender(channel, badge, RIGHT_GRANT, REPLY_NONE));
}

static void nothing_yet(handle_t source)
{
	struct ipc_msg m;

	REFUSED(ipc_wait(source, &m, DEADLINE_NOW), EAGAIN);
}

/* The event lies there already. */
static void ended(handle_t source, uint64_t badge)
{
	struct ipc_msg m;
	struct event e;

	CHECK_EQ(ipc_wait(source, &m, DEADLINE_NOW), IPC_EVENT);
	e = ipc_event(&m);
	CHECK_EQ(e.kind, EVENT_CLOSED);
	CHECK_EQ(e.data0, badge);
}

/* ---- the other's end ------------------------------------------------------------------------- */

/* In a queue, beside the process's own end: the life comes first. */
static void killed(void)
{
	handle_t lives = TAKE(sys_channel_create()), queue = TAKE(sys_queue_create());
	struct holder h;
	struct ipc_msg m;
	struct event e;

	holder_make(&h);
	TAKE(sys_queue_add(queue, h.s.process, EVENT_PROCESS, KEY_EXIT, 0, PROCESS_EV_EXIT));
	TAKE(sys_queue_add(queue, lives, EVENT_MESSAGE, KEY_LIFE, 0, 0));
	OK(holder_give(&h, life_make(lives, 7)));
	nothing_yet(queue);
	holder_kill(&h);
	CHECK_EQ(ipc_wait(queue, &m, DEADLINE_NOW), IPC_EVENT);
	e = ipc_event(&m);
	CHECK_EQ(e.kind, EVENT_CLOSED);
	CHECK_EQ(e.key, KEY_LIFE);
	CHECK_EQ(e.data0, 7);
	CHECK_EQ(ipc_wait(queue, &m, DEADLINE_NOW), IPC_EVENT);
	e = ipc_event(&m);
	CHECK_EQ(e.kind, EVENT_PROCESS);
	CHECK_EQ(e.key, KEY_EXIT);
	nothing_yet(queue); /* once */
	spawn_discard(&h.s);
	holder_end(&h);
	core_close(queue);
	core_close(lives);
}

/* It crashes, and a keeper holds its place: its channel lives on, what it held does not. */
static void crashed(void)
{
	handle_t lives = TAKE(sys_channel_create());
	struct ipc_msg m = {0};
	struct holder h;

	holder_make(&h);
	OK(holder_give(&h, life_make(lives, 8)));
	core_close(h.channel); /* only the corpse keeps it now */
	REFUSED(holder_call(&h, CALL_CRASH), ERESTART);
	ended(lives, 8);
	REFUSED(ipc_call(h.sender, &m, time_in(2 * NS_PER_MS)), ETIMEDOUT); /* queued */
	h.channel = TAKE(sys_process_take(h.s.process, h.kept));
	spawn_discard(&h.s);
	nothing_yet(lives);
	holder_end(&h);
	core_close(lives);
}

/* It lives, but lets go. */
static void let_go(void)
{
	handle_t lives = TAKE(sys_channel_create());
	struct holder h;

	holder_make(&h);
	OK(holder_give(&h, life_make(lives, 9)));
	OK(holder_call(&h, CALL_FORGET));
	ended(lives, 9);
	holder_kill(&h);
	nothing_yet(lives);
	spawn_discard(&h.s);
	holder_end(&h);
	core_close(lives);
}

/* It was started again before anybody looked: which of the two has ended is in the badge. */
static void restarted(void)
{
	handle_t lives = TAKE(sys_channel_create());
	struct holder h;

	holder_make(&h);
	OK(holder_give(&h, life_make(lives, 1)));
	holder_kill(&h);
	spawn_discard(&h.s);
	holder_start(&h);
	OK(holder_give(&h, life_make(lives, 2)));
	ended(lives, 1);
	nothing_yet(lives);
	holder_kill(&h);
	ended(lives, 2);
	spawn_discard(&h.s);
	holder_end(&h);
	core_close(lives);
}

/* It ends with the message unread: a call's handle stays with the caller, a one-way one's ends. */
static void undelivered(void)
{
	handle_t lives = TAKE(sys_channel_create()), channel = TAKE(sys_channel_create());
	handle_t sender = TAKE(sys_channel_sender(channel, 1, CORE_SENDER, REPLY_NONE));
	handle_t life = life_make(lives, 3);
	struct ipc_msg m = {.tag = MSG_HANDLES(1)};

	message_page()->handles[0] = life;
	REFUSED(ipc_call(sender, &m, time_in(NS_PER_MS)), ETIMEDOUT);
	nothing_yet(lives);
	m.tag = MSG_HANDLES(1);
	message_page()->handles[0] = life;
	OK(ipc_send(sender, &m));
	nothing_yet(lives); /* on its way */
	core_close(channel);
	ended(lives, 3);
	core_close(sender);
	core_close(lives);
}

/* ---- refusals -------------------------------------------------------------------------------- */

/* What has no right but GRANT cannot speak to who waits for its end. */
static void silent(void)
{
	handle_t lives = TAKE(sys_channel_create()), life = life_make(lives, 4);
	struct ipc_msg m = {0};

	REFUSED(ipc_call(life, &m, core_soon()), EACCES);
	REFUSED(ipc_send(life, &m), EACCES);
	CHECK(sys_handle_dup(life, RIGHT_GRANT | RIGHT_WRITE) < 0);
	nothing_yet(lives);
	core_close(life);
	ended(lives, 4);
	core_close(lives);
}

static void refused(void)
{
	handle_t lives = TAKE(sys_channel_create());
	handle_t weak = TAKE(sys_handle_dup(lives, RIGHT_READ));
	handle_t life = TAKE(sys_channel_sender(lives, 5, RIGHT_WRITE, REPLY_NONE));
	struct handle_info info;
	struct holder h;

	holder_make(&h);
	REFUSED(sys_channel_sender(weak, 6, RIGHT_GRANT, REPLY_NONE), EACCES);
	REFUSED(sys_channel_sender(lives, 5, RIGHT_GRANT, REPLY_NONE), EEXIST);
	REFUSED(holder_give(&h, life), EACCES); /* without GRANT nothing travels */
	OK(sys_handle_info(life, &info));
	nothing_yet(lives);
	core_close(life);
	ended(lives, 5);
	core_close(life_make(lives, 5)); /* the badge is free again */
	ended(lives, 5);
	holder_kill(&h);
	spawn_discard(&h.s);
	holder_end(&h);
	core_close(weak);
	core_close(lives);
}

/* ---- both ends ------------------------------------------------------------------------------- */

/* Who waits is gone first: the other's end is told to nobody, and nothing is left behind. */
static void watcher_first(void)
{
	handle_t lives = TAKE(sys_channel_create());
	struct silo_info before;
	struct holder h;

	holder_make(&h);
	holder_kill(&h);
	spawn_discard(&h.s);
	OK(sys_silo_info(core_silo, &before)); /* with all tables grown */
	holder_start(&h);
	OK(holder_give(&h, life_make(lives, 1)));
	core_close(lives);
	OK(holder_call(&h, CALL_FORGET)); /* of a dead channel */
	lives = TAKE(sys_channel_create());
	OK(holder_give(&h, life_make(lives, 1)));
	core_close(lives);
	holder_kill(&h);
	spawn_discard(&h.s);
	lives = TAKE(sys_channel_create());
	core_returns(core_silo, &before);
	core_close(lives);
	holder_end(&h);
}

/* One process is both, and ends. */
static int role_both(void)
{
	int64_t lives = sys_channel_create();

	if (lives < 0)
		return 1;
	return sys_channel_sender((handle_t)lives, 1, RIGHT_GRANT, REPLY_NONE) < 0 ? 2 : 0;
}

static void both_at_once(void)
{
	struct silo_info before;
	struct spawned s;

	core_spawn(&s, "both", NULL, HANDLE_NONE, NULL, 0);
	core_expect(&s, 0);
	OK(sys_silo_info(core_silo, &before));
	for (int i = 0; i < 3; i++) {
		core_spawn(&s, "both", NULL, HANDLE_NONE, NULL, 0);
		core_expect(&s, 0);
	}
	core_returns(core_silo, &before);
}

const struct core_test core_tests[] = {
	{"killed", killed},
	{"crashed", crashed},
	{"let_go", let_go},
	{"restarted", restarted},
	{"undelivered", undelivered},
	{"silent", silent},
	{"refused", refused},
	{"watcher_first", watcher_first},
	{"both_at_once", both_at_once},
	{NULL, NULL},
};

const struct core_role core_roles[] = {{"holder", role_holder}, {"both", role_both}, {NULL, NULL}};

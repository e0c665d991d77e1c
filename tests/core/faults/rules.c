/* SPDX-License-Identifier: ISC */
/*
 * rules.c: process_faults itself: what it asks for and what it refuses.
 */
#include "faults.h"

static struct actor one;
static struct line line;

void rights_needed(void)
{
	handle_t weak, mute, bound;

	line_open(&line);
	actor_make(&one, HANDLE_NONE);
	weak = TAKE(sys_handle_dup(one.s.process, RIGHTS_ALL & ~(RIGHT_WX | RIGHT_MANAGE)));
	mute = TAKE(sys_handle_dup(line.sender, CORE_SENDER & ~RIGHT_WRITE));
	bound = TAKE(sys_handle_dup(line.sender, CORE_SENDER & ~RIGHT_GRANT));
	REFUSED(sys_process_faults(weak, line.sender), EACCES);
	REFUSED(sys_process_faults(weak, HANDLE_NONE), EACCES);
	REFUSED(sys_process_faults(one.s.process, mute), EACCES);
	REFUSED(sys_process_faults(one.s.process, bound), EACCES);
	REFUSED(sys_process_faults(one.s.process, line.channel), EINVAL);
	REFUSED(sys_process_faults(line.sender, line.sender), EINVAL);
	REFUSED(sys_process_faults(0x3fff, line.sender), EBADF);
	REFUSED(sys_process_faults(one.s.process, 0x3fff), EBADF);
	OK(sys_process_faults(one.s.process, HANDLE_NONE)); /* nothing to take back */
	OK(sys_process_faults(one.s.process, line.sender));
	core_close(weak);
	core_close(mute);
	core_close(bound);
	actor_end(&one);
	line_close(&line);
}

static int64_t watch(handle_t queue)
{
	return sys_queue_add(queue, one.s.process, EVENT_PROCESS, 1, 0, PROCESS_EV_FAULT);
}

/* One at a time; one whose sender was killed or whose channel is dead stands in nobody's way. */
void one_handler(void)
{
	handle_t queue = TAKE(sys_queue_create());
	struct line other;
	int64_t id;

	line_open(&line);
	line_open(&other);
	actor_make(&one, HANDLE_NONE);
	OK(sys_process_faults(one.s.process, line.sender));
	REFUSED(sys_process_faults(one.s.process, line.sender), EBUSY);
	REFUSED(sys_process_faults(one.s.process, other.sender), EBUSY);
	REFUSED(watch(queue), EBUSY);
	OK(sys_process_faults(one.s.process, HANDLE_NONE));
	id = watch(queue);
	CHECK(id > 0);
	REFUSED(sys_process_faults(one.s.process, line.sender), EBUSY);
	OK(sys_queue_remove(queue, (uint64_t)id));
	OK(sys_process_faults(one.s.process, line.sender));
	OK(sys_sender_kill(line.channel, LINE_BADGE));
	OK(sys_process_faults(one.s.process, other.sender));
	core_close(other.channel);
	id = watch(queue);
	CHECK(id > 0);
	REFUSED(sys_process_faults(one.s.process, other.sender), EBUSY);
	OK(sys_queue_remove(queue, (uint64_t)id));
	OK(sys_process_faults(one.s.process, HANDLE_NONE));
	actor_end(&one);
	core_close(other.sender);
	core_close(queue);
	line_close(&line);
}

static void exits(struct actor_thread *t)
{
	t->got[0] = 1;
}

void ended_process(void)
{
	line_open(&line);
	actor_make(&one, HANDLE_NONE);
	actor_thread(&one, exits, 0);
	OK(sys_process_faults(one.s.process, line.sender));
	actor_start(&one);
	OK(sys_process_kill(one.s.process, 0)); /* it is a corpse now, whoever was first */
	REFUSED(sys_process_faults(one.s.process, line.sender), ESRCH);
	REFUSED(sys_process_faults(one.s.process, HANDLE_NONE), ESRCH);
	actor_end(&one);
	/* One that never ran lets go of it, too. */
	actor_make(&one, HANDLE_NONE);
	OK(sys_process_faults(one.s.process, line.sender));
	actor_end(&one);
	line_close(&line);
}

/* arg: its own handle, the sender */
static void cages_itself(struct actor_thread *t)
{
	t->got[0] = sys_cap_enter();
	t->got[1] = sys_process_faults((handle_t)t->arg[0], (handle_t)t->arg[1]);
	t->got[2] = sys_process_faults((handle_t)t->arg[0], HANDLE_NONE);
}

void capability_mode(void)
{
	struct actor_thread *t;

	line_open(&line);
	actor_make(&one, HANDLE_NONE);
	t = actor_thread(&one, cages_itself, actor_give(&one, one.s.process, 0));
	t->arg[1] = actor_give(&one, line.sender, 0);
	actor_start(&one);
	actor_exits(&one, 0);
	OK(t->got[0]);
	CHECK_EQ(t->got[1], -EPERM);
	CHECK_EQ(t->got[2], -EPERM);
	line_close(&line);
}

/* It counts as a handle of the process: for the process's limit, its silo's, and the tree's depth.
 */
void handle_limits(void)
{
	handle_t silo = core_silo_make(1500, 0, NULL), chain[16];
	struct silo_info before, after;
	unsigned n = 0;

	line_open(&line);
	actor_make(&one, silo);
	CHECK(actor_give(&one, core_log, 0));
	OK(sys_silo_info(silo, &before));
	OK(sys_silo_limit(silo, LIMIT_PROCESS_HANDLES, 1));
	REFUSED(sys_process_faults(one.s.process, line.sender), EMFILE);
	OK(sys_silo_limit(silo, LIMIT_PROCESS_HANDLES, 0));
	OK(sys_silo_limit(silo, LIMIT_HANDLES, 1));
	REFUSED(sys_process_faults(one.s.process, line.sender), EDQUOT);
	OK(sys_silo_limit(silo, LIMIT_HANDLES, 2));
	OK(sys_process_faults(one.s.process, line.sender));
	CHECK_EQ(core_usage(silo, RES_HANDLES), 2);
	REFUSED(sys_process_give(one.s.process, core_log, RIGHT_READ, 0), EDQUOT);
	OK(sys_process_faults(one.s.process, HANDLE_NONE));
	OK(sys_silo_info(silo, &after));
	for (unsigned i = 0; i < RES_KINDS; i++)
		CHECK_EQ(after.usage[i], before.usage[i]);
	for (int64_t h = line.sender; h >= 0 && n < 16;) {
		h = sys_handle_dup(n ? chain[n - 1] : line.sender, RIGHTS_SAME);
		if (h >= 0)
			chain[n++] = (handle_t)h;
	}
	CHECK(n > 0 && n < 16);
	REFUSED(sys_process_faults(one.s.process, chain[n - 1]), EMLINK);
	while (n)
		core_close(chain[--n]);
	actor_end(&one);
	core_silo_end(silo);
	line_close(&line);
}

/* SPDX-License-Identifier: ISC */
/*
 * shortage.c: memory that is refused while some is on its way back.
 *
 * What a dead process held is freed in slices (cleanup.c). A program that asks for memory meanwhile
 * would be told that there is none, although there soon is. So who refuses memory says so here, and
 * the call that comes to -ENOMEM by it is run again after the next slice, as long as cleaning up
 * has not ended. A call that answers -ENOMEM has changed nothing, so it can be repeated; a fault is
 * by itself.
 *
 * Nobody waits for ever on what others throw away: a thread's calls wait for AWAIT_NS at most, and
 * then fail for as long again.
 */
#include "arch.h"
#include "cpu.h"
#include "memory.h"
#include "process.h"

#define AWAIT_NS 1000000000ull

struct thread *memory_waiter;
static uint64_t waiter_result; /* its result register before the call: the call's number */

bool memory_awaited(void)
{
	struct thread *t = cleanup_pending ? this_cpu()->cur : NULL;
	uint64_t now;

	if (!t)
		return false;
	now = arch_now();
	if (!t->short_since || now - t->short_since >= 2 * AWAIT_NS)
		t->short_since = now;
	if (now - t->short_since >= AWAIT_NS)
		return false;
	memory_waiter = t;
	waiter_result = REGS_RESULT(&t->regs);
	this_cpu()->resched = true; /* kernel_leave, which cleans up */
	return true;
}

void memory_retry(void)
{
	struct thread *t = memory_waiter;

	memory_waiter = NULL;
	if (t != this_cpu()->cur || REGS_RESULT(&t->regs) != (uint64_t)-ENOMEM)
		return;
	REGS_RESULT(&t->regs) = waiter_result;
	arch_restart_syscall(t);
}

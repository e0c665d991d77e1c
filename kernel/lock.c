/* SPDX-License-Identifier: ISC */
/*
 * lock.c: waiting for the kernel lock. The usual way, without waiting, is in cpu.h and entry.S; why
 * turns may be taken out of order: docs/decisions/0002-lock-out-of-turn.md.
 *
 * Who has to wait draws a ticket; `owner` is the ticket whose turn it is, and only the holder of
 * `locked` writes it, on having taken the lock. Tickets ahead of it that were served already stand
 * in `done`, as far as 64 bits tell them apart. When the CPU whose turn it is stays away for longer
 * than that, its turn is passed, with all between: who finds that `owner` has gone past its ticket
 * draws a new one.
 *
 * Who has waited for LOCK_LOST_S while no other CPU had its turn panics: one does not come out of
 * the kernel, and the machine would stand still for ever without a word.
 */
#include "cpu.h"

#define LOCK_PATIENCE 400 /* turns of waiting */
#define LOCK_LOST_S   10u
#define LOST_TURNS    (1u << 16) /* between looks at the clock */
#define TICKETS_AHEAD 64u	 /* bits of `done` */

struct kernel_lock kernel_lock;

static bool passed(uint32_t me, uint32_t owner)
{
	return (int32_t)(owner - me) > 0;
}

static bool try_lock(struct kernel_lock *l)
{
	return !__atomic_load_n(&l->locked, __ATOMIC_RELAXED) &&
	       !__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE);
}

/* The lock is ours: what became of our ticket. */
static void serve(struct kernel_lock *l, uint32_t me)
{
	uint32_t owner = l->owner;

	if (me - owner >= TICKETS_AHEAD) {
		owner = me; /* pass who is not there; others between draw anew */
		l->done = 0;
	}
	l->done |= 1ull << (me % TICKETS_AHEAD);
	for (; l->done >> (owner % TICKETS_AHEAD) & 1; owner++)
		l->done &= ~(1ull << (owner % TICKETS_AHEAD));
	__atomic_store_n(&l->owner, owner, __ATOMIC_RELAXED);
}

uint32_t lock_ticket(void)
{
	__atomic_fetch_add(&kernel_lock.waiting, 1, __ATOMIC_RELAXED);
	return __atomic_fetch_add(&kernel_lock.next, 1, __ATOMIC_RELAXED);
}

/* What changes whenever a CPU that waited has had its turn. */
struct turns {
	uint64_t since; /* ns; 0: not looked yet */
	uint64_t done;
	uint32_t owner;
};

/* Now and then, by who waits. */
static void lost_check(const struct kernel_lock *l, struct turns *last)
{
	struct turns now = {arch_now(), __atomic_load_n(&l->done, __ATOMIC_RELAXED),
			    __atomic_load_n(&l->owner, __ATOMIC_RELAXED)};

	if (!last->since || now.done != last->done || now.owner != last->owner)
		*last = now;
	else if (now.since - last->since > LOCK_LOST_S * 1000000000ull)
		panic("nobody could have the kernel lock for %u s", LOCK_LOST_S);
}

void lock_kernel_wait(uint32_t me)
{
	struct kernel_lock *l = &kernel_lock;
	struct turns last = {0};

	for (unsigned turns = 0;; turns++) {
		uint32_t owner = __atomic_load_n(&l->owner, __ATOMIC_RELAXED);

		if (unlikely(passed(me, owner))) {
			me = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
		} else if ((me == owner || turns > LOCK_PATIENCE) && try_lock(l)) {
			if (!passed(me, l->owner))
				break;
			unlock_kernel(); /* just now */
		}
		if (unlikely(turns % LOST_TURNS == LOST_TURNS - 1))
			lost_check(l, &last);
		arch_tlb_serve();
		arch_relax();
	}
	__atomic_fetch_sub(&l->waiting, 1, __ATOMIC_RELAXED);
	serve(l, me);
}

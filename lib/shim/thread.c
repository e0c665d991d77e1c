/* SPDX-License-Identifier: ISC */
/*
 * thread.c: threads by clone, their end, futexes, and signals to oneself.
 *
 * Only the clone that pthread_create makes is served (CLONE_VM and CLONE_THREAD); fork and vfork
 * answer -ENOSYS. A thread's shim stack and block lie in one area, reused when the kernel has
 * stored 0 to block.in_use behind the thread's last instruction. The list of areas only grows, so
 * it needs no lock. Thread numbers are the process's own: pid + n.
 */
#include "shim/state.h"
#include "sys/info.h"

#define CLONE_VM	     0x100u
#define CLONE_THREAD	     0x10000u
#define CLONE_SETTLS	     0x80000u
#define CLONE_PARENT_SETTID  0x100000u
#define CLONE_CHILD_CLEARTID 0x200000u
#define CLONE_CHILD_SETTID   0x1000000u

#define FUTEX_WAIT	  0
#define FUTEX_WAKE	  1
#define FUTEX_REQUEUE	  3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_COMMAND	  127
#define FUTEX_REALTIME	  256

/* Guard page, two pages of stack whose upper end is the struct shim_area. */
#define AREA_LEN  (3 * PAGE_SIZE)
#define AREA_DATA (AREA_LEN - 512)

_Static_assert(sizeof(struct shim_area) <= 512 - 16, "shim_area");

/* An area nobody uses, marked as used. NULL: no memory. */
static struct shim_area *area_get(void)
{
	struct shim_area *area = __atomic_load_n(&shim_state.areas, __ATOMIC_ACQUIRE);
	int64_t base;

	for (; area; area = area->next) {
		uint32_t unused = 0;

		if (__atomic_compare_exchange_n(&area->block.in_use, &unused, 1, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return area;
	}
	base = shim_map_fresh(0, AREA_LEN, PROT_R | PROT_W);
	if (base < 0)
		return NULL;
	if (sys_aspace_protect(shim_state.aspace, (uint64_t)base, PAGE_SIZE, 0) < 0) {
		if (sys_aspace_unmap(shim_state.aspace, (uint64_t)base, AREA_LEN) < 0)
			return NULL;
		return NULL;
	}
	area = (struct shim_area *)((uint64_t)base + AREA_DATA);
	area->block.in_use = 1;
	area->next = __atomic_load_n(&shim_state.areas, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&shim_state.areas, &area->next, area, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return area;
}

static void area_put(struct shim_area *area)
{
	__atomic_store_n(&area->block.in_use, 0, __ATOMIC_RELEASE);
}

/* The kernel maps a message page for each thread and leaves it mapped: that of the area's last
 * thread goes before the next one has another. */
static int64_t message_page_drop(struct shim_area *area)
{
	uint64_t page = area->block.msg;
	int64_t result = page ? sys_aspace_unmap(shim_state.aspace, page, PAGE_SIZE) : 0;

	if (result >= 0)
		area->block.msg = 0;
	return result;
}

/* Fill the block and copy the frame to the new shim stack. Returns the thread's first rsp. */
static uint64_t area_prepare(struct shim_area *area, const struct shim_frame *frame, uint32_t tid)
{
	uint64_t top = (uint64_t)area - 16;
	struct shim_frame *copy = (struct shim_frame *)(top - sizeof(*copy));

	area->block.busy = 0;
	area->block.free[BLOCK_RSP] = frame->rsi;
	area->block.free[BLOCK_STACK] = top;
	area->block.free[BLOCK_TID] = tid;
	area->block.free[BLOCK_CLEAR] = frame->rdi & CLONE_CHILD_CLEARTID ? frame->r10 : 0;
	area->block.free[BLOCK_SELF] = (uint64_t)&area->block;
	*copy = *frame;
	return (uint64_t)copy;
}

/* Store the thread's number where the caller wants it, before the thread runs. */
static int64_t tell_tid(const struct shim_frame *frame, uint32_t tid)
{
	int64_t result = 0;

	if (frame->rdi & CLONE_PARENT_SETTID)
		result = shim_copy((void *)frame->rdx, &tid, sizeof(tid));
	if (result == 0 && (frame->rdi & CLONE_CHILD_SETTID))
		result = shim_copy((void *)frame->r10, &tid, sizeof(tid));
	return result;
}

/* clone(flags rdi, stack rsi, parent_tid rdx, child_tid r10, tls r8) */
int64_t shim_clone(const struct shim_frame *frame)
{
	struct thread_args args = {.entry = (uint64_t)shim_child};
	struct shim_area *area;
	int64_t thread, result;
	uint32_t tid;

	if ((frame->rdi & (CLONE_VM | CLONE_THREAD)) != (CLONE_VM | CLONE_THREAD))
		return -ENOSYS;
	area = area_get();
	if (!area)
		return -EAGAIN;
	if (message_page_drop(area) < 0) {
		area_put(area);
		return -EAGAIN;
	}
	tid = shim_state.pid + __atomic_add_fetch(&shim_state.tids, 1, __ATOMIC_RELAXED);
	args.sp = area_prepare(area, frame, tid);
	args.gs = args.block = (uint64_t)&area->block;
	if (frame->rdi & CLONE_SETTLS)
		args.fs = frame->r8;
	thread = sys_thread_create(shim_state.process, &args);
	if (thread < 0) {
		area_put(area);
		return -EAGAIN;
	}
	result = tell_tid(frame, tid);
	if (result == 0)
		result = sys_thread_start((handle_t)thread);
	sys_handle_close((handle_t)thread);
	if (result < 0) {
		area_put(area);
		return result;
	}
	return tid;
}

void shim_thread_exit(void)
{
	struct thread_block *block = shim_block();

	sys_thread_exit(block->free[BLOCK_CLEAR], (uint64_t)&block->in_use);
}

static int64_t futex_wait(uint64_t addr, uint64_t op, uint64_t value, uint64_t timeout)
{
	bool absolute = (op & FUTEX_COMMAND) == FUTEX_WAIT_BITSET;
	uint64_t deadline = DEADLINE_NEVER;
	int64_t result;

	if (timeout) {
		result = shim_deadline(timeout, absolute, op & FUTEX_REALTIME, &deadline);
		if (result < 0)
			return result;
	}
	return sys_futex_wait(addr, (uint32_t)value, deadline);
}

/* Requeuing is served as waking all: those who are woken look again. */
int64_t shim_futex(uint64_t addr, uint64_t op, uint64_t value, uint64_t timeout)
{
	uint64_t n;

	switch (op & FUTEX_COMMAND) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET: return futex_wait(addr, op, value, timeout);
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET: return sys_futex_wake(addr, (uint32_t)value);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		n = (value & 0x7fffffff) + (timeout & 0x7fffffff); /* timeout: how many to move */
		return sys_futex_wake(addr, (uint32_t)(n > 0x7fffffff ? 0x7fffffff : n));
	}
	return -ENOSYS;
}

/* Signals whose default is to do nothing, or to stop or continue (not served): bit n is signal n.
 */
#define SIGNALS_QUIET                                                                              \
	(1ull << 17 | 1ull << 18 | 1ull << 19 | 1ull << 20 | 1ull << 21 | 1ull << 22 |             \
	 1ull << 23 | 1ull << 28)

/* target: the process or thread meant; self: what the caller is. */
int64_t shim_kill(uint64_t target, uint64_t self, uint64_t signal)
{
	signal = (uint32_t)signal;
	if (signal > 64)
		return -EINVAL;
	if ((uint32_t)target != (uint32_t)self)
		return -ESRCH;
	if (signal == 0 || (signal < 64 && (SIGNALS_QUIET >> signal & 1)))
		return 0;
	sys_process_exit((int32_t)(128 + signal));
}

int64_t shim_affinity(uint64_t len, uint64_t to)
{
	uint32_t cpus = info_page()->cpus;
	uint64_t mask = cpus < 64 ? (1ull << cpus) - 1 : UINT64_MAX;
	int64_t result;

	if (len < sizeof(mask))
		return -EINVAL;
	result = shim_copy((void *)to, &mask, sizeof(mask));
	return result < 0 ? result : (int64_t)sizeof(mask);
}

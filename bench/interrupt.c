/* SPDX-License-Identifier: ISC */
/*
 * interrupt.c: from a message interrupt until the driver's thread has the event, in instructions,
 * on the bare kernel; with QEMU's edu, which sends one when a register is written.
 *
 * A process of a lower band reads the clock and writes that register; the driver waits in its
 * queue, and reads the clock when its wait has returned. The emulator delivers the interrupt
 * between that store and the next instruction: the driver checks that none of the other's has run.
 * What the same store costs that interrupts nobody is taken off, clock and all, so the figure is
 * the instructions from the first one of the kernel's entry on, the stub's few behind `syscall`
 * included. Meaningful only under counted instructions on one CPU (docs/testing.md, Measuring).
 */
#include <stdlib.h>
#include <string.h>
#include "tests/core/edu/edu.h"

#define ROUNDS	400
#define WARM	20 /* rounds not counted */
#define USER_ID 1000

/* What the two share. */
struct shared {
	volatile uint64_t start; /* clock before the store */
	volatile uint64_t count; /* stores that were gone on from */
};

static uint64_t samples[ROUNDS];
static struct edu edu;

static inline uint64_t now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Keep the time and ring the bell, with nothing in between. */
static inline void ring(volatile uint32_t *bell, volatile uint64_t *start)
{
	__asm__ volatile("rdtsc\n"
			 "	mov %%eax, (%1)\n"
			 "	mov %%edx, 4(%1)\n"
			 "	movl $1, (%0)"
			 :
			 : "r"(bell), "r"(start)
			 : "rax", "rdx", "memory");
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void *map(handle_t vmo, uint32_t flags)
{
	struct map_args args = {.vmo = vmo, .flags = PROT_R | PROT_W | flags, .len = PAGE_SIZE};
	int64_t at = sys_aspace_map(core_aspace, &args);

	CHECK(at > 0);
	return (void *)at;
}

static int role_ringer(void)
{
	struct shared *shared = map(boot_handle("shared"), MAP_POPULATE);
	uint8_t *registers = map(boot_handle("registers"), MAP_UNCACHED);

	while (shared->count < UINT64_MAX) {
		ring((volatile uint32_t *)(registers + EDU_BELL), &shared->start);
		shared->count++;
	}
	return 0;
}

/* What ring() and reading the clock behind it take when nobody is interrupted. */
static uint64_t ring_cost(void)
{
	volatile uint32_t bell;
	volatile uint64_t start;
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t took;

		ring(&bell, &start);
		took = now() - start;
		least = took < least ? took : least;
	}
	return least;
}

/* The two ways to wait in a queue. 0: the event has come. */
static int64_t by_queue_wait(handle_t queue)
{
	struct event e;

	return sys_queue_wait(queue, &e, 1, DEADLINE_NEVER) - 1;
}

static int64_t by_reply_wait(handle_t queue)
{
	struct ipc_msg m;

	return ipc_wait(queue, &m, DEADLINE_NEVER) - IPC_EVENT;
}

static inline __attribute__((always_inline)) void measure(const char *name, struct shared *shared,
							  handle_t queue, handle_t irq,
							  uint64_t cost,
							  int64_t (*wait)(handle_t queue))
{
	uint64_t count = 0;

	for (int round = -WARM; round < ROUNDS; round++) {
		int64_t r = wait(queue);
		uint64_t ended = now();

		OK(r);
		/* It went on from the store before this one, and not from this one. */
		CHECK(round == -WARM || shared->count == count + 1);
		count = shared->count;
		if (round >= 0)
			samples[round] = ended - shared->start - cost;
		OK(sys_irq_ack(irq));
	}
	qsort(samples, ROUNDS, sizeof(*samples), compare);
	log_print("bench %s %llu %llu %llu", name, (unsigned long long)samples[0],
		  (unsigned long long)samples[ROUNDS / 2], (unsigned long long)samples[ROUNDS - 1]);
}

static void msi_event(void)
{
	handle_t silo = core_silo_make(USER_ID, 0, NULL), queue = TAKE(sys_queue_create());
	handle_t vmo = TAKE(sys_vmo_create(PAGE_SIZE, VMO_WIRED)), irq;
	struct shared *shared = map(vmo, MAP_POPULATE);
	struct spawn_handle handles[] = {{"shared", vmo, RIGHTS_SAME, 0, 0},
					 {"registers", HANDLE_NONE, RIGHTS_SAME, 0, 0}};
	uint64_t cost = ring_cost();
	struct spawned s;

	edu_open(&edu, 0);
	irq = TAKE(sys_irq_create(edu.device, IRQ_MSI, 0, 0));
	TAKE(sys_queue_add(queue, irq, EVENT_IRQ, 1, 0, 0));
	edu_aim(&edu, irq);
	handles[1].handle = edu.registers;
	core_spawn(&s, "ringer", NULL, silo, handles, 2);
	measure("msi_event", shared, queue, irq, cost, by_reply_wait);
	measure("msi_event_queue_wait", shared, queue, irq, cost, by_queue_wait);
	spawn_discard(&s);
	core_silo_end(silo);
	core_close(irq);
	core_close(queue);
	edu_close(&edu);
	core_unmap(shared, PAGE_SIZE);
	core_close(vmo);
}

const struct core_test core_tests[] = {{"msi_event", msi_event}, {NULL, NULL}};
const struct core_role core_roles[] = {{"ringer", role_ringer}, {NULL, NULL}};

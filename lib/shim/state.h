/* SPDX-License-Identifier: ISC */
/*
 * state.h: what the shim's files share: the process's state, the thread block's free words, the
 * functions behind the switch. Private to lib/shim.
 *
 * Rules in this room: general registers only, no libc, no static initialisers with addresses, no
 * locks (a thread may be ended anywhere). The program's memory is touched only by shim_copy, which
 * answers -EFAULT; any other fault in here is a bug of the shim and ends the process.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "abi/bootstrap.h"
#include "errno.h"
#include "sys/sys.h"

/* The shim's words of struct thread_block (free[]), with entry.S. */
#define BLOCK_RSP   0 /* gs:64  the program's stack pointer during a call */
#define BLOCK_STACK 1 /* gs:72  top of this thread's shim stack */
#define BLOCK_TID   2 /* gs:80 */
#define BLOCK_CLEAR 3 /* gs:88  to be cleared and woken at thread exit; 0: nothing */
#define BLOCK_SAVE0 4 /* gs:96  scratch of the fault entry */
#define BLOCK_SAVE1 5 /* gs:104 scratch of the clock's fast path */
#define BLOCK_SAVE2 6 /* gs:112 scratch of both */
#define BLOCK_SELF  7 /* gs:120 the block's own address */

/* What the upcall entry pushes; the last six are only pushed for clone. Lowest address first. */
struct shim_frame {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t rax, r10, r9, r8, rdx, rsi, rdi, rcx;
};

#define SHIM_FDS 3

struct shim_fd {
	handle_t handle; /* HANDLE_NONE: closed */
	uint32_t type;	 /* OBJ_LOG or OBJ_SENDER */
	uint64_t offset; /* of the next read or write */
};

/* Memory of a further thread: a guard page, its shim stack, this at the end. Never unmapped;
 * taken again when block.in_use is 0. */
struct shim_area {
	struct thread_block block;
	struct shim_area *next;
};

struct shim_state {
	handle_t process, aspace;
	uint32_t pid;
	uint32_t tids; /* given out so far */
	struct shim_area *areas;
	uint64_t brk_base, brk_now; /* base 0: not mapped yet */
	struct shim_fd fds[SHIM_FDS];
};

extern struct shim_state shim_state;
extern struct thread_block shim_main_block;
extern char shim_main_stack_top[];

static inline struct thread_block *shim_block(void)
{
	struct thread_block *block;

	__asm__("movq %%gs:120, %0" : "=r"(block));
	return block;
}

/* entry.S: copy between shim and program; 0 or -EFAULT (then part may be copied). */
int64_t shim_copy(void *dst, const void *src, uint64_t len);
void shim_child(void);
void shim_set_fs(uint64_t base); /* where the instruction is withheld */

/* From entry.S. */
uint64_t shim_init(uint64_t *argc);
int64_t shim_call(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		  uint64_t number);
int64_t shim_clone(const struct shim_frame *frame);

/* memory.c */
int64_t shim_mmap(uint64_t addr, uint64_t len, uint64_t prot, uint64_t flags);
int64_t shim_munmap(uint64_t addr, uint64_t len);
int64_t shim_mprotect(uint64_t addr, uint64_t len, uint64_t prot);
int64_t shim_madvise(uint64_t addr, uint64_t len, uint64_t advice);
int64_t shim_brk(uint64_t to);
int64_t shim_map_fresh(uint64_t addr, uint64_t len, uint32_t flags);

/* time.c */
int64_t shim_clock_gettime(uint64_t clock, uint64_t to);
int64_t shim_clock_getres(uint64_t clock, uint64_t to);
int64_t shim_gettimeofday(uint64_t to);
int64_t shim_clock_nanosleep(uint64_t clock, uint64_t flags, uint64_t request, uint64_t remain);
int64_t shim_deadline(uint64_t timespec, bool absolute, bool wall, uint64_t *deadline);

/* thread.c */
int64_t shim_futex(uint64_t addr, uint64_t op, uint64_t value, uint64_t timeout);
void shim_thread_exit(void);
int64_t shim_kill(uint64_t target, uint64_t self, uint64_t signal);
int64_t shim_affinity(uint64_t len, uint64_t to);

/* io.c */
int64_t shim_io(uint64_t fd, uint64_t addr, uint64_t len, bool write);
int64_t shim_iov(uint64_t fd, uint64_t iov, uint64_t count, bool write);
int64_t shim_close(uint64_t fd);
int64_t shim_fstat(uint64_t fd, uint64_t to);
int64_t shim_control(uint64_t fd, int64_t otherwise);
void shim_io_init(const struct bootstrap *block);

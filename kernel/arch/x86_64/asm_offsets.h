/* SPDX-License-Identifier: ISC */
/*
 * asm_offsets.h: numbers that assembly and C share: offsets into structures,
 * selectors, vectors, sizes. offsets.c asserts each against the structure itself.
 */
#pragma once

/* struct cpu, through gs */
#define CPU_SELF      0
#define CPU_CUR	      8
#define CPU_SCRATCH   16
#define CPU_STACK_TOP 32
#define CPU_LOADED    40
#define CPU_SPACE     48
#define CPU_INDEX     56
#define CPU_RESCHED   65 /* `attention`, `bases_off` and a 0 behind it */
#define CPU_BASES_OFF 67
#define CPU_PAYER     72
#define CPU_SIZE      128

/* struct entry_area, through gs: see cpu_private.h */
#define AREA_RIP     0
#define AREA_RFLAGS  16
#define AREA_RSP     24
#define AREA_CONTROL 40

/* struct tss, through gs */
#define TSS_RSP0 4

/* struct thread */
#define T_REGS	  32
#define REGS_SIZE 176
#define R_R15	  (T_REGS + 0)
#define R_R14	  (T_REGS + 8)
#define R_R13	  (T_REGS + 16)
#define R_R12	  (T_REGS + 24)
#define R_RBP	  (T_REGS + 32)
#define R_RBX	  (T_REGS + 40)
#define R_R11	  (T_REGS + 48)
#define R_R10	  (T_REGS + 56)
#define R_R9	  (T_REGS + 64)
#define R_R8	  (T_REGS + 72)
#define R_RAX	  (T_REGS + 80)
#define R_RCX	  (T_REGS + 88)
#define R_RDX	  (T_REGS + 96)
#define R_RSI	  (T_REGS + 104)
#define R_RDI	  (T_REGS + 112)
#define R_VECTOR  (T_REGS + 120)
#define R_RIP	  (T_REGS + 136)
#define R_RFLAGS  (T_REGS + 152)
#define R_RSP	  (T_REGS + 160)
#define R_END	  (T_REGS + REGS_SIZE)
#define T_FS	  (R_END + 0)
#define T_GS	  (R_END + 8)
#define T_FPU	  (R_END + 16)
#define T_CONTROL (R_END + 24)
#define T_UPCALL  (R_END + 32)
#define T_ASPACE  (R_END + 48)

#define T_PROCESS	 248
#define T_MSG		 264
#define T_RUN		 296
#define T_BAND		 297
#define T_OWN_BAND	 298
#define T_DYING		 300 /* and `interrupted` behind it */
#define T_SUSPENDED	 316
#define T_CPUS		 336
#define T_CPU		 344
#define T_PAYER		 352
#define T_NODE		 360
#define T_TIMER_DEADLINE 416
#define T_TIMER_ARMED	 432
#define T_CHANNEL	 448
#define T_SERVER	 456
#define T_CALL_NODE	 472
#define T_CALL_TAG	 488
#define T_CALL_BADGE	 496
#define T_CLIENT	 560
#define T_SOURCE	 576
#define T_WANTS		 600

/* enum thread_run */
#define RUN_RUNNING 2
#define RUN_REPLY   4
#define RUN_QUEUE   6

/* struct process, its table, struct cap, struct object */
#define P_CAPABILITY 33
#define P_SILO	     48
#define P_CHUNK	     64
#define P_SLOTS	     580
#define P_IDENTITY   672
#define SLOT_CAP     0
#define SLOT_GEN     8
#define CAP_OBJECT   0
#define CAP_RIGHTS   8
#define OBJECT_TYPE  0
#define TYPE_SENDER  6
#define TYPE_QUEUE   8
#define MAY_WRITE    2
#define MAY_WAIT     64

/* struct sender, channel, watch, queue */
#define S_CHANNEL     32
#define S_BADGE	      40
#define S_KILLED      48
#define CH_UNANSWERED 144
#define CH_WATCH      176
#define W_QUEUE	      0
#define Q_WAITERS     32
#define Q_READY	      48

#define MSG_PAGE_DATA 112 /* struct message_page, data */
#define FAST_BYTES    512 /* more go the long way: the lock is held meanwhile */

#define RESULT_RESTART (-0x7fffffff) /* K_RESTART; K_DONE is one less, and no result below */

/* struct kernel_lock */
#define LOCK_LOCKED  0
#define LOCK_WAITING 4

/* struct aspace and, in it, struct arch_aspace */
#define ASPACE_ARCH 32
#define SPACE_ROOT  0
#define SPACE_CPUS  8

/* Selectors. SYSCALL loads KERNEL_CS and the one after; SYSRETQ needs data before code. */
#define KERNEL_CS   0x08
#define KERNEL_DS   0x10
#define SYSRET_BASE 0x18
#define USER_DS	    0x23
#define USER_CS	    0x2b
#define TSS_SEL	    0x30

#define CR4_BIT_FSGSBASE 16
#define GS_BASE_MSR	 0xc0000101

#define SYSCALL_FIRST  0x4000
#define SYSCALL_VECTOR 0x100

#define VECTOR_TIMER	0xf0
#define VECTOR_RESCHED	0xf1
#define VECTOR_TLB	0xf2
#define VECTOR_ERROR	0xf3
#define VECTOR_SPURIOUS 0xff

#define KERNEL_STACK_SIZE 16384
#define IST_STACK_SIZE	  4096

#define KERNEL_VIRT 0xffffffff80000000
#define KERNEL_LOAD 0x200000 /* physical */

#define BOOT_PVH	0x336ec578
#define BOOT_MULTIBOOT2 0x36d76289

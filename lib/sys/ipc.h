/* SPDX-License-Identifier: ISC */
/*
 * ipc.h: the calls whose arguments and results all travel in registers.
 *
 *	          in                                     out
 *	rax       number                                 0 or -errno; reply_wait: IPC_MESSAGE/EVENT
 *	rdi       handle (sender, source or reply)       reply_wait: tag of the message, or kind
 *	rsi       tag                                    call: tag; reply_wait: badge, or key
 *	words     rdx r10 r8 r9 r12 r13                  the same; an event: count data0 data1 - - -
 *	r14       deadline (call, reply_wait)            call: kept
 *	r15       reply handle (reply_wait)
 *
 * The kernel keeps rbx, rbp and rsp, and for ipc_call r14 and r15 as well. On failure the words
 * come back without meaning. Bytes, handles and buffers beside the words lie in the calling
 * thread's message page, which any I/O through the shim (printf) writes over: take them out first.
 *
 * A struct ipc_msg that is local and whose address goes nowhere else stays in registers.
 */
#pragma once
#include <stddef.h>
#include "sys/sys.h"

struct ipc_msg {
	uint64_t tag;
	uint64_t badge; /* of the sender; of received messages only */
	uint64_t w[MSG_WORDS];
};

_Static_assert(offsetof(struct thread_block, msg) == 48, "message_page reads gs:48");

/* The calling thread's message page. GS is the thread's block, see docs/shim.md. */
static inline struct message_page *message_page(void)
{
	struct message_page *page;

	__asm__("movq %%gs:48, %0" : "=r"(page));
	return page;
}

#define IPC_WORDS_IN(m)                                                                            \
	uint64_t ipc_rdx = (m)->w[0];                                                              \
	register uint64_t ipc_r10 __asm__("r10") = (m)->w[1];                                      \
	register uint64_t ipc_r8 __asm__("r8") = (m)->w[2];                                        \
	register uint64_t ipc_r9 __asm__("r9") = (m)->w[3];                                        \
	register uint64_t ipc_r12 __asm__("r12") = (m)->w[4];                                      \
	register uint64_t ipc_r13 __asm__("r13") = (m)->w[5]

#define IPC_WORDS_REGS                                                                             \
	"+d"(ipc_rdx), "+r"(ipc_r10), "+r"(ipc_r8), "+r"(ipc_r9), "+r"(ipc_r12), "+r"(ipc_r13)

#define IPC_WORDS_OUT(m)                                                                           \
	do {                                                                                       \
		(m)->w[0] = ipc_rdx;                                                               \
		(m)->w[1] = ipc_r10;                                                               \
		(m)->w[2] = ipc_r8;                                                                \
		(m)->w[3] = ipc_r9;                                                                \
		(m)->w[4] = ipc_r12;                                                               \
		(m)->w[5] = ipc_r13;                                                               \
	} while (0)

/*
 * Send m and wait for the answer, which replaces tag and words of m. Handles in the message page
 * are used up when the message was taken; on -EPIPE, -EAGAIN and argument errors they stay.
 */
SYS_MUST static inline int64_t ipc_call(handle_t sender, struct ipc_msg *m, uint64_t deadline)
{
	int64_t result = SYS_ipc_call;
	uint64_t rdi = sender, tag = m->tag;
	IPC_WORDS_IN(m);
	register uint64_t r14 __asm__("r14") = deadline;

	__asm__ volatile("syscall"
			 : "+a"(result), "+D"(rdi), "+S"(tag), IPC_WORDS_REGS
			 : "r"(r14)
			 : "rcx", "r11", "memory");
	m->tag = tag;
	IPC_WORDS_OUT(m);
	return result;
}

/*
 * Answer with tag and words of m (unless reply is REPLY_NONE), then wait at a channel or queue.
 * Returns IPC_MESSAGE, IPC_EVENT (see ipc_event) or -errno.
 */
SYS_MUST static inline int64_t ipc_reply_wait(handle_t source, struct ipc_msg *m, uint64_t deadline,
					      handle_t reply)
{
	int64_t result = SYS_ipc_reply_wait;
	uint64_t rdi = source, rsi = m->tag;
	IPC_WORDS_IN(m);
	register uint64_t r14 __asm__("r14") = deadline;
	register uint64_t r15 __asm__("r15") = reply;

	__asm__ volatile("syscall"
			 : "+a"(result), "+D"(rdi), "+S"(rsi), IPC_WORDS_REGS, "+r"(r14), "+r"(r15)
			 :
			 : "rcx", "r11", "memory");
	m->tag = rdi;
	m->badge = rsi;
	IPC_WORDS_OUT(m);
	return result;
}

/* Only wait. */
SYS_MUST static inline int64_t ipc_wait(handle_t source, struct ipc_msg *m, uint64_t deadline)
{
	m->tag = 0;
	for (int i = 0; i < MSG_WORDS; i++)
		m->w[i] = 0;
	return ipc_reply_wait(source, m, deadline, REPLY_NONE);
}

/* What ipc_reply_wait left in m when it answered IPC_EVENT. */
static inline struct event ipc_event(const struct ipc_msg *m)
{
	return (struct event){.kind = (uint32_t)m->tag,
			      .count = (uint32_t)m->w[0],
			      .key = m->badge,
			      .data0 = m->w[1],
			      .data1 = m->w[2]};
}

/* ipc_reply and ipc_send: everything goes, nothing but the result comes back. */
static inline int64_t ipc_one_way(uint64_t number, handle_t handle, const struct ipc_msg *m)
{
	int64_t result = (int64_t)number;
	uint64_t rdi = handle, rsi = m->tag;
	IPC_WORDS_IN(m);

	__asm__ volatile("syscall"
			 : "+a"(result), "+D"(rdi), "+S"(rsi), IPC_WORDS_REGS
			 :
			 : "rcx", "r11", "r14", "r15", "memory");
	return result;
}

/* Answer a request; `reply` is REPLY_CURRENT or a handle of sys_reply_save, which is used up. */
SYS_MUST static inline int64_t ipc_reply(handle_t reply, const struct ipc_msg *m)
{
	return ipc_one_way(SYS_ipc_reply, reply, m);
}

/* Queue a one-way message. */
SYS_MUST static inline int64_t ipc_send(handle_t sender, const struct ipc_msg *m)
{
	return ipc_one_way(SYS_ipc_send, sender, m);
}

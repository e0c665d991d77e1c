/* SPDX-License-Identifier: ISC */
/*
 * answers.c: what a handler learns of a fault, and what it may answer.
 */
#include "faults.h"
#include <string.h>

static struct actor one;
static struct line line;

/* ---- registers ------------------------------------------------------------------------------- */

/* All registers, and some of the vector ones, as they are before and after the load at `all_at`. */
struct all {
	struct thread_regs regs;
	uint8_t xmm[2][16];
};
__attribute__((used)) static struct all all_before, all_after;
__attribute__((used)) static uint64_t all_stack;
extern const char all_at[];
void all_load(void);

#define FOR_GENERAL(op)                                                                            \
	op("rax", "0") op("rbx", "8") op("rcx", "16") op("rdx", "24") op("rsi", "32")              \
		op("rdi", "40") op("rbp", "48") op("r8", "64") op("r9", "72") op("r10", "80")      \
			op("r11", "88") op("r12", "96") op("r13", "104") op("r14", "112")          \
				op("r15", "120")
#define GET(reg, offset) "movq all_before+" offset "(%rip), %" reg "\n"
#define PUT(reg, offset) "movq %" reg ", all_after+" offset "(%rip)\n"

__asm__(".text\n"
	"all_load: pushq %rbx\n pushq %rbp\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
	"movq %rsp, all_stack(%rip)\n"
	"movq all_before+144(%rip), %rax\n wrfsbase %rax\n"
	"movdqu all_before+160(%rip), %xmm0\n movdqu all_before+176(%rip), %xmm15\n" FOR_GENERAL(GET) "all_at: movq (%rcx), %rax\n" FOR_GENERAL(
		PUT) "movq %rsp, all_after+56(%rip)\n"
		     "movdqu %xmm0, all_after+160(%rip)\n movdqu %xmm15, all_after+176(%rip)\n"
		     "pushfq\n popq all_after+136(%rip)\n"
		     "rdfsbase %rax\n movq %rax, all_after+144(%rip)\n"
		     "rdgsbase %rax\n movq %rax, all_after+152(%rip)\n"
		     "movq all_stack(%rip), %rsp\n"
		     "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbp\n popq %rbx\n ret");

static void run_all(struct actor_thread *t)
{
	(void)t;
	all_load();
}

static void all_start(void)
{
	uint64_t *word = (uint64_t *)&all_before.regs;

	for (unsigned i = 0; i < sizeof(all_before.regs) / 8; i++)
		word[i] = 0x1111111111111111ull * (i % 15 + 1);
	all_before.regs.rcx = HOLE + 0x123;
	all_before.regs.fs = 0x123456789000;
	memset(all_before.xmm, 0x5a, sizeof(all_before.xmm));
	memset(&all_after, 0, sizeof(all_after));
	line_open(&line);
	actor_make(&one, HANDLE_NONE);
	actor_thread(&one, run_all, 0);
	OK(sys_process_faults(one.s.process, line.sender));
	actor_start(&one);
}

/* But for those of which the test says something itself. */
static void same_general(const struct thread_regs *a, const struct thread_regs *b)
{
	CHECK_EQ(a->rbx, b->rbx);
	CHECK_EQ(a->rcx, b->rcx);
	CHECK_EQ(a->rdx, b->rdx);
	CHECK_EQ(a->rsi, b->rsi);
	CHECK_EQ(a->rdi, b->rdi);
	CHECK_EQ(a->rbp, b->rbp);
	CHECK_EQ(a->r8, b->r8);
	CHECK_EQ(a->r9, b->r9);
	CHECK_EQ(a->r10, b->r10);
	CHECK_EQ(a->r11, b->r11);
	CHECK_EQ(a->r12, b->r12);
	CHECK_EQ(a->r13, b->r13);
	CHECK_EQ(a->r14, b->r14);
	CHECK_EQ(a->r15, b->r15);
	CHECK_EQ(a->fs, b->fs);
}

/* What a fault says of who faulted and why. */
static void fault_told(const struct ipc_msg *m, const struct identity *from)
{
	struct thread_info info;
	struct process_info process;

	OK(sys_thread_info(one.s.thread, &info));
	OK(sys_process_info(one.s.process, &process));
	CHECK_EQ(m->w[0], FAULT_PAGE);
	CHECK_EQ(m->w[1], 4); /* user mode, reads what is not there */
	CHECK_EQ(m->w[2], all_before.regs.rcx);
	CHECK_EQ(m->w[3], info.id);
	CHECK_EQ(m->w[4], 0);
	CHECK_EQ(m->w[5], 0);
	CHECK_EQ(info.run, THREAD_REPLY);
	CHECK_EQ(info.fault, FAULT_PAGE);
	CHECK_EQ(info.fault_rip, (uint64_t)all_at);
	CHECK_EQ(from->badge, LINE_BADGE);
	CHECK_EQ(from->pid, process.pid);
	CHECK_EQ(from->rights, CORE_SENDER);
	CHECK_EQ(from->flags, IDENTITY_FAULT | IDENTITY_SYSTEM);
}

void changed_registers(void)
{
	struct thread_regs regs, sent;
	struct identity from;
	struct ipc_msg m;

	all_start();
	fault_receive(line.channel, &m, &regs);
	from = message_page()->from;
	fault_told(&m, &from);
	same_general(&regs, &all_before.regs);
	CHECK_EQ(regs.rax, all_before.regs.rax);
	CHECK_EQ(regs.rip, (uint64_t)all_at);
	CHECK_EQ(regs.rsp, all_stack);
	CHECK_EQ(regs.gs, (uint64_t)&one.t[0].block);
	sent = regs;
	for (uint64_t *word = (uint64_t *)&sent; word < &sent.rip; word++)
		*word = ~*word;
	sent.rax = 0x77;
	sent.rflags =
		regs.rflags | 0x8d5 /* all that a program may set but DF, TF, IOPL */ | 3u << 12;
	sent.fs = 0x7000;
	sent.gs = 0x654321000;
	sent.rsp = regs.rsp - 128;
	fault_skip(REPLY_CURRENT, sent, 0x77);
	actor_exits(&one, 0);
	same_general(&all_after.regs, &sent);
	CHECK_EQ(all_after.regs.rax, 0x77);
	CHECK_EQ(all_after.regs.rsp, sent.rsp);
	CHECK_EQ(all_after.regs.gs, sent.gs);
	CHECK_EQ(all_after.regs.rflags & 0x38d5, 0x8d5);
	CHECK(memcmp(all_after.xmm, all_before.xmm, sizeof(all_after.xmm)) == 0);
	line_close(&line);
}

/* The handler maps what was missing, and has used vector registers of its own. */
void unchanged(void)
{
	struct map_args args = {.flags = PROT_R | PROT_W | MAP_AT, .addr = HOLE, .len = PAGE_SIZE};
	struct thread_regs regs;
	struct ipc_msg m;
	uint64_t value = 0x123456789abcdef;

	all_start();
	fault_receive(line.channel, &m, &regs);
	args.vmo = TAKE(sys_vmo_create(PAGE_SIZE, VMO_ANON));
	OK(sys_vmo_write(args.vmo, 0x123, &value, sizeof(value)));
	CHECK_EQ(sys_aspace_map(core_aspace, &args), HOLE);
	__asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n pcmpeqd %%xmm15, %%xmm15" : : : "xmm0", "xmm15");
	m.tag = 0;
	m.w[0] = m.w[1] = 99; /* words of such an answer mean nothing */
	OK(ipc_reply(REPLY_CURRENT, &m));
	actor_exits(&one, 0);
	core_unmap((void *)HOLE, PAGE_SIZE);
	core_close(args.vmo);
	same_general(&all_after.regs, &all_before.regs);
	CHECK_EQ(all_after.regs.rax, value);
	CHECK_EQ(all_after.regs.rsp, regs.rsp);
	CHECK_EQ(all_after.regs.gs, regs.gs);
	CHECK(memcmp(all_after.xmm, all_before.xmm, sizeof(all_after.xmm)) == 0);
	line_close(&line);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void load_crashes(unsigned which)
{
	actor_crashes(&one, FAULT_PAGE, HOLE + 8 * which, LOAD_RIP);
}

void not_answered(void)
{
	struct ipc_msg m;

	line_open(&line);
	loader_start(&one, &line, 1);
	fault_receive(line.channel, &m, NULL);
	CHECK_EQ(ipc_wait(line.channel, &m, DEADLINE_NOW), -EAGAIN);
	REFUSED(ipc_reply(REPLY_CURRENT, &m), EINVAL); /* nothing in hand any more */
	load_crashes(0);
	line_close(&line);
}

/* ---- kept replies ---------------------------------------------------------------------------- */

static handle_t kept_reply;
static struct thread_regs kept_regs;

static void answer_kept(uint64_t value)
{
	struct ipc_msg m = {.tag = sizeof(kept_regs)};
	struct thread_regs *regs = (struct thread_regs *)message_page()->data;

	*regs = kept_regs;
	regs->rip += LOAD_LEN;
	regs->rax = value;
	OK(ipc_reply(kept_reply, &m));
}

void kept(void)
{
	static struct core_native other;
	struct ipc_msg m;

	line_open(&line);
	loader_start(&one, &line, 1);
	fault_receive(line.channel, &m, &kept_regs);
	kept_reply = TAKE(sys_reply_save());
	CHECK_EQ(ipc_wait(line.channel, &m, DEADLINE_NOW), -EAGAIN);
	core_native_start(&other, answer_kept, 55);
	core_native_join(&other);
	core_unmap((void *)other.block.msg, PAGE_SIZE);
	actor_exits(&one, 0);
	CHECK_EQ(one.t[0].got[0], 55);
	line_close(&line);
}

void kept_closed(void)
{
	struct ipc_msg m;

	line_open(&line);
	loader_start(&one, &line, 1);
	fault_receive(line.channel, &m, NULL);
	core_close(TAKE(sys_reply_save()));
	load_crashes(0);
	line_close(&line);
}

/* The fault is what the process ends of, also when the pledge would be reason enough. */
void violation(void)
{
	struct ipc_msg m;

	line_open(&line);
	loader_start(&one, &line, 1); /* without pledges */
	fault_receive(line.channel, &m, NULL);
	OK(sys_reply_violation(REPLY_CURRENT, PLEDGE_INET));
	load_crashes(0);
	line_close(&line);
}

/* ---- two threads of a process ---------------------------------------------------------------- */

void two_at_once(void)
{
	struct thread_regs regs[2];
	handle_t reply;
	struct ipc_msg m;
	unsigned first;

	line_open(&line);
	loader_start(&one, &line, 2);
	fault_receive(line.channel, &m, &regs[0]);
	first = m.w[2] == HOLE ? 0 : 1;
	reply = TAKE(sys_reply_save());
	fault_receive(line.channel, &m, &regs[1]);
	CHECK_EQ(m.w[2], HOLE + 8 * !first);
	fault_skip(REPLY_CURRENT, regs[1], 2);
	core_until(one.t[!first].thread, THREAD_DEAD);
	fault_skip(reply, regs[0], 1);
	actor_exits(&one, 0);
	CHECK_EQ(one.t[first].got[0], 1);
	CHECK_EQ(one.t[!first].got[0], 2);
	line_close(&line);
}

/* In one call: an answer for one thread, nothing for the other. The process ends, and with it who
 * was just to go on. */
void one_answered_one_not(void)
{
	struct thread_regs regs;
	handle_t reply;
	struct ipc_msg m;
	unsigned second;

	line_open(&line);
	loader_start(&one, &line, 2);
	fault_receive(line.channel, &m, &regs);
	reply = TAKE(sys_reply_save());
	fault_receive(line.channel, &m, NULL);
	second = m.w[2] == HOLE ? 0 : 1;
	regs.rip += LOAD_LEN;
	memcpy(message_page()->data, &regs, sizeof(regs));
	m.tag = sizeof(regs);
	CHECK_EQ(ipc_reply_wait(line.channel, &m, DEADLINE_NOW, reply), -EAGAIN);
	load_crashes(second);
	line_close(&line);
}

/* ---- bad answers ----------------------------------------------------------------------------- */

static void refuse(handle_t reply, uint64_t tag, const struct thread_regs *regs, int error)
{
	struct ipc_msg m = {.tag = tag};

	memcpy(message_page()->data, regs, sizeof(*regs));
	REFUSED(ipc_reply(reply, &m), error);
	memcpy(message_page()->data, regs, sizeof(*regs));
	m.tag = tag;
	REFUSED(ipc_reply_wait(line.channel, &m, DEADLINE_NOW, reply), error);
}

/* After each of them the request is still there. */
static void refuse_all(handle_t reply, const struct thread_regs *regs)
{
	handle_t gift = TAKE(sys_signal_create(5));
	struct thread_regs bad;

	message_page()->handles[0] = gift;
	refuse(reply, MSG_HANDLES(1), regs, EINVAL);
	refuse(reply, MSG_HANDLES(1) | sizeof(*regs), regs, EINVAL);
	CHECK_EQ(sys_signal_get(gift), 5);
	core_close(gift);
	refuse(reply, 8, regs, EMSGSIZE);
	refuse(reply, sizeof(*regs) - 8, regs, EMSGSIZE);
	refuse(reply, sizeof(*regs) + 8, regs, EMSGSIZE);
	refuse(reply, MSG_DATA_MAX + 1, regs, EMSGSIZE);
	bad = *regs;
	bad.rip = USER_HI;
	refuse(reply, sizeof(bad), &bad, EINVAL);
	bad.rip = LOAD_RIP | 1ull << 63;
	refuse(reply, sizeof(bad), &bad, EINVAL);
	bad = *regs;
	bad.fs = 1ull << 62;
	refuse(reply, sizeof(bad), &bad, EINVAL);
	bad = *regs;
	bad.gs = 1ull << 47;
	refuse(reply, sizeof(bad), &bad, EINVAL);
}

void bad_answers(void)
{
	struct thread_regs regs;
	handle_t reply;
	struct ipc_msg m;

	line_open(&line);
	loader_start(&one, &line, 1);
	fault_receive(line.channel, &m, &regs);
	refuse_all(REPLY_CURRENT, &regs);
	reply = TAKE(sys_reply_save());
	refuse_all(reply, &regs);
	fault_skip(reply, regs, 17);
	actor_exits(&one, 0);
	CHECK_EQ(one.t[0].got[0], 17);
	line_close(&line);
}

/* The program's last call named buffers; its fault names none. */
static void call_with_buffers(struct actor_thread *t)
{
	struct message_page *page = message_page();
	struct ipc_msg m = {.tag = MSG_BUFFERS};

	page->in = page->out = (uint64_t)t->got;
	page->in_len = page->out_len = sizeof(t->got);
	t->got[1] = ipc_call((handle_t)t->arg[0], &m, DEADLINE_NEVER);
	t->got[0] = (int64_t)actor_load(HOLE);
}

void no_buffers(void)
{
	struct thread_regs regs;
	struct ipc_msg m;
	uint8_t byte;

	line_open(&line);
	actor_make(&one, HANDLE_NONE);
	actor_thread(&one, call_with_buffers, actor_give(&one, line.sender, 0));
	OK(sys_process_faults(one.s.process, line.sender));
	actor_start(&one);
	CHECK_EQ(ipc_wait(line.channel, &m, core_soon()), IPC_MESSAGE);
	CHECK_EQ(sys_reply_read(REPLY_CURRENT, 0, &byte, 1), 1);
	m.tag = 0;
	OK(ipc_reply(REPLY_CURRENT, &m));
	fault_receive(line.channel, &m, &regs);
	REFUSED(sys_reply_read(REPLY_CURRENT, 0, &byte, 1), EINVAL);
	REFUSED(sys_reply_write(REPLY_CURRENT, 0, &byte, 1), EINVAL);
	fault_skip(REPLY_CURRENT, regs, 1);
	actor_exits(&one, 0);
	CHECK_EQ(one.t[0].got[0], 1);
	OK(one.t[0].got[1]);
	line_close(&line);
}

/* ---- who says that it is a fault ------------------------------------------------------------- */

static void call_as_fault(struct actor_thread *t)
{
	struct message_page *page = message_page();
	struct ipc_msg m = {.tag = sizeof(struct thread_regs), .w = {FAULT_PAGE}};

	page->from.flags = IDENTITY_FAULT;
	t->got[0] = ipc_call((handle_t)t->arg[0], &m, DEADLINE_NEVER);
	page->from.flags = IDENTITY_FAULT;
	m.tag = sizeof(struct thread_regs);
	t->got[1] = ipc_send((handle_t)t->arg[0], &m);
	(void)actor_load(HOLE);
}

void not_forged(void)
{
	const struct identity *from = &message_page()->from;
	struct thread_regs regs;
	struct ipc_msg m;

	line_open(&line);
	loader_start(&one, &line, 1); /* leaves the flag in our page */
	fault_receive(line.channel, &m, &regs);
	fault_skip(REPLY_CURRENT, regs, 1);
	actor_exits(&one, 0);
	actor_make(&one, HANDLE_NONE);
	actor_thread(&one, call_as_fault, actor_give(&one, line.sender, 0));
	OK(sys_process_faults(one.s.process, line.sender));
	actor_start(&one);
	CHECK_EQ(ipc_wait(line.channel, &m, core_soon()), IPC_MESSAGE);
	CHECK_EQ(from->flags & IDENTITY_FAULT, 0);
	m.tag = 0;
	OK(ipc_reply(REPLY_CURRENT, &m));
	CHECK_EQ(ipc_wait(line.channel, &m, core_soon()), IPC_MESSAGE);
	CHECK_EQ(m.tag, sizeof(regs));
	CHECK_EQ(from->flags & IDENTITY_FAULT, 0);
	fault_receive(line.channel, &m, &regs);
	fault_skip(REPLY_CURRENT, regs, 1);
	actor_exits(&one, 0);
	OK(one.t[0].got[0]);
	OK(one.t[0].got[1]);
	line_close(&line);
}

/* SPDX-License-Identifier: ISC */
/*
 * crash.c: what is left of a process: how it ended, its registers, the top of its stack, and the
 * handles that it kept. All of it is copied here at once, so that the corpse (and its memory) can
 * go before the successor starts.
 *
 * Who may lie: nobody about the ending, which the kernel wrote; the stack is the dead program's own
 * words and is only ever printed as numbers.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"

#define STACK_WORDS 64u

static const char *const fault_names[FAULT_REASONS] = {
	[FAULT_NONE] = "none",
	[FAULT_PAGE] = "page-fault",
	[FAULT_PAGER] = "pager",
	[FAULT_MEMORY] = "out-of-memory",
	[FAULT_PROTECTION] = "general-protection",
	[FAULT_OPCODE] = "invalid-opcode",
	[FAULT_DIVIDE] = "divide",
	[FAULT_FLOAT] = "floating-point",
	[FAULT_STACK] = "stack",
	[FAULT_ALIGNMENT] = "alignment",
	[FAULT_BREAKPOINT] = "breakpoint",
	[FAULT_STEP] = "step",
	[FAULT_OVERFLOW] = "overflow",
	[FAULT_SYSCALL] = "foreign-system-call",
	[FAULT_DOUBLE] = "double-fault",
	[FAULT_MACHINE] = "machine-check",
	[FAULT_INTERRUPT] = "interrupt",
};

const char *fault_name(uint32_t reason)
{
	return reason < FAULT_REASONS ? fault_names[reason] : "?";
}

static void ending_note(struct silo *s)
{
	struct ending *last = &s->slot->last;
	struct process_info info;
	struct silo_info silo;

	*last = (struct ending){.pid = s->slot->pid, .at = time_now()};
	if (s->process != HANDLE_NONE && sys_process_info(s->process, &info) == 0) {
		last->code = info.code;
		last->reason = info.reason;
		last->fault_code = info.fault_code;
		last->address = info.fault_address;
		last->rip = info.fault_rip;
	}
	/* Of a strict silo another process may have crashed; the silo knows. */
	if (sys_silo_info(s->silo, &silo) == 0 && silo.main_reason != FAULT_NONE &&
	    last->reason == FAULT_NONE) {
		last->code = silo.main_code;
		last->reason = silo.main_reason;
	}
}

static void core_registers(struct silo *s, struct thread_regs *r)
{
	p9_text_printf(&s->core,
		       "rax %016" PRIx64 "\nrbx %016" PRIx64 "\nrcx %016" PRIx64 "\nrdx %016" PRIx64
		       "\nrsi %016" PRIx64 "\nrdi %016" PRIx64 "\nrbp %016" PRIx64
		       "\nrsp %016" PRIx64 "\n",
		       r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->rsp);
	p9_text_printf(&s->core,
		       "r8 %016" PRIx64 "\nr9 %016" PRIx64 "\nr10 %016" PRIx64 "\nr11 %016" PRIx64
		       "\nr12 %016" PRIx64 "\nr13 %016" PRIx64 "\nr14 %016" PRIx64
		       "\nr15 %016" PRIx64 "\nrip %016" PRIx64 "\nrflags %016" PRIx64
		       "\nfs %016" PRIx64 "\ngs %016" PRIx64 "\n",
		       r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip,
		       r->rflags, r->fs, r->gs);
}

static void core_stack(struct silo *s, uint64_t rsp)
{
	uint64_t words[STACK_WORDS];
	int64_t n = sys_process_read(s->process, rsp, words, sizeof(words));

	for (int64_t i = 0; i < n / 8; i++)
		p9_text_printf(&s->core, "stack %016" PRIx64 " %016" PRIx64 "\n",
			       rsp + (uint64_t)i * 8, words[i]);
}

/* Only crashes are worth it; an old one stays until the next. */
static void core_take(struct silo *s)
{
	struct thread_regs regs;
	int64_t err;

	if (s->slot->last.reason == FAULT_NONE || s->process == HANDLE_NONE)
		return;
	p9_text_free(&s->core);
	crash_note(s, &s->core);
	err = s->thread == HANDLE_NONE
		      ? -EBADF
		      : sys_thread_state_get(s->thread, THREAD_REGS, &regs, sizeof(regs));
	if (err < 0) {
		p9_text_printf(&s->core, "registers unknown: %s\n", error_text((int)err));
		return;
	}
	p9_text_printf(&s->core, "registers of the first thread\n");
	core_registers(s, &regs);
	core_stack(s, regs.rsp);
}

void crash_note(const struct silo *s, struct p9_text *out)
{
	const struct slot *slot = s->slot;
	const struct ending *last = &slot->last;

	if (!last->pid || (last->reason == FAULT_NONE && !last->hung))
		return;
	p9_text_printf(out,
		       "crash srv%" PRIu32 " %s pid %" PRIu64 " at %" PRIu64
		       " ms reason %s code 0x%" PRIx64 " address 0x%" PRIx64
		       " instruction 0x%" PRIx64 "\n",
		       s->id, slot->desc.name, last->pid, (uint64_t)(last->at / NS_PER_MS),
		       last->hung ? "hung" : fault_name(last->reason), last->fault_code,
		       last->address, last->rip);
}

static void process_forget(struct silo *s)
{
	if (s->thread != HANDLE_NONE)
		sys_handle_close(s->thread);
	if (s->process != HANDLE_NONE)
		sys_handle_close(s->process);
	s->thread = s->process = HANDLE_NONE;
	s->slot->ids.thread = s->slot->ids.process = 0;
	s->slot->pid = 0;
}

void kept_return(struct silo *s)
{
	int n;

	if (s->process == HANDLE_NONE)
		return;
	n = kept_take(s->sipd->self, s->process, s->kept + s->kept_count,
		      SIPD_KEPT_MAX - s->kept_count);
	s->kept_count += n < 0 ? 0 : (unsigned)n;
	place_return(&s->place, &s->slot->ids.place, s->kept, s->kept_count);
	s->kept_count = kept_tidy(s->kept, s->kept_count);
	if (n < 0 || sys_process_reap(s->process) < 0)
		log_print("sipd: %s: its corpse could not be cleared", s->slot->desc.name);
	process_forget(s);
}

void silo_bury(struct silo *s)
{
	ending_note(s);
	core_take(s);
	kept_return(s);
}

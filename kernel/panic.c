/* SPDX-License-Identifier: ISC */
/*
 * panic.c: the kernel found its own invariant broken: say so, and stop.
 *
 * The other CPUs are stopped first (arch_stop_cpus). Nothing here takes the
 * lock, and from now on log lines go to the UART whoever owns its ports. A second
 * panic, of this CPU or another, only stops.
 *
 * Boot options: panic=reset starts the machine again after the report,
 * panic=exit ends an emulator by its exit port (isa-debug-exit at 0xf4).
 */
#include "log.h"
#include "arch.h"
#include "cpu.h"
#include "process.h"

#define EXIT_PORT  0xf4
#define EXIT_VALUE 0x20

/* The machine's part: arch/x86_64/private.h. */
void arch_dump(const struct regs *r);
void arch_dump_here(void);
void arch_dump_others(void);
void arch_stop_cpus(void);

bool panicking;

static noreturn void stop(void)
{
	for (;;)
		arch_relax();
}

static bool option_is(const char *wanted)
{
	size_t n;
	const char *value = option_next(boot.cmdline, "panic", &n);

	return value && n == strlen(wanted) && strncmp(value, wanted, n) == 0;
}

/* The first CPU is not online before it has a struct cpu to look at. */
static void report_context(void)
{
	const struct thread *t;

	if (!cpus[0].online)
		return;
	t = this_cpu()->cur;
	klog(LOG_BOOT, LOG_ERROR, "on CPU %u", this_cpu()->index);
	if (!t)
		return;
	klog(LOG_BOOT, LOG_ERROR, "serving process %lu %s, thread %lu", t->process->pid,
	     t->process->name, t->object.id);
	arch_dump(&t->regs);
}

noreturn void panic(const char *fmt, ...)
{
	static char text[512];
	va_list ap;

	if (__atomic_exchange_n(&panicking, true, __ATOMIC_SEQ_CST))
		stop();
	if (cpus[0].online)
		arch_stop_cpus();
	va_start(ap, fmt);
	(void)kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	klog(LOG_BOOT, LOG_ERROR, "PANIC: %s", text);
	arch_dump_here();
	report_context();
	if (cpus[0].online)
		arch_dump_others();
	if (option_is("exit"))
		arch_port_write(EXIT_PORT, 4, EXIT_VALUE);
	if (option_is("reset"))
		arch_reset();
	stop();
}

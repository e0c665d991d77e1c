/* SPDX-License-Identifier: ISC */
/*
 * log.c: the kernel log, and the polled debug UART.
 *
 * The log is a ring of bytes addressed by positions that only grow; a reader
 * holds a position, and one that was overtaken goes on at the oldest whole line.
 * A line also goes to the UART when its level is within its subsystem's, until a
 * driver owns the UART's ports; from then on only a panic is written there.
 *
 * Reading the UART: there is no interrupt for it in the kernel. While a thread
 * waits, a timer looks every 10 ms, and has the call run again when there is a
 * byte or its deadline has passed. One reader at a time: the recovery shell.
 *
 * Protected by the kernel lock; a panic writes without it.
 */
#include "log.h"
#include "arch.h"
#include "device.h"
#include "process.h"
#include "syscall.h"

#define RING_SIZE      65536u /* a power of two */
#define LINE_MAX       1280u  /* a program's line with its marks */
#define WRITE_MAX      1024u
#define UART_WRITE_MAX 4096u
#define UART_SLICE     64u /* bytes written in one hold of the lock */
#define UART_POLL_NS   10000000u
#define UART_QUEUE     256u /* a power of two */

static char ring[RING_SIZE];
static uint64_t oldest, newest; /* positions; oldest is the start of a line */

static const char *const subsystem_names[LOG_SUBSYSTEMS] = {"boot",   "memory", "ipc", "sched",
							    "device", "silo",	"user"};
static const char *const level_names[LOG_LEVELS] = {"error", "warn", "info", "debug"};
static uint8_t console_level[LOG_SUBSYSTEMS] = {LOG_INFO, LOG_INFO, LOG_INFO, LOG_INFO,
						LOG_INFO, LOG_INFO, LOG_INFO};

/* ---- the ring -------------------------------------------------------------- */

static char ring_at(uint64_t position)
{
	return ring[position & (RING_SIZE - 1)];
}

/* Append `n` bytes that end a line; whole lines give way. */
static void ring_append(const char *text, size_t n)
{
	while (newest + n - oldest > RING_SIZE) {
		while (ring_at(oldest) != '\n')
			oldest++;
		oldest++;
	}
	for (size_t i = 0; i < n; i++)
		ring[newest++ & (RING_SIZE - 1)] = text[i];
}

static void uart_text(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\n')
			arch_uart_put('\r');
		arch_uart_put(text[i]);
	}
}

/* The length of what a format that answered `wanted` left in a buffer of `size`. */
static size_t held(int wanted, size_t size)
{
	return (size_t)wanted < size ? (size_t)wanted : size - 1;
}

static size_t time_mark(char *line, size_t size)
{
	uint64_t us = arch_now() / 1000;

	return held(ksnprintf(line, size, "[%5lu.%06lu] ", us / 1000000, us % 1000000), size);
}

static size_t format_line(char *line, size_t size, const char *mark, const char *fmt, va_list ap)
{
	size_t n = time_mark(line, size - 1);

	n += held(ksnprintf(line + n, size - 1 - n, "%s: ", mark), size - 1 - n);
	n += held(kvsnprintf(line + n, size - 1 - n, fmt, ap), size - 1 - n);
	line[n++] = '\n';
	return n;
}

void klog(enum log_subsystem s, enum log_level l, const char *fmt, ...)
{
	static char line[LINE_MAX];
	size_t n;
	va_list ap;

	assert(s < LOG_SUBSYSTEMS && l < LOG_LEVELS);
	if (l == LOG_DEBUG && console_level[s] < LOG_DEBUG)
		return;
	va_start(ap, fmt);
	n = format_line(line, sizeof(line), subsystem_names[s], fmt, ap);
	va_end(ap);
	ring_append(line, n);
	if (panicking || (l <= console_level[s] && !uart_owned()))
		uart_text(line, n);
}

/* ---- levels ---------------------------------------------------------------- */

int log_level_set(uint32_t subsystem, uint32_t level)
{
	if (subsystem >= LOG_SUBSYSTEMS || level >= LOG_LEVELS)
		return -EINVAL;
	console_level[subsystem] = (uint8_t)level;
	return 0;
}

static bool word_is(const char *word, size_t n, const char *name)
{
	return strlen(name) == n && strncmp(word, name, n) == 0;
}

/* SUBSYSTEM:LEVEL; false: not understood, nothing has changed. */
static bool level_option(const char *word, size_t n)
{
	size_t colon = 0;
	uint32_t level = 0;
	bool found = false;

	while (colon < n && word[colon] != ':')
		colon++;
	if (colon == n)
		return false;
	while (level < LOG_LEVELS && !word_is(word + colon + 1, n - colon - 1, level_names[level]))
		level++;
	if (level == LOG_LEVELS)
		return false;
	for (unsigned s = 0; s < LOG_SUBSYSTEMS; s++) {
		if (!word_is(word, colon, "all") && !word_is(word, colon, subsystem_names[s]))
			continue;
		console_level[s] = (uint8_t)level;
		found = true;
	}
	return found;
}

void log_options(const char *cmdline)
{
	size_t n;

	for (const char *w = option_next(cmdline, "log", &n); w; w = option_next(w + n, "log", &n))
		if (!level_option(w, n))
			klog(LOG_BOOT, LOG_WARN, "log=%.*s: not SUBSYSTEM:LEVEL", (int)n, w);
}

/* ---- calls on the log -------------------------------------------------------- */

void log_clean(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((uint8_t)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
			text[i] = '?';
}

int64_t sys_log_write(struct thread *cur, handle_t log, uaddr_t in, uint64_t len)
{
	static char line[LINE_MAX];
	const struct process *p = cur->process;
	struct object *o;
	size_t n;
	int64_t err = object_find(cur, log, OBJ_LOG, RIGHT_WRITE, &o);

	if (err)
		return err;
	if (len > WRITE_MAX)
		return -EINVAL;
	n = time_mark(line, sizeof(line));
	n += held(ksnprintf(line + n, sizeof(line) - n, "%lu %s: ", p->pid, p->name),
		  sizeof(line) - n);
	err = copy_in(cur, line + n, in, len);
	if (err)
		return err;
	while (len > 0 && (line[n + len - 1] == '\n' || line[n + len - 1] == '\r'))
		len--;
	log_clean(line + n, len);
	n += len;
	line[n++] = '\n';
	ring_append(line, n);
	if (console_level[LOG_USER] >= LOG_INFO && !uart_owned())
		uart_text(line, n);
	return 0;
}

int64_t sys_log_read(struct thread *cur, handle_t log, uaddr_t cursor, uaddr_t out, uint64_t len)
{
	static char copy[4096];
	struct object *o;
	uint64_t at, n;
	int64_t err = object_find(cur, log, OBJ_LOG, RIGHT_READ, &o);

	if (!err)
		err = copy_in(cur, &at, cursor, sizeof(at));
	if (err)
		return err;
	if (at > newest)
		return -EINVAL;
	if (at < oldest)
		at = oldest;
	n = newest - at < len ? newest - at : len;
	if (n > sizeof(copy))
		n = sizeof(copy);
	for (uint64_t i = 0; i < n; i++)
		copy[i] = ring_at(at + i);
	at += n;
	err = copy_out(cur, out, copy, n);
	if (!err)
		err = copy_out(cur, cursor, &at, sizeof(at));
	return err ? err : (int64_t)n;
}

/* ---- calls on the UART ------------------------------------------------------- */

static struct thread *uart_reader; /* counted; NULL: nobody waits */
static uint64_t uart_deadline;
static struct timer uart_timer;
static char uart_queue[UART_QUEUE]; /* read and not fetched yet */
static uint32_t uart_head, uart_tail;

static void uart_poll(void)
{
	while (uart_tail - uart_head < UART_QUEUE) {
		int c = arch_uart_get();

		if (c < 0)
			return;
		uart_queue[uart_tail++ & (UART_QUEUE - 1)] = (char)c;
	}
}

static bool reader_waits(void)
{
	return uart_reader && uart_reader->run == THREAD_SLEEP && !uart_reader->dying;
}

static void reader_forget(void)
{
	timer_disarm(&uart_timer);
	if (uart_reader)
		object_put(&uart_reader->object);
	uart_reader = NULL;
}

static void uart_timer_arm(uint64_t now)
{
	uint64_t next = now + UART_POLL_NS;

	timer_arm(&uart_timer, next < uart_deadline ? next : uart_deadline);
}

/* Runs while somebody waits. A reader that was interrupted meanwhile and sleeps for another
 * reason is only made to repeat that call, which does no harm. */
static void uart_look(struct timer *t)
{
	uint64_t now = arch_now();
	struct thread *reader = uart_reader;

	(void)t;
	if (!reader_waits()) {
		reader_forget();
		return;
	}
	if (!uart_owned())
		uart_poll();
	if (uart_head == uart_tail && now < uart_deadline && !uart_owned()) {
		uart_timer_arm(now);
		return;
	}
	thread_unwait(reader);
	thread_wake(reader, K_RESTART);
	reader_forget();
}

static void reader_park(struct thread *cur, uint64_t deadline)
{
	reader_forget();
	object_get(&cur->object);
	uart_reader = cur;
	uart_deadline = deadline;
	uart_timer.fire = uart_look;
	uart_timer_arm(arch_now());
	thread_park(cur, THREAD_SLEEP, DEADLINE_NEVER);
}

int64_t sys_uart_read(struct thread *cur, handle_t log, uaddr_t out, uint64_t len,
		      uint64_t deadline)
{
	char copy[UART_QUEUE];
	uint32_t n;
	struct object *o;
	int64_t err = object_find(cur, log, OBJ_LOG, RIGHT_MANAGE, &o);

	if (err)
		return err;
	if (uart_owned() || (reader_waits() && uart_reader != cur))
		return -EBUSY;
	if (len == 0)
		return -EINVAL;
	uart_poll();
	if (uart_head == uart_tail && deadline <= arch_now())
		return -ETIMEDOUT;
	if (uart_head == uart_tail) {
		reader_park(cur, deadline);
		return K_DONE;
	}
	n = uart_tail - uart_head;
	if (n > len)
		n = (uint32_t)len;
	for (uint32_t i = 0; i < n; i++)
		copy[i] = uart_queue[(uart_head + i) & (UART_QUEUE - 1)];
	err = copy_out(cur, out, copy, n);
	if (err)
		return err;
	uart_head += n;
	return n;
}

int64_t sys_uart_write(struct thread *cur, handle_t log, uaddr_t in, uint64_t len)
{
	char copy[UART_SLICE];
	uint64_t n = len < UART_SLICE ? len : UART_SLICE;
	struct object *o;
	int64_t err = object_find(cur, log, OBJ_LOG, RIGHT_MANAGE, &o);

	if (err)
		return err;
	if (len > UART_WRITE_MAX)
		return -EINVAL;
	if (uart_owned())
		return -EBUSY;
	err = copy_in(cur, copy, in, n);
	if (err)
		return err;
	for (uint64_t i = 0; i < n; i++)
		arch_uart_put(copy[i]);
	if (n == len)
		return 0;
	/* The rest in the next slice: the call is run again with what is left. */
	REGS_ARG1(&cur->regs) = in.a + n;
	REGS_WORD0(&cur->regs) = len - n;
	return K_RESTART;
}

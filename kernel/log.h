/* SPDX-License-Identifier: ISC */
/*
 * log.h: the kernel log (a ring of 64 KiB), formatted output, panic, random numbers.
 */
#pragma once
#include "base.h"
#include <stdarg.h>

enum log_subsystem {
	LOG_BOOT,
	LOG_MEMORY,
	LOG_IPC,
	LOG_SCHED,
	LOG_DEVICE,
	LOG_SILO,
	LOG_USER,
	LOG_SUBSYSTEMS
};
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVELS };

/* One line; the newline is appended. Formats as kvsnprintf. Lock held, or at boot. */
void klog(enum log_subsystem s, enum log_level l, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Supports %s %c %d %i %u %x %X %p %%, l ll z, widths, * , zero padding, - and %.*s. The length
 * of the whole text; the buffer holds what fits, with its NUL. Pure. */
int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
int ksnprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The next word NAME=VALUE of a command line: its value, *len bytes of it; NULL: no more. Pure.
 * Go on behind the value to find another. */
const char *option_next(const char *text, const char *name, size_t *len);

/* Let a text be part of one line and nothing else: what would break or forge lines becomes '?'. */
void log_clean(char *text, size_t n);

void log_options(const char *cmdline); /* log=SUBSYSTEM:LEVEL, also all:LEVEL */
must_check int log_level_set(uint32_t subsystem, uint32_t level); /* -EINVAL */

/* ---- panic.c ---- */
extern bool panicking; /* log lines go to the UART, whoever owns it */

/* ---- random.c ---- */
uint64_t random_u64(void);
void random_init(void);
void random_bytes(void *out, size_t n);
/* The moments of interrupts, gathered until the generator is used next. */
struct random_stirred {
	uint64_t word[4];
	uint32_t count;
};
extern struct random_stirred random_stirred; /* [K] */
static inline void random_stir(uint64_t jitter)
{
	uint64_t *word = &random_stirred.word[random_stirred.count++ & 3];

	*word = (*word << 7 | *word >> 57) ^ jitter;
}

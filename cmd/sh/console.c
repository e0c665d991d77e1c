/* SPDX-License-Identifier: ISC */
/*
 * console.c: the terminal, and ^C.
 *
 * /dev/cons and /dev/consctl are opened again by path when their server was replaced; nothing says
 * when the new one is mounted, so that is tried again after a pause that grows to a second.
 *
 * ^C: a thread reads /dev/consintr. When a command runs it notes the interrupt and makes the call
 * in which the main thread waits answer -EINTR. A command that is just between two calls sees the
 * note (interrupted()) before its next one; one that is interrupted a little later, in its next
 * call, is what was asked for, too.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/sh/sh.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"
#include "sys/sys.h"

#define CONS	  "/dev/cons"
#define CTL	  "/dev/consctl"
#define INTR	  "/dev/consintr"
#define PAUSE	  (20 * NS_PER_MS)
#define PAUSE_MAX (1000 * NS_PER_MS)
#define DRAIN_NS  (3000 * NS_PER_MS)

static struct p9_file *cons, *ctl;
static bool raw_wanted;
static atomic_bool command_runs, came;
static handle_t main_thread;

/* Open path, however long it takes. A shell that may not have the console cannot be one. */
static struct p9_file *open_patiently(const char *path, uint32_t flags)
{
	uint64_t pause = PAUSE;
	struct p9_file *f;
	int err, told = 0;

	while ((err = ns_open(path, flags, 0, &f))) {
		if (err != told && err != -EINTR)
			log_print("sh: %s: %s", path, error_text(err));
		told = err;
		if (err == -EPERM)
			exit(1);
		if (sys_thread_sleep(time_in(pause)) < 0)
			continue;
		pause = pause * 2 > PAUSE_MAX ? PAUSE_MAX : pause * 2;
	}
	f->timeout_ns = 0;
	return f;
}

static void raw_set(void)
{
	const char *word = raw_wanted ? "rawon" : "rawoff";

	if (p9_client_pwrite(ctl, word, strlen(word), 0) < 0)
		log_print("sh: %s was refused", word);
}

static void reopen(void)
{
	p9_client_close(cons);
	p9_client_close(ctl);
	cons = open_patiently(CONS, P9_O_RDWR);
	ctl = open_patiently(CTL, P9_O_RDWR);
	raw_set();
}

static void *intr_main(void *arg)
{
	struct p9_file *f = open_patiently(INTR, P9_O_RDONLY);
	char line[256];

	(void)arg;
	for (;;) {
		if (p9_client_read(f, line, sizeof(line)) <= 0) {
			p9_client_close(f);
			f = open_patiently(INTR, P9_O_RDONLY);
			continue;
		}
		if (!atomic_load(&command_runs))
			continue;
		atomic_store(&came, true);
		if (sys_thread_interrupt(main_thread, 0) < 0)
			log_print("sh: cannot interrupt a command");
	}
	return NULL;
}

void console_open(void)
{
	pthread_t thread;

	cons = open_patiently(CONS, P9_O_RDWR);
	ctl = open_patiently(CTL, P9_O_RDWR);
	main_thread = boot_handle("thread");
	if (main_thread == HANDLE_NONE || pthread_create(&thread, NULL, intr_main, NULL))
		console_write("sh: ^C will not work: no thread for it\n", 39);
}

int64_t console_read(void *buf, uint32_t len)
{
	int64_t n;

	for (;;) {
		n = p9_client_pread(cons, buf, len, 0);
		if (n >= 0 || n == -EINTR)
			return n;
		reopen();
	}
}

void console_write(const void *text, size_t len)
{
	const char *at = text;

	while (len) {
		int64_t n = p9_client_pwrite(cons, at, len, 0);

		if (n == -EINTR)
			continue;
		if (n <= 0) {
			reopen();
			continue;
		}
		at += n;
		len -= (size_t)n;
	}
}

void console_raw(bool raw)
{
	if (raw == raw_wanted)
		return;
	raw_wanted = raw;
	raw_set();
}

void console_drain(void)
{
	ctl->timeout_ns = DRAIN_NS;
	if (p9_client_pwrite(ctl, "drain", 5, 0) < 0)
		log_print("sh: the console did not drain");
	ctl->timeout_ns = 0;
}

void interrupts_on(bool on)
{
	if (on)
		atomic_store(&came, false);
	atomic_store(&command_runs, on);
}

bool interrupted(void)
{
	return atomic_load(&came);
}

/* SPDX-License-Identifier: ISC */
/*
 * recovery: the shell that answers when nothing else does. A process on the kernel's polled UART,
 * without 9P, without a namespace, without any server: all it needs is the bootstrap handle "log"
 * (READ for dmesg and mem, MANAGE for the UART, reboot and panic), and "silo" for ps and kill.
 *
 * Invariant: every wait for a key ends, by the kernel's deadline at the latest, and every failure
 * of the UART but "not now" ends the process, so that whoever started it can start it again. While
 * a driver has the UART nothing is shown; as soon as it is free the prompt is. Of several shells,
 * started by who did not know of each other, only the oldest is at work.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/sh/edit.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/hold.h"
#include "sys/info.h"
#include "sys/sys.h"

#define WRITE_MAX 4096u
#define WAIT_NS	  (60 * NS_PER_S)   /* for a key; then again */
#define BUSY_NS	  (200 * NS_PER_MS) /* between two tries while a driver has the UART */

#define PROMPT "recovery> "

static handle_t log_handle;
static struct edit editor;
static bool unseen; /* a driver had the UART: the screen lacks something, or shows another's */

/* There is no other place to say that it failed. */
static bool show_raw(const char *text, size_t len)
{
	int64_t err = len ? sys_uart_write(log_handle, text, len) : 0;

	unseen |= err == -EBUSY;
	return !err;
}

static void show(const char *text, size_t len)
{
	char out[WRITE_MAX];
	size_t fill = 0;

	for (size_t i = 0; i < len; i++) {
		if (fill + 2 > sizeof(out)) {
			if (!show_raw(out, fill))
				return;
			fill = 0;
		}
		if (text[i] == '\n')
			out[fill++] = '\r';
		out[fill++] = text[i];
	}
	show_raw(out, fill);
}

static void editor_show(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	show(text, len);
}

__attribute__((format(printf, 1, 2))) static void print(const char *fmt, ...)
{
	char text[1024];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len > 0)
		show(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

static void failed(const char *what, int64_t err)
{
	print("%s: %s\n", what, error_text((int)err));
}

/* ---- commands -------------------------------------------------------------------------------- */

static void cmd_dmesg(const char *word)
{
	uint64_t cursor = 0;
	char text[2048];
	int64_t n;

	(void)word;
	while ((n = sys_log_read(log_handle, &cursor, text, sizeof(text))) > 0)
		show(text, (size_t)n);
	if (n < 0)
		failed("dmesg", n);
}

static void hold_print(const struct system_info *info)
{
	const char *name, *kind = hold_kind(info->hold_where, &name);

	print("lock held at most %llu ticks, by %s %s%llu\n", (unsigned long long)info->hold_max,
	      kind, name ? name : "", (unsigned long long)info->hold_where);
}

static void cmd_mem(const char *word)
{
	struct system_info info;
	int64_t err = sys_system_info(log_handle, &info);

	(void)word;
	if (err < 0) {
		failed("mem", err);
		return;
	}
	print("total %llu KiB, free %llu KiB, kernel %llu KiB, frame table %llu KiB\n",
	      (unsigned long long)info.memory_total / 1024,
	      (unsigned long long)info.memory_free / 1024,
	      (unsigned long long)info.kernel_memory / 1024,
	      (unsigned long long)info.frame_table / 1024);
	print("processors %u, up %llu s\n", info.cpus, (unsigned long long)(time_now() / NS_PER_S));
	if (info.hold_max) /* boot word lock=measure */
		hold_print(&info);
}

static const char *state_name(uint32_t state)
{
	static const char *const names[] = {"new", "running", "corpse", "gone"};

	return state < 4 ? names[state] : "?";
}

static void cmd_ps(const char *word)
{
	handle_t silo = boot_handle("silo");
	struct process_info infos[8];
	uint64_t after = 0;
	int64_t n;

	(void)word;
	if (silo == HANDLE_NONE) {
		print("ps: no silo handle was given\n");
		return;
	}
	while ((n = sys_silo_processes(silo, infos, 8, after)) > 0) {
		for (int64_t i = 0; i < n; i++) {
			const struct process_info *p = &infos[i];

			after = p->pid;
			print("%6llu silo %-5u %-8s %8llu KiB %8llu ms  %.32s\n",
			      (unsigned long long)p->pid, p->silo, state_name(p->state),
			      (unsigned long long)p->memory / 1024,
			      (unsigned long long)(p->cpu_ns / NS_PER_MS), p->name);
		}
	}
	if (n < 0)
		failed("ps", n);
}

/* Only processes that ps lists: init and what it started beside its servers, not the silos'. */
static void cmd_kill(const char *word)
{
	char *end;
	uint64_t pid = strtoull(word, &end, 10);
	int64_t process;
	int err;

	if (!pid || *end) {
		print("use it as: kill PID, a number that ps lists\n");
		return;
	}
	process = sys_process_open(boot_handle("silo"), pid);
	if (process < 0) {
		failed("kill", process);
		return;
	}
	err = (int)sys_process_kill((handle_t)process, -1);
	if (err)
		failed("kill", err);
	sys_handle_close((handle_t)process);
}

/* For who doubts the kernel: its registers and the way to here, then it stands still. */
static void cmd_panic(const char *word)
{
	(void)word;
	failed("panic", sys_machine_control(log_handle, MACHINE_PANIC, 0));
}

static void cmd_reboot(const char *word)
{
	(void)word;
	failed("reboot", sys_machine_control(log_handle, MACHINE_RESET, 0));
}

static void cmd_help(const char *word);

static const struct {
	const char *name, *help;
	void (*run)(const char *word); /* the word behind the name, or "" */
} commands[] = {
	{"help", "this list", cmd_help},
	{"dmesg", "the kernel's log", cmd_dmesg},
	{"mem", "memory, processors, time", cmd_mem},
	{"ps", "processes of the silo that this shell holds", cmd_ps},
	{"kill", "PID: end a process that ps lists", cmd_kill},
	{"panic", "stop the kernel; it shows its registers and stack", cmd_panic},
	{"reboot", "reset the machine", cmd_reboot},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void cmd_help(const char *word)
{
	(void)word;
	for (size_t i = 0; i < COMMANDS; i++)
		print("  %-8s %s\n", commands[i].name, commands[i].help);
	print("Turning the machine off needs ACPI, which devd has and this shell has not: reboot.\n");
}

static void line_run(char *line)
{
	char *word = line + strspn(line, " \t"), *next = word + strcspn(word, " \t");

	if (*next)
		*next++ = '\0';
	next += strspn(next, " \t");
	next[strcspn(next, " \t")] = '\0';
	if (!*word)
		return;
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(commands[i].name, word)) {
			commands[i].run(next);
			return;
		}
	}
	print("%s: not a command here; `help` lists them\n", word);
}

/* ---- the prompt --------------------------------------------------------------------------------
 */

static void greet(void)
{
	unseen = false;
	print("\nBulkhead recovery shell: no servers are needed for this. `help` lists commands.\n");
	edit_begin(&editor, PROMPT);
}

static int64_t keys_read(uint8_t *keys, size_t size)
{
	int64_t n;

	for (;;) {
		n = sys_uart_read(log_handle, keys, size, unseen ? 0 : time_in(WAIT_NS));
		if (n == -EBUSY) {
			/* A driver gives it up when it dies; nothing tells us when. */
			unseen = true;
			if (sys_thread_sleep(time_in(BUSY_NS)) < 0)
				continue;
		} else if (unseen && (n > 0 || n == -ETIMEDOUT)) {
			greet();
		}
		if (n != -ETIMEDOUT && n != -EINTR && n != -EBUSY)
			return n;
	}
}

/* An older process of this name, HANDLE_NONE: there is none, or it cannot be known. */
static handle_t older_find(void)
{
	handle_t silo = boot_handle("silo");
	struct process_info own, infos[8];
	uint64_t after = 0;
	int64_t n, h;

	if (silo == HANDLE_NONE || sys_process_info(boot_handle("self"), &own) < 0)
		return HANDLE_NONE;
	while ((n = sys_silo_processes(silo, infos, 8, after)) > 0) {
		for (int64_t i = 0; i < n; i++) {
			after = infos[i].pid;
			if (after >= own.pid || infos[i].state != PROCESS_RUNNING ||
			    strncmp(infos[i].name, own.name, sizeof(own.name)))
				continue;
			h = sys_process_open(silo, after);
			if (h >= 0)
				return (handle_t)h;
		}
	}
	return HANDLE_NONE;
}

/* Until that process has ended; it may have already. */
static int64_t end_await(handle_t process)
{
	int64_t queue = sys_queue_create(), err = queue;
	struct process_info info;
	struct event event;

	if (err >= 0)
		err = sys_queue_add((handle_t)queue, process, EVENT_PROCESS, 0, WATCH_ONESHOT,
				    PROCESS_EV_EXIT);
	if (err >= 0)
		err = sys_process_info(process, &info);
	while (err >= 0 && info.state == PROCESS_RUNNING) {
		err = sys_queue_wait((handle_t)queue, &event, 1, time_in(WAIT_NS));
		if (err >= 0 || err == -ETIMEDOUT || err == -EINTR)
			err = sys_process_info(process, &info);
	}
	if (queue >= 0)
		sys_handle_close((handle_t)queue);
	sys_handle_close(process);
	return err;
}

int main(void)
{
	uint8_t keys[64];
	handle_t older;
	int64_t n;

	log_handle = boot_handle("log");
	editor.show = editor_show;
	while ((older = older_find()) != HANDLE_NONE && end_await(older) >= 0)
		;
	greet();
	while ((n = keys_read(keys, sizeof(keys))) > 0) {
		for (int64_t i = 0; i < n; i++) {
			enum edit_result r = edit_key(&editor, keys[i]);

			if (r == EDIT_MORE)
				continue;
			if (r == EDIT_LINE)
				line_run(editor.line);
			edit_begin(&editor, PROMPT);
		}
	}
	return 1;
}

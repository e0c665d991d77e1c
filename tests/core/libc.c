/* SPDX-License-Identifier: ISC */
/*
 * libc.c: stock musl on the shim: memory, threads, time, output, faults, and the shim's edges.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
/* The one name that musl and abi/types.h both have; neither meaning is used here. */
#undef MAP_POPULATE
#include "core.h"

static void numbers(void)
{
	struct process_info info;

	OK(sys_process_info(core_process, &info));
	CHECK_EQ(getpid(), info.pid);
	CHECK_EQ(syscall(SYS_gettid), info.pid);
	CHECK_EQ(sysconf(_SC_NPROCESSORS_ONLN), core_cpus());
	CHECK_EQ(syscall(9999), -1);
	CHECK_EQ(errno, ENOSYS);
	CHECK_EQ(syscall(-5), -1); /* numbers outside every table come back too */
	CHECK_EQ(errno, ENOSYS);
	CHECK_EQ(fork(), -1);
	CHECK_EQ(errno, ENOSYS);
}

static void heap(void)
{
	static void *blocks[500];
	uint32_t seed = 7;

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 500; i++) {
			size_t len;

			seed = seed * 1103515245 + 12345;
			len = (seed >> 8) % (i % 50 ? 3000 : 300000) + 1;
			free(blocks[i]);
			blocks[i] = malloc(len);
			CHECK(blocks[i]);
			memset(blocks[i], i, len);
		}
	}
	for (int i = 0; i < 500; i++) {
		CHECK_EQ(*(uint8_t *)blocks[i], (uint8_t)i);
		free(blocks[i]);
		blocks[i] = NULL;
	}
	void *big = malloc(20 << 20);
	CHECK(big);
	void *bigger = realloc(big, 30 << 20);
	CHECK(bigger);
	free(bigger);
}

static void mappings(void)
{
	uint8_t *at = mmap(NULL, 16384, 3, 0x22, -1, 0);

	CHECK(at != MAP_FAILED);
	memset(at, 5, 16384);
	CHECK_EQ(mprotect(at + 4096, 4096, 1), 0);
	CHECK_EQ(at[4096], 5);
	CHECK_EQ(mprotect(at + 4096, 4096, 3), 0);
	CHECK_EQ(madvise(at + 4096, 4096, MADV_DONTNEED), 0);
	CHECK_EQ(at[4096], 0);
	CHECK_EQ(at[8192], 5);
	CHECK_EQ(munmap(at + 8192, 4096), 0);
	CHECK(mmap(at + 8192, 4096, 3, 0x32, -1, 0) == at + 8192); /* fixed, into the hole */
	CHECK_EQ(at[8192], 0);
	CHECK_EQ(munmap(at, 16384), 0);
	CHECK(mmap(NULL, 4096, 7, 0x22, -1, 0) == MAP_FAILED); /* W and X */
	CHECK(mmap(NULL, 0, 3, 0x22, -1, 0) == MAP_FAILED);
	CHECK(mmap(NULL, 4096, 3, 0x02, 0, 0) == MAP_FAILED); /* no files here */
	long base = syscall(SYS_brk, 0);		      /* musl's sbrk would not */
	CHECK(base > 0);
	CHECK_EQ(syscall(SYS_brk, base + 100000), base + 100000);
	memset((void *)base, 1, 100000);
	CHECK_EQ(syscall(SYS_brk, base + 10), base + 10);
	CHECK_EQ(syscall(SYS_brk, base + 100), base + 100);
	CHECK_EQ(((uint8_t *)base)[9], 1);
	CHECK_EQ(((uint8_t *)base)[10], 0);
	CHECK_EQ(syscall(SYS_brk, base + (1l << 40)), base + 100); /* refused: as it was */
}

/* ---- threads --------------------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Thread_local int local = 3;
static int shared;

static void *ping(void *arg)
{
	int side = (int)(intptr_t)arg;

	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&mutex);
		while (shared % 2 != side)
			pthread_cond_wait(&changed, &mutex);
		shared++;
		local++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&mutex);
	}
	return (void *)(intptr_t)local;
}

static void threads(void)
{
	pthread_t a, b;
	void *result;

	shared = 0;
	CHECK_EQ(pthread_create(&a, NULL, ping, (void *)0), 0);
	CHECK_EQ(pthread_create(&b, NULL, ping, (void *)1), 0);
	CHECK_EQ(pthread_join(a, &result), 0);
	CHECK_EQ((intptr_t)result, 503);
	CHECK_EQ(pthread_join(b, &result), 0);
	CHECK_EQ((intptr_t)result, 503);
	CHECK_EQ(shared, 1000);
	CHECK_EQ(local, 3);
}

/* Floating point survives preemption: each thread computes the same sum. */
static void *float_work(void *arg)
{
	double x = 0;

	(void)arg;
	for (int i = 1; i < 200000; i++)
		x += 1.0 / i;
	return (void *)(intptr_t)(x * 1e9);
}

static void float_threads(void)
{
	pthread_t t[3];
	void *result;
	intptr_t wanted = (intptr_t)float_work(NULL);

	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, float_work, NULL), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(pthread_join(t[i], &result), 0);
		CHECK_EQ((intptr_t)result, wanted);
	}
}

static int finished;

static void *quick(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&finished, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* A detached thread unmaps the stack it stands on; its shim area is used again, and its message
 * page does not stay beside the next one's. */
static void detached(void)
{
	uint64_t deadline = core_soon(), before = 0;

	finished = 0;
	for (int i = 0; i < 300; i++) {
		pthread_attr_t attr;
		pthread_t t;

		pthread_attr_init(&attr);
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		CHECK_EQ(pthread_create(&t, &attr, quick, NULL), 0);
		while (__atomic_load_n(&finished, __ATOMIC_RELAXED) <= i && time_now() < deadline)
			sched_yield();
		if (i == 100)
			before = core_usage(core_silo, RES_MEMORY);
	}
	CHECK_EQ(finished, 300);
	CHECK(core_usage(core_silo, RES_MEMORY) < before + (128 << 10));
}

static void timed_wait(void)
{
	struct timespec until;
	uint64_t began = time_now();

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 5000000;
	if (until.tv_nsec >= 1000000000)
		until.tv_sec++, until.tv_nsec -= 1000000000;
	pthread_mutex_lock(&mutex);
	CHECK_EQ(pthread_cond_timedwait(&changed, &mutex, &until), ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
	CHECK(time_now() - began >= 4 * NS_PER_MS);
}

static void times(void)
{
	struct timespec a, b, length = {0, 3000000};
	uint64_t now;

	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &a), 0);
	now = time_now();
	CHECK((uint64_t)a.tv_sec * NS_PER_S + (uint64_t)a.tv_nsec <= now);
	CHECK((uint64_t)a.tv_sec * NS_PER_S + (uint64_t)a.tv_nsec + NS_PER_S > now);
	CHECK_EQ(nanosleep(&length, NULL), 0);
	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &b), 0);
	CHECK((b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec >= 3000000);
	CHECK_EQ(clock_gettime(99, &a), -1);
	CHECK_EQ(errno, EINVAL);
	length.tv_nsec = -1;
	CHECK_EQ(nanosleep(&length, NULL), -1);
	CHECK_EQ(errno, EINVAL);
}

/* ---- edges of the shim ----------------------------------------------------------------------- */

static void bad_pointers(void)
{
	CHECK_EQ(syscall(SYS_clock_gettime, 1, 16), -1); /* the fast path */
	CHECK_EQ(errno, EFAULT);
	CHECK_EQ(syscall(SYS_clock_gettime, 0, 16), -1); /* the slow one */
	CHECK_EQ(errno, EFAULT);
	CHECK_EQ(syscall(SYS_clock_gettime, 1, 0x8000000000000000), -1); /* not canonical */
	CHECK_EQ(errno, EFAULT);
	CHECK_EQ(syscall(SYS_nanosleep, 16, 0), -1);
	CHECK_EQ(errno, EFAULT);
	CHECK_EQ(syscall(SYS_write, 1, 16, 5), -1);
	CHECK_EQ(errno, EFAULT);
	CHECK_EQ(syscall(SYS_writev, 1, 16, 1), -1);
	CHECK_EQ(errno, EFAULT);
	CHECK_EQ(syscall(SYS_getrandom, 16, 8, 0), -1);
	CHECK_EQ(errno, EFAULT);
	CHECK_EQ(syscall(SYS_futex, 16, 0, 0, 0), -1);
	CHECK_EQ(errno, EFAULT);
}

/* All registers but rax, rcx and r11 come back, and the red zone is left alone. */
static void registers_kept(void)
{
	uint64_t bad;

	__asm__ volatile(
		"movq $0x1234567, -128(%%rsp)\n"
		"movq $0x7654321, -8(%%rsp)\n"
		"mov $1, %%rbx\n mov $2, %%rdx\n mov $3, %%rsi\n mov $4, %%rdi\n"
		"mov $5, %%r8\n mov $6, %%r9\n mov $7, %%r10\n mov $8, %%r12\n"
		"mov $9, %%r13\n mov $10, %%r14\n mov $11, %%r15\n"
		"mov $0x1111, %%eax\n movq %%rax, %%xmm5\n"
		"mov $9999, %%eax\n"
		"syscall\n"
		"cmp $-38, %%rax\n jne 1f\n"
		"cmp $1, %%rbx\n jne 1f\n cmp $2, %%rdx\n jne 1f\n cmp $3, %%rsi\n jne 1f\n"
		"cmp $4, %%rdi\n jne 1f\n cmp $5, %%r8\n jne 1f\n cmp $6, %%r9\n jne 1f\n"
		"cmp $7, %%r10\n jne 1f\n cmp $8, %%r12\n jne 1f\n cmp $9, %%r13\n jne 1f\n"
		"cmp $10, %%r14\n jne 1f\n cmp $11, %%r15\n jne 1f\n"
		"cmpq $0x1234567, -128(%%rsp)\n jne 1f\n"
		"cmpq $0x7654321, -8(%%rsp)\n jne 1f\n"
		"movq %%xmm5, %%rax\n cmp $0x1111, %%eax\n jne 1f\n"
		"xor %%eax, %%eax\n jmp 2f\n"
		"1: mov $1, %%eax\n"
		"2:\n"
		: "=a"(bad)
		:
		: "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		  "r15", "xmm5", "memory", "cc");
	CHECK_EQ(bad, 0);
}

static void output(void)
{
	char text[64];
	struct iovec parts[2] = {{"libc writes ", 12}, {"a line\n", 7}};

	CHECK_EQ(writev(1, parts, 2), 19);
	CHECK_EQ(write(1, "two\nlines\n", 10), 10);
	CHECK_EQ(read(0, text, sizeof(text)), -1); /* no fd:0 was given */
	CHECK_EQ(errno, EBADF);
	CHECK_EQ(isatty(1), 0);
	CHECK_EQ(lseek(1, 0, SEEK_SET), -1);
	CHECK_EQ(errno, ESPIPE);
	CHECK_EQ(write(77, "x", 1), -1);
	CHECK_EQ(errno, EBADF);
	CHECK_EQ(snprintf(text, sizeof(text), "%.3f %Lg %s", 1.5, 2.25L, "x"), 13 - 1);
	CHECK(strcmp(text, "1.500 2.25 x") == 0);
	FILE *file = fopen("/nothing", "r");
	CHECK(!file);
	CHECK_EQ(errno, ENOSYS);
	CHECK(printf("libc prints %d\n", 42) > 0);
	CHECK_EQ(fflush(stdout), 0);
}

static void random_source(void)
{
	uint64_t a = 0, b = 0;

	CHECK_EQ(getrandom(&a, 8, 0), 8);
	CHECK_EQ(getrandom(&b, 8, 0), 8);
	CHECK(a != b);
}

static int role_abort(void)
{
	abort();
}

static void *exit_with(void *arg)
{
	exit((int)(intptr_t)arg);
}

static int role_exit_in_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, exit_with, (void *)5) != 0)
		return 1;
	pthread_join(t, NULL);
	return 2;
}

/* The main thread ends first; the process ends with the last one, with code 0. */
static void *late(void *arg)
{
	struct timespec t = {0, 2000000};

	nanosleep(&t, NULL);
	return arg;
}

static int role_main_leaves(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, late, NULL) != 0)
		return 1;
	pthread_exit(NULL);
}

static int deeper(volatile char *above, unsigned depth)
{
	volatile char frame[4096];

	frame[0] = above[0];
	return depth == 0 ? 0 : deeper(frame, depth - 1) + frame[0];
}

static int role_overflow(void)
{
	volatile char nothing = 0;

	return deeper(&nothing, 1000);
}

static void ends(void)
{
	struct process_info info;
	struct spawned s;

	core_spawn(&s, "abort", NULL, HANDLE_NONE, NULL, 0);
	core_expect(&s, 128 + SIGABRT);
	core_spawn(&s, "exit_in_thread", NULL, HANDLE_NONE, NULL, 0);
	core_expect(&s, 5);
	core_spawn(&s, "main_leaves", NULL, HANDLE_NONE, NULL, 0);
	core_expect(&s, 0);
	core_spawn(&s, "overflow", NULL, HANDLE_NONE, NULL, 0);
	CHECK(core_wait(&s, &info));
	CHECK_EQ(info.reason, FAULT_PAGE); /* the guard page */
}

/* A server that answers Tread and Twrite on "fd:0" and "fd:1". */
static int role_talker(void)
{
	char line[64];

	if (!fgets(line, sizeof(line), stdin))
		return 1;
	printf("got %s", line);
	fflush(stdout);
	return strcmp(line, "hello\n") == 0 ? 0 : 2;
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Answer one request; what was written goes to `text`. Returns the message type. */
static int serve_one(handle_t channel, const char *input, char *text)
{
	struct message_page *page = message_page();
	uint8_t *frame = page->data;
	struct ipc_msg m;
	uint32_t type, count;

	CHECK_EQ(ipc_wait(channel, &m, core_soon()), IPC_MESSAGE);
	CHECK_EQ(m.tag & MSG_BYTES_MASK, 23);
	CHECK(m.tag & MSG_BUFFERS);
	type = frame[4];
	count = get32(frame + 19);
	CHECK_EQ(get32(frame + 7), 0); /* fid */
	if (type == 118) {
		CHECK_EQ(get32(frame), 23 + count);
		CHECK_EQ(page->lens[0], count);
		CHECK_EQ(sys_reply_read(REPLY_CURRENT, 0, text, count), count);
		text[count] = 0;
	} else {
		CHECK_EQ(type, 116);
		CHECK_EQ(get32(frame), 23);
		count = (uint32_t)strlen(input);
		CHECK_EQ(sys_reply_write(REPLY_CURRENT, 0, input, count), count);
	}
	frame[4] = (uint8_t)(type + 1);
	for (int i = 0; i < 4; i++) {
		frame[i] = (uint8_t)((type == 116 ? 11 + count : 11) >> 8 * i);
		frame[7 + i] = (uint8_t)(count >> 8 * i);
	}
	m.tag = 11;
	OK(ipc_reply(REPLY_CURRENT, &m));
	return (int)type;
}

static void session_io(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = TAKE(sys_channel_sender(channel, 1, CORE_SENDER, REPLY_NONE));
	struct spawn_handle handles[] = {{"fd:0", sender, RIGHTS_SAME, 0, 0},
					 {"fd:2", sender, RIGHTS_SAME, 0, 0}};
	char text[256] = "";
	struct spawned s;

	core_spawn(&s, "talker", NULL, HANDLE_NONE, handles, 2);
	CHECK_EQ(serve_one(channel, "hello\n", text), 116);
	core_expect(&s, 0);
	core_close(sender);
	core_close(channel);
}

const struct core_test core_tests[] = {
	{"numbers", numbers},
	{"heap", heap},
	{"mappings", mappings},
	{"threads", threads},
	{"float_threads", float_threads},
	{"detached", detached},
	{"timed_wait", timed_wait},
	{"times", times},
	{"bad_pointers", bad_pointers},
	{"registers_kept", registers_kept},
	{"output", output},
	{"random_source", random_source},
	{"ends", ends},
	{"session_io", session_io},
	{NULL, NULL},
};

const struct core_role core_roles[] = {{"abort", role_abort},
				       {"exit_in_thread", role_exit_in_thread},
				       {"main_leaves", role_main_leaves},
				       {"overflow", role_overflow},
				       {"talker", role_talker},
				       {NULL, NULL}};

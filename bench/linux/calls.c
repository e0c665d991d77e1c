/* SPDX-License-Identifier: ISC */
/*
 * What Linux has where Bulkhead has calls, signals and faults: the null call, round trips between
 * two processes (pipe, eventfd, socket pair) and two threads (futex), signals.
 * The partner of a round trip answers each message at once and ends when its end is closed or
 * it gets the last one; on one CPU a round trip is two switches.
 */
#include "bench/linux/bench.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 1000, PAGE = 4096 };
/* futex(2): musl brings no header of the kernel. */
enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

static char buffer[1024];

/* Reads exactly `size` bytes; 0 at the end of the stream. */
static size_t read_full(int fd, size_t size)
{
	size_t done = 0;

	while (done < size) {
		long n = bench_check(read(fd, buffer + done, size - done), "read");

		if (n == 0)
			return 0;
		done += n;
	}
	return done;
}

static pid_t echo_start(int in, int out, int close_too, size_t size)
{
	pid_t pid = bench_check(fork(), "fork");

	if (pid == 0) {
		close(close_too);
		while (read_full(in, size))
			bench_check(write(out, buffer, size), "write");
		_exit(0);
	}
	return pid;
}

static void round_trip(int out, int in, size_t size)
{
	bench_check(write(out, buffer, size), "write");
	if (!read_full(in, size))
		bench_fail("partner ended");
}

static void measure_pipe(const char *name, size_t size)
{
	int to[2], from[2];
	pid_t pid;

	bench_check(pipe(to), "pipe");
	bench_check(pipe(from), "pipe");
	pid = echo_start(to[0], from[1], to[1], size);
	MEASURE(name, ROUNDS, round_trip(to[1], from[0], size));
	close(to[1]);
	bench_check(waitpid(pid, NULL, 0), "waitpid");
	close(to[0]);
	close(from[0]);
	close(from[1]);
}

static void measure_socket(void)
{
	int pair[2];
	pid_t pid;

	bench_check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	pid = echo_start(pair[1], pair[1], pair[0], 1);
	MEASURE("unix_round_trip", ROUNDS, round_trip(pair[0], pair[0], 1));
	close(pair[0]);
	bench_check(waitpid(pid, NULL, 0), "waitpid");
	close(pair[1]);
}

static uint64_t eventfd_take(int fd)
{
	uint64_t value;

	bench_check(read(fd, &value, sizeof(value)), "eventfd read");
	return value;
}

static void eventfd_give(int fd, uint64_t value)
{
	bench_check(write(fd, &value, sizeof(value)), "eventfd write");
}

static void eventfd_round_trip(int to, int from)
{
	eventfd_give(to, 1);
	eventfd_take(from);
}

static void measure_eventfd(void)
{
	int to = bench_check(eventfd(0, 0), "eventfd"),
	    from = bench_check(eventfd(0, 0), "eventfd");
	pid_t pid = bench_check(fork(), "fork");

	if (pid == 0) {
		while (eventfd_take(to) == 1)
			eventfd_give(from, 1);
		_exit(0);
	}
	MEASURE("eventfd_round_trip", ROUNDS, eventfd_round_trip(to, from));
	eventfd_give(to, 2);
	bench_check(waitpid(pid, NULL, 0), "waitpid");
	/* Nobody waits any more: the signal without a switch. */
	MEASURE("eventfd_write", ROUNDS, eventfd_give(from, 1));
	close(to);
	close(from);
}

static _Atomic int futex_word[2];

static void futex_pass(int mine, int other)
{
	atomic_store(&futex_word[other], 1);
	syscall(SYS_futex, &futex_word[other], FUTEX_WAKE_PRIVATE, 1, NULL);
	while (atomic_exchange(&futex_word[mine], 0) == 0)
		syscall(SYS_futex, &futex_word[mine], FUTEX_WAIT_PRIVATE, 0, NULL);
}

static void *futex_partner(void *unused)
{
	(void)unused;
	while (atomic_exchange(&futex_word[1], 0) == 0)
		syscall(SYS_futex, &futex_word[1], FUTEX_WAIT_PRIVATE, 0, NULL);
	for (int i = 1; i < ROUNDS; i++)
		futex_pass(1, 0);
	atomic_store(&futex_word[0], 1);
	syscall(SYS_futex, &futex_word[0], FUTEX_WAKE_PRIVATE, 1, NULL);
	return NULL;
}

static void measure_futex(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, futex_partner, NULL))
		bench_fail("pthread_create");
	MEASURE("futex_round_trip", ROUNDS, futex_pass(0, 1));
	pthread_join(thread, NULL);
}

static void signal_ignore(int number)
{
	(void)number;
}

static char *guarded;

static void guarded_open(int number)
{
	(void)number;
	bench_check(mprotect(guarded, PAGE, PROT_READ | PROT_WRITE), "mprotect");
}

static void measure_signals(void)
{
	pid_t self = getpid();
	pid_t pid;

	/* The init process may not send itself signals, hence a child. */
	pid = bench_check(fork(), "fork");
	if (pid) {
		bench_check(waitpid(pid, NULL, 0), "waitpid");
		return;
	}
	self = getpid();
	signal(SIGUSR1, signal_ignore);
	MEASURE("signal", ROUNDS, kill(self, SIGUSR1));
	guarded = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guarded == MAP_FAILED)
		bench_fail("mmap");
	*guarded = 1;
	signal(SIGSEGV, guarded_open);
	samples_begin("segv_round_trip");
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start;

		bench_check(mprotect(guarded, PAGE, PROT_NONE), "mprotect");
		start = clock_read();
		*(volatile char *)guarded = 2;
		samples_add(start, clock_read());
	}
	samples_end();
	_exit(0);
}

void bench_calls(void)
{
	MEASURE("null_call", ROUNDS, syscall(SYS_getppid));
	measure_pipe("pipe_round_trip", 1);
	measure_pipe("pipe_round_trip_1k", sizeof(buffer));
	measure_eventfd();
	measure_socket();
	measure_futex();
	measure_signals();
}

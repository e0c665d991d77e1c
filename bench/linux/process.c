/* SPDX-License-Identifier: ISC */
/*
 * Threads and processes, from creation until the creator has waited for the end. The program
 * that is executed is this one, which ends at once when its first argument is "true".
 */
#include "bench/linux/bench.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 200 };

static void *thread_body(void *argument)
{
	return argument;
}

static void thread_round(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_body, NULL) || pthread_join(thread, NULL))
		bench_fail("thread");
}

static void process_round(const char *program)
{
	int status;
	pid_t pid = bench_check(fork(), "fork");

	if (pid == 0) {
		if (program)
			execl(program, program, "true", (char *)NULL);
		_exit(program ? 1 : 0);
	}
	bench_check(waitpid(pid, &status, 0), "waitpid");
	if (status)
		bench_fail("child");
}

void bench_processes(const char *self)
{
	MEASURE("thread_create_join", ROUNDS, thread_round());
	MEASURE("fork_wait", ROUNDS, process_round(NULL));
	MEASURE("fork_exec_wait", ROUNDS, process_round(self));
}

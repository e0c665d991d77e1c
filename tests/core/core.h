/* SPDX-License-Identifier: ISC */
/*
 * core.h: the frame of a core test program, which boots as boot/init on the bare kernel.
 *
 * A program is a table of tests and a table of roles. Tests run one after the other in the first
 * process; what needs another process starts the same image again in a role (core_spawn). Each
 * test writes `pass NAME` or `fail NAME why` to the log, `end N` comes last, and QEMU is told by
 * its debug-exit port: status 33 when all passed, 35 otherwise. A test also fails when it leaves
 * handles behind. Every wait has a deadline (CORE_PATIENCE).
 *
 * CHECK leaves the test when it fails, by longjmp: that is on the first thread. Another thread
 * notes what failed and ends; a role exits with 99.
 */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "spawn/spawn.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/ipc.h"
#include "sys/log.h"
#include "sys/sys.h"

#define CORE_PATIENCE (10 * NS_PER_S)
/* What a sender's first handle may carry. */
#define CORE_SENDER (RIGHTS_ALL & ~RIGHT_WX)
#define CORE_PASS   0x10u /* QEMU ends with 2 n + 1 */
#define CORE_FAIL   0x11u

struct core_test {
	const char *name;
	void (*run)(void);
};

struct core_role {
	const char *name;
	int (*run)(void); /* exit code */
};

/* Each program defines these; a NULL name ends them. */
extern const struct core_test core_tests[];
extern const struct core_role core_roles[];

/* The first process's handles. */
extern handle_t core_process, core_thread, core_aspace, core_silo, core_log, core_device;
extern const char *core_argument; /* third word of a role's arguments, or "" */

__attribute__((noreturn)) void core_failed(const char *file, int line, const char *what,
					   int64_t got, int64_t wanted);
__attribute__((noreturn)) void core_skip(const char *why); /* leaves the test */

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			core_failed(__FILE__, __LINE__, #x, 0, 1);                                 \
	} while (0)
#define CHECK_EQ(x, y)                                                                             \
	do {                                                                                       \
		int64_t core_x = (int64_t)(x), core_y = (int64_t)(y);                              \
		if (core_x != core_y)                                                              \
			core_failed(__FILE__, __LINE__, #x, core_x, core_y);                       \
	} while (0)
/* The call must fail with this error. */
#define REFUSED(x, error) CHECK_EQ(x, -(error))
/* The call must succeed with 0, or with anything not negative. */
#define OK(x)	CHECK_EQ(x, 0)
#define TAKE(x) core_take(__FILE__, __LINE__, #x, (int64_t)(x))

/* A result that must be >= 0, as a handle. */
handle_t core_take(const char *file, int line, const char *what, int64_t result);

/* Close, and fail when that is refused. */
void core_close(handle_t handle);

/* A deadline that many nanoseconds ahead, and the one for things that must come. */
static inline uint64_t core_soon(void)
{
	return time_in(CORE_PATIENCE);
}

/* Start this image again as a role. handles: as for spawn_args; silo HANDLE_NONE: the root silo.
 * `argument` becomes the role's core_argument. */
void core_spawn(struct spawned *s, const char *role, const char *argument, handle_t silo,
		struct spawn_handle *handles, uint32_t count);
/* As core_spawn, but not started; returns what spawn_create did. */
int core_prepare(struct spawned *s, const char *role, const char *argument, handle_t silo,
		 struct spawn_handle *handles, uint32_t count);
/* Wait for its end, fill info, reap and close. False: it did not end in time (it is killed). */
bool core_wait(struct spawned *s, struct process_info *info);
/* Wait, and it must have exited with this code. */
void core_expect(struct spawned *s, int32_t code);
/* Wait until a thread is in a state. */
void core_until(handle_t thread, uint32_t run);

/* A fresh mapping of anonymous memory in this process; *vmo may be NULL. */
void *core_map(uint64_t len, uint32_t prot, handle_t *vmo);
void core_unmap(void *at, uint64_t len);
/* Bytes of memory charged to a silo. */
uint64_t core_usage(handle_t silo, uint32_t resource);
/* Usage of a silo must come back to what it was: what died is freed in slices, so wait for it. */
void core_returns(handle_t silo, const struct silo_info *before);
/* A user-tier silo below the root, running; limits may be NULL. */
handle_t core_silo_make(uint32_t id, uint32_t mode, const uint64_t *limits);
/* Kill, wait until it is stopped, destroy, close. */
void core_silo_end(handle_t silo);

/* A native thread of this process, without libc's knowledge: it may use CHECK and system calls,
 * but no libc function. It ends when run returns. */
struct core_native {
	handle_t thread;
	void (*run)(uint64_t arg);
	uint64_t arg;
	uint32_t done; /* futex: 1 when run has returned */
	struct thread_block block;
	uint8_t shim_stack[4096] __attribute__((aligned(16))); /* docs/shim.md, native threads */
	uint8_t stack[16384] __attribute__((aligned(16)));
};
void core_native_start(struct core_native *n, void (*run)(uint64_t arg), uint64_t arg);
/* Prepared, not started: n->thread is new. */
void core_native_make(struct core_native *n, void (*run)(uint64_t arg), uint64_t arg);
/* Wait for its end; closes the handle. */
void core_native_join(struct core_native *n);
/* Number of CPUs. */
uint32_t core_cpus(void);

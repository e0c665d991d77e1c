/* SPDX-License-Identifier: ISC */
/*
 * actor.h: processes that fault, and processes that handle faults, for the tests of faults as
 * calls (docs/ipc.md).
 *
 * An actor is a process in this program's own address space: it runs this program's code and
 * reads and writes its variables, but has handles, threads and a life of its own. It has no fault
 * entry, so that each fault of its goes to whom process_faults says. Its code may use nothing of
 * libc, and no CHECK: it notes in its `got` what is to be looked at.
 */
#pragma once
#include "core.h"

/* Nothing is ever mapped from here on, unless a test does. */
#define HOLE 0x660000000000ull

#define ACTOR_THREADS 3

struct actor_thread {
	handle_t thread;
	void (*run)(struct actor_thread *);
	uint64_t arg[3];
	int64_t got[3];
	struct thread_block block;
	uint8_t stack[8192] __attribute__((aligned(16)));
};

struct actor {
	struct spawned s; /* s.thread: of t[0] */
	struct actor_thread t[ACTOR_THREADS];
	unsigned threads;
};

/* A new process; silo HANDLE_NONE: the root silo. */
void actor_make(struct actor *a, handle_t silo);
/* A thread of it, not started. It ends when `run` returns. */
struct actor_thread *actor_thread(struct actor *a, void (*run)(struct actor_thread *),
				  uint64_t arg);
void actor_start(struct actor *a); /* all its threads */
/* Its number for a handle of ours. */
handle_t actor_give(struct actor *a, handle_t h, uint32_t flags);
/* End it, if it has not ended, and forget it. */
void actor_end(struct actor *a);
/* It must end with this code, or by this fault; then it is forgotten. */
void actor_exits(struct actor *a, int32_t code);
void actor_crashes(struct actor *a, uint32_t reason, uint64_t address, uint64_t rip);

/* Reads the word at an address; the load is the first instruction, LOAD_LEN bytes long. */
uint64_t actor_load(uint64_t address);
#define LOAD_RIP ((uint64_t)actor_load)
#define LOAD_LEN 3u
/* A thread that does it once: got[0] is what was there. */
void actor_loads(struct actor_thread *t);

/* Where faults go. */
struct line {
	handle_t channel, sender;
};
#define LINE_BADGE 0xfa17u
void line_open(struct line *l);
void line_close(struct line *l);

/* An actor with so many threads that load HOLE + 8 n each, whose faults go to the line; started. */
void loader_start(struct actor *a, const struct line *l, unsigned threads);

/* The next thing that comes is a fault. regs: the registers, unless NULL. */
void fault_receive(handle_t source, struct ipc_msg *m, struct thread_regs *regs);
/* Answer: over the load, with a value. reply: REPLY_CURRENT or a kept one. */
void fault_skip(handle_t reply, struct thread_regs regs, uint64_t value);
/* The event that comes next. */
struct event event_receive(handle_t source);

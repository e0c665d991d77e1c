/* SPDX-License-Identifier: ISC */
/*
 * pump.h: two threads that talk to a serial driver's file, and the pipes between them and the main
 * thread, whose loop must not wait.
 *
 * One thread reads the file into the pipe `from`, one writes the pipe `to` into the file. A pipe
 * has one writer and one reader and no lock; who has changed it rings a word. A struct pump may lie
 * in memory that outlives the program.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PIPE_SIZE 16384u /* power of two */

/* Bytes from one thread to another. head and tail only grow; head - tail bytes are in it. */
struct pipe {
	uint8_t ring[PIPE_SIZE];
	_Atomic uint32_t head, tail;
	_Atomic uint32_t filled, emptied; /* rung: counts of changes by the writer, by the reader */
};

struct pump {
	const char *device; /* path of the driver's data file */
	struct pipe from, to;
	_Atomic uint64_t reopened; /* the driver's file */
	/* Drains asked for by the main thread (which rings to.filled), and done (rings `drained`).
	 */
	_Atomic uint32_t drain_asked, drained;
};

/* Start both threads. Errors: -EAGAIN no thread. */
__attribute__((warn_unused_result)) int pump_start(struct pump *p);
/* A pump that a predecessor of this program left goes on, before it is started. False: it makes no
 * sense. */
bool pump_adopt(struct pump *p);
uint32_t pipe_room(struct pipe *p);
/* As much as there is room for. */
uint32_t pipe_put(struct pipe *p, const uint8_t *bytes, uint32_t len);
/* Up to max bytes, which stay; take out len of them; both. */
uint32_t pipe_peek(struct pipe *p, uint8_t *bytes, uint32_t max);
void pipe_drop(struct pipe *p, uint32_t len);
uint32_t pipe_get(struct pipe *p, uint8_t *bytes, uint32_t max);
/* Everything that is in `to` now is to leave the machine; `drained` is rung then. Returns what it
 * will hold at least. */
uint32_t pump_drain(struct pump *p);
void pipe_ring_filled(struct pipe *p);
void pipe_ring_emptied(struct pipe *p);

/* SPDX-License-Identifier: ISC */
/*
 * pump.c: the driver's file, opened again and again, and the pipes.
 *
 * A pump opens the driver's file by path, and again when a call fails: the driver was restarted, or
 * replaced. Where its supervisor keeps its channel, the call itself waits for the successor;
 * otherwise there is a moment with nobody there, and nothing that says when it ends, so a pump
 * tries again after a pause that doubles from 10 ms to 1 s.
 *
 * A byte leaves the pipe `to` when the driver has taken it, so that a pump in memory which outlives
 * its program loses none: what is under way at the program's end is written again.
 *
 * Races of a pipe: 1. the reader looks at `filled`, 2. finds nothing, 3. waits while `filled` is
 * what it was. The writer 4. stores the bytes and head, 5. adds to `filled` and wakes. If 4 comes
 * behind 2, then 5 comes behind 1, and 3 does not wait. The other direction is the same.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include "9p/client.h"
#include "serve/ns.h"
#include "serve/pump.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"
#include "sys/sys.h"

#define PAUSE_FIRST (10 * NS_PER_MS)
#define PAUSE_MAX   (1000 * NS_PER_MS)

uint32_t pipe_room(struct pipe *p)
{
	return PIPE_SIZE - (atomic_load(&p->head) - atomic_load(&p->tail));
}

uint32_t pipe_put(struct pipe *p, const uint8_t *bytes, uint32_t len)
{
	uint32_t head = atomic_load(&p->head), room = pipe_room(p);

	if (len > room)
		len = room;
	for (uint32_t i = 0; i < len; i++)
		p->ring[(head + i) % PIPE_SIZE] = bytes[i];
	atomic_store(&p->head, head + len);
	return len;
}

uint32_t pipe_peek(struct pipe *p, uint8_t *bytes, uint32_t max)
{
	uint32_t tail = atomic_load(&p->tail), used = atomic_load(&p->head) - tail;

	if (max > used)
		max = used;
	for (uint32_t i = 0; i < max; i++)
		bytes[i] = p->ring[(tail + i) % PIPE_SIZE];
	return max;
}

void pipe_drop(struct pipe *p, uint32_t len)
{
	atomic_store(&p->tail, atomic_load(&p->tail) + len);
}

uint32_t pipe_get(struct pipe *p, uint8_t *bytes, uint32_t max)
{
	uint32_t len = pipe_peek(p, bytes, max);

	pipe_drop(p, len);
	return len;
}

bool pump_adopt(struct pump *p)
{
	/* Who waited for a drain is gone. */
	atomic_store(&p->drained, atomic_load(&p->drain_asked));
	return pipe_room(&p->from) <= PIPE_SIZE && pipe_room(&p->to) <= PIPE_SIZE;
}

static void ring(_Atomic uint32_t *word)
{
	atomic_fetch_add(word, 1);
	if (sys_futex_wake((uintptr_t)word, 1) < 0)
		log_print("pump: a wake failed");
}

void pipe_ring_filled(struct pipe *p)
{
	ring(&p->filled);
}

void pipe_ring_emptied(struct pipe *p)
{
	ring(&p->emptied);
}

/* Wait until *word is not `seen` any more. */
static void ring_wait(_Atomic uint32_t *word, uint32_t seen)
{
	while (atomic_load(word) == seen) {
		int64_t r = sys_futex_wait((uintptr_t)word, seen, DEADLINE_NEVER);

		if (r < 0 && r != -EAGAIN && r != -EINTR)
			return;
	}
}

/* The driver's file, however long it takes. */
static struct p9_file *device_open(struct pump *p, uint32_t flags)
{
	uint64_t pause = PAUSE_FIRST;
	struct p9_file *f;
	int err, told = 0;

	while ((err = ns_open(p->device, flags, 0, &f))) {
		if (err != told)
			log_print("%s: %s; trying again", p->device, error_text(err));
		told = err;
		if (sys_thread_sleep(time_in(pause)) < 0)
			continue;
		pause = pause * 2 > PAUSE_MAX ? PAUSE_MAX : pause * 2;
	}
	f->timeout_ns = 0; /* a key may take for ever */
	return f;
}

static struct p9_file *device_again(struct pump *p, struct p9_file *f, uint32_t flags)
{
	p9_client_close(f);
	atomic_fetch_add(&p->reopened, 1);
	return device_open(p, flags);
}

static void *reader_main(void *arg)
{
	struct pump *p = arg;
	struct p9_file *f = device_open(p, P9_O_RDONLY);
	uint8_t buf[256];
	int64_t n;

	for (;;) {
		n = p9_client_pread(f, buf, sizeof(buf), 0);
		if (n <= 0) {
			f = device_again(p, f, P9_O_RDONLY);
			continue;
		}
		for (uint32_t done = 0; done < n;) {
			uint32_t seen = atomic_load(&p->from.emptied);
			uint32_t put = pipe_put(&p->from, buf + done, (uint32_t)n - done);

			done += put;
			if (put)
				pipe_ring_filled(&p->from);
			else
				ring_wait(&p->from.emptied, seen);
		}
	}
	return NULL;
}

uint32_t pump_drain(struct pump *p)
{
	uint32_t asked = atomic_fetch_add(&p->drain_asked, 1) + 1;

	pipe_ring_filled(&p->to);
	return asked;
}

/* Everything up to here was given to the driver: let it say when it is sent. */
static void device_drain(struct pump *p, uint32_t asked)
{
	char path[P9_FULL_MAX];
	size_t len = strlen(p->device);

	if (len > 4 && len < sizeof(path) - 4 && !strcmp(p->device + len - 4, "data")) {
		memcpy(path, p->device, len - 4);
		strcpy(path + len - 4, "ctl");
		if (ns_command(path, "drain"))
			log_print("%s does not drain", p->device);
	}
	atomic_store(&p->drained, asked - 1);
	ring(&p->drained);
}

static void *writer_main(void *arg)
{
	struct pump *p = arg;
	struct p9_file *f = device_open(p, P9_O_WRONLY);
	uint8_t buf[2048];

	for (;;) {
		uint32_t seen = atomic_load(&p->to.filled), asked = atomic_load(&p->drain_asked);
		uint32_t len = pipe_peek(&p->to, buf, sizeof(buf)), done = 0;

		if (!len) {
			if (asked != atomic_load(&p->drained))
				device_drain(p, asked);
			else
				ring_wait(&p->to.filled, seen);
			continue;
		}
		while (done < len) {
			int64_t n = p9_client_pwrite(f, buf + done, len - done, 0);

			if (n <= 0) {
				f = device_again(p, f, P9_O_WRONLY);
				continue;
			}
			done += (uint32_t)n;
			pipe_drop(&p->to, (uint32_t)n);
			pipe_ring_emptied(&p->to);
		}
	}
	return NULL;
}

int pump_start(struct pump *p)
{
	pthread_t thread;
	int err = -pthread_create(&thread, NULL, reader_main, p);

	return err ? err : -pthread_create(&thread, NULL, writer_main, p);
}

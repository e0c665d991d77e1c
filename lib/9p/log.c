/* SPDX-License-Identifier: ISC */
/*
 * log.c: a bounded stream of text with many readers, each with its own place.
 *
 * Positions count bytes since the log was made; byte p lies at p % size while it is among the last
 * `size` ones. Invariant: a reader waits only if it stands at head; what is appended wakes all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "9p/tree_private.h"

/* A request that waits at the end. Lies in the request's own buffer. */
struct p9_log_wait {
	struct p9_request *req;
	struct p9_log_reader *reader;
	struct p9_log_wait *next;
};

int p9_log_init(struct p9_log *log, uint32_t size)
{
	*log = (struct p9_log){.size = size};
	if (!size)
		return -EINVAL;
	log->ring = malloc(size);
	return log->ring ? 0 : -ENOMEM;
}

void p9_log_free(struct p9_log *log)
{
	free(log->ring);
	log->ring = NULL;
}

static uint64_t oldest(const struct p9_log *log)
{
	return log->head > log->size ? log->head - log->size : 0;
}

void p9_log_attach(struct p9_log_reader *reader, struct p9_log *log)
{
	reader->log = log;
	reader->pos = log->from_start ? oldest(log) : log->head;
}

/* The reader was overtaken: move it to the first whole line, and say how much it has missed. */
static int tell_dropped(struct p9_log_reader *reader, struct p9_request *req, uint32_t count)
{
	struct p9_log *log = reader->log;
	uint64_t pos = oldest(log);
	char text[40];
	int len;

	while (pos < log->head && log->ring[pos % log->size] != '\n')
		pos++;
	if (pos < log->head)
		pos++;
	len = snprintf(text, sizeof(text), "dropped %llu\n",
		       (unsigned long long)(pos - reader->pos));
	reader->pos = pos;
	log->dropped_readers++;
	return p9_respond_data(req, text, (uint32_t)len < count ? (uint32_t)len : count);
}

/* There is something to read, or the end. */
static int deliver(struct p9_log_reader *reader, struct p9_request *req, uint32_t count)
{
	struct p9_log *log = reader->log;
	uint32_t at = (uint32_t)(reader->pos % log->size);
	uint64_t len = log->head - reader->pos;

	if (reader->pos < oldest(log))
		return tell_dropped(reader, req, count);
	len = len < count ? len : count;
	len = len < log->size - at ? len : log->size - at;
	reader->pos += len;
	return p9_respond_data(req, log->ring + at, (uint32_t)len);
}

int p9_log_read(struct p9_log_reader *reader, struct p9_request *req, uint32_t count)
{
	struct p9_log *log = reader->log;
	struct p9_log_wait *wait;

	if (reader->pos != log->head)
		return deliver(reader, req, count);
	if (log->closed || !count)
		return 0;
	if (req->fid->oflags & P9_O_NONBLOCK)
		return -EAGAIN;
	wait = p9_request_buffer(req, sizeof(*wait));
	if (!wait)
		return -ENOMEM;
	*wait = (struct p9_log_wait){req, reader, log->waiting};
	log->waiting = wait;
	return P9_KEEP;
}

void p9_log_flush(struct p9_log *log, struct p9_request *req)
{
	struct p9_log_wait **at = &log->waiting;

	while (*at && (*at)->req != req)
		at = &(*at)->next;
	if (*at)
		*at = (*at)->next;
}

/* Nobody waits in the new list before all of the old one have been answered. */
static void wake_all(struct p9_log *log)
{
	struct p9_log_wait *wait = log->waiting, *next;

	log->waiting = NULL;
	for (; wait; wait = next) {
		next = wait->next;
		(void)deliver(wait->reader, wait->req, wait->req->t.read.count);
	}
}

void p9_log_append(struct p9_log *log, const void *text, uint32_t len)
{
	const char *from = text;
	uint32_t at, part;

	if (!len)
		return;
	if (len > log->size) {
		log->head += len - log->size; /* only its end would stay */
		from += len - log->size;
		len = log->size;
	}
	at = (uint32_t)(log->head % log->size);
	part = len < log->size - at ? len : log->size - at;
	memcpy(log->ring + at, from, part);
	memcpy(log->ring, from + part, len - part);
	log->head += len;
	wake_all(log);
}

void p9_log_printf(struct p9_log *log, const char *fmt, ...)
{
	char text[512];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len <= 0)
		return;
	if ((size_t)len >= sizeof(text)) {
		len = sizeof(text) - 1;
		text[len - 1] = '\n';
	}
	p9_log_append(log, text, (uint32_t)len);
}

void p9_log_close(struct p9_log *log)
{
	log->closed = true;
	wake_all(log);
}

uint32_t p9_log_waiting(const struct p9_log *log)
{
	uint32_t count = 0;

	for (const struct p9_log_wait *wait = log->waiting; wait; wait = wait->next)
		count++;
	return count;
}

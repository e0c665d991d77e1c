/* SPDX-License-Identifier: ISC */
/*
 * tree.c: the serial line as files, and the program.
 *
 *	uart [PATH] [BAUD]
 *
 *	data	  read waits for at least one byte; write takes as much as there is room for
 *	ctl	  "baud N", "flush" (drop what was received and not read), "drain" (waits until all
 *		  that was written is sent)
 *	status	  counters, one "key value" a line
 *
 * The line has one stream for all: only silos of system tier read, write or command it.
 *
 * PATH is where it is mounted (/dev/uart0), unless the supervisor mounts it.
 */
#include <errno.h>
#include <stdlib.h>
#include "9p/tree.h"
#include "drivers/serial/uart/uart.h"
#include "serve/register.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"

#define BAUD 115200u

static struct uart uart;
static struct serve server;
static struct p9_tree tree;

static int data_read(struct p9_call *call, uint64_t offset, uint32_t count)
{
	struct uart *u = call->ctx;
	const uint8_t *at;
	uint32_t n = bytes_piece(&u->m->rx, &at, count);

	(void)offset;
	if (!n)
		return count ? waiters_add(&u->readers, call->req) : 0;
	bytes_drop(&u->m->rx, n);
	return p9_respond_data(call->req, at, n);
}

static int data_open(struct p9_call *call, uint32_t oflags)
{
	(void)oflags;
	return call->req->from.flags & IDENTITY_SYSTEM ? 0 : -EPERM;
}

static int data_write(struct p9_call *call, uint64_t offset, uint32_t count)
{
	struct uart *u = call->ctx;
	int64_t n;

	(void)offset;
	if (!count)
		return 0;
	if (!bytes_room(&u->m->tx))
		return waiters_add(&u->writers, call->req);
	n = uart_take(u, call->req, count);
	if (n < 0)
		return (int)n;
	p9_request_wrote(call->req, (uint32_t)n);
	p9_respond(call->req, 0);
	/* Out before we send: a writer that is not answered repeats what was taken. */
	serve_flush();
	uart_send(u);
	return P9_KEEP;
}

static int data_flush(struct p9_call *call)
{
	struct uart *u = call->ctx;

	if (!waiters_remove(&u->readers, call->req))
		waiters_remove(&u->writers, call->req);
	return 0;
}

static int data_attr(struct p9_call *call, struct p9_attr *attr)
{
	(void)call;
	attr->qid.type |= P9_QTAPPEND; /* a write has no place: it must not be repeated */
	return 0;
}

static int ctl_open(struct p9_call *call, uint32_t oflags)
{
	return (oflags & P9_O_ACCMODE) == P9_O_RDONLY ? 0 : data_open(call, oflags);
}

static int ctl_baud(struct p9_call *call, int argc, char **argv)
{
	unsigned long baud = strtoul(argv[1], NULL, 10);

	(void)argc;
	if (baud > UINT32_MAX || uart_baud(call->ctx, (uint32_t)baud))
		return p9_tree_fail(call, EINVAL, "baud: 50 to 115200, a divisor of 115200");
	return 0;
}

static int ctl_flush(struct p9_call *call, int argc, char **argv)
{
	struct uart *u = call->ctx;

	(void)argc;
	(void)argv;
	bytes_drop(&u->m->rx, bytes_used(&u->m->rx));
	return 0;
}

static int ctl_drain(struct p9_call *call, int argc, char **argv)
{
	struct uart *u = call->ctx;

	(void)argc;
	(void)argv;
	if (uart_idle(u))
		return 0;
	waiters_add(&u->drainers, call->req);
	uart_send(u);
	return P9_KEEP;
}

static int ctl_forget(struct p9_call *call)
{
	struct uart *u = call->ctx;

	waiters_remove(&u->drainers, call->req);
	return 0;
}

static int ctl_text(struct p9_call *call, struct p9_text *out)
{
	const struct uart *u = call->ctx;

	p9_text_printf(out, "baud %u\n", u->m->baud);
	return 0;
}

static int status_text(struct p9_call *call, struct p9_text *out)
{
	const struct uart *u = call->ctx;

	p9_text_printf(out, "port 0x%x\nbaud %u\n", u->base, u->m->baud);
	p9_text_printf(out, "received %llu\nsent %llu\ninterrupts %llu\n",
		       (unsigned long long)u->received, (unsigned long long)u->sent,
		       (unsigned long long)u->interrupts);
	p9_text_printf(out, "overruns %llu\nerrors %llu\ndropped %llu\n",
		       (unsigned long long)u->overruns, (unsigned long long)u->errors,
		       (unsigned long long)u->dropped);
	p9_text_printf(out, "unread %u\nunsent %u\n", bytes_used(&u->m->rx), bytes_used(&u->m->tx));
	return 0;
}

static const struct p9_command ctl_commands[] = {
	{.word = "baud", .min = 1, .max = 1, .run = ctl_baud, .usage = "baud N"},
	{.word = "flush", .run = ctl_flush, .usage = "flush"},
	{.word = "drain", .run = ctl_drain, .usage = "drain"},
	{.word = NULL},
};

static const struct p9_file files[] = {
	{.name = "data",
	 .mode = P9_S_IFREG | 0666,
	 .open = data_open,
	 .read = data_read,
	 .write = data_write,
	 .flush = data_flush,
	 .attr = data_attr},
	{.name = "ctl",
	 .mode = P9_S_IFREG | 0644,
	 .open = ctl_open,
	 .text = ctl_text,
	 .commands = ctl_commands,
	 .flush = ctl_forget},
	{.name = "status", .mode = P9_S_IFREG | 0444, .text = status_text},
	{.name = NULL},
};

const struct p9_file uart_tree = {.name = "/", .mode = P9_S_IFDIR | 0555, .children = files};

static int start(const char *path, uint32_t baud)
{
	int err;

	tree.now_sec = time_wall() / NS_PER_S;
	err = p9_tree_init(&tree, &uart_tree, &uart);
	if (err)
		return err;
	err = serve_init(&server, &p9_tree_ops, &tree, NULL);
	if (err)
		return err;
	err = uart_remember(&uart, baud);
	if (!err)
		err = uart_open(&uart, &server);
	return err ? err : serve_register(&server, path);
}

int main(int argc, char **argv)
{
	unsigned long baud = argc > 2 ? strtoul(argv[2], NULL, 10) : BAUD;
	int err = start(argc > 1 ? argv[1] : "/dev/uart0", (uint32_t)baud);

	if (err) {
		log_print("uart: it cannot start: %s", error_text(err));
		return 1;
	}
	return serve_run(&server) ? 1 : 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * exportd: offers a part of the namespace over a serial line, as 9P2000.L or 9P2000.
 *
 *	exportd [-w] FOLDER [DEVICE]	-w: may be written; DEVICE: /dev/uart1/data
 *
 * There is no authentication: whoever is at the other end of the line has what is offered. So it
 * runs only when somebody starts it.
 *
 * The line does not say when a client goes and another comes; Tversion does, and begins anew.
 * Bytes that are no 9P, a message that does not go on for PARTIAL_NS, and a driver that was
 * restarted, end the stream; a new one begins with what comes next.
 */
#include <errno.h>
#include <string.h>
#include "serve/client_channel.h"
#include "serve/ns.h"
#include "servers/exportd/export.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"

#define PARTIAL_NS (5 * NS_PER_S)

struct export export;

static const struct identity *who(void)
{
	static struct identity from = {.pledges = PLEDGES_ALL};

	from.rights = SERVE_RIGHTS_FILE & ~(export.writable ? 0 : RIGHT_WRITE);
	return &from;
}

static int stream_begin(void)
{
	struct p9_stream_config config = {.rights = who()->rights, .from = who()};

	export.reopened = atomic_load(&export.pump.reopened);
	export.ahead_len = 0;
	return p9_stream_create(&export.server, &config, &export.stream);
}

static void stream_restart(const char *why)
{
	log_print("exportd: %s: the stream begins anew", why);
	p9_stream_destroy(export.stream);
	if (stream_begin()) {
		log_print("exportd: no memory for a stream");
		export.serve.stop = true;
	}
}

static void answers_send(void)
{
	const void *bytes;
	uint32_t n;
	size_t len;

	while ((len = p9_stream_out(export.stream, &bytes))) {
		n = pipe_put(&export.pump.to, bytes, (uint32_t)(len < PIPE_SIZE ? len : PIPE_SIZE));
		if (!n)
			break;
		p9_stream_sent(export.stream, n);
		pipe_ring_filled(&export.pump.to);
	}
}

/* Take what came, as far as the stream takes it. */
static void requests_take(void)
{
	int64_t taken = 1;

	while (taken > 0) {
		if (export.reopened != atomic_load(&export.pump.reopened))
			stream_restart("the line was opened again");
		if (!export.ahead_len) {
			export.ahead_len =
				pipe_get(&export.pump.from, export.ahead, sizeof(export.ahead));
			if (!export.ahead_len)
				break;
			export.received += export.ahead_len;
			pipe_ring_emptied(&export.pump.from);
		}
		taken = p9_stream_feed(export.stream, export.ahead, export.ahead_len);
		if (taken < 0) {
			stream_restart("what came is no 9P");
			taken = 1;
		} else if (taken > 0) {
			export.ahead_len -= (uint32_t)taken;
			memmove(export.ahead, export.ahead + taken, export.ahead_len);
		}
	}
	answers_send();
}

/* A client that went in the middle of a message would leave the next one's as the rest of it. */
static void partial_check(void)
{
	if (export.partial_armed || !p9_stream_partial(export.stream))
		return;
	export.partial_received = export.received;
	export.partial_armed =
		!serve_watch_timer(&export.serve, &export.partial_watch, time_in(PARTIAL_NS), 0);
}

static void on_partial(struct serve_watch *w, const struct event *e)
{
	(void)w;
	(void)e;
	export.partial_armed = false;
	if (p9_stream_partial(export.stream) && export.received == export.partial_received)
		stream_restart("a message was not sent whole");
	partial_check();
}

/* Without the session nothing can be offered any more: a successor gets another one. */
static void session_check(void)
{
	if (!export.client.root->dead || export.serve.stop)
		return;
	log_print("exportd: %s is gone", export.folder);
	export.serve.stop = true;
}

static void on_change(struct serve_watch *w, const struct event *e)
{
	(void)w;
	(void)e;
	jobs_finish();
	answers_send();
	requests_take();
	partial_check();
	session_check();
}

static void client_lock(void *arg)
{
	pthread_mutex_lock(arg);
}

static void client_unlock(void *arg)
{
	pthread_mutex_unlock(arg);
}

/* A client of its own, on a session narrowed to the folder and to what may be done. */
static int folder_open(const char *folder)
{
	uint64_t rights = who()->rights, given;
	struct p9_link *link;
	struct p9_file *f;
	uint32_t handle;
	int err = p9_client_walk(ns_client(), folder, false, &f);

	if (err)
		return err;
	err = p9_client_gethandle(f, P9_HANDLE_SESSION, rights, &given, &handle);
	p9_client_close(f);
	if (!err)
		err = channel_link_create(handle, &link);
	if (!err)
		err = p9_client_init(&export.client, link);
	if (err)
		return err;
	pthread_mutex_init(&export.client_lock, NULL);
	export.client.timeout_ns = NS_TIMEOUT_NS;
	export.client.now = time_now;
	export.client.lock = client_lock;
	export.client.unlock = client_unlock;
	export.client.lock_arg = &export.client_lock;
	return 0;
}

static int root_open(const char *folder)
{
	static struct job look;
	static char real[P9_FULL_MAX];
	int err = p9_client_realpath(ns_client(), folder, real);

	export.folder = real;
	if (!err)
		err = folder_open(real);
	if (!err)
		err = path_look(&look, "/");
	if (err)
		return err;
	export.root = node_new("/", look.place);
	export.root_qid = look.attr.qid;
	return export.root ? 0 : -ENOMEM;
}

static int watches_add(void)
{
	export.partial_watch.fn = on_partial;
	export.from_watch.fn = export.to_watch.fn = export.job_watch.fn = on_change;
	int err = serve_watch_memory(&export.serve, &export.from_watch, &export.pump.from.filled);

	if (!err)
		err = serve_watch_memory(&export.serve, &export.to_watch, &export.pump.to.emptied);
	if (!err)
		err = serve_watch_memory(&export.serve, &export.job_watch, &export.rung);
	return err;
}

static int start(const char *folder, const char *device)
{
	struct p9_limits limits = {.msize = EXPORT_IO_MAX + P9_IOHDR,
				   .requests = 64,
				   .sessions = 2,
				   .memory = 12 << 20,
				   .share = 1, /* there is one client only */
				   .fid_cost = 512};
	int err;

	export.pump.device = device;
	err = ns_init();
	if (!err)
		err = jobs_start();
	if (!err)
		err = root_open(folder);
	if (!err)
		err = p9_server_init(&export.server, &export_ops, NULL, &limits);
	/* The loop of lib/serve, for its queue; nobody has a handle of its channel. */
	if (!err)
		err = serve_init(&export.serve, &export_ops, NULL, NULL);
	if (!err)
		err = stream_begin();
	if (!err)
		err = watches_add();
	return err ? err : pump_start(&export.pump);
}

int main(int argc, char **argv)
{
	int at = 1, err;

	if (at < argc && !strcmp(argv[at], "-w")) {
		export.writable = true;
		at++;
	}
	if (at >= argc || argc - at > 2) {
		log_print("use it as: exportd [-w] FOLDER [DEVICE]");
		return 1;
	}
	err = start(argv[at], at + 1 < argc ? argv[at + 1] : "/dev/uart1/data");
	if (err) {
		log_print("exportd: %s: %s", argv[at], error_text(err));
		return 1;
	}
	log_print("exportd: %s is offered, %s", argv[at],
		  export.writable ? "for reading and writing" : "for reading");
	return serve_run(&export.serve) ? 1 : 0;
}

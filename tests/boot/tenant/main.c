/* SPDX-License-Identifier: ISC */
/*
 * tenant: a program of user tier that wants more than it may have.
 *
 *	tenant open PATH N	open PATH N times and keep the files
 *	tenant walk PATH N	N fids of PATH in one session
 *	tenant connect PATH N	N sessions with what is mounted at PATH
 *	tenant narrow PATH N	N sessions narrowed to PATH
 *	tenant vmos DIR N	memory objects of N files of DIR (0, 1, ...), without their fids
 *	tenant readonly DIR PATH make file PATH in DIR by a session that may only read
 *	tenant grow PATH SIZE	ask for PATH's memory object, writable, and make it SIZE bytes long
 *	tenant bury PATH N SIZE	N times: make PATH, SIZE bytes long, snapshot its memory object,
 *				keep both, remove PATH
 *	tenant share PATH	see that PATH and its memory object are the same bytes
 *	tenant write PATH TEXT	one write
 *	tenant read PATH	open for reading
 *	tenant flood PATH SEED N messages that mean nothing to what is mounted at PATH
 *	tenant lend PATH N SIZE	N times: offer a ring to the block driver at PATH, with a pool of
 *SIZE bytes, and revoke it tenant die PATH N	N threads read PATH (which blocks); then the process
 *ends
 *
 * Logs `tenant: VERB PATH COUNT ERROR`: how often it succeeded and why it did not go on ("ok": it
 * did). With -k as first word it keeps what it has and sleeps until it is ended.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "serve/client_channel.h"
#include "serve/ns.h"
#include "serve/serve.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"
#include "sys/sys.h"
#include "tests/boot/tenant/tenant.h"

#define CALL_NS (10 * NS_PER_S)

uint64_t done;
static handle_t root; /* rootd's connector */

/* ---- sessions ------------------------------------------------------------------------------ */

static int link_make(handle_t session, struct p9_link **link)
{
	return channel_link_create(session, link);
}

/* Tresolve on a session with rootd that lives for this call only. */
int connector_get(const char *path, handle_t *connector)
{
	struct p9_tmsg t = {.type = P9_TRESOLVE, .tag = 1};
	struct p9_rpc rpc = {.deadline = time_in(CALL_NS)};
	struct p9_link *link;
	struct p9_rmsg r;
	handle_t session;
	int err = channel_connect(root, time_in(CALL_NS), &session);

	if (!err)
		err = link_make(session, &link);
	if (err)
		return err;
	t.resolve.newfid = P9_NOFID;
	t.resolve.flags = P9_RESOLVE_STAT;
	t.resolve.path = p9_str_from(path);
	err = p9_link_call(link, &t, &r, &rpc);
	if (!err && !rpc.handle)
		err = -ENODEV;
	*connector = rpc.handle;
	link->ops->close(link);
	return err;
}

int session_make(const char *path, handle_t *session)
{
	handle_t connector = root;
	int err = 0;

	if (strcmp(path, "/"))
		err = connector_get(path, &connector);
	if (!err)
		err = channel_connect(connector, time_in(CALL_NS), session);
	if (strcmp(path, "/") && connector != HANDLE_NONE)
		sys_handle_close(connector);
	return err;
}

static int many_sessions(const char *path, uint64_t count)
{
	handle_t connector = root, session;
	int err = strcmp(path, "/") ? connector_get(path, &connector) : 0;

	for (; !err && done < count; done += !err)
		err = channel_connect(connector, time_in(CALL_NS), &session);
	return err;
}

/* As many opened files as each of the sessions takes; count is of sessions. */
static int hoard(const char *path, const char *file, uint64_t count)
{
	struct p9_tmsg t = {.type = P9_TRESOLVE, .tag = 1};
	struct p9_link *link;
	struct p9_rmsg r;
	handle_t session;
	int err = 0;

	t.resolve.flags = P9_RESOLVE_OPEN;
	t.resolve.path = p9_str_from(file);
	for (uint64_t i = 0; i < count; i++) {
		err = session_make(path, &session);
		if (!err)
			err = link_make(session, &link);
		for (t.resolve.newfid = 1; !err; t.resolve.newfid++, done += !err) {
			struct p9_rpc rpc = {.deadline = time_in(CALL_NS)};

			err = p9_link_call(link, &t, &r, &rpc);
		}
		if (t.resolve.newfid == 2)
			break; /* not even one */
	}
	return err;
}

static int many_narrowed(const char *path, uint64_t count)
{
	struct p9_file *f;
	uint64_t rights;
	uint32_t handle;
	int err = p9_client_walk(ns_client(), path, false, &f);

	for (; !err && done < count; done += !err)
		err = p9_client_gethandle(f, P9_HANDLE_SESSION, 0, &rights, &handle);
	return err;
}

/* ---- files --------------------------------------------------------------------------------- */

static int many_open(const char *path, uint64_t count)
{
	struct p9_file *f;
	int err = 0;

	for (; !err && done < count; done += !err)
		err = ns_open(path, P9_O_RDONLY, 0, &f);
	return err;
}

static int many_walked(const char *path, uint64_t count)
{
	struct p9_file *f;
	int err = 0;

	for (; !err && done < count; done += !err)
		err = p9_client_walk(ns_client(), path, false, &f);
	return err;
}

static int many_vmos(const char *dir, uint64_t count)
{
	char path[256];
	uint64_t size;
	uint32_t vmo;
	int err = 0;

	for (; !err && done < count; done += !err) {
		snprintf(path, sizeof(path), "%s/%llu", dir, (unsigned long long)done);
		err = ns_vmo(path, PROT_R, &vmo, &size);
	}
	return err;
}

static int one_write(const char *path, const char *text)
{
	int err = ns_command(path, text);

	done += !err;
	return err;
}

static int one_read(const char *path)
{
	struct p9_file *f;
	int err = ns_open(path, P9_O_RDONLY, 0, &f);

	if (!err)
		p9_client_close(f);
	done += !err;
	return err;
}

/* ---- rights -------------------------------------------------------------------------------- */

static int make_read_only(const char *dir, const char *path)
{
	struct p9_attr attr;
	static struct p9_client client;
	struct p9_link *link;
	struct p9_file *root, *f;
	uint64_t rights;
	uint32_t handle;
	int err = p9_client_walk(ns_client(), "/", false, &root);

	if (!err)
		err = p9_client_gethandle(root, P9_HANDLE_SESSION, RIGHT_READ | RIGHT_STAT, &rights,
					  &handle);
	if (!err)
		err = link_make(handle, &link);
	if (!err)
		err = p9_client_init(&client, link);
	if (!err) /* rootd is only asked to look; who is mounted there is asked for more */
		err = p9_client_stat(&client, dir, false, &attr);
	if (!err)
		err = p9_client_open(&client, path, P9_O_WRONLY | P9_O_CREAT, 0644, &f);
	done += !err;
	return err;
}

/* ---- dying --------------------------------------------------------------------------------- */

static _Atomic unsigned reading;
static _Atomic int why; /* the first could not open it or read on */

static void *read_for_ever(void *path)
{
	struct p9_file *f;
	char buf[64];
	int64_t err = ns_open(path, P9_O_RDONLY, 0, &f);
	int none = 0;

	if (!err) {
		f->timeout_ns = 0;
		reading++;
		do
			err = p9_client_pread(f, buf, sizeof(buf), 0);
		while (err > 0);
		reading--;
	}
	atomic_compare_exchange_strong(&why, &none, err ? (int)err : -ENODATA);
	return NULL;
}

static int die(char *path, uint64_t count)
{
	pthread_t thread;
	int err = 0;

	for (; !err && done < count; done += !err)
		err = -pthread_create(&thread, NULL, read_for_ever, path);
	for (unsigned i = 0; i < 1000 && reading < done && !why; i++)
		if (sys_thread_sleep(time_in(10 * NS_PER_MS)) < 0)
			break;
	done = reading;
	return err ? err : why;
}

/* ---- the program --------------------------------------------------------------------------- */

static int flood_path(const char *path, uint64_t seed, uint64_t count)
{
	handle_t session;
	int err = session_make(path, &session);

	if (!err)
		done = flood(session, seed, count);
	return err;
}

static int verb_run(int argc, char **argv)
{
	const char *verb = argv[0];
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;

	if (!strcmp(verb, "open"))
		return many_open(argv[1], n);
	if (!strcmp(verb, "walk"))
		return many_walked(argv[1], n);
	if (!strcmp(verb, "connect"))
		return many_sessions(argv[1], n);
	if (!strcmp(verb, "hoard") && argc > 3)
		return hoard(argv[1], argv[2], strtoull(argv[3], NULL, 0));
	if (!strcmp(verb, "narrow"))
		return many_narrowed(argv[1], n);
	if (!strcmp(verb, "vmos"))
		return many_vmos(argv[1], n);
	if (!strcmp(verb, "readonly") && argc > 2)
		return make_read_only(argv[1], argv[2]);
	if (!strcmp(verb, "grow"))
		return grow(argv[1], n);
	if (!strcmp(verb, "bury") && argc > 3)
		return bury(argv[1], n, strtoull(argv[3], NULL, 0));
	if (!strcmp(verb, "lend") && argc > 3)
		return lend(argv[1], n, strtoull(argv[3], NULL, 0));
	if (!strcmp(verb, "share"))
		return share(argv[1]);
	if (!strcmp(verb, "write") && argc > 2)
		return one_write(argv[1], argv[2]);
	if (!strcmp(verb, "read"))
		return one_read(argv[1]);
	if (!strcmp(verb, "die"))
		return die(argv[1], n);
	if (!strcmp(verb, "flood") && argc > 3)
		return flood_path(argv[1], n, strtoull(argv[3], NULL, 0));
	return -EINVAL;
}

int main(int argc, char **argv)
{
	bool keep = argc > 1 && !strcmp(argv[1], "-k");
	int64_t copy = sys_handle_dup(boot_handle("ns:/"), RIGHTS_SAME);
	int err = copy < 0 ? (int)copy : ns_init();

	root = (handle_t)copy;
	argc -= 1 + keep;
	argv += 1 + keep;
	if (argc < 2)
		return 2;
	if (!err)
		err = verb_run(argc, argv);
	log_print("tenant: %s %s %llu %s", argv[0], argv[1], (unsigned long long)done,
		  err ? error_name(err) : "ok");
	while (keep)
		if (sys_thread_sleep(DEADLINE_NEVER) == -EINVAL)
			return 3;
	return 0;
}

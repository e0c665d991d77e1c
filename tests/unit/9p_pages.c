/* SPDX-License-Identifier: ISC */
/*
 * 9p_pages.c: reading a file's pages without its server, and everything that ends that.
 *
 * The server is a tree in memory whose gethandle answers what the test says; the memory behind its
 * handles is a copy of the file with other bytes, so that a test sees where a byte came from.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "9p_rig.h"

enum { SIZE = 10001, PIECE = 1024, FIRST = 8, FILES = 20 };

struct world {
	struct local_world local;
	struct memfs fs;
	struct local_server server;
	struct p9_ops ops;
	struct p9_client c;
	int answer; /* to who asks for pages */
	int signal; /* to who asks for a signal, once */
	int memory; /* what reading the memory comes to */
	uint32_t asked, dropped, next, last;
	uint64_t lie; /* more bytes than there are */
};

static struct world *the_world;

static int op_gethandle(struct p9_request *req, struct p9_fid *fid, enum p9_handle_kind kind,
			uint64_t arg, uint64_t *value, uint32_t *handle)
{
	struct world *w = the_world;
	int err;

	(void)req;
	(void)arg;
	if (kind != P9_HANDLE_PAGES) {
		err = w->signal;
		w->signal = 0;
		*handle = 5000;
		return err;
	}
	w->asked++;
	*value = ((const struct memfs_node *)fid->node)->size + w->lie;
	*handle = w->last = 1000 + w->next++;
	return w->answer;
}

static int memory_copy(void *arg, uint32_t handle, uint64_t offset, void *out, uint32_t len)
{
	struct world *w = arg;

	assert_in_range(handle, 1000, 1000 + w->next - 1);
	assert_true(len && offset + len <= SIZE + w->lie);
	if (!w->memory)
		memset(out, 'm', len);
	return w->memory;
}

static void memory_dropped(void *arg, uint32_t handle)
{
	((struct world *)arg)->dropped += handle < 5000;
}

static struct world *world_new(bool memory)
{
	static char text[SIZE + 1];
	struct world *w = calloc(1, sizeof(*w));
	char name[] = "fileA";

	assert_non_null(w);
	the_world = w;
	memset(text, 'f', SIZE);
	memfs_init(&w->fs);
	for (unsigned i = 0; i < FILES; i++) {
		memfs_add(&w->fs, w->fs.root, name, P9_S_IFREG | 0644, text);
		name[4]++;
	}
	w->ops = memfs_ops;
	w->ops.gethandle = op_gethandle;
	local_init(&w->local);
	w->local.copy = memory ? memory_copy : NULL;
	w->local.dropped = memory_dropped;
	w->local.copy_arg = w;
	local_server_start(&w->local, &w->server, &w->ops, &w->fs, NULL);
	assert_int_equal(p9_client_init(&w->c, local_link(&w->local,
							  local_handle(&w->server, 0, RIGHTS_ALL))),
			 0);
	return w;
}

static void world_free(struct world *w)
{
	for (unsigned i = 0; i < P9_PAGES_MAX; i++)
		assert_null(w->c.pages[i]);
	p9_client_fini(&w->c);
	assert_int_equal(w->local.handles_live, 0);
	local_server_stop(&w->server);
	memfs_fini(&w->fs);
	free(w);
}

static struct p9_file *file_open(struct world *w, char letter, uint32_t flags)
{
	char name[] = "/fileA";
	struct p9_file *f;

	name[5] = letter;
	assert_int_equal(p9_client_open(&w->c, name, flags, 0, &f), 0);
	return f;
}

/* Where the bytes come from: 'f' the server, 'm' memory. */
static char read_at(struct p9_file *f, uint64_t offset, int64_t expected)
{
	char piece[PIECE];

	memset(piece, 0, sizeof(piece));
	assert_int_equal(p9_client_pread(f, piece, PIECE, offset), expected);
	for (int64_t i = 1; i < expected; i++)
		assert_int_equal(piece[i], piece[0]);
	return piece[0];
}

static void read_many(struct p9_file *f, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)read_at(f, i % 9 * PIECE, PIECE);
}

static void taken(void **state)
{
	struct world *w = world_new(true);
	struct p9_file *f = file_open(w, 'A', P9_O_RDONLY);
	uint64_t calls;

	(void)state;
	for (unsigned i = 0; i < FIRST; i++)
		assert_int_equal(read_at(f, 0, PIECE), 'f');
	assert_int_equal(w->asked, 0);
	assert_int_equal(read_at(f, 0, PIECE), 'm');
	assert_int_equal(w->asked, 1);
	calls = w->c.calls;
	assert_int_equal(read_at(f, 3, PIECE), 'm');
	assert_int_equal(read_at(f, SIZE - 7, 7), 'm'); /* as many as there are */
	assert_int_equal(w->c.calls, calls);
	assert_int_equal(read_at(f, SIZE, 0), 0); /* the server says that there is no more */
	assert_int_equal(read_at(f, SIZE + PIECE, 0), 0);
	assert_int_equal(w->c.calls, calls + 2);
	assert_int_equal(w->c.copied, 3);
	assert_int_equal(p9_client_close(f), 0);
	assert_int_equal(w->dropped, 1);
	world_free(w);
}

/* Small reads are not counted, and what is open for more than reading is not asked for. */
static void not_asked(void **state)
{
	struct world *w = world_new(true), *plain;
	struct p9_file *f = file_open(w, 'A', P9_O_RDONLY);
	char piece[PIECE];

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(p9_client_pread(f, piece, PIECE - 1, 0), PIECE - 1);
	p9_client_close(f);
	f = file_open(w, 'A', P9_O_RDWR);
	read_many(f, 100);
	p9_client_close(f);
	assert_int_equal(w->asked, 0);
	world_free(w);
	plain = world_new(false); /* a transport that knows no memory */
	f = file_open(plain, 'A', P9_O_RDONLY);
	read_many(f, 100);
	p9_client_close(f);
	assert_int_equal(plain->asked, 0);
	world_free(plain);
}

static void refused(void **state)
{
	const int answers[] = {-EOPNOTSUPP, -EACCES, -ENOMEM, -EMFILE, -EINVAL, -EIO};
	struct world *w = world_new(true);
	struct p9_file *f;

	(void)state;
	for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		w->answer = answers[i];
		w->asked = 0;
		f = file_open(w, 'A', P9_O_RDONLY);
		read_many(f, 300);
		assert_int_equal(w->asked, 1);
		p9_client_close(f);
	}
	w->answer = -EAGAIN; /* not now: asked ever less often */
	w->asked = 0;
	f = file_open(w, 'A', P9_O_RDONLY);
	read_many(f, 500);
	assert_in_range(w->asked, 5, 11);
	w->answer = 0;
	read_many(f, 70);
	assert_int_equal(read_at(f, 0, PIECE), 'm');
	p9_client_close(f);
	assert_int_equal(w->c.copied > 1, 1);
	world_free(w);
}

static void missing(void **state)
{
	struct world *w = world_new(true);
	struct p9_file *f = file_open(w, 'A', P9_O_RDONLY);
	uint64_t copied;

	(void)state;
	read_many(f, FIRST + 1);
	w->memory = -EAGAIN;
	assert_int_equal(read_at(f, 0, PIECE), 'f');
	assert_int_equal(read_at(f, 0, PIECE), 'f');
	w->memory = 0;
	assert_int_equal(read_at(f, 0, PIECE), 'f'); /* the second miss is waited for longer */
	assert_int_equal(read_at(f, 0, PIECE), 'm');
	w->memory = -EFAULT; /* the server finds out what is wrong with the buffer */
	assert_int_equal(read_at(f, 0, PIECE), 'f');
	w->memory = 0;
	assert_int_equal(read_at(f, 0, PIECE), 'm');
	w->memory = -EAGAIN;
	read_many(f, 500);
	copied = w->c.copied;
	w->memory = 0;
	read_many(f, 70);
	assert_true(w->c.copied > copied);
	assert_int_equal(w->asked, 1);
	assert_int_equal(w->dropped, 0);
	p9_client_close(f);
	world_free(w);
}

/* The server dies: what came from it is of no use, the file is opened again, nobody notices. */
static void dies(void **state)
{
	struct world *w = world_new(true);
	struct p9_file *f = file_open(w, 'A', P9_O_RDONLY), *other;

	(void)state;
	read_many(f, FIRST + 1);
	local_server_restart(&w->server);
	w->memory = -EIO;
	assert_int_equal(read_at(f, 0, PIECE), 'f');
	assert_int_equal(w->dropped, 1);
	assert_int_equal(w->c.reopened, 1);
	w->memory = 0;
	read_many(f, FIRST);
	assert_int_equal(read_at(f, 0, PIECE), 'm');
	assert_int_equal(w->asked, 2);
	/* Another file's call was the one to find it dead. */
	other = file_open(w, 'B', P9_O_RDONLY);
	w->local.crash = CRASH_RECEIVED;
	w->local.crash_at = w->local.calls + 1;
	assert_int_equal(read_at(other, 0, PIECE), 'f');
	assert_int_equal(read_at(f, 0, PIECE), 'f');
	assert_int_equal(w->dropped, 2);
	p9_client_close(other);
	p9_client_close(f);
	world_free(w);
}

/* For good: open files say so. */
static void dead(void **state)
{
	struct world *w = world_new(true);
	struct p9_file *f = file_open(w, 'A', P9_O_RDONLY);
	char piece[PIECE];

	(void)state;
	read_many(f, FIRST + 1);
	local_server_stop(&w->server);
	w->memory = -EIO;
	assert_int_equal(p9_client_pread(f, piece, PIECE, 0), -EPIPE);
	assert_int_equal(w->dropped, 1);
	w->memory = 0;
	assert_int_equal(p9_client_pread(f, piece, PIECE, 0), -EPIPE);
	p9_client_close(f);
	world_free(w);
}

/* A size that the memory has not: the kernel refuses, and the server is asked. */
static void lies(void **state)
{
	struct world *w = world_new(true);
	struct p9_file *f = file_open(w, 'A', P9_O_RDONLY);

	(void)state;
	w->lie = 1ull << 40;
	read_many(f, FIRST + 1);
	w->memory = -EINVAL;
	assert_int_equal(read_at(f, SIZE + 5, 0), 0);
	assert_int_equal(w->dropped, 1);
	assert_int_equal(read_at(f, SIZE - 1, 1), 'f');
	p9_client_close(f);
	world_free(w);
}

/* So many handles at most; they are given up when another call needs the room. */
static void handles(void **state)
{
	struct world *w = world_new(true);
	struct p9_file *f[FILES];
	uint64_t value;
	uint32_t handle;

	(void)state;
	for (unsigned i = 0; i < FILES; i++) {
		f[i] = file_open(w, (char)('A' + i), P9_O_RDONLY);
		read_many(f[i], FIRST + 1);
		assert_int_equal(read_at(f[i], 0, PIECE), i < P9_PAGES_MAX ? 'm' : 'f');
	}
	assert_int_equal(w->asked, P9_PAGES_MAX);
	p9_client_close(f[3]);
	read_many(f[FILES - 1], 100);
	assert_int_equal(read_at(f[FILES - 1], 0, PIECE), 'm');
	w->signal = -EMFILE;
	w->dropped = 0;
	assert_int_equal(p9_client_gethandle(f[0], P9_HANDLE_SIGNAL, 0, &value, &handle), 0);
	assert_int_equal(handle, 5000);
	assert_int_equal(w->dropped, P9_PAGES_MAX);
	assert_int_equal(read_at(f[0], 0, PIECE), 'f');
	w->signal = -EMFILE; /* nothing is left to give up */
	assert_int_equal(p9_client_gethandle(f[0], P9_HANDLE_SIGNAL, 0, &value, &handle), -EMFILE);
	read_many(f[0], 100);
	assert_int_equal(read_at(f[0], 0, PIECE), 'm');
	for (unsigned i = 0; i < FILES; i++)
		if (i != 3)
			p9_client_close(f[i]);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken),   cmocka_unit_test(not_asked), cmocka_unit_test(refused),
		cmocka_unit_test(missing), cmocka_unit_test(dies),	cmocka_unit_test(dead),
		cmocka_unit_test(lies),	   cmocka_unit_test(handles),
	};

	return cmocka_run_group_tests_name("9p_pages", tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * 9p_share.c: what one client may take of a server that others use, too: sessions, fids, texts of
 * open files, requests that are kept. A client is a silo, whatever session it speaks on.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "9p/tree.h"
#include "9p_rig.h"

#define GREEDY 1001u
#define OTHER  1002u

static void speak_as(struct rig *rig, uint32_t silo)
{
	rig->world.from.silo = silo;
}

static int narrow(struct rig *rig)
{
	struct p9_tmsg t = {.type = P9_TGETHANDLE, .fid = 0};

	t.gethandle.kind = P9_HANDLE_SESSION;
	return rig_call(rig, &t);
}

/* Sessions until it is refused: how many. */
static uint32_t take_sessions(struct rig *rig, uint32_t *handles, uint32_t max)
{
	uint32_t n = 0;
	int err = 0;

	while (n < max && !(err = narrow(rig)))
		handles[n++] = rig->got_handle;
	assert_int_equal(err, n < max ? -ENFILE : 0);
	return n;
}

static void drop(struct rig *rig, const uint32_t *handles, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		rig->link->ops->drop(rig->link, handles[i]);
}

static void sessions(void **state)
{
	struct p9_limits limits = {.sessions = 101};
	struct rig *rig = rig_new(&limits, RIGHTS_ALL, false);
	uint32_t one[128], two[128], n, m;

	(void)state;
	speak_as(rig, GREEDY);
	n = take_sessions(rig, one, 128);
	assert_in_range(n, 15, 25); /* a fifth of the hundred that are left */
	speak_as(rig, OTHER);
	m = take_sessions(rig, two, 128);
	assert_in_range(m, 10, 20);
	/* Each newcomer gets one, as long as there are any. */
	for (uint32_t silo = 2000; silo < 2020; silo++) {
		speak_as(rig, silo);
		assert_int_equal(narrow(rig), 0);
		two[m++] = rig->got_handle;
	}
	drop(rig, one, n);
	drop(rig, two, m);
	/* What was given back can be taken again. */
	speak_as(rig, GREEDY);
	assert_int_equal(take_sessions(rig, one, 128), n);
	drop(rig, one, n);
	assert_int_equal(rig->server.p9.peers_live, 0);
	rig_free(rig);
}

/* It is the one who asks that has the fids, not the one who made the session. */
static void fids(void **state)
{
	struct p9_limits limits = {.fids = 100000, .memory = 256 << 10};
	struct rig *rig = rig_new(&limits, RIGHTS_ALL, false);
	uint32_t n = 0, m = 1000000;
	int err;

	(void)state;
	speak_as(rig, GREEDY);
	while (!(err = rig_walk(rig, 0, n + 1, "a")))
		n++;
	assert_int_equal(err, -ENOMEM);
	assert_in_range(n, 100, 1000);
	assert_int_equal(rig_walk(rig, 1, 1, "b"), 0); /* in place of another */
	assert_int_equal(rig_resolve(rig, 0, n + 2, "a", 0, 0), -ENOMEM);
	speak_as(rig, OTHER);
	for (uint32_t i = 0; i < 50; i++)
		assert_int_equal(rig_walk(rig, 0, m + i, "a"), 0);
	speak_as(rig, GREEDY);
	assert_int_equal(rig_walk(rig, 0, n + 2, "a"), -ENOMEM);
	for (uint32_t i = 1; i < 50; i++)
		assert_int_equal(rig_clunk(rig, i), 0);
	assert_int_equal(rig_walk(rig, 0, n + 2, "a"), 0);
	rig_free(rig);
}

/* A server may say that a fid costs it more. */
static void fid_cost(void **state)
{
	struct p9_limits limits = {.fids = 100000, .memory = 256 << 10, .fid_cost = 4096};
	struct rig *rig = rig_new(&limits, RIGHTS_ALL, false);
	uint32_t n = 0;

	(void)state;
	while (!rig_walk(rig, 0, n + 1, "a"))
		n++;
	assert_in_range(n, 8, 13);
	rig_free(rig);
}

/* A request that is kept takes memory until it is answered. */
static void requests(void **state)
{
	struct p9_limits limits = {.requests = 100000, .memory = 64 << 10};
	struct rig *rig = rig_new(&limits, RIGHTS_ALL, true);
	uint32_t n = 0;
	int err;

	(void)state;
	assert_int_equal(rig_walk(rig, 0, 1, "a"), 0);
	rig->world.pump = NULL;
	rig->fs.unflushable = true;
	speak_as(rig, GREEDY);
	while ((err = rig_getattr(rig, 1)) == -ETIMEDOUT)
		n++;
	assert_int_equal(err, -EAGAIN);
	assert_in_range(n, 3, 60);
	speak_as(rig, OTHER);
	assert_int_equal(rig_getattr(rig, 1), -ETIMEDOUT); /* kept: there is room for it */
	memfs_finish_all(&rig->fs);
	rig->fs.unflushable = false;
	rig->world.pump = NULL;
	speak_as(rig, GREEDY);
	assert_int_equal(rig_getattr(rig, 1), -ETIMEDOUT);
	rig_free(rig);
}

/* ---- synthetic trees ----------------------------------------------------------------------- */

static int big_text(struct p9_call *call, struct p9_text *out)
{
	(void)call;
	for (int i = 0; i < 100; i++)
		p9_text_printf(out, "%099d\n", i);
	return 0;
}

static const struct p9_entry files[] = {
	{.name = "big", .mode = P9_S_IFREG | 0444, .text = big_text},
	{.name = NULL},
};
static const struct p9_entry top = {.name = "/", .mode = P9_S_IFDIR | 0555, .children = files};

static void texts(void **state)
{
	struct p9_limits limits = {.fids = 100000, .memory = 1 << 20};
	static struct p9_tree tree;
	struct rig *rig = calloc(1, sizeof(*rig));
	uint32_t n = 0;
	int err;

	(void)state;
	assert_non_null(rig);
	assert_int_equal(p9_tree_init(&tree, &top, NULL), 0);
	local_init(&rig->world);
	local_server_start(&rig->world, &rig->server, &p9_tree_ops, &tree, &limits);
	rig->handle = local_handle(&rig->server, 0, RIGHTS_ALL);
	rig->link = local_link(&rig->world, rig->handle);
	speak_as(rig, GREEDY);
	while (!(err = rig_resolve(rig, 0, n + 1, "big", P9_RESOLVE_OPEN, P9_O_RDONLY)))
		n++;
	assert_int_equal(err, -ENOMEM);
	assert_in_range(n, 5, 21); /* ten thousand bytes each, of a fifth of a million */
	assert_int_equal(rig_clunk(rig, 1), 0);
	assert_int_equal(rig_resolve(rig, 0, 1, "big", P9_RESOLVE_OPEN, P9_O_RDONLY), 0);
	speak_as(rig, OTHER);
	assert_int_equal(rig_resolve(rig, 0, 100, "big", P9_RESOLVE_OPEN, P9_O_RDONLY), 0);
	assert_int_equal(rig_read(rig, 100, 0, 200), 0);
	assert_int_equal(rig->data_len, 200);
	rig->link->ops->close(rig->link);
	assert_int_equal(rig->server.p9.peers_live, 0);
	local_server_stop(&rig->server);
	free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions), cmocka_unit_test(fids),  cmocka_unit_test(fid_cost),
		cmocka_unit_test(requests), cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * 9p_client.c: paths, files, mounts, and what is left of them when servers crash.
 *
 * Two servers: a root with /a/b/file ... (9p_rig.h) and /mnt, and what is mounted on /mnt. The
 * crash tests run one scenario again and again, and crash the server at its first message, at its
 * second, ... in each way, until the scenario comes to its end without having met the crash.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "9p_rig.h"

struct place {
	struct local_world world;
	struct memfs fs, far;
	struct local_server root, other;
	struct p9_client c;
	uint32_t connector;
	struct p9_ops root_ops;
};

static struct place *place; /* for the mount op, which dups a handle */

static int mount_dup(struct p9_request *req, struct p9_fid *fid, uint32_t *handle)
{
	(void)req;
	(void)fid;
	if (place->other.dead)
		return -ENXIO;
	*handle = local_handle(&place->other, P9_SESSION_CONNECTOR, RIGHTS_ALL);
	return 0;
}

static bool pump(void *arg)
{
	struct place *p = arg;

	return memfs_finish(&p->fs) || memfs_finish(&p->far);
}

static struct place *place_new(bool async)
{
	struct place *p = calloc(1, sizeof(*p));
	struct memfs_node *mnt, *dir;
	struct p9_limits limits = {0};

	assert_non_null(p);
	place = p;
	rig_tree(&p->fs);
	mnt = memfs_add(&p->fs, p->fs.root, "mnt", P9_S_IFDIR | 0755, NULL);
	mnt->mount = 1;
	memfs_add(&p->fs, p->fs.root, "tomnt", P9_S_IFLNK | 0777, "mnt/dir");
	memfs_init(&p->far);
	p->far.next_ino = 1000;
	dir = memfs_add(&p->far, p->far.root, "dir", P9_S_IFDIR | 0755, NULL);
	memfs_add(&p->far, dir, "deep", P9_S_IFREG | 0644, "far away");
	memfs_add(&p->far, dir, "back", P9_S_IFLNK | 0777, "/a/b/file");
	memfs_add(&p->far, dir, "near", P9_S_IFLNK | 0777, "../../a/b");
	p->fs.async = p->far.async = async;
	local_init(&p->world);
	p->world.pump = pump;
	p->world.pump_arg = p;
	p->root_ops = memfs_ops;
	p->root_ops.mount = mount_dup;
	local_server_start(&p->world, &p->root, &p->root_ops, &p->fs, NULL);
	limits.first_id = 5000000;
	local_server_start(&p->world, &p->other, &memfs_ops, &p->far, &limits);
	assert_int_equal(
		p9_client_init(&p->c, local_link(&p->world, local_handle(&p->root, 0, RIGHTS_ALL))),
		0);
	return p;
}

static void place_free(struct place *p)
{
	p9_client_fini(&p->c);
	assert_int_equal(p->world.links_live, 0);
	assert_int_equal(p->world.handles_live, 0);
	assert_int_equal(p->root.p9.session_count, 0);
	local_server_stop(&p->root);
	local_server_stop(&p->other);
	assert_int_equal(p->fs.live, 0);
	assert_int_equal(p->far.live, 0);
	assert_int_equal(p->fs.opened, p->fs.closed);
	assert_int_equal(p->far.opened, p->far.closed);
	memfs_fini(&p->fs);
	memfs_fini(&p->far);
	free(p);
}

static void expect_content(struct place *p, const char *path, const char *text)
{
	char buf[256];
	int64_t n = p9_client_load(&p->c, path, buf, sizeof(buf));

	assert_int_equal(n, (int64_t)strlen(text));
	assert_memory_equal(buf, text, strlen(text));
}

static void expect_real(struct place *p, const char *path, const char *real)
{
	char buf[P9_FULL_MAX];

	assert_int_equal(p9_client_realpath(&p->c, path, buf), 0);
	assert_string_equal(buf, real);
}

/* ---- paths --------------------------------------------------------------------------------- */

static void paths(void **state)
{
	struct place *p = place_new(false);
	struct p9_attr attr;
	char buf[P9_FULL_MAX];

	(void)state;
	expect_content(p, "/a/b/file", "hello world");
	expect_content(p, "a//./b/file", "hello world");
	expect_content(p, "/a/up", "hello world");
	expect_content(p, "/abs/file", "hello world");
	expect_real(p, "/", "/");
	expect_real(p, "/..", "/");
	expect_real(p, "/a/b/../up", "/a/b/file");
	expect_real(p, "abs/..", "/a"); /* of what the link led to */
	expect_real(p, "/abs/../../empty", "/empty");
	expect_real(p, "/a/./b/.", "/a/b");
	assert_int_equal(p9_client_stat(&p->c, "/loop", false, &attr), -ELOOP);
	assert_int_equal(p9_client_stat(&p->c, "/loop", true, &attr), 0);
	assert_int_equal(p9_client_stat(&p->c, "/dangling", false, &attr), -ENOENT);
	assert_int_equal(p9_client_stat(&p->c, "/empty/", false, &attr), -ENOTDIR);
	assert_int_equal(p9_client_stat(&p->c, "/empty/.", false, &attr), -ENOTDIR);
	assert_int_equal(p9_client_stat(&p->c, "/empty/..", false, &attr), -ENOTDIR);
	assert_int_equal(p9_client_stat(&p->c, "/nothing/..", false, &attr), -ENOENT);
	assert_int_equal(p9_client_stat(&p->c, "", false, &attr), -ENOENT);
	assert_int_equal(p9_client_chdir(&p->c, "/a/b"), 0);
	expect_content(p, "file", "hello world");
	expect_content(p, "../up", "hello world");
	expect_real(p, "..", "/a");
	expect_real(p, ".", "/a/b");
	assert_int_equal(p9_client_chdir(&p->c, "file"), -ENOTDIR);
	assert_int_equal(p9_client_chdir(&p->c, "/"), 0);
	expect_real(p, "a", "/a");
	memset(buf, 'x', sizeof(buf));
	buf[sizeof(buf) - 1] = '\0';
	assert_int_equal(p9_client_stat(&p->c, buf, false, &attr), -ENAMETOOLONG);
	buf[256] = '\0';
	assert_int_equal(p9_client_stat(&p->c, buf, false, &attr), -ENAMETOOLONG);
	assert_int_equal(p9_client_readlink(&p->c, "/abs", buf, sizeof(buf)), 4);
	assert_memory_equal(buf, "/a/b", 4);
	place_free(p);
}

static void round_trips(void **state)
{
	struct place *p = place_new(false);
	struct p9_attr attr;
	struct p9_file *f;
	uint64_t calls = p->world.calls;

	(void)state;
	assert_int_equal(p9_client_stat(&p->c, "/a/b/file", false, &attr), 0);
	assert_int_equal(p->world.calls - calls, 1);
	assert_int_equal(p9_client_open(&p->c, "/a/b/file", P9_O_RDONLY, 0, &f), 0);
	assert_int_equal(p->world.calls - calls, 2);
	assert_int_equal(p9_client_close(f), 0);
	assert_int_equal(p->world.calls - calls, 3);
	place_free(p);
}

static void mounts(void **state)
{
	struct place *p = place_new(false);
	struct p9_attr attr;
	struct p9_file *f;
	uint64_t calls;
	char buf[16];

	(void)state;
	expect_content(p, "/mnt/dir/deep", "far away");
	expect_real(p, "/mnt", "/mnt");
	calls = p->world.calls;
	assert_int_equal(p9_client_stat(&p->c, "/mnt/dir/deep", false, &attr), 0);
	assert_int_equal(p->world.calls - calls, 1); /* the mount is cached */
	assert_int_equal(p9_client_stat(&p->c, "/mnt", false, &attr), 0);
	assert_int_equal(attr.qid.path, p->far.root->ino);
	expect_real(p, "/mnt/..", "/");
	expect_real(p, "/mnt/dir/../../a", "/a");
	expect_content(p, "/mnt/dir/back", "hello world"); /* absolute: from the namespace's root */
	expect_real(p, "/mnt/dir/near/file", "/a/b/file");
	expect_content(p, "/tomnt/deep", "far away");
	expect_real(p, "/tomnt", "/mnt/dir");
	assert_int_equal(p9_client_chdir(&p->c, "/tomnt"), 0);
	expect_content(p, "deep", "far away");
	expect_real(p, "../..", "/");
	p9_client_forget_mounts(&p->c);
	assert_null(p->c.mounts);
	expect_content(p, "deep", "far away");
	assert_int_equal(p9_client_rename(&p->c, "deep", "/a/deep"), -EXDEV);
	assert_int_equal(p9_client_link(&p->c, "deep", "/a/deep"), -EXDEV);
	assert_int_equal(p9_client_open(&p->c, "deep", P9_O_RDONLY, 0, &f), 0);
	p9_client_forget_mounts(&p->c); /* in use: it stays */
	assert_non_null(p->c.mounts);
	assert_int_equal(p9_client_read(f, buf, sizeof(buf)), 8);
	p9_client_close(f);
	place_free(p);
}

/* ---- files --------------------------------------------------------------------------------- */

static void files(void **state)
{
	struct place *p = place_new(false);
	struct p9_setattr set = {.valid = P9_SETATTR_MODE, .mode = 0600};
	struct p9_statfs st;
	struct p9_attr attr;
	struct p9_file *f, *d;
	char buf[64];
	uint64_t value;
	uint32_t handle;
	uint8_t status;

	(void)state;
	assert_int_equal(p9_client_open(&p->c, "/a/new", P9_O_RDWR | P9_O_CREAT, 0644, &f), 0);
	assert_string_equal(f->path, "/a/new");
	assert_int_equal(p9_client_write(f, "12345", 5), 5);
	assert_int_equal(p9_client_pwrite(f, "X", 1, 2), 1);
	assert_int_equal(p9_client_pread(f, buf, sizeof(buf), 0), 5);
	assert_memory_equal(buf, "12X45", 5);
	assert_int_equal(p9_client_read(f, buf, sizeof(buf)), 0);
	assert_int_equal(p9_client_fsync(f, false), 0);
	assert_int_equal(p9_client_getattr(f, P9_GETATTR_BASIC, &attr), 0);
	assert_int_equal(attr.size, 5);
	assert_int_equal(
		p9_client_flock(f, &(struct p9_lock){.client_id = p9_str_from("me")}, &status), 0);
	assert_int_equal(p9_client_gethandle(f, P9_HANDLE_VMO, PROT_R, &value, &handle), 0);
	assert_int_equal(value, 5);
	assert_int_equal(handle, 0x1000 + P9_HANDLE_VMO);
	p9_client_close(f);
	assert_int_equal(p9_client_open(&p->c, "/a/new", P9_O_RDWR | P9_O_CREAT | P9_O_EXCL, 0, &f),
			 -EEXIST);
	assert_int_equal(p9_client_open(&p->c, "/a/new", P9_O_RDWR | P9_O_CREAT, 0, &f), 0);
	p9_client_close(f);
	assert_int_equal(p9_client_open(&p->c, "/a/new", P9_O_WRONLY | P9_O_TRUNC, 0, &f), 0);
	assert_int_equal(p9_client_read(f, buf, 1), -EBADF);
	p9_client_close(f);
	expect_content(p, "/a/new", "");
	/* Through a link that leads nowhere yet. */
	assert_int_equal(p9_client_open(&p->c, "/dangling", P9_O_WRONLY | P9_O_CREAT, 0644, &f), 0);
	assert_string_equal(f->path, "/nowhere");
	p9_client_close(f);
	assert_int_equal(p9_client_open(&p->c, "/dangling", P9_O_WRONLY | P9_O_NOFOLLOW, 0, &f),
			 -ELOOP);
	assert_int_equal(p9_client_open(&p->c, "/x/y", P9_O_WRONLY | P9_O_CREAT, 0, &f), -ENOENT);
	assert_int_equal(p9_client_open(&p->c, "/a/", P9_O_WRONLY | P9_O_CREAT, 0, &f), -EISDIR);

	assert_int_equal(p9_client_mkdir(&p->c, "/d/", 0755), 0);
	assert_int_equal(p9_client_mkdir(&p->c, "/d", 0755), -EEXIST);
	assert_int_equal(p9_client_mkdir(&p->c, "/", 0755), -EEXIST);
	assert_int_equal(p9_client_rename(&p->c, "/a/new", "/d/old"), 0);
	assert_int_equal(p9_client_link(&p->c, "/d/old", "/d/older"), 0);
	assert_int_equal(p9_client_symlink(&p->c, "older", "/d/s"), 0);
	expect_real(p, "/d/s", "/d/older");
	assert_int_equal(p9_client_setattr(&p->c, "/d/s", &set), 0);
	assert_int_equal(p9_client_stat(&p->c, "/d/older", false, &attr), 0);
	assert_int_equal(attr.mode, P9_S_IFREG | 0600);
	assert_int_equal(p9_client_statfs(&p->c, "/d", &st), 0);
	assert_int_equal(st.files, 7);
	assert_int_equal(p9_client_mknod(&p->c, "/d/pipe", P9_S_IFIFO | 0600, 0, 0), 0);
	assert_int_equal(p9_client_unlink(&p->c, "/d", P9_AT_REMOVEDIR), -ENOTEMPTY);
	assert_int_equal(p9_client_unlink(&p->c, "/d/s", 0), 0);
	assert_int_equal(p9_client_unlink(&p->c, "/d/.", 0), -EINVAL);
	assert_int_equal(p9_client_walk(&p->c, "/d/old", false, &d), 0);
	assert_int_equal(p9_client_remove(d), 0);
	assert_int_equal(p9_client_stat(&p->c, "/d/old", false, &attr), -ENOENT);
	assert_int_equal(p9_client_load(&p->c, "/a/b/file", buf, 10), -EFBIG);
	assert_int_equal(p9_client_load(&p->c, "/a/b/file", buf, 11), 11);
	assert_int_equal(p9_client_command(&p->c, "/empty", "say something"), 0);
	expect_content(p, "/empty", "say something");
	place_free(p);
}

static void listing(void **state)
{
	struct place *p = place_new(true);
	struct p9_dirent ent;
	struct p9_file *d;
	uint8_t buf[100];
	unsigned count = 0;
	int64_t n;

	(void)state;
	assert_int_equal(p9_client_open(&p->c, "/", P9_O_RDONLY | P9_O_DIRECTORY, 0, &d), 0);
	while ((n = p9_client_readdir(d, buf, sizeof(buf))) > 0) {
		for (int64_t at = 0, used; at < n; at += used, count++) {
			used = p9_dirent_decode(&ent, buf + at, (size_t)(n - at));
			assert_true(used > 0);
			d->offset = ent.offset;
		}
	}
	assert_int_equal(n, 0);
	assert_int_equal(count, 7);
	p9_client_close(d);
	place_free(p);
}

static void many_files(void **state)
{
	struct place *p = place_new(false);
	static struct p9_file *f[1000];

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(p9_client_walk(&p->c, "/a/b/file", false, &f[i]), 0);
	assert_int_equal(f[999]->fid, 1000);
	for (unsigned i = 0; i < 1000; i += 3) {
		p9_client_close(f[i]);
		f[i] = NULL;
	}
	assert_int_equal(p9_client_walk(&p->c, "/a", false, &f[0]), 0);
	assert_int_equal(f[0]->fid, 1); /* the lowest is used again */
	for (unsigned i = 0; i < 1000; i++)
		p9_client_close(f[i]);
	place_free(p);
}

/* ---- crashes ------------------------------------------------------------------------------- */

/*
 * What a scenario may return: 0, all is as it should be; or an error that it met where it may be
 * met, after having checked that nothing is half true. hit: the crash has happened.
 */
typedef int (*scenario)(struct place *p);

static bool may_fail(struct place *p, int64_t err)
{
	if (p->world.crash == CRASH_DEAD)
		return err == -EPIPE || err == -ENXIO;
	return err == -ERESTART && p->world.crash != CRASH_QUEUED;
}

/* Everything that is harmless: a crash must not be noticed. */
static int reading(struct place *p)
{
	struct p9_file *f = NULL, *d = NULL, *w = NULL;
	struct p9_attr attr;
	char buf[64];
	int64_t n;

	n = p9_client_stat(&p->c, "/a/up", false, &attr);
	if (!n)
		n = p9_client_open(&p->c, "/mnt/dir/deep", P9_O_RDONLY, 0, &f);
	if (!n)
		n = p9_client_read(f, buf, 4);
	if (n >= 0) {
		assert_int_equal(n, 4);
		n = p9_client_read(f, buf + 4, 60);
	}
	if (n >= 0) {
		assert_int_equal(n, 4);
		assert_memory_equal(buf, "far away", 8);
		n = p9_client_getattr(f, P9_GETATTR_BASIC, &attr);
	}
	if (!n) {
		assert_int_equal(attr.size, 8);
		n = p9_client_open(&p->c, "/a", P9_O_RDONLY, 0, &d);
	}
	if (!n)
		n = p9_client_readdir(d, buf, sizeof(buf));
	if (n >= 0) {
		assert_int_equal(n, 51);
		n = p9_client_open(&p->c, "/a/b/file", P9_O_RDWR, 0, &w);
	}
	if (!n)
		n = p9_client_pwrite(w, "HELLO", 5, 0);
	if (n >= 0) {
		assert_int_equal(n, 5);
		n = p9_client_pread(w, buf, 64, 0);
	}
	if (n >= 0) {
		assert_int_equal(n, 11);
		assert_memory_equal(buf, "HELLO world", 11);
		n = 0;
	}
	p9_client_close(f);
	p9_client_close(d);
	p9_client_close(w);
	return (int)n;
}

/* What may have been done or not; afterwards all goes on. */
static int changing(struct place *p)
{
	struct p9_file *f = NULL;
	struct p9_attr attr;
	char buf[8];
	int err, worst = 0;

	err = p9_client_mkdir(&p->c, "/new", 0755);
	if (err) {
		worst = err;
		err = p9_client_stat(&p->c, "/new", false, &attr);
		assert_true(!err || err == -ENOENT || err == -EPIPE);
		if (err == -ENOENT)
			err = p9_client_mkdir(&p->c, "/new", 0755);
	}
	if (!err)
		err = p9_client_open(&p->c, "/new/f", P9_O_RDWR | P9_O_CREAT, 0644, &f);
	if (!err) {
		err = (int)p9_client_write(f, "text", 4);
		err = err == 4 ? 0 : err;
	}
	if (!err) {
		err = p9_client_fsync(f, false);
		if (err == -ERESTART) {
			worst = err;
			err = p9_client_fsync(f, false);
		}
	}
	p9_client_close(f);
	if (!err) {
		err = p9_client_rename(&p->c, "/new/f", "/new/g");
		if (err == -ERESTART) {
			worst = err;
			err = p9_client_stat(&p->c, "/new/g", false, &attr);
			if (err == -ENOENT)
				err = p9_client_rename(&p->c, "/new/f", "/new/g");
		}
	}
	if (!err) {
		err = (int)p9_client_load(&p->c, "/new/g", buf, sizeof(buf));
		assert_true(err == 4 || err == -EPIPE);
		err = err == 4 ? 0 : err;
	}
	return err ? err : worst;
}

/* A write whose place is not fixed must not be done twice. */
static int appending(struct place *p)
{
	struct p9_file *f = NULL;
	int64_t n = p9_client_open(&p->c, "/empty", P9_O_WRONLY | P9_O_APPEND, 0, &f);
	int64_t first = n;

	if (!n)
		first = n = p9_client_write(f, "once\n", 5);
	if (n == -ERESTART) /* unknown: look, as a program would */
		n = memfs_find(p->fs.root, "empty")->size ? 5 : p9_client_write(f, "once\n", 5);
	if (n == 5)
		assert_int_equal(memfs_find(p->fs.root, "empty")->size, 5);
	p9_client_close(f);
	return n == 5 && first == 5 ? 0 : (int)(first < 0 ? first : n);
}

/* Crash at every message, in every way; `more` messages behind it end the server as well. */
static void crash_everywhere(scenario run, bool harmless, bool async, unsigned more)
{
	unsigned met = 0;

	for (enum local_crash kind = CRASH_QUEUED; kind < CRASH_KINDS; kind++) {
		for (uint64_t at = 1;; at++) {
			struct place *p = place_new(async);
			bool crashed;
			int err;

			p->world.crash = kind;
			p->world.crash_at = at;
			p->world.crash_more = more;
			err = run(p);
			crashed = p->world.crashed;
			if (err && !may_fail(p, err))
				fail_msg("crash %d at message %u: %d", kind, (unsigned)at, err);
			if (harmless && kind != CRASH_DEAD && err)
				fail_msg("crash %d at message %u was noticed: %d", kind,
					 (unsigned)at, err);
			if (!crashed)
				assert_int_equal(err, 0);
			place_free(p);
			if (!crashed)
				break;
			met++;
			assert_true(at < 1000);
		}
	}
	assert_true(met >= 4 * 3);
}

static void crash_reading(void **state)
{
	(void)state;
	for (unsigned more = 0; more < P9_TRIES - 1; more++) {
		crash_everywhere(reading, true, false, more);
		crash_everywhere(reading, true, true, more);
	}
}

static void crash_changing(void **state)
{
	(void)state;
	crash_everywhere(changing, false, false, 0);
	crash_everywhere(changing, false, true, 0);
}

static void crash_appending(void **state)
{
	(void)state;
	crash_everywhere(appending, false, false, 0);
}

/* What ends its server each time is not sent for ever. */
static void crash_always(void **state)
{
	struct place *p = place_new(false);
	struct p9_attr attr;
	uint64_t before;

	(void)state;
	p->world.crash = CRASH_RECEIVED;
	p->world.crash_at = before = p->world.calls + 1;
	p->world.crash_more = 1000;
	assert_int_equal(p9_client_stat(&p->c, "/a/up", false, &attr), -ERESTART);
	assert_int_equal(p->world.calls - before + 1, P9_TRIES);
	place_free(p);
}

/* Files that were open are found again by their path; then a changed world is noticed. */
static void reopen(void **state)
{
	struct place *p = place_new(false);
	struct p9_file *f, *g, *h;
	char buf[32];

	(void)state;
	assert_int_equal(p9_client_open(&p->c, "/a/b/file", P9_O_RDONLY, 0, &f), 0);
	assert_int_equal(p9_client_open(&p->c, "/empty", P9_O_RDWR | P9_O_TRUNC, 0, &g), 0);
	assert_int_equal(p9_client_write(g, "kept", 4), 4);
	assert_int_equal(p9_client_open(&p->c, "/a/up", P9_O_RDONLY, 0, &h), 0);
	local_server_restart(&p->root);
	assert_int_equal(p9_client_read(f, buf, 5), 5);
	/* Not truncated a second time. */
	assert_int_equal(p9_client_pread(g, buf, 32, 0), 4);
	assert_memory_equal(buf, "kept", 4);
	assert_int_equal(p->c.reopened, 2);
	/* Another file of the same name is not the file. */
	assert_int_equal(p9_client_unlink(&p->c, "/a/b/file", 0), 0);
	memfs_add(&p->fs, memfs_find(memfs_find(p->fs.root, "a"), "b"), "file", P9_S_IFREG | 0644,
		  "other");
	local_server_restart(&p->root);
	assert_int_equal(p9_client_read(f, buf, 5), -ESTALE);
	assert_int_equal(p9_client_read(f, buf, 5), -ESTALE);
	assert_int_equal(p9_client_read(h, buf, 5), -ESTALE);
	assert_int_equal(p9_client_unlink(&p->c, "/empty", 0), 0);
	local_server_restart(&p->root);
	assert_int_equal(p9_client_read(g, buf, 5), -ENOENT);
	p9_client_close(f);
	p9_client_close(g);
	p9_client_close(h);
	place_free(p);
}

/* Another thread hears of a restart only when this one has opened files of the successor: their
 * fids are taken for lost, but are there. */
static void late_notice(void **state)
{
	struct place *p = place_new(false);
	struct p9_file *f, *g;
	char buf[8];

	(void)state;
	assert_int_equal(p9_client_open(&p->c, "/a/b/file", P9_O_RDONLY, 0, &f), 0);
	assert_int_equal(p9_client_open(&p->c, "/empty", P9_O_RDONLY, 0, &g), 0);
	p->c.root->generation++;
	p9_client_close(f);
	assert_int_equal(p9_client_open(&p->c, "/a/b/file", P9_O_RDONLY, 0, &f), 0);
	assert_int_equal(p9_client_read(f, buf, 5), 5);
	assert_int_equal(p9_client_read(g, buf, 5), 0);
	assert_int_equal(p->c.reopened, 1);
	p9_client_close(g);
	assert_int_equal(p9_client_open(&p->c, "/empty", P9_O_RDONLY, 0, &g), 0);
	p9_client_close(f);
	p9_client_close(g);
	place_free(p);
}

/* A mounted server that is dead for good, and one that took its place. */
static void remount(void **state)
{
	struct place *p = place_new(false);
	struct p9_limits limits = {.first_id = 9000000};
	struct p9_attr attr;
	struct p9_file *f;
	char buf[8];

	(void)state;
	assert_int_equal(p9_client_open(&p->c, "/mnt/dir/deep", P9_O_RDONLY, 0, &f), 0);
	local_server_stop(&p->other);
	assert_int_equal(p9_client_read(f, buf, 4), -EPIPE);
	assert_int_equal(p9_client_stat(&p->c, "/mnt/dir/deep", false, &attr), -ENXIO);
	expect_content(p, "/a/b/file", "hello world"); /* the rest is as it was */
	local_server_start(&p->world, &p->other, &memfs_ops, &p->far, &limits);
	expect_content(p, "/mnt/dir/deep", "far away");
	assert_int_equal(p9_client_read(f, buf, 4), -EPIPE);
	p9_client_close(f);
	assert_int_equal(p->c.remounted, 1);
	place_free(p);
}

/* ---- servers that lie ---------------------------------------------------------------------- */

struct liar {
	struct p9_link link;
	uint8_t frame[4096];
	const uint8_t *reply;
	uint32_t len, out_len, handle, dropped;
};

static void *liar_frame(struct p9_link *link, uint32_t *cap)
{
	*cap = sizeof(((struct liar *)link)->frame);
	return ((struct liar *)link)->frame;
}

static int liar_rpc(struct p9_link *link, struct p9_rpc *rpc)
{
	struct liar *l = (struct liar *)link;

	memcpy(l->frame, l->reply, l->len);
	rpc->r_len = l->len;
	rpc->out_len = l->out_len;
	rpc->handle = l->handle;
	return 0;
}

static void liar_drop(struct p9_link *link, uint32_t handle)
{
	((struct liar *)link)->dropped += handle;
}

static const struct p9_link_ops liar_ops = {
	.frame = liar_frame, .rpc = liar_rpc, .drop = liar_drop};

static int lie(struct liar *l, struct p9_rmsg *r)
{
	static uint8_t buf[4096];
	struct p9_client c;
	struct p9_attr attr;
	int err;

	r->tag = 1;
	l->link = (struct p9_link){&liar_ops, P9_DIALECT_LOCAL, 65536};
	l->len = (uint32_t)p9_encode_r(r, P9_DIALECT_LOCAL, buf, sizeof(buf));
	l->reply = buf;
	assert_int_equal(p9_client_init(&c, &l->link), 0);
	err = p9_client_stat(&c, "/some/where", false, &attr);
	p9_client_fini(&c);
	return err;
}

static void liars(void **state)
{
	struct liar l = {.handle = 7};
	struct p9_rmsg r = {.type = P9_RCLUNK};

	(void)state;
	assert_int_equal(lie(&l, &r), -EPROTO);
	assert_int_equal(l.dropped, 7);
	l.handle = 0;
	r = (struct p9_rmsg){.type = P9_RLERROR};
	assert_int_equal(lie(&l, &r), -EPROTO); /* errno 0 */
	r.lerror.ecode = 99999;
	assert_int_equal(lie(&l, &r), -EPROTO);
	r = (struct p9_rmsg){.type = P9_RRESOLVE};
	r.resolve.attr = (struct p9_attr){0};
	r.resolve.target = p9_str_from("");
	r.resolve.kind = 9;
	r.resolve.consumed = 4;
	assert_int_equal(lie(&l, &r), -EPROTO);
	r.resolve.kind = P9_RESOLVE_SYMLINK;
	assert_int_equal(lie(&l, &r), -ENOENT); /* an empty link */
	r.resolve.target = p9_str_from("x");
	r.resolve.consumed = 0;
	assert_int_equal(lie(&l, &r), -EPROTO);
	r.resolve.consumed = 3; /* in the middle of a name */
	assert_int_equal(lie(&l, &r), -EPROTO);
	r.resolve.consumed = 4000;
	assert_int_equal(lie(&l, &r), -EPROTO);
	r.resolve.consumed = 4;
	assert_int_equal(lie(&l, &r), -EPROTO); /* until "x/where" has no fourth byte */
	r.resolve.target = p9_str_from("some");
	assert_int_equal(lie(&l, &r), -ELOOP); /* always the same link */
	r.resolve.kind = P9_RESOLVE_MOUNT;
	assert_int_equal(lie(&l, &r), -EPROTO); /* and no handle */
	l.out_len = 5;
	r = (struct p9_rmsg){.type = P9_RREAD};
	r.data.len = 5;
	assert_int_equal(lie(&l, &r), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),	   cmocka_unit_test(round_trips),
		cmocka_unit_test(mounts),	   cmocka_unit_test(files),
		cmocka_unit_test(listing),	   cmocka_unit_test(many_files),
		cmocka_unit_test(crash_reading),   cmocka_unit_test(crash_changing),
		cmocka_unit_test(crash_appending), cmocka_unit_test(crash_always),
		cmocka_unit_test(reopen),	   cmocka_unit_test(late_notice),
		cmocka_unit_test(remount),	   cmocka_unit_test(liars),
	};

	return cmocka_run_group_tests_name("9p_client", tests, NULL, NULL);
}

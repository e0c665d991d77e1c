/* SPDX-License-Identifier: ISC */
/*
 * 9p_tree.c: a synthetic tree as a device or supervisor would have it, driven by the client:
 * texts, commands, objects, a clone file, logs that block.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "9p/tree.h"
#include "9p_local.h"

struct box {
	struct p9_tree tree;
	struct local_world world;
	struct local_server server;
	struct p9_client c;
	struct p9_log log, silent;
	uint32_t servers[8]; /* numbers that exist */
	uint32_t next;
	unsigned version;
	char last[256];
	uint32_t complained_obj;
	char complaint[P9_TREE_REASON_MAX];
	int opened;
	struct p9_request *slow; /* kept by the command "slow" */
	const char *when_idle;	 /* appended to the log when a call waits */
};

/* ---- the tree ------------------------------------------------------------------------------ */

static int status_text(struct p9_call *call, struct p9_text *out)
{
	struct box *b = call->ctx;

	p9_text_printf(out, "version %u\n", ++b->version);
	p9_text_printf(out, "obj %u\n", call->obj);
	p9_text_add(out, "end\n", 4);
	return 0;
}

static int big_text(struct p9_call *call, struct p9_text *out)
{
	(void)call;
	for (int i = 0; i < 20000; i++)
		p9_text_printf(out, "line %05d\n", i);
	return 0;
}

static int run_name(struct p9_call *call, int argc, char **argv)
{
	struct box *b = call->ctx;
	size_t used = (size_t)snprintf(b->last, sizeof(b->last), "%u", call->obj);

	for (int i = 0; i < argc; i++)
		used += (size_t)snprintf(b->last + used, sizeof(b->last) - used, "|%s", argv[i]);
	return 0;
}

static int run_refuse(struct p9_call *call, int argc, char **argv)
{
	(void)argc;
	return p9_tree_fail(call, EBUSY, "not while %s runs", argv[1]);
}

static int run_slow(struct p9_call *call, int argc, char **argv)
{
	struct box *b = call->ctx;

	(void)argc;
	(void)argv;
	b->slow = call->req;
	return P9_KEEP;
}

static const struct p9_command commands[] = {
	{"name", 1, 1, run_name, "name S"},
	{"args", 0, -1, run_name, "args ..."},
	{"refuse", 1, 1, run_refuse, "refuse WHAT"},
	{"slow", 0, 0, run_slow, "slow"},
	{NULL, 0, 0, NULL, NULL},
};

static int line_take(struct p9_call *call, char *line)
{
	struct box *b = call->ctx;

	snprintf(b->last + strlen(b->last), sizeof(b->last) - strlen(b->last), "<%s>", line);
	return strcmp(line, "bad") ? 0 : -EINVAL;
}

static int clone_open(struct p9_call *call, uint32_t oflags)
{
	struct box *b = call->ctx;

	b->opened++;
	if (oflags & P9_O_APPEND)
		return -EPERM;
	*call->state = malloc(16);
	memset(*call->state, 0, 16);
	return *call->state ? 0 : -ENOMEM;
}

static void clone_close(struct p9_call *call)
{
	struct box *b = call->ctx;

	assert_null(call->req);
	b->opened--;
	free(*call->state);
}

static int clone_line(struct p9_call *call, char *line)
{
	struct box *b = call->ctx;
	uint32_t *id = *call->state;

	if (strcmp(line, "fs"))
		return p9_tree_fail(call, EINVAL, "no type '%s'", line);
	if (*id)
		return -EBUSY;
	*id = ++b->next;
	b->servers[b->next - 1] = b->next;
	return 0;
}

static int clone_text(struct p9_call *call, struct p9_text *out)
{
	uint32_t *id = *call->state;

	if (*id)
		p9_text_printf(out, "%u\n", *id);
	return 0;
}

static int servers_next(void *ctx, uint32_t after, uint32_t *obj, char *name)
{
	struct box *b = ctx;

	for (uint32_t i = after; i < 8; i++) {
		if (!b->servers[i])
			continue;
		*obj = i + 1;
		snprintf(name, P9_NAME_MAX + 1, "srv%u", i + 1);
		return 0;
	}
	return -ENOENT;
}

static int servers_find(void *ctx, struct p9_str name, uint32_t *obj)
{
	struct box *b = ctx;

	if (name.len != 4 || memcmp(name.ptr, "srv", 3) || name.ptr[3] < '1' || name.ptr[3] > '8' ||
	    !b->servers[name.ptr[3] - '1'])
		return -ENOENT;
	*obj = (uint32_t)(name.ptr[3] - '0');
	return 0;
}

static int server_check(struct p9_call *call)
{
	struct box *b = call->ctx;

	return b->servers[call->obj - 1] ? 0 : -ENOENT;
}

static struct p9_log *log_get(struct p9_call *call)
{
	return &((struct box *)call->ctx)->log;
}

static struct p9_log *log_missing(struct p9_call *call)
{
	(void)call;
	return NULL;
}

static int link_text(struct p9_call *call, struct p9_str *target)
{
	(void)call;
	*target = p9_str_from("servers/srv1/status");
	return 0;
}

static int memory_read(struct p9_call *call, uint64_t offset, uint32_t count)
{
	static const char text[] = "0123456789";

	if (offset >= 10)
		return 0;
	return p9_respond_data(call->req, text + offset,
			       count < 10 - offset ? count : (uint32_t)(10 - offset));
}

static int memory_attr(struct p9_call *call, struct p9_attr *attr)
{
	(void)call;
	attr->size = 10;
	return 0;
}

static int memory_handle(struct p9_call *call, enum p9_handle_kind kind, uint64_t arg,
			 uint64_t *value, uint32_t *handle)
{
	(void)call;
	(void)arg;
	if (kind != P9_HANDLE_VMO)
		return -EOPNOTSUPP;
	*value = 10;
	*handle = 0x777;
	return 0;
}

static int command_flush(struct p9_call *call)
{
	struct box *b = call->ctx;

	b->slow = NULL;
	return 0;
}

static const struct p9_entry server_files[] = {
	{.name = "ctl",
	 .mode = P9_S_IFREG | 0200,
	 .commands = commands,
	 .check = server_check,
	 .flush = command_flush},
	{.name = "status", .mode = P9_S_IFREG | 0444, .text = status_text, .check = server_check},
	{.name = NULL},
};
static const struct p9_entry server_dir = {
	.mode = P9_S_IFDIR | 0555, .children = server_files, .check = server_check};
static const struct p9_objects servers = {&server_dir, servers_next, servers_find};
static const struct p9_entry servers_files[] = {
	{.name = "clone",
	 .mode = P9_S_IFREG | 0666,
	 .text = clone_text,
	 .line = clone_line,
	 .open = clone_open,
	 .close = clone_close},
	{.name = NULL},
};
static const struct p9_entry root_files[] = {
	{.name = "status", .mode = P9_S_IFREG | 0444, .text = status_text},
	{.name = "big", .mode = P9_S_IFREG | 0444, .text = big_text},
	{.name = "ctl", .mode = P9_S_IFREG | 0200, .commands = commands, .flush = command_flush},
	{.name = "lines", .mode = P9_S_IFREG | 0200, .line = line_take},
	{.name = "events", .mode = P9_S_IFREG | 0444, .log = log_get},
	{.name = "nolog", .mode = P9_S_IFREG | 0444, .log = log_missing},
	{.name = "first", .mode = P9_S_IFLNK | 0777, .link = link_text},
	{.name = "mem",
	 .mode = P9_S_IFREG | 0644,
	 .read = memory_read,
	 .attr = memory_attr,
	 .gethandle = memory_handle},
	{.name = "servers",
	 .mode = P9_S_IFDIR | 0555,
	 .children = servers_files,
	 .objects = &servers},
	{.name = NULL},
};
static const struct p9_entry root = {.mode = P9_S_IFDIR | 0555, .children = root_files};

/* ---- the box ------------------------------------------------------------------------------- */

static void complain(struct p9_call *call, const char *reason)
{
	struct box *b = call->ctx;

	b->complained_obj = call->obj;
	snprintf(b->complaint, sizeof(b->complaint), "%s", reason);
}

static bool idle(void *arg)
{
	struct box *b = arg;
	const char *text = b->when_idle;
	struct p9_request *slow = b->slow;

	b->when_idle = NULL;
	b->slow = NULL;
	if (slow)
		p9_respond(slow, 0);
	else if (text)
		p9_log_append(&b->log, text, (uint32_t)strlen(text));
	return slow || text;
}

static struct box *box_new(void)
{
	struct box *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	assert_int_equal(p9_tree_init(&b->tree, &root, b), 0);
	b->tree.complain = complain;
	assert_int_equal(p9_log_init(&b->log, 64), 0);
	local_init(&b->world);
	b->world.pump = idle;
	b->world.pump_arg = b;
	local_server_start(&b->world, &b->server, &p9_tree_ops, &b->tree, NULL);
	assert_int_equal(p9_client_init(&b->c, local_link(&b->world,
							  local_handle(&b->server, 0, RIGHTS_ALL))),
			 0);
	return b;
}

static void box_free(struct box *b)
{
	p9_client_fini(&b->c);
	local_server_stop(&b->server);
	assert_int_equal(b->opened, 0);
	assert_int_equal(p9_log_waiting(&b->log), 0);
	p9_log_free(&b->log);
	free(b);
}

static void expect(struct box *b, const char *path, const char *text)
{
	char buf[512];
	int64_t n = p9_client_load(&b->c, path, buf, sizeof(buf) - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
	assert_string_equal(buf, text);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void texts(void **state)
{
	struct box *b = box_new();
	static char buf[300000];
	struct p9_file *f, *g;
	struct p9_attr attr;

	(void)state;
	expect(b, "/status", "version 1\nobj 0\nend\n");
	expect(b, "/status", "version 2\nobj 0\nend\n");
	/* An opener sees one moment, until it goes back to the start. */
	assert_int_equal(p9_client_open(&b->c, "/status", P9_O_RDONLY, 0, &f), 0);
	assert_int_equal(p9_client_open(&b->c, "/status", P9_O_RDONLY, 0, &g), 0);
	assert_int_equal(p9_client_read(f, buf, 9), 9);
	assert_memory_equal(buf, "version 3", 9);
	assert_int_equal(p9_client_read(g, buf, 9), 9);
	assert_memory_equal(buf, "version 4", 9);
	assert_int_equal(p9_client_read(f, buf, 100), 11);
	assert_memory_equal(buf, "\nobj 0\nend\n", 11);
	assert_int_equal(p9_client_pread(f, buf, 9, 0), 9);
	assert_memory_equal(buf, "version 5", 9);
	p9_client_close(f);
	p9_client_close(g);
	assert_int_equal(p9_client_load(&b->c, "/big", buf, sizeof(buf)), 220000);
	assert_memory_equal(buf + 219989, "line 19999\n", 11);
	assert_int_equal(p9_client_open(&b->c, "/status", P9_O_RDWR, 0, &f), -EACCES);
	assert_int_equal(p9_client_open(&b->c, "/ctl", P9_O_RDONLY, 0, &f), -EACCES);
	assert_int_equal(p9_client_open(&b->c, "/nolog", P9_O_RDONLY, 0, &f), -ENOENT);
	expect(b, "/mem", "0123456789");
	assert_int_equal(p9_client_stat(&b->c, "/mem", false, &attr), 0);
	assert_int_equal(attr.size, 10);
	assert_int_equal(attr.mode, P9_S_IFREG | 0644);
	assert_int_equal(p9_client_mkdir(&b->c, "/x", 0), -EOPNOTSUPP);
	box_free(b);
}

static void orders(void **state)
{
	struct box *b = box_new();
	struct p9_file *f;
	char text[5000];

	(void)state;
	assert_int_equal(p9_client_command(&b->c, "/ctl", "name one\n"), 0);
	assert_string_equal(b->last, "0|name|one");
	assert_int_equal(
		p9_client_command(&b->c, "/ctl", "args  a 'b c' \"d''e\" '' x'y'z 'it''s'"), 0);
	assert_string_equal(b->last, "0|args|a|b c|d''e||xyz|it's");
	assert_int_equal(p9_client_command(&b->c, "/ctl", "\n  \nname x\nname y\n"), 0);
	assert_string_equal(b->last, "0|name|y");
	assert_int_equal(p9_client_command(&b->c, "/ctl", "name"), -EINVAL);
	assert_string_equal(b->complaint, "usage: name S");
	assert_int_equal(p9_client_command(&b->c, "/ctl", "jump high"), -EINVAL);
	assert_string_equal(b->complaint, "unknown command 'jump'");
	assert_int_equal(p9_client_command(&b->c, "/ctl", "\033[2J\x7f"), -EINVAL);
	assert_string_equal(b->complaint, "unknown command '?[2J?'");
	assert_int_equal(p9_client_command(&b->c, "/ctl", "name 'x"), -EINVAL);
	assert_string_equal(b->complaint, "a quote does not end");
	assert_int_equal(p9_client_command(&b->c, "/ctl", "refuse dinner"), -EBUSY);
	assert_string_equal(b->complaint, "not while dinner runs");
	/* Up to the line that is wrong. */
	assert_int_equal(p9_client_command(&b->c, "/ctl", "name p\nname\nname q\n"), -EINVAL);
	assert_string_equal(b->last, "0|name|p");
	/* As many words as there may be, and one more. */
	strcpy(text, "args");
	for (int i = 1; i < P9_TREE_WORDS_MAX; i++)
		strcat(text, " w");
	assert_int_equal(p9_client_command(&b->c, "/ctl", text), 0);
	strcat(text, " w");
	assert_int_equal(p9_client_command(&b->c, "/ctl", text), -EINVAL);
	assert_string_equal(b->complaint, "too many words");
	/* As many bytes, and one more. */
	memset(text, ' ', sizeof(text));
	memcpy(text, "name z", 6);
	text[P9_TREE_WRITE_MAX] = '\0';
	assert_int_equal(p9_client_command(&b->c, "/ctl", text), 0);
	text[P9_TREE_WRITE_MAX] = ' ';
	text[P9_TREE_WRITE_MAX + 1] = '\0';
	assert_int_equal(p9_client_command(&b->c, "/ctl", text), -EMSGSIZE);
	assert_int_equal(p9_client_open(&b->c, "/ctl", P9_O_WRONLY | P9_O_TRUNC, 0, &f), 0);
	assert_int_equal(f->qid.type, P9_QTAPPEND); /* never repeated */
	assert_int_equal(p9_client_write(f, "name \0x", 7), -EINVAL);
	/* A command that takes its time ends the write; the rest comes by itself. */
	p9_client_close(f);
	assert_int_equal(p9_client_command(&b->c, "/ctl", "slow\nname after\nslow"), 0);
	assert_string_equal(b->last, "0|name|after");
	b->last[0] = '\0';
	assert_int_equal(p9_client_command(&b->c, "/lines", "a 'b\n\nc"), 0);
	assert_string_equal(b->last, "<a 'b><><c>");
	assert_int_equal(p9_client_command(&b->c, "/lines", "bad\nx"), -EINVAL);
	box_free(b);
}

static void slow_is_flushed(void **state)
{
	struct box *b = box_new();

	(void)state;
	b->world.pump = NULL;
	assert_int_equal(p9_client_command(&b->c, "/ctl", "slow"), -ETIMEDOUT);
	assert_null(b->slow);
	box_free(b);
}

static void objects(void **state)
{
	struct box *b = box_new();
	struct p9_file *f, *d, *late;
	struct p9_dirent ent;
	struct p9_attr attr;
	char buf[512], names[256] = "";
	int64_t n;

	(void)state;
	assert_int_equal(p9_client_stat(&b->c, "/servers/srv1", false, &attr), -ENOENT);
	assert_int_equal(p9_client_open(&b->c, "/servers/clone", P9_O_RDWR, 0, &f), 0);
	assert_int_equal(p9_client_read(f, buf, sizeof(buf)), 0); /* nothing yet */
	assert_int_equal(p9_client_write(f, "net", 3), -EINVAL);
	assert_string_equal(b->complaint, "no type 'net'");
	assert_int_equal(p9_client_write(f, "fs\n", 3), 3);
	assert_int_equal(p9_client_pread(f, buf, sizeof(buf), 0), 2);
	assert_memory_equal(buf, "1\n", 2);
	assert_int_equal(p9_client_write(f, "fs", 2), -EBUSY);
	p9_client_close(f);
	/* The number is the opener's: another gets its own. */
	b->next = 6;
	assert_int_equal(p9_client_open(&b->c, "/servers/clone", P9_O_RDWR, 0, &f), 0);
	assert_int_equal(p9_client_write(f, "fs", 2), 2);
	assert_int_equal(p9_client_pread(f, buf, sizeof(buf), 0), 2);
	assert_memory_equal(buf, "7\n", 2);
	p9_client_close(f);
	assert_int_equal(p9_client_open(&b->c, "/servers/clone", P9_O_RDWR | P9_O_APPEND, 0, &f),
			 -EPERM);
	b->opened--; /* the callback counted before it refused */

	expect(b, "/servers/srv7/status", "version 1\nobj 7\nend\n");
	expect(b, "/servers/srv1/../srv7/../../servers/srv1/status", "version 2\nobj 1\nend\n");
	expect(b, "/first", "version 3\nobj 1\nend\n");
	assert_int_equal(p9_client_command(&b->c, "/servers/srv7/ctl", "name seven"), 0);
	assert_string_equal(b->last, "7|name|seven");
	assert_int_equal(p9_client_command(&b->c, "/servers/srv7/ctl", "nothing"), -EINVAL);
	assert_int_equal(b->complained_obj, 7);

	assert_int_equal(p9_client_open(&b->c, "/servers", P9_O_RDONLY, 0, &d), 0);
	while ((n = p9_client_readdir(d, buf, 64)) > 0) {
		for (int64_t at = 0, used; at < n; at += used) {
			used = p9_dirent_decode(&ent, buf + at, (size_t)(n - at));
			assert_true(used > 0);
			strncat(names, ent.name.ptr, ent.name.len);
			strcat(names, " ");
			d->offset = ent.offset;
		}
	}
	assert_string_equal(names, "clone srv1 srv7 ");
	p9_client_close(d);

	/* An object that goes while it is open. */
	assert_int_equal(p9_client_open(&b->c, "/servers/srv7/status", P9_O_RDONLY, 0, &late), 0);
	assert_int_equal(p9_client_walk(&b->c, "/servers/srv7/status", false, &f), 0);
	b->servers[6] = 0;
	assert_int_equal(p9_client_getattr(f, P9_GETATTR_BASIC, &attr), -ENOENT);
	assert_int_equal(p9_client_stat(&b->c, "/servers/srv7", false, &attr), -ENOENT);
	assert_true(p9_client_read(late, buf, sizeof(buf)) > 0);
	p9_client_close(late);
	p9_client_close(f);
	box_free(b);
}

static void qids_are_stable(void **state)
{
	struct box *b = box_new();
	struct p9_attr one, two, other;

	(void)state;
	b->servers[0] = b->servers[1] = 1;
	assert_int_equal(p9_client_stat(&b->c, "/servers/srv1/ctl", false, &one), 0);
	assert_int_equal(p9_client_stat(&b->c, "/servers/srv2/ctl", false, &other), 0);
	assert_true(one.qid.path != other.qid.path);
	assert_int_equal(p9_client_stat(&b->c, "/ctl", false, &other), 0);
	assert_true(one.qid.path != other.qid.path);
	local_server_restart(&b->server);
	assert_int_equal(p9_client_stat(&b->c, "/servers/srv1/ctl", false, &two), 0);
	assert_int_equal(one.qid.path, two.qid.path);
	box_free(b);
}

static void logs(void **state)
{
	struct box *b = box_new();
	struct p9_file *f, *g;
	char buf[128];

	(void)state;
	p9_log_append(&b->log, "before\n", 7);
	assert_int_equal(p9_client_open(&b->c, "/events", P9_O_RDONLY, 0, &f), 0);
	p9_log_printf(&b->log, "event %d\n", 1);
	assert_int_equal(p9_client_read(f, buf, 3), 3);
	assert_memory_equal(buf, "eve", 3);
	assert_int_equal(p9_client_open(&b->c, "/events", P9_O_RDONLY, 0, &g), 0);
	assert_int_equal(p9_client_read(f, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "nt 1\n", 5);
	/* Waits, until something happens. */
	b->when_idle = "later\n";
	assert_int_equal(p9_client_read(g, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "later\n", 6);
	assert_int_equal(p9_client_read(f, buf, sizeof(buf)), 6);
	/* Waits, and gives up. */
	assert_int_equal(p9_client_read(f, buf, sizeof(buf)), -ETIMEDOUT);
	assert_int_equal(p9_log_waiting(&b->log), 0);
	/* 64 bytes are kept; whoever is slower is told how much has gone. */
	for (int i = 0; i < 10; i++)
		p9_log_printf(&b->log, "number %d\n", i);
	assert_int_equal(p9_client_read(f, buf, sizeof(buf)), 11);
	assert_memory_equal(buf, "dropped 27\n", 11);
	assert_int_equal(b->log.dropped_readers, 1);
	for (int i = 3; i < 10;) {
		int64_t n = p9_client_read(f, buf, sizeof(buf));

		assert_true(n > 0);
		for (int64_t k = 0; k < n; k++)
			i += buf[k] == '\n';
		if (i == 10)
			assert_memory_equal(buf + n - 2, "9\n", 2);
	}
	p9_log_close(&b->log);
	assert_int_equal(p9_client_read(f, buf, sizeof(buf)), 0);
	assert_true(p9_client_read(g, buf, sizeof(buf)) > 0);
	p9_client_close(f);
	p9_client_close(g);
	assert_int_equal(p9_client_open(&b->c, "/events", P9_O_RDONLY | P9_O_NONBLOCK, 0, &f), 0);
	b->log.closed = false;
	assert_int_equal(p9_client_read(f, buf, sizeof(buf)), -EAGAIN);
	b->log.from_start = true;
	assert_int_equal(p9_client_open(&b->c, "/events", P9_O_RDONLY, 0, &g), 0);
	assert_true(p9_client_read(g, buf, sizeof(buf)) > 0);
	p9_client_close(f);
	p9_client_close(g);
	box_free(b);
}

/* One append wakes all who wait; a text longer than the log leaves its end. */
static void log_edges(void **state)
{
	struct p9_log log;
	char text[200];

	(void)state;
	assert_int_equal(p9_log_init(&log, 0), -EINVAL);
	assert_int_equal(p9_log_init(&log, 16), 0);
	memset(text, 'a', sizeof(text));
	memcpy(text + 190, "0123456789", 10);
	p9_log_append(&log, text, 200);
	assert_int_equal(log.head, 200);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(log.ring[(190 + i) % 16], '0' + (char)i);
	p9_log_free(&log);
}

static void handles(void **state)
{
	struct box *b = box_new();
	struct p9_file *f;
	uint64_t value;
	uint32_t handle;

	(void)state;
	assert_int_equal(p9_client_open(&b->c, "/mem", P9_O_RDONLY, 0, &f), 0);
	assert_int_equal(p9_client_gethandle(f, P9_HANDLE_VMO, PROT_R, &value, &handle), 0);
	assert_int_equal(handle, 0x777);
	assert_int_equal(value, 10);
	assert_int_equal(p9_client_gethandle(f, P9_HANDLE_SIGNAL, 1, &value, &handle), -EOPNOTSUPP);
	p9_client_close(f);
	assert_int_equal(p9_client_open(&b->c, "/status", P9_O_RDONLY, 0, &f), 0);
	assert_int_equal(p9_client_gethandle(f, P9_HANDLE_VMO, PROT_R, &value, &handle),
			 -EOPNOTSUPP);
	p9_client_close(f);
	box_free(b);
}

static void bad_tables(void **state)
{
	static struct p9_entry many[64];
	static const struct p9_entry nested = {.mode = P9_S_IFDIR | 0555, .objects = &servers};
	static const struct p9_objects inner = {&nested, servers_next, servers_find};
	struct p9_entry dir = {.mode = P9_S_IFDIR | 0555, .children = many};
	struct p9_tree tree;

	(void)state;
	for (unsigned i = 0; i < 61; i++)
		many[i] = (struct p9_entry){.name = "x", .mode = P9_S_IFREG};
	assert_int_equal(p9_tree_init(&tree, &dir, NULL), 0);
	many[61] = many[0];
	assert_int_equal(p9_tree_init(&tree, &dir, NULL), -EINVAL);
	many[1].name = NULL;
	assert_int_equal(p9_tree_init(&tree, &dir, NULL), 0);
	many[0].name = "a/b";
	assert_int_equal(p9_tree_init(&tree, &dir, NULL), -EINVAL);
	dir.children = NULL;
	dir.objects = &inner;
	assert_int_equal(p9_tree_init(&tree, &dir, NULL), -EINVAL);
	dir.mode = P9_S_IFREG;
	dir.objects = NULL;
	assert_int_equal(p9_tree_init(&tree, &dir, NULL), -EINVAL);
}

static void words(void **state)
{
	char line[64], *w[4];

	(void)state;
	assert_int_equal(p9_words_split(strcpy(line, ""), w, 4), 0);
	assert_int_equal(p9_words_split(strcpy(line, " \t\r\n"), w, 4), 0);
	assert_int_equal(p9_words_split(strcpy(line, " a\tb "), w, 4), 2);
	assert_string_equal(w[0], "a");
	assert_string_equal(w[1], "b");
	assert_int_equal(p9_words_split(strcpy(line, "a b c d e"), w, 4), -E2BIG);
	assert_int_equal(p9_words_split(strcpy(line, "'"), w, 4), -EINVAL);
	assert_int_equal(p9_words_split(strcpy(line, "'a''"), w, 4), -EINVAL);
	assert_int_equal(p9_words_split(strcpy(line, "''''"), w, 4), 1);
	assert_string_equal(w[0], "'");
	assert_int_equal(p9_words_split(strcpy(line, "a'b'\"c d\""), w, 4), 1);
	assert_string_equal(w[0], "abc d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),	   cmocka_unit_test(orders),
		cmocka_unit_test(slow_is_flushed), cmocka_unit_test(objects),
		cmocka_unit_test(qids_are_stable), cmocka_unit_test(logs),
		cmocka_unit_test(log_edges),	   cmocka_unit_test(handles),
		cmocka_unit_test(bad_tables),	   cmocka_unit_test(words),
	};

	return cmocka_run_group_tests_name("9p_tree", tests, NULL, NULL);
}

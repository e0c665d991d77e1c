/* SPDX-License-Identifier: ISC */
/*
 * Output rings of sipd, with readers and writers that do the inconvenient thing: close while they
 * wait, close while others wait, go with their session.
 *
 * The file under test is included: its calls of the kernel fail here (the numbers are none of this
 * host's), which it survives, and its time is the time stamp counter.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "abi/types.h"

static struct info_page page = {.mult = 1};
#undef USER_INFO_PAGE
#define USER_INFO_PAGE ((uintptr_t)&page)
#include "servers/sipd/output.c"

#define CALLS 64u

static struct sipd d;
static struct slot slot;
static struct p9_session *descriptor, *watcher;
static struct identity from = {.pledges = PLEDGES_ALL, .rights = RIGHTS_ALL};

/* What became of each message. */
static struct call {
	bool answered, dropped;
	uint8_t type;
	uint32_t ecode, count;
	const char *in;
	uint32_t in_len;
	char out[OUTPUT_SIZE];
} calls[CALLS];
static uint64_t next_call;

/* ---- what output.c needs of others ---------------------------------------------------------- */

void log_print(const char *format, ...)
{
	(void)format;
}

unsigned silo_index(const struct silo *s)
{
	return (unsigned)(s - d.silo);
}

struct silo *call_silo(struct p9_call *call)
{
	(void)call;
	return d.silo[0].slot ? &d.silo[0] : NULL;
}

int gate(struct p9_call *call, uint32_t digits, enum audit_action action, uint32_t target)
{
	(void)call, (void)digits, (void)action, (void)target;
	return 0;
}

int sipd_keep(struct sipd *s, handle_t *handle, uint64_t *object)
{
	(void)s, (void)handle, (void)object;
	return 0;
}

void timer_update(struct sipd *s)
{
	(void)s;
}

/* ---- a transport that remembers ------------------------------------------------------------- */

static void *begin(void *ctx, uint64_t cookie, uint32_t *cap)
{
	static uint8_t frame[1024];

	(void)ctx, (void)cookie;
	*cap = sizeof(frame);
	return frame;
}

static void reply(void *ctx, uint64_t cookie, uint32_t len, const void *payload,
		  uint32_t payload_len, uint32_t handle)
{
	struct call *c = &calls[cookie];
	struct p9_rmsg r;
	uint32_t cap;

	(void)handle;
	assert_false(c->answered || c->dropped);
	assert_int_equal(
		p9_decode_r(&r, P9_DIALECT_LOCAL, begin(ctx, cookie, &cap), len, payload_len), 0);
	c->answered = true;
	c->type = r.type;
	c->ecode = r.type == P9_RLERROR ? r.lerror.ecode : 0;
	c->count = r.type == P9_RWRITE ? r.write.count : payload_len;
	if (payload_len)
		memcpy(c->out, payload, payload_len);
}

static void drop(void *ctx, uint64_t cookie)
{
	(void)ctx;
	assert_false(calls[cookie].answered || calls[cookie].dropped);
	calls[cookie].dropped = true;
}

static int get(void *ctx, uint64_t cookie, uint32_t offset, void *dst, uint32_t len)
{
	(void)ctx;
	assert_true(offset + len <= calls[cookie].in_len);
	memcpy(dst, calls[cookie].in + offset, len);
	return 0;
}

static const struct p9_transport transport = {
	.begin = begin, .reply = reply, .drop = drop, .get = get};

static struct call *send(struct p9_session *s, struct p9_tmsg *t, const char *in, uint32_t in_len)
{
	struct call *c = &calls[next_call];
	uint8_t frame[1024];
	struct p9_message m = {.frame = frame,
			       .in_len = in_len,
			       .out_max = OUTPUT_SIZE,
			       .cookie = next_call++,
			       .from = &from};
	int len;

	assert_true(next_call < CALLS);
	t->tag = 1;
	len = p9_encode_t(t, P9_DIALECT_LOCAL, frame, sizeof(frame));
	assert_true(len > 0);
	m.len = (uint32_t)len;
	*c = (struct call){.in = in, .in_len = in_len};
	assert_true(p9_server_message(s, &m) >= 0);
	return c;
}

/* ---- messages -------------------------------------------------------------------------------- */

static void open_output(struct p9_session *s, uint32_t fid)
{
	struct p9_tmsg t = {.type = P9_TRESOLVE};

	t.resolve.newfid = fid;
	t.resolve.flags = P9_RESOLVE_OPEN;
	t.resolve.path = p9_str_from("output");
	assert_int_equal(send(s, &t, NULL, 0)->type, P9_RRESOLVE);
}

static struct call *read_output(struct p9_session *s, uint32_t fid, uint32_t count)
{
	struct p9_tmsg t = {.type = P9_TREAD, .fid = fid};

	t.read.count = count;
	return send(s, &t, NULL, 0);
}

static struct call *write_output(const char *text, uint32_t len)
{
	struct p9_tmsg t = {.type = P9_TWRITE, .fid = 0};

	t.write.data = (struct p9_data){NULL, len};
	return send(descriptor, &t, text, len);
}

static void clunk(struct p9_session *s, uint32_t fid)
{
	struct p9_tmsg t = {.type = P9_TCLUNK, .fid = fid};

	assert_int_equal(send(s, &t, NULL, 0)->type, P9_RCLUNK);
}

static const struct p9_entry files[] = {
	{.name = "output",
	 .mode = P9_S_IFREG | 0444,
	 .open = output_open,
	 .close = output_close,
	 .read = output_read,
	 .flush = output_flush},
	{.name = NULL},
};
static const struct p9_entry top = {.name = "/", .mode = P9_S_IFDIR | 0555, .children = files};

static int setup(void **state)
{
	(void)state;
	memset(&d, 0, sizeof(d));
	memset(&slot, 0, sizeof(slot));
	next_call = 0;
	assert_int_equal(p9_tree_init(&d.tree, &top, &d), 0);
	output_ops(&d);
	assert_int_equal(p9_server_init(&d.serve.p9, &d.ops, &d.tree, NULL), 0);
	slot.life.state = LIFE_RUNNING;
	d.silo[0] = (struct silo){.sipd = &d, .slot = &slot, .output_sender = 1};
	assert_int_equal(output_begin(&d.silo[0]), 0);
	assert_int_equal(p9_session_create(&d.serve.p9, &transport, NULL, P9_SESSION_LOCAL,
					   RIGHTS_ALL, &watcher),
			 0);
	assert_int_equal(
		p9_session_adopt(&d.serve.p9, &transport, NULL, OUTPUT_BADGE, &from, &descriptor),
		0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (d.silo[0].output)
		output_end(&d.silo[0]);
	p9_server_fini(&d.serve.p9);
	return 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void from_writer_to_readers(void **state)
{
	struct call *waits, *late;

	(void)state;
	assert_int_equal(write_output("one ", 4)->count, 4);
	open_output(watcher, 1);
	assert_string_equal(read_output(watcher, 1, 100)->out, "one ");
	waits = read_output(watcher, 1, 100);
	assert_false(waits->answered);
	open_output(watcher, 2);
	assert_int_equal(write_output("two", 3)->count, 3);
	assert_string_equal(waits->out, "two");
	late = read_output(watcher, 2, 100);
	assert_string_equal(late->out, "one two");
	/* The end of the silo is the end of the file. */
	waits = read_output(watcher, 2, 100);
	output_end(&d.silo[0]);
	assert_true(waits->answered && !waits->count);
	assert_int_equal(read_output(watcher, 1, 100)->count, 0);
}

/* The fid of a read that waits is clunked: it goes when the read has been answered. */
static void closed_while_it_waits(void **state)
{
	struct call *waits, *other;

	(void)state;
	open_output(watcher, 1);
	open_output(watcher, 2);
	open_output(watcher, 3);
	waits = read_output(watcher, 2, 100);
	other = read_output(watcher, 1, 100);
	clunk(watcher, 2);
	clunk(watcher, 1);
	assert_int_equal(write_output("text", 4)->count, 4);
	assert_string_equal(waits->out, "text");
	assert_string_equal(other->out, "text");
	assert_string_equal(read_output(watcher, 3, 100)->out, "text");
}

/* The last reader goes by the answer that says that its silo has gone. */
static void closed_while_its_silo_ends(void **state)
{
	struct call *waits;

	(void)state;
	open_output(watcher, 1);
	waits = read_output(watcher, 1, 100);
	clunk(watcher, 1);
	output_end(&d.silo[0]);
	assert_true(waits->answered && !waits->count);
}

/* A writer waits for a full reader; when that reads, a reader that is answered by what the writer
 * brings goes, too: the writer must be answered once, and its text be there once. */
static void closed_while_a_writer_waits(void **state)
{
	static char text[OUTPUT_SIZE];
	struct call *waits, *writer, *second;

	(void)state;
	memset(text, 'a', sizeof(text));
	open_output(watcher, 1);
	assert_int_equal(write_output(text, sizeof(text))->count, sizeof(text));
	open_output(watcher, 2);
	while (read_output(watcher, 2, OUTPUT_SIZE)->count < OUTPUT_SIZE)
		;
	waits = read_output(watcher, 2, 1000);
	assert_false(waits->answered);
	clunk(watcher, 2);
	writer = write_output("0123456789", 10);
	second = write_output("abcdefghij", 10);
	assert_false(writer->answered || second->answered);
	assert_int_equal(read_output(watcher, 1, 100)->count, 100);
	assert_int_equal(writer->count, 10);
	assert_int_equal(second->count, 10);
	assert_string_equal(waits->out, "0123456789");
	assert_int_equal(read_output(watcher, 1, OUTPUT_SIZE)->count, OUTPUT_SIZE - 100);
	assert_string_equal(read_output(watcher, 1, 100)->out, "0123456789abcdefghij");
}

/* A reader's session ends while it waits, and while a writer waits for it. */
static void session_ends(void **state)
{
	static char text[OUTPUT_SIZE];
	struct call *waits, *writer;
	struct p9_session *other;

	(void)state;
	assert_int_equal(p9_session_create(&d.serve.p9, &transport, NULL, P9_SESSION_LOCAL,
					   RIGHTS_ALL, &other),
			 0);
	open_output(other, 1);
	open_output(other, 2);
	assert_int_equal(write_output(text, sizeof(text))->count, sizeof(text));
	while (read_output(other, 2, OUTPUT_SIZE)->count < OUTPUT_SIZE)
		;
	waits = read_output(other, 2, 10);
	writer = write_output("more", 4);
	assert_false(writer->answered);
	p9_session_destroy(other);
	assert_true(waits->dropped || waits->answered);
	assert_int_equal(writer->count, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(from_writer_to_readers),
		TEST(closed_while_it_waits),
		TEST(closed_while_its_silo_ends),
		TEST(closed_while_a_writer_waits),
		TEST(session_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

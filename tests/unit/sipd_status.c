/* SPDX-License-Identifier: ISC */
/*
 * The texts of /dev/sip against their record tests/golden/sip_status.txt, lines of events, limits
 * from descriptions. Runs at the top of the tree. SIP_GOLDEN=write writes the record anew.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "servers/sipd/args.h"
#include "servers/sipd/events.h"
#include "servers/sipd/status.h"

#define GOLDEN "tests/golden/sip_status.txt"

static const struct status_facts driver = {
	.id = 105,
	.title = "uart0",
	.label = "uart0",
	.family = SILO_DRV,
	.mode = 062,
	.state = "running",
	.pid = 12,
	.module = "/boot/bin/uart",
	.uptime_ms = 61000,
	.starts = 3,
	.restarts = 2,
	.budget_left = 8,
	.policy = {.when = SILO_ALWAYS, .budget = 10, .window_s = 60, .backoff_max_ms = 2000},
	.heartbeat_ms = 2000,
	.ended = true,
	.exit_code = -1,
	.crash = "page-fault",
	.crash_code = 6,
	.crash_address = 0x10,
	.crash_ip = 0x401234,
	.ended_ms = 4711,
	.health = "healthy",
	.requests = 1000,
	.errors = 1,
	.used = true,
	.usage = {[RES_MEMORY] = 65536, [RES_PROCESSES] = 1, [RES_HANDLES] = 17},
	.peak = {[RES_MEMORY] = 131072, [RES_PROCESSES] = 1, [RES_HANDLES] = 19},
	.refused = {[RES_MEMORY] = 2},
	.limits = {[LIMIT_MEMORY] = 4194304, [LIMIT_CPU_SHARES] = 512},
	.cpu_ns = 123456789,
	.throttled_ns = 5,
	.provides = "/dev/uart0",
	.needs = "rootd",
	.devices = "port:0x3f8+8 irq:4",
	.keeper = true,
	.notes = "the console",
};

static const struct status_facts fresh = {
	.id = 1000,
	.title = "srv1000",
	.label = "srv1000",
	.family = SILO_USR,
	.mode = 004,
	.state = "created",
	.waits = "need devd",
	.owner = 102,
	.policy = {.when = SILO_NEVER, .budget = 5, .window_s = 60, .backoff_max_ms = 10000},
	.budget_left = 5,
	.health = "starting",
	.sandbox = true,
	.unveils = 2,
	.console = "/dev/cons",
	.output_dropped = 17,
	.error = "mode 777 exceeds the asker's 704",
};

static const struct status_facts resting = {
	.id = 7,
	.label = "fsd",
	.family = SILO_FS,
	.state = "crashed",
	.retry_ms = 299000,
	.policy = {.when = SILO_ON_CRASH, .budget = 5, .window_s = 60},
	.ended = true,
	.exit_code = 3,
	.health = "failing",
	.strict = true,
};

static void all_texts(struct p9_text *out)
{
	const struct status_facts *all[] = {&driver, &fresh, &resting};

	status_head(out);
	for (unsigned i = 0; i < 3; i++)
		status_line(all[i], out);
	for (unsigned i = 0; i < 3; i++) {
		p9_text_printf(out, "\n");
		status_text(all[i], out);
	}
	p9_text_printf(out, "\n");
	status_limits(&driver, out);
}

static void status_is_as_recorded(void **state)
{
	static char golden[16384];
	const char *mode = getenv("SIP_GOLDEN");
	bool write = mode && !strcmp(mode, "write");
	struct p9_text text = {0};
	size_t len;
	FILE *f;

	(void)state;
	all_texts(&text);
	assert_false(text.failed);
	f = fopen(GOLDEN, write ? "w" : "r");
	assert_non_null(f);
	if (write) {
		assert_int_equal(fwrite(text.ptr, 1, text.len, f), text.len);
	} else {
		len = fread(golden, 1, sizeof(golden) - 1, f);
		golden[len] = '\0';
		p9_text_add(&text, "", 1);
		assert_string_equal(text.ptr, golden);
	}
	assert_int_equal(fclose(f), 0);
	p9_text_free(&text);
}

/* Every line of a status is a key, a blank and something. */
static void every_key_has_a_value(void **state)
{
	struct p9_text text = {0};
	struct status_facts none = {.state = NULL};
	char *line, *next;

	(void)state;
	status_text(&none, &text);
	p9_text_add(&text, "", 1);
	for (line = text.ptr; *line; line = next) {
		char *blank = strchr(line, ' ');

		next = strchr(line, '\n') + 1;
		assert_true(blank && blank > line && blank + 1 < next - 1);
	}
	p9_text_free(&text);
}

static void event_lines_have_one_length(void **state)
{
	char line[SIP_EVENT_LEN + 1];

	(void)state;
	for (int k = 0; k < SIP_EVENT_KINDS; k++) {
		assert_int_equal(sip_event_line(line, 0, 0, k, 0, 0), SIP_EVENT_LEN);
		assert_int_equal(
			sip_event_line(line, UINT64_MAX, UINT32_MAX, k, UINT64_MAX, UINT64_MAX),
			SIP_EVENT_LEN);
		assert_int_equal(strlen(line), SIP_EVENT_LEN);
		assert_int_equal(line[SIP_EVENT_LEN - 1], '\n');
	}
	assert_int_equal(sip_event_line(line, 42, 105, SIP_CRASHED, 1ull << 32 | 6, 0x10),
			 SIP_EVENT_LEN);
	assert_string_equal(line, "00000000000000000042        105 crashed  0000000100000006 "
				  "0000000000000010\n");
	for (int a = 0; a < AUDIT_ACTIONS; a++)
		assert_string_not_equal(audit_action_name(a), "?");
}

static void limits_reach_the_kernel(void **state)
{
	static struct silo_desc desc;
	struct silo_args args;

	(void)state;
	desc.id = 105;
	desc.mode = 062;
	desc.strict = true;
	desc.dma = 999;
	for (int i = 0; i < SILO_LIMIT_COUNT; i++)
		desc.limits.value[i] = (uint64_t)i + 1;
	silo_args_fill(&args, &desc);
	assert_int_equal(args.id, 105);
	assert_int_equal(args.mode, 062);
	assert_int_equal(args.flags, SILO_STRICT);
	assert_int_equal(args.limits[LIMIT_DMA], 999);
	for (int i = 0; i < SILO_LIMIT_COUNT; i++)
		assert_int_equal(args.limits[silo_limit_key(i)], i + 1);
	assert_int_equal(args.limits[LIMIT_PROCESS_MEMORY], 0);
	assert_int_equal(silo_limit_key(SILO_LIMIT_COUNT), LIMIT_KEYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_is_as_recorded),
		cmocka_unit_test(every_key_has_a_value),
		cmocka_unit_test(event_lines_have_one_length),
		cmocka_unit_test(limits_reach_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

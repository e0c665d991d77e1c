/* SPDX-License-Identifier: ISC */
/*
 * lib/silo: a description with everything in it against its golden values, every rule broken once
 * with the line and the words of its reason, and the functions for single commands.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "silo/silo.h"

static struct silo_desc desc, work;
static struct silo_error err;

static const char full[] = "# Everything that a description can say.\n"
			   "name virtio-blk.0\n"
			   "exec /boot/bin/virtio-blk/\n"
			   "arg --queue 128 \"two words\" \"a \\\"quote\\\" and \\\\\" # comment\n"
			   "env LOG=debug\n"
			   "env \"PLACE=here and there\"\r\n"
			   "family DRV\n"
			   "tier system\n"
			   "mode 076\n"
			   "\n"
			   "\tdevice pci id=1af4:1042\n"
			   "device pci class=0106 prog=01\n"
			   "device irq 11\n"
			   "device port 0x3f8 8\n"
			   "dma 4M\n"
			   "limit memory 64M\n"
			   "limit mem_min 1m\n"
			   "limit processes 4\n"
			   "limit threads 16\n"
			   "limit handles 256\n"
			   "limit messages 0x400\n"
			   "limit cpu_shares 100\n"
			   "limit cpu_quota_us 50000\n"
			   "limit cpu_period_us 100000\n"
			   "limit affinity 0x3\n"
			   "restart always budget 7 window 90 backoff-max 2000\n"
			   "heartbeat 1000\n"
			   "unveil /boot/bin rx\n"
			   "unveil /dev/pci/ wrc\n"
			   "unveil /secret -\n"
			   "provides /scheme/block/vda\n"
			   "needs devd rootd\n"
			   "needs sipd\n"
			   "start demand\n"
			   "strict\n"
			   "keeper on";

static void check_golden_scalars(void)
{
	static const uint64_t limits[SILO_LIMIT_COUNT] = {64u << 20, 1u << 20, 4,     16,     256,
							  0x400,     100,      50000, 100000, 3};

	assert_string_equal(desc.name, "virtio-blk.0");
	assert_string_equal(silo_text(&desc, desc.exec), "/boot/bin/virtio-blk");
	assert_int_equal(desc.family, SILO_DRV);
	assert_int_equal(desc.tier, SILO_SYSTEM);
	assert_int_equal(desc.id, 0);
	assert_int_equal(desc.mode, 076);
	assert_int_equal(desc.dma, 4u << 20);
	assert_memory_equal(desc.limits.value, limits, sizeof(limits));
	assert_int_equal(desc.limits.given, (1u << SILO_LIMIT_COUNT) - 1);
	assert_int_equal(desc.restart.when, SILO_ALWAYS);
	assert_int_equal(desc.restart.budget, 7);
	assert_int_equal(desc.restart.window_s, 90);
	assert_int_equal(desc.restart.backoff_max_ms, 2000);
	assert_int_equal(desc.heartbeat_ms, 1000);
	assert_int_equal(desc.start, SILO_DEMAND);
	assert_true(desc.strict && desc.keeper);
}

static void check_golden_lists(void)
{
	static const char *const args[] = {"--queue", "128", "two words", "a \"quote\" and \\"};
	static const char *const needs[] = {"devd", "rootd", "sipd"};

	assert_int_equal(desc.args, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_string_equal(silo_text(&desc, desc.arg[i]), args[i]);
	assert_int_equal(desc.envs, 2);
	assert_string_equal(silo_text(&desc, desc.env[1]), "PLACE=here and there");
	assert_int_equal(desc.unveils, 3);
	assert_string_equal(silo_text(&desc, desc.unveil[1].path), "/dev/pci");
	assert_int_equal(desc.unveil[0].perms, SILO_UNVEIL_READ | SILO_UNVEIL_EXECUTE);
	assert_int_equal(desc.unveil[1].perms,
			 SILO_UNVEIL_READ | SILO_UNVEIL_WRITE | SILO_UNVEIL_CREATE);
	assert_int_equal(desc.unveil[2].perms, 0);
	assert_int_equal(desc.provide_count, 1);
	assert_string_equal(silo_text(&desc, desc.provides[0]), "/scheme/block/vda");
	assert_int_equal(desc.need_count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(desc.needs[i], needs[i]);
	assert_int_equal(desc.devices, 4);
	assert_true(desc.device[0].kind == SILO_PCI && desc.device[0].match == SILO_PCI_ID);
	assert_true(desc.device[0].vendor == 0x1af4 && desc.device[0].device == 0x1042);
	assert_int_equal(desc.device[1].match, SILO_PCI_CLASS | SILO_PCI_PROG);
	assert_true(desc.device[1].class_code == 0x0106 && desc.device[1].prog_if == 1);
	assert_true(desc.device[2].kind == SILO_IRQ && desc.device[2].irq == 11);
	assert_true(desc.device[3].kind == SILO_PORT && desc.device[3].port == 0x3f8 &&
		    desc.device[3].ports == 8);
}

static void test_golden(void **state)
{
	(void)state;
	assert_int_equal(silo_parse(full, strlen(full), &desc, &work, &err), 0);
	check_golden_scalars();
	check_golden_lists();
}

static void test_defaults(void **state)
{
	static const char text[] = "name a\nexec /b\n";
	struct silo_restart_policy policy = SILO_RESTART_DEFAULT;

	(void)state;
	assert_int_equal(silo_parse(text, strlen(text), &desc, &work, &err), 0);
	assert_true(desc.family == SILO_USR && desc.tier == SILO_USER && desc.mode == 0004);
	assert_true(desc.start == SILO_BOOT && !desc.strict && !desc.keeper);
	assert_int_equal(desc.restart.when, policy.when);
	assert_int_equal(desc.restart.budget, policy.budget);
	assert_int_equal(desc.limits.given, 0);
	assert_int_equal(desc.heartbeat_ms, 0);
}

/* lines are put behind a sound beginning of two lines. */
static void refused(const char *lines, int rc, unsigned line, const char *words)
{
	char text[SILO_FILE_MAX];
	int n = snprintf(text, sizeof(text), "name a\nexec /b\n%s", lines);
	int got;

	memset(&desc, 0x5a, sizeof(desc));
	got = silo_parse(text, (size_t)n, &desc, &work, &err);
	if (got != rc || err.line != line || strstr(err.reason, words) == NULL)
		fail_msg("\"%s\": %d, line %u: %s", lines, got, err.line, err.reason);
	for (size_t i = 0; i < sizeof(desc); i++)
		assert_int_equal(((uint8_t *)&desc)[i], 0x5a);
}

static void test_lines_refused(void **state)
{
	(void)state;
	refused("nonsense 1", -EINVAL, 3, "unknown directive 'nonsense'");
	refused("\n\nname b", -EINVAL, 5, "name twice");
	refused("exec /c", -EINVAL, 3, "exec twice");
	refused("arg", -EINVAL, 3, "at least one");
	refused("arg \"open", -EINVAL, 3, "open quote");
	refused("arg a\x01", -EINVAL, 3, "control character");
	refused("env NAME", -EINVAL, 3, "KEY=VALUE");
	refused("env 1A=b", -EINVAL, 3, "KEY=VALUE");
	refused("env A=1\nenv A=2", -EINVAL, 4, "env 'A' twice");
	refused("family XYZ", -EINVAL, 3, "SYS DRV FS NET WASM USR");
	refused("tier high", -EINVAL, 3, "critical, system or user");
	refused("tier user\nid 1000", -EINVAL, 4, "exclude each other");
	refused("id 0", -EINVAL, 3, "id takes");
	refused("id 4294967296", -EINVAL, 3, "id takes");
	refused("mode 76", -EINVAL, 3, "three octal digits");
	refused("mode 078", -EINVAL, 3, "three octal digits");
	refused("dma x", -EINVAL, 3, "dma takes a size");
	refused("heartbeat 5", -EINVAL, 3, "heartbeat");
	refused("start later", -EINVAL, 3, "boot, demand or never");
	refused("strict yes", -EINVAL, 3, "strict takes nothing");
	refused("keeper", -EINVAL, 3, "on or off");
	refused("provides relative", -EINVAL, 3, "begin with /");
	refused("needs a/b", -EINVAL, 3, "label");
	refused("needs", -EINVAL, 3, "needs takes");
}

static void test_values_refused(void **state)
{
	(void)state;
	refused("device", -EINVAL, 3, "pci, irq or port");
	refused("device pci", -EINVAL, 3, "class= or id=");
	refused("device pci class=01", -EINVAL, 3, "class=CCSS");
	refused("device pci class=01zz", -EINVAL, 3, "class=CCSS");
	refused("device pci prog=01", -EINVAL, 3, "class= or id=");
	refused("device pci id=1af4:1042 prog=01", -EINVAL, 3, "needs class=");
	refused("device pci class=0106 class=0107", -EINVAL, 3, "repeats");
	refused("device pci id=1af41042", -EINVAL, 3, "id=VVVV:DDDD");
	refused("device irq 1024", -EINVAL, 3, "line from 0");
	refused("device port 0x3f8", -EINVAL, 3, "first port and a count");
	refused("device port 0xfff8 9", -EINVAL, 3, "passes 0xffff");
	refused("device port 0 0", -EINVAL, 3, "first port and a count");
	refused("limit memory", -EINVAL, 3, "key and a number");
	refused("limit mem 5", -EINVAL, 3, "unknown limit 'mem'");
	refused("limit memory lots", -EINVAL, 3, "no number");
	refused("limit memory 0", -EINVAL, 3, "out of range");
	refused("limit memory 18446744073709551616", -EINVAL, 3, "no number");
	refused("limit memory 18446744073709551615K", -EINVAL, 3, "no number");
	refused("limit threads 5K", -EINVAL, 3, "no number");
	refused("limit threads 4294967296", -EINVAL, 3, "out of range");
	refused("limit affinity 0", -EINVAL, 3, "out of range");
	refused("limit threads 5\nlimit threads 5", -EINVAL, 4, "limit threads twice");
	refused("restart sometimes", -EINVAL, 3, "never, on-crash or always");
	refused("restart always budget", -EINVAL, 3, "without a value");
	refused("restart always budget x", -EINVAL, 3, "out of range");
	refused("restart always times 5", -EINVAL, 3, "unknown word 'times'");
	refused("restart always budget 1 budget 2", -EINVAL, 3, "'budget' twice");
	refused("unveil /a", -EINVAL, 3, "path and permissions");
	refused("unveil a r", -EINVAL, 3, "begin with /");
	refused("unveil /a/../b r", -EINVAL, 3, "'..' component");
	refused("unveil /a//b r", -EINVAL, 3, "empty");
	refused("unveil /a rr", -EINVAL, 3, "rwxc");
	refused("unveil /a q", -EINVAL, 3, "rwxc");
	refused("unveil /a r\nunveil /a/ w", -EINVAL, 4, "twice");
}

static void test_whole_refused(void **state)
{
	static const char no_name[] = "exec /a\n", no_exec[] = "name a\n";

	(void)state;
	assert_int_equal(silo_parse(no_name, strlen(no_name), &desc, &work, &err), -EINVAL);
	assert_string_equal(err.reason, "no name");
	assert_int_equal(silo_parse(no_exec, strlen(no_exec), &desc, &work, &err), -EINVAL);
	assert_string_equal(err.reason, "no exec");
	assert_int_equal(silo_parse("", 0, &desc, &work, &err), -EINVAL);
	refused("limit memory 1M\nlimit mem_min 2M", -EINVAL, 0, "mem_min is larger");
	refused("limit cpu_quota_us 5", -EINVAL, 0, "needs cpu_period_us");
	refused("needs a", -EINVAL, 0, "need itself");
	refused("needs b c b", -EINVAL, 0, "'b' twice");
	refused("provides /scheme/x", -EPERM, 0, "bind bit");
	refused("device irq 3", -EPERM, 0, "interrupt bit");
	refused("tier system\nfamily DRV\nmode 044\ndevice port 1 1", -EPERM, 0, "IO bit");
	refused("tier system\nfamily DRV\nmode 066\ndma 4K", -EPERM, 0, "DMA bit");
	refused("mode 006", -EPERM, 0, "exceeds 004, the ceiling of USR");
	refused("family DRV\nmode 076", -EPERM, 0, "tier user has no control and no hardware");
	refused("family SYS\nid 1000\nmode 707", -EPERM, 0, "tier user");
}

static void test_ceilings(void **state)
{
	static const uint16_t ceiling[SILO_FAMILY_COUNT] = {0777, 0076, 0076, 0076, 0006, 0004};
	char reason[SILO_REASON_MAX];

	(void)state;
	for (int f = 0; f < SILO_FAMILY_COUNT; f++) {
		assert_int_equal(silo_mode_ceiling((enum silo_family)f), ceiling[f]);
		for (int t = 0; t < SILO_TIER_COUNT; t++) {
			for (uint16_t mode = 0; mode <= 0777; mode++) {
				bool ok = (mode & ~ceiling[f]) == 0 &&
					  (t != SILO_USER || (mode & 0770) == 0);

				assert_int_equal(silo_check_mode((enum silo_family)f,
								 (enum silo_tier)t, mode, reason),
						 ok ? 0 : -EPERM);
			}
		}
	}
	assert_int_equal(silo_tier_of(1), SILO_CRITICAL);
	assert_int_equal(silo_tier_of(9), SILO_CRITICAL);
	assert_int_equal(silo_tier_of(10), SILO_SYSTEM);
	assert_int_equal(silo_tier_of(999), SILO_SYSTEM);
	assert_int_equal(silo_tier_of(1000), SILO_USER);
	assert_int_equal(silo_tier_of(0), SILO_USER);
}

/* Fill with `count` lines of a format that takes a number. */
static void many_lines(char *text, size_t size, const char *format, unsigned count)
{
	size_t at = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		int n = snprintf(text + at, size - at, format, i);

		assert_in_range(n, 1, size - at - 1);
		at += (size_t)n;
	}
}

static void test_bounds(void **state)
{
	static const struct {
		const char *format;
		unsigned max;
		const char *words;
	} rows[] = {
		{"arg %u\n", SILO_ARGS_MAX, "arguments"},
		{"env A%u=x\n", SILO_ENV_MAX, "env lines"},
		{"unveil /a%u r\n", SILO_UNVEIL_MAX, "unveil rules"},
		{"needs b%u\n", SILO_NEEDS_MAX, "needs"},
	};
	static char text[SILO_FILE_MAX], whole[SILO_FILE_MAX + 100];
	char line[SILO_LINE_MAX + 10];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		many_lines(text, sizeof(text), rows[i].format, rows[i].max);
		snprintf(whole, sizeof(whole), "name a\nexec /b\n%s", text);
		assert_int_equal(silo_parse(whole, strlen(whole), &desc, &work, &err), 0);
		many_lines(text, sizeof(text), rows[i].format, rows[i].max + 1);
		refused(text, -E2BIG, rows[i].max + 3, rows[i].words);
	}
	many_lines(text, sizeof(text), "arg %0500u\n", 33);
	refused(text, -E2BIG, 35, "bytes of text");
	memset(line, 'x', sizeof(line));
	memcpy(line, "arg ", 4);
	line[SILO_LINE_MAX] = '\0';
	snprintf(whole, sizeof(whole), "name a\nexec /b\n%s\n", line);
	assert_int_equal(silo_parse(whole, strlen(whole), &desc, &work, &err), 0);
	memset(line, 'x', sizeof(line));
	line[SILO_LINE_MAX + 1] = '\0';
	refused(line, -E2BIG, 3, "longer than");
	memcpy(line, "unveil /", 8);
	memcpy(line + 1034, " r", 3);
	refused(line, -E2BIG, 3, "longer than 1024");
	memset(whole, '\n', sizeof(whole));
	assert_int_equal(silo_parse(whole, SILO_FILE_MAX + 1, &desc, &work, &err), -E2BIG);
}

static void test_commands(void **state)
{
	char reason[SILO_REASON_MAX], path[SILO_PATH_MAX + 1], label[SILO_LABEL_MAX + 1];
	struct silo_restart_policy policy = {.budget = 99};
	struct silo_device device;
	enum silo_family family;
	enum silo_limit key = SILO_HANDLES;
	uint64_t value = 99;
	uint16_t mode = 0123;
	uint8_t perms;

	(void)state;
	assert_int_equal(silo_parse_mode(" 076 ", 5, &mode, reason), 0);
	assert_int_equal(mode, 076);
	assert_int_equal(silo_parse_mode("777", 2, &mode, reason), -EINVAL);
	assert_int_equal(silo_parse_mode("", 0, &mode, reason), -EINVAL);
	assert_int_equal(mode, 076);
	assert_int_equal(silo_parse_limit("memory 2G", 9, &key, &value, reason), 0);
	assert_true(key == SILO_MEMORY && value == 2ull << 30);
	assert_int_equal(silo_parse_limit("memory 1 2", 10, &key, &value, reason), -EINVAL);
	assert_int_equal(silo_parse_restart("always bad 1", 12, &policy, reason), -EINVAL);
	assert_int_equal(policy.budget, 99);
	assert_int_equal(silo_parse_restart("never", 5, &policy, reason), 0);
	assert_true(policy.when == SILO_NEVER && policy.budget == 5);
	assert_int_equal(silo_parse_family("NET", 3, &family, reason), 0);
	assert_int_equal(family, SILO_NET);
	assert_int_equal(silo_parse_unveil("\"/a b/\" rc", 10, path, &perms, reason), 0);
	assert_string_equal(path, "/a b");
	assert_int_equal(perms, SILO_UNVEIL_READ | SILO_UNVEIL_CREATE);
	assert_int_equal(silo_parse_unveil("/ r", 3, path, &perms, reason), 0);
	assert_string_equal(path, "/");
	assert_int_equal(silo_parse_device("irq 4", 5, &device, reason), 0);
	assert_int_equal(device.irq, 4);
	assert_int_equal(silo_parse_label("ok-1", 4, label, reason), 0);
	assert_string_equal(label, "ok-1");
	assert_int_equal(silo_parse_label("a b", 3, label, reason), -EINVAL);
	assert_int_equal(silo_parse_label("..", 2, label, reason), -EINVAL);
	assert_int_equal(silo_parse_label("12345678901234567890123456789012", 32, label, reason),
			 -EINVAL);
	assert_int_equal(silo_parse_label("1234567890123456789012345678901", 31, label, reason), 0);
	assert_int_equal(silo_parse_size("16E", 3, &value), -EINVAL);
	assert_int_equal(silo_parse_number("0x", 2, &value), -EINVAL);
	assert_int_equal(silo_parse_number("0xffffffffffffffff", 18, &value), 0);
	assert_true(value == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	      cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_lines_refused), cmocka_unit_test(test_values_refused),
		cmocka_unit_test(test_whole_refused), cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_bounds),	      cmocka_unit_test(test_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/*
 * Fuzzer of lib/silo. Input: a description. One that is accepted must keep the rules again when
 * they are asked directly; one that is refused must say why and leave the output alone. The
 * functions for single values get each line as it is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "silo/silo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static void check_text(const struct silo_desc *d, uint16_t offset)
{
	CHECK(offset < d->text_len && d->text_len <= SILO_TEXT_MAX);
	CHECK(memchr(d->text + offset, '\0', d->text_len - offset) != NULL);
}

static void check_path(const struct silo_desc *d, uint16_t offset)
{
	const char *path = d->text + offset;

	check_text(d, offset);
	CHECK(path[0] == '/' && strlen(path) <= SILO_PATH_MAX);
	CHECK(strstr(path, "//") == NULL && strstr(path, "/../") == NULL);
}

static void check_desc(const struct silo_desc *d)
{
	char reason[SILO_REASON_MAX], label[SILO_LABEL_MAX + 1];

	CHECK(silo_check_mode(d->family, d->tier, d->mode, reason) == 0);
	CHECK(silo_check_limits(&d->limits, reason) == 0);
	CHECK(silo_parse_label(d->name, strlen(d->name), label, reason) == 0);
	CHECK(d->id == 0 || silo_tier_of(d->id) == d->tier);
	CHECK(silo_family_name(d->family) && silo_tier_name(d->tier) &&
	      silo_restart_name(d->restart.when));
	CHECK(d->args <= SILO_ARGS_MAX && d->envs <= SILO_ENV_MAX &&
	      d->unveils <= SILO_UNVEIL_MAX && d->devices <= SILO_DEVICES_MAX &&
	      d->provide_count <= SILO_PROVIDES_MAX && d->need_count <= SILO_NEEDS_MAX);
	check_path(d, d->exec);
	for (uint32_t i = 0; i < d->args; i++)
		check_text(d, d->arg[i]);
	for (uint32_t i = 0; i < d->envs; i++)
		check_text(d, d->env[i]);
	for (uint32_t i = 0; i < d->unveils; i++)
		check_path(d, d->unveil[i].path);
	for (uint32_t i = 0; i < d->provide_count; i++)
		check_path(d, d->provides[i]);
}

static void try_values(const char *line, size_t len)
{
	struct silo_restart_policy policy;
	struct silo_device device;
	char reason[SILO_REASON_MAX], path[SILO_PATH_MAX + 1], label[SILO_LABEL_MAX + 1];
	enum silo_family family;
	enum silo_limit key;
	uint64_t value;
	uint16_t mode;
	uint8_t perms;

	if (silo_parse_mode(line, len, &mode, reason) == 0)
		CHECK(mode <= 0777);
	if (silo_parse_limit(line, len, &key, &value, reason) == 0)
		CHECK(silo_limit_name(key) != NULL);
	if (silo_parse_restart(line, len, &policy, reason) == 0)
		CHECK(silo_restart_name(policy.when) != NULL);
	if (silo_parse_family(line, len, &family, reason) == 0)
		CHECK(silo_family_name(family) != NULL);
	if (silo_parse_unveil(line, len, path, &perms, reason) == 0)
		CHECK(path[0] == '/' && perms < 16);
	if (silo_parse_device(line, len, &device, reason) == 0 && device.kind == SILO_PORT)
		CHECK(device.port + device.ports <= 65536);
	if (silo_parse_label(line, len, label, reason) == 0)
		CHECK(strlen(label) >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct silo_desc desc, work;
	const char *text = (const char *)data;
	struct silo_error err;

	desc.text_len = 0xdeadbeef;
	if (silo_parse(text, size, &desc, &work, &err) == 0) {
		check_desc(&desc);
	} else {
		CHECK(desc.text_len == 0xdeadbeef);
		CHECK(err.reason[0] != '\0' && memchr(err.reason, '\0', SILO_REASON_MAX) != NULL);
	}
	while (size > 0) {
		const char *end = memchr(text, '\n', size);
		size_t len = end ? (size_t)(end - text) : size;
		const char *blank = memchr(text, ' ', len);
		size_t skip = blank ? (size_t)(blank - text) : 0;

		try_values(text + skip, len - skip);
		text += len + (end != NULL);
		size -= len + (end != NULL);
	}
	return 0;
}

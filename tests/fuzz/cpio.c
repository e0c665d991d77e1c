/* SPDX-License-Identifier: ISC */
/*
 * Fuzzer of lib/cpio. Input: an archive. What an entry points to must lie in the archive, offsets
 * must ascend, names must stay below where they are joined to.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cpio/cpio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static void check_entry(const struct cpio_entry *e, const uint8_t *data, size_t size)
{
	const uint8_t *name = (const uint8_t *)e->name, *content = e->data;
	char path[CPIO_NAME_MAX + 3] = "/";

	CHECK(name >= data && name + e->name_len <= data + size && e->name_len <= CPIO_NAME_MAX);
	CHECK(content >= data && content + e->size <= data + size);
	memcpy(path + 1, e->name, e->name_len);
	memcpy(path + 1 + e->name_len, "/", 2);
	CHECK(strlen(path) == e->name_len + 2u);
	CHECK(strstr(path, "/../") == NULL && strstr(path, "/./") == NULL);
	CHECK(e->name_len == 0 || strstr(path, "//") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpio_entry e;
	size_t offset = 0, last = 0;
	char path[64] = "";

	while (cpio_next(data, size, &offset, &e) == 1) {
		CHECK(offset > last && offset <= size);
		last = offset;
		check_entry(&e, data, size);
		if (e.name_len >= sizeof(path))
			continue;
		memcpy(path, e.name, e.name_len);
		path[e.name_len] = '\0';
	}
	if (last != 0 && cpio_find(data, size, path, &e) == 0)
		check_entry(&e, data, size);
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * lib/cpio: archives that the host's cpio made, and archives made by hand to break each rule.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cpio/cpio.h"

struct archive {
	uint8_t *bytes;
	size_t size;
};

/* Add an entry as cpio would write it. */
static void add(struct archive *a, const char *name, uint32_t mode, const char *data)
{
	size_t name_len = strlen(name) + 1, data_len = strlen(data);
	size_t total = (110 + name_len + 3) / 4 * 4 + (data_len + 3) / 4 * 4;
	char header[111];
	uint8_t *p;

	a->bytes = realloc(a->bytes, a->size + total);
	p = a->bytes + a->size;
	memset(p, 0, total);
	snprintf(header, sizeof(header),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 7u, mode, 0u, 0u, 1u,
		 0u, (unsigned)data_len, 0u, 0u, 0u, 0u, (unsigned)name_len, 0u);
	memcpy(p, header, 110);
	memcpy(p + 110, name, name_len);
	memcpy(p + (110 + name_len + 3) / 4 * 4, data, data_len);
	a->size += total;
}

static void test_host_archive(void **state)
{
	char dir[] = "/tmp/cpio-test-XXXXXX", command[1024];
	static uint8_t bytes[65536];
	struct cpio_entry e;
	size_t size, offset = 0, count = 0;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p boot/bin && printf 'hello, world' > boot/bin/init && "
		 "chmod 755 boot/bin/init && ln boot/bin/init boot/bin/copy && ln -s init "
		 "boot/bin/link && : > empty && find . | cpio -o -H newc 2>/dev/null > ../%s.cpio",
		 dir, dir + 5);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s.cpio", dir);
	f = fopen(command, "rb");
	assert_non_null(f);
	size = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	unlink(command);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	while (cpio_next(bytes, size, &offset, &e) == 1)
		count++;
	assert_int_equal(count, 7);
	assert_int_equal(cpio_find(bytes, size, "/boot/bin/init", &e), 0);
	assert_int_equal(e.size, 12);
	assert_memory_equal(e.data, "hello, world", 12);
	assert_int_equal(e.mode, 0100755);
	assert_int_equal(e.nlink, 2);
	/* Whichever of the two names the archive gave the data, both have it. */
	assert_int_equal(cpio_find(bytes, size, "boot/bin/copy", &e), 0);
	assert_int_equal(e.size, 12);
	assert_memory_equal(e.data, "hello, world", 12);
	assert_int_equal(cpio_find(bytes, size, "./boot/bin/link", &e), 0);
	assert_memory_equal(e.data, "init", 4);
	assert_int_equal(cpio_find(bytes, size, "empty", &e), 0);
	assert_int_equal(e.size, 0);
	assert_int_equal(cpio_find(bytes, size, "/", &e), 0);
	assert_int_equal(e.name_len, 0);
	assert_int_equal(cpio_find(bytes, size, "boot/bin", &e), 0);
	assert_int_equal(cpio_find(bytes, size, "boot/bi", &e), -ENOENT);
	/* No shorter archive is read over, and none seems whole. */
	for (size_t n = 0; n < size && n <= offset; n++) {
		uint8_t *part = malloc(n ? n : 1);

		memcpy(part, bytes, n);
		assert_int_equal(cpio_find(part, n, "empty", &e), -EINVAL);
		free(part);
	}
}

static void check_name(const char *name, int want, const char *normal)
{
	struct archive a = {NULL, 0};
	struct cpio_entry e;
	size_t offset = 0;

	add(&a, name, 0100644, "data");
	add(&a, "TRAILER!!!", 0, "");
	assert_int_equal(cpio_next(a.bytes, a.size, &offset, &e), want);
	if (want == 1) {
		assert_int_equal(e.name_len, strlen(normal));
		assert_memory_equal(e.name, normal, e.name_len);
		assert_int_equal(cpio_next(a.bytes, a.size, &offset, &e), 0);
	} else {
		assert_int_equal(offset, 0);
	}
	free(a.bytes);
}

static void test_names(void **state)
{
	char lengthy[1100];

	(void)state;
	check_name("a/b", 1, "a/b");
	check_name("/a/b", 1, "a/b");
	check_name("./a", 1, "a");
	check_name(".//./a/", 1, "a");
	check_name(".", 1, "");
	check_name("", 1, "");
	check_name("..a/b..", 1, "..a/b..");
	check_name("..", -EINVAL, "");
	check_name("../a", -EINVAL, "");
	check_name("a/..", -EINVAL, "");
	check_name("a/../b", -EINVAL, "");
	check_name("a//b", -EINVAL, "");
	check_name("a/./b", -EINVAL, "");
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[1025] = '\0';
	check_name(lengthy, -EINVAL, "");
	lengthy[1024] = '\0';
	check_name(lengthy, 1, lengthy);
}

static void test_damaged(void **state)
{
	/* Offsets in a header: magic, mode, filesize, namesize. */
	static const struct {
		size_t at;
		const char *text;
	} breaks[] = {{0, "070702"},	{5, "7"},	  {14, "x"},	    {54, "FFFFFFFF"},
		      {54, "00000FFF"}, {94, "00000000"}, {94, "FFFFFFFF"}, {94, "00000002"},
		      {94, "00000200"}, {13, "g"}};
	struct archive a = {NULL, 0};
	struct cpio_entry e;
	size_t offset;

	(void)state;
	add(&a, "first", 0100644, "one");
	add(&a, "first", 0100644, "three");
	add(&a, "TRAILER!!!", 0, "");
	assert_int_equal(cpio_find(a.bytes, a.size, "first", &e), 0);
	assert_int_equal(e.size, 5);
	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		uint8_t *copy = malloc(a.size);

		memcpy(copy, a.bytes, a.size);
		memcpy(copy + breaks[i].at, breaks[i].text, strlen(breaks[i].text));
		offset = 0;
		e.size = 99;
		if (cpio_next(copy, a.size, &offset, &e) != -EINVAL || e.size != 99 || offset != 0)
			fail_msg("row %zu was accepted", i);
		assert_int_equal(cpio_find(copy, a.size, "first", &e), -EINVAL);
		free(copy);
	}
	offset = SIZE_MAX;
	assert_int_equal(cpio_next(a.bytes, a.size, &offset, &e), -EINVAL);
	free(a.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_archive),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: ISC */
/* sums.c: commands over the bytes of a file: sha256sum, hexdump. */
#include <errno.h>
#include <string.h>
#include "cmd/sh/sh.h"
#include "cmd/sh/sha256.h"

static char buf[65536];

static int file_sum(const char *path)
{
	uint8_t digest[SHA256_SIZE];
	struct sha256 sum;
	struct p9_file *f;
	int64_t n;
	int err = ns_open(path, P9_O_RDONLY, 0, &f);

	if (err)
		return complain_error(path, err);
	sha256_begin(&sum);
	while ((n = p9_client_read(f, buf, sizeof(buf))) > 0 && !interrupted())
		sha256_add(&sum, buf, (size_t)n);
	p9_client_close(f);
	if (n < 0 || interrupted())
		return complain_error(path, n < 0 ? n : -EINTR);
	sha256_end(&sum, digest);
	for (unsigned i = 0; i < SHA256_SIZE; i++)
		out_printf("%02x", digest[i]);
	out_printf("  %s\n", path);
	return 0;
}

int cmd_sha256sum(int argc, char **argv)
{
	int status = 0;

	if (argc < 2)
		return complain_usage();
	for (int i = 1; i < argc && !interrupted(); i++)
		status |= file_sum(argv[i]);
	return status;
}

static void line_dump(uint64_t offset, const uint8_t *bytes, size_t len)
{
	char line[96];
	int at = snprintf(line, sizeof(line), "%08llx ", (unsigned long long)offset);

	for (size_t i = 0; i < 16; i++) {
		if (i < len)
			at += snprintf(line + at, 8, "%s%02x ", i == 8 ? " " : "", bytes[i]);
		else
			at += snprintf(line + at, 8, "%s", i == 8 ? "    " : "   ");
	}
	for (size_t i = 0; i < len; i++)
		line[at++] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '.';
	line[at] = '\0';
	out_printf("%s\n", line);
}

int cmd_hexdump(int argc, char **argv)
{
	uint64_t offset = 0;
	struct p9_file *f;
	int64_t n;
	int err;

	if (argc != 2)
		return complain_usage();
	err = ns_open(argv[1], P9_O_RDONLY, 0, &f);
	if (err)
		return complain_error(argv[1], err);
	/* Pieces are whole lines as long as the file gives what was asked for. */
	while ((n = p9_client_read(f, buf, 4096)) > 0 && !interrupted()) {
		for (int64_t at = 0; at < n; at += 16)
			line_dump(offset + (uint64_t)at, (uint8_t *)buf + at,
				  n - at < 16 ? (size_t)(n - at) : 16);
		offset += (uint64_t)n;
	}
	p9_client_close(f);
	return n < 0 || interrupted() ? complain_error(argv[1], n < 0 ? n : -EINTR) : 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * load.c: see load.h. The sum of a file is over its 64-bit words with their places, so that blocks
 * that changed places are seen.
 */
#include "bench/disk/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "9p/client.h"
#include "serve/ns.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/sys.h"

#define PIECE	   65536u
#define HOT_PIECES 32u

static uint64_t sum_words(uint64_t sum, const void *data, uint64_t len)
{
	const uint8_t *at = data;
	uint64_t word;

	for (; len >= 8; len -= 8, at += 8) {
		memcpy(&word, at, 8);
		sum = (sum ^ word) * 0x9e3779b97f4a7c15ull;
		sum ^= sum >> 29;
	}
	return sum;
}

/* One of the first pieces of the file once more: they are in the cache most of the time, and so
 * come without a call. They must be as they were the first time. */
static int hot_read(struct p9_file *f, unsigned number)
{
	static uint64_t sums[HOT_PIECES];
	static uint8_t piece[PIECE];
	int64_t n = p9_client_pread(f, piece, sizeof(piece), (uint64_t)number * PIECE);
	uint64_t sum = n > 0 ? sum_words(1, piece, (uint64_t)n) : 1;

	if (n < 0)
		return (int)n;
	if (!sums[number])
		sums[number] = sum;
	return sums[number] == sum ? 0 : -EBADMSG;
}

static int sum_read(const char *path, uint64_t *sum)
{
	static uint8_t piece[PIECE];
	unsigned pieces = 0;
	struct p9_file *f;
	int64_t n;
	int err = ns_open(path, P9_O_RDONLY, 0, &f);

	if (err)
		return err;
	*sum = 0;
	while ((n = p9_client_read(f, piece, sizeof(piece))) > 0) {
		*sum = sum_words(*sum, piece, (uint64_t)n);
		err = hot_read(f, pieces++ % HOT_PIECES);
		if (err)
			break;
	}
	p9_client_close(f);
	return err ? err : (int)n;
}

static int sum_mapped(const char *path, uint64_t *sum)
{
	struct map_args args = {.flags = PROT_R};
	uint64_t size;
	int64_t at;
	int err = ns_vmo(path, PROT_R, &args.vmo, &size);

	if (err)
		return err;
	args.len = (size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	at = sys_aspace_map(boot_handle("aspace"), &args);
	sys_handle_close(args.vmo);
	if (at < 0)
		return (int)at;
	*sum = sum_words(0, (const void *)at, size);
	return (int)sys_aspace_unmap(boot_handle("aspace"), (uint64_t)at, args.len);
}

static int report_write(const char *report, const char *word, unsigned round, const char *why)
{
	char line[128];
	struct p9_file *f;
	int err = ns_open(report, P9_O_WRONLY | P9_O_CREAT | P9_O_TRUNC, 0644, &f);

	if (err)
		return err;
	snprintf(line, sizeof(line), "%s %u copied %llu%s%s\n", word, round,
		 (unsigned long long)ns_client()->copied, why ? " " : "", why ? why : "");
	err = ns_write_all(f, line, strlen(line));
	p9_client_close(f);
	return err;
}

int load_run(const char *path, unsigned rounds, bool mapped, const char *report)
{
	uint64_t first = 0, sum = 0;
	int err = 0;

	for (unsigned i = 0; i < rounds && !err; i++) {
		err = i % 2 && mapped ? sum_mapped(path, &sum) : sum_read(path, &sum);
		first = i ? first : sum;
		if (!err && sum != first)
			err = -EBADMSG;
		if (err)
			break;
		err = report_write(report, i + 1 < rounds ? "round" : "done", i + 1, NULL);
	}
	if (err && report_write(report, "failed", rounds, error_text(err)))
		printf("load: %s: %s\n", path, error_text(err));
	return err;
}

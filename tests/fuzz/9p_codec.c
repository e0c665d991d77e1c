/* SPDX-License-Identifier: ISC */
/*
 * 9p_codec.c: any bytes as a request and as a reply of each dialect. What decodes must encode to
 * the same bytes (save a Tfsync without its last field), and must not encode into less room.
 * The table alone must say the same of everything, and write the same. First byte: the dialect and
 * how many of the bytes lie outside of the frame.
 */
#include <stdlib.h>
#include <string.h>
#include "9p/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int ok)
{
	if (!ok)
		abort();
}

static void same(int len, const uint8_t *again, const uint8_t *frame, size_t size)
{
	if (frame[4] == P9_TFSYNC && len == (int)size + 4)
		return;
	expect(len == (int)size && !memcmp(frame, again, size));
}

static void entries(const uint8_t *data, size_t size)
{
	uint8_t again[512];
	struct p9_dirent ent;
	struct p9_stat st;
	int n = p9_dirent_decode(&ent, data, size);

	if (n > 0 && n <= (int)sizeof(again)) {
		expect(p9_dirent_encode(&ent, again, sizeof(again)) == n);
		expect(!memcmp(again, data, (size_t)n));
	}
	n = p9_stat_decode(&st, data, size);
	if (n > 0 && n <= (int)sizeof(again)) {
		expect(p9_stat_encode(&st, again, sizeof(again)) == n);
		expect(!memcmp(again, data, (size_t)n));
	}
}

/* By the short ways of hot.h and by the table. Fields that a message does not have stay zero. */
static int decode_t(struct p9_tmsg *t, enum p9_dialect dialect, const uint8_t *data, size_t size,
		    uint32_t outside)
{
	static uint8_t one[1 << 16], two[1 << 16];
	struct p9_tmsg table;
	int err, len;

	memset(t, 0, sizeof(*t));
	memset(&table, 0, sizeof(table));
	err = p9_decode_t(t, dialect, data, size, outside);
	expect(err == p9_table_decode_t(&table, dialect, data, size, outside));
	if (err)
		return err;
	expect(!memcmp(t, &table, sizeof(table)));
	for (size_t cap = size; cap < sizeof(one); cap += 16384) {
		len = p9_encode_t(t, dialect, one, cap);
		expect(len == p9_table_encode_t(t, dialect, two, cap));
		expect(len < 0 || !memcmp(one, two, (size_t)len));
	}
	return 0;
}

static int decode_r(struct p9_rmsg *r, enum p9_dialect dialect, const uint8_t *data, size_t size,
		    uint32_t outside)
{
	static uint8_t one[1 << 16], two[1 << 16];
	struct p9_rmsg table;
	int err, len;

	memset(r, 0, sizeof(*r));
	memset(&table, 0, sizeof(table));
	err = p9_decode_r(r, dialect, data, size, outside);
	expect(err == p9_table_decode_r(&table, dialect, data, size, outside));
	if (err)
		return err;
	expect(!memcmp(r, &table, sizeof(table)));
	for (size_t cap = size; cap < sizeof(one); cap += 16384) {
		len = p9_encode_r(r, dialect, one, cap);
		expect(len == p9_table_encode_r(r, dialect, two, cap));
		expect(len < 0 || !memcmp(one, two, (size_t)len));
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[1 << 16];
	enum p9_dialect dialect;
	uint32_t outside;
	struct p9_tmsg t;
	struct p9_rmsg r;

	if (size < 1 || size > sizeof(again))
		return 0;
	dialect = data[0] % P9_DIALECTS;
	outside = data[0] / P9_DIALECTS;
	data++;
	size--;
	entries(data, size);
	if (!decode_t(&t, dialect, data, size, outside)) {
		same(p9_encode_t(&t, dialect, again, sizeof(again)), again, data, size);
		expect(p9_encode_t(&t, dialect, again, size - 1) < 0);
	}
	if (!decode_r(&r, dialect, data, size, outside)) {
		same(p9_encode_r(&r, dialect, again, sizeof(again)), again, data, size);
		expect(p9_encode_r(&r, dialect, again, size - 1) < 0);
	}
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * The kernel's generator: ChaCha20 against the vector of RFC 8439 (2.3.2), and the promises of
 * drbg.h: the stream does not depend on how it is cut, given bytes are wiped, seeds matter.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "kernel/drbg.h"

static void rfc_vector(void **state)
{
	static const uint32_t want[16] = {0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
					  0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
					  0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
					  0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
	const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0};
	uint32_t key[8], out[16];
	uint8_t bytes[32];

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	memcpy(key, bytes, 32);
	chacha20_block(key, 1, nonce, out);
	assert_memory_equal(out, want, sizeof(want));
}

static void cut_anywhere(void **state)
{
	struct drbg a = {0}, b = {0};
	uint8_t whole[3000], parts[3000];
	size_t at = 0;

	(void)state;
	drbg_mix(&a, "seed", 4);
	drbg_mix(&b, "seed", 4);
	drbg_bytes(&a, whole, sizeof(whole));
	for (size_t n = 1; at < sizeof(parts); n = n * 3 % 97 + 1) {
		if (n > sizeof(parts) - at)
			n = sizeof(parts) - at;
		drbg_bytes(&b, parts + at, n);
		at += n;
	}
	assert_memory_equal(whole, parts, sizeof(whole));
}

/* The state holds neither a given byte nor the key that made it. */
static void erased(void **state)
{
	struct drbg d = {0};
	uint32_t before[8];
	uint8_t given[64];

	(void)state;
	drbg_mix(&d, "seed", 4);
	memcpy(before, d.key, sizeof(before));
	drbg_bytes(&d, given, sizeof(given));
	assert_memory_not_equal(d.key, before, sizeof(before));
	for (size_t i = 0; i + 8 <= sizeof(d); i++)
		assert_memory_not_equal((uint8_t *)&d + i, given, 8);
}

static void seeds_matter(void **state)
{
	struct drbg a = {0}, b = {0};
	uint8_t x[32], y[32], long_seed[100] = {0};

	(void)state;
	drbg_mix(&a, "seed", 4);
	drbg_mix(&b, "seee", 4);
	drbg_bytes(&a, x, sizeof(x));
	drbg_bytes(&b, y, sizeof(y));
	assert_memory_not_equal(x, y, sizeof(x));

	a = b;
	drbg_mix(&a, long_seed, sizeof(long_seed));
	long_seed[99] = 1;
	drbg_mix(&b, long_seed, sizeof(long_seed));
	drbg_bytes(&a, x, sizeof(x));
	drbg_bytes(&b, y, sizeof(y));
	assert_memory_not_equal(x, y, sizeof(x));
	drbg_mix(&a, "", 0);
	drbg_bytes(&a, y, sizeof(y));
	assert_memory_not_equal(x, y, sizeof(x));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_vector),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(erased),
		cmocka_unit_test(seeds_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

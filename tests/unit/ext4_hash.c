/* SPDX-License-Identifier: ISC */
/*
 * Checksums and name hashes of lib/ext4 against published and independently computed values: CRC
 * vectors of RFC 3720 and the CRC catalogue, hashes as debugfs computes them (dx_hash).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ext4/crc.h"
#include "ext4/priv.h"

static void test_crc32c(void **state)
{
	uint8_t data[48];

	(void)state;
	assert_int_equal(~ext4_crc32c(~0u, "123456789", 9), 0xe3069283u);
	memset(data, 0, 32);
	assert_int_equal(~ext4_crc32c(~0u, data, 32), 0x8a9136aau);
	memset(data, 0xff, 32);
	assert_int_equal(~ext4_crc32c(~0u, data, 32), 0x62a8ab43u);
	for (unsigned i = 0; i < 32; i++)
		data[i] = (uint8_t)i;
	assert_int_equal(~ext4_crc32c(~0u, data, 32), 0x46dd794eu);
	/* Continued at any place it is the same sum. */
	for (unsigned i = 0; i <= 32; i++)
		assert_int_equal(ext4_crc32c(ext4_crc32c(7, data, i), data + i, 32 - i),
				 ext4_crc32c(7, data, 32));
	assert_int_equal(ext4_crc32c(5, data, 0), 5);
}

static void test_crc16(void **state)
{
	(void)state;
	assert_int_equal(ext4_crc16(0, "123456789", 9), 0xbb3d);
	assert_int_equal(ext4_crc16(0xffff, "123456789", 9), 0x4b37);
}

#define NAME1 "a"
#define NAME2 "hello"
#define NAME3 "exactly-thirty-two-characters-xx"
#define NAME4 "caf\xc3\xa9-and-a-longer-name-over-thirty-two-bytes\xff"

static void test_hashes(void **state)
{
	/* 01234567-89ab-cdef-0011-223344556677, as little-endian words. */
	static const uint32_t seed[4] = {0x67452301, 0xefcdab89, 0x33221100, 0x77665544};
	static const struct {
		enum ext4_hash version;
		const char *name;
		uint32_t hash;
	} golden[] = {
		{EXT4_HASH_LEGACY, NAME1, 0xe74b53e2},	 {EXT4_HASH_LEGACY, NAME2, 0x32252546},
		{EXT4_HASH_LEGACY, NAME3, 0x7456b354},	 {EXT4_HASH_LEGACY, NAME4, 0xccc7cc36},
		{EXT4_HASH_HALF_MD4, NAME1, 0xa0a0de00}, {EXT4_HASH_HALF_MD4, NAME2, 0x87d861fe},
		{EXT4_HASH_HALF_MD4, NAME3, 0xa5333950}, {EXT4_HASH_HALF_MD4, NAME4, 0xf8350f78},
		{EXT4_HASH_TEA, NAME1, 0x6d0ea4c0},	 {EXT4_HASH_TEA, NAME2, 0x6f5bb1a8},
		{EXT4_HASH_TEA, NAME3, 0x9379eabc},	 {EXT4_HASH_TEA, NAME4, 0x2bc1c1fe},
	};
	static const uint32_t zero[4];

	(void)state;
	for (unsigned i = 0; i < sizeof(golden) / sizeof(golden[0]); i++)
		assert_int_equal(ext4_name_hash(golden[i].version, seed, golden[i].name,
						strlen(golden[i].name)),
				 golden[i].hash);
	assert_int_equal(ext4_name_hash(EXT4_HASH_HALF_MD4, zero, NAME2, 5), 0x1746da32);
	/* TEA uses the first two words of the seed only, which are the standard ones here. */
	assert_int_equal(ext4_name_hash(EXT4_HASH_TEA, zero, NAME2, 5), 0x6f5bb1a8);
}

/* Only bytes above 127 tell signed from unsigned. */
static void test_signs(void **state)
{
	static const uint32_t seed[4] = {1, 2, 3, 4};

	(void)state;
	for (int v = EXT4_HASH_LEGACY; v <= EXT4_HASH_TEA; v++) {
		enum ext4_hash s = (enum ext4_hash)v, u = (enum ext4_hash)(v + 3);

		assert_int_equal(ext4_name_hash(s, seed, NAME3, 32),
				 ext4_name_hash(u, seed, NAME3, 32));
		assert_int_not_equal(ext4_name_hash(s, seed, NAME4, strlen(NAME4)),
				     ext4_name_hash(u, seed, NAME4, strlen(NAME4)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c),
		cmocka_unit_test(test_crc16),
		cmocka_unit_test(test_hashes),
		cmocka_unit_test(test_signs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

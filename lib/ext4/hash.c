/* SPDX-License-Identifier: ISC */
/*
 * The three hashes of names by which a directory index is ordered, each with characters taken as
 * signed or unsigned (an accident of history that the superblock records).
 *
 * Not cryptographic, and not used here for anything but finding the right block: a name is always
 * compared in full.
 *
 * Spec: ext4 on-disk layout, "Hash Tree Directories"; MD4 round functions from RFC 1320, TEA from
 * Wheeler and Needham (1994).
 */
#include <string.h>

#include "ext4/priv.h"

#define END_OF_DIRECTORY 0xfffffffeu /* a hash value kept free */

static uint32_t char_value(const char *name, size_t i, bool is_signed)
{
	return is_signed ? (uint32_t)(int32_t)(signed char)name[i]
			 : (uint32_t)(unsigned char)name[i];
}

static uint32_t hash_legacy(const char *name, size_t len, bool is_signed)
{
	uint32_t now = 0x12a3fe2d, before = 0x37abe8f9;

	for (size_t i = 0; i < len; i++) {
		uint32_t next = before + (now ^ char_value(name, i, is_signed) * 7152373u);

		if (next & 0x80000000u)
			next -= 0x7fffffffu;
		before = now;
		now = next;
	}
	return now << 1;
}

/* Pack up to 4 * n characters into n words; what is missing is filled with the length. */
static void pack(const char *name, size_t len, bool is_signed, uint32_t *words, unsigned n)
{
	uint32_t pad = (uint32_t)len | (uint32_t)len << 8;
	size_t i = 0;

	pad |= pad << 16;
	for (unsigned w = 0; w < n; w++) {
		uint32_t word = pad;

		for (unsigned k = 0; k < 4 && i < len; k++, i++)
			word = char_value(name, i, is_signed) + (word << 8);
		words[w] = word;
	}
}

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static uint32_t md4_f(uint32_t x, uint32_t y, uint32_t z)
{
	return z ^ (x & (y ^ z));
}

static uint32_t md4_g(uint32_t x, uint32_t y, uint32_t z)
{
	return (x & y) + ((x ^ y) & z);
}

static uint32_t md4_h(uint32_t x, uint32_t y, uint32_t z)
{
	return x ^ y ^ z;
}

/* MD4 with half the words in each round. */
static void half_md4(uint32_t state[4], const uint32_t in[8])
{
	static const struct {
		uint32_t (*f)(uint32_t x, uint32_t y, uint32_t z);
		uint32_t add;
		uint8_t shift[4];
		uint8_t order[8];
	} rounds[3] = {
		{md4_f, 0, {3, 7, 11, 19}, {0, 1, 2, 3, 4, 5, 6, 7}},
		{md4_g, 0x5a827999, {3, 5, 9, 13}, {1, 3, 5, 7, 0, 2, 4, 6}},
		{md4_h, 0x6ed9eba1, {3, 9, 11, 15}, {3, 7, 2, 6, 1, 5, 0, 4}},
	};
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];

	for (unsigned r = 0; r < 3; r++) {
		for (unsigned i = 0; i < 8; i++) {
			uint32_t x =
				a + rounds[r].f(b, c, d) + in[rounds[r].order[i]] + rounds[r].add;

			a = d;
			d = c;
			c = b;
			b = rotate(x, rounds[r].shift[i % 4]);
		}
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

static void tea(uint32_t state[4], const uint32_t in[4])
{
	uint32_t x = state[0], y = state[1], sum = 0;

	for (unsigned i = 0; i < 16; i++) {
		sum += 0x9e3779b9u;
		x += ((y << 4) + in[0]) ^ (y + sum) ^ ((y >> 5) + in[1]);
		y += ((x << 4) + in[2]) ^ (x + sum) ^ ((x >> 5) + in[3]);
	}
	state[0] += x;
	state[1] += y;
}

static void set_seed(uint32_t state[4], const uint32_t seed[4])
{
	static const uint32_t standard[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	bool zero = (seed[0] | seed[1] | seed[2] | seed[3]) == 0;

	memcpy(state, zero ? standard : seed, sizeof(standard));
}

static uint32_t hash_blocks(const uint32_t seed[4], const char *name, size_t len, bool is_signed,
			    bool md4)
{
	size_t step = md4 ? 32 : 16;
	uint32_t state[4], words[8];

	set_seed(state, seed);
	for (size_t at = 0; at < len; at += step) {
		pack(name + at, len - at, is_signed, words, (unsigned)step / 4);
		if (md4)
			half_md4(state, words);
		else
			tea(state, words);
	}
	return md4 ? state[1] : state[0];
}

uint32_t ext4_name_hash(enum ext4_hash version, const uint32_t seed[4], const char *name,
			size_t len)
{
	bool is_signed = version < EXT4_HASH_LEGACY_UNSIGNED;
	uint32_t hash = 0;

	switch (version) {
	case EXT4_HASH_LEGACY:
	case EXT4_HASH_LEGACY_UNSIGNED: hash = hash_legacy(name, len, is_signed); break;
	case EXT4_HASH_HALF_MD4:
	case EXT4_HASH_HALF_MD4_UNSIGNED:
		hash = hash_blocks(seed, name, len, is_signed, true);
		break;
	case EXT4_HASH_TEA:
	case EXT4_HASH_TEA_UNSIGNED: hash = hash_blocks(seed, name, len, is_signed, false); break;
	case EXT4_HASH_COUNT: break;
	}
	hash &= ~1u;
	return hash == END_OF_DIRECTORY ? END_OF_DIRECTORY - 2 : hash;
}

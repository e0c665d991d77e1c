/* SPDX-License-Identifier: ISC */
/*
 * drbg.c: ChaCha20 (RFC 8439) as a generator with fast key erasure.
 *
 * Every refill makes a pool of key stream; its first 32 bytes replace the key at
 * once, and bytes are wiped as they are handed out. So whoever reads the state
 * later cannot work out what was given before. Seeds are added to key stream by
 * exclusive or: a bad seed takes nothing away.
 *
 * Not here: where seeds come from, locks. The zeroed structure is a valid start
 * with no entropy in it.
 */
#include "drbg.h"
#include "base.h"

#define KEY_BYTES (DRBG_KEY_WORDS * 4)

static const uint32_t nonce[3]; /* every key is used once: no nonce is needed */

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void quarter(uint32_t *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 7);
}

void chacha20_block(const uint32_t key[DRBG_KEY_WORDS], uint32_t counter, const uint32_t nonce[3],
		    uint32_t out[DRBG_BLOCK_WORDS])
{
	uint32_t in[DRBG_BLOCK_WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

	memcpy(in + 4, key, KEY_BYTES);
	in[12] = counter;
	memcpy(in + 13, nonce, 12);
	memcpy(out, in, sizeof(in));
	for (unsigned round = 0; round < 10; round++) {
		quarter(out, 0, 4, 8, 12);
		quarter(out, 1, 5, 9, 13);
		quarter(out, 2, 6, 10, 14);
		quarter(out, 3, 7, 11, 15);
		quarter(out, 0, 5, 10, 15);
		quarter(out, 1, 6, 11, 12);
		quarter(out, 2, 7, 8, 13);
		quarter(out, 3, 4, 9, 14);
	}
	for (unsigned i = 0; i < DRBG_BLOCK_WORDS; i++)
		out[i] += in[i];
}

static void refill(struct drbg *d)
{
	uint32_t block[DRBG_BLOCK_WORDS];

	for (unsigned i = 0; i < DRBG_POOL_BLOCKS; i++) {
		chacha20_block(d->key, i, nonce, block);
		memcpy(d->pool + i * sizeof(block), block, sizeof(block));
	}
	memcpy(d->key, d->pool, KEY_BYTES);
	memset(d->pool, 0, KEY_BYTES);
	d->left = sizeof(d->pool) - KEY_BYTES;
}

void drbg_mix(struct drbg *d, const void *seed, size_t n)
{
	const uint8_t *from = seed;
	uint32_t block[DRBG_BLOCK_WORDS];

	do {
		size_t part = n < KEY_BYTES ? n : KEY_BYTES;
		uint8_t *key = (uint8_t *)d->key;

		chacha20_block(d->key, 0, nonce, block);
		memcpy(key, block, KEY_BYTES);
		for (size_t i = 0; i < part; i++)
			key[i] ^= from[i];
		from += part;
		n -= part;
	} while (n > 0);
	memset(block, 0, sizeof(block));
	memset(d->pool, 0, sizeof(d->pool));
	d->left = 0;
}

void drbg_bytes(struct drbg *d, void *out, size_t n)
{
	uint8_t *to = out;

	while (n > 0) {
		size_t part;
		uint8_t *from;

		if (d->left == 0)
			refill(d);
		part = n < d->left ? n : d->left;
		from = d->pool + sizeof(d->pool) - d->left;
		memcpy(to, from, part);
		memset(from, 0, part);
		d->left -= part;
		to += part;
		n -= part;
	}
}

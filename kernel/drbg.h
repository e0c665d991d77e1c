/* SPDX-License-Identifier: ISC */
/*
 * drbg.h: random bytes from a 256-bit key: ChaCha20 with fast key erasure.
 * Pure: it also compiles on the host. Where the seed comes from is random.c's.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define DRBG_KEY_WORDS	 8
#define DRBG_BLOCK_WORDS 16
#define DRBG_POOL_BLOCKS 8

struct drbg {
	uint32_t key[DRBG_KEY_WORDS];
	uint8_t pool[DRBG_POOL_BLOCKS * DRBG_BLOCK_WORDS * 4]; /* used from the end, wiped */
	size_t left;
};

/* One ChaCha20 block (RFC 8439, section 2.3), words in host order. */
void chacha20_block(const uint32_t key[DRBG_KEY_WORDS], uint32_t counter, const uint32_t nonce[3],
		    uint32_t out[DRBG_BLOCK_WORDS]);
/* Add `n` bytes of seed. What was in the key stays in it; the pool is thrown away. */
void drbg_mix(struct drbg *d, const void *seed, size_t n);
void drbg_bytes(struct drbg *d, void *out, size_t n);

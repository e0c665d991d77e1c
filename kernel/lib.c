/* SPDX-License-Identifier: ISC */
/*
 * lib.c: the memory and string functions that compilers and kernel call.
 *
 * Copies go by eight bytes, unaligned where they fall so; long ones by the machine's own word
 * copy, which is shorter by counted instructions, and faster under emulation. The empty asm in the
 * loops keeps the compiler from turning them into calls of the very functions that they are in.
 */
#include "arch/regs.h"

typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;
#define LONG_COPY   512 /* from here on the machine's own copy is shorter */
#define KEEP_LOOP() __asm__ volatile("" ::: "memory")

void *memcpy(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	if (n >= LONG_COPY) {
		d = arch_copy_words(d, s, n / 8);
		s += n & ~(size_t)7;
		n &= 7;
	}
	for (; n >= 64; n -= 64, d += 64, s += 64) {
		word_t *to = (word_t *)d;
		const word_t *from = (const word_t *)s;
		to[0] = from[0];
		to[1] = from[1];
		to[2] = from[2];
		to[3] = from[3];
		to[4] = from[4];
		to[5] = from[5];
		to[6] = from[6];
		to[7] = from[7];
		KEEP_LOOP();
	}
	for (; n >= 8; n -= 8, d += 8, s += 8) {
		*(word_t *)d = *(const word_t *)s;
		KEEP_LOOP();
	}
	for (; n; n--) {
		*d++ = *s++;
		KEEP_LOOP();
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	if (d <= s || d >= s + n)
		return memcpy(dst, src, n);
	while (n >= 8) {
		n -= 8;
		*(word_t *)(d + n) = *(const word_t *)(s + n);
		KEEP_LOOP();
	}
	while (n) {
		n--;
		d[n] = s[n];
		KEEP_LOOP();
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	char *d = dst;
	uint64_t word = 0x0101010101010101ull * (uint8_t)c;

	for (; n >= 64; n -= 64, d += 64) {
		word_t *to = (word_t *)d;
		to[0] = word;
		to[1] = word;
		to[2] = word;
		to[3] = word;
		to[4] = word;
		to[5] = word;
		to[6] = word;
		to[7] = word;
		KEEP_LOOP();
	}
	for (; n >= 8; n -= 8, d += 8) {
		*(word_t *)d = word;
		KEEP_LOOP();
	}
	for (; n; n--) {
		*d++ = (char)c;
		KEEP_LOOP();
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n >= 8 && *(const word_t *)x == *(const word_t *)y; n -= 8, x += 8, y += 8)
		;
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	for (; s[n]; n++)
		KEEP_LOOP();
	return n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--, a++, b++)
		;
	return n ? (uint8_t)*a - (uint8_t)*b : 0;
}

/* GCC's word for counting bits where the processor's own may be missing. */
int __popcountdi2(uint64_t x);
int __popcountdi2(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (int)(x * 0x0101010101010101ull >> 56);
}

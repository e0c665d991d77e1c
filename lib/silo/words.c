/* SPDX-License-Identifier: ISC */
/*
 * Lines to words, words to numbers: the lexical part of silo descriptions and of the control
 * file's commands. Works in place on the caller's bytes; knows no directive.
 */
#include "silo/silo.h"

#include <errno.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Bytes from 0x80 are let through: paths and arguments may be UTF-8. */
static bool is_control(char c)
{
	unsigned char u = (unsigned char)c;

	return (u < 0x20 && u != '\t') || u == 0x7f;
}

/*
 * Move one word down to *out, without its quotes. Returns the position behind it, or -EINVAL. The
 * word never grows, so that out stays at or below in.
 */
static int64_t word_take(char *line, size_t len, size_t in, size_t *out)
{
	bool quoted = false;

	for (; in < len; in++) {
		char c = line[in];

		if (is_control(c))
			return -EINVAL;
		if (!quoted && is_blank(c))
			break;
		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && c == '\\' && in + 1 < len &&
		    (line[in + 1] == '"' || line[in + 1] == '\\'))
			c = line[++in];
		line[(*out)++] = c;
	}
	return quoted ? -EINVAL : (int64_t)in;
}

/* line must have room for one byte more than len: the last word's NUL. */
int silo_words(char *line, size_t len, char **word, unsigned max)
{
	size_t in = 0, out = 0;
	unsigned n = 0;

	for (;;) {
		int64_t end;

		while (in < len && is_blank(line[in]))
			in++;
		if (in == len || line[in] == '#')
			return (int)n;
		if (n == max)
			return -E2BIG;
		word[n] = line + out;
		end = word_take(line, len, in, &out);
		if (end < 0)
			return (int)end;
		in = (size_t)end;
		/* The blank behind the word, or the byte behind the line, takes the NUL. */
		line[out++] = '\0';
		if (in < len)
			in++;
		n++;
	}
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

int silo_parse_number(const char *word, size_t len, uint64_t *value)
{
	uint64_t v = 0;
	unsigned base = 10;
	size_t i = 0;

	if (len > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X')) {
		base = 16;
		i = 2;
	}
	if (i == len)
		return -EINVAL;
	for (; i < len; i++) {
		unsigned digit = (unsigned)digit_of(word[i]);

		if (digit >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit, &v))
			return -ERANGE;
	}
	*value = v;
	return 0;
}

int silo_parse_size(const char *word, size_t len, uint64_t *value)
{
	unsigned shift = 0;
	uint64_t v;
	int rc;

	if (len > 1) {
		switch (word[len - 1]) {
		case 'k':
		case 'K': shift = 10; break;
		case 'm':
		case 'M': shift = 20; break;
		case 'g':
		case 'G': shift = 30; break;
		}
	}
	rc = silo_parse_number(word, shift != 0 ? len - 1 : len, &v);
	if (rc < 0)
		return rc;
	if (v > UINT64_MAX >> shift)
		return -ERANGE;
	*value = v << shift;
	return 0;
}

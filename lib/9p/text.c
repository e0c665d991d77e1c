/* SPDX-License-Identifier: ISC */
/*
 * text.c: growing text, and the splitting of lines into words, for synthetic files.
 *
 * Invariant: len <= size, and a text that has failed stays as it is and says so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "9p/tree.h"

#define TEXT_MAX (16u << 20)

/* Room for len bytes more, and a NUL. */
static bool text_grow(struct p9_text *t, uint32_t len)
{
	uint32_t size = t->size ? t->size : 256;
	char *ptr;

	if (t->failed || len >= TEXT_MAX - t->len) {
		t->failed = true;
		return false;
	}
	if (t->size - t->len > len)
		return true;
	while (size - t->len <= len)
		size *= 2;
	ptr = realloc(t->ptr, size);
	if (!ptr) {
		t->failed = true;
		return false;
	}
	t->ptr = ptr;
	t->size = size;
	return true;
}

void p9_text_add(struct p9_text *t, const void *ptr, uint32_t len)
{
	if (!len || !text_grow(t, len))
		return;
	memcpy(t->ptr + t->len, ptr, len);
	t->len += len;
}

void p9_text_printf(struct p9_text *t, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0 || !text_grow(t, (uint32_t)len)) {
		t->failed = true;
		return;
	}
	va_start(args, fmt);
	vsnprintf(t->ptr + t->len, (size_t)len + 1, fmt, args);
	va_end(args);
	t->len += (uint32_t)len;
}

void p9_text_free(struct p9_text *t)
{
	free(t->ptr);
	*t = (struct p9_text){0};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One word from *from to *to, which never overtakes it. False: a quote does not end. */
static bool word_copy(char **from, char **to)
{
	char *in = *from, *out = *to, quote = 0;

	for (; *in && (quote || !is_blank(*in)); in++) {
		if (quote && *in == quote) {
			if (in[1] == quote)
				*out++ = *in++;
			else
				quote = 0;
		} else if (!quote && (*in == '\'' || *in == '"')) {
			quote = *in;
		} else {
			*out++ = *in;
		}
	}
	*from = in;
	*to = out;
	return !quote;
}

int p9_words_split(char *line, char **words, int max)
{
	char *in = line, *out;
	int count = 0;

	for (;;) {
		while (is_blank(*in))
			in++;
		if (!*in)
			return count;
		if (count == max)
			return -E2BIG;
		words[count++] = out = in;
		if (!word_copy(&in, &out))
			return -EINVAL;
		if (*in)
			in++; /* the blank, which the NUL may replace */
		*out = '\0';
	}
}

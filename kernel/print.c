/* SPDX-License-Identifier: ISC */
/*
 * print.c: formatted text into a buffer. Pure: it also compiles on the host,
 * where tests/unit/print.c runs it.
 *
 * Known: %s %c %d %i %u %x %X %p %%, the lengths l, ll and z, a width or *, the
 * flags 0 and -, and a precision for %s. Nothing else: a conversion that is not
 * known is copied as it stands. No floating point.
 *
 * Invariant: never writes beyond `size`, ends with NUL when size > 0, and
 * answers the length that the whole text would have.
 */
#include "log.h"

struct out {
	char *buf;
	size_t size, len;
};

struct spec {
	unsigned width;
	int precision; /* -1: none */
	bool left, zero;
	unsigned longs; /* 0: int, else 64 bits */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void pad(struct out *o, char c, size_t n)
{
	while (n-- > 0)
		put(o, c);
}

/* Text of `n` bytes in the field's width. */
static void put_field(struct out *o, const struct spec *s, const char *text, size_t n)
{
	size_t fill = s->width > n ? s->width - n : 0;

	if (!s->left)
		pad(o, ' ', fill);
	for (size_t i = 0; i < n; i++)
		put(o, text[i]);
	if (s->left)
		pad(o, ' ', fill);
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
	size_t n = 0;

	if (!text)
		text = "(null)";
	while ((s->precision < 0 || n < (size_t)s->precision) && text[n])
		n++;
	put_field(o, s, text, n);
}

static void put_number(struct out *o, const struct spec *s, uint64_t value, unsigned base,
		       const char *prefix, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[32];
	size_t at = sizeof(text), lead = strlen(prefix), n;

	do {
		text[--at] = digits[value % base];
		value /= base;
	} while (value);
	if (s->zero && !s->left) {
		n = sizeof(text) - at + lead;
		for (size_t i = 0; i < lead; i++)
			put(o, prefix[i]);
		pad(o, '0', s->width > n ? s->width - n : 0);
		for (; at < sizeof(text); at++)
			put(o, text[at]);
		return;
	}
	while (lead > 0)
		text[--at] = prefix[--lead];
	put_field(o, s, text + at, sizeof(text) - at);
}

static void put_signed(struct out *o, const struct spec *s, int64_t value)
{
	uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;

	put_number(o, s, size, 10, value < 0 ? "-" : "", false);
}

static const char *read_spec(const char *f, struct spec *s, va_list *ap)
{
	*s = (struct spec){.precision = -1};
	for (; *f == '0' || *f == '-'; f++) {
		if (*f == '0')
			s->zero = true;
		else
			s->left = true;
	}
	if (*f == '*') {
		int width = va_arg(*ap, int);

		s->width = width > 0 ? (unsigned)width : 0;
		f++;
	}
	for (; *f >= '0' && *f <= '9' && s->width < 1000; f++)
		s->width = s->width * 10 + (unsigned)(*f - '0');
	if (*f == '.' && f[1] == '*') {
		s->precision = va_arg(*ap, int);
		f += 2;
	} else if (*f == '.') {
		s->precision = 0;
		for (f++; *f >= '0' && *f <= '9' && s->precision < 100000; f++)
			s->precision = s->precision * 10 + (*f - '0');
	}
	for (; *f == 'l' || *f == 'z'; f++)
		s->longs++;
	return f;
}

/* One conversion from `f` on (behind the %); answers where the format goes on. */
static const char *convert(struct out *o, const char *f, va_list *ap)
{
	const char *start = f;
	struct spec s;
	char c;

	f = read_spec(f, &s, ap);
	switch (*f) {
	case 's': put_string(o, &s, va_arg(*ap, const char *)); break;
	case 'c':
		c = (char)va_arg(*ap, int);
		put_field(o, &s, &c, 1);
		break;
	case 'd':
	case 'i': put_signed(o, &s, s.longs ? va_arg(*ap, long) : va_arg(*ap, int)); break;
	case 'u':
	case 'x':
	case 'X':
		put_number(o, &s, s.longs ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned),
			   *f == 'u' ? 10 : 16, "", *f == 'X');
		break;
	case 'p': put_number(o, &s, (uintptr_t)va_arg(*ap, void *), 16, "0x", false); break;
	case '%': put(o, '%'); break;
	default: /* not ours: shown as it is */
		put(o, '%');
		for (; start < f; start++)
			put(o, *start);
		return f;
	}
	return f + 1;
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = {.buf = buf, .size = size};
	va_list args;

	va_copy(args, ap);
	while (*fmt) {
		if (*fmt == '%')
			fmt = convert(&o, fmt + 1, &args);
		else
			put(&o, *fmt++);
	}
	va_end(args);
	if (size > 0)
		buf[o.len < size ? o.len : size - 1] = '\0';
	return (int)o.len;
}

int ksnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

const char *option_next(const char *text, const char *name, size_t *len)
{
	size_t n = strlen(name);

	while (*text) {
		size_t word = 0;

		while (*text == ' ')
			text++;
		while (text[word] && text[word] != ' ')
			word++;
		if (word > n && strncmp(text, name, n) == 0 && text[n] == '=') {
			*len = word - n - 1;
			return text + n + 1;
		}
		text += word;
	}
	return NULL;
}

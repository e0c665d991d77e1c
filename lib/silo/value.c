/* SPDX-License-Identifier: ISC */
/*
 * Values of the single directives and commands, and the rules that concern one or two of them. The
 * control file uses the functions that take a line (silo.h), the file parser those that take words
 * (value.h): the grammar is the same because the code is.
 *
 * Invariant: an output is written only on success.
 */
#include "silo/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "silo/names.h"

/* More than any single command's value needs. */
#define VALUE_WORDS 12u

#define IRQ_MAX	  1023u
#define PORTS_ALL 65536u

int silo_refuse(char *reason, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(reason, SILO_REASON_MAX, format, ap);
	va_end(ap);
	return err;
}

int silo_value_u32(const char *word, uint32_t min, uint32_t max, uint32_t *value)
{
	uint64_t v;

	if (silo_parse_number(word, strlen(word), &v) < 0 || v < min || v > max)
		return -EINVAL;
	*value = (uint32_t)v;
	return 0;
}

int silo_value_mode(char **word, unsigned n, uint16_t *mode, char *reason)
{
	uint16_t v = 0;

	if (n != 1 || strlen(word[0]) != 3)
		return silo_refuse(reason, -EINVAL, "mode takes three octal digits");
	for (unsigned i = 0; i < 3; i++) {
		if (word[0][i] < '0' || word[0][i] > '7')
			return silo_refuse(reason, -EINVAL, "mode takes three octal digits");
		v = (uint16_t)(v << 3 | (word[0][i] - '0'));
	}
	*mode = v;
	return 0;
}

int silo_value_family(char **word, unsigned n, enum silo_family *family, char *reason)
{
	int v = n == 1 ? silo_family_of(word[0]) : -EINVAL;

	if (v < 0)
		return silo_refuse(reason, v, "family is one of SYS DRV FS NET WASM USR");
	*family = (enum silo_family)v;
	return 0;
}

static int limit_number(enum silo_limit key, const char *word, uint64_t *value)
{
	size_t len = strlen(word);

	switch (key) {
	case SILO_MEMORY:
	case SILO_MEM_MIN: return silo_parse_size(word, len, value);
	case SILO_PROCESSES:
	case SILO_THREADS:
	case SILO_HANDLES:
	case SILO_MESSAGES:
	case SILO_CPU_SHARES:
	case SILO_CPU_QUOTA_US:
	case SILO_CPU_PERIOD_US:
	case SILO_AFFINITY: return silo_parse_number(word, len, value);
	case SILO_LIMIT_COUNT: break;
	}
	return -EINVAL;
}

/* The largest value that means something; 0 where 0 is not a value. */
static void limit_range(enum silo_limit key, uint64_t *min, uint64_t *max)
{
	*min = 1;
	*max = UINT32_MAX;
	switch (key) {
	case SILO_MEMORY: *max = UINT64_MAX; break;
	case SILO_MEM_MIN:
		*min = 0;
		*max = UINT64_MAX;
		break;
	case SILO_CPU_QUOTA_US: *min = 0; break;
	case SILO_AFFINITY: *max = UINT64_MAX; break;
	case SILO_CPU_SHARES: *max = 1u << 20; break;
	case SILO_PROCESSES:
	case SILO_THREADS:
	case SILO_HANDLES:
	case SILO_MESSAGES:
	case SILO_CPU_PERIOD_US:
	case SILO_LIMIT_COUNT: break;
	}
}

int silo_value_limit(char **word, unsigned n, enum silo_limit *key, uint64_t *value, char *reason)
{
	uint64_t v, min, max;
	int k;

	if (n != 2)
		return silo_refuse(reason, -EINVAL, "limit takes a key and a number");
	k = silo_limit_of(word[0]);
	if (k < 0)
		return silo_refuse(reason, -EINVAL, "unknown limit '%.40s'", word[0]);
	if (limit_number((enum silo_limit)k, word[1], &v) < 0)
		return silo_refuse(reason, -EINVAL, "limit %s: '%.40s' is no number", word[0],
				   word[1]);
	limit_range((enum silo_limit)k, &min, &max);
	if (v < min || v > max)
		return silo_refuse(reason, -EINVAL, "limit %s: %.40s is out of range", word[0],
				   word[1]);
	*key = (enum silo_limit)k;
	*value = v;
	return 0;
}

int silo_check_limits(const struct silo_limits *limits, char *reason)
{
	const uint64_t *v = limits->value;
	uint32_t given = limits->given;

	if ((given & 1u << SILO_MEMORY) && v[SILO_MEM_MIN] > v[SILO_MEMORY])
		return silo_refuse(reason, -EINVAL, "limit mem_min is larger than limit memory");
	if (v[SILO_CPU_QUOTA_US] != 0 && v[SILO_CPU_PERIOD_US] == 0)
		return silo_refuse(reason, -EINVAL, "limit cpu_quota_us needs cpu_period_us");
	return 0;
}

static int restart_option(struct silo_restart_policy *p, const char *key, const char *word)
{
	if (strcmp(key, "budget") == 0)
		return silo_value_u32(word, 0, 1000000, &p->budget);
	if (strcmp(key, "window") == 0)
		return silo_value_u32(word, 1, 86400 * 365, &p->window_s);
	if (strcmp(key, "backoff-max") == 0)
		return silo_value_u32(word, 1, 86400 * 1000, &p->backoff_max_ms);
	return -ENOENT;
}

int silo_value_restart(char **word, unsigned n, struct silo_restart_policy *policy, char *reason)
{
	struct silo_restart_policy p = SILO_RESTART_DEFAULT;
	int when = n >= 1 ? silo_restart_of(word[0]) : -EINVAL;

	if (when < 0)
		return silo_refuse(reason, -EINVAL, "restart is never, on-crash or always");
	p.when = (enum silo_restart)when;
	for (unsigned i = 1; i < n; i += 2) {
		int rc;

		if (i + 1 == n)
			return silo_refuse(reason, -EINVAL, "restart: '%.40s' without a value",
					   word[i]);
		for (unsigned j = 1; j < i; j += 2) {
			if (strcmp(word[i], word[j]) == 0)
				return silo_refuse(reason, -EINVAL, "restart: '%.40s' twice",
						   word[i]);
		}
		rc = restart_option(&p, word[i], word[i + 1]);
		if (rc == -ENOENT)
			return silo_refuse(reason, -EINVAL, "restart: unknown word '%.40s'",
					   word[i]);
		if (rc < 0)
			return silo_refuse(reason, -EINVAL, "restart %s: '%.40s' is out of range",
					   word[i], word[i + 1]);
	}
	*policy = p;
	return 0;
}

int silo_value_path(char *path, char *reason)
{
	size_t len = strlen(path);
	size_t start = 1;

	if (path[0] != '/')
		return silo_refuse(reason, -EINVAL, "a path must begin with /");
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	if (len > SILO_PATH_MAX)
		return silo_refuse(reason, -E2BIG, "a path is longer than %u bytes", SILO_PATH_MAX);
	if (len == 1)
		return 0;
	for (size_t i = 1; i <= len; i++) {
		size_t n = i - start;

		if (i < len && path[i] != '/')
			continue;
		if (n == 0 || (n == 1 && path[start] == '.') ||
		    (n == 2 && path[start] == '.' && path[start + 1] == '.'))
			return silo_refuse(reason, -EINVAL,
					   "a path has an empty, '.' or '..' component");
		start = i + 1;
	}
	return 0;
}

static int perms_of(const char *word, uint8_t *perms)
{
	uint8_t p = 0;

	if (strcmp(word, "-") == 0) {
		*perms = 0;
		return 0;
	}
	for (; *word; word++) {
		uint8_t bit = 0;

		switch (*word) {
		case 'r': bit = SILO_UNVEIL_READ; break;
		case 'w': bit = SILO_UNVEIL_WRITE; break;
		case 'x': bit = SILO_UNVEIL_EXECUTE; break;
		case 'c': bit = SILO_UNVEIL_CREATE; break;
		}
		if (bit == 0 || (p & bit) != 0)
			return -EINVAL;
		p |= bit;
	}
	*perms = p;
	return p == 0 ? -EINVAL : 0;
}

int silo_value_unveil(char **word, unsigned n, uint8_t *perms, char *reason)
{
	uint8_t p;
	int rc;

	if (n != 2)
		return silo_refuse(reason, -EINVAL, "unveil takes a path and permissions");
	rc = silo_value_path(word[0], reason);
	if (rc < 0)
		return rc;
	if (perms_of(word[1], &p) < 0)
		return silo_refuse(reason, -EINVAL,
				   "unveil permissions are letters of rwxc, or - for none");
	*perms = p;
	return 0;
}

int silo_value_label(const char *word, char *reason)
{
	size_t len = strlen(word);

	if (len == 0 || len > SILO_LABEL_MAX)
		return silo_refuse(reason, -EINVAL, "a label has 1 to %u characters",
				   SILO_LABEL_MAX);
	for (size_t i = 0; i < len; i++) {
		char c = word[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    c == '-' || c == '_' || c == '.')
			continue;
		return silo_refuse(reason, -EINVAL, "a label has letters, digits, '-_.' only");
	}
	if (strcmp(word, ".") == 0 || strcmp(word, "..") == 0)
		return silo_refuse(reason, -EINVAL, "'%s' is no label", word);
	return 0;
}

/* Exactly `digits` hex digits, as PCI numbers are written. */
static int hex_exact(const char *s, unsigned digits, uint16_t *value)
{
	char text[2 + 8] = "0x";
	uint64_t v;

	memcpy(text + 2, s, digits);
	if (silo_parse_number(text, 2 + digits, &v) < 0)
		return -EINVAL;
	*value = (uint16_t)v;
	return 0;
}

static int pci_match(struct silo_device *d, const char *word)
{
	uint16_t v;

	if (strncmp(word, "class=", 6) == 0 && strlen(word) == 10) {
		d->match |= SILO_PCI_CLASS;
		return hex_exact(word + 6, 4, &d->class_code);
	}
	if (strncmp(word, "prog=", 5) == 0 && strlen(word) == 7) {
		d->match |= SILO_PCI_PROG;
		if (hex_exact(word + 5, 2, &v) < 0)
			return -EINVAL;
		d->prog_if = (uint8_t)v;
		return 0;
	}
	if (strncmp(word, "id=", 3) == 0 && strlen(word) == 12 && word[7] == ':') {
		d->match |= SILO_PCI_ID;
		if (hex_exact(word + 3, 4, &d->vendor) < 0)
			return -EINVAL;
		return hex_exact(word + 8, 4, &d->device);
	}
	return -EINVAL;
}

static int device_pci(char **word, unsigned n, struct silo_device *d, char *reason)
{
	d->kind = SILO_PCI;
	for (unsigned i = 1; i < n; i++) {
		uint32_t before = d->match;

		if (pci_match(d, word[i]) < 0)
			return silo_refuse(reason, -EINVAL,
					   "device pci takes class=CCSS, prog=PP, id=VVVV:DDDD");
		if (d->match == before)
			return silo_refuse(reason, -EINVAL, "device pci: '%.40s' repeats a word",
					   word[i]);
	}
	if ((d->match & (SILO_PCI_CLASS | SILO_PCI_ID)) == 0)
		return silo_refuse(reason, -EINVAL, "device pci needs class= or id=");
	if ((d->match & SILO_PCI_PROG) != 0 && (d->match & SILO_PCI_CLASS) == 0)
		return silo_refuse(reason, -EINVAL, "device pci: prog= needs class=");
	return 0;
}

static int device_port(char **word, unsigned n, struct silo_device *d, char *reason)
{
	d->kind = SILO_PORT;
	if (n != 3 || silo_value_u32(word[1], 0, PORTS_ALL - 1, &d->port) < 0 ||
	    silo_value_u32(word[2], 1, PORTS_ALL, &d->ports) < 0)
		return silo_refuse(reason, -EINVAL, "device port takes a first port and a count");
	if (d->ports > PORTS_ALL - d->port)
		return silo_refuse(reason, -EINVAL, "device port: the range passes 0xffff");
	return 0;
}

int silo_value_device(char **word, unsigned n, struct silo_device *device, char *reason)
{
	struct silo_device d = {.kind = SILO_PCI};
	int rc;

	if (n >= 1 && strcmp(word[0], "pci") == 0) {
		rc = device_pci(word, n, &d, reason);
	} else if (n >= 1 && strcmp(word[0], "port") == 0) {
		rc = device_port(word, n, &d, reason);
	} else if (n >= 1 && strcmp(word[0], "irq") == 0) {
		d.kind = SILO_IRQ;
		rc = n == 2 ? silo_value_u32(word[1], 0, IRQ_MAX, &d.irq) : -EINVAL;
		if (rc < 0)
			silo_refuse(reason, rc, "device irq takes a line from 0 to %u", IRQ_MAX);
	} else {
		rc = silo_refuse(reason, -EINVAL, "device is pci, irq or port");
	}
	if (rc == 0)
		*device = d;
	return rc;
}

int silo_check_mode(enum silo_family family, enum silo_tier tier, uint16_t mode, char *reason)
{
	uint16_t ceiling = silo_mode_ceiling(family);

	if ((mode & ~ceiling) != 0)
		return silo_refuse(reason, -EPERM, "mode %03o exceeds %03o, the ceiling of %s",
				   mode, ceiling, silo_family_name(family));
	if (tier == SILO_USER && (mode & 0770) != 0)
		return silo_refuse(reason, -EPERM,
				   "mode %03o: tier user has no control and no hardware digit",
				   mode);
	return 0;
}

/* Copy a command's value and split it. */
static int value_words(const char *args, size_t len, char buf[SILO_LINE_MAX + 1], char **word,
		       char *reason)
{
	int n;

	if (len > SILO_LINE_MAX)
		return silo_refuse(reason, -E2BIG, "a line is longer than %u bytes", SILO_LINE_MAX);
	memcpy(buf, args, len);
	n = silo_words(buf, len, word, VALUE_WORDS);
	if (n == -E2BIG)
		return silo_refuse(reason, n, "too many words");
	if (n < 0)
		return silo_refuse(reason, n, "open quote or control character");
	return n;
}

int silo_parse_mode(const char *args, size_t len, uint16_t *mode, char *reason)
{
	char buf[SILO_LINE_MAX + 1], *word[VALUE_WORDS];
	int n = value_words(args, len, buf, word, reason);

	return n < 0 ? n : silo_value_mode(word, (unsigned)n, mode, reason);
}

int silo_parse_limit(const char *args, size_t len, enum silo_limit *key, uint64_t *value,
		     char *reason)
{
	char buf[SILO_LINE_MAX + 1], *word[VALUE_WORDS];
	int n = value_words(args, len, buf, word, reason);

	return n < 0 ? n : silo_value_limit(word, (unsigned)n, key, value, reason);
}

int silo_parse_restart(const char *args, size_t len, struct silo_restart_policy *policy,
		       char *reason)
{
	char buf[SILO_LINE_MAX + 1], *word[VALUE_WORDS];
	int n = value_words(args, len, buf, word, reason);

	return n < 0 ? n : silo_value_restart(word, (unsigned)n, policy, reason);
}

int silo_parse_family(const char *args, size_t len, enum silo_family *family, char *reason)
{
	char buf[SILO_LINE_MAX + 1], *word[VALUE_WORDS];
	int n = value_words(args, len, buf, word, reason);

	return n < 0 ? n : silo_value_family(word, (unsigned)n, family, reason);
}

int silo_parse_device(const char *args, size_t len, struct silo_device *device, char *reason)
{
	char buf[SILO_LINE_MAX + 1], *word[VALUE_WORDS];
	int n = value_words(args, len, buf, word, reason);

	return n < 0 ? n : silo_value_device(word, (unsigned)n, device, reason);
}

int silo_parse_unveil(const char *args, size_t len, char path[SILO_PATH_MAX + 1], uint8_t *perms,
		      char *reason)
{
	char buf[SILO_LINE_MAX + 1], *word[VALUE_WORDS];
	int n = value_words(args, len, buf, word, reason);

	if (n < 0)
		return n;
	n = silo_value_unveil(word, (unsigned)n, perms, reason);
	if (n < 0)
		return n;
	memcpy(path, word[0], strlen(word[0]) + 1);
	return 0;
}

int silo_parse_label(const char *args, size_t len, char *label, char *reason)
{
	char buf[SILO_LINE_MAX + 1], *word[VALUE_WORDS];
	int n = value_words(args, len, buf, word, reason);

	if (n < 0)
		return n;
	if (n != 1)
		return silo_refuse(reason, -EINVAL, "one label is expected");
	n = silo_value_label(word[0], reason);
	if (n < 0)
		return n;
	memcpy(label, word[0], strlen(word[0]) + 1);
	return 0;
}

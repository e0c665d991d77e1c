/* SPDX-License-Identifier: ISC */
/*
 * The description file: lines to directives, directives to struct silo_desc, then the rules that
 * concern the whole. Each directive is one row of a table and one function.
 *
 * Everything is built in the caller's scratch; only a description that passed every rule is copied
 * out. Invariant: a failure names the line that was read when it was noticed, or line 0 where no
 * single line is to blame.
 */
#include "silo/silo.h"

#include <errno.h>
#include <string.h>

#include "silo/names.h"
#include "silo/value.h"

struct parser {
	struct silo_desc *d;
	uint32_t seen; /* bit: directive's row was met */
	char *reason;
};

/* Keep a string in the description. Returns its offset or an errno. */
static int text_keep(struct parser *p, const char *s)
{
	size_t len = strlen(s) + 1;
	uint32_t at = p->d->text_len;

	if (len > SILO_TEXT_MAX - at)
		return silo_refuse(p->reason, -E2BIG, "more than %u bytes of text", SILO_TEXT_MAX);
	memcpy(p->d->text + at, s, len);
	p->d->text_len += (uint32_t)len;
	return (int)at;
}

/* The same for an element of a list. */
static int list_keep(struct parser *p, uint16_t *list, uint32_t *count, uint32_t max,
		     const char *what, const char *s)
{
	int at;

	if (*count == max)
		return silo_refuse(p->reason, -E2BIG, "more than %u %s", max, what);
	at = text_keep(p, s);
	if (at < 0)
		return at;
	list[(*count)++] = (uint16_t)at;
	return 0;
}

static int need_one(struct parser *p, unsigned n, const char *what)
{
	return n == 1 ? 0 : silo_refuse(p->reason, -EINVAL, "%s takes one word", what);
}

static int do_name(struct parser *p, char **word, unsigned n)
{
	int rc = need_one(p, n, "name");

	if (rc == 0)
		rc = silo_value_label(word[0], p->reason);
	if (rc == 0)
		memcpy(p->d->name, word[0], strlen(word[0]) + 1);
	return rc;
}

static int do_exec(struct parser *p, char **word, unsigned n)
{
	int rc = need_one(p, n, "exec");

	if (rc == 0)
		rc = silo_value_path(word[0], p->reason);
	if (rc == 0)
		rc = text_keep(p, word[0]);
	if (rc < 0)
		return rc;
	p->d->exec = (uint16_t)rc;
	return 0;
}

static int do_arg(struct parser *p, char **word, unsigned n)
{
	int rc = n == 0 ? silo_refuse(p->reason, -EINVAL, "arg takes at least one word") : 0;

	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = list_keep(p, p->d->arg, &p->d->args, SILO_ARGS_MAX, "arguments", word[i]);
	return rc;
}

static size_t env_key_len(const char *s)
{
	size_t i = 0;

	while ((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_' ||
	       (i > 0 && s[i] >= '0' && s[i] <= '9'))
		i++;
	return s[i] == '=' ? i : 0;
}

static int do_env(struct parser *p, char **word, unsigned n)
{
	int rc = need_one(p, n, "env");
	size_t len;

	if (rc < 0)
		return rc;
	len = env_key_len(word[0]);
	if (len == 0)
		return silo_refuse(p->reason, -EINVAL, "env takes KEY=VALUE");
	for (uint32_t i = 0; i < p->d->envs; i++) {
		if (strncmp(silo_text(p->d, p->d->env[i]), word[0], len + 1) == 0)
			return silo_refuse(p->reason, -EINVAL, "env '%.*s' twice",
					   (int)(len < 40 ? len : 40), word[0]);
	}
	return list_keep(p, p->d->env, &p->d->envs, SILO_ENV_MAX, "env lines", word[0]);
}

static int do_family(struct parser *p, char **word, unsigned n)
{
	return silo_value_family(word, n, &p->d->family, p->reason);
}

static int do_tier(struct parser *p, char **word, unsigned n)
{
	int v = n == 1 ? silo_tier_named(word[0]) : -EINVAL;

	if (v < 0)
		return silo_refuse(p->reason, v, "tier is critical, system or user");
	p->d->tier = (enum silo_tier)v;
	return 0;
}

static int do_id(struct parser *p, char **word, unsigned n)
{
	if (n != 1 || silo_value_u32(word[0], 1, INT32_MAX, &p->d->id) < 0)
		return silo_refuse(p->reason, -EINVAL, "id takes a number from 1 to 2147483647");
	p->d->tier = silo_tier_of(p->d->id);
	return 0;
}

static int do_mode(struct parser *p, char **word, unsigned n)
{
	return silo_value_mode(word, n, &p->d->mode, p->reason);
}

static int do_device(struct parser *p, char **word, unsigned n)
{
	if (p->d->devices == SILO_DEVICES_MAX)
		return silo_refuse(p->reason, -E2BIG, "more than %u devices", SILO_DEVICES_MAX);
	if (silo_value_device(word, n, &p->d->device[p->d->devices], p->reason) < 0)
		return -EINVAL;
	p->d->devices++;
	return 0;
}

static int do_dma(struct parser *p, char **word, unsigned n)
{
	uint64_t size;

	if (n != 1 || silo_parse_size(word[0], strlen(word[0]), &size) < 0 || size == 0)
		return silo_refuse(p->reason, -EINVAL, "dma takes a size");
	p->d->dma = size;
	return 0;
}

static int do_limit(struct parser *p, char **word, unsigned n)
{
	struct silo_limits *limits = &p->d->limits;
	enum silo_limit key;
	uint64_t value;
	int rc = silo_value_limit(word, n, &key, &value, p->reason);

	if (rc < 0)
		return rc;
	if (limits->given & 1u << key)
		return silo_refuse(p->reason, -EINVAL, "limit %s twice", word[0]);
	limits->given |= 1u << key;
	limits->value[key] = value;
	return 0;
}

static int do_restart(struct parser *p, char **word, unsigned n)
{
	return silo_value_restart(word, n, &p->d->restart, p->reason);
}

static int do_heartbeat(struct parser *p, char **word, unsigned n)
{
	if (n != 1 || silo_value_u32(word[0], 10, 3600000, &p->d->heartbeat_ms) < 0)
		return silo_refuse(p->reason, -EINVAL,
				   "heartbeat takes milliseconds from 10 to 3600000");
	return 0;
}

static int do_unveil(struct parser *p, char **word, unsigned n)
{
	struct silo_unveil *rule;
	uint8_t perms;
	int rc;

	if (p->d->unveils == SILO_UNVEIL_MAX)
		return silo_refuse(p->reason, -E2BIG, "more than %u unveil rules", SILO_UNVEIL_MAX);
	rc = silo_value_unveil(word, n, &perms, p->reason);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < p->d->unveils; i++) {
		if (strcmp(silo_text(p->d, p->d->unveil[i].path), word[0]) == 0)
			return silo_refuse(p->reason, -EINVAL, "unveil '%.60s' twice", word[0]);
	}
	rc = text_keep(p, word[0]);
	if (rc < 0)
		return rc;
	rule = &p->d->unveil[p->d->unveils++];
	rule->path = (uint16_t)rc;
	rule->perms = perms;
	return 0;
}

static int do_provides(struct parser *p, char **word, unsigned n)
{
	int rc = need_one(p, n, "provides");

	if (rc == 0)
		rc = silo_value_path(word[0], p->reason);
	if (rc < 0)
		return rc;
	return list_keep(p, p->d->provides, &p->d->provide_count, SILO_PROVIDES_MAX,
			 "provides lines", word[0]);
}

static int do_needs(struct parser *p, char **word, unsigned n)
{
	if (n == 0)
		return silo_refuse(p->reason, -EINVAL, "needs takes a name");
	for (unsigned i = 0; i < n; i++) {
		if (p->d->need_count == SILO_NEEDS_MAX)
			return silo_refuse(p->reason, -E2BIG, "more than %u needs", SILO_NEEDS_MAX);
		if (silo_value_label(word[i], p->reason) < 0)
			return -EINVAL;
		memcpy(p->d->needs[p->d->need_count++], word[i], strlen(word[i]) + 1);
	}
	return 0;
}

static int do_start(struct parser *p, char **word, unsigned n)
{
	int v = n == 1 ? silo_start_of(word[0]) : -EINVAL;

	if (v < 0)
		return silo_refuse(p->reason, v, "start is boot, demand or never");
	p->d->start = (enum silo_start)v;
	return 0;
}

static int do_strict(struct parser *p, char **word, unsigned n)
{
	(void)word;
	if (n != 0)
		return silo_refuse(p->reason, -EINVAL, "strict takes nothing");
	p->d->strict = true;
	return 0;
}

static int do_keeper(struct parser *p, char **word, unsigned n)
{
	if (n == 1 && strcmp(word[0], "on") == 0)
		p->d->keeper = true;
	else if (n == 1 && strcmp(word[0], "off") == 0)
		p->d->keeper = false;
	else
		return silo_refuse(p->reason, -EINVAL, "keeper is on or off");
	return 0;
}

enum row {
	R_NAME,
	R_EXEC,
	R_ARG,
	R_ENV,
	R_FAMILY,
	R_TIER,
	R_ID,
	R_MODE,
	R_DEVICE,
	R_DMA,
	R_LIMIT,
	R_RESTART,
	R_HEARTBEAT,
	R_UNVEIL,
	R_PROVIDES,
	R_NEEDS,
	R_START,
	R_STRICT,
	R_KEEPER,
	R_COUNT
};

static const struct directive {
	const char *word;
	int (*run)(struct parser *p, char **word, unsigned n);
	bool many; /* may stand on several lines */
} directives[R_COUNT] = {
	[R_NAME] = {"name", do_name, false},
	[R_EXEC] = {"exec", do_exec, false},
	[R_ARG] = {"arg", do_arg, true},
	[R_ENV] = {"env", do_env, true},
	[R_FAMILY] = {"family", do_family, false},
	[R_TIER] = {"tier", do_tier, false},
	[R_ID] = {"id", do_id, false},
	[R_MODE] = {"mode", do_mode, false},
	[R_DEVICE] = {"device", do_device, true},
	[R_DMA] = {"dma", do_dma, false},
	[R_LIMIT] = {"limit", do_limit, true},
	[R_RESTART] = {"restart", do_restart, false},
	[R_HEARTBEAT] = {"heartbeat", do_heartbeat, false},
	[R_UNVEIL] = {"unveil", do_unveil, true},
	[R_PROVIDES] = {"provides", do_provides, true},
	[R_NEEDS] = {"needs", do_needs, true},
	[R_START] = {"start", do_start, false},
	[R_STRICT] = {"strict", do_strict, false},
	[R_KEEPER] = {"keeper", do_keeper, false},
};

static int run_directive(struct parser *p, char **word, unsigned n)
{
	for (unsigned row = 0; row < R_COUNT; row++) {
		const struct directive *dir = &directives[row];

		if (strcmp(dir->word, word[0]) != 0)
			continue;
		if (!dir->many && (p->seen & 1u << row) != 0)
			return silo_refuse(p->reason, -EINVAL, "%s twice", dir->word);
		if ((row == R_ID || row == R_TIER) && (p->seen & (1u << R_ID | 1u << R_TIER)) != 0)
			return silo_refuse(p->reason, -EINVAL, "id and tier exclude each other");
		p->seen |= 1u << row;
		return dir->run(p, word + 1, n - 1);
	}
	return silo_refuse(p->reason, -EINVAL, "unknown directive '%.40s'", word[0]);
}

/* Which bit of the mode a device needs, by what the gates for it ask. */
static int check_devices(struct parser *p)
{
	const struct silo_desc *d = p->d;

	for (uint32_t i = 0; i < d->devices; i++) {
		bool irq = d->device[i].kind == SILO_IRQ;
		uint16_t bit = irq ? SILO_MODE_INTERRUPT : SILO_MODE_IO;

		if ((d->mode & bit) == 0)
			return silo_refuse(p->reason, -EPERM,
					   "a device needs the %s bit of mode (%03o)",
					   irq ? "interrupt" : "IO", bit);
	}
	if (d->dma != 0 && (d->mode & SILO_MODE_DMA) == 0)
		return silo_refuse(p->reason, -EPERM, "dma needs the DMA bit of mode (%03o)",
				   SILO_MODE_DMA);
	return 0;
}

static int check_needs(struct parser *p)
{
	const struct silo_desc *d = p->d;

	for (uint32_t i = 0; i < d->need_count; i++) {
		if (strcmp(d->needs[i], d->name) == 0)
			return silo_refuse(p->reason, -EINVAL, "a silo cannot need itself");
		for (uint32_t j = 0; j < i; j++) {
			if (strcmp(d->needs[i], d->needs[j]) == 0)
				return silo_refuse(p->reason, -EINVAL, "needs '%s' twice",
						   d->needs[i]);
		}
	}
	if (d->provide_count != 0 && (d->mode & SILO_MODE_BIND) == 0)
		return silo_refuse(p->reason, -EPERM, "provides needs the bind bit of mode (%03o)",
				   SILO_MODE_BIND);
	return 0;
}

static int check_whole(struct parser *p)
{
	int rc;

	if ((p->seen & 1u << R_NAME) == 0)
		return silo_refuse(p->reason, -EINVAL, "no name");
	if ((p->seen & 1u << R_EXEC) == 0)
		return silo_refuse(p->reason, -EINVAL, "no exec");
	rc = silo_check_mode(p->d->family, p->d->tier, p->d->mode, p->reason);
	if (rc == 0)
		rc = silo_check_limits(&p->d->limits, p->reason);
	if (rc == 0)
		rc = check_devices(p);
	if (rc == 0)
		rc = check_needs(p);
	return rc;
}

static int parse_line(struct parser *p, const char *line, size_t len)
{
	char buf[SILO_LINE_MAX + 1], *word[SILO_WORDS_MAX + 1];
	int n;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len > SILO_LINE_MAX)
		return silo_refuse(p->reason, -E2BIG, "longer than %u bytes", SILO_LINE_MAX);
	memcpy(buf, line, len);
	n = silo_words(buf, len, word, SILO_WORDS_MAX + 1);
	if (n == -E2BIG)
		return silo_refuse(p->reason, n, "more than %u words", SILO_WORDS_MAX);
	if (n < 0)
		return silo_refuse(p->reason, n, "open quote or control character");
	return n == 0 ? 0 : run_directive(p, word, (unsigned)n);
}

static void set_defaults(struct silo_desc *d)
{
	memset(d, 0, sizeof(*d));
	d->family = SILO_USR;
	d->tier = SILO_USER;
	d->mode = SILO_MODE_LOOKUP;
	d->start = SILO_BOOT;
	d->restart = SILO_RESTART_DEFAULT;
}

int silo_parse(const char *text, size_t len, struct silo_desc *desc, struct silo_desc *work,
	       struct silo_error *err)
{
	struct parser p = {.d = work, .reason = err->reason};
	size_t pos = 0;
	int rc;

	err->line = 0;
	err->reason[0] = '\0';
	if (len > SILO_FILE_MAX)
		return silo_refuse(err->reason, -E2BIG, "longer than %u bytes", SILO_FILE_MAX);
	set_defaults(work);
	while (pos < len) {
		const char *line = text + pos;
		const char *end = memchr(line, '\n', len - pos);
		size_t n = end ? (size_t)(end - line) : len - pos;

		err->line++;
		rc = parse_line(&p, line, n);
		if (rc < 0)
			return rc;
		pos += n + 1;
	}
	err->line = 0;
	rc = check_whole(&p);
	if (rc == 0)
		memcpy(desc, work, sizeof(*desc));
	return rc;
}

/* SPDX-License-Identifier: ISC */
/*
 * describe.c: what the boot archive says: silo descriptions, programs; and the boot words.
 *
 * A description that cannot be read is told in the log with its line and left out: the others
 * start. Nothing is read from anywhere else, so that no file system is needed to bring one up.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cpio/cpio.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/log.h"

#define SILOS_DIR "boot/silos/"
#define BIN_DIR	  "boot/bin/"

/* The part of an entry's name behind a folder, if it lies directly in it. NULL: it does not. */
static const char *name_in(const struct cpio_entry *e, const char *folder, size_t *len)
{
	size_t n = strlen(folder);

	if (e->name_len <= n || memcmp(e->name, folder, n) ||
	    memchr(e->name + n, '/', e->name_len - n))
		return NULL;
	*len = e->name_len - n;
	return e->name + n;
}

bool boot_off(const char *name)
{
	const struct bootstrap *block = boot_block();
	const char *at = block ? (const char *)block->cmdline : NULL;
	char word[SILO_LABEL_MAX + 16];
	size_t len = (size_t)snprintf(word, sizeof(word), "server.%s=off", name);

	for (; at && *at; at += strcspn(at, " "), at += strspn(at, " "))
		if (strncmp(at, word, len) == 0 && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

static bool is_foreign(const char *name)
{
	char handle[SILO_LABEL_MAX + 8];

	snprintf(handle, sizeof(handle), "silo:%s", name);
	return boot_handle(handle) != HANDLE_NONE;
}

/* One description; true: it was new. */
static bool description_read(struct sipd *d, const struct cpio_entry *e, const char *name,
			     size_t len)
{
	static struct silo_desc desc, work;
	struct silo_error error;
	struct silo *s;
	uint32_t flags = SLOT_BOOT;
	int err = silo_parse(e->data, e->size, &desc, &work, &error);

	if (err) {
		log_print("sipd: %.*s:%u: %s", (int)len, name, error.line, error.reason);
		return false;
	}
	if (silo_by_label(d, desc.name))
		return false;
	if (is_foreign(desc.name))
		flags |= SLOT_FOREIGN;
	err = silo_new(d, &desc, flags, &s);
	if (err) {
		log_print("sipd: %.*s: %s", (int)len, name, error_text(err));
		return false;
	}
	return true;
}

unsigned descriptions_read(struct sipd *d)
{
	struct cpio_entry e;
	size_t at = 0, len;
	unsigned count = 0;
	int r;

	while ((r = cpio_next(d->archive, d->archive_len, &at, &e)) == 1) {
		const char *name = name_in(&e, SILOS_DIR, &len);

		if (name && len > 5 && !memcmp(name + len - 5, ".silo", 5) && e.size)
			count += description_read(d, &e, name, len);
	}
	if (r < 0)
		log_print("sipd: the boot archive is damaged");
	return count;
}

int modules_read(struct sipd *d)
{
	struct cpio_entry e;
	size_t at = 0, len;

	while (cpio_next(d->archive, d->archive_len, &at, &e) == 1) {
		const char *name = name_in(&e, BIN_DIR, &len);
		struct module *more, *m;

		if (!name || len >= sizeof(m->name) || (e.mode & P9_S_IFMT) != P9_S_IFREG)
			continue;
		more = realloc(d->module, (d->modules + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		d->module = more;
		m = &more[d->modules++];
		memcpy(m->name, name, len);
		m->name[len] = '\0';
		m->data = e.data;
		m->size = e.size;
	}
	return 0;
}

const struct module *module_find(const struct sipd *d, const char *name)
{
	if (!strncmp(name, "/" BIN_DIR, strlen("/" BIN_DIR)))
		name += strlen("/" BIN_DIR);
	for (unsigned i = 0; i < d->modules; i++)
		if (!strcmp(d->module[i].name, name))
			return &d->module[i];
	return NULL;
}

/* SPDX-License-Identifier: ISC */
/*
 * lease.c: devices for drivers, by devd's files. Runs in workers.
 *
 * A PCI function is found in /dev/pci/bus, one line a function, and leased by its ctl:
 *	00:03.0 vendor=1af4 device=1001 class=0100 prog=00 ... silo=0
 * Ports and lines belong to platform devices, in /dev/platform/list:
 *	uart0 port=0x3f8+8 irq=4 ... silo=0
 *
 * What is leased to another silo is passed over; what this silo had before is preferred, so that a
 * restarted driver finds its own device again. Each device is leased once, however many lines of a
 * description it satisfies. A reset is the word `reset` to the same file; devd then ends the
 * quarantine of its DMA memory.
 *
 * Who may lie: devd, in its text; it is only searched, with bounds.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "servers/sipd/remote.h"
#include "sys/error.h"
#include "sys/log.h"

#define LIST_MAX 16384u

struct search {
	struct silo *s;
	char *pci, *platform;		    /* the two lists; NULL: not read yet */
	struct lease old[SIPD_DEVICES_MAX]; /* of the start before */
	unsigned olds;
	char *why;
};

/* ---- searching a list ------------------------------------------------------------------- */

/* The value of KEY= in a line that ends at `end`: a number in base, or false. */
static bool value_of(const char *line, const char *end, const char *key, int base, uint64_t *value,
		     const char **rest)
{
	size_t len = strlen(key);

	for (const char *at = line; at < end; at++) {
		char *stop;

		if ((at != line && at[-1] != ' ') || (size_t)(end - at) <= len ||
		    memcmp(at, key, len) || at[len] != '=')
			continue;
		errno = 0;
		*value = strtoull(at + len + 1, &stop, base);
		if (errno || stop == at + len + 1)
			return false;
		if (rest)
			*rest = stop;
		return true;
	}
	return false;
}

static bool has(const char *line, const char *end, const char *key, uint64_t want)
{
	uint64_t value;

	return value_of(line, end, key, 16, &value, NULL) && value == want;
}

static bool pci_matches(const char *line, const char *end, const struct silo_device *want)
{
	if (want->match & SILO_PCI_CLASS && !has(line, end, "class", want->class_code))
		return false;
	if (want->match & SILO_PCI_PROG && !has(line, end, "prog", want->prog_if))
		return false;
	return !(want->match & SILO_PCI_ID) ||
	       (has(line, end, "vendor", want->vendor) && has(line, end, "device", want->device));
}

static bool platform_matches(const char *line, const char *end, const struct silo_device *want)
{
	uint64_t first, count;
	const char *rest;

	if (want->kind == SILO_IRQ)
		return value_of(line, end, "irq", 10, &first, NULL) && first == want->irq;
	if (!value_of(line, end, "port", 16, &first, &rest) || *rest != '+')
		return false;
	count = strtoull(rest + 1, NULL, 10);
	return want->port >= first && want->port + want->ports <= first + count;
}

static bool listed(const struct lease *leases, unsigned count, const char *path)
{
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(leases[i].path, path))
			return true;
	return false;
}

static bool leased(const struct silo *s, const char *path)
{
	return listed(s->slot->lease, s->slot->leases, path);
}

/* Nobody's, or still in the name of our own dead process. */
static bool available(const struct silo *s, const char *line, const char *end)
{
	uint64_t silo;

	return !value_of(line, end, "silo", 10, &silo, NULL) || !silo || silo == s->id;
}

static void path_make(char path[LEASE_PATH], bool pci, const char *name, size_t len)
{
	snprintf(path, LEASE_PATH, pci ? "/dev/pci/%.*s/ctl" : "/dev/platform/%.*s", (int)len,
		 name);
}

/* The next line of a list that fits and is not leased by this silo yet; its path. A platform
 * device that this silo has already serves: *have. again: only what it had before. */
static bool line_find(const struct search *q, const struct silo_device *want, const char *list,
		      bool again, char path[LEASE_PATH], bool *have)
{
	bool pci = want->kind == SILO_PCI;
	const char *line, *end;

	*have = false;
	for (line = list; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		if (!(pci ? pci_matches(line, end, want) : platform_matches(line, end, want)) ||
		    !available(q->s, line, end))
			continue;
		path_make(path, pci, line, strcspn(line, " \n"));
		if (again && !listed(q->old, q->olds, path))
			continue;
		*have = leased(q->s, path);
		if (!*have || !pci)
			return true;
	}
	return false;
}

/* ---- leasing ---------------------------------------------------------------------------- */

static int list_read(struct search *q, char **list, const char *path)
{
	int64_t n;

	if (*list)
		return 0;
	*list = malloc(LIST_MAX);
	if (!*list)
		return -ENOMEM;
	n = remote_text(path, *list, LIST_MAX);
	if (n >= 0)
		return 0;
	snprintf(q->why, SILO_REASON_MAX, "reading %s", path);
	free(*list);
	*list = NULL;
	return (int)n;
}

static int lease_one(struct search *q, const char *path, handle_t *out)
{
	struct silo *s = q->s;
	struct lease *lease = &s->slot->lease[s->slot->leases];
	struct device_info info;
	int err = remote_lease(path, s->id, out);

	if (err) {
		snprintf(q->why, SILO_REASON_MAX, "leasing %s", path);
		return err;
	}
	snprintf(lease->path, sizeof(lease->path), "%s", path);
	lease->dma = lease->confined = false;
	if (sys_device_info(*out, &info) == 0) {
		lease->dma = info.args.dma_max != 0;
		lease->confined = info.confined;
	}
	s->slot->leases++;
	return 0;
}

static int lease_described(struct search *q, const struct silo_device *want, handle_t *handles,
			   unsigned *made)
{
	bool pci = want->kind == SILO_PCI, have;
	char **list = pci ? &q->pci : &q->platform;
	char path[LEASE_PATH];
	int err = list_read(q, list, pci ? "/dev/pci/bus" : "/dev/platform/list");

	if (err)
		return err;
	if (!line_find(q, want, *list, true, path, &have) &&
	    !line_find(q, want, *list, false, path, &have)) {
		snprintf(q->why, SILO_REASON_MAX, "no such device is here and free");
		return -ENODEV;
	}
	if (have)
		return 0;
	err = lease_one(q, path, &handles[*made]);
	*made += !err;
	return err;
}

static int lease_bound(struct search *q, const char *name, handle_t *handles, unsigned *made)
{
	char path[LEASE_PATH];
	int err;

	path_make(path, strchr(name, ':') != NULL, name, strlen(name));
	if (leased(q->s, path))
		return 0;
	err = lease_one(q, path, &handles[*made]);
	*made += !err;
	return err;
}

int leases_take(struct silo *s, handle_t *handles, unsigned *made, char *why)
{
	struct search q = {.s = s, .why = why};
	const struct silo_desc *desc = &s->slot->desc;
	int err = 0;

	*made = 0;
	q.olds = s->slot->leases;
	memcpy(q.old, s->slot->lease, q.olds * sizeof(q.old[0]));
	s->slot->leases = 0;
	for (uint32_t i = 0; i < desc->devices && !err; i++)
		err = lease_described(&q, &desc->device[i], handles, made);
	for (unsigned i = 0; i < SIPD_BOUND_MAX && !err; i++)
		if (s->slot->bound[i][0])
			err = lease_bound(&q, s->slot->bound[i], handles, made);
	free(q.pci);
	free(q.platform);
	return err;
}

void leases_reset(struct silo *s)
{
	for (unsigned i = 0; i < s->slot->leases; i++) {
		int err = remote_command(s->slot->lease[i].path, "reset");

		if (err)
			log_print("sipd: %s: resetting %s: %s", s->slot->desc.name,
				  s->slot->lease[i].path, error_text(err));
	}
}

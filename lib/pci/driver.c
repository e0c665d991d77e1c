/* SPDX-License-Identifier: ISC */
/* driver.c: see driver.h. */
#include "pci/driver.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "9p/client.h"
#include "serve/client_channel.h"
#include "serve/ns.h"
#include "serve/serve.h"
#include "sys/boot.h"
#include "sys/info.h"

#define CALL_NS (5 * NS_PER_S)

int pci_driver_open(struct pci_driver *d, const char *handle)
{
	char path[48];
	int64_t err;

	d->device = boot_handle(handle);
	if (d->device == HANDLE_NONE)
		return -ENXIO;
	err = sys_device_info(d->device, &d->info);
	if (err < 0)
		return (int)err;
	if (d->info.args.source == ~0u)
		return -ENXIO;
	pci_name(d->info.args.source, d->name);
	snprintf(path, sizeof(path), "/dev/pci/%s/status", d->name);
	err = ns_load_text(path, d->status, sizeof(d->status));
	return err < 0 ? (int)err : 0;
}

/* The rest of the line that begins with these words, or NULL; its end at *end. */
static const char *line_find(const char *text, const char *words, const char **end)
{
	size_t len = strlen(words);

	while (*text) {
		*end = text + strcspn(text, "\n");
		if (!strncmp(text, words, len) && (text[len] == ' ' || text + len == *end))
			return text + len;
		text = **end ? *end + 1 : *end;
	}
	return NULL;
}

int pci_driver_value(const struct pci_driver *d, const char *line, const char *key, uint64_t *value)
{
	const char *end, *at = line_find(d->status, line, &end);

	if (at && *key)
		at = strstr(at, key);
	if (!at || at >= end)
		return -ENOENT;
	at += strlen(key);
	*value = strtoull(at, NULL, 0);
	return 0;
}

int pci_driver_map(const struct pci_driver *d, uint64_t base, uint64_t len, volatile void **at)
{
	uint64_t first = base & ~(uint64_t)(PAGE_SIZE - 1), inside = base - first;
	struct map_args args = {.flags = PROT_R | PROT_W | MAP_UNCACHED};
	int64_t r;

	if (!len || inside + len < len)
		return -EINVAL;
	args.len = (inside + len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	r = sys_vmo_create_physical(d->device, first, args.len);
	if (r < 0)
		return (int)r;
	args.vmo = (handle_t)r;
	r = sys_aspace_map(boot_handle("aspace"), &args);
	sys_handle_close(args.vmo); /* the mapping stays */
	if (r < 0)
		return (int)r;
	*at = (volatile uint8_t *)((uint64_t)r + inside);
	return 0;
}

/* Ask devd, on the session that the function's own directory is reached by. */
static int message_program(const struct pci_driver *d, uint32_t n, handle_t irq)
{
	struct ipc_msg m = {.tag = MSG_LABEL(PCI_CALL_MSIX) | MSG_HANDLES(1),
			    .w = {n, d->info.args.source}};
	int64_t copy = sys_handle_dup(irq, RIGHT_READ | RIGHT_GRANT), r;
	struct p9_file *f;
	char path[48];
	int err;

	if (copy < 0)
		return (int)copy;
	snprintf(path, sizeof(path), "/dev/pci/%s/status", d->name);
	err = ns_open(path, P9_O_RDONLY, 0, &f);
	if (err) {
		sys_handle_close((handle_t)copy);
		return err;
	}
	serve_flush();
	message_page()->handles[0] = (handle_t)copy;
	r = ipc_call(channel_link_handle(f->conn->link), &m, time_in(CALL_NS));
	if (r < 0)
		sys_handle_close((handle_t)copy); /* if it is still here */
	p9_client_close(f);
	return r < 0 ? (int)r : (int)(int64_t)m.w[0];
}

static int message_make(const struct pci_driver *d, uint32_t n, handle_t *irq)
{
	int64_t h = sys_irq_create(d->device, IRQ_MSI, 0, 0);
	int err;

	if (h < 0)
		return (int)h;
	err = message_program(d, n, (handle_t)h);
	if (err) {
		sys_handle_close((handle_t)h);
		return err;
	}
	*irq = (handle_t)h;
	return 0;
}

int pci_driver_irq(const struct pci_driver *d, uint32_t n, handle_t *irq, bool *line)
{
	uint64_t flags = IRQ_LEVEL;
	int64_t h;

	*line = !d->info.args.msi;
	if (!*line)
		return n < d->info.args.msi ? message_make(d, n, irq) : -EINVAL;
	if (!d->info.args.lines[0])
		return -ENXIO;
	if (pci_driver_value(d, "line", "flags=", &flags))
		flags = IRQ_LEVEL | IRQ_LOW;
	h = sys_irq_create(d->device, IRQ_LINE, d->info.args.lines[0] - 1, (uint32_t)flags);
	if (h < 0)
		return (int)h;
	*irq = (handle_t)h;
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * pci_tree.c: /dev/pci.
 *
 *	ctl	     "lock"; reads how many functions and whether configuration is locked
 *	bus	     a line a function: NAME vendor= device= class= prog= irq= silo= (whose it is,
 *		     0: nobody's), then its barN: addr= size=
 *	BDF/config   configuration space; until "lock" writable by supervisors, outside of what devd
 *		     keeps to itself
 *	BDF/class    six hex digits
 *	BDF/barN     addr= size= and what it is
 *	BDF/irq	     line, pin, message interrupts
 *	BDF/ctl	     "reset"; asked for a handle of kind DEVICE it gives a lease
 *	BDF/status   who has it, how it is reset, and where a driver finds its structures
 *
 * Spec: docs/devices.md.
 */
#include "servers/devd/devd.h"

#include <errno.h>
#include <string.h>

static int objects_find(void *ctx, struct p9_str name, uint32_t *obj)
{
	return unit_name_find(ctx, "pci", name, obj);
}

static int objects_next(void *ctx, uint32_t after, uint32_t *obj, char *name)
{
	return unit_name_next(ctx, "pci", after, obj, name);
}

static const struct unit *unit(struct p9_call *call)
{
	return unit_of(call->ctx, call->obj);
}

/* ---- /dev/pci/ctl and bus -------------------------------------------------------- */

static int ctl_text(struct p9_call *call, struct p9_text *out)
{
	const struct devd *d = call->ctx;

	p9_text_printf(out, "functions %u\nlocked %s\nconfig %s\n", d->state->functions,
		       d->state->locked ? "yes" : "no", config_size(d) > 256 ? "ecam" : "ports");
	return 0;
}

static int ctl_lock(struct p9_call *call, int argc, char **argv)
{
	struct devd *d = call->ctx;

	(void)argc;
	(void)argv;
	if (config_gate(&call->req->from))
		return p9_tree_fail(call, EPERM, "lock: the mode lacks STOP and PROXY");
	d->state->locked = 1;
	return 0;
}

static const struct p9_command ctl_commands[] = {
	{.word = "lock", .run = ctl_lock, .usage = "lock"},
	{.word = NULL},
};

static void bar_text(const struct pci_bar *b, struct p9_text *out)
{
	p9_text_printf(out, "addr=0x%llx size=0x%llx", (unsigned long long)b->base,
		       (unsigned long long)b->size);
}

static int bus_text(struct p9_call *call, struct p9_text *out)
{
	const struct devd *d = call->ctx;

	for (unsigned i = 0; i < d->units; i++) {
		const struct pci_function *f = d->unit[i].f;

		if (!f)
			continue;
		p9_text_printf(out,
			       "%s vendor=%04x device=%04x class=%04x prog=%02x irq=%u silo=%u\n",
			       d->unit[i].name, f->vendor, f->device, f->class_code >> 8,
			       f->class_code & 0xff, f->line, d->unit[i].silo);
		for (unsigned n = 0; n < PCI_BARS; n++) {
			if (!f->bar[n].size)
				continue;
			p9_text_printf(out, "bar%u: ", n);
			bar_text(&f->bar[n], out);
			p9_text_printf(out, "\n");
		}
	}
	return 0;
}

/* ---- BDF ------------------------------------------------------------------------- */

static int config_read(struct p9_call *call, uint64_t offset, uint32_t count)
{
	const struct devd *d = call->ctx;
	uint32_t size = config_size(d), word;
	uint8_t bytes[4096];

	if (offset >= size || !count)
		return 0;
	if (count > size - offset)
		count = size - (uint32_t)offset;
	for (uint32_t at = (uint32_t)offset & ~3u; at < offset + count; at += 4) {
		word = d->access.read(d->access.ctx, unit(call)->f->source, at, 4);
		memcpy(bytes + at, &word, 4);
	}
	return p9_respond_data(call->req, bytes + offset, count);
}

static bool inside(uint64_t at, uint32_t base, uint32_t len)
{
	return base && at >= base && at < base + len;
}

/* The header, message interrupts, power and resets are devd's own. */
static bool config_kept(const struct pci_function *f, uint64_t at)
{
	return at < PCI_HEADER_SIZE || inside(at, f->msi, 24) || inside(at, f->msix, 12) ||
	       inside(at, f->pm, 8) || inside(at, f->pcie, 60) || inside(at, f->af, 6);
}

static int config_write(struct p9_call *call, uint64_t offset, uint32_t count)
{
	const struct devd *d = call->ctx;
	const struct pci_function *f = unit(call)->f;
	uint32_t value = 0;
	int err = config_gate(&call->req->from);

	if (err || d->state->locked)
		return -EPERM;
	if ((count != 1 && count != 2 && count != 4) || offset % count || offset >= config_size(d))
		return -EINVAL;
	if (config_kept(f, offset) || config_kept(f, offset + count - 1))
		return -EPERM;
	err = p9_request_get(call->req, 0, &value, count);
	if (!err)
		d->access.write(d->access.ctx, f->source, (uint32_t)offset, count, value);
	return err;
}

static int config_attr(struct p9_call *call, struct p9_attr *attr)
{
	attr->size = config_size(call->ctx);
	return 0;
}

static int class_text(struct p9_call *call, struct p9_text *out)
{
	p9_text_printf(out, "%06x\n", unit(call)->f->class_code);
	return 0;
}

static int bar_file_text(struct p9_call *call, struct p9_text *out)
{
	const struct pci_bar *b = &unit(call)->f->bar[call->file->name[3] - '0'];

	if (!b->size) {
		p9_text_printf(out, "none\n");
		return 0;
	}
	bar_text(b, out);
	p9_text_printf(out, " %s%s\n", b->kind == PCI_BAR_PORT ? "ports" : "memory",
		       b->wide ? " wide" : "");
	return 0;
}

static int irq_text(struct p9_call *call, struct p9_text *out)
{
	const struct pci_function *f = unit(call)->f;

	p9_text_printf(out, "line %u\npin %u\nmsi %u\nmsix %u\n", f->line, f->pin, f->msi_vectors,
		       f->msix_entries);
	return 0;
}

static void virtio_text(const struct pci_function *f, struct p9_text *out)
{
	static const char *const names[] = {[PCI_VIRTIO_COMMON] = "common",
					    [PCI_VIRTIO_NOTIFY] = "notify",
					    [PCI_VIRTIO_ISR] = "isr",
					    [PCI_VIRTIO_DEVICE] = "device"};

	for (uint32_t i = 0; i < f->virtios; i++) {
		const struct pci_virtio *v = &f->virtio[i];

		p9_text_printf(out, "virtio %s addr=0x%llx len=0x%x multiplier=%u\n",
			       names[v->kind], (unsigned long long)pci_virtio_address(f, v),
			       v->length, v->multiplier);
	}
}

static int status_text(struct p9_call *call, struct p9_text *out)
{
	const struct unit *u = unit(call);
	const struct pci_function *f = u->f;

	p9_text_printf(out, "name %s\nvendor 0x%04x\ndevice 0x%04x\nclass 0x%06x\n", u->name,
		       f->vendor, f->device, f->class_code);
	p9_text_printf(out, "state %s\nleasable %s\n", unit_state_name(u->state),
		       u->device == HANDLE_NONE ? "no" : "yes");
	if (u->state != UNIT_FREE)
		p9_text_printf(out, "silo %u\n", u->silo);
	p9_text_printf(out, "reset %s\nleases %llu\nresets %llu\n", reset_name(u),
		       (unsigned long long)u->leases, (unsigned long long)u->resets);
	p9_text_printf(out, "messages %u\n", u->args.msi);
	if (u->args.lines[0])
		p9_text_printf(out, "line %u flags=%u\n", u->args.lines[0] - 1, u->line_flags);
	for (unsigned n = 0; n < PCI_BARS; n++) {
		if (!f->bar[n].size)
			continue;
		p9_text_printf(out, "bar%u ", n);
		bar_text(&f->bar[n], out);
		p9_text_printf(out, "\n");
	}
	virtio_text(f, out);
	return 0;
}

static const struct p9_command function_commands[] = {
	{.word = "reset", .run = lease_command_reset, .usage = "reset"},
	{.word = NULL},
};

#define BAR_FILE(n)                                                                                \
	{                                                                                          \
		.name = "bar" #n, .mode = P9_S_IFREG | 0444, .text = bar_file_text                 \
	}

static const struct p9_file function_files[] = {
	{.name = "config",
	 .mode = P9_S_IFREG | 0644,
	 .read = config_read,
	 .write = config_write,
	 .append = true,
	 .attr = config_attr},
	{.name = "class", .mode = P9_S_IFREG | 0444, .text = class_text},
	BAR_FILE(0),
	BAR_FILE(1),
	BAR_FILE(2),
	BAR_FILE(3),
	BAR_FILE(4),
	BAR_FILE(5),
	{.name = "irq", .mode = P9_S_IFREG | 0444, .text = irq_text},
	{.name = "ctl",
	 .mode = P9_S_IFREG | 0644,
	 .text = status_text,
	 .commands = function_commands,
	 .flush = lease_command_flush,
	 .gethandle = lease_gethandle},
	{.name = "status", .mode = P9_S_IFREG | 0444, .text = status_text},
	{.name = NULL},
};

static const struct p9_file function_dir = {
	.name = "function", .mode = P9_S_IFDIR | 0555, .children = function_files};

const struct p9_objects pci_objects = {
	.file = &function_dir, .next = objects_next, .find = objects_find};

const struct p9_file pci_dir[] = {
	{.name = "ctl", .mode = P9_S_IFREG | 0644, .text = ctl_text, .commands = ctl_commands},
	{.name = "bus", .mode = P9_S_IFREG | 0444, .text = bus_text},
	{.name = NULL},
};

/* SPDX-License-Identifier: ISC */
/*
 * firmware.c: what ACPI's tables say, and turning the machine off.
 *
 * Tables are read once, at start, through mappings of the reserved memory in which they lie; the
 * kernel refuses ordinary RAM. No AML is run: the sleep type comes from a literal _S5_ package.
 *
 * Spec: ACPI 6.5, 4.8.3.2.1 (SLP_TYP), 4.8.3.6 (reset register).
 */
#include "servers/devd/devd.h"

#include <errno.h>
#include <string.h>
#include "sys/log.h"
#include "sys/sys.h"

#define SLP_TYP_SHIFT  10
#define SLP_EN	       (1u << 13)
#define KEYBOARD_PORT  0x64u
#define KEYBOARD_RESET 0xfeu
#define RESET_PORT     0xcf9u /* where chipsets have it */
#define RESET_FULL     0x0eu

static const void *table_map(void *ctx, uint64_t phys, size_t len)
{
	return (const void *)phys_map(ctx, phys, len, PROT_R);
}

static void ecam_read_table(struct devd *d, const struct acpi *acpi)
{
	struct acpi_table t;
	int n;

	if (acpi_find(acpi, "MCFG", 0, &t))
		return;
	n = acpi_mcfg(&t, d->ecam, 4);
	if (n > 0)
		d->ecams = n < 4 ? (unsigned)n : 4;
}

static void madt_read(struct devd *d, const struct acpi *acpi)
{
	struct acpi_table t;
	int n;

	if (acpi_find(acpi, "APIC", 0, &t))
		return;
	n = acpi_madt_overrides(&t, d->override, DEVD_OVERRIDES);
	if (n > 0)
		d->overrides = (unsigned)n < DEVD_OVERRIDES ? (unsigned)n : DEVD_OVERRIDES;
}

static void s5_read(struct devd *d, const struct acpi *acpi)
{
	struct acpi_table t;

	if (!acpi_table_at(acpi, d->fadt.dsdt, "DSDT", &t) && !acpi_s5(&t, &d->s5_a, &d->s5_b))
		d->has_s5 = true;
	for (unsigned n = 0; !d->has_s5 && !acpi_find(acpi, "SSDT", n, &t); n++)
		d->has_s5 = !acpi_s5(&t, &d->s5_a, &d->s5_b);
	if (!d->has_s5)
		log_print("devd: no _S5_ package: the machine cannot be turned off");
}

void firmware_read(struct devd *d)
{
	struct acpi_source source = {.map = table_map, .ctx = d};
	struct acpi_table t;
	struct acpi acpi;
	uint64_t rsdp;
	int err = acpi_scan(&source, &rsdp);

	if (!err)
		err = acpi_open(&acpi, &source, rsdp);
	if (err) {
		log_print("devd: no ACPI tables: %d", err);
		return;
	}
	ecam_read_table(d, &acpi);
	madt_read(d, &acpi);
	if (acpi_find(&acpi, "FACP", 0, &t) || acpi_fadt(&t, &d->fadt)) {
		log_print("devd: no FADT");
		return;
	}
	d->has_fadt = true;
	s5_read(d, &acpi);
}

uint32_t firmware_line(const struct devd *d, uint32_t isa, uint32_t *flags)
{
	*flags = 0;
	for (unsigned i = 0; i < d->overrides; i++) {
		const struct acpi_override *o = &d->override[i];

		if (o->source != isa)
			continue;
		*flags |= o->trigger == ACPI_LEVEL ? IRQ_LEVEL : 0;
		*flags |= o->polarity == ACPI_ACTIVE_LOW ? IRQ_LOW : 0;
		return o->gsi;
	}
	return isa;
}

/* ---- power ----------------------------------------------------------------------- */

static int sleep_write(struct devd *d, uint16_t port, uint8_t type)
{
	int64_t value;

	if (!port)
		return 0;
	value = sys_port_read(d->root, port, 2);
	if (value < 0)
		return (int)value;
	value &= ~(7 << SLP_TYP_SHIFT);
	value |= type << SLP_TYP_SHIFT | SLP_EN;
	return (int)sys_port_write(d->root, port, 2, (uint32_t)value);
}

int power_off(struct devd *d)
{
	int err;

	if (!d->has_s5 || !d->fadt.pm1a_control)
		return -ENODEV;
	err = sleep_write(d, d->fadt.pm1a_control, d->s5_a);
	if (!err)
		err = sleep_write(d, d->fadt.pm1b_control, d->s5_b);
	return err ? err : -EIO; /* it is still on */
}

int power_reset(struct devd *d)
{
	const struct acpi_gas *r = &d->fadt.reset;
	int64_t err = -ENODEV;

	if (d->has_fadt && d->fadt.reset_supported && r->space == ACPI_SPACE_IO && r->address)
		err = sys_port_write(d->root, (uint32_t)r->address, 1, d->fadt.reset_value);
	if (err)
		err = sys_port_write(d->root, RESET_PORT, 1, RESET_FULL);
	if (!err)
		err = sys_port_write(d->root, KEYBOARD_PORT, 1, KEYBOARD_RESET);
	return err ? (int)err : -EIO;
}

static int power_command(struct p9_call *call, int argc, char **argv)
{
	int err;

	(void)argc;
	if (!(call->req->from.mode & MODE_STOP))
		return p9_tree_fail(call, EPERM, "power: the mode has no STOP");
	log_print("devd: %s, asked for by silo %u", argv[0], call->req->from.silo);
	err = strcmp(argv[0], "reboot") ? power_off(call->ctx) : power_reset(call->ctx);
	return p9_tree_fail(call, -err, "power: the machine does not");
}

static int power_text(struct p9_call *call, struct p9_text *out)
{
	const struct devd *d = call->ctx;

	p9_text_printf(out, "poweroff %s\nreboot yes\n", d->has_s5 ? "yes" : "no");
	return 0;
}

static const struct p9_command power_commands[] = {
	{.word = "poweroff", .run = power_command, .usage = "poweroff"},
	{.word = "reboot", .run = power_command, .usage = "reboot"},
	{.word = NULL},
};

const struct p9_file power_file = {
	.name = "power", .mode = P9_S_IFREG | 0644, .text = power_text, .commands = power_commands};

/* SPDX-License-Identifier: ISC */
/*
 * The tables that are one record or one array: MCFG (where PCI configuration space is mapped) and
 * HPET.
 *
 * Spec: PCI Firmware 3.3, 4.1.2; IA-PC HPET 1.0a, 3.2.4.
 */
#include <errno.h>

#include "acpi/priv.h"

enum {
	MCFG_ENTRIES = 44,
	MCFG_ENTRY_SIZE = 16,

	HPET_ID = 36,
	HPET_ADDRESS = 40,
	HPET_NUMBER = 52,
	HPET_MIN_TICK = 53,
	HPET_SIZE = 56,
};

/* Configuration space of one bus takes 1 MiB. */
#define BUS_BYTES 0x100000u

#define HPET_ID_WIDE (1u << 13)

int acpi_mcfg(const struct acpi_table *table, struct acpi_ecam *out, unsigned max)
{
	unsigned n;

	if (table->len < MCFG_ENTRIES || (table->len - MCFG_ENTRIES) % MCFG_ENTRY_SIZE != 0)
		return -EINVAL;
	n = (table->len - MCFG_ENTRIES) / MCFG_ENTRY_SIZE;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = table->data + MCFG_ENTRIES + (size_t)i * MCFG_ENTRY_SIZE;
		struct acpi_ecam e = {get_le64(p), get_le16(p + 8), p[10], p[11]};

		if (e.bus_first > e.bus_last || e.base == 0 || e.base % BUS_BYTES != 0 ||
		    e.base > UINT64_MAX - 256ull * BUS_BYTES)
			return -EINVAL;
		if (i < max)
			out[i] = e;
	}
	return (int)n;
}

int acpi_hpet(const struct acpi_table *table, struct acpi_hpet *out)
{
	struct acpi_gas gas;
	uint32_t id;

	if (table->len < HPET_SIZE)
		return -EINVAL;
	id = get_le32(table->data + HPET_ID);
	gas = acpi_gas_get(table->data + HPET_ADDRESS);
	if (gas.space != ACPI_SPACE_MEMORY || gas.address == 0 || gas.address % 8 != 0)
		return -EINVAL;
	out->base = gas.address;
	out->number = table->data[HPET_NUMBER];
	out->min_tick = get_le16(table->data + HPET_MIN_TICK);
	out->comparators = (uint8_t)((id >> 8 & 0x1f) + 1);
	out->wide = id & HPET_ID_WIDE;
	return 0;
}

/* SPDX-License-Identifier: ISC */
/*
 * Fuzzer of lib/acpi. Input: physical memory from 0xe0000 on. The sums of the root pointer and of
 * all tables that can be reached are made right first, for no mutation would hit them; then every
 * table is given to every reader, also to those of other signatures. Mappings are exact copies on
 * the heap.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "acpi/acpi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE	 0xe0000u
#define SIZE	 0x20000u
#define MAPS_MAX 2048u
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static struct {
	uint8_t bytes[SIZE];
	size_t used;
	void *maps[MAPS_MAX];
	unsigned map_count;
} memory;

static const void *map(void *ctx, uint64_t phys, size_t len)
{
	void *copy;

	(void)ctx;
	/* What is behind the input is not mapped, except for the scan of the whole area. */
	if (phys < BASE || phys - BASE > SIZE || len > SIZE - (phys - BASE) ||
	    (len != SIZE && len > memory.used - (phys - BASE < memory.used ? phys - BASE : 0)))
		return NULL;
	if (memory.map_count == MAPS_MAX)
		return NULL;
	copy = malloc(len);
	CHECK(copy != NULL);
	memcpy(copy, memory.bytes + (phys - BASE), len);
	memory.maps[memory.map_count++] = copy;
	return copy;
}

static void fix_sum(uint64_t phys, size_t len, unsigned at)
{
	uint8_t *p, sum = 0;

	if (phys < BASE || phys - BASE >= memory.used || len > memory.used - (phys - BASE) ||
	    at >= len)
		return;
	p = memory.bytes + (phys - BASE);
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	p[at] = (uint8_t)(p[at] - sum);
}

static uint32_t get32(uint64_t phys)
{
	uint32_t v = 0;

	if (phys >= BASE && phys - BASE + 4 <= memory.used)
		memcpy(&v, memory.bytes + (phys - BASE), 4);
	return v;
}

static void fix_sums(void)
{
	uint32_t root = get32(BASE + 16), xsdt = get32(BASE + 24);
	uint32_t entries = get32(root + 4ull) / 4;

	for (uint32_t i = 9; i < entries && i < 32; i++) {
		uint32_t table = get32(root + 4ull * i);

		fix_sum(table, get32(table + 4ull), 9);
	}
	fix_sum(root, get32(root + 4ull), 9);
	fix_sum(xsdt, get32(xsdt + 4ull), 9);
	fix_sum(BASE, 20, 8);
	fix_sum(BASE, 36, 32);
}

static void read_table(const struct acpi *acpi, const struct acpi_table *table)
{
	static struct acpi_drhd drhd[2];
	static struct acpi_rmrr rmrr[2];
	struct acpi_override over[4];
	struct acpi_ioapic ioapic[4];
	struct acpi_table dsdt;
	struct acpi_ecam ecam[2];
	struct acpi_madt madt;
	struct acpi_fadt fadt;
	struct acpi_hpet hpet;
	struct acpi_dmar dmar;
	struct acpi_cpu cpu[4];
	uint8_t a = 0, b = 0;
	int n;

	if (acpi_mcfg(table, ecam, 2) > 0)
		CHECK(ecam[0].bus_first <= ecam[0].bus_last);
	if (acpi_hpet(table, &hpet) == 0)
		CHECK(hpet.base != 0);
	(void)!acpi_madt_head(table, &madt);
	(void)!acpi_madt_cpus(table, cpu, 4);
	(void)!acpi_madt_ioapics(table, ioapic, 4);
	(void)!acpi_madt_overrides(table, over, 4);
	if (acpi_dmar_head(table, &dmar) == 0)
		CHECK(dmar.address_bits >= 1 && dmar.address_bits <= 64);
	n = acpi_dmar_units(table, drhd, 2);
	for (int i = 0; i < n && i < 2; i++)
		CHECK(drhd[i].scopes <= ACPI_SCOPES_MAX);
	n = acpi_dmar_regions(table, rmrr, 2);
	for (int i = 0; i < n && i < 2; i++)
		CHECK(rmrr[i].base <= rmrr[i].limit);
	if (acpi_s5(table, &a, &b) == 0)
		CHECK(a <= 7 && b <= 7);
	if (acpi_fadt(table, &fadt) == 0 && acpi_table_at(acpi, fadt.dsdt, "DSDT", &dsdt) == 0 &&
	    acpi_s5(&dsdt, &a, &b) == 0)
		CHECK(a <= 7 && b <= 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"FACP", "APIC", "HPET", "MCFG", "DMAR", "DSDT"};
	static const struct acpi_source source = {map, NULL};
	struct acpi_table table;
	struct acpi acpi;

	memory.used = size < 0x4000 ? size : 0x4000;
	memset(memory.bytes, 0, 0x4000);
	memcpy(memory.bytes, data, memory.used);
	fix_sums();
	if (acpi_open(&acpi, &source, BASE) == 0) {
		CHECK(acpi.count <= ACPI_TABLES_MAX);
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			for (unsigned nth = 0; nth < 3; nth++) {
				if (acpi_find(&acpi, names[i], nth, &table) < 0)
					break;
				read_table(&acpi, &table);
			}
		}
	}
	while (memory.map_count > 0)
		free(memory.maps[--memory.map_count]);
	return 0;
}

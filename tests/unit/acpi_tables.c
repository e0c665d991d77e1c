/* SPDX-License-Identifier: ISC */
/*
 * lib/acpi: the tables of a QEMU q35 machine (moved together; the same file starts the fuzzer), and
 * tables made by hand for what that machine does not have. The mapping callback gives exact copies
 * on the heap, so that the address sanitizer sees every byte that is read outside.
 *
 * Runs from the top of the tree.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acpi/acpi.h"

#define BASE 0xe0000u
#define SIZE 0x20000u

static struct {
	uint8_t bytes[SIZE];
	uint8_t low[2]; /* at 0x40e */
	void *maps[1024];
	unsigned map_count;
	uint64_t refuse; /* an address that cannot be mapped */
} memory;

static const void *map(void *ctx, uint64_t phys, size_t len)
{
	const uint8_t *from;
	void *copy;

	(void)ctx;
	assert_true(len > 0 && len <= ACPI_TABLE_MAX);
	if (phys == memory.refuse)
		return NULL;
	if (phys == 0x40e && len == 2)
		from = memory.low;
	else if (phys >= BASE && phys < BASE + SIZE && len <= BASE + SIZE - phys)
		from = memory.bytes + (phys - BASE);
	else
		return NULL;
	assert_in_range(memory.map_count, 0, 1023);
	copy = malloc(len);
	memcpy(copy, from, len);
	memory.maps[memory.map_count++] = copy;
	return copy;
}

static const struct acpi_source source = {map, NULL};

static void load(const char *name)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "tests/fuzz/corpus/acpi/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_true(fread(memory.bytes, 1, SIZE, f) > 500);
	fclose(f);
}

static int setup(void **state)
{
	(void)state;
	memset(memory.bytes, 0, SIZE);
	memory.refuse = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	while (memory.map_count > 0)
		free(memory.maps[--memory.map_count]);
	return 0;
}

static void check_madt(const struct acpi *acpi)
{
	struct acpi_override over[8];
	struct acpi_ioapic ioapic[2];
	struct acpi_table table;
	struct acpi_madt head;
	struct acpi_cpu cpu[8];

	assert_int_equal(acpi_find(acpi, "APIC", 0, &table), 0);
	assert_int_equal(acpi_find(acpi, "APIC", 1, &table), -ENOENT);
	assert_int_equal(acpi_madt_head(&table, &head), 0);
	assert_true(head.lapic == 0xfee00000 && head.has_8259);
	assert_int_equal(acpi_madt_cpus(&table, cpu, 8), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(cpu[i].apic_id == i && cpu[i].uid == i && cpu[i].enabled);
	assert_int_equal(acpi_madt_cpus(&table, cpu, 1), 4);
	assert_int_equal(acpi_madt_ioapics(&table, ioapic, 2), 1);
	assert_true(ioapic[0].address == 0xfec00000 && ioapic[0].gsi_base == 0);
	assert_int_equal(acpi_madt_overrides(&table, over, 8), 5);
	assert_true(over[0].source == 0 && over[0].gsi == 2);
	assert_true(over[0].polarity == ACPI_POLARITY_BUS && over[0].trigger == ACPI_TRIGGER_BUS);
	assert_true(over[1].source == 5 && over[1].gsi == 5);
	assert_true(over[1].polarity == ACPI_ACTIVE_HIGH && over[1].trigger == ACPI_LEVEL);
}

static void check_fadt(const struct acpi *acpi)
{
	struct acpi_table table, dsdt;
	struct acpi_fadt fadt;
	uint8_t a = 9, b = 9;

	assert_int_equal(acpi_find(acpi, "FACP", 0, &table), 0);
	assert_int_equal(acpi_fadt(&table, &fadt), 0);
	assert_int_equal(fadt.sci, 9);
	assert_int_equal(fadt.smi_command, 0xb2);
	assert_int_equal(fadt.pm1a_event, 0x600);
	assert_int_equal(fadt.pm1a_control, 0x604);
	assert_int_equal(fadt.pm1b_control, 0);
	assert_int_equal(fadt.pm_timer, 0x608);
	assert_int_equal(fadt.century, 0x32);
	assert_false(fadt.hw_reduced);
	assert_true(fadt.reset_supported && fadt.reset.space == ACPI_SPACE_IO);
	assert_true(fadt.reset.address == 0xcf9 && fadt.reset_value == 0x0f);
	assert_true(fadt.has_cmos_rtc && fadt.has_vga);
	assert_int_equal(fadt.sleep_control.address, 0);
	assert_int_equal(acpi_table_at(acpi, fadt.dsdt, "DSDT", &dsdt), 0);
	assert_int_equal(acpi_table_at(acpi, fadt.dsdt, "SSDT", &dsdt), -EINVAL);
	assert_int_equal(acpi_table_at(acpi, 0, "DSDT", &dsdt), -EINVAL);
	assert_int_equal(acpi_table_at(acpi, 0x10, "DSDT", &dsdt), -EFAULT);
	assert_int_equal(acpi_s5(&dsdt, &a, &b), 0);
	assert_true(a == 0 && b == 0);
}

static void check_others(const struct acpi *acpi)
{
	static struct acpi_drhd unit[2];
	struct acpi_table table;
	struct acpi_ecam ecam[2];
	struct acpi_hpet hpet;
	struct acpi_dmar dmar;

	assert_int_equal(acpi_find(acpi, "MCFG", 0, &table), 0);
	assert_int_equal(acpi_mcfg(&table, ecam, 2), 1);
	assert_true(ecam[0].base == 0xb0000000 && ecam[0].segment == 0);
	assert_true(ecam[0].bus_first == 0 && ecam[0].bus_last == 255);
	assert_int_equal(acpi_find(acpi, "HPET", 0, &table), 0);
	assert_int_equal(acpi_hpet(&table, &hpet), 0);
	assert_true(hpet.base == 0xfed00000 && hpet.comparators == 3 && hpet.wide);
	assert_int_equal(acpi_find(acpi, "DMAR", 0, &table), 0);
	assert_int_equal(acpi_dmar_head(&table, &dmar), 0);
	assert_true(dmar.address_bits == 39 && dmar.interrupt_remapping);
	assert_int_equal(acpi_dmar_units(&table, unit, 2), 1);
	assert_true(unit[0].base == 0xfed90000 && !unit[0].include_all && unit[0].segment == 0);
	assert_true(unit[0].scopes == 5 && unit[0].scopes_lost == 0);
	assert_true(unit[0].scope[0].kind == ACPI_SCOPE_IOAPIC && unit[0].scope[0].bus == 0xff);
	assert_true(unit[0].scope[3].kind == ACPI_SCOPE_ENDPOINT && unit[0].scope[3].path_len == 1);
	assert_true(unit[0].scope[3].path[0].device == 0x1f &&
		    unit[0].scope[3].path[0].function == 2);
	assert_int_equal(acpi_dmar_regions(&table, NULL, 0), 0);
	assert_int_equal(acpi_find(acpi, "NONE", 0, &table), -ENOENT);
}

static void check_machine(const char *name, bool wide)
{
	struct acpi acpi;
	uint64_t rsdp;

	load(name);
	assert_int_equal(acpi_scan(&source, &rsdp), 0);
	assert_int_equal(rsdp, BASE);
	assert_int_equal(acpi_open(&acpi, &source, rsdp), 0);
	assert_int_equal(acpi.wide, wide);
	assert_int_equal(acpi.count, 5);
	check_madt(&acpi);
	check_fadt(&acpi);
	check_others(&acpi);
}

static void test_q35(void **state)
{
	(void)state;
	check_machine("q35-rsdt", false);
}

static void test_q35_xsdt(void **state)
{
	struct acpi acpi;
	uint64_t xsdt;

	(void)state;
	check_machine("q35-xsdt", true);
	/* An XSDT that is wrong or out of reach leaves the RSDT. */
	memcpy(&xsdt, memory.bytes + 24, 8);
	memory.refuse = xsdt;
	assert_int_equal(acpi_open(&acpi, &source, BASE), 0);
	assert_false(acpi.wide);
	memory.refuse = 0;
	memory.bytes[xsdt - BASE + 10] ^= 1;
	assert_int_equal(acpi_open(&acpi, &source, BASE), 0);
	assert_false(acpi.wide);
}

static void test_roots(void **state)
{
	struct acpi_table table;
	struct acpi acpi;
	uint64_t rsdp;
	uint32_t rsdt;

	(void)state;
	assert_int_equal(acpi_scan(&source, &rsdp), -ENOENT);
	memory.refuse = BASE;
	assert_int_equal(acpi_scan(&source, &rsdp), -ENOENT);
	memory.refuse = 0;
	load("q35-rsdt");
	assert_int_equal(acpi_open(&acpi, &source, 0), -EINVAL);
	assert_int_equal(acpi_open(&acpi, &source, 0x1000), -EFAULT);
	assert_int_equal(acpi_open(&acpi, &source, BASE + 16), -EINVAL);
	/* A table with a wrong sum is passed over; a wrong root is an error. */
	assert_int_equal(acpi_open(&acpi, &source, BASE), 0);
	assert_int_equal(acpi_find(&acpi, "HPET", 0, &table), 0);
	memory.bytes[table.phys - BASE + 20] ^= 1;
	assert_int_equal(acpi_find(&acpi, "HPET", 0, &table), -ENOENT);
	memcpy(&rsdt, memory.bytes + 16, 4);
	memory.bytes[rsdt - BASE + 4] = 0xff; /* length */
	assert_int_equal(acpi_open(&acpi, &source, BASE), -EINVAL);
	memory.bytes[rsdt - BASE + 4] = 35;
	assert_int_equal(acpi_open(&acpi, &source, BASE), -EINVAL);
	memory.bytes[8] ^= 1;
	assert_int_equal(acpi_open(&acpi, &source, BASE), -EINVAL);
}

/* A table made by hand; the sum is not looked at by the readers. */
static struct acpi_table make(uint8_t *exact, const void *body, uint32_t body_len)
{
	memset(exact, 0, 36);
	memcpy(exact + 36, body, body_len);
	return (struct acpi_table){0, exact, 36 + body_len, 1};
}

/* Every shorter table: an answer or an error, and nothing read outside. */
static void cut(const struct acpi_table *whole, int (*read_)(const struct acpi_table *table))
{
	for (uint32_t len = 36; len < whole->len; len++) {
		uint8_t *copy = malloc(len);
		struct acpi_table table = *whole;

		memcpy(copy, whole->data, len);
		table.data = copy;
		table.len = len;
		(void)!read_(&table);
		free(copy);
	}
}

static int read_s5(const struct acpi_table *table)
{
	uint8_t a, b;

	return acpi_s5(table, &a, &b);
}

static void check_s5(const char *aml, uint32_t len, int want, int a, int b)
{
	uint8_t exact[256], got_a = 99, got_b = 99;
	struct acpi_table table = make(exact, aml, len);

	assert_int_equal(acpi_s5(&table, &got_a, &got_b), want);
	if (want == 0)
		assert_true(got_a == a && got_b == b);
	cut(&table, read_s5);
}

#define S5(aml, want, a, b) check_s5(aml, sizeof(aml) - 1, want, a, b)

static void test_s5(void **state)
{
	(void)state;
	S5("\x08_S5_\x12\x06\x04\x00\x00\x00\x00", 0, 0, 0);
	S5("\x08\\_S5_\x12\x08\x04\x0a\x05\x0a\x07\x00\x00", 0, 5, 7);
	S5("xx\x08_S5_\x12\x0a\x02\x0b\x07\x00\x0c\x03\x00\x00\x00yy", 0, 7, 3);
	S5("\x08_S5_\x12\x46\x00\x04\x01\x01\x00\x00", 0, 1, 1);
	S5("\x08_S5_\x12\x06\x01\x00\x00\x00\x00", -EINVAL, 0, 0);
	S5("\x08_S5_\x12\x05\x02\x0a\x09\x00\x00", -EINVAL, 0, 0);
	S5("\x08_S5_\x12\x46\x10\x04\x01\x01\x00\x00", -EINVAL, 0, 0);
	S5("\x08_S5_\x12\x01\x02\x00\x00\x00\x00", -EINVAL, 0, 0);
	S5("\x08_S5_\x12\x03\x02\x00\x0a\x05", -EINVAL, 0, 0);
	S5("\x08_S5_\x14\x06\x04\x00\x00\x00\x00", -EINVAL, 0, 0);
	S5("x_S5_\x12\x06\x04\x00\x00\x00\x00", -ENOENT, 0, 0);
	S5("", -ENOENT, 0, 0);
	/* A call of the name first, then its definition. */
	S5("\x08_S5_q\x08_S5_\x12\x06\x04\x01\x00\x00\x00", 0, 1, 0);
}

static int read_madt(const struct acpi_table *table)
{
	struct acpi_override over;
	struct acpi_ioapic ioapic;
	struct acpi_madt head;
	struct acpi_cpu cpu;
	int rc = acpi_madt_head(table, &head) | acpi_madt_cpus(table, &cpu, 1);

	return rc | acpi_madt_ioapics(table, &ioapic, 1) | acpi_madt_overrides(table, &over, 1);
}

static void test_madt(void **state)
{
	static uint8_t body[] = {
		0,    0,  0xe0, 0xfe, 0,    0,	  0,	0, /* local APIC, flags: no 8259 */
		9,    16, 0,	0,    0x44, 0x33, 0x22, 0x11, 2,    0, 0, 0, 7,
		0,    0,  0,						     /* x2APIC */
		5,    12, 0,	0,    0,    0,	  0xe1, 0xfe, 1,    0, 0, 0, /* local APIC address
									      */
		2,    10, 0,	9,    20,   0,	  0,	0,    0x0f, 0, /* override: low, level */
		2,    10, 1,	9,    20,   0,	  0,	0,    0x0f, 0, /* not ISA */
		0x7f, 4,  0,	0,				       /* reserved: passed over */
	};
	uint8_t exact[128];
	struct acpi_table table = make(exact, body, sizeof(body));
	struct acpi_override over;
	struct acpi_madt head;
	struct acpi_cpu cpu;

	(void)state;
	assert_int_equal(acpi_madt_head(&table, &head), 0);
	assert_true(head.lapic == 0x1fee10000 && !head.has_8259);
	assert_int_equal(acpi_madt_cpus(&table, &cpu, 1), 1);
	assert_true(cpu.apic_id == 0x11223344 && cpu.uid == 7);
	assert_true(!cpu.enabled && cpu.online_capable);
	assert_int_equal(acpi_madt_overrides(&table, &over, 1), 1);
	assert_true(over.polarity == ACPI_ACTIVE_LOW && over.trigger == ACPI_LEVEL);
	cut(&table, read_madt);
	exact[36 + 8 + 1] = 0; /* a record of length 0 */
	assert_int_equal(acpi_madt_cpus(&table, &cpu, 1), -EINVAL);
	exact[36 + 8 + 1] = 8; /* shorter than its type */
	assert_int_equal(acpi_madt_cpus(&table, &cpu, 1), -EINVAL);
	exact[36 + 8 + 1] = 255;
	assert_int_equal(acpi_madt_head(&table, &head), -EINVAL);
}

static int read_dmar(const struct acpi_table *table)
{
	static struct acpi_drhd unit;
	static struct acpi_rmrr region;
	struct acpi_dmar head;

	return acpi_dmar_head(table, &head) | acpi_dmar_units(table, &unit, 1) |
	       acpi_dmar_regions(table, &region, 1);
}

static void test_dmar(void **state)
{
	static const uint8_t body[] = {
		47,   0,    0,	  0, 0, 0, 0,	 0, 0, 0,    0,	   0, /* 48 bits */
		0,    0,    26,	  0, 0, 0, 1,	 0, 0, 0,    0xd9, 0xfe,
		0,    0,    0,	  0,			  /* DRHD, segment 1 */
		1,    10,   0,	  0, 0, 5, 0x1f, 2, 3, 4, /* path of two */
		1,    0,    32,	  0, 0, 0, 0,	 0, 0, 0x10, 0,	   0,
		0,    0,    0,	  0, /* RMRR */
		0xff, 0x1f, 0,	  0, 0, 0, 0,	 0, 1, 8,    0,	   0,
		0,    0,    0x14, 0,
	};
	uint8_t exact[512], many[16 + 40 * 8];
	struct acpi_table table = make(exact, body, sizeof(body));
	static struct acpi_drhd unit;
	static struct acpi_rmrr region;
	struct acpi_dmar head;

	(void)state;
	assert_int_equal(acpi_dmar_head(&table, &head), 0);
	assert_true(head.address_bits == 48 && !head.interrupt_remapping);
	assert_int_equal(acpi_dmar_units(&table, &unit, 1), 1);
	assert_true(unit.base == 0xfed90000 && unit.segment == 1 && !unit.include_all);
	assert_true(unit.scopes == 1 && unit.scope[0].path_len == 2 && unit.scope[0].bus == 5);
	assert_true(unit.scope[0].path[0].device == 0x1f && unit.scope[0].path[1].function == 4);
	assert_int_equal(acpi_dmar_regions(&table, &region, 1), 1);
	assert_true(region.base == 0x1000 && region.limit == 0x1fff);
	assert_true(region.scopes == 1 && region.scope[0].path[0].device == 0x14);
	cut(&table, read_dmar);
	exact[36 + 12 + 8] = 1; /* base not aligned */
	assert_int_equal(acpi_dmar_units(&table, &unit, 1), -EINVAL);
	exact[36 + 38 + 17] = 0; /* limit below base */
	assert_int_equal(acpi_dmar_regions(&table, &region, 1), -EINVAL);
	/* More scopes than are kept. */
	memset(many, 0, sizeof(many));
	many[2] = (uint8_t)sizeof(many);
	many[3] = sizeof(many) >> 8;
	many[9] = 0x10;
	for (unsigned i = 0; i < 40; i++)
		memcpy(many + 16 + 8 * i, "\1\10\0\0\0\0\2\0", 8);
	memcpy(exact + 48, many, sizeof(many));
	table.len = 48 + sizeof(many);
	assert_int_equal(acpi_dmar_units(&table, &unit, 1), 1);
	assert_true(unit.scopes == ACPI_SCOPES_MAX && unit.scopes_lost == 40 - ACPI_SCOPES_MAX);
}

static int read_simple(const struct acpi_table *table)
{
	struct acpi_ecam ecam;
	struct acpi_hpet hpet;
	struct acpi_fadt fadt;

	return acpi_mcfg(table, &ecam, 1) | acpi_hpet(table, &hpet) | acpi_fadt(table, &fadt);
}

static void test_simple(void **state)
{
	uint8_t body[300] = {0}, exact[400];
	struct acpi_table table;
	struct acpi_ecam ecam;
	struct acpi_hpet hpet;
	struct acpi_fadt fadt;

	(void)state;
	body[8 + 2] = 0x10; /* base 1 MiB */
	body[8 + 11] = 3;
	table = make(exact, body, 8 + 16);
	assert_int_equal(acpi_mcfg(&table, &ecam, 1), 1);
	assert_true(ecam.base == 0x100000 && ecam.bus_last == 3);
	exact[44 + 10] = 4;
	assert_int_equal(acpi_mcfg(&table, &ecam, 1), -EINVAL);
	exact[44 + 10] = 0;
	exact[44] = 1;
	assert_int_equal(acpi_mcfg(&table, &ecam, 1), -EINVAL);
	table = make(exact, body, sizeof(body));
	cut(&table, read_simple);
	assert_int_equal(acpi_hpet(&table, &hpet), 0);
	assert_int_equal(hpet.base, 0x100000);
	exact[40] = ACPI_SPACE_IO;
	assert_int_equal(acpi_hpet(&table, &hpet), -EINVAL);
	/* The wide registers count; a hardware-reduced machine has sleep registers. */
	table.revision = 5;
	exact[64] = 1, exact[65] = 2;
	exact[172] = 1, exact[176] = 4, exact[177] = 6;
	exact[114] = 0x10; /* flag bit 20 */
	exact[244] = 1, exact[248] = 0x55;
	assert_int_equal(acpi_fadt(&table, &fadt), 0);
	assert_true(fadt.pm1a_control == 0x604 && fadt.hw_reduced && !fadt.has_8042);
	assert_true(fadt.sleep_control.address == 0x55 && !fadt.reset_supported);
	exact[172] = 0; /* in memory: not a port */
	assert_int_equal(acpi_fadt(&table, &fadt), 0);
	assert_int_equal(fadt.pm1a_control, 0x201);
	table.len = 115;
	assert_int_equal(acpi_fadt(&table, &fadt), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_q35, setup, teardown),
		cmocka_unit_test_setup_teardown(test_q35_xsdt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_roots, setup, teardown),
		cmocka_unit_test(test_s5),
		cmocka_unit_test(test_madt),
		cmocka_unit_test(test_dmar),
		cmocka_unit_test(test_simple),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

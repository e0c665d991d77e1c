/* SPDX-License-Identifier: ISC */
/*
 * ACPI tables, read only: finding them (RSDP, RSDT, XSDT) and reading those that device discovery
 * and power-off need (MCFG, MADT, FADT, HPET, DMAR, and the _S5_ package in the DSDT).
 *
 * Not here: AML execution. The sleep type for power-off is found by looking for the _S5_ package's
 * bytes, which works where it is a literal package at fixed position in the table, as it is on QEMU
 * and most boards; where it is not, it is reported as not found.
 *
 * Invariant: a table is read only inside the length that was mapped for it, whatever its own
 * length fields say; a sub-structure of length zero ends a walk with an error.
 *
 * Spec: ACPI 6.5, chapter 5; PCI Firmware 3.3, 4.1.2 (MCFG); IA-PC HPET 1.0a, 3.2.4; Intel VT-d,
 * chapter 8 (DMAR).
 */
#ifndef ACPI_ACPI_H
#define ACPI_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACPI_MUST	__attribute__((warn_unused_result))
#define ACPI_TABLE_MAX	(4u << 20) /* a longer table is refused */
#define ACPI_TABLES_MAX 256u	   /* entries of a root table that are looked at */

/*
 * How memory is reached. map: a pointer to len bytes at physical address phys, valid until the
 * struct acpi that uses it is given up; NULL where that cannot be mapped. Alignment is not needed.
 */
struct acpi_source {
	const void *(*map)(void *ctx, uint64_t phys, size_t len);
	void *ctx;
};

struct acpi {
	struct acpi_source source;
	uint64_t root;	/* physical address of RSDT or XSDT */
	bool wide;	/* XSDT: 8-byte entries */
	uint32_t count; /* entries */
	const uint8_t *entries;
};

/* A table whose checksum was right. data holds len bytes, header (36 bytes) included. */
struct acpi_table {
	uint64_t phys;
	const uint8_t *data;
	uint32_t len;
	uint8_t revision;
};

/*
 * Look for the RSDP where a BIOS leaves it: the first KiB of the EBDA and 0xe0000-0xfffff.
 * Returns 0 with its address, or -ENOENT.
 */
ACPI_MUST int acpi_scan(const struct acpi_source *source, uint64_t *rsdp);

/*
 * Open the tables from the RSDP at that address: verify it, and the root table behind it (XSDT if
 * there is a sound one, else RSDT). Returns 0; -EINVAL a signature, length or checksum is wrong;
 * -EFAULT something could not be mapped.
 */
ACPI_MUST int acpi_open(struct acpi *acpi, const struct acpi_source *source, uint64_t rsdp);

/*
 * The nth table (from 0) with a signature, e.g. "APIC". A table that cannot be mapped or whose
 * checksum is wrong is passed over. Returns 0 or -ENOENT.
 */
ACPI_MUST int acpi_find(const struct acpi *acpi, const char signature[4], unsigned nth,
			struct acpi_table *table);

/* The table at an address that another table names (DSDT). 0, -EINVAL or -EFAULT. */
ACPI_MUST int acpi_table_at(const struct acpi *acpi, uint64_t phys, const char signature[4],
			    struct acpi_table *table);

/*
 * Readers. Each takes a table that acpi_find gave, writes at most max elements to out, and returns
 * how many there are (which may be more than max), or -EINVAL for a malformed table.
 */
struct acpi_ecam {
	uint64_t base;
	uint16_t segment;
	uint8_t bus_first, bus_last;
};

ACPI_MUST int acpi_mcfg(const struct acpi_table *table, struct acpi_ecam *out, unsigned max);

struct acpi_cpu {
	uint32_t apic_id;
	uint32_t uid;
	bool enabled;
	bool online_capable;
};

struct acpi_ioapic {
	uint32_t id;
	uint32_t address;
	uint32_t gsi_base;
};

enum acpi_polarity { ACPI_POLARITY_BUS, ACPI_ACTIVE_HIGH, ACPI_ACTIVE_LOW };
enum acpi_trigger { ACPI_TRIGGER_BUS, ACPI_EDGE, ACPI_LEVEL };

/* An ISA interrupt that is not wired to the input of its own number. */
struct acpi_override {
	uint8_t source; /* ISA interrupt */
	uint32_t gsi;
	enum acpi_polarity polarity; /* BUS: as ISA has it (active high) */
	enum acpi_trigger trigger;   /* BUS: as ISA has it (edge) */
};

struct acpi_madt {
	uint64_t lapic; /* physical address of the local APICs */
	bool has_8259;
};

ACPI_MUST int acpi_madt_head(const struct acpi_table *table, struct acpi_madt *out);
ACPI_MUST int acpi_madt_cpus(const struct acpi_table *table, struct acpi_cpu *out, unsigned max);
ACPI_MUST int acpi_madt_ioapics(const struct acpi_table *table, struct acpi_ioapic *out,
				unsigned max);
ACPI_MUST int acpi_madt_overrides(const struct acpi_table *table, struct acpi_override *out,
				  unsigned max);

/* Generic address structure. */
enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI = 2 };

struct acpi_gas {
	uint8_t space; /* enum acpi_space, or another number: not usable here */
	uint8_t bits;
	uint8_t access;	  /* 0 any, 1 byte, 2 word, 3 dword, 4 qword */
	uint64_t address; /* 0: not there */
};

struct acpi_fadt {
	uint64_t dsdt;
	uint16_t sci;			 /* interrupt */
	uint32_t smi_command;		 /* port; 0: no legacy mode to leave */
	uint8_t acpi_enable;		 /* byte to write there */
	uint16_t pm1a_event, pm1b_event; /* ports; 0: not there */
	uint16_t pm1a_control, pm1b_control;
	uint8_t pm1_event_len;
	uint16_t pm_timer; /* port; 0: not there */
	uint8_t century;   /* index in CMOS RAM; 0: not there */
	bool hw_reduced;
	bool reset_supported;
	struct acpi_gas reset;
	uint8_t reset_value;
	bool has_8042, has_vga, has_cmos_rtc; /* what the boot flags say (true if not denied) */
	struct acpi_gas sleep_control;	      /* hardware-reduced machines */
	struct acpi_gas sleep_status;
};

ACPI_MUST int acpi_fadt(const struct acpi_table *table, struct acpi_fadt *out);

/*
 * The sleep types of the soft-off state, to be written to the SLP_TYP fields of PM1a and PM1b
 * control. Looks for the package _S5_ in a DSDT or SSDT. Returns 0, -ENOENT, -EINVAL.
 */
ACPI_MUST int acpi_s5(const struct acpi_table *table, uint8_t *typ_a, uint8_t *typ_b);

struct acpi_hpet {
	uint64_t base;
	uint8_t number;
	uint16_t min_tick;
	uint8_t comparators;
	bool wide; /* 64-bit counter */
};

ACPI_MUST int acpi_hpet(const struct acpi_table *table, struct acpi_hpet *out);

#define ACPI_SCOPES_MAX 32u
#define ACPI_PATH_MAX	8u

enum acpi_scope_kind {
	ACPI_SCOPE_ENDPOINT = 1,
	ACPI_SCOPE_BRIDGE = 2,
	ACPI_SCOPE_IOAPIC = 3,
	ACPI_SCOPE_HPET = 4,
	ACPI_SCOPE_NAMESPACE = 5
};

struct acpi_scope {
	uint8_t kind; /* enum acpi_scope_kind, or a later number */
	uint8_t id;   /* of the IOAPIC or HPET */
	uint8_t bus;  /* where the path starts */
	uint8_t path_len;
	struct {
		uint8_t device, function;
	} path[ACPI_PATH_MAX];
};

/* A remapping unit (DRHD) or a reserved region (RMRR) with the devices it concerns. */
struct acpi_drhd {
	uint64_t base;
	uint16_t segment;
	bool include_all;
	unsigned scopes; /* there may be more in the table than were kept: see `scopes_lost` */
	unsigned scopes_lost;
	struct acpi_scope scope[ACPI_SCOPES_MAX];
};

struct acpi_rmrr {
	uint64_t base, limit; /* first and last byte */
	uint16_t segment;
	unsigned scopes;
	unsigned scopes_lost;
	struct acpi_scope scope[ACPI_SCOPES_MAX];
};

struct acpi_dmar {
	uint8_t address_bits; /* of DMA, 1..64 */
	bool interrupt_remapping;
};

ACPI_MUST int acpi_dmar_head(const struct acpi_table *table, struct acpi_dmar *out);
ACPI_MUST int acpi_dmar_units(const struct acpi_table *table, struct acpi_drhd *out, unsigned max);
ACPI_MUST int acpi_dmar_regions(const struct acpi_table *table, struct acpi_rmrr *out,
				unsigned max);

#endif

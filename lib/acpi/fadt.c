/* SPDX-License-Identifier: ISC */
/*
 * FADT (signature "FACP"): fixed hardware for power management and reset; and the sleep type of
 * soft-off from the DSDT.
 *
 * The table grew with the revisions of ACPI: a field that lies behind its end is as if it were
 * zero. Where a register is given twice, as a 32-bit port and as an address structure, the latter
 * counts if it names a port.
 *
 * Spec: ACPI 6.5, 5.2.9 (FADT), 7.4.2 (_S5_), 20.2 (AML encoding).
 */
#include <errno.h>
#include <string.h>

#include "acpi/priv.h"

enum {
	F_DSDT = 40,
	F_SCI = 46,
	F_SMI_COMMAND = 48,
	F_ACPI_ENABLE = 52,
	F_PM1A_EVENT = 56,
	F_PM1B_EVENT = 60,
	F_PM1A_CONTROL = 64,
	F_PM1B_CONTROL = 68,
	F_PM_TIMER = 76,
	F_PM1_EVENT_LEN = 88,
	F_PM_TIMER_LEN = 91,
	F_CENTURY = 108,
	F_BOOT_FLAGS = 109,
	F_FLAGS = 112,
	F_SIZE_MIN = 116,
	F_RESET = 116,
	F_RESET_VALUE = 128,
	F_X_DSDT = 140,
	F_X_PM1A_EVENT = 148,
	F_X_PM1B_EVENT = 160,
	F_X_PM1A_CONTROL = 172,
	F_X_PM1B_CONTROL = 184,
	F_X_PM_TIMER = 208,
	F_SLEEP_CONTROL = 244,
	F_SLEEP_STATUS = 256,
	F_SIZE_MAX = 276,
};

#define FLAG_RESET	(1u << 10)
#define FLAG_HW_REDUCED (1u << 20)

#define BOOT_8042   (1u << 1)
#define BOOT_NO_VGA (1u << 2)
#define BOOT_NO_RTC (1u << 5)

/* The first revision whose boot flags mean something. */
#define BOOT_FLAGS_REVISION 3

static uint16_t port_of(const uint8_t *f, unsigned at, unsigned x_at)
{
	struct acpi_gas gas = acpi_gas_get(f + x_at);
	uint32_t port = get_le32(f + at);

	if (gas.space == ACPI_SPACE_IO && gas.address != 0 && gas.address <= UINT16_MAX)
		return (uint16_t)gas.address;
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static void read_ports(const uint8_t *f, struct acpi_fadt *out)
{
	out->pm1a_event = port_of(f, F_PM1A_EVENT, F_X_PM1A_EVENT);
	out->pm1b_event = port_of(f, F_PM1B_EVENT, F_X_PM1B_EVENT);
	out->pm1a_control = port_of(f, F_PM1A_CONTROL, F_X_PM1A_CONTROL);
	out->pm1b_control = port_of(f, F_PM1B_CONTROL, F_X_PM1B_CONTROL);
	out->pm1_event_len = f[F_PM1_EVENT_LEN];
	if (f[F_PM_TIMER_LEN] == 4)
		out->pm_timer = port_of(f, F_PM_TIMER, F_X_PM_TIMER);
}

int acpi_fadt(const struct acpi_table *table, struct acpi_fadt *out)
{
	uint8_t f[F_SIZE_MAX] = {0};
	struct acpi_fadt got = {.dsdt = 0};
	uint32_t flags, boot;

	if (table->len < F_SIZE_MIN)
		return -EINVAL;
	memcpy(f, table->data, table->len < sizeof(f) ? table->len : sizeof(f));
	flags = get_le32(f + F_FLAGS);
	boot = get_le16(f + F_BOOT_FLAGS);
	got.dsdt = get_le64(f + F_X_DSDT);
	if (got.dsdt == 0)
		got.dsdt = get_le32(f + F_DSDT);
	got.sci = get_le16(f + F_SCI);
	got.smi_command = get_le32(f + F_SMI_COMMAND);
	got.acpi_enable = f[F_ACPI_ENABLE];
	got.century = f[F_CENTURY];
	read_ports(f, &got);
	got.hw_reduced = flags & FLAG_HW_REDUCED;
	got.reset_supported = (flags & FLAG_RESET) && table->len > F_RESET_VALUE;
	got.reset = acpi_gas_get(f + F_RESET);
	got.reset_value = f[F_RESET_VALUE];
	got.has_8042 = table->revision < BOOT_FLAGS_REVISION || (boot & BOOT_8042);
	got.has_vga = table->revision < BOOT_FLAGS_REVISION || !(boot & BOOT_NO_VGA);
	got.has_cmos_rtc = table->revision < BOOT_FLAGS_REVISION || !(boot & BOOT_NO_RTC);
	got.sleep_control = acpi_gas_get(f + F_SLEEP_CONTROL);
	got.sleep_status = acpi_gas_get(f + F_SLEEP_STATUS);
	*out = got;
	return 0;
}

/* AML that is looked at: [at, end). */
struct aml {
	const uint8_t *data;
	uint32_t at, end;
};

enum {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_QWORD = 0x0e,
	AML_PACKAGE = 0x12,
};

/* Enter a package: narrow the range to it, step to its first element. */
static bool enter_package(struct aml *aml, uint32_t *elements)
{
	uint32_t start, bytes, len;

	if (aml->end - aml->at < 3 || aml->data[aml->at++] != AML_PACKAGE)
		return false;
	start = aml->at;
	bytes = aml->data[start] >> 6;
	len = bytes == 0 ? aml->data[start] & 0x3f : aml->data[start] & 0x0f;
	if (aml->end - start <= bytes)
		return false;
	for (uint32_t i = 0; i < bytes; i++)
		len |= (uint32_t)aml->data[start + 1 + i] << (4 + 8 * i);
	/* The length counts itself. */
	if (len < bytes + 2 || len > aml->end - start)
		return false;
	aml->end = start + len;
	aml->at = start + 1 + bytes;
	*elements = aml->data[aml->at++];
	return true;
}

/* A constant number at the current position; sleep types have three bits. */
static bool take_sleep_type(struct aml *aml, uint8_t *type)
{
	uint32_t bytes = 0;
	uint64_t v = 0;
	uint8_t op;

	if (aml->at >= aml->end)
		return false;
	op = aml->data[aml->at++];
	switch (op) {
	case AML_ZERO: break;
	case AML_ONE: v = 1; break;
	case AML_BYTE: bytes = 1; break;
	case AML_WORD: bytes = 2; break;
	case AML_DWORD: bytes = 4; break;
	case AML_QWORD: bytes = 8; break;
	default: return false;
	}
	if (aml->end - aml->at < bytes)
		return false;
	for (uint32_t i = 0; i < bytes; i++)
		v |= (uint64_t)aml->data[aml->at++] << 8 * i;
	*type = (uint8_t)v;
	return v <= 7;
}

/* Is the name at `at` being defined there: NameOp, and perhaps a root prefix, before it? */
static bool is_definition(const uint8_t *data, uint32_t at)
{
	return data[at - 1] == AML_NAME || (data[at - 1] == '\\' && data[at - 2] == AML_NAME);
}

int acpi_s5(const struct acpi_table *table, uint8_t *typ_a, uint8_t *typ_b)
{
	int rc = -ENOENT;

	for (uint32_t at = ACPI_HEADER_SIZE + 1; at + 4 <= table->len; at++) {
		struct aml aml = {table->data, at + 4, table->len};
		uint32_t elements;
		uint8_t a, b;

		if (memcmp(table->data + at, "_S5_", 4) != 0 || !is_definition(table->data, at))
			continue;
		rc = -EINVAL;
		if (!enter_package(&aml, &elements) || elements < 2 || !take_sleep_type(&aml, &a) ||
		    !take_sleep_type(&aml, &b))
			continue;
		*typ_a = a;
		*typ_b = b;
		return 0;
	}
	return rc;
}

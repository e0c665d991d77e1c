/* SPDX-License-Identifier: ISC */
/*
 * pci_function.c: reading functions from a configuration space that is an array, with BARs that
 * answer sizing as hardware does; and spaces full of noise.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "pci/pci.h"

#define FUNCTIONS 8u

struct fake {
	uint32_t source;
	uint8_t space[256];
	uint32_t fixed[PCI_BARS]; /* bits of a BAR that cannot be written */
	bool master_while_sizing;
};

static struct fake fakes[FUNCTIONS];
static unsigned count;

static struct fake *fake_of(uint32_t source)
{
	for (unsigned i = 0; i < count; i++)
		if (fakes[i].source == source)
			return &fakes[i];
	return NULL;
}

static uint32_t fake_read(void *ctx, uint32_t source, uint32_t offset, unsigned width)
{
	struct fake *f = fake_of(source);
	uint32_t value = 0xffffffffu;

	(void)ctx;
	assert_true(offset % width == 0 && offset + width <= 4096);
	if (f && offset + width <= 256) {
		value = 0;
		memcpy(&value, f->space + offset, width);
	}
	return value;
}

static void fake_write(void *ctx, uint32_t source, uint32_t offset, unsigned width, uint32_t value)
{
	struct fake *f = fake_of(source);
	unsigned bar = (offset - PCI_BAR0) / 4;

	(void)ctx;
	if (!f || offset + width > 256)
		return;
	if (offset >= PCI_BAR0 && bar < PCI_BARS) {
		uint32_t old;

		if (f->space[PCI_COMMAND] & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY))
			f->master_while_sizing = true;
		memcpy(&old, f->space + offset, 4);
		value = (value & ~f->fixed[bar]) | (old & f->fixed[bar]);
	}
	memcpy(f->space + offset, &value, width);
}

static const struct pci_access access_fake = {.read = fake_read, .write = fake_write};

static void put(struct fake *f, uint32_t offset, unsigned width, uint32_t value)
{
	memcpy(f->space + offset, &value, width);
}

static struct fake *add(uint32_t source, uint32_t vendor, uint32_t device)
{
	struct fake *f = &fakes[count++];

	memset(f, 0, sizeof(*f));
	f->source = source;
	for (unsigned i = 0; i < PCI_BARS; i++)
		f->fixed[i] = ~0u;
	put(f, PCI_VENDOR, 2, vendor);
	put(f, 2, 2, device);
	return f;
}

static void bar(struct fake *f, unsigned n, uint32_t value, uint64_t size)
{
	put(f, PCI_BAR0 + 4 * n, 4, value);
	f->fixed[n] = (uint32_t)(size - 1);
}

/* Like the disk that the emulator has. */
static struct fake *disk_make(void)
{
	struct fake *f = add(3 << 3, 0x1af4, 0x1042);

	put(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	put(f, PCI_STATUS, 2, PCI_STATUS_CAPS);
	put(f, PCI_REVISION, 4, 0x01000001);
	bar(f, 0, 0xc001, 0x80);
	bar(f, 1, 0xfebd4000, 0x1000);
	bar(f, 4, 0xfe00000c, 0x4000);
	bar(f, 5, 0x00000001, 0x100000000ull);
	f->fixed[5] = 0;
	put(f, PCI_CAPS, 1, 0x40);
	put(f, 0x40, 4, 0x80014811); /* MSI-X, 2 entries */
	put(f, 0x42, 2, 1);
	put(f, 0x41, 1, 0x4c);
	put(f, 0x44, 4, 1);
	put(f, 0x48, 4, 0x801);
	put(f, 0x4c, 4, 0x01105c09); /* virtio common, next 0x5c */
	put(f, 0x50, 4, 4);
	put(f, 0x54, 4, 0x1000);
	put(f, 0x58, 4, 0x1000);
	put(f, 0x5c, 4, 0x02140009); /* notify, last */
	put(f, 0x60, 4, 4);
	put(f, 0x64, 4, 0x3000);
	put(f, 0x68, 4, 0x1000);
	put(f, 0x6c, 4, 4);
	return f;
}

static void ordinary(void **state)
{
	struct pci_function f;
	struct fake *d;

	(void)state;
	count = 0;
	d = disk_make();
	assert_int_equal(pci_function_read(&access_fake, d->source, &f), 0);
	assert_int_equal(f.class_code, 0x010000);
	assert_int_equal(f.bar[0].kind, PCI_BAR_PORT);
	assert_int_equal(f.bar[0].size, 0x80);
	assert_int_equal(f.bar[1].size, 0x1000);
	assert_int_equal(f.bar[4].base, 0x1fe000000ull);
	assert_int_equal(f.bar[4].size, 0x4000);
	assert_int_equal(f.bar[5].size, 0);
	assert_int_equal(f.msix_entries, 2);
	assert_int_equal(f.msix_table_bar, 1);
	assert_int_equal(f.msix_pba, 0x800);
	assert_int_equal(f.virtios, 2);
	assert_int_equal(pci_virtio_address(&f, pci_virtio_find(&f, PCI_VIRTIO_COMMON)),
			 0x1fe001000ull);
	assert_int_equal(pci_virtio_find(&f, PCI_VIRTIO_NOTIFY)->multiplier, 4);
	assert_false(d->master_while_sizing);
	assert_int_equal(fake_read(NULL, d->source, PCI_COMMAND, 2),
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(fake_read(NULL, d->source, PCI_BAR0 + 4, 4), 0xfebd4000);
}

static void lying(void **state)
{
	struct pci_function f;
	struct fake *d;

	(void)state;
	count = 0;
	d = disk_make();
	put(d, 0x54, 4, 0x3800); /* a structure that leaves its BAR */
	put(d, 0x44, 4, 0xff9);	 /* a table that does */
	assert_int_equal(pci_function_read(&access_fake, d->source, &f), 0);
	assert_int_equal(f.virtios, 1);
	assert_int_equal(f.msix, 0);
	put(d, 0x5d, 1, 0x40); /* a list that loops */
	assert_int_equal(pci_function_read(&access_fake, d->source, &f), 0);
	bar(d, 1, 0xfebd8000, 0x1000);
	d->fixed[1] = 0x5fff; /* a size that is none */
	assert_int_equal(pci_function_read(&access_fake, d->source, &f), 0);
	assert_int_equal(f.bar[1].kind, PCI_BAR_NONE);
	assert_int_equal(pci_function_read(&access_fake, 99, &f), -ENODEV);
}

static void buses(void **state)
{
	struct pci_function out[FUNCTIONS];
	struct fake *bridge, *multi;

	(void)state;
	count = 0;
	bridge = add(1 << 3, 0x8086, 1);
	put(bridge, PCI_HEADER, 1, 1);
	put(bridge, PCI_SECONDARY, 1, 5);
	multi = add(2 << 3, 0x8086, 2);
	put(multi, PCI_HEADER, 1, 0x80);
	add(2 << 3 | 3, 0x8086, 3);
	add(5 << 8, 0x8086, 4);
	bridge = add(5 << 8 | 1 << 3, 0x8086, 5); /* leads back: not followed */
	put(bridge, PCI_HEADER, 1, 1);
	put(bridge, PCI_SECONDARY, 1, 0);
	assert_int_equal(pci_enumerate(&access_fake, 0, 0, 255, out, FUNCTIONS), 5);
	assert_int_equal(out[2].source, 2 << 3 | 3);
	assert_int_equal(out[3].source, 5 << 8);
	assert_int_equal(pci_enumerate(&access_fake, 0, 0, 4, out, FUNCTIONS), 3);
	assert_int_equal(pci_enumerate(&access_fake, 0, 0, 255, out, 2), 2);
}

static void names(void **state)
{
	char name[PCI_NAME];

	(void)state;
	pci_name(3 << 3 | 2, name);
	assert_string_equal(name, "00:03.2");
	pci_name(0xffffffff, name);
	assert_string_equal(name, "ffff:ff:1f.7");
}

/* Whatever a function says: nothing outside of it is told. */
static void noise(void **state)
{
	struct pci_function f;

	(void)state;
	for (unsigned seed = 1; seed < 5000; seed++) {
		count = 0;
		add(8, 0x1af4, 1);
		srand(seed);
		for (unsigned i = 4; i < 256; i++)
			fakes[0].space[i] = (uint8_t)rand();
		fakes[0].space[PCI_HEADER] &= 1;
		for (unsigned i = 0; i < PCI_BARS; i++)
			fakes[0].fixed[i] = (1u << (4 + rand() % 20)) - 1;
		assert_int_equal(pci_function_read(&access_fake, 8, &f), 0);
		for (uint32_t i = 0; i < f.virtios; i++)
			if (f.virtio[i].offset + (uint64_t)f.virtio[i].length >
			    f.bar[f.virtio[i].bar].size)
				fail_msg("seed %u", seed);
		if (f.msix && f.msix_table + 16ull * f.msix_entries > f.bar[f.msix_table_bar].size)
			fail_msg("seed %u", seed);
		for (unsigned i = 0; i < PCI_BARS; i++)
			if (f.bar[i].base + f.bar[i].size < f.bar[i].base)
				fail_msg("seed %u", seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary), cmocka_unit_test(lying), cmocka_unit_test(buses),
		cmocka_unit_test(names),    cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

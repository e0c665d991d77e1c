/* SPDX-License-Identifier: ISC */
/*
 * ioapic.c: interrupt lines: routing, masking, and the old interrupt controllers off.
 *
 * All lines go to CPU 0. A level-triggered line is masked before its end of interrupt is
 * signalled, else it would come again at once; its owner unmasks it after it has acknowledged.
 * That masking happens without the kernel lock: ioapic_lock guards registers and `lines`, is
 * held for a few instructions with interrupts off, and its holder takes no other lock.
 * Spec: Intel 82093AA (I/O APIC), section 3.2.
 */
#include "log.h"
#include "private.h"

#define REG_SELECT    0x00
#define REG_DATA      0x10
#define INDEX_VERSION 1
#define INDEX_ENTRIES 0x10
#define ENTRY_MASKED  (1u << 16)
#define ENTRY_LEVEL   (1u << 15)
#define ENTRY_LOW     (1u << 13)
#define LINES_MAX     256
#define CHIPS_MAX     8
#define VECTORS	      256
#define PIC_MASTER    0x20
#define PIC_SLAVE     0xa0
#define PIC_VECTOR    0x20

struct chip {
	char *registers;
	unsigned first, count;
};

static struct chip chips[CHIPS_MAX];
static unsigned chip_count;
static uint32_t ioapic_lock;
/* [ioapic_lock] low half of each line's entry, as last written; 0: never set up */
static uint32_t lines[LINES_MAX];
uint16_t vector_line[VECTORS]; /* [ioapic_lock] */

static void lock(void)
{
	while (__atomic_exchange_n(&ioapic_lock, 1, __ATOMIC_ACQUIRE))
		arch_relax();
}

static void unlock(void)
{
	__atomic_store_n(&ioapic_lock, 0, __ATOMIC_RELEASE);
}

static uint32_t chip_read(const struct chip *c, uint32_t index)
{
	mmio_write32(c->registers + REG_SELECT, index);
	return mmio_read32(c->registers + REG_DATA);
}

static void chip_write(const struct chip *c, uint32_t index, uint32_t v)
{
	mmio_write32(c->registers + REG_SELECT, index);
	mmio_write32(c->registers + REG_DATA, v);
}

static struct chip *chip_of(unsigned line)
{
	for (unsigned i = 0; i < chip_count; i++)
		if (line >= chips[i].first && line - chips[i].first < chips[i].count)
			return line < LINES_MAX ? &chips[i] : NULL;
	return NULL;
}

static void line_write(unsigned line, uint32_t low)
{
	struct chip *c = chip_of(line);

	lines[line] = low;
	chip_write(c, INDEX_ENTRIES + 2 * (line - c->first), low);
}

/* The old pair: out of the way of our vectors, all masked. Before LINT0 is masked: an interrupt
 * that it still asserts then is taken back, and cannot reach the CPU without a vector. */
void pic_off(void)
{
	static const uint8_t words[4][2] = {
		{0x11, 0x11}, {PIC_VECTOR, PIC_VECTOR + 8}, {4, 2}, {1, 1}};

	for (int i = 0; i < 4; i++) {
		outb(PIC_MASTER + (i > 0), words[i][0]);
		outb(PIC_SLAVE + (i > 0), words[i][1]);
	}
	outb(PIC_MASTER + 1, 0xff);
	outb(PIC_SLAVE + 1, 0xff);
}

void ioapic_init(const struct acpi_facts *f)
{
	for (unsigned i = 0; i < f->ioapic_count && i < CHIPS_MAX; i++) {
		struct chip *c = &chips[chip_count];
		uint32_t version;
		c->registers = arch_map_registers(f->ioapics[i].base, 32);
		c->first = f->ioapics[i].first;
		version = chip_read(c, INDEX_VERSION);
		if (version == UINT32_MAX)
			continue; /* nobody there */
		c->count = (version >> 16 & 0xff) + 1;
		chip_count++;
		for (unsigned k = 0; k < c->count; k++)
			chip_write(c, INDEX_ENTRIES + 2 * k, ENTRY_MASKED);
	}
}

unsigned arch_line_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < chip_count; i++)
		if (chips[i].first + chips[i].count > count)
			count = chips[i].first + chips[i].count;
	return count < LINES_MAX ? count : LINES_MAX;
}

int arch_line_setup(unsigned line, bool level, bool low, unsigned vector)
{
	struct chip *c = chip_of(line);

	if (!c || vector < VECTOR_DEVICE_FIRST || vector > VECTOR_DEVICE_LAST)
		return -EINVAL;
	lock();
	for (unsigned v = 0; v < VECTORS; v++) /* one that it had before is another's by now */
		if (vector_line[v] == line + 1)
			vector_line[v] = 0;
	line_write(line, ENTRY_MASKED | (level ? ENTRY_LEVEL : 0) | (low ? ENTRY_LOW : 0) | vector);
	chip_write(c, INDEX_ENTRIES + 2 * (line - c->first) + 1, cpus[0].hardware_id << 24);
	vector_line[vector] = level ? (uint16_t)(line + 1) : 0;
	unlock();
	return 0;
}

static void line_mask_locked(unsigned line, bool masked)
{
	uint32_t entry = masked ? lines[line] | ENTRY_MASKED : lines[line] & ~ENTRY_MASKED;

	if (lines[line] && entry != lines[line])
		line_write(line, entry);
}

void arch_line_mask(unsigned line, bool masked)
{
	if (!chip_of(line))
		return;
	lock();
	line_mask_locked(line, masked);
	unlock();
}

void ioapic_vector_mask(unsigned vector)
{
	lock();
	if (vector_line[vector]) /* still: the line has not been set up anew meanwhile */
		line_mask_locked(vector_line[vector] - 1u, true);
	unlock();
}

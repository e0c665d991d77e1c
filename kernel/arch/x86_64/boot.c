/* SPDX-License-Identifier: ISC */
/*
 * boot.c: what the loader left, in PVH's or Multiboot2's form, made into struct boot_info.
 *
 * The loader is trusted, its tables are still bounded while they are read. All that is needed
 * later is copied here, but for the archive, which stays where it is, and a copy of the RSDP in
 * Multiboot2's information, which is left out of `usable` for that. The first MiB is not usable:
 * firmware data, and the page from which other CPUs start.
 * Spec: Xen's start_info.h (hvm_start_info); Multiboot2 specification 2.0, section 3.6.
 */
#include "log.h"
#include "private.h"
#include "range.h"

#define MIB	     (1ull << 20)
#define TYPE_RAM     1u
#define MB2_INFO_MAX (1u << 20)
#define LOW_PAGE_END 0x9f000u

struct pvh_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};
struct pvh_module {
	uint64_t base, size, cmdline, reserved;
};
struct pvh_memory {
	uint64_t base, size;
	uint32_t type, reserved;
};

struct mb2_tag {
	uint32_t type, size;
};
struct mb2_module {
	struct mb2_tag tag;
	uint32_t start, end;
	char cmdline[];
};
struct mb2_memory {
	uint64_t base, size;
	uint32_t type, reserved;
};
struct mb2_map {
	struct mb2_tag tag;
	uint32_t entry_size, version;
	char entries[];
};
enum { MB2_END, MB2_CMDLINE, MB2_MODULE = 3, MB2_MEMORY = 6, MB2_ACPI_OLD = 14, MB2_ACPI_NEW };

struct boot_info boot;
paddr_t boot_low_page;
extern char image_start[], image_end[], boot_stack_top[], boot_ist[];

static struct range_set ram = {boot.ram, 0, array_len(boot.ram)};

static void cmdline_copy(const char *from, uint64_t room)
{
	uint64_t n = 0;

	while (n < room && n < sizeof(boot.cmdline) - 1 && from[n])
		n++;
	memcpy(boot.cmdline, from, n);
	boot.cmdline[n] = 0;
}

/* Called for all entries twice: RAM comes in first, then what is not RAM goes out. */
static void memory_entry(uint64_t base, uint64_t size, uint32_t type, bool add)
{
	if (add && type == TYPE_RAM)
		range_add(&ram, base, size);
	if (!add && type != TYPE_RAM)
		range_cut(&ram, base, size);
}

static uint64_t pvh_collect(paddr_t at)
{
	const struct pvh_info *info = phys_to_virt(at);
	const struct pvh_memory *map;

	if (info->magic != BOOT_PVH || info->version < 1 || !info->memmap_entries)
		panic("PVH start information without a memory map");
	map = phys_to_virt(info->memmap);
	for (uint32_t i = 0; i < info->memmap_entries; i++)
		memory_entry(map[i].base, map[i].size, map[i].type, true);
	for (uint32_t i = 0; i < info->memmap_entries; i++)
		memory_entry(map[i].base, map[i].size, map[i].type, false);
	if (info->modules) {
		const struct pvh_module *module = phys_to_virt(info->module_list);
		boot.archive = module->base;
		boot.archive_len = module->size;
	}
	if (info->cmdline)
		cmdline_copy(phys_to_virt(info->cmdline), sizeof(boot.cmdline));
	boot.rsdp = info->rsdp;
	return sizeof(*info);
}

static void mb2_memory(const struct mb2_tag *tag, bool add)
{
	const struct mb2_map *map = (const struct mb2_map *)tag;
	const char *end = (const char *)tag + tag->size;

	if (map->entry_size < sizeof(struct mb2_memory))
		return;
	for (const char *p = map->entries; p + map->entry_size <= end; p += map->entry_size) {
		const struct mb2_memory *e = (const struct mb2_memory *)p;
		memory_entry(e->base, e->size, e->type, add);
	}
}

static void mb2_tag_read(const struct mb2_tag *tag)
{
	const struct mb2_module *module = (const struct mb2_module *)tag;

	switch (tag->type) {
	case MB2_CMDLINE: cmdline_copy((const char *)(tag + 1), tag->size - sizeof(*tag)); break;
	case MB2_MODULE:
		if (!boot.archive_len && module->end > module->start) {
			boot.archive = module->start;
			boot.archive_len = module->end - module->start;
		}
		break;
	case MB2_MEMORY: mb2_memory(tag, true); break;
	case MB2_ACPI_OLD:
		if (!boot.rsdp)
			boot.rsdp = virt_to_phys(tag + 1);
		break;
	case MB2_ACPI_NEW: boot.rsdp = virt_to_phys(tag + 1); break;
	}
}

static uint64_t mb2_collect(paddr_t at)
{
	const uint32_t *total = phys_to_virt(at);
	uint64_t size = *total;
	const struct mb2_tag *map = NULL;

	if (size < 16 || size > MB2_INFO_MAX)
		panic("Multiboot2 information of %lu bytes", size);
	for (uint64_t offset = 8; offset + sizeof(struct mb2_tag) <= size;) {
		const struct mb2_tag *tag = phys_to_virt(at + offset);
		if (tag->type == MB2_END || tag->size < sizeof(*tag) || tag->size > size - offset)
			break;
		mb2_tag_read(tag);
		if (tag->type == MB2_MEMORY)
			map = tag;
		offset += (tag->size + 7ull) & ~7ull;
	}
	if (!map)
		panic("Multiboot2 information without a memory map");
	mb2_memory(map, false);
	return size;
}

/* The highest page below the EBDA's usual place that nothing of ours lies in. */
static void low_page_find(const struct range_set *free)
{
	for (unsigned i = 0; i < free->count; i++) {
		paddr_t end = free->range[i].base + free->range[i].len;
		if (end > LOW_PAGE_END)
			end = LOW_PAGE_END;
		if (end > PAGE_SIZE && free->range[i].base < end)
			boot_low_page = end - PAGE_SIZE;
	}
}

void boot_collect(uint32_t magic, uint32_t info)
{
	struct range_set usable = {boot.usable, 0, array_len(boot.usable)};
	uint64_t size = 0, image = (uint64_t)image_start - KERNEL_BASE;

	if (magic == BOOT_PVH)
		size = pvh_collect(info);
	else if (magic == BOOT_MULTIBOOT2)
		size = mb2_collect(info);
	else
		panic("started by neither PVH nor Multiboot2 (%x)", magic);
	boot.ram_count = ram.count;
	for (unsigned i = 0; i < ram.count; i++)
		range_add(&usable, boot.ram[i].base, boot.ram[i].len);
	range_cut(&usable, image, (uint64_t)image_end - (uint64_t)image_start);
	range_cut(&usable, boot.archive, boot.archive_len);
	range_cut(&usable, info, size);
	low_page_find(&usable);
	range_cut(&usable, 0, MIB);
	boot.usable_count = usable.count;
}

/* From boot.S, on CPU 0's stack, in the first page tables. */
void arch_boot(uint32_t magic, uint32_t info)
{
	struct cpu *c = &cpus[0];

	c->self = c;
	c->loaded = &nobody;
	c->space = &kernel_space;
	wrmsr(MSR_GS_BASE, (uint64_t)c);
	arch_uart_init();
	boot_collect(magic, info);
	cpu_check_features();
	kernel_map_init();
	idt_setup();
	cpu_setup(c, (uint64_t)boot_stack_top, (uint64_t)boot_ist);
	c->online = true;
	cpu_count = 1;
	kernel_main();
}

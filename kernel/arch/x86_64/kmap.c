/* SPDX-License-Identifier: ISC */
/*
 * kmap.c: the kernel's own half of the address space.
 *
 *   ffff8000_00000000  direct map: the first 4 GiB and all RAM above, never executable
 *   ffffffff_80000000  the image: text r-x, rodata r--, data rw-
 *   ffffffff_c0000000  window: device registers, kernel stacks with a hole below each
 *
 * Top-level entries are all made here before the first address space copies them. The direct
 * map's entries above 4 GiB are 1 GiB pages, or 2 MiB pages whose tables come out of
 * boot.usable. The first 4 GiB are mapped cacheable as a whole, device holes included: nothing
 * reads there through the direct map, and the firmware's memory types keep it uncached.
 */
#include "log.h"
#include "memory.h"
#include "private.h"

#define MIB2	    (1ull << 21)
#define GIB	    (1ull << 30)
#define GIB512	    (1ull << 39)
#define IMAGE_PTS   8 /* of 2 MiB each, from KERNEL_BASE on; kernel.ld asserts the end */
#define WINDOW_BASE 0xffffffffc0000000ull
#define WINDOW_END  0xfffffffffffff000ull
#define DIRECT_MAX  (64 * GIB512)

extern uint64_t boot_root[], kernel_root[], ident_pdpt[], direct_pdpt[], kernel_pdpt[];
extern char image_start[], text_end[], rodata_end[], image_end[], boot_stack_guard[];

static uint64_t kernel_pd[512] __attribute__((aligned(4096)));
static uint64_t image_pt[IMAGE_PTS * 512] __attribute__((aligned(4096)));
static uint64_t window_pd[512] __attribute__((aligned(4096)));
static uint64_t window_next = WINDOW_BASE;
struct arch_aspace kernel_space;

static paddr_t image_phys(const void *p)
{
	return (uint64_t)p - KERNEL_BASE;
}

static void image_map(void)
{
	for (uint64_t va = (uint64_t)image_start; va < (uint64_t)image_end; va += PAGE_SIZE) {
		uint64_t bits = PTE_P | PTE_G;
		if (va >= (uint64_t)rodata_end)
			bits |= PTE_W | PTE_NX;
		else if (va >= (uint64_t)text_end)
			bits |= PTE_NX;
		if (va != (uint64_t)boot_stack_guard)
			image_pt[(va - KERNEL_BASE) / PAGE_SIZE] = (va - KERNEL_BASE) | bits;
	}
	for (unsigned i = 0; i < IMAGE_PTS; i++)
		kernel_pd[i] = image_phys(&image_pt[i * 512]) | PTE_P | PTE_W;
}

/* A zeroed page for a table, from the end of a usable range below 4 GiB. */
static paddr_t early_page(void)
{
	for (unsigned i = 0; i < boot.usable_count; i++) {
		struct phys_range *r = &boot.usable[i];
		if (r->len < 2 * PAGE_SIZE || r->base + r->len > 4 * GIB)
			continue;
		r->len -= PAGE_SIZE;
		memset(phys_to_virt(r->base + r->len), 0, PAGE_SIZE);
		return r->base + r->len;
	}
	panic("no memory below 4 GiB for page tables");
}

static uint64_t *early_table(uint64_t *entry)
{
	if (!(*entry & PTE_P))
		*entry = early_page() | PTE_P | PTE_W;
	return phys_to_virt(*entry & PTE_ADDR);
}

static void direct_map_gigabyte(paddr_t pa)
{
	uint64_t *pdpt = early_table(&kernel_root[256 + pa / GIB512]);
	uint64_t *entry = &pdpt[pa % GIB512 / GIB], *pd;
	const uint64_t bits = PTE_P | PTE_W | PTE_PS | PTE_G | PTE_NX;

	if (*entry & PTE_P)
		return;
	if (cpu_has_gigabyte) {
		*entry = pa | bits;
		return;
	}
	pd = early_table(entry);
	for (unsigned i = 0; i < 512; i++)
		pd[i] = (pa + i * MIB2) | bits;
}

void kernel_map_init(void)
{
	image_map();
	kernel_pdpt[511] = image_phys(window_pd) | PTE_P | PTE_W;
	kernel_root[256] = image_phys(direct_pdpt) | PTE_P | PTE_W;
	kernel_root[511] = image_phys(kernel_pdpt) | PTE_P | PTE_W;
	for (unsigned i = 0; i < boot.ram_count; i++) {
		paddr_t end = boot.ram[i].base + boot.ram[i].len;
		for (paddr_t pa = boot.ram[i].base & ~(GIB - 1); pa < end; pa += GIB)
			if (pa < DIRECT_MAX)
				direct_map_gigabyte(pa);
	}
	kernel_space.root = image_phys(kernel_root);
	/* From here on text is read-only; the identity map is in boot_root alone. */
	kernel_pdpt[510] = image_phys(kernel_pd) | PTE_P | PTE_W;
}

/* After the last CPU started. */
void kernel_map_drop_identity(void)
{
	boot_root[0] = 0;
	ident_pdpt[0] = 0;
}

bool direct_mapped(paddr_t pa, uint64_t len)
{
	if (len > GIB512 || pa + len < pa)
		return false;
	if (pa + len <= 4 * GIB)
		return true;
	for (unsigned i = 0; i < boot.ram_count; i++)
		if (pa >= boot.ram[i].base && pa + len <= boot.ram[i].base + boot.ram[i].len)
			return pa + len <= DIRECT_MAX;
	return false;
}

static void window_map(uint64_t va, paddr_t pa, uint64_t bits)
{
	uint64_t *entry = &window_pd[(va >> 21) & 511], *table;

	if (!(*entry & PTE_P)) {
		paddr_t frame = frame_alloc(&root_account, FRAME_KERNEL);
		if (!frame)
			panic("no memory for the kernel's page tables");
		*entry = frame | PTE_P | PTE_W;
	}
	table = phys_to_virt(*entry & PTE_ADDR);
	table[(va >> PAGE_SHIFT) & 511] = pa | PTE_P | PTE_W | PTE_G | PTE_NX | bits;
}

/* Address space of the window for `len` bytes and a hole of one page below. */
static uint64_t window_take(uint64_t len)
{
	uint64_t va = window_next + PAGE_SIZE;

	if (len > WINDOW_END - va)
		panic("the kernel's window is full");
	window_next = va + len;
	return va;
}

void *arch_map_registers(paddr_t base, uint64_t len)
{
	uint64_t skip = base & (PAGE_SIZE - 1), size = page_round_up(skip + len);
	uint64_t va = window_take(size);

	for (uint64_t i = 0; i < size; i += PAGE_SIZE)
		window_map(va + i, base - skip + i, PTE_PCD | PTE_PWT);
	return (void *)(va + skip);
}

uint64_t kernel_stack_make(uint64_t len)
{
	uint64_t va = window_take(len);

	for (uint64_t i = 0; i < len; i += PAGE_SIZE) {
		paddr_t frame = frame_alloc(&root_account, FRAME_KERNEL);
		if (!frame)
			panic("no memory for a kernel stack");
		window_map(va + i, frame, 0);
	}
	return va + len;
}

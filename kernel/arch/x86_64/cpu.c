/* SPDX-License-Identifier: ISC */
/*
 * cpu.c: what each processor is told once: segments, task state, control registers, MSRs.
 *
 * The struct cpus, their entry areas and their TSSs are three arrays of one stride, so that
 * entry code reaches all of a CPU's words through gs at constant distances (kernel.ld).
 * Required: NX, SYSCALL, XSAVE, FSGSBASE, FXSR. Used when there: SMEP, SMAP, UMIP.
 */
#include "log.h"
#include "private.h"

union entry_area entry_areas[CPUS_MAX];
union tss tss_table[CPUS_MAX];
static struct arch_cpu arch_cpus[CPUS_MAX];
bool cpu_has_gigabyte;

uint64_t cr4_normal;
extern const uint64_t smap_sites_start[], smap_sites_end[];
extern char syscall_entry[];

/* Without SMAP, STAC and CLAC are undefined: write a 3-byte no-op over each. Text is read-only
 * in the kernel's map, so the direct map is used. */
static void smap_patch_out(void)
{
	static const uint8_t nop3[3] = {0x0f, 0x1f, 0x00};
	uint64_t count = ((uint64_t)smap_sites_end - (uint64_t)smap_sites_start) / sizeof(uint64_t);

	for (uint64_t i = 0; i < count; i++)
		memcpy(phys_to_virt(smap_sites_start[i] - KERNEL_BASE), nop3, sizeof(nop3));
}

static void require(bool there, const char *what)
{
	if (!there)
		panic("this processor lacks %s", what);
}

void cpu_check_features(void)
{
	struct cpuid basic = cpuid(1, 0), extended = cpuid(0x80000001, 0);
	struct cpuid seven = {0, 0, 0, 0};

	if (cpuid(0, 0).a >= 7)
		seven = cpuid(7, 0);
	require(extended.d & 1u << 11, "SYSCALL");
	require(extended.d & 1u << 20, "NX");
	require(basic.d & 1u << 24, "FXSR");
	require(basic.d & 1u << 13, "global pages");
	require(basic.d & 1u << 9, "a local APIC");
	require(basic.c & 1u << 26, "XSAVE");
	require(seven.b & 1u << 0, "FSGSBASE");
	cpu_has_gigabyte = extended.d & 1u << 26;
	cr4_normal = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE;
	if (seven.b & 1u << 7)
		cr4_normal |= CR4_SMEP;
	if (seven.b & 1u << 20)
		cr4_normal |= CR4_SMAP;
	else
		smap_patch_out();
	if (seven.c & 1u << 2)
		cr4_normal |= CR4_UMIP;
}

static void segments_load(struct cpu *c, union tss *tss)
{
	uint64_t *gdt = c->arch->gdt, base = (uint64_t)tss;
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = {sizeof(c->arch->gdt) - 1, (uint64_t)gdt};

	gdt[0] = 0;
	gdt[KERNEL_CS / 8] = 0x00af9b000000ffffull;
	gdt[KERNEL_DS / 8] = 0x00cf93000000ffffull;
	gdt[SYSRET_BASE / 8] = 0; /* would be 32-bit code: there is none */
	gdt[USER_DS / 8] = 0x00cff3000000ffffull;
	gdt[USER_CS / 8] = 0x00affb000000ffffull;
	/* 64-bit TSS, available: limit, base in four pieces. */
	gdt[TSS_SEL / 8] =
		103 | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	gdt[TSS_SEL / 8 + 1] = base >> 32;
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "lea 1f(%%rip), %%rax\n\t"
			 "push %%rax\n\t"
			 "lretq\n"
			 "1:\tmov %2, %%ss\n\t"
			 "mov %3, %%ds\n\t"
			 "mov %3, %%es\n\t"
			 "mov %3, %%fs\n\t"
			 "mov %3, %%gs\n\t"
			 "ltr %w4"
			 :
			 : "m"(pointer), "i"(KERNEL_CS), "r"(KERNEL_DS), "r"(0), "r"(TSS_SEL)
			 : "rax", "memory");
}

static void stacks_set(struct cpu *c, union tss *tss, uint64_t stack_top, uint64_t ist_base)
{
	/* As a function finds it: 8 below a multiple of 16, with a return address of 0. */
	c->stack_top = (void *)(stack_top - 8);
	*(uint64_t *)c->stack_top = 0;
	for (int i = 0; i < IST_COUNT; i++) {
		uint64_t top = ist_base + (uint64_t)(i + 1) * IST_STACK_SIZE - 16;
		*(struct cpu **)top = c;
		tss->ist[i] = top;
	}
	tss->rsp[0] = stack_top; /* until a thread is loaded */
	tss->iomap = 104;
}

static void registers_set(struct cpu *c)
{
	union entry_area *area = &entry_areas[c->index];

	write_cr0((read_cr0() | CR0_MP | CR0_NE | CR0_WP | CR0_AM) &
		  ~(CR0_EM | CR0_TS | CR0_NW | CR0_CD));
	write_cr4(cr4_normal);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
	wrmsr(MSR_GS_BASE, (uint64_t)c);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_STAR, (uint64_t)SYSRET_BASE << 48 | (uint64_t)KERNEL_CS << 32);
	wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
	wrmsr(MSR_CSTAR, 0);
	wrmsr(MSR_FMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC | RFLAGS_IOPL);
	wrmsr(MSR_PAT, 0x0007040600070406ull); /* the power-on value: WB WT UC- UC, twice */
	area->control = arch_xcr0();
	xsetbv(area->control);
	area->cs = USER_CS;
	area->ss = USER_DS;
	c->scratch[1] = (uint64_t)area;
}

void cpu_setup(struct cpu *c, uint64_t stack_top, uint64_t ist_base)
{
	union tss *tss;

	c->self = c;
	c->index = (unsigned)(c - cpus);
	c->arch = &arch_cpus[c->index];
	c->loaded = &nobody;
	c->arch->timer_deadline = DEADLINE_NEVER;
	tss = &tss_table[c->index];
	stacks_set(c, tss, stack_top, ist_base);
	segments_load(c, tss);
	registers_set(c);
	idt_load();
	c->space = &kernel_space;
	kernel_space.cpus |= 1ull << c->index;
	write_cr3(kernel_space.root);
}

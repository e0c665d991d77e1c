# SPDX-License-Identifier: ISC
kernel-srcs += $(addprefix kernel/arch/x86_64/,boot.S entry.S fastpath.S acpi.c apic.c boot.c cpu.c dump.c \
	ioapic.c kmap.c mmu.c offsets.c port.c range.c smp.c thread.c time.c tlb.c trap.c vtd.c \
	vtd_unit.c)

# SPDX-License-Identifier: ISC
# Tests of the kernel alone: each boots as boot/init. See core.h.
core-frame := tests/core/core.c
core-libs := spawn elf cpio sys
core-programs := hostile abuse holds gates handle memory pager ipc life process thread queue silo limits withhold device libc
CORE += $(core-programs:%=core_%) core_attack core_faults

define core-program
core_$(1)-srcs := tests/core/$(1).c $$(core-frame)
core_$(1)-libs := $$(core-libs)
core_$(1)-options := --seconds 120
endef
$(foreach p,$(core-programs) attack faults,$(eval $(call core-program,$(p))))
core_attack-srcs := $(addprefix tests/core/attack/,judge.c throw.c aim.c plan.c) $(core-frame)
core_attack-cflags := -iquote tests/core
# The same where devices are confined.
CORE += core_attack_iommu
core_attack_iommu-srcs := $(core_attack-srcs)
core_attack_iommu-libs := $(core-libs)
core_attack_iommu-cflags := -iquote tests/core
core_attack_iommu-options := --iommu --seconds 120
core_attack_iommu-smp := 2
core_faults-srcs := $(addprefix tests/core/faults/,faults.c actor.c answers.c wait.c ends.c rules.c storm.c) $(core-frame)
core_faults-cflags := -iquote tests/core

# Instructions are counted: what is measured is the same from run to run.
core_holds-options += --icount

# Races need several CPUs.
core_hostile-smp := 1 4
core_abuse-smp := 1 4
core_handle-smp := 1 4
core_memory-smp := 1 4
core_ipc-smp := 1 4
core_life-smp := 1 4
core_process-smp := 1 4
core_thread-smp := 1 4
core_queue-smp := 1 4
core_limits-smp := 1 4
core_withhold-smp := 1 4
core_libc-smp := 1 4
core_attack-smp := 1 4
core_faults-smp := 1 4

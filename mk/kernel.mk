# SPDX-License-Identifier: ISC
#
# The kernel image and the shim.
# The kernel is linked twice: the first image tells the addresses of its functions, tools/ksyms.py
# makes a table of them, and the second image carries the table for backtraces. The table's section
# stands behind .text, so no function moves between the two; that is checked.
# The shim is a blob without relocations, which can be mapped anywhere; that is checked too.

kernel-image :=
shim-image :=

ifneq ($(kernel-srcs),)
kernel-image := $(O)/kernel
kernel-ld := kernel/arch/x86_64/kernel.ld
kernel-objs := $(call objects,kernel,$(kernel-srcs))
all-objects += $(kernel-objs)
kernel-link = $(LD) -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none \
	-T $(kernel-ld) -o $@ $(filter %.o,$^)

$(O)/kernel.first.elf: $(kernel-objs) $(kernel-ld) $(snippets)
	$(say) LD/k $@
	$(Q)$(kernel-link)

$(O)/ksyms.S: $(O)/kernel.first.elf tools/ksyms.py
	$(Q)$(PYTHON) tools/ksyms.py table $< $@

$(O)/ksyms.o: $(O)/ksyms.S
	$(Q)$(CC) -c -o $@ $<

$(O)/kernel.elf: $(kernel-objs) $(O)/ksyms.o $(kernel-ld)
	$(say) LD/k $@
	$(Q)$(kernel-link)
	$(Q)$(PYTHON) tools/ksyms.py check $(O)/kernel.first.elf $@

$(O)/kernel: $(O)/kernel.elf
	$(Q)$(OBJCOPY) --strip-debug $< $@
endif

ifneq ($(SHIM-srcs),)
shim-image := $(O)/shim.elf
shim-objs := $(call objects,shim,$(SHIM-srcs))
all-objects += $(shim-objs)
SHIM-ldflags ?= -T lib/shim/shim.ld

$(O)/shim.elf: $(shim-objs) $(wildcard lib/shim/*.ld) $(snippets) tools/check_shim.py
	$(say) LD/shim $@
	$(Q)$(LD) -pie --no-dynamic-linker -z text -z noexecstack --build-id=none -e shim_start \
		$(SHIM-ldflags) -o $@ $(filter %.o,$^)
	$(Q)$(PYTHON) tools/check_shim.py $@

$(O)/stripped/shim: $(O)/shim.elf
	@mkdir -p $(@D)
	$(Q)$(STRIP) -s -o $@ $<
endif

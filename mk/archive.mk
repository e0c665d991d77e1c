# SPDX-License-Identifier: ISC
#
# The boot archive (cpio newc, the same bytes from the same inputs); the same with what measures
# and loads the whole system (BENCHPROGS and descriptions of bench/), which no user wants to see;
# one small archive for each program that runs on the bare kernel (CORE, BENCH); the bootable ISO.

shim-entry := $(if $(shim-image),boot/shim=$(O)/stripped/shim)
program-entries = $(foreach p,$(1),boot/bin/$(p)=$(O)/stripped/$(p))
silo-entries = $(foreach s,$(1),boot/silos/$(notdir $(s))=$(s))

silos := $(sort $(wildcard servers/*/*.silo drivers/*/*/*.silo cmd/*/*.silo))
boot-entries := $(call program-entries,$(PROGS)) $(call silo-entries,$(silos)) $(shim-entry) \
	$(ARCHIVE)
bench-silos := $(sort $(wildcard bench/*.silo bench/*/*.silo))
bench-entries := $(call program-entries,$(BENCHPROGS)) $(call silo-entries,$(bench-silos))

# What stands behind the = of archive entries.
entry-files = $(foreach e,$(1),$(lastword $(subst =, ,$(e))))

$(O)/boot.entries: $(snippets) $(silos)
	@mkdir -p $(@D)
	$(Q)printf '%s\n' $(boot-entries) > $@

$(O)/boot.cpio: $(call entry-files,$(boot-entries)) $(O)/boot.entries tools/newc.py
	$(say) CPIO $@
	$(Q)$(PYTHON) tools/newc.py $@ @$(O)/boot.entries

$(O)/bench.cpio: $(O)/boot.cpio $(call entry-files,$(bench-entries)) $(snippets)
	$(say) CPIO $@
	$(Q)$(PYTHON) tools/newc.py $@ @$(O)/boot.entries $(bench-entries)

# small-archive FOLDER,NAME: the program as boot/init, with the shim beside it, and NAME-archive.
define small-archive
$(O)/$(1)/$(2).cpio: $(O)/stripped/$(2) $(call entry-files,$(shim-entry) $($(2)-archive)) \
		$(snippets) tools/newc.py
	$$(say) CPIO $$@
	@mkdir -p $$(@D)
	$$(Q)$$(PYTHON) tools/newc.py $$@ boot/init=$$< $(shim-entry) $($(2)-archive)
endef
$(foreach n,$(CORE),$(eval $(call small-archive,core,$(n))))
$(foreach n,$(BENCH),$(eval $(call small-archive,bench,$(n))))

$(O)/bulkhead.iso: $(kernel-image) $(O)/boot.cpio tools/grub.cfg tools/mkiso.sh
	$(say) ISO $@
	$(Q)tools/mkiso.sh $(O)/kernel $(O)/boot.cpio $@

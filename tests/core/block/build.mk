# SPDX-License-Identifier: ISC
# devd and the disk drivers on the bare kernel, with scratch disks of 64 MiB. See system.h.
CORE += core_block core_block_iommu core_ahci core_devd
block-frame := tests/core/block/system.c tests/core/core.c servers/init/kept.c
block-libs := ring serve 9p spawn elf cpio sys
block-programs = $(foreach p,rootd devd $(1),boot/bin/$(p)=$(O)/stripped/$(p))

core_block-srcs := tests/core/block/block.c $(block-frame)
core_block-libs := $(block-libs)
core_block-archive := $(call block-programs,virtio-blk)
core_block-options := --disk $(O)/core/block.img

core_block_iommu-srcs := $(core_block-srcs)
core_block_iommu-libs := $(block-libs)
core_block_iommu-archive := $(core_block-archive)
core_block_iommu-options := --iommu --disk $(O)/core/block_iommu.img
core_block_iommu-smp := 2

core_ahci-srcs := tests/core/block/ahci.c $(block-frame)
core_ahci-libs := $(block-libs)
core_ahci-archive := $(call block-programs,ahci)
core_ahci-options := --ahci --disk $(O)/core/ahci.img

core_devd-srcs := tests/core/block/devd.c $(block-frame)
core_devd-libs := $(block-libs)
core_devd-archive := $(call block-programs)

$(O)/core/core_block.cpio: | $(O)/core/block.img
$(O)/core/core_block_iommu.cpio: | $(O)/core/block_iommu.img
$(O)/core/core_ahci.cpio: | $(O)/core/ahci.img
$(O)/core/%.img:
	@mkdir -p $(@D)
	$(Q)truncate -s 64M $@

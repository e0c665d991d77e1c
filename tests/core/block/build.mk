# SPDX-License-Identifier: ISC
# Disk drivers on the bare kernel, with a scratch disk of 64 MiB. See tests/core/block.c.
CORE += core_block core_block_iommu core_ahci
core_block-srcs := tests/core/block.c tests/core/core.c servers/init/kept.c
core_block-libs := ring serve 9p spawn elf cpio sys
block-servers := rootd devd
core_block-archive := $(foreach p,$(block-servers) virtio-blk,boot/bin/$(p)=$(O)/stripped/$(p))
core_block-options := --disk $(O)/core/block.img

core_block_iommu-srcs := $(core_block-srcs)
core_block_iommu-libs := $(core_block-libs)
core_block_iommu-archive := $(core_block-archive)
core_block_iommu-options := --iommu --disk $(O)/core/block_iommu.img
core_block_iommu-smp := 2

core_ahci-srcs := tests/core/block/ahci.c tests/core/core.c servers/init/kept.c
core_ahci-libs := $(core_block-libs)
core_ahci-archive := $(foreach p,$(block-servers) ahci,boot/bin/$(p)=$(O)/stripped/$(p))
core_ahci-options := --ahci --disk $(O)/core/ahci.img

$(O)/core/core_block.cpio: | $(O)/core/block.img
$(O)/core/core_block_iommu.cpio: | $(O)/core/block_iommu.img
$(O)/core/core_ahci.cpio: | $(O)/core/ahci.img
$(O)/core/%.img:
	@mkdir -p $(@D)
	$(Q)truncate -s 64M $@

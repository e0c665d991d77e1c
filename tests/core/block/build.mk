# SPDX-License-Identifier: ISC
# Disk drivers on the bare kernel, with a scratch disk of 64 MiB. See tests/core/block.c.
CORE += core_block
core_block-srcs := tests/core/block.c tests/core/core.c
core_block-libs := ring serve 9p spawn elf cpio sys
core_block-archive := boot/bin/rootd=$(O)/stripped/rootd boot/bin/devd=$(O)/stripped/devd \
	boot/bin/virtio-blk=$(O)/stripped/virtio-blk
core_block-options := --disk $(O)/core/block.img

$(O)/core/core_block.cpio: | $(O)/core/block.img
$(O)/core/block.img:
	@mkdir -p $(@D)
	$(Q)truncate -s 64M $@

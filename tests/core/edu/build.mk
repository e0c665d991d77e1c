# SPDX-License-Identifier: ISC
# A device that does what it is told, with and without an IOMMU. See edu.h.
CORE += core_edu core_edu_iommu
edu-device := --device edu,dma_mask=0xffffffffffffffff

core_edu-srcs := tests/core/edu/confine.c tests/core/edu/edu.c tests/core/core.c
core_edu-libs := pci spawn elf cpio sys
core_edu-options := $(edu-device)

core_edu_iommu-srcs := $(core_edu-srcs)
core_edu_iommu-libs := $(core_edu-libs)
core_edu_iommu-options := --iommu $(edu-device)
core_edu_iommu-smp := 1 2

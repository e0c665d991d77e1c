# SPDX-License-Identifier: ISC
# DMA memory in slices, with and without an IOMMU: how long the kernel's lock is held, and races.
CORE += core_dma core_dma_iommu core_dma_holds core_dma_holds_iommu
dma-libs := spawn elf cpio sys

core_dma-srcs := tests/core/dma/race.c tests/core/core.c
core_dma-libs := $(dma-libs)
core_dma-smp := 1 4
core_dma-options := --seconds 120

core_dma_iommu-srcs := $(core_dma-srcs)
core_dma_iommu-libs := $(dma-libs)
core_dma_iommu-smp := 1 4
core_dma_iommu-options := --iommu --seconds 120

# Instructions are counted: what is measured is the same from run to run.
core_dma_holds-srcs := tests/core/dma/holds.c tests/core/core.c
core_dma_holds-libs := $(dma-libs)
core_dma_holds-options := --icount --seconds 120

core_dma_holds_iommu-srcs := $(core_dma_holds-srcs)
core_dma_holds_iommu-libs := $(dma-libs)
core_dma_holds_iommu-options := --iommu $(core_dma_holds-options)

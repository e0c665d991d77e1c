# SPDX-License-Identifier: ISC
PROGS += devd
devd-parts := main config firmware rtc units platform lease reset msix pci_tree mem_tree irq_tree dma_tree
devd-srcs := $(devd-parts:%=servers/devd/%.c) servers/init/kept.c
devd-libs := pci acpi serve 9p sys

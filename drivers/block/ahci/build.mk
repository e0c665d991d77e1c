# SPDX-License-Identifier: ISC
PROGS += ahci
ahci-parts := main hba port identify command
ahci-srcs := $(ahci-parts:%=drivers/block/ahci/%.c)
ahci-libs := blockdrv pci ring serve 9p sys

UNIT += ahci_identify
ahci_identify-srcs := tests/unit/ahci_identify.c drivers/block/ahci/identify.c

# SPDX-License-Identifier: ISC
LIBS += pci
HOSTLIBS += pci
pci-srcs := lib/pci/pci.c lib/pci/driver.c
pci-host-srcs := lib/pci/pci.c

UNIT += pci_function
pci_function-srcs := tests/unit/pci_function.c
pci_function-libs := pci

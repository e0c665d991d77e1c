/* SPDX-License-Identifier: ISC */
/*
 * driver.h: what a driver of a PCI function needs beside its device handle.
 *
 * A driver has no configuration space. Its lease (bootstrap handle "device:0") lets it map
 * registers and make interrupts; devd tells where things are, as text in /dev/pci/NAME/status, and
 * programs the function's message interrupts when asked by PCI_CALL_MSIX. NAME is the lease's.
 *
 * Invariant: nothing here waits without a deadline. Who may lie: nobody below the driver, but what
 * devd says is still bounded by the lease: a wrong address is refused by the kernel.
 *
 * Spec: docs/devices.md.
 */
#pragma once
#include "pci/pci.h"
#include "sys/sys.h"

/*
 * To devd, on any session with it: let message n of function `source` ring an interrupt object.
 * words: [0] n, [1] source; handle: the irq, with READ. Answer: word 0 is 0 or -errno.
 * Errors: -EPERM the function is not leased to the caller's silo; -EINVAL n, or no message
 * interrupt; -ENODEV the function has none.
 */
#define PCI_CALL_MSIX 0x4d534958u /* "MSIX" */

#define PCI_STATUS_MAX 4096u

struct pci_driver {
	handle_t device;
	struct device_info info;
	char name[PCI_NAME];
	char status[PCI_STATUS_MAX]; /* devd's text */
};

/* Find the lease by its bootstrap name ("device:0") and read its status. ns_init comes before.
 * Errors: -ENXIO no such handle, or no PCI function; what devd says. */
PCI_MUST int pci_driver_open(struct pci_driver *d, const char *handle);

/*
 * A number of the status: of the line that begins with the word(s) `line`, the value behind `key`,
 * which ends with "=": ("virtio notify", "multiplier="). key "": the first number of the line.
 * Errors: -ENOENT.
 */
PCI_MUST int pci_driver_value(const struct pci_driver *d, const char *line, const char *key,
			      uint64_t *value);

/* Map registers, uncached; any base and length. Errors: the kernel's. */
PCI_MUST int pci_driver_map(const struct pci_driver *d, uint64_t base, uint64_t len,
			    volatile void **at);

/*
 * Interrupt object n: a message interrupt if the lease has any, else the line (then *line is true:
 * each interrupt must be acknowledged). The handle is the caller's. Errors: -ENXIO neither.
 */
PCI_MUST int pci_driver_irq(const struct pci_driver *d, uint32_t n, handle_t *irq, bool *line);

/* SPDX-License-Identifier: ISC */
/* hba.c: the controller as a whole. Spec: AHCI 1.3.1, 10.1.2, 10.4.3, 10.6.3. */
#include <errno.h>
#include "drivers/block/ahci/ahci.h"
#include "sys/info.h"

#define RESET_NS   NS_PER_S
#define HANDOFF_NS (2 * NS_PER_S)
#define POLL_NS	   NS_PER_MS

int ahci_wait(const volatile uint32_t *reg, uint32_t mask, uint32_t value, uint64_t ns)
{
	uint64_t deadline = time_in(ns);

	while ((*reg & mask) != value) {
		if (time_now() > deadline)
			return -ETIMEDOUT;
		if (sys_thread_sleep(time_in(POLL_NS)) < 0)
			return -EINTR;
	}
	return 0;
}

static int regs_map(struct ahci *a)
{
	volatile void *at;
	uint64_t base, size = 0;
	int err = pci_driver_value(&a->pci, "bar5", "addr=", &base);

	if (!err)
		err = pci_driver_value(&a->pci, "bar5", "size=", &size);
	if (err || size < (PORT_AT(0) + PORT_LEN) * 4)
		return -ENODEV;
	err = pci_driver_map(&a->pci, base, size, &at);
	if (err)
		return err;
	a->regs = at;
	/* Ports that the window does not hold are not there. */
	a->implemented = ~0u;
	for (unsigned n = 0; n < PORTS; n++)
		if ((PORT_AT(n) + PORT_LEN) * 4 > size)
			a->implemented &= ~(1u << n);
	return 0;
}

static int handoff(struct ahci *a)
{
	if (!(a->regs[HBA_CAP2] & CAP2_HANDOFF))
		return 0;
	a->regs[HBA_BOHC] |= BOHC_OS;
	return ahci_wait(&a->regs[HBA_BOHC], BOHC_BIOS, 0, HANDOFF_NS);
}

int hba_start(struct ahci *a)
{
	int err = regs_map(a);

	if (!err)
		err = handoff(a);
	if (err)
		return err;
	a->regs[HBA_GHC] = GHC_AHCI;
	a->regs[HBA_GHC] = GHC_AHCI | GHC_RESET;
	err = ahci_wait(&a->regs[HBA_GHC], GHC_RESET, 0, RESET_NS);
	if (err)
		return err;
	a->regs[HBA_GHC] = GHC_AHCI;
	a->cap = a->regs[HBA_CAP];
	a->implemented &= a->regs[HBA_PI];
	return 0;
}

void hba_interrupts(struct ahci *a)
{
	a->regs[HBA_IS] = a->regs[HBA_IS];
	a->regs[HBA_GHC] |= GHC_INTERRUPTS;
}

/* SPDX-License-Identifier: ISC */
/*
 * edu.h: QEMU's teaching device, which sends a message interrupt and moves memory on command. This
 * side holds it by a handle with all rights, as devd would, and lets it go clean.
 *
 * Not here: devd. Configuration space is reached by ports, as before any server runs.
 * Spec: QEMU, docs/specs/edu.rst. A transfer takes 100 ms.
 */
#pragma once
#include "pci/pci.h"
#include "tests/core/core.h"

#define EDU_BUFFER 2048u /* bytes of the device's memory that edu_dma uses */

struct edu {
	struct pci_function function;
	handle_t ports;	 /* configuration space */
	handle_t device; /* registers, one message interrupt, DMA memory */
	handle_t registers;
	uint8_t *at; /* the registers, mapped */
};

/* Cut it out of the root device, quiet. Fails the test when it is not there. */
void edu_open(struct edu *e, uint64_t dma_max);
/* Silence the function, then give everything back. */
void edu_close(struct edu *e);

/* Map its registers: edu_open has, but the mapping ends with an owner of the device. */
void edu_map(struct edu *e);
void edu_map_anew(struct edu *e); /* after the death of an owner of the device */

/* Let its interrupts go to an irq object, which may be another device's; to an address. */
void edu_aim(struct edu *e, handle_t irq);
void edu_aim_at(struct edu *e, uint64_t address, uint32_t data);
/* Send an interrupt now. */
void edu_raise(struct edu *e);
/* The register that does it, when 1 is written to it; where it lies in the registers' VMO. */
#define EDU_BELL 0x60u

enum edu_way { EDU_LOAD, EDU_STORE }; /* from memory into the device; from it to memory */

/* Move EDU_BUFFER bytes from or to a bus address, and wait until the device has done it, or what it
 * could of it: it says no more than that. */
void edu_dma(struct edu *e, enum edu_way way, uint64_t bus);

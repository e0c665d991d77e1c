/* SPDX-License-Identifier: ISC */
/*
 * pci.h: what a PCI function says about itself: header, BARs, capabilities. Pure: configuration
 * space is reached by the two functions that the caller gives, so that tests give an array.
 *
 * Not here: who may use a function (devd), mapping registers, interrupts, resetting.
 *
 * Who may lie: the function. A capability list that loops or leaves the space ends; a BAR index, an
 * offset or a length that lies outside its BAR is left out as if it were not there.
 *
 * A requester id (source) is segment << 16 | bus << 8 | device << 3 | function.
 * Spec: PCI Local Bus 3.0, chapter 6; PCI Express 6.0, 7.5; Virtio 1.2, 4.1.4.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_MUST __attribute__((warn_unused_result))

/* Header registers. */
#define PCI_VENDOR	0x00u
#define PCI_COMMAND	0x04u
#define PCI_STATUS	0x06u
#define PCI_REVISION	0x08u /* and the class above it */
#define PCI_CACHE_LINE	0x0cu
#define PCI_HEADER	0x0eu
#define PCI_BAR0	0x10u
#define PCI_SECONDARY	0x19u /* of a bridge */
#define PCI_SUBSYSTEM	0x2cu
#define PCI_CAPS	0x34u
#define PCI_LINE	0x3cu
#define PCI_PIN		0x3du
#define PCI_HEADER_SIZE 64u

#define PCI_COMMAND_IO	   0x0001u
#define PCI_COMMAND_MEMORY 0x0002u
#define PCI_COMMAND_MASTER 0x0004u
#define PCI_COMMAND_INTX   0x0400u /* set: no line interrupts */
#define PCI_STATUS_CAPS	   0x0010u

#define PCI_CAP_PM     0x01u
#define PCI_CAP_MSI    0x05u
#define PCI_CAP_VENDOR 0x09u
#define PCI_CAP_PCIE   0x10u
#define PCI_CAP_MSIX   0x11u
#define PCI_CAP_AF     0x13u

/* Power management: control and status register, from the capability. */
#define PCI_PM_CONTROL	4u
#define PCI_PM_STATE	0x0003u
#define PCI_PM_NO_RESET 0x0008u /* D3hot to D0 keeps the state */
/* MSI: control word and what follows. */
#define PCI_MSI_CONTROL	 2u
#define PCI_MSI_ENABLE	 0x0001u
#define PCI_MSI_MULTIPLE 0x0070u /* how many are enabled */
#define PCI_MSI_WIDE	 0x0080u
#define PCI_MSI_MASKS	 0x0100u
#define PCI_MSI_ADDRESS	 4u
/* MSI-X */
#define PCI_MSIX_CONTROL  2u
#define PCI_MSIX_ENABLE	  0x8000u
#define PCI_MSIX_MASK_ALL 0x4000u
#define PCI_MSIX_ENTRY	  16u /* bytes of a table entry */
/* PCI Express */
#define PCI_PCIE_DEVCAP	 4u
#define PCI_PCIE_FLR	 (1u << 28) /* in the device capabilities */
#define PCI_PCIE_DEVCTL	 8u
#define PCI_PCIE_RESET	 0x8000u /* in the device control: start the reset */
#define PCI_PCIE_DEVSTA	 10u
#define PCI_PCIE_PENDING 0x0020u
/* Advanced features of conventional PCI */
#define PCI_AF_CAPS    3u
#define PCI_AF_FLR     0x03u /* reset, and the pending bit that it needs */
#define PCI_AF_CONTROL 4u

#define PCI_BARS    6u
#define PCI_VIRTIOS 8u

/* How configuration space is reached. width: 1, 2 or 4, offset a multiple of it. What is not there
 * reads as all ones (bits above the width do not count). */
struct pci_access {
	uint32_t (*read)(void *ctx, uint32_t source, uint32_t offset, unsigned width);
	void (*write)(void *ctx, uint32_t source, uint32_t offset, unsigned width, uint32_t value);
	void *ctx;
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_PORT, PCI_BAR_MEMORY, PCI_BAR_UPPER };

struct pci_bar {
	uint64_t base, size; /* size 0: none, or its upper half */
	uint32_t kind;	     /* enum pci_bar_kind */
	uint32_t wide;	     /* 64 bits: the next one is its upper half */
};

enum pci_virtio_kind {
	PCI_VIRTIO_COMMON = 1,
	PCI_VIRTIO_NOTIFY,
	PCI_VIRTIO_ISR,
	PCI_VIRTIO_DEVICE,
};

/* A structure of a virtio function, inside a memory BAR. */
struct pci_virtio {
	uint32_t kind; /* enum pci_virtio_kind */
	uint32_t bar, offset, length;
	uint32_t multiplier; /* PCI_VIRTIO_NOTIFY */
};

/* Fixed-size and without pointers: it outlives a restart of who read it. */
struct pci_function {
	uint32_t source;
	uint32_t vendor, device;
	uint32_t subvendor, subdevice;
	uint32_t class_code; /* base << 16 | sub << 8 | interface */
	uint32_t revision;
	uint32_t header;		     /* type; 0: an ordinary function, 1: a bridge */
	uint32_t secondary;		     /* bus behind a bridge */
	uint32_t line, pin;		     /* as firmware left them; pin 0: none */
	uint32_t saved[PCI_HEADER_SIZE / 4]; /* the header as firmware left it */
	struct pci_bar bar[PCI_BARS];
	uint32_t pm, pcie, af; /* offsets of capabilities; 0: none */
	uint32_t flr;	       /* PCI_CAP_PCIE or PCI_CAP_AF: by that one; 0: none */
	uint32_t msi, msi_vectors;
	uint32_t msix, msix_entries;
	uint32_t msix_table_bar, msix_table; /* offset in the BAR */
	uint32_t msix_pba_bar, msix_pba;
	uint32_t virtios;
	struct pci_virtio virtio[PCI_VIRTIOS];
};

/* "00:03.0", with a segment other than 0 "0001:00:03.0". */
#define PCI_NAME 16u
void pci_name(uint32_t source, char name[PCI_NAME]);

/* Is there a function? */
PCI_MUST bool pci_present(const struct pci_access *a, uint32_t source);

/*
 * Read a function. Sizing writes to its BARs, with decoding switched off meanwhile: nobody may be
 * using it. Errors: -ENODEV.
 */
PCI_MUST int pci_function_read(const struct pci_access *a, uint32_t source, struct pci_function *f);

/*
 * All functions of a segment behind bus `first`, bridges' buses included; fn is called once each,
 * with functions read. Buses are not numbered here: firmware has. Returns how many, at most max.
 */
PCI_MUST unsigned pci_enumerate(const struct pci_access *a, uint32_t segment, uint8_t first,
				uint8_t last, struct pci_function *out, unsigned max);

/* Clear, then set bits of the command register. */
void pci_command(const struct pci_access *a, uint32_t source, uint32_t clear, uint32_t set);

/* Put the header back as it was: BARs, cache line, line. The command register is left alone. */
void pci_restore(const struct pci_access *a, const struct pci_function *f);

/* The structure of a kind, or NULL; and where it lies. */
const struct pci_virtio *pci_virtio_find(const struct pci_function *f, enum pci_virtio_kind kind);

static inline uint64_t pci_virtio_address(const struct pci_function *f, const struct pci_virtio *v)
{
	return f->bar[v->bar].base + v->offset;
}

/* SPDX-License-Identifier: ISC */
/* regs.h: AHCI registers and structures. Spec: AHCI 1.3.1, 3 and 4; ATA8-ACS for commands. */
#pragma once
#include <stdint.h>

/* The controller, in units of 32 bits. */
#define HBA_CAP	 0u
#define HBA_GHC	 1u
#define HBA_IS	 2u
#define HBA_PI	 3u
#define HBA_CAP2 9u
#define HBA_BOHC 10u

#define CAP_SLOTS(cap) (((cap) >> 8 & 31) + 1)
#define CAP_STAGGERED  (1u << 27)
#define CAP_NCQ	       (1u << 30)
#define CAP_64	       (1u << 31)
#define CAP2_HANDOFF   (1u << 0)
#define BOHC_BIOS      (1u << 0)
#define BOHC_OS	       (1u << 1)
#define BOHC_BUSY      (1u << 4)
#define GHC_RESET      (1u << 0)
#define GHC_INTERRUPTS (1u << 1)
#define GHC_AHCI       (1u << 31)

/* A port: its first register, in the same units, and from there. */
#define PORT_AT(n) (64u + 32u * (n))
#define PORTS	   32u
#define PORT_CLB   0u
#define PORT_CLBU  1u
#define PORT_FB	   2u
#define PORT_FBU   3u
#define PORT_IS	   4u
#define PORT_IE	   5u
#define PORT_CMD   6u
#define PORT_TFD   8u
#define PORT_SIG   9u
#define PORT_SSTS  10u
#define PORT_SCTL  11u
#define PORT_SERR  12u
#define PORT_SACT  13u
#define PORT_CI	   14u
#define PORT_LEN   32u

#define CMD_START    (1u << 0)
#define CMD_SPIN_UP  (1u << 1)
#define CMD_POWER    (1u << 2)
#define CMD_FIS	     (1u << 4)
#define CMD_FIS_ON   (1u << 14)
#define CMD_LIST_ON  (1u << 15)
#define CMD_ACTIVE   (1u << 28)
#define CMD_ICC_MASK (15u << 28)

#define IS_D2H	     (1u << 0)
#define IS_PIO	     (1u << 1)
#define IS_DMA	     (1u << 2)
#define IS_BITS	     (1u << 3) /* set device bits: queued commands ended */
#define IS_CONNECT   (1u << 6)
#define IS_PHY	     (1u << 22)
#define IS_INTERFACE (1u << 27)
#define IS_BUS_DATA  (1u << 28)
#define IS_BUS	     (1u << 29)
#define IS_TASK	     (1u << 30)
#define IS_WANTED                                                                                  \
	(IS_D2H | IS_PIO | IS_DMA | IS_BITS | IS_CONNECT | IS_PHY | IS_INTERFACE | IS_BUS_DATA |   \
	 IS_BUS | IS_TASK)
#define IS_ERRORS (IS_INTERFACE | IS_BUS_DATA | IS_BUS | IS_TASK)

#define TFD_ERROR   0x01u
#define TFD_REQUEST 0x08u
#define TFD_BUSY    0x80u

#define SSTS_DETECT	     15u
#define SSTS_THERE	     3u /* a device, and the link to it */
#define SCTL_DETECT	     15u
#define SCTL_RESET	     1u
#define SCTL_NO_POWER_STATES (3u << 8)
#define SIG_DISK	     0x00000101u
#define SIG_PACKET	     0xeb140101u

struct ahci_header {	/* of a command, in the list */
	uint16_t flags; /* 0-4: FIS length in words of 32 bits; 6: write */
	uint16_t ranges;
	uint32_t transferred;
	uint32_t table, table_high;
	uint32_t reserved[4];
};
_Static_assert(sizeof(struct ahci_header) == 32, "ahci_header");
#define HEADER_WRITE (1u << 6)

struct ahci_range {
	uint32_t base, base_high, reserved;
	uint32_t len; /* bytes - 1; bit 31: interrupt */
};
_Static_assert(sizeof(struct ahci_range) == 16, "ahci_range");
#define RANGE_MAX (4u << 20)

struct ahci_fis { /* host to device */
	uint8_t type, flags, command, feature;
	uint8_t lba0, lba1, lba2, device;
	uint8_t lba3, lba4, lba5, feature_high;
	uint8_t count, count_high, icc, control;
	uint32_t reserved;
};
_Static_assert(sizeof(struct ahci_fis) == 20, "ahci_fis");
#define FIS_HOST    0x27u
#define FIS_COMMAND 0x80u

struct ahci_table {
	struct ahci_fis fis;
	uint8_t rest[128 - sizeof(struct ahci_fis)];
	struct ahci_range range[];
};

#define ATA_READ      0x25u /* READ DMA EXT */
#define ATA_WRITE     0x35u /* WRITE DMA EXT */
#define ATA_WRITE_FUA 0x3du
#define ATA_READ_NCQ  0x60u /* READ FPDMA QUEUED */
#define ATA_WRITE_NCQ 0x61u
#define ATA_FLUSH     0xeau /* FLUSH CACHE EXT */
#define ATA_IDENTIFY  0xecu
#define ATA_LBA	      0x40u /* device */
#define ATA_FUA	      0x80u /* device, of queued writes */

/* Words of what IDENTIFY answers. */
#define ID_SERIAL      10u
#define ID_MODEL       27u
#define ID_QUEUE       75u
#define ID_SATA	       76u
#define ID_SATA_NCQ    (1u << 8)
#define ID_SETS2       83u
#define ID_SETS2_LBA48 (1u << 10)
#define ID_SETS2_FLUSH (1u << 13)
#define ID_SETS3       84u
#define ID_SETS3_FUA   (1u << 6)
#define ID_SECTORS     100u
#define ID_SIZE	       106u
#define ID_SIZE_VALID  (1u << 14)
#define ID_SIZE_LONG   (1u << 12)
#define ID_WORDS       256u

/* SPDX-License-Identifier: ISC */
/*
 * devd.h: devices and who has them. Private to servers/devd.
 *
 * A unit is something that can be leased: a PCI function or a platform device. For each unit devd
 * holds a device object with all that it has (`device`, cut from the root device when units are
 * found); a lease is a child of it (`lease`), of which the driver gets a handle without REVOKE.
 *
 * firmware.c reads ACPI; config.c reaches configuration space; units.c finds units and survives a
 * restart; lease.c gives, resets and takes back; reset.c is the hardware's part of that; msix.c
 * programs message interrupts; *_tree.c are the files.
 *
 * Single-threaded; nothing waits but by timers. Invariants: unit_set is the only writer of
 * unit->state; a function masters the bus only while its unit is LEASED; lease is a handle exactly
 * while the state is LEASED, RESETTING or (after a failed reset) FAILED.
 *
 * Spec: docs/devices.md.
 */
#pragma once
#include "9p/tree.h"
#include "acpi/acpi.h"
#include "pci/pci.h"
#include "serve/serve.h"
#include "serve/waiters.h"

#define DEVD_MUST      __attribute__((warn_unused_result))
#define DEVD_FUNCTIONS 40u /* found at boot; what is beyond is told and left alone */
#define DEVD_UNITS     (DEVD_FUNCTIONS + 3)
#define DEVD_OVERRIDES 16u
#define DEVD_IRQS      16u
#define DEVD_DMAS      64u
#define DEVD_DMA_MAX   (4ull << 30) /* bytes a lease may map; silos have limits of their own */
#define DEVD_MSI_MAX   64u

enum unit_state {
	UNIT_FREE,
	UNIT_LEASED,
	UNIT_RESETTING,
	UNIT_FAILED, /* the function could not be reset: it stays silent, and its memory held */
	UNIT_STATES
};

struct devd;

struct unit {
	char name[PCI_NAME];
	struct devd *devd;
	enum unit_state state;
	struct device_args args;      /* what a lease gets */
	handle_t device, lease;	      /* all rights; kept for a successor */
	uint32_t silo;		      /* whose lease it is */
	uint32_t line_flags;	      /* IRQ_* */
	const struct pci_function *f; /* NULL: a platform device */
	const char *kind;	      /* "pci", "platform" */
	/* reset.c */
	const struct reset_way *way;
	unsigned step;
	uint64_t deadline;
	struct serve_watch timer;
	struct waiters resetters; /* requests that wait for its end */
	bool failed_before;
	volatile uint8_t *regs;	 /* what a reset looks at */
	volatile uint8_t *msix;	 /* table, once it was needed */
	uint64_t leases, resets; /* counted */
};

#define DEVD_STATE_MAGIC   0x44564544u /* "DEVD" */
#define DEVD_STATE_VERSION 1u
/* What must not be found out twice: sizing BARs disturbs who uses them. */
struct devd_state {
	uint32_t magic, version;
	uint32_t function_size;
	uint32_t functions;
	uint32_t locked; /* no configuration writes */
	uint32_t found;	 /* functions[] is complete */
	struct pci_function function[DEVD_FUNCTIONS];
};

/* An interrupt or a piece of DMA memory that a silo uses by files. */
struct file_irq {
	struct unit *unit; /* NULL: free */
	struct devd *devd;
	uint32_t line;
	handle_t irq;
	char name[24];
	struct serve_watch watch;
	uint64_t unread; /* interrupts that nobody has read yet */
	struct waiters readers;
};

struct file_dma {
	struct unit *unit; /* NULL: free */
	uint32_t serial;   /* 16 bits of the id: a freed one's number is not soon given again */
	handle_t vmo;
	uint8_t *at;
	uint64_t size, bus;
};

struct devd {
	struct serve serve;
	struct p9_tree tree;
	handle_t root, self, aspace, clock;
	/* firmware.c */
	struct acpi_ecam ecam[4];
	unsigned ecams;
	struct acpi_fadt fadt;
	bool has_fadt;
	uint8_t s5_a, s5_b;
	bool has_s5;
	struct acpi_override override[DEVD_OVERRIDES];
	unsigned overrides;
	/* config.c */
	struct pci_access access;
	volatile uint8_t *bus[256]; /* segment 0, mapped when first needed */
	/* units.c */
	struct devd_state *state;
	struct unit unit[DEVD_UNITS];
	unsigned units;
	/* the file trees */
	struct file_irq irq[DEVD_IRQS];
	struct file_dma dma[DEVD_DMAS];
	uint32_t dma_serial;
};

/* ---- firmware.c: ACPI; power; the clock ------------------------------------------ */
/* What is not found is left empty; the log says so. */
void firmware_read(struct devd *d);
/* GSI and IRQ_* flags of an ISA interrupt. */
uint32_t firmware_line(const struct devd *d, uint32_t isa, uint32_t *flags);
/* Does not return if it works. Errors: -ENODEV no such way; -EIO it did not. */
DEVD_MUST int power_off(struct devd *d);
DEVD_MUST int power_reset(struct devd *d);
/* rtc.c: set the wall clock by the CMOS clock. */
void rtc_read(struct devd *d);

/* ---- config.c -------------------------------------------------------------------- */
void config_init(struct devd *d);
/* Bytes of configuration space that a function has here: 256 or 4096. */
uint32_t config_size(const struct devd *d);
/* Map physical memory for devd itself. Any base; uncached. NULL: the kernel refuses. */
volatile void *phys_map(struct devd *d, uint64_t base, uint64_t len, uint32_t prot);
void phys_unmap(struct devd *d, volatile void *at, uint64_t len);

/* ---- units.c --------------------------------------------------------------------- */
/* Find functions (or take over what the predecessor had found), cut devices, adopt leases. */
DEVD_MUST int units_find(struct devd *d);
struct unit *unit_by_source(struct devd *d, uint32_t source);
/* Nth unit of a kind from 0 on, in /dev/pci and /dev/platform. */
DEVD_MUST int unit_name_find(struct devd *d, const char *kind, struct p9_str name, uint32_t *obj);
DEVD_MUST int unit_name_next(struct devd *d, const char *kind, uint32_t after, uint32_t *obj,
			     char *name);
struct unit *unit_of(struct devd *d, uint32_t obj);
const char *unit_state_name(enum unit_state state);
/* platform.c: fill in the platform units. */
void platform_units(struct devd *d);
/* Keep a handle for a successor; *handle becomes the kept one. */
DEVD_MUST int handle_keep(struct devd *d, handle_t *handle);

/* ---- lease.c --------------------------------------------------------------------- */
/* The only writer of unit->state. */
void unit_set(struct unit *u, enum unit_state state);
/* May this asker lease (for a silo that he names)? Reset a unit? Lock and write configuration
 * space? 0 or -EPERM. */
DEVD_MUST int lease_gate(const struct identity *from);
DEVD_MUST int manage_gate(const struct unit *u, const struct identity *from);
DEVD_MUST int config_gate(const struct identity *from);
/* A handle for the driver. Errors: -EBUSY another silo has it, or it is being reset; -EIO it could
 * not be reset; -EPERM it is not given away. A lease of the same silo is taken to be a dead
 * predecessor's: it is reset first, and the answer is -EBUSY as long as that goes on. */
DEVD_MUST int lease_take(struct unit *u, uint32_t silo, handle_t *out);
/* End a lease: 0 (done, or there was none), -EBUSY it goes on (see unit->resetters), -EIO. */
DEVD_MUST int lease_reset(struct unit *u);
/* The hardware is quiet (err 0), or will not be. */
void lease_reset_done(struct unit *u, int err);
/* The silo's lease that covers registers or ports, or NULL. */
struct unit *lease_covering(struct devd *d, uint32_t silo, bool ports, uint64_t base, uint64_t len);
/* op gethandle of /pci/BDF/ctl and /platform/NAME */
int lease_gethandle(struct p9_call *call, enum p9_handle_kind kind, uint64_t arg, uint64_t *value,
		    uint32_t *handle);
/* The command "reset". */
int lease_command_reset(struct p9_call *call, int argc, char **argv);
int lease_command_flush(struct p9_call *call);

/* ---- reset.c --------------------------------------------------------------------- */
/* Silence a function: bus mastering off, no interrupts. */
void function_quiet(struct unit *u);
/* Begin; lease_reset_done follows, in this call or later. */
void function_reset(struct unit *u);
/* Decoding on, and bus mastering if `master`. */
void function_enable(struct unit *u, bool master);
const char *reset_name(const struct unit *u);

/* ---- msix.c ---------------------------------------------------------------------- */
/* serve->call: PCI_CALL_MSIX. */
int64_t devd_call(struct serve *s, struct serve_call *c);
void messages_off(struct unit *u);

/* ---- the trees ------------------------------------------------------------------- */
extern const struct p9_file devd_tree;
extern const struct p9_file pci_dir[], mem_dir[], irq_dir[], dma_dir[], platform_dir[];
extern const struct p9_objects pci_objects, platform_objects, irq_objects, dma_objects;
extern const struct p9_file power_file;
/* The unit's lease ends: what was used of it by files goes. */
void irq_files_end(struct unit *u);
void dma_files_end(struct unit *u);

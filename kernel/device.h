/* SPDX-License-Identifier: ISC */
/*
 * device.h: device capabilities, interrupts, DMA.
 *
 * A device has an owner: the process that first claimed an interrupt or DMA
 * memory through it, or used its registers by a handle without REVOKE (the
 * handle that a driver gets). When the owner dies the device is silenced:
 * interrupts masked, register mappings ended, DMA memory put in quarantine.
 */
#pragma once
#include "object.h"
#include "vmo.h"

struct device;
struct irq;
struct process;
struct slice;
struct thread;

struct device *device_root(void); /* made at boot from all that is not RAM */
struct device *device_of(struct object *o);
struct object *device_object(struct device *d);
void device_init(void);
/* Nothing more is cut from the root device, which `root` must be (-EINVAL). */
must_check int devices_lock(const struct device *root);
const char *device_name(uint32_t source); /* of a requester; "unknown device" */
bool uart_owned(void); /* a driver owns the UART's ports: the polled UART is off */
/* The process ends, its threads have: silence what it owns. False: that is under way, ask again.
 * Required before the process is freed. */
must_check bool device_owner_died(struct process *p);
bool devices_cleanup(struct slice *s); /* what devices reach and should not; true: there is more */
/* The thread's call of dma_map, dma_unmap or vmo_create_contiguous will not be restarted: what it
 * was making or ending ends. */
void dma_call_drop(struct thread *t);

void irq_init(void);
void irq_raise(unsigned vector); /* lock held, arch has signalled end of interrupt */
/* A vector of the kernel's own, for ever: its handler runs with the lock held. 0: none left. */
unsigned irq_vector_kernel(void (*handler)(void));
/* For queue_add: where a watch for EVENT_IRQ hangs; and how many interrupts came since the last
 * acknowledgement: when not 0, raise the new watch at once. */
struct list *irq_watches(struct object *o);
uint64_t irq_pending(const struct object *o);

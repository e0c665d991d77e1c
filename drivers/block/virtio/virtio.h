/* SPDX-License-Identifier: ISC */
/*
 * virtio.h: one virtio block device. Private to drivers/block/virtio.
 *
 * device.c finds registers and brings the device up; queue.c is its one queue; main.c the program.
 *
 * Each of the disk's requests has a fixed place: its header and status byte, and its table of
 * descriptors. With indirect descriptors the table stands apart and the queue holds one descriptor
 * a request; else the queue itself is divided among the requests. So nothing is allocated, and
 * the head of a chain says which request it is. Memory is ordinary pages mapped for DMA.
 *
 * Who may lie: the device. What it writes (used ring, status, configuration) is copied once and
 * checked; a used entry that names no request in flight means that it is broken, and it is reset.
 */
#pragma once
#include "blockdrv/blockdrv.h"
#include "drivers/block/virtio/regs.h"
#include "pci/driver.h"

#define QUEUE_SIZE     256u /* at most; a power of two */
#define CHAIN_INDIRECT 128u /* descriptors in a table of its own: two tables a page */
#define CHAIN_DIRECT   16u  /* of the queue, for each request */
#define CHAIN_ENDS     2u   /* header and status */

/* Memory that the device reaches. */
struct virtio_memory {
	handle_t vmo;
	uint8_t *at;
	uint64_t pages;
	uint64_t *bus; /* one a page */
};

struct virtio {
	struct block_driver driver;
	struct block_disk disk;
	struct pci_driver pci;
	volatile uint8_t *common, *device;
	volatile uint8_t *isr;
	volatile uint16_t *notify; /* of the queue */
	uint64_t notify_base, notify_len;
	uint32_t multiplier;
	uint64_t features;
	bool indirect, event_idx;
	/* queue.c: its three parts, a page each; then headers; then tables */
	struct virtio_memory memory;
	uint16_t size;	/* of the queue */
	uint16_t chain; /* descriptors a request has */
	struct vring_desc *desc;
	uint16_t *avail;	 /* flags, index, ring[size], used_event */
	volatile uint16_t *used; /* flags, index, ring of vring_used_elem[size], avail_event */
	struct blk_header *headers;
	volatile uint8_t *status;
	uint16_t avail_index, used_index, kicked;
	uint16_t free; /* requests that may still be given */
	bool given[BLOCK_DEPTH];
};

/* device.c: find the device's registers. Errors: -ENODEV no modern virtio device; the kernel's. */
BLOCK_MUST int virtio_find(struct virtio *v);
/* Reset, negotiate, set the queue up, go. Bounded. Errors: -EIO, -ENODEV, -ETIMEDOUT. */
BLOCK_MUST int virtio_start(struct virtio *v);
/* Reset: afterwards the device touches no memory. Errors: -ETIMEDOUT. */
BLOCK_MUST int virtio_stop(struct virtio *v);
/* The device says that it cannot go on. */
bool virtio_needs_reset(const struct virtio *v);

/* queue.c */
BLOCK_MUST int queue_make(struct virtio *v);
/* As after a reset: nothing is in it. */
void queue_clear(struct virtio *v);
uint64_t queue_bus(const struct virtio *v, const volatile void *at);
BLOCK_MUST int queue_give(struct virtio *v, struct block_request *r);
void queue_kick(struct virtio *v);
/* Take what is done. -EPROTO: the device broke the queue. */
BLOCK_MUST int queue_take(struct virtio *v);

/* SPDX-License-Identifier: ISC */
/*
 * queue.c: the split queue. Spec: Virtio 1.2, 2.7.
 *
 * The memory, in pages: descriptors, available ring, used ring, headers and status bytes, then
 * tables of indirect descriptors. Everything is reached by bus addresses from dma_map; no part
 * crosses a page. Indexes run freely and are masked on use.
 *
 * Who may lie: the device, in the used ring and the status bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "drivers/block/virtio/virtio.h"
#include "sys/boot.h"
#include "sys/log.h"

#define PART_DESC    0u /* pages */
#define PART_AVAIL   1u
#define PART_USED    2u
#define PART_HEADERS 3u
#define PART_TABLES  4u
#define STATUS_AT    2048u /* in the page of headers */
#define TABLE_BYTES  (CHAIN_INDIRECT * sizeof(struct vring_desc))
#define TABLES_PAGE  (PAGE_SIZE / TABLE_BYTES)

_Static_assert(QUEUE_SIZE * sizeof(struct vring_desc) <= PAGE_SIZE, "descriptors fit a page");
_Static_assert(BLOCK_DEPTH * sizeof(struct blk_header) <= STATUS_AT, "headers fit");
_Static_assert(STATUS_AT + BLOCK_DEPTH <= PAGE_SIZE, "status bytes fit");
_Static_assert(PAGE_SIZE % TABLE_BYTES == 0, "tables do not cross pages");

/* Fields of the rings, in units of 16 bits. */
#define RING_INDEX   1u
#define RING_ENTRIES 2u

/* ---- memory ---------------------------------------------------------------------- */

static int memory_make(struct virtio *v, uint64_t pages)
{
	struct virtio_memory *m = &v->memory;
	struct map_args args = {.flags = PROT_R | PROT_W, .len = pages * PAGE_SIZE};
	int64_t r = sys_vmo_create(args.len, VMO_WIRED);

	if (r < 0)
		return (int)r;
	args.vmo = m->vmo = (handle_t)r;
	m->bus = calloc(pages, sizeof(*m->bus));
	if (!m->bus)
		return -ENOMEM;
	r = sys_dma_map(v->pci.device, m->vmo, 0, args.len, m->bus);
	if (r < 0)
		return (int)r;
	r = sys_aspace_map(boot_handle("aspace"), &args);
	if (r < 0)
		return (int)r;
	m->at = (uint8_t *)r;
	m->pages = pages;
	return 0;
}

uint64_t queue_bus(const struct virtio *v, const volatile void *at)
{
	uint64_t offset = (uint64_t)((const volatile uint8_t *)at - v->memory.at);

	return v->memory.bus[offset / PAGE_SIZE] + offset % PAGE_SIZE;
}

static uint8_t *part(const struct virtio *v, unsigned page)
{
	return v->memory.at + page * PAGE_SIZE;
}

int queue_make(struct virtio *v)
{
	uint64_t tables = v->indirect ? (v->disk.depth + TABLES_PAGE - 1) / TABLES_PAGE : 0;
	int err = memory_make(v, PART_TABLES + tables);

	if (err)
		return err;
	v->desc = (struct vring_desc *)part(v, PART_DESC);
	v->avail = (uint16_t *)part(v, PART_AVAIL);
	v->used = (volatile uint16_t *)part(v, PART_USED);
	v->headers = (struct blk_header *)part(v, PART_HEADERS);
	v->status = part(v, PART_HEADERS) + STATUS_AT;
	return 0;
}

void queue_clear(struct virtio *v)
{
	memset(v->memory.at, 0, PART_TABLES * PAGE_SIZE);
	memset(v->given, 0, sizeof(v->given));
	v->avail_index = v->used_index = v->kicked = 0;
}

/* ---- giving ---------------------------------------------------------------------- */

static struct vring_desc *table_of(struct virtio *v, uint32_t slot)
{
	if (!v->indirect)
		return v->desc + slot * CHAIN_DIRECT;
	return (struct vring_desc *)(part(v, PART_TABLES) + slot * TABLE_BYTES);
}

/* Header, data, status, chained from `first` on in the table. */
static unsigned chain_fill(struct virtio *v, const struct block_request *r,
			   struct vring_desc *table, uint16_t first)
{
	uint16_t data = r->op == BLOCK_READ ? DESC_WRITE | DESC_NEXT : DESC_NEXT;
	unsigned n = 0;

	table[n++] = (struct vring_desc){queue_bus(v, &v->headers[r->slot]),
					 sizeof(struct blk_header), DESC_NEXT, 0};
	for (unsigned i = 0; i < r->ranges; i++)
		table[n++] = (struct vring_desc){r->range[i].bus, r->range[i].len, data, 0};
	table[n++] = (struct vring_desc){queue_bus(v, &v->status[r->slot]), 1, DESC_WRITE, 0};
	for (unsigned i = 0; i + 1 < n; i++)
		table[i].next = (uint16_t)(first + i + 1);
	return n;
}

static uint32_t type_of(const struct block_request *r)
{
	if (r->op == BLOCK_FLUSH)
		return BLK_FLUSH;
	return r->op == BLOCK_WRITE ? BLK_WRITE : BLK_READ;
}

int queue_give(struct virtio *v, struct block_request *r)
{
	struct vring_desc *table = table_of(v, r->slot);
	uint16_t head = (uint16_t)(v->indirect ? r->slot : r->slot * CHAIN_DIRECT);
	unsigned n;

	v->headers[r->slot] = (struct blk_header){.type = type_of(r), .sector = r->sector};
	if (r->op == BLOCK_FLUSH)
		v->headers[r->slot].sector = 0;
	v->status[r->slot] = BLK_PENDING;
	n = chain_fill(v, r, table, v->indirect ? 0 : head);
	if (v->indirect)
		v->desc[head] = (struct vring_desc){queue_bus(v, table), n * 16, DESC_INDIRECT, 0};
	v->given[r->slot] = true;
	v->avail[RING_ENTRIES + (v->avail_index & (v->size - 1))] = head;
	v->avail_index++;
	__atomic_store_n(&v->avail[RING_INDEX], v->avail_index, __ATOMIC_RELEASE);
	return 0;
}

void queue_kick(struct virtio *v)
{
	volatile uint16_t *event = v->used + RING_ENTRIES + 4 * v->size;
	uint16_t from = v->kicked, to = v->avail_index;

	v->kicked = to;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	/* 2.7.10: tell it when it asked to hear of one of those that are new. */
	if (v->event_idx ? (uint16_t)(to - *event - 1) < (uint16_t)(to - from) : !(*v->used & 1))
		*v->notify = 0;
}

/* ---- taking ---------------------------------------------------------------------- */

static int status_errno(uint8_t status)
{
	switch (status) {
	case BLK_OK: return 0;
	case BLK_UNSUPP: return -EOPNOTSUPP;
	}
	return -EIO;
}

/* One used entry. The device may have written anything. */
static int entry_take(struct virtio *v, uint32_t id)
{
	uint32_t slot = v->indirect ? id : id / CHAIN_DIRECT;

	if ((!v->indirect && id % CHAIN_DIRECT) || slot >= v->disk.depth || !v->given[slot])
		return -EPROTO;
	v->given[slot] = false;
	block_done(&v->disk.request[slot], status_errno(v->status[slot]));
	return 0;
}

int queue_take(struct virtio *v)
{
	volatile struct vring_used_elem *ring;
	int err = 0;

	ring = (volatile struct vring_used_elem *)(v->used + RING_ENTRIES);
	for (;;) {
		uint16_t index = __atomic_load_n(&v->used[RING_INDEX], __ATOMIC_ACQUIRE);

		if ((uint16_t)(index - v->used_index) > v->size)
			return -EPROTO;
		for (; v->used_index != index && !err; v->used_index++)
			err = entry_take(v, ring[v->used_index & (v->size - 1)].id);
		if (err || !v->event_idx)
			return err;
		/* Ask for the next one, and look again: it may have come before the asking. */
		__atomic_store_n(&v->avail[RING_ENTRIES + v->size], v->used_index,
				 __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (v->used[RING_INDEX] == v->used_index)
			return 0;
	}
}

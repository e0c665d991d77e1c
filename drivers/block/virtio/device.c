/* SPDX-License-Identifier: ISC */
/*
 * device.c: bringing a virtio block device up. Spec: Virtio 1.2, 3.1.1, 4.1.4, 5.2.5.
 *
 * The only wait is for a reset, which has no interrupt: bounded, asked for each millisecond.
 */
#include <errno.h>
#include <string.h>
#include "drivers/block/virtio/virtio.h"
#include "sys/info.h"
#include "sys/log.h"

#define RESET_NS     NS_PER_S
#define POLL_NS	     NS_PER_MS
#define CONFIG_TRIES 100u

static uint32_t get8(const volatile uint8_t *at, uint32_t offset)
{
	return at[offset];
}

static uint32_t get16(const volatile uint8_t *at, uint32_t offset)
{
	return *(const volatile uint16_t *)(at + offset);
}

static uint32_t get32(const volatile uint8_t *at, uint32_t offset)
{
	return *(const volatile uint32_t *)(at + offset);
}

static void put8(volatile uint8_t *at, uint32_t offset, uint8_t value)
{
	at[offset] = value;
}

static void put16(volatile uint8_t *at, uint32_t offset, uint16_t value)
{
	*(volatile uint16_t *)(at + offset) = value;
}

static void put32(volatile uint8_t *at, uint32_t offset, uint32_t value)
{
	*(volatile uint32_t *)(at + offset) = value;
}

static void put64(volatile uint8_t *at, uint32_t offset, uint64_t value)
{
	put32(at, offset, (uint32_t)value);
	put32(at, offset + 4, (uint32_t)(value >> 32));
}

/* ---- registers ------------------------------------------------------------------- */

static int structure_map(struct virtio *v, const char *line, uint64_t least, volatile uint8_t **at,
			 uint64_t *base, uint64_t *len)
{
	volatile void *mapped;
	int err = pci_driver_value(&v->pci, line, "addr=", base);

	if (!err)
		err = pci_driver_value(&v->pci, line, "len=", len);
	if (err || *len < least)
		return -ENODEV;
	err = pci_driver_map(&v->pci, *base, *len, &mapped);
	if (!err)
		*at = mapped;
	return err;
}

int virtio_find(struct virtio *v)
{
	uint64_t base, len, multiplier;
	volatile uint8_t *at;
	int err = structure_map(v, "virtio common", COMMON_LEN, &v->common, &base, &len);

	if (!err)
		err = structure_map(v, "virtio device", BLK_LEN, &v->device, &base, &len);
	if (!err)
		err = structure_map(v, "virtio isr", 1, &v->isr, &base, &len);
	if (!err)
		err = structure_map(v, "virtio notify", 2, &at, &v->notify_base, &v->notify_len);
	if (!err)
		err = pci_driver_value(&v->pci, "virtio notify", "multiplier=", &multiplier);
	if (err)
		return err;
	v->notify = (volatile uint16_t *)at;
	v->multiplier = (uint32_t)multiplier;
	return 0;
}

/* ---- reset and features ---------------------------------------------------------- */

int virtio_stop(struct virtio *v)
{
	uint64_t deadline = time_in(RESET_NS);

	put8(v->common, COMMON_STATUS, 0);
	while (get8(v->common, COMMON_STATUS)) {
		if (time_now() > deadline)
			return -ETIMEDOUT;
		if (sys_thread_sleep(time_in(POLL_NS)) < 0)
			return -EINTR;
	}
	return 0;
}

bool virtio_needs_reset(const struct virtio *v)
{
	return get8(v->common, COMMON_STATUS) & STATUS_NEEDS_RESET;
}

static void status_add(struct virtio *v, uint8_t bits)
{
	put8(v->common, COMMON_STATUS, (uint8_t)(get8(v->common, COMMON_STATUS) | bits));
}

static uint64_t features_offered(struct virtio *v)
{
	uint64_t low, high;

	put32(v->common, COMMON_FEATURE_SELECT, 0);
	low = get32(v->common, COMMON_FEATURE);
	put32(v->common, COMMON_FEATURE_SELECT, 1);
	high = get32(v->common, COMMON_FEATURE);
	return high << 32 | low;
}

static int features_choose(struct virtio *v)
{
	uint64_t wanted = FEATURE_SIZE_MAX | FEATURE_SEG_MAX | FEATURE_READONLY | FEATURE_FLUSH |
			  FEATURE_INDIRECT | FEATURE_EVENT_IDX | FEATURE_VERSION_1 |
			  FEATURE_ACCESS_PLATFORM;

	v->features = features_offered(v) & wanted;
	if (!(v->features & FEATURE_VERSION_1))
		return -ENODEV;
	put32(v->common, COMMON_DRIVER_SELECT, 0);
	put32(v->common, COMMON_DRIVER_FEATURE, (uint32_t)v->features);
	put32(v->common, COMMON_DRIVER_SELECT, 1);
	put32(v->common, COMMON_DRIVER_FEATURE, (uint32_t)(v->features >> 32));
	status_add(v, STATUS_FEATURES_OK);
	return get8(v->common, COMMON_STATUS) & STATUS_FEATURES_OK ? 0 : -ENODEV;
}

/* ---- what the disk is ------------------------------------------------------------ */

/* Read until it did not change meanwhile. */
static int config_read(struct virtio *v, uint64_t *sectors, uint32_t *size_max, uint32_t *seg_max)
{
	for (unsigned i = 0; i < CONFIG_TRIES; i++) {
		uint32_t generation = get8(v->common, COMMON_GENERATION);

		*sectors = get32(v->device, BLK_CAPACITY);
		*sectors |= (uint64_t)get32(v->device, BLK_CAPACITY + 4) << 32;
		*size_max = get32(v->device, BLK_SIZE_MAX);
		*seg_max = get32(v->device, BLK_SEG_MAX);
		if (generation == get8(v->common, COMMON_GENERATION))
			return 0;
	}
	return -EIO;
}

static int disk_describe(struct virtio *v)
{
	struct block_limits *l = &v->disk.limits;
	uint32_t size_max, seg_max;
	uint64_t sectors;
	int err = config_read(v, &sectors, &size_max, &seg_max);

	if (err)
		return err;
	l->sectors = sectors;
	l->range_max = v->features & FEATURE_SIZE_MAX ? size_max : 1u << 22;
	l->ranges = v->chain - CHAIN_ENDS;
	if (v->features & FEATURE_SEG_MAX && seg_max < l->ranges)
		l->ranges = seg_max;
	v->disk.features = v->features & FEATURE_FLUSH ? BLOCK_FEATURE_FLUSH : 0;
	if (v->features & FEATURE_READONLY)
		v->disk.features |= BLOCK_FEATURE_READONLY;
	return 0;
}

/* ---- start ----------------------------------------------------------------------- */

/* The queue has its memory since the first start. */
static int queue_enable(struct virtio *v)
{
	uint32_t size, offset;

	put16(v->common, COMMON_QUEUE_SELECT, 0);
	size = get16(v->common, COMMON_QUEUE_SIZE);
	offset = get16(v->common, COMMON_QUEUE_NOTIFY);
	if (size < v->size || (uint64_t)offset * v->multiplier + 2 > v->notify_len)
		return -ENODEV;
	put16(v->common, COMMON_QUEUE_SIZE, v->size);
	put64(v->common, COMMON_QUEUE_DESCRIPTORS, queue_bus(v, v->desc));
	put64(v->common, COMMON_QUEUE_DRIVER, queue_bus(v, v->avail));
	put64(v->common, COMMON_QUEUE_DEVICE, queue_bus(v, v->used));
	put16(v->common, COMMON_CONFIG_VECTOR, NO_VECTOR);
	put16(v->common, COMMON_QUEUE_VECTOR, v->driver.line ? NO_VECTOR : 0);
	if (!v->driver.line && get16(v->common, COMMON_QUEUE_VECTOR) != 0)
		return -EIO;
	put16(v->common, COMMON_QUEUE_ENABLE, 1);
	return 0;
}

static uint16_t queue_size(struct virtio *v)
{
	uint32_t size;

	put16(v->common, COMMON_QUEUE_SELECT, 0);
	size = get16(v->common, COMMON_QUEUE_SIZE);
	if (size > QUEUE_SIZE)
		size = QUEUE_SIZE;
	while (size & (size - 1))
		size &= size - 1;
	return (uint16_t)size;
}

/* How requests share the queue: once, at the first start. */
static int queue_plan(struct virtio *v)
{
	uint32_t depth;

	v->indirect = v->features & FEATURE_INDIRECT;
	v->event_idx = v->features & FEATURE_EVENT_IDX;
	v->size = queue_size(v);
	v->chain = v->indirect ? CHAIN_INDIRECT : CHAIN_DIRECT;
	depth = v->indirect ? v->size : v->size / CHAIN_DIRECT;
	v->disk.depth = depth > BLOCK_DEPTH ? BLOCK_DEPTH : depth;
	return v->disk.depth ? queue_make(v) : -ENODEV;
}

int virtio_start(struct virtio *v)
{
	uint64_t before = v->features;
	bool again = v->memory.at != NULL;
	int err = virtio_stop(v);

	if (err)
		return err;
	status_add(v, STATUS_ACKNOWLEDGE);
	status_add(v, STATUS_DRIVER);
	err = features_choose(v);
	if (!err && again && v->features != before)
		err = -EIO; /* another device than the one that was promised to the client */
	if (!err && !again)
		err = queue_plan(v);
	if (!err && !again)
		err = disk_describe(v);
	if (!err) {
		queue_clear(v);
		err = queue_enable(v);
	}
	status_add(v, err ? STATUS_FAILED : STATUS_DRIVER_OK);
	return err;
}

/* SPDX-License-Identifier: ISC */
/* regs.h: what a virtio block device and its driver share. Spec: Virtio 1.2, 2.7, 4.1.4, 5.2. */
#pragma once
#include <stdint.h>

/* Common configuration, by offset. */
#define COMMON_FEATURE_SELECT	 0u  /* 32 bits: which half of what the device offers */
#define COMMON_FEATURE		 4u  /* 32 */
#define COMMON_DRIVER_SELECT	 8u  /* 32: which half of what the driver takes */
#define COMMON_DRIVER_FEATURE	 12u /* 32 */
#define COMMON_CONFIG_VECTOR	 16u /* 16 */
#define COMMON_QUEUES		 18u /* 16 */
#define COMMON_STATUS		 20u /* 8 */
#define COMMON_GENERATION	 21u /* 8 */
#define COMMON_QUEUE_SELECT	 22u /* 16 */
#define COMMON_QUEUE_SIZE	 24u /* 16 */
#define COMMON_QUEUE_VECTOR	 26u /* 16 */
#define COMMON_QUEUE_ENABLE	 28u /* 16 */
#define COMMON_QUEUE_NOTIFY	 30u /* 16: times the multiplier */
#define COMMON_QUEUE_DESCRIPTORS 32u /* 64: bus address */
#define COMMON_QUEUE_DRIVER	 40u /* 64 */
#define COMMON_QUEUE_DEVICE	 48u /* 64 */
#define COMMON_LEN		 56u
#define NO_VECTOR		 0xffffu

#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER	   2u
#define STATUS_DRIVER_OK   4u
#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 64u
#define STATUS_FAILED	   128u

#define FEATURE_SIZE_MAX	(1ull << 1)
#define FEATURE_SEG_MAX		(1ull << 2)
#define FEATURE_READONLY	(1ull << 5)
#define FEATURE_FLUSH		(1ull << 9)
#define FEATURE_INDIRECT	(1ull << 28)
#define FEATURE_EVENT_IDX	(1ull << 29)
#define FEATURE_VERSION_1	(1ull << 32)
#define FEATURE_ACCESS_PLATFORM (1ull << 33) /* bus addresses, not physical ones */

/* Device configuration of a block device. */
#define BLK_CAPACITY 0u	 /* 64: sectors of 512 bytes */
#define BLK_SIZE_MAX 8u	 /* 32 */
#define BLK_SEG_MAX  12u /* 32 */
#define BLK_LEN	     24u

#define BLK_READ  0u
#define BLK_WRITE 1u
#define BLK_FLUSH 4u

#define BLK_OK	    0u
#define BLK_IOERR   1u
#define BLK_UNSUPP  2u
#define BLK_PENDING 0xffu /* ours: the device has not written it */

struct blk_header {
	uint32_t type, reserved;
	uint64_t sector;
};
_Static_assert(sizeof(struct blk_header) == 16, "blk_header");

#define DESC_NEXT     1u
#define DESC_WRITE    2u /* the device writes */
#define DESC_INDIRECT 4u

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
_Static_assert(sizeof(struct vring_desc) == 16, "vring_desc");

struct vring_used_elem {
	uint32_t id, len;
};

/* SPDX-License-Identifier: ISC */
/*
 * Checksums of ext4 metadata. Both continue from `crc`; neither inverts at start or end.
 */
#ifndef EXT4_CRC_H
#define EXT4_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t ext4_crc32c(uint32_t crc, const void *data, size_t len);
uint16_t ext4_crc16(uint16_t crc, const void *data, size_t len);

#endif

/* SPDX-License-Identifier: ISC */
/*
 * CRC-32C (Castagnoli, reflected 0x82f63b78) and CRC-16 (reflected 0xa001), as ext4 uses them:
 * without inversion at start and end, so that a sum can be continued.
 *
 * CRC-32C takes eight bytes a step from eight tables. A CRC table is linear over XOR: an entry is
 * the sum of the entries of its bits. So only those of the eight single bits are written down for
 * each table, and the compiler makes the rest.
 *
 * Spec: RFC 3720, appendix B.4 (test vectors); ext4 on-disk layout, "Checksums".
 */
#include "ext4/crc.h"

#define BIT(i, b, c) (((i) >> (b)&1) ? (c) : 0u)
#define ONE(i, a, b, c, d, e, f, g, h)                                                             \
	(BIT(i, 0, a) ^ BIT(i, 1, b) ^ BIT(i, 2, c) ^ BIT(i, 3, d) ^ BIT(i, 4, e) ^ BIT(i, 5, f) ^ \
	 BIT(i, 6, g) ^ BIT(i, 7, h))
#define X4(i, ...)                                                                                 \
	ONE(i, __VA_ARGS__), ONE((i) + 1, __VA_ARGS__), ONE((i) + 2, __VA_ARGS__),                 \
		ONE((i) + 3, __VA_ARGS__)
#define X16(i, ...)                                                                                \
	X4(i, __VA_ARGS__), X4((i) + 4, __VA_ARGS__), X4((i) + 8, __VA_ARGS__),                    \
		X4((i) + 12, __VA_ARGS__)
#define X64(i, ...)                                                                                \
	X16(i, __VA_ARGS__), X16((i) + 16, __VA_ARGS__), X16((i) + 32, __VA_ARGS__),               \
		X16((i) + 48, __VA_ARGS__)
#define TABLE(...)                                                                                 \
	{                                                                                          \
		X64(0, __VA_ARGS__), X64(64, __VA_ARGS__), X64(128, __VA_ARGS__),                  \
			X64(192, __VA_ARGS__)                                                      \
	}

static const uint32_t table[8][256] = {
	TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc,
	      0x82f63b78),
	TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604,
	      0xfbc3faf9),
	TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9,
	      0x8b277743),
	TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7,
	      0x52a0c93f),
	TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae,
	      0x6ea2d55c),
	TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb,
	      0x1c08b7d6),
	TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a,
	      0xf56e0ef4),
	TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32,
	      0x34019664),
};

uint32_t ext4_crc32c(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len >= 8; len -= 8, p += 8) {
		uint32_t lo = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
				     (uint32_t)p[3] << 24);

		crc = table[7][lo & 255] ^ table[6][lo >> 8 & 255] ^ table[5][lo >> 16 & 255] ^
		      table[4][lo >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
		      table[0][p[7]];
	}
	for (; len > 0; len--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 255];
	return crc;
}

uint16_t ext4_crc16(uint16_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 0; len--) {
		crc ^= *p++;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (crc & 1) ? (uint16_t)(crc >> 1 ^ 0xa001) : (uint16_t)(crc >> 1);
	}
	return crc;
}

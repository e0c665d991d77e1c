/* SPDX-License-Identifier: ISC */
/* identify.c: what a disk says of itself. Pure. Spec: ATA8-ACS, 7.16. */
#include <errno.h>
#include "drivers/block/ahci/ahci.h"

/* Text in words with their bytes swapped; what is not printable becomes '?'. */
static void text_read(const uint16_t *id, unsigned words, char *out, size_t size)
{
	size_t n = 0;

	for (unsigned i = 0; i < 2 * words && n + 1 < size; i++) {
		char c = (char)(i & 1 ? id[i / 2] & 0xff : id[i / 2] >> 8);

		out[n++] = c >= ' ' && c < 0x7f ? c : '?';
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

int identify_read(const uint16_t *id, struct block_disk *disk, bool *ncq, uint32_t *depth)
{
	uint64_t sectors = 0;

	if (!(id[ID_SETS2] & ID_SETS2_LBA48))
		return -EOPNOTSUPP;
	if ((id[ID_SIZE] & (ID_SIZE_VALID | ID_SIZE_LONG | 1u << 15)) ==
	    (ID_SIZE_VALID | ID_SIZE_LONG))
		return -EOPNOTSUPP; /* logical sectors other than 512 bytes */
	for (unsigned i = 4; i-- > 0;)
		sectors = sectors << 16 | id[ID_SECTORS + i];
	if (!sectors || sectors >> 48)
		return -EIO;
	disk->limits.sectors = sectors;
	disk->limits.range_max = RANGE_MAX;
	disk->limits.ranges = BLOCK_RANGES;
	disk->features = id[ID_SETS2] & ID_SETS2_FLUSH ? BLOCK_FEATURE_FLUSH : 0;
	disk->fua = id[ID_SETS3] & ID_SETS3_FUA;
	text_read(id + ID_MODEL, 20, disk->model, sizeof(disk->model));
	text_read(id + ID_SERIAL, 10, disk->serial, sizeof(disk->serial));
	*ncq = id[ID_SATA] != 0xffff && id[ID_SATA] & ID_SATA_NCQ;
	*depth = (id[ID_QUEUE] & 31u) + 1;
	return 0;
}

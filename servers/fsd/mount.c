/* SPDX-License-Identifier: ISC */
/*
 * mount.c: the life of the file system: searching, mounting, mounted, failed. state_set is the only
 * writer of fsd->state.
 *
 * Requests wait while it is searched for and mounted. What cannot be mounted stays so until fsd is
 * started again: a disk does not mend itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "servers/fsd/fsd.h"

static void state_set(struct fsd *f, enum fs_state state, int err)
{
	f->state = state;
	f->fs_error = err;
	if (state == FS_MOUNTED || state == FS_FAILED)
		jobs_wake(f, &f->mount_waiters, err);
}

int fs_need(struct fsd *f)
{
	switch (f->state) {
	case FS_MOUNTED: return 0;
	case FS_FAILED: return f->fs_error;
	case FS_SEARCHING:
		if (fsd_now() > f->search_until)
			return -ENODEV;
		break;
	case FS_MOUNTING: break;
	}
	f->wait = &f->mount_waiters;
	return -EAGAIN;
}

void fs_fail(struct fsd *f, int err, const char *why)
{
	fsd_say("fsd: %s: %s", f->source, why);
	for (uint32_t i = 0; i <= f->inode_mask; i++)
		for (struct inode *n = f->inode_buckets[i]; n; n = n->chain)
			n->loaded = false;
	state_set(f, FS_FAILED, err);
}

/* What this server adds to the library's conditions. */
static const char *unsupported(const struct fsd *f)
{
	if (f->fs.block_size > FSD_PAGE)
		return "blocks over 4096 bytes are not supported";
	if (f->fs.block_size < f->disk.sector_size)
		return "its blocks are smaller than the disk's sectors";
	return NULL;
}

static int mount_run(struct fsd *f, struct job *j)
{
	const struct ext4_source source = {.block = meta_block, .mark = meta_mark, .ctx = f};
	uint8_t super[EXT4_SUPER_SIZE];
	char reason[160] = "";
	const char *why = NULL;
	struct page *p;
	int err;

	(void)j;
	f->serial++;
	p = meta_page(f, 0, &err);
	if (!p)
		return err;
	memcpy(super, (uint8_t *)page_data(f, p) + EXT4_SUPER_OFFSET, sizeof(super));
	err = ext4_probe(&f->fs, super, f->disk.sectors * SECTOR, 0, reason, sizeof(reason));
	if (!err)
		why = unsupported(f);
	if (!err && !why) {
		if (reason[0])
			fsd_say("fsd: %s: warning: %s", f->source, reason);
		err = ext4_mount(&f->fs, &source, reason, sizeof(reason));
	}
	if (err == -EAGAIN)
		return err;
	if (why)
		err = -EOPNOTSUPP;
	if (err == -EINVAL)
		err = -EUCLEAN; /* no ext4 here */
	if (err) {
		fs_fail(f, err, why ? why : reason);
		return err;
	}
	fsd_say("fsd: %s: ext4, %llu blocks of %u bytes, label \"%s\"", f->source,
		(unsigned long long)f->fs.blocks, f->fs.block_size, f->fs.label);
	state_set(f, FS_MOUNTED, 0);
	return 0;
}

static void mount_end(struct fsd *f, struct job *j, int err)
{
	(void)j;
	if (err && f->state == FS_MOUNTING)
		fs_fail(f, err, "its superblock cannot be read");
}

void fs_start(struct fsd *f)
{
	const struct job j = {.run = mount_run, .end = mount_end};

	if (f->state != FS_SEARCHING)
		return;
	state_set(f, FS_MOUNTING, 0);
	if (job_spawn(f, &j))
		fs_fail(f, -ENOMEM, "no memory to mount with");
}

/* ---- all of it ---------------------------------------------------------------------------------
 */

int fsd_init(struct fsd *f, const char *source, void *pool, uint32_t pages)
{
	int err;

	*f = (struct fsd){.source = source};
	f->ready_end = &f->ready;
	f->search_until = fsd_now() + SEARCH_NS;
	disk_init(f);
	err = pool_init(f, pool, pages);
	return err ? err : inode_init(f);
}

void fsd_fini(struct fsd *f)
{
	struct job *j;

	for (uint32_t i = 0; i <= f->inode_mask; i++) {
		struct inode *n = f->inode_buckets[i], *next;

		for (; n; n = next) {
			next = n->chain;
			free(n);
		}
	}
	while ((j = f->free_jobs)) {
		f->free_jobs = j->next;
		free(j);
	}
	free(f->inode_buckets);
	free(f->names);
	free(f->page);
	free(f->buckets);
}

void fsd_turn(struct fsd *f)
{
	bool more = f->link == LINK_UP && !disk_complete(f);

	jobs_turn(f);
	disk_kick(f);
	if (more || f->ready)
		fsd_again(f);
}

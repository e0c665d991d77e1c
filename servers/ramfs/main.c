/* SPDX-License-Identifier: ISC */
/*
 * ramfs: files in memory, and the boot archive as files.
 *
 *	ramfs [-q SIZE] PATH	     empty, at most SIZE bytes (K, M, G; 64M)
 *	ramfs -b [-p PREFIX] PATH    read-only, what lies below PREFIX ("boot") in the archive that
 *				     the bootstrap block maps, or that handle "archive" is
 *
 * PATH is where it is mounted, unless the supervisor mounts it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "servers/ramfs/ramfs.h"
#include "serve/register.h"
#include "serve/serve.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/log.h"

#define LIMIT_DEFAULT (64ull << 20)
#define NAMES_LIMIT   (64ull << 20) /* for the nodes of an archive */

static struct serve server;
static struct ram_fs fs;

static int size_parse(const char *text, uint64_t *size)
{
	char *end;
	unsigned long long n;
	unsigned shift = 0;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text)
		return -EINVAL;
	if (*end == 'K' || *end == 'M' || *end == 'G')
		shift = *end++ == 'K' ? 10 : end[-1] == 'M' ? 20 : 30;
	if (*end || !n || n > UINT64_MAX >> shift)
		return -EINVAL;
	*size = (uint64_t)n << shift;
	return 0;
}

/* Where the archive is mapped. */
static int archive_find(const void **archive, uint64_t *len)
{
	const struct bootstrap *block = boot_block();
	handle_t vmo = boot_handle("archive");
	struct vmo_info info;
	struct map_args map;
	int64_t r;

	if (block && block->archive) {
		*archive = (const void *)block->archive;
		*len = block->archive_len;
		return 0;
	}
	if (vmo == HANDLE_NONE)
		return -ENXIO;
	r = sys_vmo_info(vmo, &info);
	if (r < 0)
		return (int)r;
	map = (struct map_args){.vmo = vmo, .flags = PROT_R, .len = info.size};
	r = sys_aspace_map(boot_handle("aspace"), &map);
	if (r < 0)
		return (int)r;
	*archive = (const void *)r;
	*len = info.size;
	return 0;
}

static int tree_make(bool boot, uint64_t limit, const char *prefix)
{
	const void *archive = NULL;
	uint64_t len = 0;
	int err;

	err = ram_init(&fs, limit);
	if (err || !boot)
		return err;
	err = archive_find(&archive, &len);
	return err ? err : ram_archive(&fs, archive, len, prefix);
}

static int fail(const char *what, int err)
{
	log_print("ramfs: %s: %s", what, error_text(err));
	return 1;
}

int main(int argc, char **argv)
{
	const struct p9_limits limits = {.sessions = SERVE_SESSIONS, .memory = 4 << 20};
	const char *prefix = "boot";
	uint64_t limit = LIMIT_DEFAULT;
	bool boot = false;
	int opt, err;

	while ((opt = getopt(argc, argv, "bp:q:")) != -1) {
		if (opt == 'b')
			boot = true;
		else if (opt == 'p')
			prefix = optarg;
		else if (opt != 'q' || size_parse(optarg, &limit))
			return fail("usage: ramfs [-q SIZE] [-b [-p PREFIX]] PATH", -EINVAL);
	}
	err = tree_make(boot, boot ? NAMES_LIMIT : limit, prefix);
	if (err)
		return fail("the tree", err);
	err = serve_init(&server, &ram_ops, &fs, &limits);
	if (err)
		return fail("the server", err);
	err = optind < argc ? serve_register(&server, argv[optind]) : 0;
	if (err)
		return fail(argv[optind], err);
	return serve_run(&server) ? 1 : 0;
}

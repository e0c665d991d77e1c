/* SPDX-License-Identifier: ISC */
/*
 * Cached file operations on ext4, in instructions: reads and writes in the page cache, paths of
 * three names, creating and removing. What goes to the disk later is not part of any of them.
 */
#include "bench/linux/bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROUNDS = 1000, FILE_SIZE = 65536 };

static char data[FILE_SIZE];

static void create_unlink(const char *path)
{
	int fd = bench_check(open(path, O_CREAT | O_EXCL | O_WRONLY, 0644), "create");

	close(fd);
	bench_check(unlink(path), "unlink");
}

void bench_files(const char *folder)
{
	char path[256], other[256];
	struct stat status;
	int fd;

	snprintf(path, sizeof(path), "%s/data", folder);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/data/file", folder);
	snprintf(other, sizeof(other), "%s/data/other", folder);
	fd = bench_check(open(path, O_CREAT | O_TRUNC | O_RDWR, 0644), "open");
	if (write(fd, data, sizeof(data)) != FILE_SIZE)
		bench_fail("write");
	MEASURE("pread_1", ROUNDS, bench_check(pread(fd, data, 1, 0), "pread"));
	MEASURE("pread_4k", ROUNDS, bench_check(pread(fd, data, 4096, 0), "pread"));
	MEASURE("pread_64k", ROUNDS, bench_check(pread(fd, data, FILE_SIZE, 0), "pread"));
	MEASURE("pwrite_4k", ROUNDS, bench_check(pwrite(fd, data, 4096, 0), "pwrite"));
	MEASURE("open_close", ROUNDS, close(bench_check(open(path, O_RDONLY), "open")));
	MEASURE("stat", ROUNDS, bench_check(stat(path, &status), "stat"));
	MEASURE("create_unlink", 500, create_unlink(other));
	close(fd);
}

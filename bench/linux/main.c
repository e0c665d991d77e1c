/* SPDX-License-Identifier: ISC */
/*
 * The first and only program of the Linux that Bulkhead is measured against: loads the modules
 * for the disk in the order of their names' file, mounts it, measures, turns the machine off.
 * The boot parameter bench= says what: `cpu` (counted instructions) or `disk` (wall time).
 */
#include "bench/linux/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DISK_SECONDS = 30 };

static void modules_load(void)
{
	char name[256];
	FILE *list = fopen("/modules/list", "r");

	if (!list)
		bench_fail("/modules/list");
	while (fgets(name, sizeof(name), list)) {
		int fd;

		name[strcspn(name, "\n")] = 0;
		fd = bench_check(open(name, O_RDONLY | O_CLOEXEC), name);
		if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
			bench_fail(name);
		close(fd);
	}
	fclose(list);
}

/* Mounts the first disk. Discs behind AHCI appear some time after their driver: try until then. */
static void disk_mount(const char *folder)
{
	static const char *const disks[] = {"/dev/vda", "/dev/sda"};
	time_t deadline = time(NULL) + DISK_SECONDS;

	bench_check(mkdir(folder, 0755), "mkdir");
	for (;;) {
		for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++)
			if (mount(disks[i], folder, "ext4", 0, "") == 0)
				return;
		if (time(NULL) > deadline)
			bench_fail("no ext4 disk");
		poll(NULL, 0, 10);
	}
}

static void console_open(void)
{
	int fd;

	mkdir("/dev", 0755);
	/* The kernel may have mounted it already. */
	if (mount("dev", "/dev", "devtmpfs", 0, "") < 0 && errno != EBUSY)
		_exit(1);
	fd = open("/dev/ttyS0", O_RDWR);
	if (fd < 0)
		_exit(1);
	dup2(fd, 0);
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

int main(int count, char **words)
{
	const char *what = getenv("bench");

	if (count > 1 && !strcmp(words[1], "true"))
		return 0;
	console_open();
	printf("bench-begin linux %s\n", what ? what : "");
	modules_load();
	disk_mount("/mnt");
	if (what && !strcmp(what, "disk")) {
		bench_disk("/mnt");
	} else {
		samples_calibrate();
		bench_calls();
		bench_memory();
		bench_processes("/init");
		bench_files("/mnt");
	}
	umount("/mnt");
	printf("bench-end\n");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}

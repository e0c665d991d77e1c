/* SPDX-License-Identifier: ISC */
/*
 * devd.c: devd's files: leases by platform name and by function, registers, ports, interrupts and
 * DMA memory by files, and who is refused. Uses the CMOS clock and a SATA controller without disks,
 * which every machine of ours has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "9p/client.h"
#include "serve/ns.h"
#include "tests/core/block/system.h"

#define OTHER_SILO 21u

static struct p9_file *open_file(const char *path)
{
	struct p9_file *f;

	OK(ns_open(path, P9_O_RDWR, 0, &f));
	return f;
}

/* ---- the clock: ports and a line ------------------------------------------------- */

static void ports(void)
{
	struct p9_file *io = open_file("/dev/mem/io");
	uint8_t index = 0x0b, value = 0;
	char text[32] = "";
	uint32_t wide;

	CHECK_EQ(p9_client_pwrite(io, &index, 1, 0x70), 1);
	CHECK_EQ(p9_client_pread(io, &value, 1, 0x71), 1);
	CHECK(value & 2); /* it counts 24 hours */
	CHECK_EQ(p9_client_write(io, "outb 0x70 0x0b\n", 15), 15);
	CHECK_EQ(p9_client_write(io, "inb 0x71\n", 9), 9);
	CHECK(p9_client_pread(io, text, sizeof(text) - 1, 0) > 0);
	CHECK_EQ(strtoul(text, NULL, 0), value);
	REFUSED(p9_client_pread(io, &value, 1, 0x80), EPERM);
	REFUSED(p9_client_pread(io, &value, 1, 0x3f8), EPERM);
	REFUSED(p9_client_pread(io, &wide, 4, 0x70), EPERM);
	REFUSED(p9_client_pread(io, text, 3, 0x70), EINVAL);
	REFUSED(p9_client_write(io, "inb 0x80\n", 9), EPERM);
	REFUSED(p9_client_write(io, "inq 0x70\n", 9), EINVAL);
	REFUSED(p9_client_write(io, "outb 0x70\n", 10), EINVAL);
	p9_client_close(io);
}

static uint8_t cmos(struct p9_file *io, uint8_t index)
{
	uint8_t value;

	CHECK_EQ(p9_client_pwrite(io, &index, 1, 0x70), 1);
	CHECK_EQ(p9_client_pread(io, &value, 1, 0x71), 1);
	return value;
}

static void cmos_put(struct p9_file *io, uint8_t index, uint8_t value)
{
	CHECK_EQ(p9_client_pwrite(io, &index, 1, 0x70), 1);
	CHECK_EQ(p9_client_pwrite(io, &value, 1, 0x71), 1);
}

static void interrupts(void)
{
	struct p9_file *io = open_file("/dev/mem/io"), *irq;
	uint8_t b = cmos(io, 0x0b);
	char text[256];

	REFUSED(ns_command("/dev/irq/ctl", "register 4 mine"), EPERM);
	REFUSED(ns_command("/dev/irq/ctl", "unregister 8"), EPERM);
	OK(ns_command("/dev/irq/ctl", "register 8 clock"));
	REFUSED(ns_command("/dev/irq/ctl", "register 8 again"), EBUSY);
	irq = open_file("/dev/irq/8");
	cmos_put(io, 0x0b, b | 0x40); /* periodic */
	for (int i = 0; i < 3; i++) {
		cmos(io, 0x0c);
		CHECK_EQ(p9_client_pread(irq, text, sizeof(text), 0), 6);
		CHECK(!memcmp(text, "irq 8\n", 6));
		CHECK_EQ(p9_client_pwrite(irq, "", 1, 0), 1);
	}
	cmos_put(io, 0x0b, b);
	CHECK(ns_load_text("/dev/irq/ctl", text, sizeof(text)) > 0);
	CHECK(strstr(text, "irq 8: clock pending="));
	p9_client_close(irq);
	OK(ns_command("/dev/irq/ctl", "unregister 8"));
	REFUSED(ns_load_text("/dev/irq/8", text, sizeof(text)), ENOENT);
	p9_client_close(io);
}

static void platform(void)
{
	handle_t device, again;
	char text[1024];

	OK(lease_path("/dev/platform/rtc", 0, &device));
	REFUSED(lease_path("/dev/platform/rtc", OTHER_SILO, &again), EBUSY);
	REFUSED(sys_handle_revoke(device), EACCES); /* that right stays with devd */
	ports();
	interrupts();
	OK(ns_command("/dev/irq/ctl", "register 8 clock"));
	OK(ns_command("/dev/platform/rtc", "reset"));
	REFUSED(sys_port_read(device, 0x70, 1), EBADF);
	CHECK_EQ(ns_load_text("/dev/irq/ctl", text, sizeof(text)), 0);
	CHECK(ns_load_text("/dev/platform/list", text, sizeof(text)) > 0);
	CHECK(strstr(text, "rtc port=0x70+2 irq=8 silo=0\n"));
	REFUSED(ns_command("/dev/platform/rtc", "explode"), EINVAL);
}

/* ---- the controller: registers and DMA memory ------------------------------------ */

static uint64_t value_of(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	CHECK(at);
	return strtoull(at + strlen(key), NULL, 0);
}

static void registers(const char *status)
{
	uint64_t base = value_of(strstr(status, "bar5"), "addr="), wide;
	struct p9_file *mem = open_file("/dev/mem/mem");
	uint32_t cap = 0, ghc;
	uint8_t low;

	CHECK_EQ(p9_client_pread(mem, &cap, 4, base), 4);
	CHECK(cap && cap != ~0u);
	CHECK_EQ(p9_client_pread(mem, &low, 1, base), 1);
	CHECK_EQ(low, cap & 0xff);
	ghc = 0x80000000u;
	CHECK_EQ(p9_client_pwrite(mem, &ghc, 4, base + 4), 4);
	CHECK_EQ(p9_client_pread(mem, &ghc, 4, base + 4), 4);
	CHECK_EQ(ghc, 0x80000000u);
	REFUSED(p9_client_pread(mem, &wide, 3, base), EINVAL);
	REFUSED(p9_client_pread(mem, &wide, 4, base + 2), EINVAL);
	REFUSED(p9_client_pread(mem, &wide, 8, 0x100000), EPERM); /* RAM */
	REFUSED(p9_client_pread(mem, &wide, 4, 0xfee00000), EPERM);
	REFUSED(p9_client_pread(mem, &wide, 8, 1ull << 60), EPERM);
	p9_client_close(mem);
}

static void dma(const char *function)
{
	struct p9_file *alloc = open_file("/dev/dma/alloc"), *memory;
	char text[128], path[64], command[96];
	uint64_t id;
	int64_t n;

	snprintf(command, sizeof(command), "size 8192 align 8192 device %s", function);
	REFUSED(p9_client_write(alloc, "size 0 align 1", 14), EINVAL);
	CHECK_EQ(p9_client_write(alloc, command, strlen(command)), (int64_t)strlen(command));
	n = p9_client_pread(alloc, text, sizeof(text) - 1, 0);
	CHECK(n > 0);
	text[n] = '\0';
	id = value_of(text, "id:");
	CHECK_EQ(value_of(text, "addr:") % 8192, 0);
	CHECK_EQ(value_of(text, "size:"), 8192);
	snprintf(path, sizeof(path), "/dev/dma/%llu", (unsigned long long)id);
	memory = open_file(path);
	CHECK_EQ(p9_client_pwrite(memory, "moved", 5, 4094), 5);
	CHECK_EQ(p9_client_pread(memory, text, 5, 4094), 5);
	CHECK(!memcmp(text, "moved", 5));
	REFUSED(p9_client_pwrite(memory, "x", 1, 8192), ENOSPC);
	p9_client_close(memory);
	p9_client_close(alloc);
	snprintf(command, sizeof(command), "/dev/pci/%s/ctl", function);
	OK(ns_command(command, "reset"));
	REFUSED(ns_load_text(path, text, sizeof(text)), ENOENT);
}

static void function_files(void)
{
	char name[16], path[64], text[4096];
	struct p9_file *config;
	handle_t device;
	uint32_t word;

	function_find("class=0106", name);
	snprintf(path, sizeof(path), "/dev/pci/%s/config", name);
	config = open_file(path);
	CHECK_EQ(p9_client_pread(config, &word, 4, 0), 4);
	CHECK_EQ(word & 0xffff, 0x8086);
	CHECK_EQ(p9_client_pread(config, &word, 2, 4), 2);
	CHECK(!(word & 4)); /* masters the bus only while it is leased */
	REFUSED(p9_client_pwrite(config, &word, 4, 0x10), EPERM);
	snprintf(path, sizeof(path), "/dev/pci/%s/ctl", name);
	OK(lease_path(path, 0, &device));
	CHECK_EQ(p9_client_pread(config, &word, 2, 4), 2);
	CHECK(word & 4);
	CHECK(ns_load_text(path, text, sizeof(text)) > 0);
	registers(text);
	dma(name);
	CHECK_EQ(p9_client_pread(config, &word, 2, 4), 2);
	CHECK(!(word & 4));
	OK(lease_path(path, OTHER_SILO, &device)); /* free again, for whoever comes */
	OK(ns_command(path, "reset"));
	p9_client_close(config);
	function_find("class=0601", name); /* a bridge */
	snprintf(path, sizeof(path), "/dev/pci/%s/ctl", name);
	REFUSED(lease_path(path, 0, &device), EPERM);
}

static int role_system(void)
{
	system_start();
	platform();
	function_files();
	OK(ns_command("/dev/pci/ctl", "lock"));
	system_end();
	return 0;
}

const struct core_test core_tests[] = {{"files", system_role}, {NULL, NULL}};

const struct core_role core_roles[] = {{"system", role_system}, {NULL, NULL}};

/* SPDX-License-Identifier: ISC */
/*
 * device.c: cutting devices, ports, registers, DMA memory, interrupt objects. Real hardware is
 * touched only where every PC has it: port 0x80, the CMOS clock and its interrupt line 8.
 */
#include <string.h>
#include "core.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71
#define CMOS_LINE  8
#define LAPIC_BASE 0xfee00000ull
#define PAGES(n)   ((uint64_t)(n)*PAGE_SIZE)
#define DRIVER	   (RIGHT_READ | RIGHT_WRITE | RIGHT_MAP | RIGHT_MANAGE) /* what a driver gets */

static void cut(void)
{
	struct device_args args = {.ports = {{0x80, 2}}, .source = ~0u, .name = "post"};
	handle_t device = TAKE(sys_device_create(core_device, &args)), child;
	handle_t weak = TAKE(sys_handle_dup(device, RIGHT_READ | RIGHT_WRITE));
	struct device_args part = {.ports = {{0x81, 1}}, .source = ~0u, .name = "half"};
	struct device_info info;

	REFUSED(sys_device_create(core_device, &args), EBUSY); /* one owner */
	REFUSED(sys_device_create(weak, &part), EACCES);
	child = TAKE(sys_device_create(device, &part));
	part.ports[0] = (struct phys_range){0x90, 1};
	REFUSED(sys_device_create(device, &part), EPERM);
	part.ports[0] = (struct phys_range){0xffff, 4};
	CHECK(sys_device_create(core_device, &part) < 0);
	part.ports[0] = (struct phys_range){UINT64_MAX, 2};
	CHECK(sys_device_create(core_device, &part) < 0);
	OK(sys_device_info(child, &info));
	CHECK_EQ(info.args.ports[0].base, 0x81);
	CHECK(strcmp(info.args.name, "half") == 0);
	core_close(child);
	core_close(weak);
	core_close(device);
	device = TAKE(sys_device_create(core_device, &args)); /* free again */
	core_close(device);
}

/* Devices cut out of devices, each held by the next alone: not without end. */
static void cut_deep(void)
{
	struct device_args args = {.source = ~0u, .name = "deep"};
	handle_t device = TAKE(sys_device_create(core_device, &args));
	unsigned depth = 1;
	int64_t next = 0;

	while (depth < 1000 && (next = sys_device_create(device, &args)) >= 0) {
		core_close(device);
		device = (handle_t)next;
		depth++;
	}
	core_close(device);
	REFUSED(next, EMLINK);
	CHECK_EQ(depth, 16);
}

static void ports(void)
{
	struct device_args args = {.ports = {{0x80, 2}}, .source = ~0u, .name = "post"};
	handle_t device = TAKE(sys_device_create(core_device, &args));
	handle_t reader = TAKE(sys_handle_dup(device, RIGHT_READ));

	OK(sys_port_write(device, 0x80, 1, 0x12));
	OK(sys_port_write(device, 0x80, 2, 0x1234));
	CHECK(sys_port_read(device, 0x80, 1) >= 0);
	REFUSED(sys_port_write(device, 0x80, 4, 0), EPERM); /* reaches beyond */
	REFUSED(sys_port_write(device, 0x82, 1, 0), EPERM);
	REFUSED(sys_port_write(device, 0x10080, 1, 0), EPERM);
	REFUSED(sys_port_write(device, 0x80, 3, 0), EINVAL);
	REFUSED(sys_port_write(reader, 0x80, 1, 0), EACCES);
	CHECK(sys_port_read(reader, 0x80, 1) >= 0);
	core_close(reader);
	core_close(device);
}

static void registers(void)
{
	struct device_args args = {
		.regs = {{0xfed00000, PAGE_SIZE}}, .source = ~0u, .name = "hpet"};
	handle_t device = TAKE(sys_device_create(core_device, &args)), vmo;
	struct map_args map = {.flags = PROT_R | MAP_UNCACHED, .len = PAGE_SIZE};
	int64_t at;

	REFUSED(sys_vmo_create_physical(device, 0xfed01000, PAGE_SIZE), EPERM);
	REFUSED(sys_vmo_create_physical(device, 0xfed00000, PAGES(2)), EPERM);
	REFUSED(sys_vmo_create_physical(device, 0xfed00800, PAGE_SIZE), EINVAL);
	REFUSED(sys_vmo_create_physical(device, UINT64_MAX & ~4095ull, PAGES(2)), EPERM);
	vmo = TAKE(sys_vmo_create_physical(device, 0xfed00000, PAGE_SIZE));
	map.vmo = vmo;
	at = sys_aspace_map(core_aspace, &map);
	CHECK(at > 0);

	CHECK(*(volatile uint32_t *)at != 0xdeadbeef); /* it answers */
	REFUSED(sys_vmo_clone(vmo, 0, PAGE_SIZE), EINVAL);
	REFUSED(sys_vmo_resize(vmo, PAGES(2)), EINVAL);
	OK(sys_handle_revoke(device)); /* takes mapping and VMO along */
	REFUSED(sys_vmo_info(vmo, &(struct vmo_info){0}), EBADF);
	REFUSED(sys_process_read(core_process, (uint64_t)at, &map, 4), EFAULT);
	core_close(device);
}

/* RAM is nobody's device. */
static void no_ram(void)
{
	struct device_args args = {.regs = {{0x200000, PAGE_SIZE}}, .source = ~0u, .name = "ram"};

	REFUSED(sys_device_create(core_device, &args), EPERM);
	args.regs[0] = (struct phys_range){LAPIC_BASE, PAGE_SIZE};
	REFUSED(sys_device_create(core_device, &args), EPERM);
}

static void dma_memory(void)
{
	struct device_args args = {.source = ~0u, .dma_max = PAGES(20), .name = "dma"};
	handle_t device = TAKE(sys_device_create(core_device, &args)), vmo, wired;
	struct device_info info;
	struct vmo_info vi;
	uint64_t addresses[8], zero = 1;

	REFUSED(sys_vmo_create_contiguous(device, PAGES(4), 3), EINVAL);
	REFUSED(sys_vmo_create_contiguous(device, PAGES(21), 0), EDQUOT);
	vmo = TAKE(sys_vmo_create_contiguous(device, PAGES(4), PAGES(4)));
	OK(sys_vmo_info(vmo, &vi));
	CHECK(vi.bus != 0 && vi.bus % PAGES(4) == 0);
	OK(sys_vmo_read(vmo, PAGES(4) - 8, &zero, 8, 0));
	CHECK_EQ(zero, 0);
	OK(sys_device_info(device, &info));
	CHECK_EQ(info.dma_used, PAGES(4));
	wired = TAKE(sys_vmo_create(PAGES(8), VMO_WIRED));
	CHECK_EQ(sys_dma_map(device, wired, 0, PAGES(8), addresses), 8);
	for (int i = 0; i < 8; i++)
		CHECK(addresses[i] % PAGE_SIZE == 0);
	REFUSED(sys_dma_map(device, wired, PAGES(8), PAGES(1), addresses), EINVAL);
	REFUSED(sys_dma_map(device, wired, 0, PAGES(8), (void *)16), EFAULT);
	OK(sys_dma_unmap(device, wired, 0, PAGES(8)));
	core_close(wired);
	wired = TAKE(sys_vmo_create(PAGES(1), VMO_ANON));
	REFUSED(sys_dma_map(device, wired, 0, PAGES(1), addresses), EINVAL); /* not wired */
	core_close(wired);
	core_close(vmo);
	OK(sys_device_quiesced(device)); /* no bus master here: nothing can reach it */
	core_close(device);
}

/* What is cut out of a device has a part of its budget, not as much again. */
static void budget_of_parts(void)
{
	struct device_args args = {.source = ~0u, .msi = 2, .dma_max = PAGES(4), .name = "whole"};
	handle_t device = TAKE(sys_device_create(core_device, &args)), irq[2], vmo;
	handle_t one = TAKE(sys_device_create(device, &args));
	handle_t two = TAKE(sys_device_create(device, &args));

	irq[0] = TAKE(sys_irq_create(one, IRQ_MSI, 0, 0));
	irq[1] = TAKE(sys_irq_create(two, IRQ_MSI, 0, 0));
	REFUSED(sys_irq_create(one, IRQ_MSI, 0, 0), EPERM);
	REFUSED(sys_irq_create(device, IRQ_MSI, 0, 0), EPERM);
	core_close(irq[0]);
	core_close(TAKE(sys_irq_create(device, IRQ_MSI, 0, 0)));
	core_close(irq[1]);
	vmo = TAKE(sys_vmo_create_contiguous(one, PAGES(3), 0));
	REFUSED(sys_vmo_create_contiguous(two, PAGES(2), 0), EDQUOT);
	REFUSED(sys_vmo_create_contiguous(device, PAGES(2), 0), EDQUOT);
	core_close(TAKE(sys_vmo_create_contiguous(two, PAGES(1), 0)));
	core_close(vmo);
	core_close(TAKE(sys_vmo_create_contiguous(device, PAGES(4), 0)));
	core_close(one);
	core_close(two);
	core_close(device);
}

static void interrupts(void)
{
	struct device_args args = {.ports = {{CMOS_INDEX, 2}}, .source = ~0u, .name = "cmos"};
	handle_t queue = TAKE(sys_queue_create()), device, irq;
	struct irq_info info;
	struct event event;
	uint32_t b, rounds = 0;

	args.lines[0] = CMOS_LINE + 1;
	device = TAKE(sys_device_create(core_device, &args));
	REFUSED(sys_irq_create(device, IRQ_LINE, CMOS_LINE + 1, 0), EPERM);
	REFUSED(sys_irq_create(device, IRQ_MSI, 0, 0), EPERM);
	irq = TAKE(sys_irq_create(device, IRQ_LINE, CMOS_LINE, 0));
	CHECK(sys_queue_add(queue, irq, EVENT_IRQ, 8, 0, 0) > 0);
	OK(sys_port_write(device, CMOS_INDEX, 1, 0x0b));
	b = (uint32_t)sys_port_read(device, CMOS_DATA, 1);
	OK(sys_port_write(device, CMOS_INDEX, 1, 0x0b));
	OK(sys_port_write(device, CMOS_DATA, 1, b | 0x40)); /* periodic interrupt, 1024 Hz */
	while (rounds++ < 5) {
		OK(sys_port_write(device, CMOS_INDEX, 1, 0x0c)); /* reading C re-arms it */
		CHECK(sys_port_read(device, CMOS_DATA, 1) >= 0);
		OK(sys_irq_ack(irq));
		CHECK_EQ(sys_queue_wait(queue, &event, 1, core_soon()), 1);
		CHECK_EQ(event.kind, EVENT_IRQ);
		CHECK_EQ(event.key, 8);
		CHECK(event.count >= 1);
	}
	OK(sys_irq_info(irq, &info));
	CHECK(info.delivered >= 5);
	OK(sys_port_write(device, CMOS_INDEX, 1, 0x0b));
	OK(sys_port_write(device, CMOS_DATA, 1, b & ~0x40u));
	core_close(irq);
	core_close(device);
	core_close(queue);
}

static void msi_objects(void)
{
	struct device_args args = {.source = ~0u, .msi = 1, .name = "msi"};
	handle_t device = TAKE(sys_device_create(core_device, &args));
	handle_t irq = TAKE(sys_irq_create(device, IRQ_MSI, 0, 0));
	struct irq_info info;

	OK(sys_irq_info(irq, &info));
	CHECK_EQ(info.msi_address & 0xfff00000, 0xfee00000);
	CHECK(sys_irq_create(device, IRQ_MSI, 1, 0) < 0); /* one was allowed */
	core_close(irq);
	core_close(device);
}

/* ---- who owns it --------------------------------------------------------------------------- */

/* Another process with a driver's handle. */
static int role_other(void)
{
	return (int)-sys_port_write(boot_handle("device"), 0x80, 1, 1);
}

static void others_get(handle_t device, int error)
{
	struct spawn_handle give = {"device", device, RIGHT_READ | RIGHT_WRITE, 0, 0};
	struct spawned s;

	core_spawn(&s, "other", NULL, HANDLE_NONE, &give, 1);
	core_expect(&s, error);
}

/* Handles so deep that nothing can be derived from the last one. */
static handle_t deepest(handle_t device, handle_t *chain, unsigned *n)
{
	int64_t next = sys_handle_dup(device, DRIVER);

	for (*n = 0; next >= 0; next = sys_handle_dup(chain[*n - 1], RIGHTS_SAME))
		chain[(*n)++] = (handle_t)next;
	CHECK_EQ(next, -EMLINK);
	return chain[*n - 1];
}

/* A call that fails leaves no owner that was none before it. */
static void owner_by_success(void)
{
	struct device_args args = {.regs = {{0xfed00000, PAGE_SIZE}},
				   .ports = {{0x80, 2}},
				   .source = ~0u,
				   .msi = 1,
				   .dma_max = PAGES(2),
				   .name = "owned"};
	handle_t device, deep, chain[16], vmo = TAKE(sys_vmo_create(PAGES(4), VMO_WIRED)), mine;
	uint64_t *bus = core_map(PAGE_SIZE, PROT_R | PROT_W, NULL);
	unsigned n;

	device = TAKE(sys_device_create(core_device, &args));
	deep = deepest(device, chain, &n);
	REFUSED(sys_vmo_create_contiguous(device, PAGES(3), 0), EDQUOT);
	others_get(device, 0);
	REFUSED(sys_vmo_create_contiguous(deep, PAGES(1), 0), EMLINK);
	others_get(device, 0);
	REFUSED(sys_dma_map(device, vmo, 0, PAGES(3), bus), EDQUOT);
	others_get(device, 0);
	REFUSED(sys_dma_map(device, vmo, 0, PAGES(1), (void *)16), EFAULT);
	others_get(device, 0);
	REFUSED(sys_irq_create(deep, IRQ_MSI, 0, 0), EMLINK);
	others_get(device, 0);
	REFUSED(sys_vmo_create_physical(deep, 0xfed00000, PAGE_SIZE), EMLINK);
	others_get(device, 0);
	REFUSED(sys_port_write(deep, 0x80, 3, 0), EINVAL);
	others_get(device, 0);
	/* One that succeeds does, and failures after it change nothing. */
	CHECK_EQ(sys_dma_map(device, vmo, 0, PAGES(1), bus), 1);
	REFUSED(sys_dma_map(device, vmo, 0, PAGES(3), bus), EDQUOT);
	REFUSED(sys_irq_create(deep, IRQ_MSI, 0, 0), EMLINK);
	OK(sys_dma_unmap(device, vmo, 0, PAGES(1)));
	others_get(device, EBUSY);
	while (n > 0)
		core_close(chain[--n]);
	core_close(device);
	/* Nor does a failure take away what an access by ports gave. */
	device = TAKE(sys_device_create(core_device, &args));
	mine = TAKE(sys_handle_dup(device, DRIVER));
	OK(sys_port_write(mine, 0x80, 1, 1));
	REFUSED(sys_vmo_create_contiguous(device, PAGES(3), 0), EDQUOT);
	others_get(device, EBUSY);
	core_close(mine);
	core_close(device);
	core_close(vmo);
	core_unmap(bus, PAGE_SIZE);
}

/* A driver dies: what it mapped is gone, and its ranges can be cut again. */
static int role_driver(void)
{
	struct device_args args = {.ports = {{0x80, 1}}, .source = ~0u, .name = "mine"};
	int64_t device = sys_device_create(boot_handle("device"), &args);

	if (device < 0 || sys_port_write((handle_t)device, 0x80, 1, 1) < 0)
		return 1;
	return 0;
}

static void driver_dies(void)
{
	struct spawn_handle handles[] = {{"device", core_device, RIGHTS_SAME, 0, 0}};
	struct spawned s;

	for (int i = 0; i < 3; i++) {
		core_spawn(&s, "driver", NULL, HANDLE_NONE, handles, 1);
		core_expect(&s, 0);
	}
}

/* The last test: the machine stays locked. */
static void lock(void)
{
	struct device_args args = {.ports = {{0x80, 2}}, .source = ~0u, .name = "post"};
	struct device_args part = {.ports = {{0x81, 1}}, .source = ~0u, .name = "half"};
	struct device_args late = {.ports = {{0x90, 1}}, .source = ~0u, .name = "late"};
	handle_t device = TAKE(sys_device_create(core_device, &args));
	handle_t weak = TAKE(sys_handle_dup(core_device, RIGHT_READ | RIGHT_WRITE)), child;
	struct device_info info;

	REFUSED(sys_machine_control(weak, MACHINE_LOCK_DEVICES, 0), EACCES);
	REFUSED(sys_machine_control(device, MACHINE_LOCK_DEVICES, 0), EINVAL);
	REFUSED(sys_machine_control(core_log, MACHINE_LOCK_DEVICES, 0), EINVAL);
	REFUSED(sys_machine_control(core_device, MACHINE_PANIC, 0), EINVAL);
	child = TAKE(sys_device_create(core_device, &late)); /* not locked by these */
	core_close(child);
	OK(sys_machine_control(core_device, MACHINE_LOCK_DEVICES, 0));
	REFUSED(sys_device_create(core_device, &late), EPERM);
	child = TAKE(sys_device_create(device, &part)); /* what was cut can be cut further */
	OK(sys_port_write(child, 0x81, 1, 0x12));
	OK(sys_device_info(core_device, &info));
	core_close(child);
	core_close(device);
	REFUSED(sys_device_create(core_device, &args), EPERM); /* not even what it was before */
	OK(sys_machine_control(core_device, MACHINE_LOCK_DEVICES, 0));
	core_close(weak);
}

const struct core_test core_tests[] = {
	{"cut", cut},
	{"cut_deep", cut_deep},
	{"ports", ports},
	{"registers", registers},
	{"no_ram", no_ram},
	{"dma_memory", dma_memory},
	{"budget_of_parts", budget_of_parts},
	{"interrupts", interrupts},
	{"msi_objects", msi_objects},
	{"owner_by_success", owner_by_success},
	{"driver_dies", driver_dies},
	{"lock", lock},
	{NULL, NULL},
};

const struct core_role core_roles[] = {
	{"driver", role_driver}, {"other", role_other}, {NULL, NULL}};

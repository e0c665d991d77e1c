/* SPDX-License-Identifier: ISC */
/*
 * confine.c: what a device can reach: interrupts of irq objects that are no more, and memory that
 * it was not given. The device is QEMU's edu, which does what it is told.
 *
 * That something does not come is not waited for: the device sends a second interrupt to another
 * irq object, the witness, and interrupts come in the order in which they were sent.
 *
 * With an IOMMU (core_edu_iommu) stray transfers change nothing and are reported. Without one
 * nothing confines the device; there quarantine keeps a dead driver's memory from being used again.
 */
#include <stdio.h>
#include <string.h>
#include "tests/core/edu/edu.h"

#define KEY_IRQ	    1u
#define KEY_WITNESS 2u

static struct edu edu;

/* ---- the witness
 * ----------------------------------------------------------------------------------- */

/* A device that has a message interrupt and nothing else. */
struct witness {
	handle_t device, irq, queue;
};

static void witness_open(struct witness *w)
{
	struct device_args args = {.source = ~0u, .msi = 1, .name = "witness"};

	w->device = TAKE(sys_device_create(core_device, &args));
	w->irq = TAKE(sys_irq_create(w->device, IRQ_MSI, 0, 0));
	w->queue = TAKE(sys_queue_create());
	TAKE(sys_queue_add(w->queue, w->irq, EVENT_IRQ, KEY_WITNESS, 0, 0));
}

static void witness_close(struct witness *w)
{
	core_close(w->queue);
	core_close(w->irq);
	core_close(w->device);
}

/* What was sent to the watched irq before has not come. */
static void nothing_came(struct witness *w)
{
	struct event e[4];

	edu_aim(&edu, w->irq);
	edu_raise(&edu);
	CHECK_EQ(sys_queue_wait(w->queue, e, 4, core_soon()), 1);
	CHECK_EQ(e[0].kind, EVENT_IRQ);
	CHECK_EQ(e[0].key, KEY_WITNESS);
	CHECK_EQ(e[0].count, 1);
	OK(sys_irq_ack(w->irq));
}

/* ---- interrupts
 * -------------------------------------------------------------------------------------- */

static void message(void)
{
	handle_t queue = TAKE(sys_queue_create()), irq;
	struct irq_info info;
	struct event e;

	edu_open(&edu, 0);
	irq = TAKE(sys_irq_create(edu.device, IRQ_MSI, 0, 0));
	TAKE(sys_queue_add(queue, irq, EVENT_IRQ, KEY_IRQ, 0, 0));
	edu_aim(&edu, irq);
	for (uint32_t i = 1; i <= 3; i++) {
		edu_raise(&edu);
		CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
		CHECK_EQ(e.kind, EVENT_IRQ);
		CHECK_EQ(e.key, KEY_IRQ);
		CHECK_EQ(e.count, 1);
		OK(sys_irq_info(irq, &info));
		CHECK_EQ(info.delivered, i);
		CHECK_EQ(info.pending, 1);
		OK(sys_irq_ack(irq));
	}
	edu_raise(&edu);
	edu_raise(&edu);
	CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
	CHECK_EQ(e.count, 2); /* both had come */
	core_close(irq);
	core_close(queue);
	edu_close(&edu);
}

/* How an irq object ends. */
static void by_revoke(handle_t above, handle_t irq)
{
	OK(sys_handle_revoke(above));
	REFUSED(sys_irq_ack(irq), EBADF);
}

static void by_close(handle_t above, handle_t irq)
{
	(void)above;
	core_close(irq);
}

/* ---- a line, and a vector that was its own
 * ----------------------------------------------------------- */

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71
#define CMOS_LINE  8
#define VECTORS	   176u

/* The clock's periodic interrupt; reading its cause lets go of the line. */
static void clock_tick(handle_t device, bool on)
{
	OK(sys_port_write(device, CMOS_INDEX, 1, 0x0b));
	OK(sys_port_write(device, CMOS_DATA, 1, on ? 0x42 : 0x02));
	OK(sys_port_write(device, CMOS_INDEX, 1, 0x0c));
	CHECK(sys_port_read(device, CMOS_DATA, 1) >= 0);
}

static void clock_comes(handle_t device, handle_t irq, handle_t queue)
{
	struct event e;

	clock_tick(device, true);
	CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
	clock_tick(device, false);
	OK(sys_irq_ack(irq));
	while (sys_queue_wait(queue, &e, 1, time_in(2 * NS_PER_MS)) == 1)
		OK(sys_irq_ack(irq));
}

/* A message interrupt with a vector that once was a level line's leaves the line alone. */
static void vector_of_a_line(void)
{
	struct device_args args = {.ports = {{CMOS_INDEX, 2}},
				   .source = ~0u,
				   .name = "cmos",
				   .msi = 1,
				   .lines = {CMOS_LINE + 1}};
	handle_t queue = TAKE(sys_queue_create()),
		 device = TAKE(sys_device_create(core_device, &args));
	handle_t irq = TAKE(sys_irq_create(device, IRQ_MSI, 0, 0)), line;
	struct irq_info before, info = {0};
	struct event e;

	OK(sys_irq_info(irq, &before)); /* vectors are given out in turn: the line's is the next */
	core_close(irq);
	core_close(TAKE(sys_irq_create(device, IRQ_LINE, CMOS_LINE, IRQ_LEVEL)));
	line = TAKE(sys_irq_create(device, IRQ_LINE, CMOS_LINE, IRQ_LEVEL));
	TAKE(sys_queue_add(queue, line, EVENT_IRQ, KEY_WITNESS, 0, 0));
	clock_comes(device, line, queue);
	edu_open(&edu, 0);
	for (unsigned i = 0; i < VECTORS; i++) {
		irq = TAKE(sys_irq_create(edu.device, IRQ_MSI, 0, 0));
		OK(sys_irq_info(irq, &info));
		if (info.msi_data == before.msi_data + 1)
			break;
		core_close(irq);
	}
	CHECK_EQ(info.msi_data, before.msi_data + 1);
	TAKE(sys_queue_add(queue, irq, EVENT_IRQ, KEY_IRQ, 0, 0));
	edu_aim(&edu, irq);
	edu_raise(&edu);
	CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
	CHECK_EQ(e.key, KEY_IRQ);
	clock_comes(device, line, queue);
	core_close(irq);
	edu_close(&edu);
	core_close(line);
	core_close(device);
	core_close(queue);
}

/* Its message is sent on, and meets nobody; its watch is still there. */
static void message_ended(void (*end)(handle_t above, handle_t irq))
{
	handle_t above, irq;
	struct witness w;
	struct event e;

	edu_open(&edu, 0);
	witness_open(&w);
	above = TAKE(sys_handle_dup(edu.device, RIGHTS_SAME));
	irq = TAKE(sys_irq_create(above, IRQ_MSI, 0, 0));
	TAKE(sys_queue_add(w.queue, irq, EVENT_IRQ, KEY_IRQ, 0, 0));
	edu_aim(&edu, irq);
	edu_raise(&edu);
	CHECK_EQ(sys_queue_wait(w.queue, &e, 1, core_soon()), 1);
	CHECK_EQ(e.key, KEY_IRQ);
	end(above, irq);
	edu_raise(&edu);
	nothing_came(&w);
	core_close(above);
	witness_close(&w);
	edu_close(&edu);
}

static void message_revoked(void)
{
	message_ended(by_revoke);
}

static void message_closed(void)
{
	message_ended(by_close);
}

/* ---- memory
 * ------------------------------------------------------------------------------------------ */

/* Some pages that may be mapped for a device. */
struct memory {
	handle_t vmo;
	uint8_t *at;
	uint64_t bus[4]; /* of pages that were mapped for the device at some time */
};

static void memory_make(struct memory *m, uint64_t len)
{
	struct map_args map = {.flags = PROT_R | PROT_W | MAP_POPULATE, .len = len};
	int64_t at;

	map.vmo = m->vmo = TAKE(sys_vmo_create(len, VMO_WIRED));
	at = sys_aspace_map(core_aspace, &map);
	CHECK(at > 0);
	m->at = (uint8_t *)at;
}

static void memory_end(struct memory *m, uint64_t len)
{
	core_unmap(m->at, len);
	core_close(m->vmo);
}

static bool all(const uint8_t *at, uint8_t value, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		if (((const volatile uint8_t *)at)[i] != value)
			return false;
	return true;
}

/* Does an IOMMU stand before the device? */
static bool confined(void)
{
	struct device_info info;

	OK(sys_device_info(edu.device, &info));
	return info.confined;
}

/* Has the kernel's log such a line? */
static bool logged(const char *text)
{
	static char piece[4096], line[256];
	uint64_t cursor = 0, len = 0;
	bool found = false;
	int64_t n;

	while ((n = sys_log_read(core_log, &cursor, piece, sizeof(piece))) > 0)
		for (int64_t i = 0; i < n; i++) {
			if (piece[i] != '\n') {
				line[len] = piece[i];
				len += len < sizeof(line) - 1;
				continue;
			}
			line[len] = '\0';
			found = found || strstr(line, text);
			len = 0;
		}
	OK(n);
	return found;
}

/* A stray transfer stands in the log, by its page. A unit that has just reported rests first. */
static void reported(const char *way, uint64_t bus)
{
	uint64_t deadline = core_soon();
	char text[80];

	snprintf(text, sizeof(text), "edu (%02x:%02x.0): DMA %s at %llx blocked",
		 edu.function.source >> 8, edu.function.source >> 3 & 31, way,
		 (unsigned long long)bus);
	while (!logged(text)) {
		CHECK(time_now() < deadline);
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
	}
}

/* What was mapped for the device is reached, in both ways and at the right place. */
static void given(void)
{
	struct memory m;

	edu_open(&edu, 2 * PAGE_SIZE);
	memory_make(&m, 2 * PAGE_SIZE);
	CHECK_EQ(sys_dma_map(edu.device, m.vmo, 0, 2 * PAGE_SIZE, m.bus), 2);
	memset(m.at, 0x11, PAGE_SIZE);
	memset(m.at + PAGE_SIZE, 0x22, PAGE_SIZE);
	edu_dma(&edu, EDU_LOAD, m.bus[0]);
	edu_dma(&edu, EDU_STORE, m.bus[1] + EDU_BUFFER);
	CHECK(all(m.at, 0x11, PAGE_SIZE));
	CHECK(all(m.at + PAGE_SIZE, 0x22, EDU_BUFFER));
	CHECK(all(m.at + PAGE_SIZE + EDU_BUFFER, 0x11, EDU_BUFFER));
	OK(sys_dma_unmap(edu.device, m.vmo, 0, 2 * PAGE_SIZE));
	memory_end(&m, 2 * PAGE_SIZE);
	edu_close(&edu);
}

/*
 * The device loads from its own page and stores to another, then the other way round. Nothing of
 * the other page changes or comes out, both is reported, and its own page it still reaches.
 */
static void stray_from(struct memory *own, struct memory *other)
{
	memset(own->at, 0x33, PAGE_SIZE);
	memset(other->at, 0x44, PAGE_SIZE);
	edu_dma(&edu, EDU_LOAD, own->bus[0]);
	edu_dma(&edu, EDU_STORE, other->bus[0]);
	CHECK(all(other->at, 0x44, PAGE_SIZE));
	reported("write", other->bus[0]);
	memset(own->at, 0, PAGE_SIZE);
	edu_dma(&edu, EDU_STORE, own->bus[0]);
	CHECK(all(own->at, 0x33, EDU_BUFFER));
	CHECK(all(own->at + EDU_BUFFER, 0, EDU_BUFFER));
	edu_dma(&edu, EDU_LOAD, other->bus[0]);
	reported("read", other->bus[0]);
	memset(own->at, 0, PAGE_SIZE);
	edu_dma(&edu, EDU_STORE, own->bus[0]);
	for (unsigned i = 0; i < EDU_BUFFER; i++)
		CHECK(((volatile uint8_t *)own->at)[i] != 0x44);
}

static void need_confined(void)
{
	bool yes;

	edu_open(&edu, 0);
	yes = confined();
	edu_close(&edu);
	if (!yes)
		core_skip("nothing confines the device");
}

/* The other page is another device's, or (HANDLE_NONE) was this one's. */
static void stray(handle_t others)
{
	struct memory own, other;

	edu_open(&edu, 2 * PAGE_SIZE);
	memory_make(&own, PAGE_SIZE);
	memory_make(&other, PAGE_SIZE);
	CHECK_EQ(sys_dma_map(edu.device, own.vmo, 0, PAGE_SIZE, own.bus), 1);
	CHECK_EQ(sys_dma_map(others ? others : edu.device, other.vmo, 0, PAGE_SIZE, other.bus), 1);
	if (!others)
		OK(sys_dma_unmap(edu.device, other.vmo, 0, PAGE_SIZE));
	stray_from(&own, &other);
	if (others)
		OK(sys_dma_unmap(others, other.vmo, 0, PAGE_SIZE));
	OK(sys_dma_unmap(edu.device, own.vmo, 0, PAGE_SIZE));
	memory_end(&other, PAGE_SIZE);
	memory_end(&own, PAGE_SIZE);
	edu_close(&edu);
}

static void taken_back(void)
{
	need_confined();
	stray(HANDLE_NONE);
}

static void anothers(void)
{
	struct device_args args = {.source = 0xf8, .dma_max = PAGE_SIZE, .name = "neighbour"};
	handle_t device;

	need_confined();
	device = TAKE(sys_device_create(core_device, &args));
	stray(device);
	core_close(device);
}

/* ---- a dead driver
 * ----------------------------------------------------------------------------------- */

/* What a driver says of itself. */
struct report {
	uint64_t bus, msi_address;
	uint32_t msi_data;
	volatile uint32_t ready;
};

/* It owns the device: an interrupt, and a page of memory. */
static int role_driver(void)
{
	handle_t device = boot_handle("device");
	handle_t irq = TAKE(sys_irq_create(device, IRQ_MSI, 0, 0));
	struct map_args map = {
		.vmo = boot_handle("report"), .flags = PROT_R | PROT_W, .len = PAGE_SIZE};
	int64_t at = sys_aspace_map(core_aspace, &map);
	struct report *report;
	struct irq_info info;

	CHECK(at > 0);
	report = (struct report *)at;
	CHECK_EQ(sys_dma_map(device, boot_handle("memory"), 0, PAGE_SIZE, &report->bus), 1);
	OK(sys_irq_info(irq, &info));
	report->msi_address = info.msi_address;
	report->msi_data = info.msi_data;
	report->ready = 1;
	CHECK(sys_futex_wake((uintptr_t)&report->ready, 1) >= 0);
	return (int)sys_thread_sleep(DEADLINE_NEVER);
}

#define DRIVER_RIGHTS (RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE | RIGHT_WAIT | RIGHT_GRANT)

static void driver_start(struct spawned *s, const struct memory *m, struct memory *said)
{
	struct spawn_handle handles[] = {{"device", edu.device, DRIVER_RIGHTS, 0, 0},
					 {"memory", m->vmo, RIGHTS_SAME, 0, 0},
					 {"report", said->vmo, RIGHTS_SAME, 0, 0}};
	struct report *report = (struct report *)said->at;

	core_spawn(s, "driver", NULL, HANDLE_NONE, handles, 3);
	while (!report->ready) {
		int64_t r = sys_futex_wait((uintptr_t)&report->ready, 0, core_soon());

		CHECK(r == 0 || r == -EAGAIN);
	}
}

/* What the device still sends meets nobody; what it still writes meets nobody's memory. */
static void driver_dies(void)
{
	struct memory m, said;
	struct device_info info;
	struct witness w;
	struct report *report;
	struct spawned s;

	edu_open(&edu, PAGE_SIZE);
	witness_open(&w);
	memory_make(&m, PAGE_SIZE);
	memory_make(&said, PAGE_SIZE);
	report = (struct report *)said.at;
	driver_start(&s, &m, &said);
	memset(m.at, 0x66, PAGE_SIZE);
	edu_dma(&edu, EDU_LOAD, report->bus);
	memset(m.at, 0x77, PAGE_SIZE);
	OK(sys_process_kill(s.process, -1));
	core_expect(&s, -1);
	REFUSED(sys_process_read(core_process, (uint64_t)edu.at, &info, 4), EFAULT);
	edu_map_anew(&edu);
	edu_dma(&edu, EDU_STORE, report->bus);
	OK(sys_device_info(edu.device, &info));
	if (confined()) {
		CHECK(all(m.at, 0x77, PAGE_SIZE));
		reported("write", report->bus);
		CHECK_EQ(info.dma_quarantined, 0);
	} else {
		CHECK(all(m.at, 0x66, EDU_BUFFER)); /* it is in quarantine */
		CHECK_EQ(info.dma_quarantined, PAGE_SIZE);
	}
	edu_aim_at(&edu, report->msi_address, report->msi_data);
	edu_raise(&edu);
	nothing_came(&w);
	OK(sys_device_quiesced(edu.device));
	OK(sys_device_info(edu.device, &info));
	CHECK_EQ(info.dma_used + info.dma_quarantined, 0);
	memory_end(&said, PAGE_SIZE);
	memory_end(&m, PAGE_SIZE);
	witness_close(&w);
	edu_close(&edu);
}

const struct core_test core_tests[] = {
	{"message", message},
	{"message_revoked", message_revoked},
	{"message_closed", message_closed},
	{"vector_of_a_line", vector_of_a_line},
	{"given", given},
	{"taken_back", taken_back},
	{"anothers", anothers},
	{"driver_dies", driver_dies},
	{NULL, NULL},
};

const struct core_role core_roles[] = {{"driver", role_driver}, {NULL, NULL}};

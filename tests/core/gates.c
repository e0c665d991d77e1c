/* SPDX-License-Identifier: ISC */
/*
 * gates.c: every right that a call asks for (the lines `rights:` of abi/calls.abi). Each call is
 * made with a handle that has all rights but the one, and must answer EACCES: that comes before
 * anything else is looked at, so the other arguments need not make sense. What calls do with
 * enough rights is tested elsewhere. And the digits of a silo's mode (docs/modes.md).
 */
#include "core.h"

static uint32_t rights_of(handle_t h)
{
	struct handle_info info;

	OK(sys_handle_info(h, &info));
	return info.rights;
}

/* `h`, with all rights of `full` but `right`, is refused by the call. */
#define GATE(full, right, call)                                                                    \
	do {                                                                                       \
		handle_t h;                                                                        \
		CHECK(rights_of(full) & (right));                                                  \
		h = TAKE(sys_handle_dup(full, rights_of(full) & ~(right)));                        \
		REFUSED(call, EACCES);                                                             \
		core_close(h);                                                                     \
	} while (0)

static union {
	char bytes[8192];
	struct handle_info handle;
	struct system_info system;
	struct pager_request request;
	struct mapping_info mapping;
	struct process_info process;
	struct thread_info thread;
	struct event event;
	struct silo_info silo;
	struct device_info device;
	struct irq_info irq;
	uint64_t word;
} out;

static void handles(void)
{
	handle_t signal = TAKE(sys_signal_create(0));

	GATE(signal, RIGHT_REVOKE, sys_handle_revoke(h));
	GATE(signal, RIGHT_READ, sys_signal_get(h));
	GATE(signal, RIGHT_WRITE, sys_signal_set(h, 0, 1));
	GATE(signal, RIGHT_GRANT, sys_process_give(core_process, h, RIGHTS_SAME, 0));
	GATE(core_process, RIGHT_MANAGE, sys_process_give(h, signal, RIGHTS_SAME, 0));
	GATE(core_process, RIGHT_READ, sys_handle_list(h, 0, &out.handle, 1));
	core_close(signal);
}

static void log_and_clock(void)
{
	GATE(boot_handle("clock"), RIGHT_WRITE, sys_clock_set(h, 0));
	GATE(core_log, RIGHT_WRITE, sys_log_write(h, "no", 2));
	GATE(core_log, RIGHT_READ, sys_log_read(h, &out.word, out.bytes, 8));
	GATE(core_log, RIGHT_MANAGE, sys_uart_write(h, "no", 2));
	GATE(core_log, RIGHT_MANAGE, sys_uart_read(h, out.bytes, 8, 0));
	GATE(core_log, RIGHT_MANAGE, sys_machine_control(h, MACHINE_PANIC, 0));
	GATE(core_log, RIGHT_READ, sys_system_info(h, &out.system));
	GATE(core_device, RIGHT_MANAGE, sys_machine_control(h, MACHINE_LOCK_DEVICES, 0));
}

static void vmo(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGE_SIZE, VMO_ANON));

	GATE(vmo, RIGHT_READ, sys_vmo_clone(h, 0, PAGE_SIZE));
	GATE(vmo, RIGHT_MANAGE, sys_vmo_resize(h, PAGE_SIZE));
	GATE(vmo, RIGHT_READ, sys_vmo_read(h, 0, out.bytes, 1, 0));
	GATE(vmo, RIGHT_WRITE, sys_vmo_write(h, 0, out.bytes, 1));
	GATE(vmo, RIGHT_WRITE, sys_vmo_commit(h, 0, PAGE_SIZE));
	GATE(vmo, RIGHT_WRITE, sys_vmo_decommit(h, 0, PAGE_SIZE));
	core_close(vmo);
}

static void pager(void)
{
	handle_t queue = TAKE(sys_queue_create()),
		 pool = TAKE(sys_vmo_create(PAGE_SIZE, VMO_WIRED));
	handle_t vmo = TAKE(sys_vmo_create_pager(queue, 1, PAGE_SIZE, NS_PER_S));

	GATE(queue, RIGHT_WRITE, sys_vmo_create_pager(h, 1, PAGE_SIZE, NS_PER_S));
	GATE(vmo, RIGHT_MANAGE, sys_pager_next(h, &out.request, 1));
	GATE(vmo, RIGHT_MANAGE, sys_pager_supply(h, 0, PAGE_SIZE, pool, 0));
	GATE(pool, RIGHT_READ, sys_pager_supply(vmo, 0, PAGE_SIZE, h, 0));
	GATE(pool, RIGHT_WRITE, sys_pager_supply(vmo, 0, PAGE_SIZE, h, 0));
	GATE(vmo, RIGHT_MANAGE, sys_pager_fail(h, 0, PAGE_SIZE, EIO));
	GATE(vmo, RIGHT_MANAGE, sys_pager_evict(h, 0, PAGE_SIZE));
	GATE(vmo, RIGHT_MANAGE, sys_pager_dirty(h, &out.request, 1));
	core_close(vmo);
	core_close(pool);
	core_close(queue);
}

static int64_t map(handle_t aspace, handle_t vmo, uint32_t flags)
{
	struct map_args args = {.vmo = vmo, .len = PAGE_SIZE, .flags = flags};

	return sys_aspace_map(aspace, &args);
}

static void aspace(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGE_SIZE, VMO_ANON));
	uint64_t at = 0x10000000;

	GATE(core_aspace, RIGHT_WRITE, map(h, vmo, PROT_R));
	GATE(vmo, RIGHT_MAP, map(core_aspace, h, PROT_R));
	GATE(vmo, RIGHT_READ, map(core_aspace, h, PROT_R));
	GATE(vmo, RIGHT_READ, map(core_aspace, h, PROT_W)); /* implies reading */
	GATE(vmo, RIGHT_READ, map(core_aspace, h, PROT_X));
	GATE(vmo, RIGHT_WRITE, map(core_aspace, h, PROT_R | PROT_W));
	GATE(vmo, RIGHT_EXECUTE, map(core_aspace, h, PROT_R | PROT_X));
	REFUSED(map(core_aspace, vmo, PROT_W | PROT_X), EACCES); /* nobody has WX */
	GATE(core_aspace, RIGHT_WRITE, sys_aspace_unmap(h, at, PAGE_SIZE));
	GATE(core_aspace, RIGHT_WRITE, sys_aspace_protect(h, at, PAGE_SIZE, PROT_R));
	GATE(core_aspace, RIGHT_WRITE, sys_aspace_inherit(h, at, PAGE_SIZE, MAP_DROP));
	GATE(core_aspace, RIGHT_READ, sys_aspace_clone(h));
	GATE(core_aspace, RIGHT_READ, sys_aspace_query(h, 0, &out.mapping));
	core_close(vmo);
}

/* What a mapping may come to show is bounded by the handle that it was made through. */
static void protect(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGE_SIZE, VMO_ANON));
	static const uint32_t right[] = {RIGHT_WRITE, RIGHT_EXECUTE}, prot[] = {PROT_W, PROT_X};

	for (unsigned i = 0; i < 2; i++) {
		handle_t less = TAKE(sys_handle_dup(vmo, rights_of(vmo) & ~right[i]));
		int64_t at = map(core_aspace, less, PROT_R);

		CHECK(at > 0);
		core_close(less);
		REFUSED(sys_aspace_protect(core_aspace, (uint64_t)at, PAGE_SIZE, prot[i]), EACCES);
		OK(sys_aspace_protect(core_aspace, (uint64_t)at, PAGE_SIZE, prot[!i]));
		REFUSED(sys_aspace_protect(core_aspace, (uint64_t)at, PAGE_SIZE, PROT_W | PROT_X),
			EACCES);
		OK(sys_aspace_unmap(core_aspace, (uint64_t)at, PAGE_SIZE));
	}
	core_close(vmo);
}

static void process(void)
{
	struct process_args args = {.name = "gate"};
	handle_t aspace = TAKE(sys_aspace_create());
	handle_t process = TAKE(sys_process_create(core_silo, aspace, &args));
	struct thread_args thread = {.entry = 0x400000};
	struct exec_args exec = {.thread = thread};

	GATE(core_silo, RIGHT_MANAGE, sys_process_create(h, aspace, &args));
	GATE(aspace, RIGHT_MANAGE, sys_process_create(core_silo, h, &args));
	GATE(process, RIGHT_MANAGE, sys_process_kill(h, 0));
	GATE(process, RIGHT_READ, sys_process_info(h, &out.process));
	GATE(core_process, RIGHT_MANAGE, sys_process_read(h, (uint64_t)&args, out.bytes, 1));
	GATE(core_process, RIGHT_MANAGE, sys_process_write(h, (uint64_t)&out, &args, 1));
	GATE(aspace, RIGHT_MANAGE, (exec.aspace = h, sys_process_exec(&exec)));
	GATE(process, RIGHT_MANAGE, sys_process_take(h, 1));
	GATE(process, RIGHT_MANAGE, sys_process_reap(h));
	GATE(core_silo, RIGHT_MANAGE, sys_process_open(h, 1));
	GATE(core_silo, RIGHT_MANAGE, sys_thread_charge(h));
	GATE(aspace, RIGHT_MANAGE, sys_thread_charge(h));
	GATE(process, RIGHT_MANAGE, sys_thread_create(h, &thread));
	core_close(process);
	core_close(aspace);
}

static void thread(void)
{
	struct process_args args = {.name = "gate"};
	struct thread_args thread_args = {.entry = 0x400000};
	handle_t aspace = TAKE(sys_aspace_create());
	handle_t process = TAKE(sys_process_create(core_silo, aspace, &args));
	handle_t thread = TAKE(sys_thread_create(process, &thread_args));

	GATE(thread, RIGHT_MANAGE, sys_thread_start(h));
	GATE(thread, RIGHT_MANAGE, sys_thread_suspend(h));
	GATE(thread, RIGHT_MANAGE, sys_thread_resume(h));
	GATE(thread, RIGHT_MANAGE, sys_thread_interrupt(h, 0));
	GATE(thread, RIGHT_MANAGE, sys_thread_state_get(h, THREAD_REGS, out.bytes, 4096));
	GATE(thread, RIGHT_MANAGE, sys_thread_state_set(h, THREAD_REGS, out.bytes, 4096));
	GATE(thread, RIGHT_MANAGE, sys_thread_step(h));
	GATE(thread, RIGHT_MANAGE, sys_thread_affinity(h, 1));
	GATE(thread, RIGHT_READ, sys_thread_info(h, &out.thread));
	core_close(thread);
	core_close(process);
	core_close(aspace);
}

static void channel(void)
{
	handle_t channel = TAKE(sys_channel_create());
	handle_t sender = TAKE(sys_channel_sender(channel, 1, CORE_SENDER, REPLY_NONE));
	handle_t signal = TAKE(sys_signal_create(0));
	struct ipc_msg m = {.tag = MSG_HANDLES(1)}, plain = {0};

	GATE(channel, RIGHT_MANAGE, sys_channel_sender(h, 2, CORE_SENDER, REPLY_NONE));
	GATE(channel, RIGHT_MANAGE, sys_sender_kill(h, 1));
	GATE(sender, RIGHT_WRITE, ipc_call(h, &plain, DEADLINE_NOW));
	GATE(sender, RIGHT_WRITE, ipc_send(h, &plain));
	GATE(channel, RIGHT_READ, ipc_wait(h, &plain, DEADLINE_NOW));
	GATE(signal, RIGHT_GRANT, (message_page()->handles[0] = h, ipc_send(sender, &m)));
	GATE(signal, RIGHT_GRANT,
	     (message_page()->handles[0] = h, ipc_call(sender, &m, DEADLINE_NOW)));
	core_close(signal);
	core_close(sender);
	core_close(channel);
}

static void queue(void)
{
	handle_t queue = TAKE(sys_queue_create()), channel = TAKE(sys_channel_create());
	handle_t signal = TAKE(sys_signal_create(0));
	struct ipc_msg m = {0};

	GATE(queue, RIGHT_WRITE, sys_queue_add(h, signal, EVENT_SIGNAL, 1, 0, 1));
	GATE(signal, RIGHT_WAIT, sys_queue_add(queue, h, EVENT_SIGNAL, 1, 0, 1));
	GATE(channel, RIGHT_READ, sys_queue_add(queue, h, EVENT_MESSAGE, 1, 0, 0));
	GATE(core_process, RIGHT_WAIT, sys_queue_add(queue, h, EVENT_PROCESS, 1, 0, 0));
	GATE(core_process, RIGHT_MANAGE,
	     sys_queue_add(queue, h, EVENT_PROCESS, 1, 0, PROCESS_EV_FAULT));
	GATE(core_silo, RIGHT_WAIT, sys_queue_add(queue, h, EVENT_SILO, 1, 0, 0));
	GATE(core_silo, RIGHT_WAIT, sys_queue_add(queue, h, EVENT_PRESSURE, 1, 0, 0));
	GATE(queue, RIGHT_WRITE, sys_queue_remove(h, 1));
	GATE(queue, RIGHT_WAIT, sys_queue_wait(h, &out.event, 1, DEADLINE_NOW));
	GATE(queue, RIGHT_WAIT, ipc_wait(h, &m, DEADLINE_NOW));
	GATE(queue, RIGHT_WRITE, sys_queue_timer(h, 0, 1, 0, 0));
	GATE(queue, RIGHT_WRITE, sys_queue_memory(h, (uint64_t)&out, 1));
	core_close(signal);
	core_close(channel);
	core_close(queue);
}

static void silo(void)
{
	struct silo_args args = {.id = 1600};
	struct process_args process_args = {.name = "gate"};
	handle_t aspace = TAKE(sys_aspace_create()), silo = TAKE(sys_silo_create(core_silo, &args));
	handle_t process = TAKE(sys_process_create(core_silo, aspace, &process_args));

	args.id = 1601;
	OK(sys_silo_control(silo, SILO_OP_LOAD, 0));
	GATE(core_silo, RIGHT_MANAGE, sys_silo_create(h, &args));
	GATE(silo, RIGHT_MANAGE, sys_silo_control(h, SILO_OP_READY, 0));
	GATE(silo, RIGHT_MANAGE, sys_silo_limit(h, LIMIT_THREADS, 9));
	GATE(silo, RIGHT_READ, sys_silo_info(h, &out.silo));
	GATE(silo, RIGHT_MANAGE, sys_silo_attach(h, process));
	GATE(process, RIGHT_MANAGE, sys_silo_attach(silo, h));
	GATE(silo, RIGHT_MANAGE, sys_silo_pledge(h, 0));
	GATE(silo, RIGHT_READ, sys_silo_processes(h, &out.process, 1, 0));
	core_close(process);
	core_close(aspace);
	core_silo_end(silo);
}

static void device(void)
{
	struct device_args args = {.ports = {{0x80, 1}},
				   .source = ~0u,
				   .msi = 1,
				   .name = "gate",
				   .dma_max = PAGE_SIZE,
				   .regs = {{0xfed00000, PAGE_SIZE}}};
	handle_t device = TAKE(sys_device_create(core_device, &args));
	handle_t irq = TAKE(sys_irq_create(device, IRQ_MSI, 0, 0)),
		 queue = TAKE(sys_queue_create());
	handle_t pool = TAKE(sys_vmo_create(PAGE_SIZE, VMO_WIRED));

	GATE(device, RIGHT_MANAGE, sys_device_create(h, &args));
	GATE(device, RIGHT_READ, sys_device_info(h, &out.device));
	GATE(device, RIGHT_READ, sys_port_read(h, 0x80, 1));
	GATE(device, RIGHT_WRITE, sys_port_write(h, 0x80, 1, 0));
	GATE(device, RIGHT_MANAGE, sys_irq_create(h, IRQ_MSI, 0, 0));
	GATE(irq, RIGHT_WRITE, sys_irq_ack(h));
	GATE(irq, RIGHT_READ, sys_irq_info(h, &out.irq));
	GATE(irq, RIGHT_WAIT, sys_queue_add(queue, h, EVENT_IRQ, 1, 0, 0));
	GATE(device, RIGHT_MANAGE, sys_vmo_create_contiguous(h, PAGE_SIZE, 0));
	GATE(device, RIGHT_MAP, sys_vmo_create_physical(h, 0xfed00000, PAGE_SIZE));
	GATE(device, RIGHT_MANAGE, sys_dma_map(h, pool, 0, PAGE_SIZE, &out.word));
	GATE(pool, RIGHT_READ, sys_dma_map(device, h, 0, PAGE_SIZE, &out.word));
	GATE(pool, RIGHT_WRITE, sys_dma_map(device, h, 0, PAGE_SIZE, &out.word));
	GATE(device, RIGHT_MANAGE, sys_dma_unmap(h, pool, 0, PAGE_SIZE));
	GATE(device, RIGHT_REVOKE, sys_device_quiesced(h));
	core_close(pool);
	core_close(queue);
	core_close(irq);
	core_close(device);
}

/* ---- digits of the mode ---------------------------------------------------------------------- */

/* Refused when the silo's mode lacks `digit`, and only then. */
static bool hardware_gate(uint32_t mode, uint32_t digit, int64_t result)
{
	return mode & digit ? result >= 0 : result == -EPERM;
}

static int role_hardware(void)
{
	handle_t device = boot_handle("device"), pool = TAKE(sys_vmo_create(PAGE_SIZE, VMO_WIRED));
	struct silo_info silo;
	uint32_t mode;

	OK(sys_silo_info(boot_handle("silo"), &silo));
	mode = silo.mode;
	CHECK(hardware_gate(mode, MODE_INTERRUPT, sys_irq_create(device, IRQ_MSI, 0, 0)));
	CHECK(hardware_gate(mode, MODE_IO, sys_port_read(device, 0x80, 1)));
	CHECK(hardware_gate(mode, MODE_IO, sys_port_write(device, 0x80, 1, 0)));
	CHECK(hardware_gate(mode, MODE_IO, sys_vmo_create_physical(device, 0xfed00000, PAGE_SIZE)));
	CHECK(hardware_gate(mode, MODE_DMA, sys_vmo_create_contiguous(device, PAGE_SIZE, 0)));
	CHECK(hardware_gate(mode, MODE_DMA, sys_dma_map(device, pool, 0, PAGE_SIZE, &out.word)));
	return 7;
}

static void hardware_with(uint32_t mode)
{
	struct device_args args = {.ports = {{0x80, 1}},
				   .source = ~0u,
				   .msi = 1,
				   .name = "gate",
				   .dma_max = 2 * PAGE_SIZE,
				   .regs = {{0xfed00000, PAGE_SIZE}}};
	struct silo_args silo_args = {.id = 500, .mode = mode};
	handle_t silo = TAKE(sys_silo_create(core_silo, &silo_args));
	handle_t device = TAKE(sys_device_create(core_device, &args));
	struct spawn_handle give[] = {{"device", device, rights_of(device) & ~RIGHT_REVOKE, 0, 0},
				      {"silo", silo, RIGHT_READ, 0, 0}};
	struct spawned s;

	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	core_spawn(&s, "hardware", NULL, silo, give, 2);
	core_expect(&s, 7);
	OK(sys_device_quiesced(device));
	core_silo_end(silo);
	core_close(device);
}

static void hardware_digits(void)
{
	static const uint32_t all = MODE_INTERRUPT | MODE_IO | MODE_DMA;

	hardware_with(all);
	hardware_with(all & ~MODE_INTERRUPT);
	hardware_with(all & ~MODE_IO);
	hardware_with(all & ~MODE_DMA);
}

const struct core_test core_tests[] = {
	{"handles", handles},
	{"log_and_clock", log_and_clock},
	{"vmo", vmo},
	{"pager", pager},
	{"aspace", aspace},
	{"protect", protect},
	{"process", process},
	{"thread", thread},
	{"channel", channel},
	{"queue", queue},
	{"silo", silo},
	{"device", device},
	{"hardware_digits", hardware_digits},
	{NULL, NULL},
};

const struct core_role core_roles[] = {{"hardware", role_hardware}, {NULL, NULL}};

/* SPDX-License-Identifier: ISC */
/*
 * machine.c: calls on the machine as a whole: clocks, totals, reset.
 *
 * Monotonic time and the wall-clock offset stand in the information page (info.c),
 * which programs read without a call.
 */
#include "arch.h"
#include "cpu.h"
#include "device.h"
#include "info.h"
#include "log.h"
#include "memory.h"
#include "process.h"
#include "syscall.h"

int64_t sys_clock_read(struct thread *cur)
{
	(void)cur;
	return (int64_t)arch_now();
}

int64_t sys_clock_set(struct thread *cur, handle_t clock, int64_t offset)
{
	struct object *o;
	int64_t err = object_find(cur, clock, OBJ_CLOCK, RIGHT_WRITE, &o);

	if (err)
		return err;
	info_wall_set((uint64_t)offset);
	return 0;
}

int64_t sys_machine_control(struct thread *cur, handle_t machine, uint32_t op, uint64_t arg)
{
	struct object *o;
	int64_t err = object_find(cur, machine, op == MACHINE_LOCK_DEVICES ? OBJ_DEVICE : OBJ_LOG,
				  RIGHT_MANAGE, &o);

	if (err)
		return err;
	switch ((enum machine_op)op) {
	case MACHINE_RESET: arch_reset();
	case MACHINE_LOG_LEVEL:
		return arg >> 16 ? -EINVAL : log_level_set((uint32_t)arg >> 8, arg & 0xff);
	case MACHINE_PANIC: panic("asked for by process %lu", cur->process->pid);
	case MACHINE_LOCK_DEVICES: return devices_lock(device_of(o));
	}
	return -EINVAL;
}

static void info_gather(struct system_info *info)
{
	memset(info, 0, sizeof(*info));
	info->memory_total = frames_total() * PAGE_SIZE;
	info->memory_free = frames_free() * PAGE_SIZE;
	info->boot_ns = arch_now();
	info->cpus = cpu_count;
	info->abi = ABI_VERSION;
	memcpy(info->objects, object_counts, sizeof(info->objects));
	info->hold_max = lock_hold_max;
	info->hold_where = lock_hold_where;
	info->switches = stat_switches;
	info->ipc_calls = stat_ipc_calls;
	info->faults = stat_faults;
	info->interrupts = stat_interrupts;
	info->kernel_memory = kmem_bytes();
	info->frame_table = frame_table_bytes();
	info->archive = boot.archive_len;
}

int64_t sys_system_info(struct thread *cur, handle_t log, uaddr_t out)
{
	struct system_info info;
	struct object *o;
	int64_t err = object_find(cur, log, OBJ_LOG, RIGHT_READ, &o);

	if (err)
		return err;
	info_gather(&info);
	return copy_out(cur, out, &info, sizeof(info));
}

/* SPDX-License-Identifier: ISC */
/*
 * plan.c: how to call each system call so that it may succeed. A call that is not here, or stands
 * here in vain, shows in the judge's report. Letters: aim.c.
 */
#include "attack.h"
#include "sys_table.h"

#define COUNT(number, name, kinds) +1
#define KINDS(number, name, kinds)                                                                 \
	case number:                                                                               \
		return kinds;
#define PLAN(name, aims, makes, seldom)                                                            \
	{                                                                                          \
		SYS_##name, #name, aims, makes, seldom                                             \
	}

const struct plan plans[] = {
	PLAN(null, "", 0, 0),
	PLAN(handle_close, "*", 0, 0),
	PLAN(handle_dup, "*r", POOLS, 0),
	PLAN(handle_shrink, "*r", 0, 8),
	PLAN(handle_revoke, "*", 0, 20),
	PLAN(handle_info, "*p", 0, 0),
	PLAN(handle_flags, "*ff", 0, 0),
	PLAN(handle_list, "Pnpn", 0, 0),
	PLAN(clock_read, "", 0, 0),
	PLAN(clock_set, "Kn", 0, 0),
	PLAN(random, "pb", 0, 0),
	PLAN(log_write, "Opn", 0, 50),
	PLAN(log_read, "Ospb", 0, 0),
	PLAN(uart_write, "Opn", 0, 20),
	PLAN(uart_read, "Opbd", 0, 20),
	PLAN(machine_control, "OE0", 0, 20),
	PLAN(system_info, "Op", 0, 0),
	PLAN(vmo_create, "zk", OBJ_VMO, 0),
	PLAN(vmo_create_contiguous, "Dz0", OBJ_VMO, 0),
	PLAN(vmo_create_physical, "DHZ", OBJ_VMO, 0),
	PLAN(vmo_clone, "Voz", OBJ_VMO, 0),
	PLAN(vmo_info, "Vp", 0, 0),
	PLAN(vmo_resize, "Vz", 0, 0),
	PLAN(vmo_read, "Vopbk", 0, 0),
	PLAN(vmo_write, "Vopb", 0, 0),
	PLAN(vmo_commit, "Voz", 0, 0),
	PLAN(vmo_decommit, "Voz", 0, 0),
	PLAN(vmo_create_pager, "Qnzt", POOL_PAGER, 0),
	PLAN(pager_next, "Wpn", 0, 0),
	PLAN(pager_supply, "WozVo", 0, 0),
	PLAN(pager_fail, "Wozn", 0, 0),
	PLAN(pager_evict, "Woz", 0, 0),
	PLAN(pager_dirty, "Wpn", 0, 0),
	PLAN(aspace_create, "", OBJ_ASPACE, 2),
	PLAN(aspace_map, "Am", 0, 0),
	PLAN(aspace_unmap, "Aaz", 0, 2),
	PLAN(aspace_protect, "Aaz7", 0, 0),
	PLAN(aspace_inherit, "AazJ", 0, 0),
	PLAN(aspace_clone, "A", OBJ_ASPACE, 4),
	PLAN(aspace_query, "Aap", 0, 0),
	PLAN(process_create, "LBx", OBJ_PROCESS, 2),
	PLAN(process_exit, "n", 0, 0),
	PLAN(process_kill, "Pn", 0, 10),
	PLAN(process_info, "Pp", 0, 0),
	PLAN(process_read, "P8pn", 0, 0),
	PLAN(process_write, "P8pn", 0, 0),
	PLAN(process_exec, "e", 0, 0),
	PLAN(process_give, "P*rg", 0, 0),
	PLAN(process_take, "Py", POOLS, 0),
	PLAN(process_reap, "P", 0, 2),
	PLAN(process_pledge, "ww", 0, 0),
	PLAN(cap_enter, "", 0, 0),
	PLAN(process_open, "Lj", OBJ_PROCESS, 0),
	PLAN(process_faults, "PS", 0, 2),
	PLAN(thread_charge, "L", 0, 0),
	PLAN(thread_create, "Ph", OBJ_THREAD, 0),
	PLAN(thread_start, "T", 0, 0),
	PLAN(thread_exit, "00", 0, 0),
	PLAN(thread_suspend, "T", 0, 8),
	PLAN(thread_resume, "T", 0, 0),
	PLAN(thread_interrupt, "Tn", 0, 0),
	PLAN(thread_state_get, "Tkp4", 0, 0),
	PLAN(thread_state_set, "TkU5", 0, 4),
	PLAN(thread_step, "T", 0, 4),
	PLAN(thread_yield, "", 0, 0),
	PLAN(upcall_return, "u", 0, 0),
	PLAN(thread_affinity, "Tn", 0, 0),
	PLAN(thread_info, "Tp", 0, 0),
	PLAN(thread_sleep, "d", 0, 3),
	PLAN(futex_wait, "F0d", 0, 2),
	PLAN(futex_wake, "Fn", 0, 0),
	PLAN(channel_create, "", OBJ_CHANNEL, 0),
	PLAN(channel_sender, "CcrN", OBJ_SENDER, 0),
	PLAN(sender_kill, "Cc", 0, 4),
	PLAN(ipc_call, "", 0, 0),
	PLAN(ipc_reply_wait, "", 0, 0),
	PLAN(ipc_reply, "", 0, 0),
	PLAN(ipc_send, "", 0, 0),
	PLAN(reply_save, "", OBJ_REPLY, 0),
	PLAN(reply_read, "Rnpn", 0, 0),
	PLAN(reply_write, "Rnpn", 0, 0),
	PLAN(reply_violation, "Rw", 0, 4),
	PLAN(ipc_rights, "Sp", 0, 0),
	PLAN(queue_create, "", OBJ_QUEUE, 0),
	PLAN(queue_add, "Q", 0, 0),
	PLAN(queue_remove, "Qi", 0, 0),
	PLAN(queue_wait, "Qpnd", 0, 0),
	PLAN(queue_timer, "Q0ndt", 0, 0),
	PLAN(queue_memory, "QFn", 0, 0),
	PLAN(signal_create, "n", OBJ_SIGNAL, 0),
	PLAN(signal_set, "Gnn", 0, 0),
	PLAN(signal_get, "G", 0, 0),
	PLAN(silo_create, "Ll", OBJ_SILO, 0),
	PLAN(silo_control, "LX0", 0, 3),
	PLAN(silo_limit, "LY9", 0, 4),
	PLAN(silo_info, "Lp", 0, 0),
	PLAN(silo_attach, "LP", 0, 0),
	PLAN(silo_pledge, "LM", 0, 50),
	PLAN(silo_processes, "Lpn0", 0, 0),
	PLAN(device_create, "Dv", OBJ_DEVICE, 0),
	PLAN(device_info, "Dp", 0, 0),
	PLAN(port_read, "Dq1", 0, 0),
	PLAN(port_write, "Dq1n", 0, 0),
	PLAN(irq_create, "Dk00", OBJ_IRQ, 0),
	PLAN(irq_ack, "I", 0, 0),
	PLAN(irq_info, "Ip", 0, 0),
	PLAN(dma_map, "DVozp", 0, 0),
	PLAN(dma_unmap, "DVoz", 0, 0),
	PLAN(device_quiesced, "D", 0, 0),
};

const unsigned plan_count = sizeof(plans) / sizeof(plans[0]);
_Static_assert(sizeof(plans) / sizeof(plans[0]) == 0 SYS_TABLE(COUNT), "each call has a row");
_Static_assert(sizeof(plans) / sizeof(plans[0]) <= CALLS_MAX, "each row is counted");

const char *plan_kinds(uint32_t number)
{
	switch (number) {
		SYS_TABLE(KINDS)
	}
	return "";
}

/* SPDX-License-Identifier: ISC */
/*
 * process.c: processes: life and death, corpses, kept and inherited handles, exec, pledges.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core.h"

#define MARK 0x5ca1ab1eu

static uint32_t marker = MARK; /* same address in every role */

/* ---- roles ----------------------------------------------------------------------------------- */

static int role_exit(void)
{
	return atoi(core_argument);
}

/* Waits until it is killed. */
static int role_wait(void)
{
	marker = MARK + 1;
	return sys_thread_sleep(time_in(CORE_PATIENCE)) < 0 ? 1 : 2;
}

static int role_crash(void)
{
	marker = MARK + 2;
	switch (atoi(core_argument)) {
	case FAULT_PAGE: __asm__ volatile("movl $1, 0x30" ::: "memory"); break;
	case FAULT_OPCODE: __asm__ volatile("ud2"); break;
	case FAULT_DIVIDE:
		__asm__ volatile("xor %%ecx, %%ecx; div %%ecx" ::: "eax", "ecx", "edx");
		break;
	case FAULT_BREAKPOINT: __asm__ volatile("int3"); break;
	case FAULT_PROTECTION: __asm__ volatile("hlt"); break;
	}
	return 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void exit_code(void)
{
	struct spawned s;

	core_spawn(&s, "exit", "42", HANDLE_NONE, NULL, 0);
	core_expect(&s, 42);
}

static void kill_and_corpse(void)
{
	struct process_info info;
	struct thread_regs regs;
	struct spawned s;
	uint32_t value = 0;

	core_spawn(&s, "wait", NULL, HANDLE_NONE, NULL, 0);
	core_until(s.thread, THREAD_SLEEP);
	REFUSED(sys_process_reap(s.process), EBUSY);
	REFUSED(sys_process_take(s.process, 1), EBUSY);
	CHECK_EQ(sys_process_read(s.process, (uint64_t)&marker, &value, 4), 4);
	CHECK_EQ(value, MARK + 1);
	OK(sys_process_kill(s.process, 17));
	OK(sys_process_info(s.process, &info));
	CHECK_EQ(info.state, PROCESS_CORPSE);
	CHECK_EQ(info.code, 17);
	CHECK_EQ(info.threads, 0);
	value = 0;
	CHECK_EQ(sys_process_read(s.process, (uint64_t)&marker, &value, 4), 4); /* still there */
	CHECK_EQ(value, MARK + 1);
	CHECK_EQ(sys_thread_state_get(s.thread, THREAD_REGS, &regs, sizeof(regs)), sizeof(regs));
	OK(sys_process_kill(s.process, 18)); /* dead already: the code stays */
	OK(sys_process_info(s.process, &info));
	CHECK_EQ(info.code, 17);
	OK(sys_process_reap(s.process));
	CHECK(sys_process_read(s.process, (uint64_t)&marker, &value, 4) < 0);
	OK(sys_process_info(s.process, &info));
	CHECK_EQ(info.state, PROCESS_GONE);
	core_close(s.thread);
	core_close(s.process);
}

static void crash_reasons(void)
{
	static const uint32_t reasons[] = {FAULT_PAGE, FAULT_OPCODE, FAULT_DIVIDE, FAULT_BREAKPOINT,
					   FAULT_PROTECTION};
	struct process_info info;
	struct spawned s;
	char number[2] = {0};

	for (unsigned i = 0; i < 5; i++) {
		number[0] = (char)('0' + reasons[i] % 10);
		if (reasons[i] > 9) {
			char two[3] = {(char)('0' + reasons[i] / 10), number[0], 0};

			core_spawn(&s, "crash", two, HANDLE_NONE, NULL, 0);
		} else {
			core_spawn(&s, "crash", number, HANDLE_NONE, NULL, 0);
		}
		CHECK(core_wait(&s, &info));
		CHECK_EQ(info.reason, reasons[i]);
		CHECK_EQ(info.code, -1);
		CHECK(info.fault_rip >= 0x400000 && info.fault_rip < 0x500000);
		if (reasons[i] == FAULT_PAGE)
			CHECK_EQ(info.fault_address, 0x30);
	}
}

static void create_refused(void)
{
	struct process_args args = {.name = "x"};
	handle_t aspace = TAKE(sys_aspace_create());
	handle_t weak_silo = TAKE(sys_handle_dup(core_silo, RIGHT_READ));
	handle_t weak_aspace = TAKE(sys_handle_dup(aspace, RIGHT_READ | RIGHT_WRITE));

	REFUSED(sys_process_create(weak_silo, aspace, &args), EACCES);
	REFUSED(sys_process_create(core_silo, weak_aspace, &args), EACCES);
	REFUSED(sys_process_create(aspace, aspace, &args), EINVAL);
	REFUSED(sys_process_create(core_silo, aspace, (void *)16), EFAULT);
	args.upcall = USER_HI;
	REFUSED(sys_process_create(core_silo, aspace, &args), EINVAL);
	args.upcall = 0;
	args.flags = 1u << 31;
	REFUSED(sys_process_create(core_silo, aspace, &args), EINVAL);
	core_close(weak_aspace);
	core_close(weak_silo);
	core_close(aspace);
}

/* A process that never ran goes when its last handle does. */
static void unstarted(void)
{
	struct process_args args = {.name = "unborn"};
	handle_t aspace = TAKE(sys_aspace_create()), process;
	uint64_t before = core_usage(core_silo, RES_PROCESSES);

	process = TAKE(sys_process_create(core_silo, aspace, &args));
	CHECK_EQ(core_usage(core_silo, RES_PROCESSES), before + 1);
	OK(sys_process_kill(process, 0));
	OK(sys_process_reap(process));
	core_close(process);
	CHECK_EQ(core_usage(core_silo, RES_PROCESSES), before);
	core_close(aspace);
}

static void give(void)
{
	struct process_args args = {.name = "table"};
	handle_t aspace = TAKE(sys_aspace_create());
	handle_t process = TAKE(sys_process_create(core_silo, aspace, &args));
	handle_t signal = TAKE(sys_signal_create(0));
	handle_t fixed = TAKE(sys_handle_dup(signal, RIGHT_READ));
	struct handle_info infos[4];
	handle_t given;

	given = TAKE(sys_process_give(process, signal, RIGHT_READ | RIGHT_WAIT, 0));
	CHECK_EQ(sys_handle_list(process, 0, infos, 4), 1);
	CHECK_EQ(infos[0].handle, given);
	CHECK_EQ(infos[0].rights, RIGHT_READ | RIGHT_WAIT);
	REFUSED(sys_process_give(process, fixed, RIGHT_READ, 0), EACCES);
	REFUSED(sys_process_give(process, signal, 1u << 30, 0), EPERM);
	REFUSED(sys_process_give(process, signal, RIGHTS_SAME, 1u << 9), EINVAL);
	OK(sys_handle_revoke(signal)); /* reaches into the other table */
	CHECK_EQ(sys_handle_list(process, 0, infos, 4), 0);
	OK(sys_process_kill(process, 0));
	REFUSED(sys_process_give(process, signal, RIGHTS_SAME, 0), ESRCH);
	OK(sys_process_reap(process));
	core_close(process);
	core_close(signal);
	core_close(aspace);
}

/* A dead process closes what it has, but for what is kept, which keeps its place in the tree. */
static void kept(void)
{
	handle_t signal = TAKE(sys_signal_create(0));
	struct spawn_handle handles[] = {{"a", signal, RIGHTS_SAME, HANDLE_KEPT, 0},
					 {"b", signal, RIGHTS_SAME, 0, 0}};
	struct spawned s;
	handle_t taken;

	core_spawn(&s, "wait", NULL, HANDLE_NONE, handles, 2);
	core_until(s.thread, THREAD_SLEEP);
	OK(sys_process_kill(s.process, 0));
	REFUSED(sys_process_take(s.process, handles[1].given), ENOENT);
	REFUSED(sys_process_take(s.process, 0x12345678), ENOENT);
	taken = TAKE(sys_process_take(s.process, handles[0].given));
	REFUSED(sys_process_take(s.process, handles[0].given), ENOENT);
	CHECK_EQ(sys_signal_set(taken, 0, 4), 0);
	OK(sys_handle_revoke(signal)); /* it is still derived from ours */
	REFUSED(sys_signal_get(taken), EBADF);
	spawn_discard(&s);
	core_close(signal);
}

static int role_revoke(void)
{
	handle_t root = boot_handle("root");

	for (unsigned i = 0; i < 10000; i++)
		(void)TAKE(sys_handle_dup(root, RIGHTS_SAME));
	OK(sys_signal_set(boot_handle("ready"), 0, 1));
	OK(sys_handle_revoke(root));
	return 1;
}

/* A process is ended while it revokes: from its kept handle can be derived again. */
static void kept_half_revoked(void)
{
	handle_t signal = TAKE(sys_signal_create(0)), ready = TAKE(sys_signal_create(0));
	handle_t silo = core_silo_make(1500, 0, NULL), queue = TAKE(sys_queue_create()), taken;
	struct spawn_handle handles[] = {{"root", signal, RIGHTS_SAME, HANDLE_KEPT, 0},
					 {"ready", ready, RIGHTS_SAME, 0, 0}};
	struct spawned s;
	struct event e;

	CHECK(sys_queue_add(queue, ready, EVENT_SIGNAL, 1, 0, 1) > 0);
	core_spawn(&s, "revoke", NULL, silo, handles, 2);
	CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
	OK(sys_thread_sleep(time_in(200 * NS_PER_US)));
	OK(sys_process_kill(s.process, 7)); /* half way, with one CPU */
	taken = TAKE(sys_process_take(s.process, handles[0].given));
	core_close(TAKE(sys_handle_dup(taken, RIGHTS_SAME)));
	core_close(taken);
	spawn_discard(&s);
	core_silo_end(silo);
	core_close(queue);
	core_close(ready);
	core_close(signal);
}

/* With GIVE_MOVE it is the handle itself that goes to another table, or to another number in its
 * own; what was derived from it hangs from it as before. */
static void moved(void)
{
	struct process_args args = {.name = "table"};
	handle_t aspace = TAKE(sys_aspace_create());
	handle_t process = TAKE(sys_process_create(core_silo, aspace, &args));
	handle_t signal = TAKE(sys_signal_create(0));
	handle_t child = TAKE(sys_handle_dup(signal, RIGHT_READ));
	uint64_t before = core_usage(core_silo, RES_HANDLES);
	struct handle_info infos[4];
	handle_t here, there;

	here = TAKE(sys_process_give(core_process, signal, RIGHTS_SAME, HANDLE_KEPT | GIVE_MOVE));
	REFUSED(sys_signal_get(signal), EBADF);
	CHECK_EQ(sys_handle_info(here, &infos[0]), 0);
	CHECK(infos[0].flags & HANDLE_KEPT);
	there = TAKE(sys_process_give(process, here, RIGHTS_SAME, HANDLE_KEPT | GIVE_MOVE));
	REFUSED(sys_signal_get(here), EBADF);
	CHECK_EQ(sys_handle_list(process, 0, infos, 4), 1);
	CHECK_EQ(infos[0].handle, there);
	REFUSED(sys_process_give(process, child, RIGHTS_SAME, GIVE_MOVE), EACCES);
	CHECK_EQ(core_usage(core_silo, RES_HANDLES), before);
	OK(sys_process_kill(process, 0));
	signal = TAKE(sys_process_take(process, there));
	OK(sys_signal_get(child));
	OK(sys_handle_revoke(signal));
	REFUSED(sys_signal_get(child), EBADF);
	OK(sys_process_reap(process));
	core_close(process);
	core_close(signal);
	core_close(aspace);
}

static void inherit(void)
{
	handle_t marked = TAKE(sys_signal_create(6)), plain = TAKE(sys_signal_create(6));
	struct process_args args = {.name = "heir", .flags = PROCESS_INHERIT};
	handle_t aspace = TAKE(sys_aspace_create()), process;
	struct handle_info infos[8];
	int64_t n;
	bool found = false;

	OK(sys_handle_flags(marked, HANDLE_INHERIT, 0));
	process = TAKE(sys_process_create(core_silo, aspace, &args));
	n = sys_handle_list(process, 0, infos, 8);
	CHECK(n >= 1);
	for (int64_t i = 0; i < n; i++) {
		found |= infos[i].handle == marked; /* the same number */
		CHECK(infos[i].handle != plain);
	}
	CHECK(found);
	OK(sys_process_kill(process, 0));
	OK(sys_process_reap(process));
	core_close(process);
	core_close(aspace);
	core_close(plain);
	core_close(marked);
}

/* What cannot be given does not leave the silo by inheritance either. */
static void inherit_without_grant(void)
{
	handle_t signal = TAKE(sys_signal_create(6)), aspace = TAKE(sys_aspace_create()), heir;
	handle_t silo = core_silo_make(1040, 0, NULL);
	handle_t weak = TAKE(sys_handle_dup(signal, RIGHT_READ));
	struct process_args args = {.name = "heir", .flags = PROCESS_INHERIT};
	struct silo_info before;
	struct handle_info info;

	OK(sys_silo_info(silo, &before));
	OK(sys_handle_flags(signal, HANDLE_INHERIT, 0));
	OK(sys_handle_flags(weak, HANDLE_INHERIT, 0));
	REFUSED(sys_process_give(core_process, weak, RIGHTS_SAME, 0), EACCES);
	REFUSED(sys_process_create(silo, aspace, &args), EACCES);
	core_returns(silo, &before); /* nothing has been made, or moved below it */
	/* In its own silo it gets both, and stays there. */
	heir = TAKE(sys_process_create(core_silo, aspace, &args));
	CHECK_EQ(sys_handle_list(heir, weak & (HANDLE_SLOTS_MAX - 1), &info, 1), 1);
	CHECK_EQ(info.handle, weak);
	REFUSED(sys_silo_attach(silo, heir), EACCES);
	OK(sys_silo_attach(core_silo, heir));
	core_returns(silo, &before);
	OK(sys_process_kill(heir, 0));
	OK(sys_process_reap(heir));
	core_close(heir);
	/* What may be given may be inherited, and go on from there. */
	OK(sys_handle_flags(weak, 0, HANDLE_INHERIT));
	heir = TAKE(sys_process_create(core_silo, aspace, &args));
	OK(sys_silo_attach(silo, heir));
	CHECK_EQ(sys_handle_list(heir, 0, &info, 1), 1);
	CHECK_EQ(info.handle, signal);
	OK(sys_process_kill(heir, 0));
	OK(sys_process_reap(heir));
	core_close(heir);
	core_close(aspace);
	core_silo_end(silo);
	core_close(weak);
	core_close(signal);
}

/* exec: the successor's text is a tiny program without libc that exits with what rdi says. */
static const uint8_t exec_text[] = {
	0xb8, 0x41, 0x40, 0x00, 0x00, /* mov $SYS_process_exit, %eax; the code is in rdi */
	0x0f, 0x05,		      /* syscall */
	0x0f, 0x0b,		      /* ud2 */
};

static handle_t exec_aspace(void)
{
	handle_t aspace = TAKE(sys_aspace_create());
	handle_t vmo = TAKE(sys_vmo_create(PAGE_SIZE, VMO_ANON));
	struct map_args args = {
		.vmo = vmo, .flags = PROT_R | PROT_X | MAP_AT, .addr = 0x700000, .len = PAGE_SIZE};

	OK(sys_vmo_write(vmo, 0, exec_text, sizeof(exec_text)));
	CHECK_EQ(sys_aspace_map(aspace, &args), 0x700000);
	core_close(vmo);
	return aspace;
}

static void exec_sleeper(uint64_t arg)
{
	if (sys_thread_sleep(time_in(arg)) < 0)
		return;
}

static int role_exec(void)
{
	static struct core_native other;
	struct exec_args args = {.process = {.name = "successor"},
				 .thread = {.entry = 0x700000, .arg = 33}};

	core_process = boot_handle("self");
	core_native_start(&other, exec_sleeper, CORE_PATIENCE); /* ends with the exec */
	args.aspace = 0xfffffff1u;
	if (sys_process_exec(&args) != -EBADF)
		return 1;
	args.aspace = exec_aspace();
	args.thread.entry = USER_HI + PAGE_SIZE;
	if (sys_process_exec(&args) != -EINVAL)
		return 2;
	args.thread.entry = 0x700000;
	if (sys_handle_flags(boot_handle("stay"), HANDLE_STAY, 0) < 0)
		return 3;
	return (int)-sys_process_exec(&args);
}

static void exec(void)
{
	handle_t queue = TAKE(sys_queue_create()), signal = TAKE(sys_signal_create(0));
	struct spawn_handle handles[] = {{"stay", signal, RIGHTS_SAME, 0, 0},
					 {"go", signal, RIGHTS_SAME, 0, 0}};
	struct process_info info;
	struct event event;
	struct spawned s;

	OK(core_prepare(&s, "exec", NULL, HANDLE_NONE, handles, 2));
	TAKE(sys_queue_add(queue, s.process, EVENT_PROCESS, 1, 0, PROCESS_EV_EXEC));
	OK(sys_thread_start(s.thread));
	CHECK_EQ(sys_queue_wait(queue, &event, 1, core_soon()), 1);
	CHECK_EQ(event.data0 & PROCESS_EV_EXEC, PROCESS_EV_EXEC);
	CHECK(core_wait(&s, &info));
	CHECK_EQ(info.code, 33);
	CHECK(strcmp(info.name, "successor") == 0);
	core_close(signal);
	core_close(queue);
}

/* The successor takes the place of who makes it. */
static void exec_at_the_limit(void)
{
	uint64_t limits[LIMIT_KEYS] = {
		[LIMIT_PROCESSES] = 1, [LIMIT_THREADS] = 2, [LIMIT_PROCESS_THREADS] = 2};
	handle_t silo = core_silo_make(1041, 0, limits), signal = TAKE(sys_signal_create(0));
	struct spawn_handle handles[] = {{"stay", signal, RIGHTS_SAME, 0, 0},
					 {"go", signal, RIGHTS_SAME, 0, 0}};
	struct silo_info info, before;
	struct spawned s;

	OK(sys_silo_info(silo, &before));
	core_spawn(&s, "exec", NULL, silo, handles, 2);
	core_expect(&s, 33);
	core_returns(silo, &before);
	OK(sys_silo_info(silo, &info));
	CHECK_EQ(info.usage[RES_PROCESSES], 0);
	CHECK_EQ(info.usage[RES_THREADS], 0);
	core_silo_end(silo);
	core_close(signal);
}

/* The successor goes round and round, with no more pledges than were chosen for it. */
static int role_exec_on(void)
{
	struct exec_args args = {.process = {.name = "successor", .pledges = PLEDGES_ALL},
				 .thread = {.entry = 0x700000 + sizeof(exec_text)}};
	static const uint8_t round[] = {0xeb, 0xfe};
	handle_t vmo = TAKE(sys_vmo_create(PAGE_SIZE, VMO_ANON));
	struct map_args map = {
		.vmo = vmo, .flags = PROT_R | PROT_X | MAP_AT, .addr = 0x700000, .len = PAGE_SIZE};

	OK(sys_vmo_write(vmo, sizeof(exec_text), round, sizeof(round)));
	args.aspace = TAKE(sys_aspace_create());
	OK((sys_aspace_map(args.aspace, &map) != 0x700000));
	OK(sys_handle_flags(boot_handle("stay"), HANDLE_STAY, 0));
	OK(sys_process_pledge(PLEDGES_ALL, PLEDGE_STDIO | PLEDGE_EXEC));
	return (int)-sys_process_exec(&args);
}

static void exec_keeps(void)
{
	handle_t queue = TAKE(sys_queue_create()), signal = TAKE(sys_signal_create(0));
	struct spawn_handle handles[] = {{"stay", signal, RIGHTS_SAME, 0, 0},
					 {"go", signal, RIGHTS_SAME, 0, 0}};
	struct process_info info;
	struct handle_info left[2];
	struct event event;
	struct spawned s;

	OK(core_prepare(&s, "exec_on", NULL, HANDLE_NONE, handles, 2));
	TAKE(sys_queue_add(queue, s.process, EVENT_PROCESS, 1, 0, PROCESS_EV_EXEC));
	OK(sys_thread_start(s.thread));
	CHECK_EQ(sys_queue_wait(queue, &event, 1, core_soon()), 1);
	OK(sys_process_info(s.process, &info));
	CHECK_EQ(info.pledges, PLEDGE_STDIO | PLEDGE_EXEC);
	CHECK_EQ(sys_handle_list(s.process, 0, left, 2), 1);
	CHECK_EQ(left[0].handle, handles[0].given);
	spawn_discard(&s);
	core_close(signal);
	core_close(queue);
}

static int role_pledged(void)
{
	uint32_t most = PLEDGE_STDIO | PLEDGE_RPATH | PLEDGE_PROC;
	struct process_args args = {.name = "child", .pledges = most | PLEDGE_INET};
	handle_t aspace = TAKE(sys_aspace_create());
	struct process_info info;

	if (sys_process_pledge(most, PLEDGE_STDIO) < 0)
		return 1;
	if (sys_process_pledge(most | PLEDGE_INET, PLEDGE_STDIO) != -EPERM)
		return 2;
	if (sys_process_pledge(most, PLEDGE_STDIO | PLEDGE_RPATH) != -EPERM)
		return 3;
	if (sys_process_info(boot_handle("self"), &info) < 0 || info.pledges != most)
		return 4;
	if (sys_process_create(boot_handle("silo"), aspace, &args) != -EPERM)
		return 5;
	args.pledges = most;
	return sys_process_create(boot_handle("silo"), aspace, &args) < 0 ? 6 : 0;
}

static void pledge(void)
{
	struct spawn_handle give = {"silo", core_silo, RIGHTS_SAME, 0, 0};
	struct spawned s;

	core_spawn(&s, "pledged", NULL, HANDLE_NONE, &give, 1);
	core_expect(&s, 0);
}

/* Capability mode: only handles with INSIDE. */
static int role_capability(void)
{
	handle_t in = boot_handle("in"), out = boot_handle("out");

	if (sys_signal_get(out) != 3 || sys_signal_get(in) != 3)
		return 1;
	if (sys_cap_enter() < 0)
		return 2;
	if (sys_signal_get(in) != 3)
		return 3;
	if (sys_signal_get(out) >= 0)
		return 4;
	/* What can no longer be used can still be given up. */
	if (sys_handle_shrink(out, 0) != 0 || sys_handle_close(out) != 0)
		return 5;
	if (sys_handle_close(out) != -EBADF || sys_handle_close(in) != 0)
		return 6;
	sys_process_exit(0);
}

static void capability(void)
{
	handle_t signal = TAKE(sys_signal_create(3));
	struct spawn_handle handles[] = {{"in", signal, RIGHT_READ | RIGHT_INSIDE, 0, 0},
					 {"out", signal, RIGHT_READ, 0, 0}};
	struct spawned s;

	core_spawn(&s, "capability", NULL, HANDLE_NONE, handles, 2);
	core_expect(&s, 0);
	core_close(signal);
}

static void open_by_pid(void)
{
	struct process_info info, again, list[4];
	struct spawned s;
	handle_t other;

	core_spawn(&s, "wait", NULL, HANDLE_NONE, NULL, 0);
	OK(sys_process_info(s.process, &info));
	other = TAKE(sys_process_open(core_silo, info.pid));
	OK(sys_process_info(other, &again));
	CHECK_EQ(again.pid, info.pid);
	REFUSED(sys_process_open(core_silo, 1ull << 40), ESRCH);
	CHECK(sys_silo_processes(core_silo, list, 4, info.pid - 1) >= 1);
	CHECK_EQ(list[0].pid, info.pid);
	core_close(other);
	spawn_discard(&s);
}

/* What was opened through a silo's handle ends with that, and counts for its depth. */
static void open_is_derived(void)
{
	handle_t silo = TAKE(sys_handle_dup(core_silo, RIGHTS_SAME)), weak, deep[16], opened, child;
	struct process_info info;
	struct spawned s;
	unsigned n = 0;
	int64_t next;

	core_spawn(&s, "wait", NULL, HANDLE_NONE, NULL, 0);
	OK(sys_process_info(s.process, &info));
	weak = TAKE(sys_handle_dup(silo, RIGHT_MANAGE));
	opened = TAKE(sys_process_open(weak, info.pid));
	child = TAKE(sys_handle_dup(opened, RIGHTS_SAME));
	core_close(weak); /* re-parents */
	OK(sys_process_info(opened, &info));
	OK(sys_handle_revoke(silo));
	REFUSED(sys_process_info(opened, &info), EBADF);
	REFUSED(sys_process_info(child, &info), EBADF);
	OK(sys_process_info(s.process, &info)); /* its maker's was not derived from it */
	CHECK_EQ(info.state, PROCESS_RUNNING);
	for (next = sys_handle_dup(silo, RIGHTS_SAME); next >= 0;) {
		CHECK(n < 16);
		deep[n++] = (handle_t)next;
		next = sys_handle_dup(deep[n - 1], RIGHTS_SAME);
	}
	REFUSED(next, EMLINK);
	REFUSED(sys_process_open(deep[n - 1], info.pid), EMLINK);
	core_close(TAKE(sys_process_open(deep[n - 2], info.pid)));
	while (n > 0)
		core_close(deep[--n]);
	core_close(silo);
	spawn_discard(&s);
}

static void read_write(void)
{
	struct spawned s;
	uint32_t value = 0x11223344;

	core_spawn(&s, "wait", NULL, HANDLE_NONE, NULL, 0);
	core_until(s.thread, THREAD_SLEEP);
	CHECK_EQ(sys_process_write(s.process, (uint64_t)&marker, &value, 4), 4);
	value = 0;
	CHECK_EQ(sys_process_read(s.process, (uint64_t)&marker, &value, 4), 4);
	CHECK_EQ(value, 0x11223344);
	CHECK_EQ(marker, MARK); /* ours is another */
	REFUSED(sys_process_write(s.process, (uint64_t)exit_code, &value, 4), EFAULT); /* text */
	REFUSED(sys_process_read(s.process, 0x40, &value, 4), EFAULT);
	REFUSED(sys_process_read(s.process, (uint64_t)&marker, (void *)16, 4), EFAULT);
	REFUSED(sys_process_read(s.process, UINT64_MAX - 1, &value, 4), EFAULT);
	REFUSED(sys_process_read(s.process, (uint64_t)&marker, &value, 65537), EINVAL);
	REFUSED(sys_process_write(s.process, (uint64_t)&marker, &value, 65537), EINVAL);
	spawn_discard(&s);
}

/* Everything that a process held comes back. */
static void account_returns(void)
{
	handle_t silo = core_silo_make(1000, 0, NULL);
	struct silo_info before;
	struct spawned s;

	core_spawn(&s, "wait", NULL, silo, NULL,
		   0); /* the main process, so that the silo goes on */
	core_until(s.thread, THREAD_SLEEP);
	OK(sys_silo_info(silo, &before));
	for (int round = 0; round < 4; round++) {
		struct process_info info;
		struct spawned other;

		core_spawn(&other, round & 1 ? "crash" : "exit", "6", silo, NULL, 0);
		CHECK(core_wait(&other, &info));
		core_returns(silo, &before);
	}
	spawn_discard(&s);
	core_silo_end(silo);
}

/* Killed on another CPU while it runs, makes calls and faults. */
static int role_busy(void)
{
	for (;;) {
		void *at = core_map(4 * PAGE_SIZE, PROT_R | PROT_W, NULL);

		memset(at, 1, 4 * PAGE_SIZE);
		core_unmap(at, 4 * PAGE_SIZE);
	}
	return 0;
}

static void kill_race(void)
{
	struct process_info info;

	for (int round = 0; round < 20; round++) {
		struct spawned s;

		core_spawn(&s, "busy", NULL, HANDLE_NONE, NULL, 0);
		OK(sys_thread_sleep(time_in((uint64_t)round * 50 * NS_PER_US)));
		OK(sys_process_kill(s.process, round));
		OK(sys_process_info(s.process, &info));
		CHECK_EQ(info.state, PROCESS_CORPSE);
		CHECK_EQ(info.code, round);
		spawn_discard(&s);
	}
}

static uint32_t state_of(handle_t process)
{
	struct process_info info;

	OK(sys_process_info(process, &info));
	return info.state;
}

/* Each state with what it permits and what not; none comes back. */
static void states(void)
{
	handle_t silo = core_silo_make(1000, 0, NULL), signal = TAKE(sys_signal_create(0));
	struct process_info info;
	struct spawned s, never;

	OK(core_prepare(&s, "wait", NULL, silo, NULL, 0));
	OK(core_prepare(&never, "wait", NULL, silo, NULL, 0));
	CHECK_EQ(state_of(s.process), PROCESS_NEW);
	REFUSED(sys_process_reap(s.process), EBUSY);
	REFUSED(sys_process_take(s.process, 1), EBUSY);
	OK(sys_thread_start(s.thread));
	CHECK_EQ(state_of(s.process), PROCESS_RUNNING);
	REFUSED(sys_thread_start(s.thread), EBUSY);
	REFUSED(sys_silo_attach(core_silo, s.process), EBUSY);
	REFUSED(sys_process_reap(s.process), EBUSY);
	CHECK_EQ(state_of(s.process), PROCESS_RUNNING);
	OK(sys_process_kill(never.process, 3)); /* from new at once */
	CHECK_EQ(state_of(never.process), PROCESS_CORPSE);
	OK(sys_process_info(never.process, &info));
	CHECK_EQ(info.code, 3);
	REFUSED(sys_silo_attach(core_silo, never.process), EBUSY);
	OK(sys_process_kill(never.process, 4)); /* nothing more */
	OK(sys_process_info(never.process, &info));
	CHECK_EQ(info.code, 3);
	OK(sys_process_kill(s.process, 5));
	CHECK_EQ(state_of(s.process), PROCESS_CORPSE);
	REFUSED(sys_process_give(s.process, signal, RIGHTS_SAME, 0), ESRCH);
	REFUSED(sys_process_take(s.process, 1), ENOENT);
	OK(sys_process_reap(s.process));
	CHECK_EQ(state_of(s.process), PROCESS_GONE);
	OK(sys_process_reap(s.process)); /* nothing more */
	REFUSED(sys_process_take(s.process, 1), ENOENT);
	REFUSED(sys_process_open(silo, info.pid + 1000), ESRCH);
	OK(sys_process_info(s.process, &info));
	REFUSED(sys_process_open(silo, info.pid), ESRCH);
	spawn_discard(&never);
	spawn_discard(&s);
	core_close(signal);
	core_silo_end(silo);
}

const struct core_test core_tests[] = {
	{"process_states", states},
	{"exit_code", exit_code},
	{"kill_and_corpse", kill_and_corpse},
	{"crash_reasons", crash_reasons},
	{"create_refused", create_refused},
	{"unstarted", unstarted},
	{"give", give},
	{"kept", kept},
	{"kept_half_revoked", kept_half_revoked},
	{"moved", moved},
	{"inherit", inherit},
	{"inherit_without_grant", inherit_without_grant},
	{"exec", exec},
	{"exec_at_the_limit", exec_at_the_limit},
	{"exec_keeps", exec_keeps},
	{"pledge", pledge},
	{"capability", capability},
	{"open_by_pid", open_by_pid},
	{"open_is_derived", open_is_derived},
	{"process_read_write", read_write},
	{"process_account_returns", account_returns},
	{"kill_race", kill_race},
	{NULL, NULL},
};

const struct core_role core_roles[] = {{"exit", role_exit},
				       {"wait", role_wait},
				       {"crash", role_crash},
				       {"exec", role_exec},
				       {"exec_on", role_exec_on},
				       {"pledged", role_pledged},
				       {"capability", role_capability},
				       {"busy", role_busy},
				       {"revoke", role_revoke},
				       {NULL, NULL}};

/* SPDX-License-Identifier: ISC */
/*
 * call.c: start of the process, and the switch over the Linux calls that a libc makes by itself.
 *
 * Not here: files beyond 0-2, processes, signals. Signal actions and masks are accepted and have
 * no effect; a signal that a thread sends to itself ends the process as its default would. What is
 * not in the switch answers -ENOSYS: libc knows how to live with that.
 *
 * Numbers and behaviour: Linux x86_64, section 2 of its manual pages; docs/shim.md has the table.
 */
#include "shim/state.h"
#include "sys/info.h"

#define AT_ENTRY     9
#define ARCH_SET_GS  0x1001
#define ARCH_SET_FS  0x1002
#define ARCH_GET_FS  0x1003
#define RANDOM_CHUNK 65536

enum linux_call {
	LINUX_read = 0,
	LINUX_write = 1,
	LINUX_close = 3,
	LINUX_fstat = 5,
	LINUX_lseek = 8,
	LINUX_mmap = 9,
	LINUX_mprotect = 10,
	LINUX_munmap = 11,
	LINUX_brk = 12,
	LINUX_rt_sigaction = 13,
	LINUX_rt_sigprocmask = 14,
	LINUX_ioctl = 16,
	LINUX_readv = 19,
	LINUX_writev = 20,
	LINUX_sched_yield = 24,
	LINUX_mremap = 25,
	LINUX_madvise = 28,
	LINUX_nanosleep = 35,
	LINUX_exit = 60,
	LINUX_kill = 62,
	LINUX_gettimeofday = 96,
	LINUX_sigaltstack = 131,
	LINUX_arch_prctl = 158,
	LINUX_tkill = 200,
	LINUX_futex = 202,
	LINUX_sched_getaffinity = 204,
	LINUX_set_tid_address = 218,
	LINUX_clock_gettime = 228,
	LINUX_clock_getres = 229,
	LINUX_clock_nanosleep = 230,
	LINUX_exit_group = 231,
	LINUX_tgkill = 234,
	LINUX_set_robust_list = 273,
	LINUX_getrandom = 318,
};

struct shim_state shim_state;

static uint64_t auxv_value(const uint64_t *argc, uint64_t type)
{
	const uint64_t *word = argc + 1 + *argc + 1; /* behind argv and its NULL */

	while (*word++)
		; /* environment */
	for (; word[0]; word += 2)
		if (word[0] == type)
			return word[1];
	return 0;
}

static handle_t named(const struct bootstrap *block, const char *name)
{
	for (uint32_t i = 0; i < block->count && i < BOOTSTRAP_NAMES; i++) {
		const char *a = block->handles[i].name, *b = name;

		while (*a && *a == *b)
			a++, b++;
		if (*a == *b)
			return block->handles[i].handle;
	}
	return HANDLE_NONE;
}

static bool usable(const struct bootstrap *block)
{
	return block && block->magic == BOOTSTRAP_MAGIC && block->version == BOOTSTRAP_VERSION;
}

/* The first thing that runs in the process. argc: the initial stack. Returns the program's entry;
 * a spawner that broke the contract gets exit code 127. */
uint64_t shim_init(uint64_t *argc)
{
	const struct bootstrap *block = (const struct bootstrap *)auxv_value(argc, AT_BOOTSTRAP);
	uint64_t entry = auxv_value(argc, AT_ENTRY);
	struct process_info info;

	if (!usable(block))
		sys_process_exit(127);
	shim_state.process = named(block, "self");
	shim_state.aspace = named(block, "aspace");
	if (!entry || sys_process_info(shim_state.process, &info) < 0)
		sys_process_exit(127);
	shim_state.pid = (uint32_t)info.pid;
	shim_main_block.free[BLOCK_STACK] = (uint64_t)shim_main_stack_top;
	shim_main_block.free[BLOCK_TID] = shim_state.pid;
	shim_main_block.free[BLOCK_SELF] = (uint64_t)&shim_main_block;
	shim_main_block.in_use = 1;
	shim_io_init(block);
	return entry;
}

static int64_t shim_arch_prctl(uint64_t code, uint64_t addr)
{
	bool no_fsgsbase = info_page()->withheld & SILO_NO_FSGSBASE;
	uint64_t fs;

	switch (code) {
	case ARCH_SET_FS:
		if (addr >= USER_HI)
			return -EPERM;
		if (no_fsgsbase)
			shim_set_fs(addr);
		else
			__asm__ volatile("wrfsbase %0" : : "r"(addr));
		return 0;
	case ARCH_GET_FS:
		if (no_fsgsbase)
			return -ENOSYS;
		__asm__ volatile("rdfsbase %0" : "=r"(fs));
		return shim_copy((void *)addr, &fs, sizeof(fs));
	case ARCH_SET_GS: /* GS is the shim's */ return -EPERM;
	}
	return -EINVAL;
}

static int64_t shim_getrandom(uint64_t addr, uint64_t len)
{
	int64_t result;

	if (len > RANDOM_CHUNK)
		len = RANDOM_CHUNK;
	result = sys_random((void *)addr, len);
	return result < 0 ? result : (int64_t)len;
}

/* Answer "nothing was set before": zeros where the program wants to know. */
static int64_t shim_zeros(uint64_t to, uint64_t len)
{
	static const char zeros[32];

	return to ? shim_copy((void *)to, zeros, len) : 0;
}

int64_t shim_call(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		  uint64_t number)
{
	(void)a4;
	(void)a5;
	switch (number) {
	case LINUX_read: return shim_io(a0, a1, a2, false);
	case LINUX_write: return shim_io(a0, a1, a2, true);
	case LINUX_readv: return shim_iov(a0, a1, a2, false);
	case LINUX_writev: return shim_iov(a0, a1, a2, true);
	case LINUX_close: return shim_close(a0);
	case LINUX_fstat: return shim_fstat(a0, a1);
	case LINUX_lseek: return shim_control(a0, -ESPIPE);
	case LINUX_ioctl: return shim_control(a0, -ENOTTY);
	case LINUX_mmap: return shim_mmap(a0, a1, a2, a3);
	case LINUX_mprotect: return shim_mprotect(a0, a1, a2);
	case LINUX_munmap: return shim_munmap(a0, a1);
	case LINUX_mremap: return -ENOMEM;
	case LINUX_madvise: return shim_madvise(a0, a1, a2);
	case LINUX_brk: return shim_brk(a0);
	case LINUX_futex: return shim_futex(a0, a1, a2, a3);
	case LINUX_sched_yield: return sys_thread_yield();
	case LINUX_sched_getaffinity: return shim_affinity(a1, a2);
	case LINUX_set_tid_address:
		shim_block()->free[BLOCK_CLEAR] = a0;
		return (int64_t)shim_block()->free[BLOCK_TID];
	case LINUX_set_robust_list: return 0;
	case LINUX_exit: shim_thread_exit(); return -EINVAL;
	case LINUX_exit_group: sys_process_exit((int32_t)(a0 & 0xff));
	case LINUX_kill: return shim_kill(a0, shim_state.pid, a1);
	case LINUX_tkill: return shim_kill(a0, shim_block()->free[BLOCK_TID], a1);
	case LINUX_tgkill: return shim_kill(a1, shim_block()->free[BLOCK_TID], a2);
	case LINUX_rt_sigaction: return shim_zeros(a2, 32);
	case LINUX_rt_sigprocmask: return shim_zeros(a2, 8);
	case LINUX_sigaltstack: return shim_zeros(a1, 24);
	case LINUX_nanosleep: return shim_clock_nanosleep(1, 0, a0, a1);
	case LINUX_clock_nanosleep: return shim_clock_nanosleep(a0, a1, a2, a3);
	case LINUX_clock_gettime: return shim_clock_gettime(a0, a1);
	case LINUX_clock_getres: return shim_clock_getres(a0, a1);
	case LINUX_gettimeofday: return shim_gettimeofday(a0);
	case LINUX_getrandom: return shim_getrandom(a0, a1);
	case LINUX_arch_prctl: return shim_arch_prctl(a0, a1);
	}
	return -ENOSYS;
}

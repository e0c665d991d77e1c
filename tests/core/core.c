/* SPDX-License-Identifier: ISC */
/*
 * core.c: the frame: running the table, starting roles, the debug exit. See core.h.
 */
#include "core.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cpio/cpio.h"

#define DEBUG_EXIT_PORT 0xf4

handle_t core_process, core_thread, core_aspace, core_silo, core_log, core_device;
const char *core_argument = "";

static jmp_buf leave;
static pthread_t first;
static char trouble[200];
static bool skipped;
static int in_test;
static struct spawn_image image;
static struct spawn_shim shim;

static void note(const char *text)
{
	if (!trouble[0])
		snprintf(trouble, sizeof(trouble), "%s", text);
}

/* A thread without libc (FS 0) can only leave a note, and end. */
static void native_trouble(const char *what)
{
	static char line[120];
	uint64_t fs;
	size_t n = 0;

	__asm__ volatile("rdfsbase %0" : "=r"(fs));
	if (fs)
		return;
	while (n < sizeof(line) - 1 && what[n])
		line[n] = what[n], n++;
	if (!trouble[0])
		memcpy(trouble, line, sizeof(line));
	sys_thread_exit(0, 0);
}

void core_failed(const char *file, int line, const char *what, int64_t got, int64_t wanted)
{
	const char *slash;
	char text[200];

	native_trouble(what);
	slash = strrchr(file, '/');

	snprintf(text, sizeof(text), "%s:%d: %s: %lld (%s), not %lld", slash ? slash + 1 : file,
		 line, what, (long long)got, got < 0 ? error_name((int)got) : "value",
		 (long long)wanted);
	note(text);
	if (in_test && pthread_equal(pthread_self(), first))
		longjmp(leave, 1);
	log_print("trouble: %s", text);
	if (!in_test)
		exit(99);
	pthread_exit(NULL);
}

void core_skip(const char *why)
{
	skipped = true;
	note(why);
	longjmp(leave, 1);
}

handle_t core_take(const char *file, int line, const char *what, int64_t result)
{
	if (result < 0)
		core_failed(file, line, what, result, 0);
	return (handle_t)result;
}

void core_close(handle_t handle)
{
	OK(sys_handle_close(handle));
}

uint32_t core_cpus(void)
{
	return info_page()->cpus;
}

static void find_images(void)
{
	const struct bootstrap *block = boot_block();
	const uint8_t *archive = (const uint8_t *)block->archive;
	struct spawn_image packed, aligned;
	struct cpio_entry entry;

	CHECK(archive);
	OK(cpio_find(archive, block->archive_len, "boot/init", &entry));
	packed = (struct spawn_image){.vmo = boot_handle("archive"),
				      .offset = (uint64_t)((const uint8_t *)entry.data - archive),
				      .len = entry.size,
				      .bytes = entry.data};
	OK(spawn_image_copy(&packed, &image));
	OK(cpio_find(archive, block->archive_len, "boot/shim", &entry));
	packed.offset = (uint64_t)((const uint8_t *)entry.data - archive);
	packed.len = entry.size;
	packed.bytes = entry.data;
	OK(spawn_image_copy(&packed, &aligned));
	OK(spawn_shim_open(&aligned, &shim));
}

int core_prepare(struct spawned *s, const char *role, const char *argument, handle_t silo,
		 struct spawn_handle *handles, uint32_t count)
{
	const char *argv[] = {"role", role, argument ? argument : "", NULL};
	struct spawn_handle all[24] = {{"log", core_log, RIGHT_READ | RIGHT_WRITE, 0, 0},
				       {"fd:1", core_log, RIGHT_WRITE, 0, 0}};
	struct spawn_args args = {.image = image,
				  .shim = &shim,
				  .silo = silo ? silo : core_silo,
				  .name = role,
				  .argv = argv,
				  .handles = all,
				  .handle_count = count + 2,
				  .pledges = PLEDGES_ALL};
	int result;

	CHECK(count <= 22);
	if (count)
		memcpy(all + 2, handles, count * sizeof(*handles));
	result = spawn_create(&args, s);
	if (count)
		memcpy(handles, all + 2, count * sizeof(*handles));
	return result;
}

void core_spawn(struct spawned *s, const char *role, const char *argument, handle_t silo,
		struct spawn_handle *handles, uint32_t count)
{
	OK(core_prepare(s, role, argument, silo, handles, count));
	OK(sys_thread_start(s->thread));
}

bool core_wait(struct spawned *s, struct process_info *info)
{
	uint64_t deadline = core_soon();
	handle_t queue = TAKE(sys_queue_create());
	struct event event;
	int64_t n = sys_queue_add(queue, s->process, EVENT_PROCESS, 1, 0, PROCESS_EV_EXIT);
	bool ended = false;

	OK(sys_process_info(s->process, info));
	if (n >= 0 && info->state != PROCESS_CORPSE)
		n = sys_queue_wait(queue, &event, 1, deadline);
	if (sys_process_info(s->process, info) == 0)
		ended = info->state == PROCESS_CORPSE;
	spawn_discard(s);
	core_close(queue);
	return ended;
}

void core_expect(struct spawned *s, int32_t code)
{
	struct process_info info;
	bool ended = core_wait(s, &info);

	CHECK(ended);
	CHECK_EQ(info.reason, FAULT_NONE);
	CHECK_EQ(info.code, code);
}

void core_until(handle_t thread, uint32_t run)
{
	uint64_t deadline = core_soon();
	struct thread_info info;

	do {
		OK(sys_thread_info(thread, &info));
		if (info.run == run)
			return;
		/* The state has no event of its own: let the other thread get there. */
		OK(sys_thread_sleep(time_in(100 * NS_PER_US)));
	} while (time_now() < deadline);
	CHECK_EQ(info.run, run);
}

void *core_map(uint64_t len, uint32_t prot, handle_t *vmo)
{
	struct map_args args = {.flags = prot, .len = len};
	int64_t address;

	args.vmo = TAKE(sys_vmo_create(len, VMO_ANON));
	address = sys_aspace_map(core_aspace, &args);
	CHECK(address > 0);
	if (vmo)
		*vmo = args.vmo;
	else
		core_close(args.vmo);
	return (void *)address;
}

void core_unmap(void *at, uint64_t len)
{
	OK(sys_aspace_unmap(core_aspace, (uint64_t)at, len));
}

uint64_t core_usage(handle_t silo, uint32_t resource)
{
	struct silo_info info;

	OK(sys_silo_info(silo, &info));
	return info.usage[resource];
}

void core_returns(handle_t silo, const struct silo_info *before)
{
	uint64_t deadline = time_in(2 * NS_PER_S);
	struct silo_info now;

	OK(sys_silo_info(silo, &now));
	while (memcmp(now.usage, before->usage, sizeof(now.usage)) && time_now() < deadline) {
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
		OK(sys_silo_info(silo, &now));
	}
	for (unsigned i = 0; i < RES_KINDS; i++)
		CHECK_EQ(now.usage[i], before->usage[i]);
}

handle_t core_silo_make(uint32_t id, uint32_t mode, const uint64_t *limits)
{
	struct silo_args args = {.id = id, .mode = mode};
	handle_t silo;

	if (limits)
		memcpy(args.limits, limits, sizeof(args.limits));
	silo = TAKE(sys_silo_create(core_silo, &args));
	OK(sys_silo_control(silo, SILO_OP_LOAD, 0));
	OK(sys_silo_control(silo, SILO_OP_READY, 0));
	OK(sys_silo_control(silo, SILO_OP_START, 0));
	return silo;
}

static uint32_t silo_state(handle_t silo)
{
	struct silo_info info;

	OK(sys_silo_info(silo, &info));
	return info.state;
}

void core_silo_end(handle_t silo)
{
	uint64_t deadline = core_soon();
	uint32_t state = silo_state(silo);

	if (state != SILO_CRASHED && state != SILO_STOPPED && state != SILO_ZOMBIE)
		OK(sys_silo_control(silo, SILO_OP_KILL, 0));
	for (state = silo_state(silo); state == SILO_STOPPING && time_now() < deadline;
	     state = silo_state(silo))
		OK(sys_thread_sleep(time_in(100 * NS_PER_US)));
	OK(sys_silo_control(silo, SILO_OP_DESTROY, 0));
	core_close(silo);
}

static void native_main(struct core_native *n)
{
	n->run(n->arg);
	__atomic_store_n(&n->done, 1, __ATOMIC_RELEASE);
	sys_thread_exit(0, 0);
}

void core_native_make(struct core_native *n, void (*run)(uint64_t arg), uint64_t arg)
{
	struct thread_args args = {.entry = (uint64_t)native_main,
				   .sp = (uint64_t)(n->stack + sizeof(n->stack)) - 8,
				   .arg = (uint64_t)n,
				   .gs = (uint64_t)&n->block,
				   .block = (uint64_t)&n->block};

	memset(&n->block, 0, sizeof(n->block));
	n->block.free[1] = (uint64_t)(n->shim_stack + sizeof(n->shim_stack)) - 16;
	n->block.free[7] = (uint64_t)&n->block;
	n->run = run;
	n->arg = arg;
	n->done = 0;
	n->thread = TAKE(sys_thread_create(core_process, &args));
}

void core_native_start(struct core_native *n, void (*run)(uint64_t arg), uint64_t arg)
{
	core_native_make(n, run, arg);
	OK(sys_thread_start(n->thread));
}

void core_native_join(struct core_native *n)
{
	core_until(n->thread, THREAD_DEAD);
	core_close(n->thread);
}

/* The exit port, cut out of the root device before a test may lock that; it is never given back. */
static int64_t exit_device(void)
{
	struct device_args args = {
		.ports = {{DEBUG_EXIT_PORT, 4}}, .source = ~0u, .name = "debug-exit"};

	return sys_device_create(core_device, &args);
}

_Noreturn static void machine_exit(int64_t device, uint32_t value)
{
	if (device < 0 || sys_port_write((handle_t)device, DEBUG_EXIT_PORT, 4, value) < 0)
		log_print("no debug exit");
	sys_process_exit(0);
}

static uint32_t handles_held(void)
{
	struct process_info info;

	OK(sys_process_info(core_process, &info));
	return info.handles;
}

/* The boot word test=NAME runs that one test only. */
static bool chosen(const char *name)
{
	const char *line = (const char *)boot_block()->cmdline;
	const char *word = line ? strstr(line, "test=") : NULL;
	size_t len = strlen(name);

	return !word || (strncmp(word + 5, name, len) == 0 && (unsigned char)word[5 + len] <= ' ');
}

/* Returns true unless it failed. */
static bool run_test(const struct core_test *test)
{
	volatile uint32_t before = handles_held();

	trouble[0] = 0;
	skipped = false;
	in_test = 1;
	if (setjmp(leave) == 0) {
		test->run();
		if (!trouble[0] && handles_held() != before)
			core_failed(test->name, 0, "handles held", handles_held(), before);
	}
	in_test = 0;
	if (!trouble[0])
		log_print("pass %s", test->name);
	else
		log_print("%s %s %s", skipped ? "skip" : "fail", test->name, trouble);
	return !trouble[0] || skipped;
}

static int run_role(const char *name)
{
	for (const struct core_role *role = core_roles; role->name; role++)
		if (strcmp(role->name, name) == 0)
			return role->run();
	log_print("no role %s", name);
	return 98;
}

int main(int argc, char **argv)
{
	bool good = true;
	unsigned count = 0;
	int64_t device;

	first = pthread_self();
	core_process = boot_handle("self");
	core_thread = boot_handle("thread");
	core_aspace = boot_handle("aspace");
	core_silo = boot_handle("silo");
	core_log = boot_handle("log");
	core_device = boot_handle("device");
	if (argc > 1) {
		core_argument = argc > 2 ? argv[2] : "";
		return run_role(argv[1]);
	}
	find_images();
	device = exit_device();
	for (const struct core_test *test = core_tests; test->name; test++) {
		if (!chosen(test->name))
			continue;
		good = run_test(test) && good;
		count++;
	}
	log_print("end %u", count);
	machine_exit(device, good ? CORE_PASS : CORE_FAIL);
}

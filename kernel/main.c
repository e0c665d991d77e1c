/* SPDX-License-Identifier: ISC */
/*
 * main.c: from the machine's hands to the first program.
 *
 * The kernel starts one program, boot0, whose flat image is part of the kernel
 * (see docs/bootstrap.md): the image's text and data, a stack, a read-only
 * bootstrap block, the boot archive. It knows no file and no format.
 */
#include "channel.h"
#include "device.h"
#include "info.h"
#include "log.h"
#include "memory.h"
#include "process.h"
#include "silo.h"
#include "syscall.h"
#include "abi/bootstrap.h"
#include "servers/boot0/image.h"

#define BOOT0_STACK	 0x10000000ull /* top */
#define BOOT0_STACK_SIZE (64 * 1024)
#define BOOT0_BLOCK	 0x10010000ull
#define BOOT0_ARCHIVE	 0x20000000ull

extern const uint8_t boot0_image[];

struct cpu cpus[CPUS_MAX];
unsigned cpu_count = 1;
static struct object log_object, clock_object;

/* A word `name=value` of the command line; NULL: not there. */
static const char *option(const char *name)
{
	size_t n = strlen(name);

	for (const char *p = boot.cmdline; *p; p++)
		if ((p == boot.cmdline || p[-1] == ' ') && strncmp(p, name, n) == 0)
			return p + n;
	return NULL;
}

static unsigned smp_limit(void)
{
	const char *s = option("smp=");
	unsigned n = 0;

	for (; s && *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (unsigned)(*s - '0');
	return n && n < CPUS_MAX ? n : CPUS_MAX;
}

/* ---- boot0 ----------------------------------------------------------------------------- */

static void must(int err, const char *what)
{
	if (err)
		panic("boot0: %s: error %d", what, -err);
}

static void fill(struct vmo *v, const void *data, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += PAGE_SIZE) {
		uint64_t n = len - at < PAGE_SIZE ? len - at : PAGE_SIZE;

		memcpy(phys_to_virt(vmo_frame(v, at >> PAGE_SHIFT)), (const uint8_t *)data + at, n);
	}
}

/* Map `len` bytes of `data` (rest zero) at `addr` of boot0. */
static void boot0_map(struct aspace *as, uint64_t addr, const void *data, uint64_t data_len,
		      uint64_t len, uint32_t prot)
{
	struct vmo *v;

	if (!len)
		return;
	len = page_round_up(len);
	must(vmo_make(&root_account, VMO_WIRED, len, &v), "memory");
	fill(v, data, data_len);
	must(aspace_map_vmo(as, v, 0, len, prot | MAP_AT, NULL, &addr), "mapping");
	object_put(vmo_object(v));
}

static void boot0_handle(struct bootstrap *b, struct process *p, const char *name, struct object *o,
			 uint32_t rights)
{
	struct bootstrap_handle *h = &b->handles[b->count++];

	must(handle_install(&p->table, o, rights, NULL, &h->handle), name);
	memcpy(h->name, name, strlen(name));
}

static void boot0_archive(struct bootstrap *b, struct aspace *as, struct process *p)
{
	uint64_t addr = BOOT0_ARCHIVE, skew = boot.archive & (PAGE_SIZE - 1);
	uint64_t len = page_round_up(boot.archive_len + skew);
	struct vmo *v;

	if (!boot.archive_len)
		panic("no boot archive: give one with -initrd or as a module");
	must(vmo_make_fixed(&root_account, boot.archive - skew, len, false, &v), "archive");
	must(aspace_map_vmo(as, v, 0, len, PROT_R | MAP_AT, NULL, &addr), "archive mapping");
	boot0_handle(b, p, "archive", vmo_object(v),
		     RIGHT_READ | RIGHT_EXECUTE | RIGHT_MAP | RIGHT_GRANT | RIGHT_REVOKE |
			     RIGHT_INSIDE);
	object_put(vmo_object(v));
	b->archive = addr + skew;
	b->archive_len = boot.archive_len;
}

static void boot0_start(void)
{
	static struct {
		struct bootstrap b;
		char cmdline[sizeof(boot.cmdline)];
	} block;
	const struct boot0_header *image = (const void *)boot0_image;
	struct process_args pa = {.pledges = PLEDGES_ALL, .name = "boot0"};
	struct thread_args ta = {.sp = BOOT0_STACK, .arg = BOOT0_BLOCK};
	struct bootstrap *b = &block.b;
	struct aspace *as;
	struct process *p;
	struct thread *t;
	uint64_t data = BOOT0_ADDRESS + page_round_up(image->text_len);

	assert(image->magic == BOOT0_MAGIC);
	must(aspace_make(&root_account, &as), "address space");
	boot0_map(as, BOOT0_ADDRESS, boot0_image, image->text_len, image->text_len,
		  PROT_R | PROT_X);
	boot0_map(as, data, boot0_image + page_round_up(image->text_len), image->data_len,
		  image->data_len + image->bss_len, PROT_R | PROT_W);
	boot0_map(as, BOOT0_STACK - BOOT0_STACK_SIZE, NULL, 0, BOOT0_STACK_SIZE, PROT_R | PROT_W);
	must(process_make(root_silo, as, &pa, &p), "process");
	silo_process_made(root_silo, p);
	ta.entry = image->entry;
	must(thread_make(p, as, &ta, &t), "thread");
	b->magic = BOOTSTRAP_MAGIC;
	b->version = BOOTSTRAP_VERSION;
	b->entry = image->entry;
	boot0_handle(b, p, "self", &p->object, RIGHTS_ALL & ~RIGHT_WX);
	boot0_handle(b, p, "thread", &t->object, RIGHTS_ALL & ~RIGHT_WX);
	boot0_handle(b, p, "aspace", &as->object, RIGHTS_ALL & ~RIGHT_WX);
	boot0_handle(b, p, "silo", &root_silo->object, RIGHTS_ALL & ~RIGHT_WX);
	boot0_handle(b, p, "log", &log_object, RIGHTS_ALL & ~RIGHT_WX);
	boot0_handle(b, p, "clock", &clock_object, RIGHTS_ALL & ~RIGHT_WX);
	boot0_handle(b, p, "device", device_object(device_root()), RIGHTS_ALL & ~RIGHT_WX);
	boot0_archive(b, as, p);
	memcpy(block.cmdline, boot.cmdline, sizeof(block.cmdline));
	b->cmdline = BOOT0_BLOCK + offsetof(typeof(block), cmdline);
	boot0_map(as, BOOT0_BLOCK, &block, sizeof(block), sizeof(block), PROT_R);
	object_put(&as->object);
	process_set_state(p, PROCESS_RUNNING);
	thread_set_run(t, THREAD_READY); /* holds itself by thread_make's reference */
	sched_ready(t);
	object_put(&p->object);
}

/* ---- CPUs -------------------------------------------------------------------------------- */

static void cpu_begin(struct cpu *c)
{
	c->slice_end = c->timer_armed = DEADLINE_NEVER;
	c->since = arch_cycles();
	c->online = true;
	c->resched = true;
}

noreturn void kernel_cpu_main(struct cpu *c)
{
	lock_kernel();
	cpu_begin(c);
	info_cpu_online();
	sched_pick();
	sched_timer_check(this_cpu());
	arch_leave();
}

noreturn void kernel_main(void)
{
	frame_init(boot.usable, boot.usable_count);
	arch_init();
	random_init();
	log_options(boot.cmdline);
	info_init();
	if (option("lock=measure"))
		lock_measure();
	memory_poisoned = option("memory=poison") != NULL;
	klog(LOG_BOOT, LOG_INFO, "Bulkhead: %lu MiB memory, %lu MiB free", frames_total() >> 8,
	     frames_free() >> 8);
	silo_init();
	irq_init();
	device_init();
	object_init(&log_object, OBJ_LOG, &root_account);
	object_init(&clock_object, OBJ_CLOCK, &root_account);
	lock_kernel();
	cpu_begin(&cpus[0]);
	info_cpu_online();
	boot0_start();
	arch_start_cpus(smp_limit());
	klog(LOG_BOOT, LOG_INFO, "%u CPUs", cpu_count);
	sched_pick();
	sched_timer_check(this_cpu());
	arch_leave();
}

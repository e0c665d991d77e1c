/* SPDX-License-Identifier: ISC */
/*
 * device.c: device capabilities: which registers, ports, lines, requester and
 * how much DMA memory a driver may use. What is behind them (PCI, reset, MSI-X
 * tables) is user space's.
 *
 * The root device stands for the whole machine but for RAM and the kernel's own
 * controllers, and owns nothing exclusively. device_create cuts narrower ones;
 * two cut from the same device never overlap in registers, ports or requester.
 * Interrupt lines may be shared, because level lines are.
 *
 * Ownership and death: device.h. docs/objects/device.md.
 */
#include "device_private.h"
#include "arch.h"
#include "iommu.h"
#include "log.h"
#include "memory.h"
#include "syscall.h"

#define PORTS_END    0x10000u
#define LOW_RAM_END  0xa0000u  /* below: RAM, whatever the memory map says */
#define LEGACY_END   0x100000u /* VGA and BIOS window up to here: allowed */
#define PHYSICAL_END (1ull << 52)
#define UART_PORTS   8
#define DEVICE_RIGHTS                                                                              \
	(RIGHT_READ | RIGHT_WRITE | RIGHT_MAP | RIGHT_GRANT | RIGHT_REVOKE | RIGHT_WAIT |          \
	 RIGHT_MANAGE | RIGHT_INSIDE)

static struct device *root;
static struct list all = {&all, &all};
static struct list working = {&working, &working}; /* device.work_node */
static bool locked;
static unsigned uart_owners; /* devices with an owner and the UART's ports */

/* Interrupt controllers' windows: the kernel's alone. */
static const struct phys_range own_windows[] = {{0xfec00000, 0x100000}, {0xfee00000, 0x100000}};

struct device *device_root(void)
{
	return root;
}

struct list *devices_all(void)
{
	return &all;
}

struct device *device_of(struct object *o)
{
	return container_of(o, struct device, object);
}

struct object *device_object(struct device *d)
{
	return &d->object;
}

int devices_lock(const struct device *root)
{
	if (!device_is_root(root))
		return -EINVAL;
	if (!locked)
		klog(LOG_DEVICE, LOG_INFO, "discovery is locked");
	locked = true;
	return 0;
}

/* ---- ranges ---------------------------------------------------------------------- */

static bool overlap(const struct phys_range *a, const struct phys_range *b)
{
	return a->len && b->len && a->base < b->base + b->len && b->base < a->base + a->len;
}

static bool overlaps_any(const struct phys_range *r, const struct phys_range *set, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (overlap(r, &set[i]))
			return true;
	return false;
}

static bool inside_any(const struct phys_range *r, const struct phys_range *set)
{
	for (unsigned i = 0; i < DEVICE_RANGES; i++)
		if (r->base >= set[i].base && r->len <= set[i].len &&
		    r->base - set[i].base <= set[i].len - r->len)
			return true;
	return false;
}

static bool range_valid(const struct phys_range *r, uint64_t end)
{
	return r->base < end && r->len <= end - r->base;
}

/* Registers, for all we can tell: no RAM, none of the kernel's windows. */
static bool registers_allowed(const struct phys_range *r)
{
	if (overlaps_any(r, own_windows, array_len(own_windows)) || iommu_owns(r->base, r->len))
		return false;
	if (r->base >= LOW_RAM_END && r->base + r->len <= LEGACY_END)
		return true;
	return r->base >= LOW_RAM_END && !overlaps_any(r, boot.ram, boot.ram_count);
}

bool device_has_registers(const struct device *d, uint64_t base, uint64_t len)
{
	const struct phys_range r = {base, len};

	if (!len || !range_valid(&r, PHYSICAL_END) || !registers_allowed(&r))
		return false;
	return device_is_root(d) || inside_any(&r, d->args.regs);
}

static bool has_ports(const struct device *d, uint64_t port, uint64_t n)
{
	const struct phys_range r = {port, n};

	if (!n || !range_valid(&r, PORTS_END))
		return false;
	return device_is_root(d) || inside_any(&r, d->args.ports);
}

bool device_has_line(const struct device *d, uint32_t line)
{
	if (line >= arch_line_count())
		return false;
	if (device_is_root(d))
		return true;
	for (unsigned i = 0; i < DEVICE_LINES; i++)
		if (d->args.lines[i] == line + 1)
			return true;
	return false;
}

/* ---- finding and owning ------------------------------------------------------------ */

int device_find(struct thread *cur, handle_t h, uint32_t rights, uint32_t mode, struct cap **cap,
		struct device **out)
{
	int err = cap_find(cur, h, OBJ_DEVICE, rights, cap);

	if (err)
		return err;
	if ((cur->process->silo->mode & mode) != mode)
		return -EPERM;
	*out = device_of((*cap)->object);
	return 0;
}

static bool has_uart(const struct device *d)
{
	const struct phys_range uart = {UART_PORT_BASE, UART_PORTS};

	return !device_is_root(d) && overlaps_any(&uart, d->args.ports, DEVICE_RANGES);
}

const char *device_name(uint32_t source)
{
	list_for_each (d, &all, struct device, all_node)
		if (d->args.source == source && source != NO_SOURCE)
			return d->args.name;
	return "unknown device";
}

bool uart_owned(void)
{
	return uart_owners > 0;
}

int device_own(struct device *d, struct process *p)
{
	if (likely(d->owner == p))
		return 0;
	if (d->owner)
		return -EBUSY;
	d->owner = p;
	if (has_uart(d))
		uart_owners++;
	return 0;
}

static void disown(struct device *d)
{
	if (d->owner && has_uart(d))
		uart_owners--;
	d->owner = NULL;
	d->used = false;
}

void device_settle(struct device *d, const struct process *p, int64_t result)
{
	if (likely(d->used) || d->owner != p)
		return;
	if (result >= 0)
		d->used = true;
	else if (!owner_ends(d) && !claims_under_way(d))
		disown(d);
}

/* Registers and ports: who holds REVOKE may look without becoming the owner. */
static int use_registers(struct thread *cur, const struct cap *c, struct device *d)
{
	return c->rights & RIGHT_REVOKE ? 0 : device_own(d, cur->process);
}

/* ---- silence ------------------------------------------------------------------------ */

/* Nothing in its reach, no handle and no narrower device: its ranges are free again; the same may
 * hold above. */
static void device_leave(struct device *d)
{
	while (!device_is_root(d) && !d->object.handles && list_empty(&d->children) &&
	       list_empty(&d->claims)) {
		list_del(&d->sibling);
		d = d->parent;
	}
}

/* A slice of it; true: it is silent. Who is the owner remains so until then. The caller holds a
 * reference. */
static bool device_silence(struct device *d, struct slice *s)
{
	irqs_silence(d);
	if (!claims_silence(d, s))
		return false;
	if (owner_ends(d))
		klog(LOG_DEVICE, LOG_INFO, "%s: owner %lu %s died, silenced", d->args.name,
		     d->owner->pid, d->owner->name);
	disown(d);
	device_leave(d);
	return true;
}

static struct device *owned_by(const struct process *p)
{
	list_for_each (d, &all, struct device, all_node)
		if (d->owner == p)
			return d;
	return NULL;
}

bool device_owner_died(struct process *p)
{
	struct device *d = owned_by(p);

	if (d)
		device_work(d);
	return !d;
}

void device_work(struct device *d)
{
	if (!list_empty(&d->work_node))
		return;
	object_get(&d->object);
	list_add_tail(&working, &d->work_node);
	sched_cleanup();
}

bool devices_cleanup(struct slice *s)
{
	while (!list_empty(&working)) {
		struct device *d = list_first(&working, struct device, work_node);

		bool silent = !d->object.handles || owner_ends(d);

		if (!(silent ? device_silence(d, s) : claims_tidy(d, s)))
			return true;
		list_del(&d->work_node);
		object_put(&d->object);
	}
	return false;
}

/* ---- birth and death ---------------------------------------------------------------- */

static struct device *device_make(struct account *a, struct device *parent)
{
	struct device *d = kmem_alloc(a, sizeof(*d));

	if (!d)
		return NULL;
	object_init(&d->object, OBJ_DEVICE, a);
	list_init(&d->children);
	list_init(&d->sibling);
	list_init(&d->irqs);
	list_init(&d->claims);
	list_init(&d->silenced);
	list_init(&d->work_node);
	list_add_tail(&all, &d->all_node);
	d->parent = parent;
	if (parent) {
		d->depth = parent->depth + 1;
		object_get(&parent->object);
		list_add_tail(&parent->children, &d->sibling);
	}
	return d;
}

void device_init(void)
{
	root = device_make(&root_account, NULL);
	assert(root);
	root->args.source = NO_SOURCE;
	root->args.dma_max = UINT64_MAX;
	root->args.msi = UINT32_MAX;
	memcpy(root->args.name, "root", 5);
	iommu_init();
}

void device_unhandled(struct object *o)
{
	struct device *d = device_of(o);
	struct slice s = {SLICE_DESTROY};

	if (!device_silence(d, &s))
		device_work(d);
}

void device_destroy(struct object *o)
{
	struct device *d = device_of(o);

	assert(d != root && list_empty(&d->children) && list_empty(&d->irqs));
	assert(!d->claim_count && !d->owner);
	if (d->domain)
		iommu_domain_put(d->domain);
	list_del(&d->sibling);
	list_del(&d->all_node);
	object_put(&d->parent->object);
	kmem_free(d, sizeof(*d));
}

/* ---- cutting -------------------------------------------------------------------------- */

static int decode_args(const struct device_args *a)
{
	for (unsigned i = 0; i < DEVICE_RANGES; i++)
		if ((a->regs[i].len && !range_valid(&a->regs[i], PHYSICAL_END)) ||
		    (a->ports[i].len && !range_valid(&a->ports[i], PORTS_END)))
			return -EINVAL;
	for (unsigned i = 0; i < DEVICE_LINES; i++)
		if (a->lines[i] > arch_line_count())
			return -EINVAL;
	return a->name[NAME_MAX_LEN - 1] ? -EINVAL : 0;
}

static bool covers(const struct device *parent, const struct device_args *a)
{
	for (unsigned i = 0; i < DEVICE_RANGES; i++) {
		const struct phys_range *r = &a->regs[i], *p = &a->ports[i];

		if (r->len && !device_has_registers(parent, r->base, r->len))
			return false;
		if (p->len && !has_ports(parent, p->base, p->len))
			return false;
	}
	for (unsigned i = 0; i < DEVICE_LINES; i++)
		if (a->lines[i] && !device_has_line(parent, a->lines[i] - 1))
			return false;
	if (device_is_root(parent))
		return true;
	return (a->source == NO_SOURCE || a->source == parent->args.source) &&
	       a->msi <= parent->args.msi && a->dma_max <= parent->args.dma_max;
}

static bool collides(const struct device_args *a, const struct device_args *b)
{
	if (a->source != NO_SOURCE && a->source == b->source)
		return true;
	for (unsigned i = 0; i < DEVICE_RANGES; i++)
		if (overlaps_any(&a->regs[i], b->regs, DEVICE_RANGES) ||
		    overlaps_any(&a->ports[i], b->ports, DEVICE_RANGES))
			return true;
	return false;
}

/* Who had such hardware and let it go is silent. K_RESTART: not yet. */
static int silence_await(const struct device_args *a)
{
	struct slice s = {SLICE_CALL};

	list_for_each (d, &all, struct device, all_node)
		if (!d->object.handles && !list_empty(&d->claims) && collides(a, &d->args)) {
			object_get(&d->object);
			(void)device_silence(d, &s);
			object_put(&d->object);
			return K_RESTART;
		}
	return 0;
}

static int cut_allowed(const struct device *parent, const struct device_args *a)
{
	if ((locked && device_is_root(parent)) || !covers(parent, a))
		return -EPERM;
	if (parent->depth == CAP_DEPTH_MAX)
		return -EMLINK;
	if (silence_await(a))
		return K_RESTART;
	list_for_each (d, &parent->children, struct device, sibling)
		if (collides(a, &d->args))
			return -EBUSY;
	return 0;
}

/* DMA memory that an earlier device for the same hardware left in quarantine is the new one's. */
static void orphans_adopt(struct device *d)
{
	list_for_each_safe (o, &all, struct device, all_node) {
		if (o->object.handles || !o->dma_quarantined || !collides(&d->args, &o->args))
			continue;
		object_get(&o->object); /* its claims may be all that holds it */
		claims_adopt(d, o);
		object_put(&o->object);
	}
}

int64_t sys_device_create(struct thread *cur, handle_t parent, uaddr_t args)
{
	struct device_args a;
	struct device *above, *d;
	struct cap *c;
	handle_t h;
	int64_t err = device_find(cur, parent, RIGHT_MANAGE, 0, &c, &above);

	if (!err)
		err = copy_in(cur, &a, args, sizeof(a));
	if (!err)
		err = decode_args(&a);
	if (!err)
		err = cut_allowed(above, &a);
	if (err)
		return err;
	d = device_make(cur->process->account, above);
	if (!d)
		return -ENOMEM;
	d->args = a;
	log_clean(d->args.name, strlen(d->args.name));
	err = handle_install(&cur->process->table, &d->object, DEVICE_RIGHTS, c, &h);
	if (!err)
		orphans_adopt(d);
	object_put(&d->object); /* the handle holds it; without one it goes */
	return err ? err : (int64_t)h;
}

/* ---- the other calls -------------------------------------------------------------------- */

int64_t sys_device_info(struct thread *cur, handle_t device, uaddr_t out)
{
	struct device_info info;
	struct device *d;
	struct cap *c;
	int err = device_find(cur, device, RIGHT_READ, 0, &c, &d);

	if (err)
		return err;
	memset(&info, 0, sizeof(info));
	info.args = d->args;
	info.dma_used = d->dma_used;
	info.dma_quarantined = d->dma_quarantined;
	info.irqs = d->irq_count;
	info.confined = iommu_present() && !device_is_root(d);
	return copy_out(cur, out, &info, sizeof(info));
}

static int port_find(struct thread *cur, handle_t device, uint32_t rights, uint32_t port,
		     uint32_t width)
{
	struct device *d;
	struct cap *c;
	int err = device_find(cur, device, rights, MODE_IO, &c, &d);

	if (err)
		return err;
	if (width != 1 && width != 2 && width != 4)
		return -EINVAL;
	if (!has_ports(d, port, width))
		return -EPERM;
	err = use_registers(cur, c, d);
	device_settle(d, cur->process, err);
	return err;
}

int64_t sys_port_read(struct thread *cur, handle_t device, uint32_t port, uint32_t width)
{
	int err = port_find(cur, device, RIGHT_READ, port, width);

	return err ? err : (int64_t)arch_port_read((uint16_t)port, width);
}

int64_t sys_port_write(struct thread *cur, handle_t device, uint32_t port, uint32_t width,
		       uint32_t value)
{
	int err = port_find(cur, device, RIGHT_WRITE, port, width);

	if (!err)
		arch_port_write((uint16_t)port, width, value);
	return err;
}

int64_t sys_vmo_create_physical(struct thread *cur, handle_t device, uint64_t base, uint64_t size)
{
	struct device *d;
	struct cap *c;
	int64_t err = device_find(cur, device, RIGHT_MAP, MODE_IO, &c, &d);

	if (err)
		return err;
	if (!size || !page_aligned(base | size))
		return -EINVAL;
	if (!device_has_registers(d, base, size))
		return -EPERM;
	err = use_registers(cur, c, d);
	if (!err)
		err = claim_registers(cur, c, d, base, size);
	device_settle(d, cur->process, err);
	return err;
}

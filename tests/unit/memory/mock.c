/* SPDX-License-Identifier: ISC */
/* mock.c: see mock.h. */
#include "mock.h"
#include <stdarg.h>
#include <sys/mman.h>
#include "kernel/device.h"
#include "kernel/iommu.h"
#include "kernel/queue.h"
#include "kernel/slice.h"

struct space {
	bool used;
	struct pte pt[2][WINDOW_PAGES], tlb[2][WINDOW_PAGES];
};
static struct space spaces[SPACES + 1]; /* index: arch_aspace.root */
static struct silo silo = {.account = &root_account};
static struct process process = {.silo = &silo, .account = &root_account, .pid = 7};
struct thread mock_thread = {.process = &process, .object = {.refs = 1, .account = &root_account}};
uint64_t mock_flushes;
bool mock_parked;
struct boot_info boot;
uint64_t object_counts[OBJ_TYPES];

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

void mock_init(uint64_t pages)
{
	char *ram =
		mmap(NULL, pages * PAGE_SIZE, PROT_R | PROT_W, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct phys_range range = {virt_to_phys(ram), pages * PAGE_SIZE};

	if (ram == MAP_FAILED)
		panic("no memory for the test");
	frame_init(&range, 1);
}

/* ---- page tables ------------------------------------------------------------- */

static uint64_t window_index(uint64_t va, unsigned *window)
{
	*window = va >= CHOICE_LO;
	return (va - (*window ? CHOICE_LO : AT_BASE)) >> PAGE_SHIFT;
}

static struct pte *entry(const struct arch_aspace *a, uint64_t va, bool tlb)
{
	unsigned w;
	uint64_t i = window_index(va, &w);

	if (i >= WINDOW_PAGES)
		panic("address %lx is in no window", (unsigned long)va);
	return tlb ? &spaces[a->root].tlb[w][i] : &spaces[a->root].pt[w][i];
}

struct pte *mock_pte(const struct arch_aspace *a, uint64_t va)
{
	return entry(a, va, false);
}

struct pte *mock_tlb(const struct arch_aspace *a, uint64_t va)
{
	return entry(a, va, true);
}

int arch_aspace_init(struct arch_aspace *a, struct account *pay)
{
	for (unsigned i = 1; i <= SPACES; i++)
		if (!spaces[i].used) {
			memset(&spaces[i], 0, sizeof(spaces[i]));
			spaces[i].used = true;
			a->root = i;
			a->account = pay;
			return 0;
		}
	return -ENOMEM;
}

bool arch_aspace_free(struct arch_aspace *a, unsigned budget)
{
	assert(budget);
	for (unsigned w = 0; w < 2; w++)
		for (unsigned i = 0; i < WINDOW_PAGES; i++)
			assert(!spaces[a->root].pt[w][i].pa && !spaces[a->root].tlb[w][i].pa);
	spaces[a->root].used = false;
	return true;
}

int arch_map(struct arch_aspace *a, uint64_t va, paddr_t pa, uint32_t prot)
{
	*mock_pte(a, va) = (struct pte){pa, prot | ARCH_R};
	return 0;
}

paddr_t arch_unmap(struct arch_aspace *a, uint64_t va, bool *dirty)
{
	paddr_t pa;

	*dirty = false;
	if (va == USER_INFO_PAGE)
		return 0;
	pa = mock_pte(a, va)->pa;
	*mock_pte(a, va) = (struct pte){0};
	return pa;
}

bool arch_protect(struct arch_aspace *a, uint64_t va, uint32_t prot)
{
	struct pte *p = mock_pte(a, va);

	p->prot = p->pa ? prot | ARCH_R : 0;
	return p->pa != 0;
}

paddr_t arch_lookup(struct arch_aspace *a, uint64_t va, uint32_t *prot)
{
	struct pte *p = mock_pte(a, va);

	*prot = p->prot;
	return p->pa;
}

void *arch_writable(const struct arch_aspace *a, uint64_t va)
{
	struct pte *p = mock_pte(a, va);

	if (!p->pa || !(p->prot & ARCH_W) || (p->prot & ARCH_UNCACHED))
		return NULL;
	return phys_to_virt(p->pa & ~(uint64_t)(PAGE_SIZE - 1));
}

const void *arch_readable(const struct arch_aspace *a, uint64_t va)
{
	struct pte *p = mock_pte(a, va);

	if (!p->pa || (p->prot & ARCH_UNCACHED))
		return NULL;
	return phys_to_virt(p->pa & ~(uint64_t)(PAGE_SIZE - 1));
}

uint64_t arch_next_present(struct arch_aspace *a, uint64_t va, uint64_t end)
{
	while (va < end && !mock_pte(a, va)->pa)
		va += PAGE_SIZE;
	return va;
}

void arch_tlb_flush(struct arch_aspace *a, uint64_t va, uint64_t pages)
{
	mock_flushes++;
	if (!pages || pages > 64)
		memset(spaces[a->root].tlb, 0, sizeof(spaces[a->root].tlb));
	else
		for (uint64_t i = 0; i < pages; i++)
			*mock_tlb(a, va + i * PAGE_SIZE) = (struct pte){0};
}

int user_access(struct aspace *as, uint64_t va, bool write, uint64_t *value)
{
	uint32_t need = write ? PROT_W : PROT_R;
	enum fault_reason reason;

	for (unsigned tries = 0; tries < 3; tries++) {
		struct pte *t = mock_tlb(&as->arch, va);
		uint64_t *word;

		if (!t->pa || !(t->prot & need))
			*t = *mock_pte(&as->arch, va); /* a miss walks the tables */
		if (t->pa && (t->prot & need)) {
			word = phys_to_virt(t->pa);
			*(write ? word : value) = *(write ? value : word);
			return 0;
		}
		*t = (struct pte){0};
		if (aspace_fault(as, &mock_thread, va, need, &reason))
			return -EFAULT;
	}
	panic("the fault at %lx does not end", (unsigned long)va);
}

/* ---- copies of the current thread, in mock_thread.aspace ----------------------- */

static uint64_t copy(uint64_t user, char *kernel, uint64_t len, bool out, uint64_t *fault)
{
	struct aspace *as = mock_thread.aspace;

	for (uint64_t i = 0; i < len; i++) {
		uint64_t va = (user + i) & ~(uint64_t)(PAGE_SIZE - 1);
		struct pte *p = mock_pte(&as->arch, va);
		char *byte;

		if (!p->pa || !(p->prot & (out ? ARCH_W : ARCH_R))) {
			*fault = user + i;
			return len - i;
		}
		byte = (char *)phys_to_virt(p->pa) + ((user + i) & (PAGE_SIZE - 1));
		*(out ? byte : kernel + i) = *(out ? kernel + i : byte);
	}
	return 0;
}

uint64_t arch_copy_in(void *dst, uint64_t src, uint64_t len, uint64_t *fault)
{
	return copy(src, dst, len, false, fault);
}

uint64_t arch_copy_out(uint64_t dst, const void *src, uint64_t len, uint64_t *fault)
{
	return copy(dst, (char *)src, len, true, fault);
}

/* ---- objects, handles, the derivation tree ------------------------------------- */

struct account *thread_account(const struct thread *cur)
{
	return cur->process->silo->account;
}

void object_init(struct object *o, enum object_type type, struct account *account)
{
	static uint64_t id;

	id++;
	*o = (struct object){.type = (uint8_t)type, .refs = 1, .id = id, .account = account};
	account_get(account);
}

void object_put(struct object *o)
{
	struct account *a = o->account;

	assert(o->refs);
	if (--o->refs)
		return;
	if (o->type == OBJ_VMO)
		vmo_destroy(o);
	else if (o->type == OBJ_ASPACE)
		aspace_destroy(o);
	account_put(a);
}

static struct cap caps[256];

handle_t mock_handle(struct object *o, uint32_t rights)
{
	for (handle_t h = 1; h < array_len(caps); h++)
		if (!caps[h].object) {
			caps[h] = (struct cap){.object = o, .rights = rights};
			object_get(o);
			return h;
		}
	panic("no handle left");
}

struct cap *mock_cap(handle_t h)
{
	return &caps[h];
}

void mock_close(handle_t h)
{
	struct object *o = caps[h].object;

	while (caps[h].child)
		cap_unlink(caps[h].child);
	caps[h].object = NULL;
	object_put(o);
}

int cap_find(const struct thread *cur, handle_t h, enum object_type type, uint32_t rights,
	     struct cap **out)
{
	(void)cur;
	if (h >= array_len(caps) || !caps[h].object)
		return -EBADF;
	if (caps[h].object->type != type)
		return -EINVAL;
	*out = &caps[h];
	return (caps[h].rights & rights) == rights ? 0 : -EACCES;
}

int object_find(const struct thread *cur, handle_t h, enum object_type type, uint32_t rights,
		struct object **out)
{
	struct cap *c;
	int err = cap_find(cur, h, type, rights, &c);

	if (!err)
		*out = c->object;
	return err;
}

int handle_install(struct handle_table *t, struct object *o, uint32_t rights, struct cap *parent,
		   handle_t *out)
{
	(void)t;
	(void)parent;
	*out = mock_handle(o, rights);
	return 0;
}

void cap_link_child(struct cap *parent, struct cap *node)
{
	node->parent = parent;
	node->prev = NULL;
	node->next = parent ? parent->child : NULL;
	if (node->next)
		node->next->prev = node;
	if (parent)
		parent->child = node;
}

void cap_unlink(struct cap *node)
{
	if (node->prev)
		node->prev->next = node->next;
	else if (node->parent)
		node->parent->child = node->next;
	if (node->next)
		node->next->prev = node->prev;
	node->parent = node->next = node->prev = NULL;
}

/* ---- threads and queues ---------------------------------------------------------- */

void thread_park(struct thread *cur, enum thread_run why, uint64_t deadline)
{
	(void)deadline;
	cur->run = (uint8_t)why;
	mock_parked = true;
}

void thread_wake(struct thread *t, int64_t result)
{
	assert(result == K_RESTART && t->run == THREAD_PAGER);
	t->run = THREAD_RUNNING;
	mock_parked = false;
}

uint64_t arch_now(void)
{
	return 1;
}

struct watch *watch_make(struct queue *q, uint32_t kind, uint64_t key, struct account *a)
{
	struct watch *w = kmem_alloc(a, sizeof(*w));

	w->queue = q;
	w->kind = kind;
	w->key = key;
	list_init(&w->source_node);
	return w;
}

void watch_raise(struct watch *w, uint64_t data0, uint64_t data1)
{
	(void)data0;
	(void)data1;
	w->count++;
}

void watch_list_raise(struct list *source_list, uint32_t kind, uint64_t mask, uint64_t data0,
		      uint64_t data1)
{
	(void)source_list;
	(void)kind;
	(void)mask;
	(void)data0;
	(void)data1;
}

void watch_end(struct watch *w)
{
	pager_watch_ended(w);
	kmem_free(w, sizeof(*w));
}

/* ---- invariants -------------------------------------------------------------------- */

static void entry_check(struct aspace *as, uint64_t va)
{
	const struct pte *p = mock_pte(&as->arch, va), *t = mock_tlb(&as->arch, va);
	struct mapping *m = mapping_at(as, va);
	struct vmo_page page;

	if (t->pa) /* a TLB may lag behind in rights gained, in nothing else */
		assert(t->pa == p->pa && !(t->prot & ~p->prot));
	if (!p->pa)
		return;
	assert(m && m->vmo);
	if (m->gone)
		return;
	assert(mapping_page(m, va) < m->vmo->pages &&
	       vmo_page_peek(m->vmo, mapping_page(m, va), &page) && page.pa == p->pa);
	assert(page.writable || !(p->prot & ARCH_W));
	assert(m->stale <= va || !((p->prot & 7) & ~(m->prot | ARCH_R)));
}

void mock_check(struct aspace *as)
{
	uint64_t resident = 0;

	for (uint32_t i = 0; i < as->mapping_count; i++) {
		const struct mapping *m = as->mappings[i];

		assert(m->start < m->end && m->stale >= m->start && m->stale <= m->end);
		assert(!i || as->mappings[i - 1]->end <= m->start);
	}
	for (uint64_t i = 0; i < WINDOW_PAGES; i++) {
		entry_check(as, AT_BASE + i * PAGE_SIZE);
		entry_check(as, CHOICE_LO + i * PAGE_SIZE);
		resident += mock_pte(&as->arch, AT_BASE + i * PAGE_SIZE)->pa ? PAGE_SIZE : 0;
		resident += mock_pte(&as->arch, CHOICE_LO + i * PAGE_SIZE)->pa ? PAGE_SIZE : 0;
	}
	assert(resident == as->resident);
}

struct thread *memory_waiter;

bool memory_awaited(void)
{
	return false;
}

void sched_cleanup(void)
{
}

/* No information page: it lies beyond the windows. */
paddr_t info_frame(uint32_t flags)
{
	(void)flags;
	return 0;
}

/* ---- devices: there are none --------------------------------------------------------- */

void dma_call_drop(struct thread *t)
{
	(void)t;
}

bool devices_cleanup(struct slice *s)
{
	(void)s;
	return false;
}

bool iommu_cleanup(struct slice *s)
{
	(void)s;
	return false;
}

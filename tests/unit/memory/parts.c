/* SPDX-License-Identifier: ISC */
/*
 * parts.c: single parts of the kernel's memory side: runs of bits, page indexes
 * against an array, charging, slabs, clones of each kind of VMO, pagers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "mock.h"
#include "kernel/bitmap.h"
#include "kernel/queue.h"
#include "syscalls.h"

#define OK(call) assert_int_equal(call, 0)

static uint64_t random_state = 1;

static uint32_t rnd(uint32_t n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33) % n;
}

/* ---- pure parts ---------------------------------------------------------------- */

static uint64_t find_run_slowly(const uint64_t *map, uint64_t bits, uint64_t n, uint64_t align,
				uint64_t phase)
{
	for (uint64_t i = 0; i + n <= bits; i++) {
		uint64_t k = 0;

		while (k < n && bitmap_test(map, i + k))
			k++;
		if (k == n && ((i + phase) & (align - 1)) == 0)
			return i;
	}
	return BITMAP_NONE;
}

void test_bitmap(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		uint64_t map[8] = {0}, bits = 1 + rnd(512), n = 1 + rnd(40), phase = rnd(8);
		uint64_t align = 1ull << rnd(6);

		for (unsigned i = 0; i < bits; i++)
			if (rnd(16))
				bitmap_set(map, i);
		assert_int_equal(bitmap_find_run(map, bits, n, align, phase),
				 find_run_slowly(map, bits, n, align, phase));
	}
}

void test_index(void **state)
{
	static uint64_t shadow[5000];
	static const uint64_t stride[] = {1, 63, 4097, 1u << 20};
	uint64_t kmem = kmem_bytes();

	(void)state;
	for (unsigned s = 0; s < array_len(stride); s++) {
		uint64_t pages = stride[s] == 1u << 20 ? 256 : array_len(shadow);
		struct index ix = {0};

		memset(shadow, 0, sizeof(shadow));
		for (unsigned i = 0; i < 20000; i++) {
			uint64_t at = rnd((uint32_t)pages), next = at;

			if (rnd(2)) {
				shadow[at] = (1ull + rnd(1000)) << PAGE_SHIFT;
				OK(index_set(&ix, at * stride[s], shadow[at], &root_account));
			} else {
				assert_int_equal(index_clear(&ix, at * stride[s]), shadow[at]);
				shadow[at] = 0;
			}
			at = rnd((uint32_t)pages);
			assert_int_equal(index_get(&ix, at * stride[s]), shadow[at]);
			for (next = at; next < pages && !shadow[next]; next++)
				;
			assert_int_equal(index_next(&ix, at * stride[s], pages * stride[s]),
					 next * stride[s]);
			if (stride[s] != 1)
				continue;
			for (next = at; next < pages && shadow[next]; next++)
				;
			assert_int_equal(index_next_absent(&ix, at, pages), next);
		}
		for (uint64_t i = 0; i < pages; i++)
			index_clear(&ix, i * stride[s]);
		assert_null(ix.root);
		assert_int_equal(kmem_bytes(), kmem);
	}
}

/* ---- charging ------------------------------------------------------------------ */

void test_accounts(void **state)
{
	uint64_t base = root_account.usage[RES_MEMORY], start;
	struct account *a, *b;

	(void)state;
	a = account_create(&root_account, 10);
	b = account_create(a, 11);
	assert_true(a && b);
	start = root_account.usage[RES_MEMORY];
	a->limit[RES_MEMORY] = a->usage[RES_MEMORY] + 1000;
	OK(account_charge(b, RES_MEMORY, 600));
	assert_int_equal(account_charge(b, RES_MEMORY, 500), -ENOMEM); /* above it */
	assert_int_equal(b->usage[RES_MEMORY], 600);		       /* ... and taken back */
	assert_int_equal(a->refused[RES_MEMORY], 1);
	assert_int_equal(root_account.usage[RES_MEMORY], start + 600);
	assert_int_equal(account_charge(b, RES_MEMORY, UINT64_MAX), -ENOMEM);
	b->limit[RES_THREADS] = 1;
	OK(account_charge(b, RES_THREADS, 1));
	assert_int_equal(account_charge(b, RES_THREADS, 1), -EDQUOT);
	account_uncharge(b, RES_THREADS, 1);
	/* A reserve counts above at once; use below it does not count again. */
	assert_int_equal(account_reserve(b, 1100), -EDQUOT);
	OK(account_reserve(b, 900));
	assert_int_equal(root_account.usage[RES_MEMORY], start + 900);
	OK(account_charge(b, RES_MEMORY, 300));
	assert_int_equal(root_account.usage[RES_MEMORY], start + 900);
	OK(account_charge(b, RES_MEMORY, 50));
	assert_int_equal(root_account.usage[RES_MEMORY], start + 950);
	account_uncharge(b, RES_MEMORY, 150);
	assert_int_equal(root_account.usage[RES_MEMORY], start + 900);
	/* Closed: the reserve is given back, what is used stays counted above. */
	account_close(b);
	assert_int_equal(root_account.usage[RES_MEMORY], start + 800);
	assert_int_equal(account_charge(b, RES_MEMORY, 1), -ENOMEM);
	account_uncharge(b, RES_MEMORY, 800);
	account_put(b);
	account_put(a);
	assert_int_equal(root_account.usage[RES_MEMORY] <= base + PAGE_SIZE, true);
}

/* A part moves with all that is charged to it, or stays as it was. */
void test_account_parts(void **state)
{
	struct account *a = account_create(&root_account, 10), *b = account_create(a, 11);
	struct account *c = account_create(&root_account, 12), *part = account_part(b);
	uint64_t in_a, in_b, in_c, start;

	(void)state;
	assert_true(a && b && c && part);
	OK(account_charge(part, RES_MEMORY, 500));
	OK(account_charge(part, RES_THREADS, 2));
	in_a = a->usage[RES_MEMORY];
	in_b = b->usage[RES_MEMORY];
	in_c = c->usage[RES_MEMORY];
	start = root_account.usage[RES_MEMORY];
	assert_ptr_equal(account_of_silo(part), b);
	/* what it refuses counts in its silo */
	part->limit[RES_MEMORY] = 600;
	assert_int_equal(account_charge(part, RES_MEMORY, 101), -ENOMEM);
	assert_int_equal(part->usage[RES_MEMORY], 500);
	assert_int_equal(b->usage[RES_MEMORY], in_b);
	assert_int_equal(b->refused[RES_MEMORY], 1);
	assert_int_equal(a->refused[RES_MEMORY], 0);
	/* refused by the second resource: nothing has changed, limits below use included */
	c->limit[RES_THREADS] = 1;
	b->limit[RES_MEMORY] = a->limit[RES_MEMORY] = 1;
	assert_int_equal(account_move(part, c), -EDQUOT);
	assert_ptr_equal(part->parent, b);
	assert_int_equal(a->usage[RES_MEMORY], in_a);
	assert_int_equal(b->usage[RES_MEMORY], in_b);
	assert_int_equal(b->usage[RES_THREADS], 2);
	assert_int_equal(c->usage[RES_MEMORY], in_c);
	assert_int_equal(c->usage[RES_THREADS], 0);
	assert_int_equal(root_account.usage[RES_MEMORY], start);
	c->limit[RES_THREADS] = 2;
	OK(account_move(part, c));
	assert_ptr_equal(account_of_silo(part), c);
	assert_int_equal(a->usage[RES_MEMORY], in_a - 500);
	assert_int_equal(b->usage[RES_THREADS], 0);
	assert_int_equal(c->usage[RES_MEMORY], in_c + 500);
	assert_int_equal(c->usage[RES_THREADS], 2);
	assert_int_equal(root_account.usage[RES_MEMORY], start);
	/* up to an ancestor whose limit has just room for it: it is not counted twice */
	a->limit[RES_MEMORY] = UINT64_MAX;
	b->limit[RES_MEMORY] = UINT64_MAX;
	OK(account_move(part, b));
	a->limit[RES_MEMORY] = a->usage[RES_MEMORY];
	OK(account_move(part, a));
	assert_int_equal(a->usage[RES_MEMORY], in_a);
	account_close(a); /* closed: for what hangs below, too */
	assert_int_equal(account_charge(part, RES_MEMORY, 1), -ENOMEM);
	account_uncharge(part, RES_MEMORY, 500);
	account_uncharge(part, RES_THREADS, 2);
	account_put(part);
	account_put(b);
	account_put(c);
	account_put(a);
}

void test_kmem(void **state)
{
	static unsigned char *held[800];
	static size_t size[800];
	uint64_t kmem = kmem_bytes();

	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		unsigned k = rnd(800);

		if (held[k]) {
			for (size_t n = 0; n < size[k]; n++)
				assert_int_equal(held[k][n], k & 0xff);
			kmem_free(held[k], size[k]);
			held[k] = NULL;
			continue;
		}
		size[k] = rnd(20) ? 1 + rnd(600) : 1 + rnd(4096);
		held[k] = kmem_alloc(&root_account, size[k]);
		assert_non_null(held[k]);
		assert_int_equal((uint64_t)held[k] & 15, 0);
		for (size_t n = 0; n < size[k]; n++)
			assert_int_equal(held[k][n], 0);
		memset(held[k], (int)(k & 0xff), size[k]);
	}
	for (unsigned k = 0; k < 800; k++)
		if (held[k])
			kmem_free(held[k], size[k]);
	assert_int_equal(kmem_bytes(), kmem);
}

/* ---- kinds of VMOs --------------------------------------------------------------- */

static unsigned released;

/* Done in the second slice. */
static bool release(struct vmo *v, void *arg, struct slice *s)
{
	assert_ptr_equal(arg, &released);
	assert_non_null(s);
	assert_true(vmo_frame(v, 0) != 0);
	return ++released == 2;
}

void test_contiguous(void **state)
{
	uint64_t free = frames_free(), size = 64 * PAGE_SIZE;
	unsigned restarts = 0;
	struct vmo *v = NULL;
	int64_t r;

	(void)state;
	while ((r = vmo_make_contiguous(&mock_thread, &root_account, size, 1 << 16, &v)) ==
	       K_RESTART)
		restarts++;
	OK(r);
	assert_true(restarts > 0);
	assert_int_equal(vmo_frame(v, 0) & 0xffff, 0);
	for (unsigned i = 0; i < 64; i++) {
		const uint64_t *words = phys_to_virt(vmo_frame(v, i));

		assert_int_equal(vmo_frame(v, i), vmo_frame(v, 0) + i * PAGE_SIZE);
		assert_int_equal(words[0] | words[511], 0);
	}
	vmo_on_destroy(v, release, &released);
	vmo_pin(v, 3, 4);
	object_put(vmo_object(v));
	assert_int_equal(released, 0); /* the pin holds it */
	vmo_unpin(v, 3, 4);
	assert_int_equal(released, 1);
	while (memory_cleanup_slice())
		;
	assert_int_equal(released, 2);
	assert_true(free - frames_free() < 4);
	/* Given up half way: nothing stays behind. */
	assert_int_equal(vmo_make_contiguous(&mock_thread, &root_account, size, 0, &v), K_RESTART);
	memory_call_drop(&mock_thread);
	while (memory_cleanup_slice())
		;
	assert_true(free - frames_free() < 4);
	assert_int_equal(vmo_make_contiguous(&mock_thread, &root_account, 1ull << 38, 0, &v),
			 -ENOMEM);
}

static uint64_t *page_of(struct vmo *v, uint64_t page)
{
	struct vmo_page p;

	OK(vmo_page_get(v, page, PROT_W, &mock_thread, &p));
	return phys_to_virt(p.pa);
}

static handle_t clone_of(struct vmo *v, uint64_t pages)
{
	handle_t h = mock_handle(vmo_object(v), RIGHTS_ALL);
	int64_t r = sys_vmo_clone(&mock_thread, h, 0, pages * PAGE_SIZE);

	assert_true(r > 0);
	mock_close(h);
	return (handle_t)r;
}

void test_clone_kinds(void **state)
{
	static uint64_t archive[4 * 512] __attribute__((aligned(4096)));
	struct vmo *wired, *fixed;
	handle_t copy;
	struct vmo_page p;
	paddr_t at;

	(void)state;
	/* WIRED: frames stay where they are, so the clone is a copy. */
	OK(vmo_make(&root_account, VMO_WIRED, 2 * PAGE_SIZE, &wired));
	*page_of(wired, 1) = 5;
	at = vmo_frame(wired, 1);
	copy = clone_of(wired, 2);
	*page_of(wired, 1) = 6;
	assert_int_equal(vmo_frame(wired, 1), at);
	assert_int_equal(*page_of(vmo_of(mock_cap(copy)->object), 1), 5);
	mock_close(copy);
	object_put(vmo_object(wired));
	/* The archive: frames that nobody counts, shared until the clone writes. */
	archive[512] = 77;
	OK(vmo_make_fixed(&root_account, virt_to_phys(archive), sizeof(archive), false, &fixed));
	copy = clone_of(fixed, 4);
	OK(vmo_page_get(vmo_of(mock_cap(copy)->object), 1, PROT_R, &mock_thread, &p));
	assert_int_equal(p.pa, virt_to_phys(&archive[512]));
	assert_false(p.writable);
	*page_of(vmo_of(mock_cap(copy)->object), 1) = 78;
	assert_int_equal(archive[512], 77);
	assert_true(vmo_page_get(fixed, 0, PROT_W, &mock_thread, &p) < 0);
	mock_close(copy);
	object_put(vmo_object(fixed));
}

/* ---- pagers ------------------------------------------------------------------------ */

static struct queue queue;
static struct thread client;

static int64_t want(struct vmo *v, uint64_t page, uint32_t access)
{
	struct vmo_page p;

	return vmo_page_get(v, page, access, &client, &p);
}

void test_pager(void **state)
{
	uint64_t first = frames_free();
	struct vmo *v, *source;
	handle_t h, s;
	struct watch *w;
	int64_t r;

	(void)state;
	queue.object = (struct object){.type = OBJ_QUEUE, .refs = 1, .account = &root_account};
	client = mock_thread;
	client.object.id = 99;
	list_init(&client.node);
	h = mock_handle(&queue.object, RIGHTS_ALL);
	r = sys_vmo_create_pager(&mock_thread, h, 42, 8 * PAGE_SIZE, 0);
	mock_close(h);
	assert_true(r > 0);
	h = (handle_t)r;
	v = vmo_of(mock_cap(h)->object);
	w = v->pager->watch;
	OK(vmo_make(&root_account, VMO_WIRED, 8 * PAGE_SIZE, &source));
	s = mock_handle(vmo_object(source), RIGHTS_ALL);

	assert_int_equal(want(v, 2, PROT_R), K_RESTART);
	assert_true(mock_parked && w->count == 1);
	OK(sys_pager_supply(&mock_thread, h, 2 * PAGE_SIZE, PAGE_SIZE, s, 0));
	assert_false(mock_parked);
	OK(want(v, 2, PROT_R));
	assert_int_equal(vmo_frame(v, 2), vmo_frame(source, 0));
	OK(sys_pager_supply(&mock_thread, h, 2 * PAGE_SIZE, PAGE_SIZE, s, 0)); /* the same again */
	assert_int_equal(sys_pager_supply(&mock_thread, h, 0, 4 * PAGE_SIZE, s, PAGE_SIZE),
			 -EEXIST);
	OK(want(v, 1, PROT_R)); /* those before it came */
	/* Failure, told twice to a fault, then asked for again. */
	assert_int_equal(want(v, 5, PROT_R), K_RESTART);
	OK(sys_pager_fail(&mock_thread, h, 0, 8 * PAGE_SIZE, EIO));
	assert_int_equal(want(v, 5, PROT_R), -EIO);
	assert_int_equal(want(v, 5, PROT_R), -EIO);
	assert_int_equal(want(v, 5, PROT_R), K_RESTART);
	pager_wait_cancel(&client);
	/* Dirty pages stay when clean ones are evicted. */
	OK(want(v, 1, PROT_W));
	assert_int_equal(sys_pager_evict(&mock_thread, h, 0, 8 * PAGE_SIZE), 2);
	assert_true(vmo_frame(v, 1) && !vmo_frame(v, 2));
	vmo_clean(v, 0, 8);
	assert_int_equal(sys_pager_evict(&mock_thread, h, 0, 8 * PAGE_SIZE), 1);
	/* The server itself does not wait; the queue's end fails who waits, and later ones. */
	client.object.id = mock_thread.object.id;
	assert_int_equal(want(v, 6, PROT_R), -EIO);
	client.object.id = 99;
	client.pager_error = 0;
	assert_int_equal(want(v, 6, PROT_R), K_RESTART);
	pager_watch_ended(w);
	kmem_free(w, sizeof(*w));
	assert_false(mock_parked);
	assert_int_equal(want(v, 6, PROT_R), -EIO);
	assert_int_equal(want(v, 7, PROT_R), -EIO);
	mock_close(h);
	mock_close(s);
	object_put(vmo_object(source));
	while (memory_cleanup_slice())
		;
	assert_true(first - frames_free() < 4);
}

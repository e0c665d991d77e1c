/* SPDX-License-Identifier: ISC */
/*
 * model.c: the kernel's memory files against a model.
 *
 * Random operations on a few address spaces and VMOs, with slices cut short at
 * random. The model keeps one word for each page of each VMO; programs read and
 * write through TLBs that forget nothing by themselves. At the end everything is
 * closed, and the account and the pool must be as they were.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <time.h>
#include "mock.h"
#include "syscalls.h"

#define MODELS	  512
#define VMO_PAGES 96u
#define STEPS	  60000

struct model {
	uint64_t id; /* of the VMO; 0: unused */
	uint64_t words[VMO_PAGES];
};
static struct model models[MODELS];
static handle_t vmos[12];
static struct aspace *spaces[5];
static uint64_t word, seed, compared;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % n;
}

static struct slice short_slice(void)
{
	return (struct slice){rnd(4) ? rnd(2000) + 1 : SLICE_CALL};
}

static struct model *model_find(uint64_t id)
{
	for (unsigned i = 0; i < MODELS; i++)
		if (models[i].id == id)
			return &models[i];
	return NULL;
}

static struct model *model_new(uint64_t id)
{
	struct model *m = model_find(0);

	assert_non_null(m);
	memset(m, 0, sizeof(*m));
	m->id = id;
	return m;
}

/* Forget models of VMOs that no address space and no handle shows any more. */
static void models_sweep(void)
{
	bool live[MODELS] = {false};

	for (unsigned i = 0; i < array_len(vmos); i++)
		if (vmos[i])
			live[model_find(mock_cap(vmos[i])->object->id) - models] = true;
	for (unsigned i = 0; i < array_len(spaces); i++)
		for (uint32_t k = 0; spaces[i] && k < spaces[i]->mapping_count; k++)
			if (spaces[i]->mappings[k]->vmo)
				live[model_find(spaces[i]->mappings[k]->vmo->object.id) - models] =
					true;
	for (unsigned i = 0; i < MODELS; i++)
		if (!live[i])
			models[i].id = 0;
}

static struct vmo *vmo_at(handle_t h)
{
	return vmo_of(mock_cap(h)->object);
}

static uint64_t some_address(void)
{
	return AT_BASE + (uint64_t)rnd(256) * PAGE_SIZE;
}

/* An address in some mapping, most of the time. */
static uint64_t likely_address(const struct aspace *as)
{
	const struct mapping *m;

	if (!as->mapping_count || !rnd(8))
		return some_address();
	m = as->mappings[rnd(as->mapping_count)];
	return m->start + (uint64_t)rnd((uint32_t)((m->end - m->start) >> PAGE_SHIFT)) * PAGE_SIZE;
}

/* ---- operations ---------------------------------------------------------------- */

static void op_vmo_create(handle_t *h)
{
	uint64_t size = (1 + rnd(VMO_PAGES)) * PAGE_SIZE;
	uint32_t kind = rnd(4) ? VMO_ANON : VMO_WIRED;
	int64_t r;

	do
		r = sys_vmo_create(&mock_thread, size, kind);
	while (r == K_RESTART);
	if (r == -ENOMEM)
		return;
	assert_true(r > 0);
	*h = (handle_t)r;
	mock_cap(*h)->rights = RIGHTS_ALL & ~RIGHT_WX;
	model_new(mock_cap(*h)->object->id);
}

static void op_vmo_clone(handle_t from, handle_t *h)
{
	struct vmo *v = vmo_at(from);
	uint64_t first = rnd((uint32_t)v->pages), n = 1 + rnd((uint32_t)(v->pages - first));
	const struct model *src = model_find(v->object.id);
	int64_t r;

	do
		r = sys_vmo_clone(&mock_thread, from, first * PAGE_SIZE, n * PAGE_SIZE);
	while (r == K_RESTART);
	if (r == -ENOMEM)
		return;
	assert_true(r > 0);
	*h = (handle_t)r;
	mock_cap(*h)->rights = RIGHTS_ALL & ~RIGHT_WX;
	memcpy(model_new(mock_cap(*h)->object->id)->words, &src->words[first], n * 8);
}

static void op_map(struct aspace *as, handle_t h)
{
	struct vmo *v = vmo_at(h);
	uint64_t first = rnd((uint32_t)v->pages), n = 1 + rnd((uint32_t)(v->pages - first));
	uint32_t flags = rnd(4) | (rnd(2) ? MAP_POPULATE : 0) | (rnd(4) ? 0 : MAP_SHARE);
	uint64_t addr = some_address();
	int64_t r;

	if (rnd(3))
		flags |= MAP_AT | (rnd(2) ? MAP_REPLACE : 0);
	else
		addr = 0;
	do {
		struct slice s = short_slice();

		r = aspace_map_slice(as, v, first * PAGE_SIZE, n * PAGE_SIZE, flags, mock_cap(h),
				     &s, &addr);
	} while (r == K_RESTART);
	assert_true(r == 0 || r == -ENOMEM || (r == -EEXIST && !(flags & MAP_REPLACE)));
}

static void op_unmap(struct aspace *as)
{
	uint64_t lo = some_address(), hi = lo + (1 + rnd(40)) * PAGE_SIZE;
	struct slice s = short_slice();
	int err;

	if (!rnd(3) && as->mapping_count) {
		lo = as->mappings[as->mapping_count - 1]->start;
		hi = as->mappings[as->mapping_count - 1]->end;
	}
	/* Now and then the thread gives up half way. */
	while (!aspace_unmap_slice(as, lo, hi, &s, &err) && rnd(20))
		s = short_slice();
}

static void op_protect(struct aspace *as)
{
	uint64_t lo = some_address(), hi = lo + (1 + rnd(20)) * PAGE_SIZE;
	uint32_t prot = rnd(4);
	int64_t r;

	do {
		struct slice s = short_slice();

		r = aspace_protect_slice(as, lo, hi, prot, &s);
	} while (r == K_RESTART && rnd(20));
	assert_true(r == 0 || r == -ENOMEM || r == -EACCES || r == K_RESTART);
}

static void op_inherit(struct aspace *as)
{
	static const uint32_t how[] = {0, 0, MAP_SHARE, MAP_DROP};
	uint64_t lo = some_address(), hi = lo + (1 + rnd(20)) * PAGE_SIZE;
	uint32_t chosen = how[rnd(4)];
	int64_t r;

	do {
		struct slice s = short_slice();

		r = aspace_inherit(as, lo, hi, chosen, &s);
	} while (r == K_RESTART && rnd(20));
	assert_true(r == 0 || r == -ENOMEM || r == K_RESTART);
}

/* Expect the word of (as, va), or a fault. */
static void op_access(struct aspace *as)
{
	uint64_t va = likely_address(as);
	struct mapping *m = mapping_at(as, va);
	bool write = rnd(2);
	uint64_t value = ++word, page;
	struct model *model;
	int err = user_access(as, va, write, &value);

	if (!m || m->gone) {
		assert_int_equal(m && m->stale < m->end ? 0 : err,
				 m && m->stale < m->end ? 0 : -EFAULT);
		if (!err && write && m && m->vmo)
			model_find(m->vmo->object.id)->words[mapping_page(m, va)] = value;
		return;
	}
	page = mapping_page(m, va);
	model = model_find(m->vmo->object.id);
	if (m->stale <= va && m->stale < m->end) { /* rights being taken away */
		if (!err && write)
			model->words[page] = value;
		return;
	}
	if (page >= m->vmo->pages || !(m->prot & (write ? PROT_W : PROT_R))) {
		assert_int_equal(err, -EFAULT);
		return;
	}
	if (err) {
		assert_true(frames_free() < 8);
		return;
	}
	if (write)
		model->words[page] = value;
	else
		assert_int_equal(value, model->words[page]);
	compared++;
}

static void op_aspace_clone(struct aspace *as, struct aspace **out)
{
	int64_t r;

	do
		r = aspace_clone(&mock_thread, as, &root_account, out);
	while (r == K_RESTART);
	if (r) {
		assert_int_equal(r, -ENOMEM);
		return;
	}
	for (uint32_t i = 0; i < (*out)->mapping_count; i++) {
		struct mapping *n = (*out)->mappings[i], *m = mapping_at(as, n->start);
		const struct model *from = model_find(m->vmo->object.id);
		struct model *to = model_find(n->vmo->object.id);

		assert_true(m->start == n->start && m->end == n->end && m->prot == n->prot);
		if (to == from)
			continue;
		if (!to)
			to = model_new(n->vmo->object.id);
		for (uint64_t k = 0; k < (m->end - m->start) >> PAGE_SHIFT; k++)
			to->words[n->page + k] = from->words[m->page + k];
	}
}

static void op_vmo_change(handle_t h)
{
	struct vmo *v = vmo_at(h);
	struct model *m = model_find(v->object.id);
	uint64_t first = rnd((uint32_t)v->pages), n = 1 + rnd((uint32_t)(v->pages - first));
	uint64_t size = 1 + rnd(VMO_PAGES), old = v->pages;
	int64_t r;

	switch (rnd(3)) {
	case 0:
		do
			r = sys_vmo_commit(&mock_thread, h, first * PAGE_SIZE, n * PAGE_SIZE);
		while (r == K_RESTART);
		assert_true(r == 0 || r == -ENOMEM);
		return;
	case 1:
		do
			r = sys_vmo_decommit(&mock_thread, h, first * PAGE_SIZE, n * PAGE_SIZE);
		while (r == K_RESTART);
		if (v->kind == VMO_ANON)
			memset(&m->words[first], 0, n * 8);
		assert_int_equal(r, v->kind == VMO_ANON ? 0 : -EINVAL);
		return;
	default:
		do
			r = v->kind == VMO_ANON ? vmo_resize(v, size, &(struct slice){rnd(900) + 1})
						: 0;
		while (r == K_RESTART);
		assert_int_equal(r, 0);
		if (v->pages < old)
			memset(&m->words[v->pages], 0, (old - v->pages) * 8);
	}
}

static void op_copy(struct aspace *a, struct aspace *b)
{
	uint64_t from = likely_address(a), to = likely_address(b), value;
	struct mapping *m = mapping_at(b, to);
	int64_t n;

	value = ++word;
	n = aspace_write(b, to, &value, 8);
	if (n == 8)
		model_find(m->vmo->object.id)->words[mapping_page(m, to)] = value;
	m = mapping_at(a, from);
	n = aspace_read(a, from, &value, 8);
	if (n == 8)
		assert_int_equal(value,
				 model_find(m->vmo->object.id)->words[mapping_page(m, from)]);
	n = aspace_copy(b, to, a, from, 8);
	if (n == 8) {
		struct mapping *d = mapping_at(b, to);

		model_find(d->vmo->object.id)->words[mapping_page(d, to)] =
			model_find(m->vmo->object.id)->words[mapping_page(m, from)];
	}
}

static void op_revoke(handle_t h)
{
	struct cap *c = mock_cap(h);

	while (c->child)
		mapping_revoked(c->child);
}

static void step(void)
{
	unsigned v = rnd(array_len(vmos)), w = rnd(array_len(vmos)), i = rnd(array_len(spaces));
	unsigned k = rnd(array_len(spaces));

	switch (rnd(40)) {
	case 0:
		if (!vmos[v])
			op_vmo_create(&vmos[v]);
		break;
	case 1:
		if (vmos[v] && !vmos[w])
			op_vmo_clone(vmos[v], &vmos[w]);
		break;
	case 2:
		if (vmos[v] && !rnd(4)) {
			mock_close(vmos[v]);
			vmos[v] = 0;
			models_sweep();
		}
		break;
	case 3:
		while (memory_cleanup_slice()) /* the mock has few address spaces */
			;
		if (!spaces[i])
			(void)!aspace_make(&root_account, &spaces[i]);
		else if (!spaces[k])
			op_aspace_clone(spaces[i], &spaces[k]);
		break;
	case 4:
		if (spaces[i] && !rnd(20)) {
			object_put(&spaces[i]->object);
			spaces[i] = NULL;
			models_sweep();
		}
		break;
	case 5:
		if (vmos[v])
			op_vmo_change(vmos[v]);
		break;
	case 6:
		if (vmos[v] && !rnd(12))
			op_revoke(vmos[v]);
		break;
	case 7:
		if (spaces[i] && !rnd(4))
			op_unmap(spaces[i]);
		break;
	case 8:
		if (spaces[i])
			op_protect(spaces[i]);
		break;
	case 9:
		if (spaces[i])
			op_inherit(spaces[i]);
		break;
	case 10:
		if (spaces[i] && spaces[k])
			op_copy(spaces[i], spaces[k]);
		break;
	case 11:
	case 12:
		if (spaces[i] && vmos[v])
			op_map(spaces[i], vmos[v]);
		break;
	case 13: (void)memory_cleanup_slice(); break;
	default:
		if (spaces[i])
			op_access(spaces[i]);
	}
}

static void everything_close(void)
{
	for (unsigned i = 0; i < array_len(vmos); i++)
		if (vmos[i])
			mock_close(vmos[i]);
	for (unsigned i = 0; i < array_len(spaces); i++)
		if (spaces[i])
			object_put(&spaces[i]->object);
	memset(vmos, 0, sizeof(vmos));
	memset(spaces, 0, sizeof(spaces));
	memset(models, 0, sizeof(models));
	for (unsigned i = 0; memory_cleanup_slice(); i++)
		assert_true(i < 10000);
}

static void random_operations(void **state)
{
	const char *given = getenv("SEED");
	uint64_t kmem = kmem_bytes();

	(void)state;
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	print_message("SEED=%lu\n", (unsigned long)seed);
	for (unsigned n = 0; n < STEPS; n++) {
		step();
		if (n % 32 == 0)
			for (unsigned i = 0; i < array_len(spaces); i++)
				if (spaces[i])
					mock_check(spaces[i]);
	}
	everything_close();
	assert_true(compared > STEPS / 20);
	assert_int_equal(kmem_bytes(), kmem);
	/* What is charged is the slabs that kmem keeps, and nothing else is out of the pool. */
	assert_int_equal(root_account.usage[RES_MEMORY],
			 (frames_total() - frames_free()) * PAGE_SIZE);
	assert_true(frames_total() - frames_free() < 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bitmap),	     cmocka_unit_test(test_index),
		cmocka_unit_test(test_accounts),     cmocka_unit_test(test_account_parts),
		cmocka_unit_test(test_kmem),	     cmocka_unit_test(test_contiguous),
		cmocka_unit_test(test_clone_kinds),  cmocka_unit_test(test_pager),
		cmocka_unit_test(random_operations),
	};

	mock_init(2048);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

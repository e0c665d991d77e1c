/* SPDX-License-Identifier: ISC */
/*
 * account.c: charging, and the tree of accounts.
 *
 * A charge walks from an account to the root; each level counts what its child
 * counts more than before. For memory below a reserve that is nothing, because
 * the reserve was counted when it was made: seen from the parent an account
 * weighs max(usage, reserved). A charge that one level refuses is taken back
 * below it, so it counts everywhere or nowhere.
 *
 * Who watches EVENT_PRESSURE hears when usage rises past seven eighths of the
 * limit, and at every refusal.
 */
#include "account.h"
#include "memory.h"
#include "queue.h"

struct account root_account = {
	.refs = 1,
	.limit = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
	.pressure = {&root_account.pressure, &root_account.pressure},
};
_Static_assert(RES_KINDS == 6, "a limit for each resource");

static uint64_t weight(const struct account *a, uint64_t usage)
{
	return usage > a->reserved ? usage : a->reserved;
}

/* What a change of usage by `n` from `before` upwards is to the parent. */
static uint64_t parent_share(const struct account *a, enum resource r, uint64_t before, uint64_t n)
{
	if (r != RES_MEMORY || likely(!a->reserved))
		return n;
	return weight(a, before + n) - weight(a, before);
}

static void pressure_raise(struct account *a, enum resource r)
{
	if (r == RES_MEMORY)
		watch_list_raise(&a->pressure, EVENT_PRESSURE, UINT64_MAX, a->usage[r],
				 a->limit[r]);
}

static bool crosses(uint64_t limit, uint64_t before, uint64_t after)
{
	uint64_t mark = limit - limit / 8;

	return before <= mark && after > mark;
}

/* Undo a charge of `n` from `a` up to but not including `end`. */
static void uncharge_until(struct account *a, const struct account *end, enum resource r,
			   uint64_t n)
{
	for (; a->part && a != end; a = a->parent) {
		assert(a->usage[r] >= n);
		a->usage[r] -= n;
	}
	while (a != end && n) {
		assert(a->usage[r] >= n);
		a->usage[r] -= n;
		n = parent_share(a, r, a->usage[r], n);
		a = a->parent;
	}
}

/* What a process's limit refuses counts in its silo too: there somebody looks. */
static int charge_refused(struct account *first, struct account *a, enum resource r, uint64_t n)
{
	/* A closed account has no limit but 0. */
	if (r != RES_MEMORY || !a->limit[r] || !memory_awaited()) {
		a->refused[r]++;
		if (a->part)
			account_of_silo(a)->refused[r]++;
		pressure_raise(a, r);
	}
	uncharge_until(first, a, r, n);
	return r == RES_MEMORY ? -ENOMEM : -EDQUOT;
}

int account_charge(struct account *first, enum resource r, uint64_t n)
{
	struct account *a = first;
	uint64_t share = n, before, after;

	for (; a->part; a = a->parent) { /* no reserve, and nobody watches it */
		if (unlikely(__builtin_add_overflow(a->usage[r], n, &after) || after > a->limit[r]))
			return charge_refused(first, a, r, n);
		a->usage[r] = after;
	}
	for (; a && share; a = a->parent) {
		before = a->usage[r];
		if (unlikely(__builtin_add_overflow(before, share, &after) || after > a->limit[r]))
			return charge_refused(first, a, r, n);
		a->usage[r] = after;
		if (after > a->peak[r])
			a->peak[r] = after;
		if (unlikely(!list_empty(&a->pressure)) && crosses(a->limit[r], before, after))
			pressure_raise(a, r);
		share = parent_share(a, r, before, share);
	}
	return 0;
}

void account_uncharge(struct account *a, enum resource r, uint64_t n)
{
	uncharge_until(a, NULL, r, n);
}

int account_reserve(struct account *a, uint64_t bytes)
{
	uint64_t usage = a->usage[RES_MEMORY];
	uint64_t now = weight(a, usage), then = bytes > usage ? bytes : usage;

	assert(a->parent);
	if (then > now && account_charge(a->parent, RES_MEMORY, then - now))
		return -EDQUOT;
	if (now > then)
		account_uncharge(a->parent, RES_MEMORY, now - then);
	a->reserved = bytes;
	return 0;
}

void account_recharge(struct account *a, enum resource r, uint64_t n)
{
	for (uint64_t share = n; a && share; a = a->parent) {
		uint64_t before = a->usage[r];

		a->usage[r] = before + share;
		share = parent_share(a, r, before, share);
	}
}

int account_move(struct account *a, struct account *to)
{
	struct account *from = a->parent;
	unsigned r;
	int err = 0;

	assert(a->part && !a->reserved);
	if (from == to)
		return 0;
	/* taken out first: both may count in the same ancestors */
	for (r = 0; r < RES_KINDS; r++)
		account_uncharge(from, r, a->usage[r]);
	for (r = 0; !err && r < RES_KINDS; r++)
		err = account_charge(to, r, a->usage[r]);
	if (err) {
		for (r--; r-- > 0;)
			account_uncharge(to, r, a->usage[r]);
		for (r = 0; r < RES_KINDS; r++)
			account_recharge(from, r, a->usage[r]);
		return err;
	}
	a->parent = to;
	account_get(to);
	account_put(from);
	return 0;
}

struct account *account_create(struct account *parent, uint32_t silo)
{
	struct account *a = kmem_alloc(parent, sizeof(*a));

	if (!a)
		return NULL;
	a->parent = parent;
	account_get(parent);
	a->refs = 1;
	a->silo = silo;
	for (unsigned r = 0; r < RES_KINDS; r++)
		a->limit[r] = UINT64_MAX;
	list_init(&a->pressure);
	return a;
}

struct account *account_part(struct account *parent)
{
	struct account *a = account_create(parent, 0);

	if (a)
		a->part = true;
	return a;
}

void account_put(struct account *a)
{
	struct account *parent = a->parent;

	assert(a->refs > 0);
	if (--a->refs > 0)
		return;
	assert(parent); /* the root account is never freed */
	for (unsigned r = 0; r < RES_KINDS; r++)
		assert(a->usage[r] == 0);
	kmem_free(a, sizeof(*a));
	account_put(parent);
}

void account_close(struct account *a)
{
	uint64_t usage = a->usage[RES_MEMORY];

	if (a->reserved > usage)
		account_uncharge(a->parent, RES_MEMORY, a->reserved - usage);
	a->reserved = 0;
	memset(a->limit, 0, sizeof(a->limit));
}

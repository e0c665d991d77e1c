/* SPDX-License-Identifier: ISC */
/*
 * account.h: who pays. Accounts form a tree as deep as the silos do.
 *
 * A charge counts in the account and in all its ancestors, or nowhere. Memory
 * is counted in bytes: pages, page tables and kernel objects alike. An account
 * with `reserved` memory has that much charged to its parent from the start;
 * use below the reserve costs the parent nothing more. When a silo is destroyed
 * its account is closed: what is still charged stays counted in the ancestors,
 * and the account is freed with its last reference.
 */
#pragma once
#include "base.h"

struct account {
	struct account *parent;	   /* [const] NULL at the root; a counted reference */
	uint32_t refs;		   /* [K] */
	uint32_t silo;		   /* [const] id, for reports */
	bool closed;		   /* [K] its silo is gone: nothing new is charged */
	uint64_t usage[RES_KINDS]; /* [K] */
	uint64_t peak[RES_KINDS];
	uint64_t limit[RES_KINDS]; /* UINT64_MAX: none */
	uint64_t refused[RES_KINDS];
	uint64_t reserved;    /* of RES_MEMORY */
	struct list pressure; /* watches for EVENT_PRESSURE, struct watch.source_node */
};

extern struct account root_account;

/* 0, or -ENOMEM (RES_MEMORY) / -EDQUOT (others), counted in `refused` where it failed. */
must_check int account_charge(struct account *a, enum resource r, uint64_t n);
void account_uncharge(struct account *a, enum resource r, uint64_t n);
must_check int account_reserve(struct account *a, uint64_t bytes);     /* -EDQUOT */
struct account *account_create(struct account *parent, uint32_t silo); /* NULL: no memory */
static inline void account_get(struct account *a)
{
	a->refs++;
}
void account_put(struct account *a);
void account_close(struct account *a);

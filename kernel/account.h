/* SPDX-License-Identifier: ISC */
/*
 * account.h: who pays. Accounts form the tree of the silos, and below each silo's
 * hang those of its address spaces and processes (`part`).
 *
 * A charge counts in the account and in all its ancestors, or nowhere. Memory
 * is counted in bytes: pages, page tables and kernel objects alike. An account
 * with `reserved` memory has that much charged to its parent from the start;
 * use below the reserve costs the parent nothing more. When a silo is destroyed
 * its account is closed: what is still charged stays counted in the ancestors,
 * and the account is freed with its last reference.
 *
 * A part bears what a process and its address space have made, so that the limit
 * of a process is a limit like any other. It moves to the silo where the process
 * is made or attached (account_move).
 */
#pragma once
#include "base.h"

struct process;

struct account {
	struct account *parent;	      /* [const] NULL at the root; a counted reference */
	uint32_t refs;		      /* [K] */
	uint32_t silo;		      /* [const] id, for reports; 0 in a part: account_of_silo() */
	bool part;		      /* [const] of an address space or a process */
	const struct process *holder; /* [K] a part: whose memory it is; compared, never followed */
	uint64_t usage[RES_KINDS];    /* [K] */
	uint64_t peak[RES_KINDS];     /* not kept in a part */
	uint64_t limit[RES_KINDS];    /* UINT64_MAX: none; all 0: closed */
	uint64_t refused[RES_KINDS];
	uint64_t reserved;    /* of RES_MEMORY */
	struct list pressure; /* watches for EVENT_PRESSURE, struct watch.source_node */
};

extern struct account root_account;

/* 0, or -ENOMEM (RES_MEMORY) / -EDQUOT (others), counted in `refused` where it failed. */
must_check int account_charge(struct account *a, enum resource r, uint64_t n);
void account_uncharge(struct account *a, enum resource r, uint64_t n);
/* Take an uncharge of the same hold of the lock back, whatever the limits are. */
void account_recharge(struct account *a, enum resource r, uint64_t n);
must_check int account_reserve(struct account *a, uint64_t bytes);     /* -EDQUOT */
struct account *account_create(struct account *parent, uint32_t silo); /* NULL: no memory */
struct account *account_part(struct account *parent);		       /* NULL: no memory */
/* Hang a part with all that is charged to it below `to`. -ENOMEM, -EDQUOT: nothing has changed. */
must_check int account_move(struct account *a, struct account *to);
static inline void account_get(struct account *a)
{
	a->refs++;
}
void account_put(struct account *a);
void account_close(struct account *a); /* a silo's: nothing is charged to it or below any more */
/* The silo's account that bears `a`: itself, or the one above a part. */
static inline struct account *account_of_silo(struct account *a)
{
	while (a->part)
		a = a->parent;
	return a;
}

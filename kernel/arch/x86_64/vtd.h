/* SPDX-License-Identifier: ISC */
/*
 * vtd.h: what vtd.c (domains and their tables) and vtd_unit.c (the units) share.
 */
#pragma once
#include "base.h"

struct account;

/* What all units can do; set when they are found. */
struct vtd {
	unsigned levels;  /* depth of second-level tables */
	uint32_t domains; /* numbers below this */
	bool coherent;	  /* they read memory through the CPU's caches */
	paddr_t root;	  /* the root table */
};
extern struct vtd vtd;

/* An empty table that the units can read. 0: no memory. */
paddr_t vtd_table_make(struct account *pays);
/* No unit remembers context entries, or translations of a domain, that are no longer so. */
void vtd_context_flush(void);
void vtd_domain_flush(uint16_t number);

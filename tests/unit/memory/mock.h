/* SPDX-License-Identifier: ISC */
/*
 * mock.h: what the kernel's memory files need of the rest of the kernel,
 * made of arrays: page tables and TLBs of a few address spaces, handles, queues.
 *
 * Addresses lie in two windows, one for MAP_AT and one for the kernel's choice.
 * A TLB entry is loaded by user_access and stays until it is flushed, so that a
 * missing flush shows as a wrong value.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include "kernel/aspace_private.h"
#include "kernel/process.h"
#include "kernel/silo.h"

#define SPACES	     24
#define WINDOW_PAGES 2048u
#define AT_BASE	     0x10000000ull

struct pte {
	paddr_t pa;
	uint32_t prot;
};

extern struct thread mock_thread;
extern uint64_t mock_flushes;
extern bool mock_parked;

void mock_init(uint64_t pages);
struct pte *mock_pte(const struct arch_aspace *a, uint64_t va);
struct pte *mock_tlb(const struct arch_aspace *a, uint64_t va);
/* One access of a program to a word; 0 or -EFAULT. */
int user_access(struct aspace *as, uint64_t va, bool write, uint64_t *value);
handle_t mock_handle(struct object *o, uint32_t rights); /* takes a reference */
struct cap *mock_cap(handle_t h);
void mock_close(handle_t h);
/* Page tables and TLBs agree with mappings and indexes; exits when they do not. */
void mock_check(struct aspace *as);

/* parts.c: tests of single parts, run by model.c's main. */
void test_bitmap(void **state);
void test_index(void **state);
void test_accounts(void **state);
void test_account_parts(void **state);
void test_kmem(void **state);
void test_pager(void **state);
void test_clone_kinds(void **state);
void test_contiguous(void **state);

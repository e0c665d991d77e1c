/* SPDX-License-Identifier: ISC */
/*
 * base.h: the few words that every kernel file uses: lists, user addresses,
 * assertions, internal results. No object is declared here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "abi/types.h"
#include "errno.h" /* generated: EPERM ... */

typedef uint64_t paddr_t;

/* An address in a program's memory. A struct, so that it cannot be dereferenced. */
typedef struct {
	uint64_t a;
} uaddr_t;

#define must_check		     __attribute__((warn_unused_result))
#define noreturn		     __attribute__((noreturn))
#define noinline		     __attribute__((noinline))
#define likely(x)		     __builtin_expect(!!(x), 1)
#define unlikely(x)		     __builtin_expect(!!(x), 0)
#define array_len(a)		     (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, field) ((type *)((char *)(p)-offsetof(type, field)))
#define page_round_up(x)	     (((x) + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1))
#define page_aligned(x)		     (((x) & (PAGE_SIZE - 1)) == 0)

/* Internal results of system call handlers and of what they call; never seen by a program. */
#define K_DONE	  INT32_MIN	  /* registers are set, or the thread is parked with its record */
#define K_RESTART (INT32_MIN + 1) /* run the whole call again when the thread runs next */

noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define assert(x) ((x) ? (void)0 : panic("%s:%d: %s", __FILE__, __LINE__, #x))

/* Doubly linked list; an unlinked node points to itself. */
struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_add_tail(struct list *head, struct list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}
static inline void list_add_head(struct list *head, struct list *n)
{
	n->next = head->next;
	n->prev = head;
	head->next->prev = n;
	head->next = n;
}
/* The node is not set up again: for one that nobody unlinks before it is added elsewhere. */
static inline void list_cut(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
}
static inline void list_del(struct list *n)
{
	list_cut(n);
	n->next = n->prev = n;
}
#define list_first(head, type, field) container_of((head)->next, type, field)
#define list_for_each(p, head, type, field)                                                        \
	for (type *p = list_first(head, type, field); &p->field != (head);                         \
	     p = container_of(p->field.next, type, field))
#define list_for_each_safe(p, head, type, field)                                                   \
	for (type *p = list_first(head, type, field),                                              \
		  *p##_next = container_of(p->field.next, type, field);                            \
	     &p->field != (head);                                                                  \
	     p = p##_next, p##_next = container_of(p->field.next, type, field))

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

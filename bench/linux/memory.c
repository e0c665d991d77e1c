/* SPDX-License-Identifier: ISC */
/*
 * Memory: the first touch of an anonymous page, changing the protection of a mapping of one page
 * (with no neighbour to merge with), and mapping 64 KiB, touching its first page or all of them,
 * and unmapping. Huge pages are kept out, so that each touch is one fault.
 */
#include "bench/linux/bench.h"

#include <sys/mman.h>

enum { PAGE = 4096, PAGES = 1000, SMALL = 16 };

/* Nothing else is mapped near here. */
#define LONELY ((void *)0x100000000000)

static char *map_pages(size_t pages)
{
	char *area = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	if (area == MAP_FAILED)
		bench_fail("mmap");
	return area;
}

static void map_touch_unmap(int touched)
{
	char *area = map_pages(SMALL);

	for (int i = 0; i < touched; i++)
		((volatile char *)area)[i * PAGE] = 1;
	bench_check(munmap(area, SMALL * PAGE), "munmap");
}

void bench_memory(void)
{
	char *area = map_pages(PAGES);
	char *lonely = mmap(LONELY, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	int writable = 0;

	if (lonely == MAP_FAILED)
		bench_fail("mmap");
	*lonely = 1;

	bench_check(madvise(area, (size_t)PAGES * PAGE, MADV_NOHUGEPAGE), "madvise");
	samples_begin("anon_fault");
	for (int i = 0; i < PAGES; i++) {
		uint64_t start = clock_read();

		((volatile char *)area)[i * PAGE] = 1;
		samples_add(start, clock_read());
	}
	samples_end();
	MEASURE("mprotect_page", PAGES,
		bench_check(mprotect(lonely, PAGE, PROT_READ | ((writable ^= 1) ? 0 : PROT_WRITE)),
			    "mprotect"));
	bench_check(munmap(area, (size_t)PAGES * PAGE), "munmap");
	MEASURE("map_64k_touch_1_unmap", 500, map_touch_unmap(1));
	MEASURE("map_64k_touch_16_unmap", 500, map_touch_unmap(SMALL));
}

/* SPDX-License-Identifier: ISC */
/*
 * hello: a program to try silos with: an ordinary C program on stock musl.
 *
 *   hello [WORD...]	greet, from two threads
 *   hello crash	write through a null pointer, to see what a crash looks like
 *   hello spin		use the processor until it is killed, to try limits and suspend
 *   hello eat MIB	allocate and touch memory, to meet the memory limit
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *greet(void *word)
{
	printf("hello, %s\n", (const char *)word);
	return NULL;
}

static int eat(const char *mib)
{
	size_t bytes = strtoul(mib, NULL, 10) << 20;
	char *memory = bytes ? malloc(bytes) : NULL;

	if (!memory) {
		printf("no memory for %s MiB\n", mib);
		return 1;
	}
	for (size_t at = 0; at < bytes; at += 4096)
		((volatile char *)memory)[at] = 1;
	printf("%s MiB eaten\n", mib);
	free(memory);
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc == 2 && !strcmp(argv[1], "crash"))
		*(volatile int *)0 = 1; // cppcheck-suppress nullPointer
	if (argc == 2 && !strcmp(argv[1], "spin"))
		for (volatile unsigned long turns = 0;; turns++)
			;
	if (argc == 3 && !strcmp(argv[1], "eat"))
		return eat(argv[2]);
	if (pthread_create(&thread, NULL, greet, "from another thread") == 0)
		pthread_join(thread, NULL);
	else
		printf("no other thread can be made\n");
	for (int i = 1; i < argc; i++)
		greet(argv[i]);
	return 0;
}

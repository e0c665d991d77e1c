/* SPDX-License-Identifier: ISC */
/*
 * random.c: the kernel's one random number generator: seeding, and the call.
 *
 * Seeds: the processor's generator where there is one, the jitter of the cycle
 * counter, what the boot loader told, and the moments of interrupts. The last are
 * gathered in a few words by random_stir (cheap: it runs at each interrupt) and
 * mixed into the generator before it is next used. Protected by the kernel lock.
 */
#include "arch.h"
#include "drbg.h"
#include "log.h"
#include "syscall.h"
#include "thread.h"

#define JITTER_ROUNDS  256
#define STIRS_TO_MIX   64
#define RANDOM_MAX     65536u
#define RANDOM_SLICE   1024u /* bytes in one hold of the lock */
#define HARDWARE_WORDS 8
#define HARDWARE_BYTES 65536u /* given out between two questions to the processor */

static struct drbg drbg;
struct random_stirred random_stirred;
static uint64_t given; /* bytes since the processor was asked */

static void mix_hardware(void)
{
	uint64_t word[HARDWARE_WORDS];
	unsigned n = 0;

	while (n < HARDWARE_WORDS && arch_hw_random(&word[n]))
		n++;
	if (n > 0)
		drbg_mix(&drbg, word, n * sizeof(word[0]));
}

static void mix_stirred(void)
{
	if (random_stirred.count < STIRS_TO_MIX)
		return;
	drbg_mix(&drbg, random_stirred.word, sizeof(random_stirred.word));
	random_stirred.count = 0;
}

/* Differences of the cycle counter around work whose length depends on earlier readings. */
static void mix_jitter(void)
{
	uint64_t sample[JITTER_ROUNDS], last = arch_cycles();
	volatile uint64_t waste = 0;

	for (unsigned i = 0; i < JITTER_ROUNDS; i++) {
		uint64_t now;

		for (uint64_t n = last & 31; n > 0; n--)
			waste += n;
		now = arch_cycles();
		sample[i] = now - last;
		last = now;
	}
	random_stir(waste);
	drbg_mix(&drbg, sample, sizeof(sample));
}

void random_init(void)
{
	uint64_t told[2] = {boot.rsdp ^ boot.archive, boot.archive_len ^ arch_cycles()};

	drbg_mix(&drbg, told, sizeof(told));
	drbg_mix(&drbg, boot.cmdline, strlen(boot.cmdline));
	mix_jitter();
	mix_hardware();
}

void random_bytes(void *out, size_t n)
{
	mix_stirred();
	given += n;
	if (given >= HARDWARE_BYTES) {
		mix_hardware();
		given = 0;
	}
	drbg_bytes(&drbg, out, n);
}

uint64_t random_u64(void)
{
	uint64_t value;

	random_bytes(&value, sizeof(value));
	return value;
}

int64_t sys_random(struct thread *cur, uaddr_t out, uint64_t len)
{
	static uint8_t buffer[RANDOM_SLICE];
	uint64_t part = len < RANDOM_SLICE ? len : RANDOM_SLICE;
	int64_t err;

	if (len > RANDOM_MAX)
		return -EINVAL;
	if (len == 0)
		return 0;
	random_bytes(buffer, part);
	err = copy_out(cur, out, buffer, part);
	memset(buffer, 0, part);
	if (err || part == len)
		return err;
	/* The rest in the next slice: the call is run again with what is left. */
	REGS_ARG0(&cur->regs) = out.a + part;
	REGS_ARG1(&cur->regs) = len - part;
	return K_RESTART;
}

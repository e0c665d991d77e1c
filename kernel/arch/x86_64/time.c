/* SPDX-License-Identifier: ISC */
/*
 * time.c: the time stamp counter as the clock. At boot it and the local APIC's timer are
 * measured against a clock of known rate: HPET, else the ACPI timer, else channel 2 of the PIT.
 *
 * ns = (tsc - base) * mult >> shift, the product in 128 bits. It is taken for granted that the
 * counters of all CPUs run alike (an invariant TSC); a processor that does not say so gets a
 * line in the log.
 */
#include "log.h"
#include "private.h"

#define CALIBRATE_NS	10000000ull
#define SAMPLE_TRIES	16
#define FS_PER_NS	1000000ull
#define HPET_PERIOD	0x004
#define HPET_CONFIG	0x010
#define HPET_COUNTER	0x0f0
#define HPET_PERIOD_MAX 0x05f5e100u
#define PM_TIMER_PERIOD 279365115ull /* fs: 3.579545 MHz */
#define PIT_PERIOD	838095345ull /* fs: 1.193182 MHz */
#define PIT_CHANNEL2	0x42
#define PIT_COMMAND	0x43
#define PIT_GATE	0x61
#define STALLED_READS	100000000u

struct sample {
	uint64_t tsc;
	uint32_t reference, timer;
};

static const char *reference_name;
static uint32_t (*reference_read)(void);
static uint32_t reference_mask;
static uint64_t reference_period; /* fs */
static char *hpet;
static uint16_t pm_timer;

struct arch_clock arch_clock;

static uint32_t hpet_read(void)
{
	return mmio_read32(hpet + HPET_COUNTER);
}

static uint32_t pm_timer_read(void)
{
	return inl(pm_timer);
}

/* Counts down; what has passed goes up. */
static uint32_t pit_read(void)
{
	uint32_t low;

	outb(PIT_COMMAND, 0x80); /* latch channel 2 */
	low = inb(PIT_CHANNEL2);
	return 0xffff - (low | (uint32_t)inb(PIT_CHANNEL2) << 8);
}

static bool hpet_setup(const struct acpi_facts *f)
{
	uint32_t period;

	if (!f->hpet)
		return false;
	hpet = arch_map_registers(f->hpet, 1024);
	period = mmio_read32(hpet + HPET_PERIOD);
	if (!period || period > HPET_PERIOD_MAX)
		return false;
	mmio_write32(hpet + HPET_CONFIG, mmio_read32(hpet + HPET_CONFIG) | 1);
	reference_name = "HPET";
	reference_read = hpet_read;
	reference_mask = UINT32_MAX;
	reference_period = period;
	return true;
}

static void reference_setup(const struct acpi_facts *f)
{
	if (hpet_setup(f))
		return;
	if (f->pm_timer) {
		pm_timer = f->pm_timer;
		reference_name = "ACPI timer";
		reference_read = pm_timer_read;
		reference_mask = f->pm_timer_wide ? UINT32_MAX : 0xffffff;
		reference_period = PM_TIMER_PERIOD;
		return;
	}
	outb(PIT_GATE, (inb(PIT_GATE) & 0xfc) | 1); /* gate on, speaker off */
	outb(PIT_COMMAND, 0xb0);		    /* channel 2, two bytes, mode 0 */
	outb(PIT_CHANNEL2, 0xff);
	outb(PIT_CHANNEL2, 0xff);
	reference_name = "PIT";
	reference_read = pit_read;
	reference_mask = 0xffff;
	reference_period = PIT_PERIOD;
}

/* All three clocks at one moment: of several tries, the one that took least time. */
static struct sample sample_take(void)
{
	struct sample best = {0, 0, 0};
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = rdtsc(), after;
		struct sample s = {0, reference_read(), lapic_timer_left()};
		after = rdtsc();
		if (after - before < least) {
			least = after - before;
			s.tsc = before + least / 2;
			best = s;
		}
	}
	return best;
}

static void calibrate(uint64_t *tsc_ticks, uint64_t *timer_ticks, uint64_t *ns)
{
	uint64_t want = CALIBRATE_NS * FS_PER_NS / reference_period, stalled = 0;
	struct sample from, to;
	uint32_t passed;

	lapic_timer_start(UINT32_MAX);
	from = sample_take();
	do {
		passed = (reference_read() - from.reference) & reference_mask;
		if (!passed && ++stalled > STALLED_READS)
			panic("%s does not count", reference_name);
	} while (passed < want);
	to = sample_take();
	lapic_timer_start(0);
	passed = (to.reference - from.reference) & reference_mask;
	*ns = passed * reference_period / FS_PER_NS;
	*tsc_ticks = to.tsc - from.tsc;
	*timer_ticks = from.timer - to.timer;
}

void time_init(const struct acpi_facts *f)
{
	uint64_t tsc, timer, ns, mult, shift;

	reference_setup(f);
	calibrate(&tsc, &timer, &ns);
	for (shift = 32; (mult = (ns << shift) / tsc) > UINT32_MAX; shift--)
		;
	arch_clock = (struct arch_clock){rdtsc(), mult, shift};
	lapic_timer_clock(timer, ns);
	if (cpuid(0x80000000, 0).a < 0x80000007 || !(cpuid(0x80000007, 0).d & 1u << 8))
		klog(LOG_BOOT, LOG_DEBUG, "the time stamp counter is not said to be invariant");
	klog(LOG_BOOT, LOG_INFO, "TSC %lu kHz, timer %lu kHz, by %s", tsc * 1000000 / ns,
	     timer * 1000000 / ns, reference_name);
}

void arch_time_params(uint64_t *base, uint32_t *mult, uint32_t *shift)
{
	*base = arch_clock.base;
	*mult = (uint32_t)arch_clock.mult;
	*shift = (uint32_t)arch_clock.shift;
}

/* Before calibration: by port accesses, which take about a microsecond each. */
void delay_us(uint64_t us)
{
	if (arch_clock.mult) {
		uint64_t end = arch_now() + us * 1000;
		while (arch_now() < end)
			arch_relax();
		return;
	}
	while (us--)
		outb(0x80, 0);
}

/* SPDX-License-Identifier: ISC */
/*
 * rtc.c: the wall clock, read from the CMOS clock once at start. It is taken to run in UTC.
 *
 * The clock counts on while it is read: a reading is good when two in a row agree and no update
 * was under way. Spec: MC146818A data sheet; ACPI 6.5, 5.2.9 (century).
 */
#include "servers/devd/devd.h"

#include <string.h>
#include "sys/boot.h"
#include "sys/info.h"
#include "sys/log.h"
#include "sys/sys.h"

#define CMOS_INDEX 0x70u
#define CMOS_DATA  0x71u
#define STATUS_A   0x0au
#define STATUS_B   0x0bu
#define UPDATING   0x80u
#define BINARY	   0x04u
#define HOURS_24   0x02u
#define PM	   0x80u
#define TRIES	   20u
#define UPDATE_NS  (3 * NS_PER_MS) /* an update takes less */

enum { SECOND, MINUTE, HOUR, DAY, MONTH, YEAR, CENTURY, FIELDS };

static uint8_t cmos(const struct devd *d, uint32_t index)
{
	int64_t value = sys_port_write(d->root, CMOS_INDEX, 1, index);

	if (!value)
		value = sys_port_read(d->root, CMOS_DATA, 1);
	return value < 0 ? 0xff : (uint8_t)value;
}

static void fields_read(const struct devd *d, uint8_t out[FIELDS])
{
	static const uint8_t index[] = {0, 2, 4, 7, 8, 9};

	for (unsigned i = 0; i < CENTURY; i++)
		out[i] = cmos(d, index[i]);
	out[CENTURY] = d->has_fadt && d->fadt.century ? cmos(d, d->fadt.century) : 0x20;
}

static bool stable_read(const struct devd *d, uint8_t out[FIELDS])
{
	uint8_t again[FIELDS];

	for (unsigned i = 0; i < TRIES; i++) {
		if (!(cmos(d, STATUS_A) & UPDATING)) {
			fields_read(d, out);
			fields_read(d, again);
			if (!memcmp(out, again, FIELDS) && !(cmos(d, STATUS_A) & UPDATING))
				return true;
		}
		if (sys_thread_sleep(time_in(UPDATE_NS)) < 0)
			return false;
	}
	return false;
}

static unsigned number(uint8_t value, uint8_t mode)
{
	return mode & BINARY ? value : (value >> 4) * 10u + (value & 15);
}

/* Days since 1970 of a date of the Gregorian calendar. */
static uint64_t days(unsigned year, unsigned month, unsigned day)
{
	static const unsigned before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	unsigned past = year - 1;
	uint64_t n = (uint64_t)past * 365 + past / 4 - past / 100 + past / 400;
	bool leap = (year % 4 == 0 && year % 100) || year % 400 == 0;

	return n + before[month - 1] + (leap && month > 2) + day - 1 - 719162;
}

void rtc_read(struct devd *d)
{
	uint8_t raw[FIELDS], mode = cmos(d, STATUS_B);
	unsigned v[FIELDS], hour;
	uint64_t now;

	if (d->clock == HANDLE_NONE || !stable_read(d, raw)) {
		log_print("devd: the wall clock is not set");
		return;
	}
	for (unsigned i = 0; i < FIELDS; i++)
		v[i] = number(i == HOUR ? raw[i] & ~PM : raw[i], mode);
	hour = mode & HOURS_24 ? v[HOUR] : v[HOUR] % 12 + (raw[HOUR] & PM ? 12 : 0);
	if (v[MONTH] < 1 || v[MONTH] > 12 || v[DAY] < 1 || v[DAY] > 31 || hour > 23 ||
	    v[CENTURY] < 19 || v[CENTURY] > 30) {
		log_print("devd: the CMOS clock shows no date");
		return;
	}
	now = days(v[CENTURY] * 100 + v[YEAR], v[MONTH], v[DAY]) * 86400 + hour * 3600 +
	      v[MINUTE] * 60 + v[SECOND];
	if (sys_clock_set(d->clock, (int64_t)(now * NS_PER_S - time_now())) < 0)
		log_print("devd: the wall clock cannot be set");
}

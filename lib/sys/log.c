/* SPDX-License-Identifier: ISC */
/* log.c: one formatted line to the kernel log. */
#include "sys/log.h"
#include <stdarg.h>
#include <stdio.h>
#include "sys/boot.h"
#include "sys/sys.h"

void log_print(const char *format, ...)
{
	char line[LOG_LINE_MAX];
	handle_t log = boot_handle("log");
	va_list args;
	int len;

	if (log == HANDLE_NONE)
		return;
	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof(line))
		len = sizeof(line) - 1;
	/* The log is where failures are told; there is nobody to tell of its own. */
	if (sys_log_write(log, line, (uint64_t)len) < 0)
		return;
}

/* SPDX-License-Identifier: ISC */
/*
 * log.h: lines to the kernel log for programs that hold a log handle (bootstrap name "log").
 * Independent of stdio and of the thread's message page. Lines over LOG_LINE_MAX bytes are cut.
 */
#pragma once
#include "abi/types.h"

#define LOG_LINE_MAX 1024

/* One line, printf form, no line end. Without a log handle, or when the kernel refuses: nothing. */
void log_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

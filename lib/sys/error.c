/* SPDX-License-Identifier: ISC */
/* error.c: the table behind error.h; libc's numbers are compared with ours at compile time. */
#include "sys/error.h"
#include <errno.h>
#include <stddef.h>
#include "error_text.h"

#define ERROR_SAME(name, number, text) _Static_assert(name == number, #name);
ABI_ERRORS(ERROR_SAME)

#define ERROR_ROW(name, number, text) {number, #name, text},
static const struct {
	int number;
	const char *name, *text;
} errors[] = {ABI_ERRORS(ERROR_ROW)};

static int error_index(int error)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].number == error || errors[i].number == -error)
			return (int)i;
	return -1;
}

const char *error_name(int error)
{
	int i = error_index(error);

	return i < 0 ? "error?" : errors[i].name;
}

const char *error_text(int error)
{
	int i = error_index(error);

	return i < 0 ? "unknown error" : errors[i].text;
}

/* SPDX-License-Identifier: ISC */
/*
 * error.h: names and texts of error numbers, for messages. From abi/errors.abi.
 */
#pragma once

/* "ENOENT" and "no such thing" for 2 or -2; "error?" for a number that is not ours. Constant. */
const char *error_name(int error);
const char *error_text(int error);

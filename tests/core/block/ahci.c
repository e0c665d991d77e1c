/* SPDX-License-Identifier: ISC */
/* ahci.c: the tests of block.c with a disk behind the SATA controller's first port. */
#define DRIVER "ahci"
#define DISK   "sda"
#define MATCH  "class=0106"
#define BADGE  SERVE_BADGE_SUB
#include "tests/core/block/block.c"

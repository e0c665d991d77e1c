/* SPDX-License-Identifier: ISC */
/*
 * Silo descriptions (/boot/silos/NAME.silo): words and values, one directive a line. Parsed and
 * validated into one struct of fixed size. The values of single commands (mode, limit, restart,
 * unveil) have functions of their own, so that the control file takes exactly what a file takes.
 *
 * Not here: reading files, starting anything, looking at what exists (paths, devices, labels).
 *
 * Invariant: a description that was accepted obeys every rule that can be judged from its text
 * alone; one that was refused left nothing behind.
 *
 * Grammar: docs/silo-description.md.
 */
#ifndef SILO_SILO_H
#define SILO_SILO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SILO_MUST __attribute__((warn_unused_result))

#define SILO_FILE_MAX	  65536u /* bytes in a description */
#define SILO_LINE_MAX	  2048u	 /* bytes in a line */
#define SILO_WORDS_MAX	  64u	 /* words in a line */
#define SILO_LABEL_MAX	  31u
#define SILO_PATH_MAX	  1024u
#define SILO_ARGS_MAX	  64u /* without argv[0], which is the path */
#define SILO_ENV_MAX	  64u
#define SILO_UNVEIL_MAX	  128u
#define SILO_DEVICES_MAX  16u
#define SILO_PROVIDES_MAX 16u
#define SILO_NEEDS_MAX	  16u
#define SILO_TEXT_MAX	  16384u /* bytes for all args, env, paths of a description together */
#define SILO_REASON_MAX	  128u

enum silo_family { SILO_SYS, SILO_DRV, SILO_FS, SILO_NET, SILO_WASM, SILO_USR, SILO_FAMILY_COUNT };

/* By id: 1-9 critical, 10-999 system, from 1000 user. */
enum silo_tier { SILO_CRITICAL, SILO_SYSTEM, SILO_USER, SILO_TIER_COUNT };

/* Mode bits: control, hardware, registry digit. */
#define SILO_MODE_LIST	    0400u
#define SILO_MODE_STOP	    0200u
#define SILO_MODE_SPAWN	    0100u
#define SILO_MODE_INTERRUPT 0040u
#define SILO_MODE_IO	    0020u
#define SILO_MODE_DMA	    0010u
#define SILO_MODE_LOOKUP    0004u
#define SILO_MODE_BIND	    0002u
#define SILO_MODE_PROXY	    0001u

enum silo_limit {
	SILO_MEMORY,	    /* bytes */
	SILO_MEM_MIN,	    /* bytes */
	SILO_PROCESSES,	    /* count */
	SILO_THREADS,	    /* count */
	SILO_HANDLES,	    /* count */
	SILO_MESSAGES,	    /* count */
	SILO_CPU_SHARES,    /* weight */
	SILO_CPU_QUOTA_US,  /* microseconds of one CPU per period; 0: no quota */
	SILO_CPU_PERIOD_US, /* microseconds */
	SILO_AFFINITY,	    /* mask of CPUs */
	SILO_LIMIT_COUNT
};

struct silo_limits {
	uint64_t value[SILO_LIMIT_COUNT];
	uint32_t given; /* bit 1 << enum silo_limit: value was named; others are 0 */
};

enum silo_restart { SILO_NEVER, SILO_ON_CRASH, SILO_ALWAYS, SILO_RESTART_COUNT };

struct silo_restart_policy {
	enum silo_restart when;
	uint32_t budget;	 /* restarts allowed in a window */
	uint32_t window_s;	 /* seconds */
	uint32_t backoff_max_ms; /* ceiling of the pause before a restart */
};

#define SILO_RESTART_DEFAULT                                                                       \
	((struct silo_restart_policy){                                                             \
		.when = SILO_ON_CRASH, .budget = 5, .window_s = 60, .backoff_max_ms = 10000})

enum silo_start { SILO_BOOT, SILO_DEMAND, SILO_START_NEVER, SILO_START_COUNT };

#define SILO_UNVEIL_READ    1u
#define SILO_UNVEIL_WRITE   2u
#define SILO_UNVEIL_EXECUTE 4u
#define SILO_UNVEIL_CREATE  8u

struct silo_unveil {
	uint16_t path; /* offset in text[] */
	uint8_t perms; /* SILO_UNVEIL_*, 0: hidden */
};

enum silo_device_kind { SILO_PCI, SILO_IRQ, SILO_PORT };

#define SILO_PCI_CLASS 1u /* class_code is to be matched */
#define SILO_PCI_PROG  2u /* prog_if is to be matched */
#define SILO_PCI_ID    4u /* vendor and device are to be matched */

struct silo_device {
	enum silo_device_kind kind;
	uint32_t match;	     /* SILO_PCI_*, for PCI */
	uint16_t class_code; /* base class << 8 | subclass */
	uint8_t prog_if;
	uint16_t vendor, device;
	uint32_t irq;	/* line, for IRQ */
	uint32_t port;	/* first port, for PORT */
	uint32_t ports; /* number of ports */
};

struct silo_desc {
	char name[SILO_LABEL_MAX + 1];
	enum silo_family family;
	enum silo_tier tier;
	uint32_t id; /* 0: sipd chooses one of the tier */
	uint16_t mode;
	uint16_t exec; /* offset in text[] */
	bool strict;
	bool keeper;
	enum silo_start start;
	struct silo_restart_policy restart;
	uint32_t heartbeat_ms; /* 0: none */
	uint64_t dma;	       /* bytes */
	struct silo_limits limits;

	uint32_t args, envs, unveils, devices, provide_count, need_count;
	uint16_t arg[SILO_ARGS_MAX]; /* offsets in text[] */
	uint16_t env[SILO_ENV_MAX];  /* offsets in text[]: KEY=VALUE */
	struct silo_unveil unveil[SILO_UNVEIL_MAX];
	struct silo_device device[SILO_DEVICES_MAX];
	uint16_t provides[SILO_PROVIDES_MAX]; /* offsets in text[] */
	char needs[SILO_NEEDS_MAX][SILO_LABEL_MAX + 1];

	uint32_t text_len;
	char text[SILO_TEXT_MAX]; /* strings, each terminated */
};

struct silo_error {
	unsigned line; /* 1 is the first; 0: the description as a whole */
	char reason[SILO_REASON_MAX];
};

/* The string at an offset that a description holds. */
static inline const char *silo_text(const struct silo_desc *desc, uint16_t offset)
{
	return desc->text + offset;
}

/*
 * Parse and validate a description of len bytes. *desc is only written on success. The struct is
 * large, so the scratch is the caller's too: *work, whose contents mean nothing afterwards. Returns
 * 0; -EINVAL a line or the whole is wrong; -EPERM the mode exceeds what the family or the tier may
 * have, or lacks a bit that another line needs; -E2BIG a bound above is exceeded. *err is filled
 * on failure.
 */
SILO_MUST int silo_parse(const char *text, size_t len, struct silo_desc *desc,
			 struct silo_desc *work, struct silo_error *err);

/*
 * Values of single commands. args: the text behind the command's word, len bytes. On failure they
 * return a negative errno, write one line to reason (SILO_REASON_MAX bytes), and leave the output
 * as it was.
 */
SILO_MUST int silo_parse_mode(const char *args, size_t len, uint16_t *mode, char *reason);
SILO_MUST int silo_parse_limit(const char *args, size_t len, enum silo_limit *key, uint64_t *value,
			       char *reason);
SILO_MUST int silo_parse_restart(const char *args, size_t len, struct silo_restart_policy *policy,
				 char *reason);
SILO_MUST int silo_parse_family(const char *args, size_t len, enum silo_family *family,
				char *reason);
/* path: receives the normalised path, at most SILO_PATH_MAX bytes and a NUL. */
SILO_MUST int silo_parse_unveil(const char *args, size_t len, char path[SILO_PATH_MAX + 1],
				uint8_t *perms, char *reason);
/* A device as behind the word `device`: "pci class=0106 prog=01", "irq 4", "port 0x3f8 8". */
SILO_MUST int silo_parse_device(const char *args, size_t len, struct silo_device *device,
				char *reason);
/* Letters, digits, '-', '_', '.', at most SILO_LABEL_MAX. label: SILO_LABEL_MAX + 1 bytes. */
SILO_MUST int silo_parse_label(const char *args, size_t len, char *label, char *reason);
/* A number: decimal or 0x hex; a size may end in K, M or G (powers of 1024). */
SILO_MUST int silo_parse_number(const char *word, size_t len, uint64_t *value);
SILO_MUST int silo_parse_size(const char *word, size_t len, uint64_t *value);

/* May a silo of this family and tier have this mode? 0 or -EPERM with the reason. */
SILO_MUST int silo_check_mode(enum silo_family family, enum silo_tier tier, uint16_t mode,
			      char *reason);
/* Do these limits go together? 0 or -EINVAL with the reason. */
SILO_MUST int silo_check_limits(const struct silo_limits *limits, char *reason);

enum silo_tier silo_tier_of(uint32_t id);
uint16_t silo_mode_ceiling(enum silo_family family);

/* Names as they are written; NULL for a value outside the enum. */
const char *silo_family_name(enum silo_family family);
const char *silo_tier_name(enum silo_tier tier);
const char *silo_limit_name(enum silo_limit key);
const char *silo_restart_name(enum silo_restart when);

/*
 * Split a line into words in place: blanks separate; "double quotes" hold blanks, with \" and \\
 * inside; '#' at the start of a word begins a comment. The words are terminated. Returns their
 * number (0: an empty line) or -EINVAL (open quote, byte below 0x20 other than tab, 0x7f),
 * -E2BIG (more than max).
 */
SILO_MUST int silo_words(char *line, size_t len, char **word, unsigned max);

#endif

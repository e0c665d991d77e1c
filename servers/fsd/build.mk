# SPDX-License-Identifier: ISC
PROGS += fsd
fsd-pure := $(addprefix servers/fsd/,\
	pool.c disk.c job.c inode.c fill.c read.c ops.c vmo.c mount.c sessions.c)
fsd-srcs := servers/fsd/main.c servers/fsd/link.c servers/fsd/sys.c $(fsd-pure)
fsd-libs := serve 9p ext4 ring sys

UNIT += fsd_files
fsd_files-srcs := tests/unit/fsd_files.c tests/unit/fsd_rig.c tests/unit/9p_local.c \
	tests/unit/ext4_support.c $(fsd-pure)
fsd_files-libs := 9p ext4 ring

FUZZ += fsd_ring
fuzz-fsd_ring-srcs := tests/fuzz/fsd_ring.c tests/unit/fsd_rig.c tests/unit/9p_local.c $(fsd-pure)
fuzz-fsd_ring-libs := 9p ext4 ring
# Loops over the pool and what the rig compares guide no search.
fuzz-fsd_ring-cflags := -fno-sanitize-coverage=trace-cmp

LIBS += cpio
HOSTLIBS += cpio
cpio-srcs := lib/cpio/cpio.c

UNIT += cpio_newc
cpio_newc-srcs := tests/unit/cpio_newc.c
cpio_newc-libs := cpio

FUZZ += cpio
fuzz-cpio-srcs := tests/fuzz/cpio.c
fuzz-cpio-libs := cpio

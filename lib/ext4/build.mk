LIBS += ext4
HOSTLIBS += ext4
ext4-srcs := lib/ext4/super.c lib/ext4/group.c lib/ext4/inode.c lib/ext4/map.c \
	lib/ext4/extent.c lib/ext4/dirblock.c lib/ext4/dir.c lib/ext4/htree.c lib/ext4/hash.c \
	lib/ext4/link.c lib/ext4/crc.c

UNIT += ext4_hash ext4_image ext4_damage
ext4_hash-srcs := tests/unit/ext4_hash.c
ext4_hash-libs := ext4
ext4_image-srcs := tests/unit/ext4_image.c tests/unit/ext4_support.c
ext4_image-libs := ext4
ext4_damage-srcs := tests/unit/ext4_damage.c tests/unit/ext4_support.c
ext4_damage-libs := ext4

FUZZ += ext4
fuzz-ext4-srcs := tests/fuzz/ext4.c
fuzz-ext4-libs := ext4
# How the harness's own comparisons and the checksum's steps came out guides no search, and noting it
# took half of the time.
fuzz-ext4-cflags := -fno-sanitize-coverage=trace-cmp
$(O)/obj/fuzz/lib/ext4/crc.c.o: private xflags := \
	-fno-sanitize-coverage=inline-8bit-counters,pc-table,trace-cmp,indirect-calls,stack-depth
$(O)/obj/fuzz/lib/ext4/crc.c.o: lib/ext4/build.mk

LIBS += silo
HOSTLIBS += silo
silo-srcs := lib/silo/parse.c lib/silo/value.c lib/silo/words.c lib/silo/names.c

UNIT += silo_desc
silo_desc-srcs := tests/unit/silo_desc.c
silo_desc-libs := silo

FUZZ += silo
fuzz-silo-srcs := tests/fuzz/silo.c
fuzz-silo-libs := silo

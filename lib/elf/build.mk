LIBS += elf
HOSTLIBS += elf
elf-srcs := lib/elf/elf.c lib/elf/cmod.c

UNIT += elf_plan
elf_plan-srcs := tests/unit/elf_plan.c
elf_plan-libs := elf

FUZZ += elf
fuzz-elf-srcs := tests/fuzz/elf.c
fuzz-elf-libs := elf

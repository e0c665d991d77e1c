LIBS += acpi
HOSTLIBS += acpi
acpi-srcs := lib/acpi/tables.c lib/acpi/madt.c lib/acpi/fadt.c lib/acpi/simple.c lib/acpi/dmar.c

UNIT += acpi_tables
acpi_tables-srcs := tests/unit/acpi_tables.c
acpi_tables-libs := acpi

FUZZ += acpi
fuzz-acpi-srcs := tests/fuzz/acpi.c
fuzz-acpi-libs := acpi

# SPDX-License-Identifier: ISC
#
# Collects the rooms' build.mk files and checks what they say. The lists that they add to:
#   LIBS HOSTLIBS PROGS UNIT FUZZ CORE BENCH BENCHPROGS BENCHRUN PLAIN ARCHIVE, and kernel-srcs, SHIM-srcs.
# docs/building.md explains them.

LIBS :=
HOSTLIBS :=
PROGS :=
UNIT :=
FUZZ :=
CORE :=
BENCH :=
BENCHPROGS :=
BENCHRUN :=
PLAIN :=
ARCHIVE :=
kernel-srcs :=
SHIM-srcs :=

rooms := lib servers drivers cmd tests kernel bench
snippets := $(sort $(wildcard $(foreach r,$(rooms),\
	$(r)/build.mk $(r)/*/build.mk $(r)/*/*/build.mk $(r)/*/*/*/build.mk)))
ifneq ($(snippets),)
include $(snippets)
endif

# NAME-srcs is one variable for all kinds, so a name may stand in one list only, once.
names := $(LIBS) $(PROGS) $(UNIT) $(CORE) $(BENCH) $(BENCHPROGS) $(PLAIN) \
	$(filter-out $(LIBS),$(HOSTLIBS))
twice := $(strip $(foreach n,$(sort $(names)),$(if $(word 2,$(filter $(n),$(names))),$(n))))
ifneq ($(twice),)
$(error a build.mk uses a name twice in LIBS PROGS UNIT CORE BENCH BENCHPROGS PLAIN: $(twice))
endif
empty := $(strip $(foreach n,$(filter-out $(HOSTLIBS),$(names)),$(if $($(n)-srcs),,$(n)-srcs)))
ifneq ($(empty),)
$(error a build.mk names something without sources: $(empty))
endif

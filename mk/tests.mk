# SPDX-License-Identifier: ISC
#
# Test stages. Each writes lines `pass|fail|skip NAME` to build/results/STAGE.txt and fails when
# one failed; `make test` runs them all, whatever fails before, and counts (tools/teststages.sh).

RUNS ?= 1000000
MINUTES ?= 60
results := $(O)/results
PYTEST := $(PYTHON) -B -m pytest -p no:cacheprovider -q --build=$(O) $(if $(K),-k '$(K)')

.PHONY: fuzz-smoke unit-programs fuzz-programs

test:
	+$(Q)MAKE='$(MAKE)' tools/teststages.sh $(results) lint unit host core boot fuzz-smoke

check: lint unit

unit-programs: $(UNIT:%=$(O)/unit/%)
unit: unit-programs
	$(Q)$(PYTHON) -B tools/unit.py $(results) $(UNIT:%=$(O)/unit/%)

# NAME-smp: numbers of CPUs to run with; NAME-options: further launcher options.
core: all
	$(Q)$(PYTHON) -B tools/coretest.py --build $(O) $(results) \
		$(foreach n,$(CORE),$(foreach c,$(or $($(n)-smp),1),'$(n) --smp $(c) $($(n)-options)'))

# Libraries on this host against programs that others wrote.
host: $(O)/host/9p.a
	$(Q)$(PYTEST) --stage=host tests/host

boot: all
	$(Q)$(PYTEST) -m 'not soak' tests/boot

soak: all
	$(Q)$(PYTEST) -m soak --stage=soak --minutes=$(MINUTES) tests/boot

ifeq ($(FUZZER),yes)
fuzz-programs: $(FUZZ:%=$(O)/fuzz/bin/%)
else
fuzz-programs:
endif
fuzz: fuzz-programs
	$(Q)$(PYTHON) -B tools/fuzz.py --build $(O) --runs $(RUNS) $(results) $(FUZZ)
fuzz-smoke: fuzz-programs
	$(Q)$(PYTHON) -B tools/fuzz.py --build $(O) --runs 20000 --seconds 10 $(results) $(FUZZ)

lint:
	$(Q)tools/lint.sh $(results)

# NAME-command: the words to run for a program of BENCHRUN, if not its name alone.
bench: all
	$(Q)$(PYTHON) -B bench/run.py --build $(O) $(ARGS) \
		$(foreach n,$(BENCHRUN),'$(or $($(n)-command),$(n))')

# What each compilation read.
-include $(wildcard $(addsuffix .d,$(sort $(all-objects))))

# SPDX-License-Identifier: ISC
#
# Generated interface headers, objects of every class, libraries and programs.
# An object's name is its source's with .o behind: lib/a.c gives build/obj/native/lib/a.c.o.
# Libraries and programs depend on the snippets, since a source may have left one.

# One file of flags for each class of object, rewritten when they differ, so that a changed flag
# rebuilds its class.
ifneq ($(build-goals),)
ifeq ($(wildcard $(O)/flags),)
$(shell mkdir -p $(O)/flags)
endif

# flags-file CLASS: rewrite the record of a class's flags when they differ from what it says.
define flags-file
ifneq ($$(strip $$(file <$$(O)/flags/$(1))),$$(strip $$($(1)-flags)))
$$(file >$$(O)/flags/$(1),$$($(1)-flags))
endif
endef
$(foreach c,native kernel shim host fuzz,$(eval $(call flags-file,$(c))))
endif

# The interface: made in a side folder, and only files that differ move over.
abi-inputs := $(wildcard abi/*.abi)
gen-stamp := $(GEN)/.stamp

$(gen-stamp): $(abi-inputs) tools/abigen.py
	$(say) ABI $(GEN)
	@mkdir -p $(GEN)
	$(Q)rm -rf $(GEN).new && mkdir -p $(GEN).new
	$(Q)$(PYTHON) tools/abigen.py abi/calls.abi $(GEN).new
	@for f in $$(cd $(GEN).new && ls); do \
		cmp -s $(GEN).new/$$f $(GEN)/$$f || mv $(GEN).new/$$f $(GEN)/$$f; done
	@rm -rf $(GEN).new; touch $@

$(GEN)/%: $(gen-stamp) ;

# object-rules CLASS: how a .c and a .S of this class are compiled. xflags: NAME-cflags.
define object-rules
$(O)/obj/$(1)/%.c.o: %.c $(O)/flags/$(1) | $(gen-stamp)
	$$(say) '$(2)' $$<
	@mkdir -p $$(@D)
	$$(Q)$$($(1)-flags) $$(xflags) -MF $$@.d -c -o $$@ $$<
$(O)/obj/$(1)/%.S.o: %.S $(O)/flags/$(1) | $(gen-stamp)
	$$(say) 'AS$(2:CC%=%)' $$<
	@mkdir -p $$(@D)
	$$(Q)$$($(1)-flags) $$(if $$(clang),-Qunused-arguments) $$(xflags) -MF $$@.d -c -o $$@ $$<
endef
$(eval $(call object-rules,native,CC))
$(eval $(call object-rules,kernel,CC/k))
$(eval $(call object-rules,shim,CC/shim))
$(eval $(call object-rules,host,CC/host))
$(eval $(call object-rules,fuzz,CC/fuzz))
.SECONDARY:

# objects CLASS,SOURCES
objects = $(patsubst %,$(O)/obj/$(1)/%.o,$(2))
# Sources of a library on the host.
host-srcs = $(or $($(1)-host-srcs),$($(1)-srcs))
archive = $(Q)rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)

# extra-flags CLASS,NAME,SOURCES: NAME-cflags go to NAME's own objects.
define extra-flags
ifneq ($$($(2)-cflags),)
$(call objects,$(1),$(3)): private xflags := $$($(2)-cflags)
$(call objects,$(1),$(3)): $(snippets)
endif
endef

define library
$(O)/lib/$(1).a: $(call objects,native,$($(1)-srcs)) $(snippets)
	$$(say) AR $$@
	@mkdir -p $$(@D)
	$$(archive)
$(call extra-flags,native,$(1),$($(1)-srcs))
all-objects += $(call objects,native,$($(1)-srcs))
endef

define host-library
$(O)/host/$(1).a: $(call objects,host,$(call host-srcs,$(1))) $(snippets)
	$$(say) AR/host $$@
	@mkdir -p $$(@D)
	$$(archive)
$(O)/fuzz/$(1).a: $(call objects,fuzz,$(call host-srcs,$(1))) $(snippets)
	$$(say) AR/fuzz $$@
	@mkdir -p $$(@D)
	$$(archive)
$(call extra-flags,host,$(1),$(call host-srcs,$(1)))
$(call extra-flags,fuzz,$(1),$(call host-srcs,$(1)))
all-objects += $(foreach c,host fuzz,$(call objects,$(c),$(call host-srcs,$(1))))
endef

define program
$(O)/bin/$(1): $(call objects,native,$($(1)-srcs)) $($(1)-libs:%=$(O)/lib/%.a) $(snippets) \
		$(O)/flags/native
	$$(say) LD $$@
	@mkdir -p $$(@D)
	$$(Q)$$(call native-link,$$(filter %.o %.a,$$+))
$(call extra-flags,native,$(1),$($(1)-srcs))
all-objects += $(call objects,native,$($(1)-srcs))
endef

define unit-program
$(O)/unit/$(1): $(call objects,host,$($(1)-srcs)) $($(1)-libs:%=$(O)/host/%.a) $(snippets)
	$$(say) LD/host $$@
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $(sanitize) -o $$@ $$(filter %.o %.a,$$+) -lcmocka
$(call extra-flags,host,$(1),$($(1)-srcs))
all-objects += $(call objects,host,$($(1)-srcs))
endef

define fuzz-program
$(O)/fuzz/bin/$(1): $(call objects,fuzz,$(fuzz-$(1)-srcs)) \
		$(fuzz-$(1)-libs:%=$(O)/fuzz/%.a) $(snippets)
	$$(say) LD/fuzz $$@
	@mkdir -p $$(@D)
	$$(Q)$$(FUZZCC) $(sanitize),fuzzer -o $$@ $$(filter %.o %.a,$$+)
$(call extra-flags,fuzz,fuzz-$(1),$(fuzz-$(1)-srcs))
all-objects += $(call objects,fuzz,$(fuzz-$(1)-srcs))
endef

$(foreach n,$(LIBS),$(eval $(call library,$(n))))
$(foreach n,$(HOSTLIBS),$(eval $(call host-library,$(n))))
$(foreach n,$(PROGS) $(CORE) $(BENCH) $(BENCHPROGS) $(PLAIN),$(eval $(call program,$(n))))
$(foreach n,$(UNIT),$(eval $(call unit-program,$(n))))
$(foreach n,$(FUZZ),$(eval $(call fuzz-program,$(n))))

$(O)/stripped/%: $(O)/bin/%
	@mkdir -p $(@D)
	$(Q)$(STRIP) -s -o $@ $<

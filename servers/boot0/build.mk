# SPDX-License-Identifier: ISC
# The first program: linked without libc, as a flat image that the kernel carries.
boot0-objs := $(patsubst %,$(O)/obj/native/servers/boot0/%.o,entry.S main.c string.c) \
	$(O)/obj/native/servers/init/kept.c.o
boot0-libs := $(patsubst %,$(O)/lib/%.a,spawn elf cpio sys)
all-objects += $(boot0-objs)

$(O)/boot0.elf: $(boot0-objs) $(boot0-libs) servers/boot0/boot0.ld servers/boot0/build.mk
	$(say) LD $@
	$(Q)$(LD) -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none \
		-T servers/boot0/boot0.ld -o $@ $(filter %.o,$^) $(filter %.a,$^)

$(O)/boot0.bin: $(O)/boot0.elf
	$(say) BIN $@
	$(Q)$(OBJCOPY) -O binary -j .text -j .data $< $@

# SPDX-License-Identifier: ISC
# The portable kernel: every file of this folder. The machine's part is in arch/.
kernel-srcs += $(sort $(wildcard kernel/*.c)) kernel/boot0.S

$(O)/obj/kernel/kernel/boot0.S.o: $(O)/boot0.bin
$(O)/obj/kernel/kernel/boot0.S.o: private xflags := -DBOOT0_BIN='"$(O)/boot0.bin"'

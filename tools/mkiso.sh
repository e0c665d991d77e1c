#!/bin/sh
# SPDX-License-Identifier: ISC
#
# mkiso.sh KERNEL BOOT.CPIO OUT: an ISO that starts by BIOS and by UEFI, from disc or USB stick.
# GRUB loads the kernel by Multiboot2 and the boot archive as its one module.
set -eu
for tool in grub-mkrescue xorriso mformat grub-file; do
	command -v "$tool" >/dev/null || {
		echo "mkiso: $tool is not installed: run \`make setup\`" >&2
		exit 1
	}
done
grub-file --is-x86-multiboot2 "$1" || {
	echo "mkiso: $1 has no Multiboot2 header" >&2
	exit 1
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/root/boot/grub"
cp "$1" "$folder/root/boot/kernel"
cp "$2" "$folder/root/boot/boot.cpio"
cp "$(dirname "$0")/grub.cfg" "$folder/root/boot/grub/grub.cfg"
grub-mkrescue -o "$3.new" "$folder/root" >"$folder/log" 2>&1 || {
	cat "$folder/log" >&2
	exit 1
}
mv "$3.new" "$3"

# SPDX-License-Identifier: ISC
PROGS += virtio-blk
virtio-blk-srcs := drivers/block/virtio/main.c drivers/block/virtio/device.c \
	drivers/block/virtio/queue.c
virtio-blk-libs := blockdrv pci ring serve 9p sys

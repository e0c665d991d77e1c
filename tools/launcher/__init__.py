# SPDX-License-Identifier: ISC
"""What starts Bulkhead in QEMU: the command `bulkhead`, the boot tests, the measurements."""

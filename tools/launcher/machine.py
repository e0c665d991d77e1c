# SPDX-License-Identifier: ISC
"""The virtual machine: from a few settings to a QEMU command line.

Every user of QEMU in this tree goes through here, so that the prompt, the tests and the
measurements see the same machine: q35, nothing on it that was not asked for, the kernel started
by PVH with the boot archive as its module. Nothing here starts a process.

The guest can end QEMU by writing a 32-bit value V to port 0xf4; QEMU's exit status is then
2 V + 1 (isa-debug-exit).
"""
import argparse
import os
import shlex
import shutil
from dataclasses import dataclass, field

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
QEMU = "qemu-system-x86_64"
# The model for measuring (docs/testing.md): what this emulator can do of a Skylake, and 1 GiB pages. Without
# ERMS and FSRM, so that copies go by 8 bytes and their instructions can be counted.
# The second line is what the emulator lacks anyway: named, it is not warned about.
CPU = (
    "Skylake-Client-v3,+pdpe1gb,-pcid,-x2apic,-tsc-deadline,-hle,-rtm,-invpcid,-erms,-fsrm"
    ",-rdseed,-spec-ctrl,-3dnowprefetch,-xsavec"
)
# Instructions are the clock: rdtsc differences are instruction counts, the same in each run.
ICOUNT = ["-icount", "shift=0,sleep=off,align=off"]
DEBUG_EXIT_PORT = 0xF4
UEFI_FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.fd"


class NotThere(Exception):
    """What is needed to start is missing; the text says what, and what helps."""


@dataclass
class Machine:
    kernel: str
    archive: str | None
    disks: list = field(default_factory=list)
    devices: list = field(default_factory=list)
    ahci: bool = False
    iommu: bool = False
    smp: int = 1
    memory: str = "1G"
    icount: bool = False
    accel: str = "tcg"
    cmdline: str = ""
    serial: list = field(default_factory=lambda: ["-serial", "stdio"])
    ninep_port: int | None = None
    gdb_port: int | None = None
    qmp: str | None = None
    iso: str | None = None
    uefi: bool = False
    extra: list = field(default_factory=list)

    def check(self):
        """Raises NotThere before QEMU would say it less well."""
        if not shutil.which(QEMU):
            raise NotThere(f"{QEMU} is not installed: run `make setup`")
        if self.uefi and not os.path.exists(UEFI_FIRMWARE):
            raise NotThere("no UEFI firmware (package ovmf): run `make setup`")
        if self.uefi and not self.iso:
            raise NotThere("--uefi needs a disc to boot: --iso FILE (`make iso` makes one)")
        if self.iso and not os.path.exists(self.iso):
            raise NotThere(f"no ISO at {self.iso}: run `make iso`")
        if not self.iso and not os.path.exists(self.kernel):
            raise NotThere(f"no kernel at {self.kernel}: run `make`")
        if not self.iso and self.archive and not os.path.exists(self.archive):
            raise NotThere(f"no boot archive at {self.archive}: run `make`")
        for disk in self.disks:
            if not os.path.exists(disk):
                raise NotThere(f"no disk image {disk}: `bulkhead image DIR {disk}` makes one")
            if os.path.isdir(disk):
                raise NotThere(f"{disk} is a directory, no disk image: `--dir {disk}` attaches it")

    def command(self):
        words = [QEMU, "-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none"]
        words += self._processor()
        words += ["-m", self.memory, "-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT},iosize=4"]
        words += self._image() + self.serial
        if self.ninep_port:
            # The line gives few bytes at a time: they go on at once.
            socket = f"socket,id=ninep,host=127.0.0.1,port={self.ninep_port}"
            socket += ",server=on,wait=off,nodelay=on"
            words += ["-chardev", socket, "-serial", "chardev:ninep"]
        if self.qmp:
            words += ["-chardev", f"socket,id=qmp,path={self.qmp}"]
            words += ["-mon", "chardev=qmp,mode=control"]
        if self.gdb_port:
            words += ["-gdb", f"tcp:127.0.0.1:{self.gdb_port}", "-S"]
        return words + self._devices() + self.extra

    def _image(self):
        """What is booted: the ISO through the firmware and GRUB, else the kernel by PVH."""
        if self.iso:
            disc = f"if=none,id=disc,media=cdrom,readonly=on,format=raw,file={self.iso}"
            words = ["-drive", disc, "-device", "ide-cd,drive=disc,bus=ide.5,bootindex=0"]
            if self.uefi:
                words += ["-drive", f"if=pflash,format=raw,readonly=on,file={UEFI_FIRMWARE}"]
            return words
        words = ["-kernel", self.kernel]
        words += ["-initrd", self.archive] if self.archive else []
        return words + (["-append", self.cmdline] if self.cmdline else [])

    def _processor(self):
        if self.accel == "kvm":
            return ["-accel", "kvm", "-cpu", "host", "-smp", str(self.smp)]
        words = ["-accel", "tcg"] + (ICOUNT if self.icount else [])
        # UMIP is no part of the measured model, and a test wants it.
        return words + ["-cpu", CPU if self.icount else CPU + ",+umip", "-smp", str(self.smp)]

    def _devices(self):
        # The IOMMU comes first: QEMU wants it there before the devices that it translates for.
        words = ["-device", "intel-iommu,intremap=off"] if self.iommu else []
        for device in self.devices:
            words += ["-device", device]
        platform = ",iommu_platform=on" if self.iommu else ""
        for number, disk in enumerate(self.disks):
            form = "qcow2" if disk.endswith(".qcow2") else "raw"
            name = disk.replace(",", ",,")
            words += ["-drive", f"if=none,id=disk{number},format={form},file={name}"]
            if self.ahci:
                words += ["-device", f"ide-hd,drive=disk{number},bus=ide.{number}"]
            else:
                words += [
                    "-device",
                    f"virtio-blk-pci,drive=disk{number},disable-legacy=on{platform}",
                ]
        return words


def number(least, largest):
    """For argparse: a whole number within bounds."""

    def parsed(text):
        value = int(text)
        if not least <= value <= largest:
            raise argparse.ArgumentTypeError(f"{value} is not from {least} to {largest}")
        return value

    parsed.__name__ = "number"
    return parsed


PORT = number(1, 65535)


def add_options(parser):
    """The options that describe a machine, for every program that starts one."""
    parser.add_argument(
        "--build",
        default=os.environ.get("BULKHEAD_BUILD", os.path.join(TOP, "build")),
        metavar="DIR",
        help="where the build is (build, beside this program; or $BULKHEAD_BUILD)",
    )
    parser.add_argument(
        "--disk", action="append", default=[], metavar="IMAGE", help="attach; may be repeated"
    )
    parser.add_argument("--ahci", action="store_true", help="disks by AHCI, not virtio-blk")
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="DEVICE",
        help="one more, in QEMU's words (edu); may be repeated",
    )
    parser.add_argument("--iommu", action="store_true", help="with VT-d, virtio behind it too")
    parser.add_argument("--smp", type=number(1, 255), default=1, metavar="N", help="number of CPUs (1)")
    parser.add_argument("--mem", default="1G", metavar="SIZE", help="memory (1G)")
    parser.add_argument(
        "--icount", action="store_true", help="count instructions: the clock is their number"
    )
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg", help="(tcg)")
    parser.add_argument(
        "--archive", metavar="FILE", help="boot archive (boot.cpio of the build)"
    )
    parser.add_argument("--iso", metavar="FILE", help="boot this disc, not the build's kernel")
    parser.add_argument("--uefi", action="store_true", help="with --iso: by UEFI, not BIOS")
    parser.add_argument("--recovery", action="store_true", help="boot into the recovery shell")
    parser.add_argument(
        "--cmdline", default="", metavar="WORDS", help="further words for the kernel command line"
    )
    parser.add_argument(
        "--9p",
        dest="ninep",
        type=PORT,
        metavar="PORT",
        help="second serial line as a TCP server on 127.0.0.1",
    )


def from_options(options, **settings):
    """A Machine from parsed options; `settings` are fields to set as they are."""
    words = (["mode=recovery"] if options.recovery else []) + [options.cmdline]
    chosen = {
        "kernel": os.path.join(options.build, "kernel"),
        "archive": options.archive or os.path.join(options.build, "boot.cpio"),
        "disks": list(options.disk),
        "devices": list(options.device),
        "ahci": options.ahci,
        "iommu": options.iommu,
        "smp": options.smp,
        "memory": options.mem,
        "icount": options.icount,
        "accel": options.accel,
        "cmdline": " ".join(word for word in words if word),
        "ninep_port": options.ninep,
        "iso": options.iso,
        "uefi": options.uefi,
    }
    chosen.update(settings)
    return Machine(**chosen)


def parse(words):
    """Options from a string or list of words, as the test programs hold them."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(shlex.split(words) if isinstance(words, str) else words)

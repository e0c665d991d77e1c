#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Where the instructions of one figure go: profile.py NAME [PER [PROGRAM]]

Runs one measurement of PROGRAM (micro; one of BENCH; what it prints is not a figure, since it has
not read its clock's cost) one instruction at a time and counts them by function of the kernel, per
execution of the function PER (syscall_entry), near the end of the run, when everything is warm.
"""
import bisect
import re
import subprocess
import sys

QEMU = (
    "qemu-system-x86_64 -accel tcg -icount shift=0,sleep=off,align=off -machine q35 -smp 1 -m 1G "
    "-nodefaults -display none -cpu Skylake-Client-v3,+pdpe1gb,-pcid,-x2apic,-tsc-deadline,-hle,"
    "-rtm,-invpcid,-erms,-fsrm -serial null -device isa-debug-exit,iobase=0xf4,iosize=4 "
    "-device edu -kernel build/kernel -singlestep -d nochain,exec "
    "-D /dev/stdout"
)
PC = re.compile(r"/([0-9a-f]{16})/")
KERNEL = 0xFFFFFFFF80000000
QUIET = "hpet_read", "delay_us"  # from one to the other: calibration, millions of turns


def symbols():
    out = subprocess.run(["nm", "-n", "build/kernel.elf"], capture_output=True, text=True, check=True)
    found = [(int(a, 16), n) for a, t, n in map(str.split, out.stdout.splitlines()) if t in "tT"]
    return [a for a, _ in found], [n for _, n in found]


def trace(name, program, addresses, names):
    low, high = (addresses[names.index(n)] for n in QUIET)
    ranges = f"{KERNEL:#x}+{low - KERNEL:#x},{high:#x}+0x1000000,0x400000+0x200000"
    command = QEMU.split() + ["-dfilter", ranges, "-append", f"panic=exit test={name}"]
    command += ["-initrd", f"build/bench/{program}.cpio"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        for line in run.stdout:
            found = PC.search(line)
            if found:
                yield int(found[1], 16)


def main():
    defaults = ["syscall_entry", "micro"]
    name, per, program = (sys.argv[1:] + defaults[len(sys.argv) - 2 :])[:3]
    addresses, names = symbols()
    user, counts = 0, {}
    pcs = list(trace(name, program, addresses, names))
    entry = addresses[names.index(per)]
    marks = [i for i, pc in enumerate(pcs) if pc == entry][-500:-100]
    for pc in pcs[marks[0] : marks[-1]]:
        if pc < KERNEL:
            user += 1
            continue
        at = bisect.bisect_right(addresses, pc) - 1
        counts[names[at]] = counts.get(names[at], 0) + 1
    marks = len(marks) - 1
    print(f"{sum(counts.values()) / marks + user / marks:9.1f} all\n{user / marks:9.1f} user")
    for function, count in sorted(counts.items(), key=lambda row: -row[1]):
        if count / marks >= 0.5:
            print(f"{count / marks:9.1f} {function}")


main()

# SPDX-License-Identifier: ISC
"""Tables in Markdown from measurements: ours beside the budgets, seL4 and Linux.

    table.py --ours FILE... --linux FILE    files of `bench NAME minimum median maximum` lines

Lines of other forms are passed over, so that a serial log will do, in which 0x01 marks where a
command's output begins. An operation that nobody measured is shown as such: a table never leaves
out what is missing.
"""
import argparse
import os
import re
import statistics

HERE = os.path.dirname(os.path.abspath(__file__))
LINE = re.compile(r"(?:^|[\s\x01])bench (\w+) (\d+) (\d+) (\d+)\s*$", re.MULTILINE)

CAVEATS = """\
What the figures are: guest instructions between two readings of the clock, less the cost of
reading it, in QEMU with counted instructions (`-icount shift=0`), the same from run to run.

- They are path lengths, not time: a TLB flush, a locked operation, `syscall`, `iret` and a device
  access count one each.
- `rep` counts every iteration; the processor model lacks ERMS and FSRM, so copies go by 8 bytes.
  Copies are reported apart from the fixed path.
- The emulator has no PCID, x2APIC or TSC-deadline timer; it has XSAVE with AVX, FSGSBASE, SMEP
  and SMAP.
- When the CPU halts, guest time jumps to the next timer: no operation here waits idle.
- One CPU: with more they take turns in one thread, and lock or IPI latencies would mean nothing.
- Minima are compared; the median and maximum say how far a single sample strays.
- Peers do comparable work, not the same: a pipe is not a call, `mprotect` is not a mapping.\
"""


WALL_CAVEATS = """\
Wall time in QEMU without counted instructions, the two systems in turn on one image; medians of
the rounds, and the ratios of each round's pair from least to greatest. Below 1 ours is faster. The
host caches the image alike for both, so that a cold read is the path through the driver and both
caches, not a disk's speed; and what else the host does lies in it.\
"""

# What a boot with one disk may take: (name, budget, what it is).
BOOT = (
    ("boot_instructions", 150000000, "instructions executed from power on, firmware included, "
     "until the prompt stands; idle time is not in it (Linux from its kernel's entry to its first "
     "program: about 3,400 million)"),
    ("memory_prompt", 24 << 20, "bytes in use at the prompt, without image, frame table, boot "
     "archive and file cache (32 MiB)"),
    ("memory_fsd", None, "bytes of these that are fsd's"),
    ("kernel_bytes", 256 << 10, "bytes that the kernel's image loads, names of functions left out"),
)

# Most that the median ratio to Linux may be.
DISK = {"read_cold": 1.0, "pread_4k": 1.5, "pread_64k": 1.0}


def columns(name):
    """Rows of a `a | b | c` file of this folder."""
    with open(os.path.join(HERE, name), encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                yield [column.strip() for column in line.split("|")]


def measurements(paths):
    """{operation: (minimum, median, maximum)}; of several lines the least minimum counts."""
    found = {}
    for path in paths:
        with open(path, encoding="latin-1") as file:
            for match in LINE.finditer(file.read().replace("\r", "")):
                figures = tuple(int(match[i]) for i in (2, 3, 4))
                if match[1] not in found or figures < found[match[1]]:
                    found[match[1]] = figures
    return found


def number(value):
    return f"{value:,}"


def verdict(minimum, budget, goal):
    if minimum > budget:
        return f"over by {(minimum - budget) * 100 // budget} %"
    return "goal met" if minimum <= goal else "within"


def main_table(ours, linux):
    peers = {row[0]: row[1:] for row in columns("peers.txt")}
    yield "| operation | Bulkhead min / median / max | budget | | seL4 | seL4, no switch | Linux |"
    yield "|---|---|---|---|---|---|---|"
    for name, budget, goal, text in columns("budgets.txt"):
        limit = int(budget)
        aim = limit if goal == "-" else int(goal)
        mine, judged = "not measured", ""
        if name in ours:
            mine = " / ".join(number(figure) for figure in ours[name])
            judged = verdict(ours[name][0], limit, aim)
        allowed = number(limit) + ("" if goal == "-" else f" (goal {number(aim)})")
        sel4, plain, other = ("" if cell == "-" else cell for cell in peers[name])
        beside = other and "not measured"
        if other in linux:
            beside = f"{other} {number(linux[other][0])}"
        yield f"| {text} | {mine} | {allowed} | {judged} | {sel4} | {plain} | {beside} |"


def rest_table(title, figures, shown):
    rest = {name: value for name, value in figures.items() if name not in shown}
    if rest:
        yield ""
        yield f"| {title} | min | median | max |"
        yield "|---|---|---|---|"
        for name, value in rest.items():
            yield f"| {name} | " + " | ".join(number(figure) for figure in value) + " |"


def over_budget(ours):
    """Names whose minimum is above the budget."""
    limits = {row[0]: int(row[1]) for row in columns("budgets.txt")}
    return [name for name, limit in limits.items() if name in ours and ours[name][0] > limit]


def boot_table(boot):
    yield ""
    yield "| boot | Bulkhead | budget | | what it is |"
    yield "|---|---|---|---|---|"
    for name, budget, text in BOOT:
        mine, judged, allowed = "not measured", "", ""
        if budget is not None:
            allowed = number(budget)
        if name in boot:
            mine = number(boot[name])
            judged = verdict(boot[name], budget, budget) if budget is not None else ""
        yield f"| {name} | {mine} | {allowed} | {judged.replace('goal met', 'within')} | {text} |"


def disk_table(disks):
    """Rows of (disk, operation, [(ours, Linux's), ...] in ns)."""
    yield ""
    yield "| disk | operation | Bulkhead ms | Linux ms | ratio (least to greatest) | at most | |"
    yield "|---|---|---|---|---|---|---|"
    for place, name, pairs in disks:
        ratios = [a / b for a, b in pairs]
        ratio = statistics.median(ratios)
        yield (
            f"| {place} | {name} | {statistics.median(a for a, _ in pairs) / 1e6:.1f} "
            f"| {statistics.median(b for _, b in pairs) / 1e6:.1f} "
            f"| {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
            f"| {DISK[name]:.1f} | {'over' if ratio > DISK[name] else 'within'} |"
        )
    if not disks:
        yield "| not measured | | | | | | |"


def over_limits(boot, disks):
    """Names of boot and disk figures that are above theirs."""
    found = [name for name, budget, _ in BOOT if budget is not None and boot.get(name, 0) > budget]
    for place, name, pairs in disks:
        if statistics.median(a / b for a, b in pairs) > DISK[name]:
            found.append(f"{place}:{name}")
    return found


def render(ours, linux, boot, disks):
    shown = {row[0] for row in columns("budgets.txt")}
    lines = list(main_table(ours, linux))
    lines += rest_table("Bulkhead, further", ours, shown | {"clock_read"})
    lines += rest_table("Linux, all", linux, {"clock_read"})
    lines += ["", CAVEATS]
    lines += boot_table(boot)
    lines += disk_table(disks)
    return "\n".join(lines + ["", WALL_CAVEATS, ""])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", nargs="*", default=[])
    parser.add_argument("--linux", nargs="*", default=[])
    options = parser.parse_args()
    print(render(measurements(options.ours), measurements(options.linux), {}, []))


if __name__ == "__main__":
    main()

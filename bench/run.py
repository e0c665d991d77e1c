# SPDX-License-Identifier: ISC
"""Measures Bulkhead and Linux in the same QEMU and prints the tables (`make bench`).

    run.py                  path lengths: counted instructions, one CPU
    run.py --disk ROUNDS    reading a disk: wall time, the two in turn, ratios with their spread

Bulkhead's figures come from programs of the lists BENCH (on the bare kernel, as first process;
they end with the log line `end N`) and BENCHRUN (shell commands in the whole system); both print
`bench NAME minimum median maximum`. Everything that ran leaves its output in build/measured/.
Linux's figures do not change with our code: they are kept there and taken again until --fresh.
"""
import argparse
import os
import re
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE, os.path.join(HERE, "linux")]
import package  # noqa: E402
import table  # noqa: E402
from tools.launcher import disk, guest, machine  # noqa: E402

CPU_SECONDS = 900
DISK_SECONDS = 300
OUR_SECONDS = 300
BIG = 256 << 20
LINUX_WORDS = "console=ttyS0 quiet panic=-1 nokaslr"
END = r"(?:^|[\s:\]])end (\d+)$"
WALL = re.compile(r"(?:^|\s)wall (\w+) (\d+) (\d+)\s*$", re.MULTILINE)


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


class Linux:
    """Boots Debian's kernel with the measuring program as its only process."""

    def __init__(self, build, folder):
        program = os.path.join(build, "bin", "linux-bench")
        self.image, modules, self.version = package.kernel_files(build)
        self.initramfs = os.path.join(folder, "linux.cpio")
        package.initramfs(program, modules, self.initramfs)

    def run(self, what, image, log, seconds, **settings):
        """Its whole output."""
        chosen = machine.Machine(
            self.image,
            self.initramfs,
            disks=[image],
            cmdline=f"{LINUX_WORDS} bench={what}",
            extra=["-no-reboot"],
            **settings,
        )
        with guest.Guest(chosen, log) as running:
            end = running.expect(r"bench-(end|error .*)$", seconds)
            if end[1] != "end":
                raise guest.GuestError(f"Linux: {end[0]}")
            return running.text


def measure_linux(build, folder, fresh):
    """The path of Linux's figures."""
    path = os.path.join(folder, "linux.log")
    if os.path.exists(path) and not fresh:
        return path
    image = os.path.join(folder, "linux.img")
    empty = os.path.join(folder, "empty")
    os.makedirs(empty, exist_ok=True)
    disk.make_image(empty, image, "64M")
    other = Linux(build, folder)
    say(f"Linux {other.version}, counted instructions: some minutes")
    other.run("cpu", image, path + ".new", CPU_SECONDS, icount=True)
    os.rename(path + ".new", path)
    return path


def measure_bare(build, folder):
    """Every BENCH program on the bare kernel; the logs."""
    archives = os.path.join(build, "bench")
    for name in sorted(os.listdir(archives)) if os.path.isdir(archives) else []:
        if not name.endswith(".cpio"):
            continue
        say(f"{name[:-5]} on the bare kernel")
        log = os.path.join(folder, f"bare-{name[:-5]}.log")
        chosen = machine.Machine(
            os.path.join(build, "kernel"), os.path.join(archives, name), icount=True
        )
        with guest.Guest(chosen, log) as running:
            running.expect(END, OUR_SECONDS)
        yield log


def measure_system(build, folder, commands):
    for number, text in enumerate(commands):
        say(f"`{text}` in the whole system")
        log = os.path.join(folder, f"system-{number}.log")
        options = machine.parse(["--build", build, "--icount"])
        _, status = guest.run_commands(
            machine.from_options(options), text, folder, OUR_SECONDS, log
        )
        if status:
            raise guest.GuestError(f"{text} ended with {status}")
        yield log


def wall_times(text):
    """{name: nanoseconds} of what a machine printed."""
    return {m[1]: int(m[2]) for m in WALL.finditer(text.replace("\r", ""))}


def disk_round(other, options, folder, image, ahci):
    """One boot of each; ({name: ns} of ours, of Linux's)."""
    log = os.path.join(folder, "disk-linux.log")
    theirs = other.run("disk", image, log, DISK_SECONDS, ahci=ahci)
    words = ["--build", options.build, "--disk", image] + (["--ahci"] if ahci else [])
    chosen = machine.from_options(machine.parse(words))
    log = os.path.join(folder, "disk-ours.log")
    ours, status = guest.run_commands(chosen, options.disk_command, folder, DISK_SECONDS, log)
    if status:
        raise guest.GuestError(f"{options.disk_command} ended with {status}; see {log}")
    return wall_times(ours), wall_times(theirs)


def measure_disk(options, folder):
    files = os.path.join(folder, "files")
    os.makedirs(files, exist_ok=True)
    with open(os.path.join(files, "big"), "wb") as big:
        for _ in range(BIG >> 20):
            big.write(os.urandom(1 << 20))
    image = os.path.join(folder, "disk.img")
    disk.make_image(files, image)
    os.unlink(os.path.join(files, "big"))
    other = Linux(options.build, folder)
    print("| disk | operation | Bulkhead ms | Linux ms | ratio (least to greatest) |")
    print("|---|---|---|---|---|")
    for ahci in (False, True):
        rounds = []
        for number in range(options.disk):
            say(f"disk by {'AHCI' if ahci else 'virtio'}, round {number + 1}")
            rounds.append(disk_round(other, options, folder, image, ahci))
        for name in rounds[0][0]:
            ours = [mine[name] / 1e6 for mine, _ in rounds]
            theirs = [linux[name] / 1e6 for _, linux in rounds]
            ratios = [a / b for a, b in zip(ours, theirs)]
            print(
                f"| {'AHCI' if ahci else 'virtio-blk'} | {name} "
                f"| {statistics.median(ours):.1f} | {statistics.median(theirs):.1f} "
                f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
            )
    print("\nWall time in QEMU without counted instructions, the two systems in turn on one image;")
    print("medians of the rounds. The host caches the image alike for both. A ratio below 1: ours")
    print("is faster.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--fresh", action="store_true", help="measure Linux again")
    parser.add_argument("--only", choices=("ours", "linux"))
    parser.add_argument("--disk", type=int, default=0, metavar="ROUNDS")
    parser.add_argument("--disk-command", default="bench-disk", help="shell command of ours")
    parser.add_argument("commands", nargs="*", help="shell commands that print figures")
    options = parser.parse_args()
    folder = os.path.join(options.build, "measured")
    os.makedirs(folder, exist_ok=True)
    try:
        if options.disk:
            measure_disk(options, folder)
            return
        ours, linux = [], []
        if options.only != "linux":
            ours += measure_bare(options.build, folder)
            ours += measure_system(options.build, folder, options.commands)
        if options.only != "ours":
            linux.append(measure_linux(options.build, folder, options.fresh))
    except (package.PackageError, machine.NotThere, guest.GuestError) as error:
        sys.exit(f"bench: {error}")
    figures = table.measurements(ours)
    print(table.render(figures, table.measurements(linux)))
    over = table.over_budget(figures)
    if over:
        sys.exit("bench: over budget: " + " ".join(over))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: ISC
"""Measures Bulkhead and Linux in the same QEMU and prints the tables (`make bench`).

Three tables: path lengths in counted instructions on one CPU; what the boot takes; reading a disk,
in wall time, the two systems in turn, as ratios with their spread.

    run.py                      all three, three rounds of the last
    run.py --disk 0             without the last
    run.py --store FILE         also to this file

Bulkhead's figures come from programs of the lists BENCH (on the bare kernel, as first process;
they end with the log line `end N`) and BENCHRUN (shell commands in the whole system); both print
`bench NAME minimum median maximum`. Everything that ran leaves its output in build/measured/.
Linux's figures do not change with our code: they are kept there and taken again until --fresh.
"""
import argparse
import array
import os
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE, os.path.join(HERE, "linux")]
import package  # noqa: E402
import table  # noqa: E402
from tools.launcher import disk, guest, machine, qmp  # noqa: E402

CPU_SECONDS = 900
DISK_SECONDS = 300
OUR_SECONDS = 300
BIG = 256 << 20
STAMPED = 8 << 20
LINUX_WORDS = "console=ttyS0 quiet panic=-1 nokaslr"
END = r"(?:^|[\s:\]])end (\d+)$"
WALL = re.compile(r"(?:^|\s)wall (\w+) (\d+) (\d+)\s*$", re.MULTILINE)
PROMPT = r"^bulkhead\$ $"
PROMPT_SECONDS = 60


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
            os.path.join(build, "kernel"),
            os.path.join(archives, name),
            devices=["edu"],
            icount=True,
        )
        with guest.Guest(chosen, log) as running:
            running.expect(END, OUR_SECONDS)
        yield log


def stamped_disk(folder):
    """A disk with the file `stamped`, whose 64-bit words are their own offsets."""
    image = os.path.join(folder, "stamped.img")
    files = os.path.join(folder, "stamped")
    os.makedirs(files, exist_ok=True)
    with open(os.path.join(files, "stamped"), "wb") as file:
        words = array.array("Q", range(0, STAMPED, 8))
        if sys.byteorder == "big":
            words.byteswap()
        words.tofile(file)
    disk.make_image(files, image)
    return image


def bench_archive(build):
    """The boot archive with the programs that measure."""
    return os.path.join(build, "bench.cpio")


def measure_system(build, folder, commands):
    image = stamped_disk(folder)
    for number, text in enumerate(commands):
        say(f"`{text}` in the whole system")
        log = os.path.join(folder, f"system-{number}.log")
        options = machine.parse(["--build", build, "--icount", "--disk", image])
        chosen = machine.from_options(options, archive=bench_archive(build))
        output, status = guest.run_commands(chosen, text, folder, OUR_SECONDS, log)
        if status or not table.LINE.search(output.replace("\r", "")):
            raise guest.GuestError(f"{text} ended with {status}; see {log}")
        yield log


# ---- the boot ----------------------------------------------------------------------------------


def small_disk(folder):
    """An empty ext4 disk, as the boot is measured with."""
    image = os.path.join(folder, "boot.img")
    empty = os.path.join(folder, "empty")
    os.makedirs(empty, exist_ok=True)
    disk.make_image(empty, image, "64M")
    return image


def boot_instructions(build, folder):
    """How many instructions the machine has executed when the prompt stands.

    QEMU's recording mode counts them, those that an idle CPU skips left out.
    """
    with tempfile.TemporaryDirectory(prefix="bulkhead-") as private:
        record = os.path.join(private, "record").replace(",", ",,")
        words = ["--build", build, "--disk", small_disk(folder)]
        chosen = machine.from_options(
            machine.parse(words),
            qmp=os.path.join(private, "qmp"),
            extra=["-icount", machine.ICOUNT[1] + ",rr=record,rrfile=" + record],
        )
        control = qmp.Qmp(chosen.qmp)
        try:
            with guest.Guest(chosen, os.path.join(folder, "boot.log")) as running:
                running.expect(PROMPT, PROMPT_SECONDS)
                words = {"command-line": "info replay"}
                answer = control.command("human-monitor-command", **words)
        finally:
            control.close()
    match = re.search(r"instruction count = (\d+)", answer)
    if not match:
        raise guest.GuestError(f"QEMU does not tell the instruction count: {answer}")
    return int(match[1])


FILE_CACHE = 32 << 20  # fsd's pool, pinned as soon as it runs: docs/fsd.md


def memory_at_prompt(build, folder):
    """Bytes in use of what the kernel had to give, and those of them that are fsd's; both without
    the file cache, which is there once the disk is mounted."""
    words = ["--build", build, "--disk", small_disk(folder)]
    log = os.path.join(folder, "memory.log")
    chosen = machine.from_options(machine.parse(words))
    commands = "ls /disk\ncat /dev/sip/status"
    text, status = guest.run_commands(chosen, commands, folder, OUR_SECONDS, log)
    used = re.search(r"^memory (\d+) of \d+$", text, re.MULTILINE)
    fsd = re.search(r"^\d+ fsd \S+ running \d+ \d+ \d+ (\d+) ", text, re.MULTILINE)
    if status or not used or not fsd:
        raise guest.GuestError(f"/dev/sip/status does not tell the memory; see {log}")
    if int(fsd[1]) < FILE_CACHE:
        raise guest.GuestError(f"fsd has {fsd[1]} bytes, less than its file cache; see {log}")
    return int(used[1]) - FILE_CACHE, int(fsd[1]) - FILE_CACHE


def kernel_bytes(build):
    """What the kernel's image loads, less the table of its functions' names."""
    image = os.path.join(build, "kernel")
    run = subprocess.run(["size", "-A", "-d", image], capture_output=True, text=True, check=True)
    sections = dict(re.findall(r"^(\.\S+)\s+(\d+)", run.stdout, re.MULTILINE))
    parts = [int(size) for name, size in sections.items() if name not in (".ksyms", ".bss")]
    return sum(parts)


def measure_boot(build, folder):
    """{name: figure}; the names are those of table.BOOT."""
    say("the boot")
    used, fsd = memory_at_prompt(build, folder)
    return {
        "boot_instructions": boot_instructions(build, folder),
        "memory_prompt": used,
        "memory_fsd": fsd,
        "kernel_bytes": kernel_bytes(build),
    }


# ---- the disk ----------------------------------------------------------------------------------


def wall_times(text):
    """{name: (nanoseconds, bytes)} of what a machine printed."""
    return {m[1]: (int(m[2]), int(m[3])) for m in WALL.finditer(text.replace("\r", ""))}


def same_work(ours, theirs):
    """Raises when the two have not read the same."""
    for name in sorted(set(ours) | set(theirs)):
        mine, other = ours.get(name), theirs.get(name)
        if not mine or not other or mine[1] != other[1]:
            raise guest.GuestError(f"{name}: {mine} and {other} are not the same work")


def disk_round(other, options, folder, image, ahci):
    """One boot of each; ({name: (ns, bytes)} of ours, of Linux's)."""
    log = os.path.join(folder, "disk-linux.log")
    theirs = other.run("disk", image, log, DISK_SECONDS, ahci=ahci)
    words = ["--build", options.build, "--disk", image] + (["--ahci"] if ahci else [])
    chosen = machine.from_options(machine.parse(words), archive=bench_archive(options.build))
    log = os.path.join(folder, "disk-ours.log")
    ours, status = guest.run_commands(chosen, options.disk_command, folder, DISK_SECONDS, log)
    if status:
        raise guest.GuestError(f"{options.disk_command} ended with {status}; see {log}")
    ours, theirs = wall_times(ours), wall_times(theirs)
    same_work(ours, theirs)
    return ours, theirs


def measure_disk(options, folder):
    """[(disk, operation, [(ours, Linux's) of each round, in ns])]"""
    files = os.path.join(folder, "files")
    os.makedirs(files, exist_ok=True)
    with open(os.path.join(files, "big"), "wb") as big:
        for _ in range(BIG >> 20):
            big.write(os.urandom(1 << 20))
    image = os.path.join(folder, "disk.img")
    disk.make_image(files, image)
    os.unlink(os.path.join(files, "big"))
    other = Linux(options.build, folder)
    found = []
    for ahci in (False, True):
        rounds = []
        for number in range(options.disk):
            say(f"disk by {'AHCI' if ahci else 'virtio'}, round {number + 1}")
            rounds.append(disk_round(other, options, folder, image, ahci))
        for name in rounds[0][0]:
            pairs = [(mine[name][0], linux[name][0]) for mine, linux in rounds]
            found.append(("AHCI" if ahci else "virtio-blk", name, pairs))
    os.unlink(image)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--fresh", action="store_true", help="measure Linux again")
    parser.add_argument("--only", choices=("ours", "linux"))
    parser.add_argument("--disk", type=int, default=3, metavar="ROUNDS", help="(3)")
    parser.add_argument("--store", metavar="FILE", help="write the tables there, too")
    parser.add_argument("--disk-command", default="bench-disk", help="shell command of ours")
    parser.add_argument("commands", nargs="*", help="shell commands that print figures")
    options = parser.parse_args()
    folder = os.path.join(options.build, "measured")
    os.makedirs(folder, exist_ok=True)
    try:
        ours, linux, boot, disks = [], [], {}, []
        if options.only != "linux":
            ours += measure_bare(options.build, folder)
            ours += measure_system(options.build, folder, options.commands)
            boot = measure_boot(options.build, folder)
        if options.only != "ours":
            linux.append(measure_linux(options.build, folder, options.fresh))
        if options.disk and not options.only:
            disks = measure_disk(options, folder)
    except (package.PackageError, machine.NotThere, guest.GuestError) as error:
        sys.exit(f"bench: {error}")
    figures = table.measurements(ours)
    text = table.render(figures, table.measurements(linux), boot, disks)
    print(text)
    if options.store:
        with open(options.store, "w", encoding="utf-8") as file:
            file.write("# Measurements\n\n" + text)
    over = table.over_budget(figures) + table.over_limits(boot, disks)
    if over:
        sys.exit("bench: over budget: " + " ".join(over))


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: ISC
"""Where the CPUs of a machine are that does not get on: for the report of a test whose deadline
has passed, while the machine still runs.

Each CPU's registers, and the words of the kernel's stack that look like return addresses, by
name: guesses, as in the kernel's own report of a panic. Then whether the emulator itself still
works: what its threads do on this host, and whether they can be stopped.
"""
import bisect
import os
import re

from tools import ksyms

from .qmp import QmpError

STACK_WORDS = 256
TRACE_LINES = 16


class Names:
    """Addresses of the kernel's code, by name."""

    def __init__(self, elf):
        self.found = ksyms.functions(elf)
        self.starts = [address for address, _, _ in self.found]

    def of(self, address):
        """NAME+OFFSET, or None when no function of the kernel is there."""
        at = bisect.bisect_right(self.starts, address) - 1
        if at < 0:
            return None
        start, size, name = self.found[at]
        return f"{name}+{address - start:#x}" if address < start + max(size, 4096) else None


def _stack(monitor, cpu, rsp, names):
    command = f"x /{STACK_WORDS}gx {rsp:#x}"
    text = monitor.command("human-monitor-command", **{"command-line": command, "cpu-index": cpu})
    words = [int(word, 16) for word in re.findall(r"(?<= )0x[0-9a-f]{16}", text)]
    found = [name for name in map(names.of, words) if name]
    return [f"  perhaps from {name}" for name in found[:TRACE_LINES]]


def _threads(monitor):
    """The emulator's threads, one a CPU: state on this host (R: it runs) and time used."""
    lines = []
    for cpu in monitor.command("query-cpus-fast"):
        thread = cpu["thread-id"]
        try:
            with open(f"/proc/{thread}/task/{thread}/stat", encoding="latin-1") as file:
                words = file.read().rpartition(")")[2].split()
        except OSError as error:
            lines.append(f"CPU {cpu['cpu-index']}: {error}")
            continue
        used = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        lines.append(f"CPU {cpu['cpu-index']} is a thread in state {words[0]} that used {used} s")
    return lines


def _stops(monitor):
    try:
        monitor.command("stop")
    except QmpError as error:
        return f"its CPUs cannot be stopped: {error}"
    return "its CPUs stop when told to"


def _processors(monitor, names):
    command = {"command-line": "info registers -a"}
    text = monitor.command("human-monitor-command", **command).replace("\r", "")
    lines = []
    for cpu, part in enumerate(re.split(r"^CPU#\d+\n", text, flags=re.MULTILINE)[1:]):
        value = {m[1]: int(m[2], 16) for m in re.finditer(r"\b([A-Z0-9]+) ?=([0-9a-f]+)\b", part)}
        state = "halted" if value.get("HLT") else f"ring {value['CPL']}"
        lines.append(f"CPU {cpu}, {state}, at {names.of(value['RIP']) or hex(value['RIP'])}")
        lines += ["  " + line for line in part.splitlines()[:5]]
        if value["CPL"] == 0:
            lines += _stack(monitor, cpu, value["RSP"], names)
    return lines


def report(monitor, elf):
    """Lines of text; `monitor` is the machine's Qmp, `elf` the kernel with its symbols. The
    machine is stopped by it."""
    return _threads(monitor) + _processors(monitor, Names(elf)) + [_stops(monitor)]

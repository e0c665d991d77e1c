# SPDX-License-Identifier: ISC
"""What several boot tests need: commands that outlive a dead console, a 9P client from outside, and
boot archives that differ from the built one."""
import os
import re
import time

import ninep

from tools import newc
from tools.launcher import guest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def until(console, line, regex, seconds=20):
    """Types `line` again and again until its output matches. What is typed while the console is
    being restarted is lost, so a silent one is typed again, too."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            console.send(f"{line}\n")
            match = re.search(regex, console.prompt(3), re.MULTILINE)
        except guest.GuestError:
            match = None
        if match:
            return match
        assert time.monotonic() < deadline, f"{line}: no {regex}\n{console.tail()}"


def remote(boot, free_port, silo="exportd", options="", **settings):
    """A machine whose second serial line is exported by `silo`, and a client of it."""
    port = free_port()
    console = boot(f"--9p {port} {options}", **settings)
    console.prompt()
    console.command(f"silo start {silo}")
    # From then on nothing that is sent is lost.
    until(console, "cat /dev/uart1/status", "^baud ")
    return console, ninep.Client(port)


def archive(build, path, change=lambda name, data: data, more=()):
    """Writes the build's boot archive anew: `change` gives each file's content, or None to leave
    it out; `more` are (name, bytes). The path."""
    entries = list(more)
    with open(os.path.join(build, "boot.entries"), encoding="utf-8") as lines:
        for line in lines:
            name, _, file = line.strip().partition("=")
            if name.endswith(".silo"):
                with open(os.path.join(TOP, file), "rb") as source:
                    content = change(name, source.read())
            else:
                content = change(name, os.path.join(TOP, file))
            if content is not None:
                entries.append((name, content))
    with open(path, "wb") as out:
        out.write(newc.build(entries))
    return str(path)


def unlimited_restarts(name, data):
    """For `archive`: descriptions that let a silo be restarted as often as a test wants."""
    if not name.endswith(".silo"):
        return data
    policy = rb"restart \1 budget 1000000 window 1 backoff-max 100"
    return re.sub(rb"^restart (always|on-crash).*$", policy, data, flags=re.MULTILINE)


def silos(text):
    """{label: {column: word}} of /dev/sip/status, and {key: word} of its totals."""
    table, _, rest = text.partition("\n\n")
    head, *rows = [line.split() for line in table.splitlines()]
    found = {row[1]: dict(zip(head, row)) for row in rows}
    totals = dict(line.split(maxsplit=1) for line in rest.splitlines())
    return found, totals

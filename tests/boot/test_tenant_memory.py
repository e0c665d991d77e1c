# SPDX-License-Identifier: ISC
"""A tenant that eats all memory is ended, alone: by the limit of its type, and where that was raised
by what the machine keeps from user tier. The others notice nothing, the next program has what it
needs, and all of it comes back."""
import hashlib
import random
import time

import helpers
import pytest

SECONDS = 60
CRASHED = "128"
SLACK = 256 << 10  # bytes that tables may have grown by
FILE = random.Random(9).randbytes(300_001)
SUM = f"{hashlib.sha256(FILE).hexdigest()}  /disk/file\n"
GREETING = "hello, from another thread\nhello, there\n"


def status(console):
    return helpers.silos(console.command("cat /dev/sip/status", SECONDS))


def memory(console):
    """Bytes of the machine that are used."""
    return int(status(console)[1]["memory"].split()[0])


def running(console):
    """{label: pid} of what runs."""
    return {k: row["pid"] for k, row in status(console)[0].items() if row["state"] == "running"}


@pytest.fixture(params=[1, 4], ids=["1-cpu", "4-cpus"])
def console(request, boot, image):
    """A machine with 512 MiB, on which all that will be used has been used once."""
    console = boot(f"--mem 512M --smp {request.param} --disk {image({'file': FILE})}")
    console.prompt()
    helpers.until(console, "sha256sum /disk/file", hashlib.sha256(FILE).hexdigest())
    assert console.command("run hello there", SECONDS) == GREETING
    return console


def crash_of(console, run, mib):
    """It crashes for want of memory; the program behind it is started at once."""
    output = console.command(f"{run} hello eat {mib}; echo $?; run hello there", SECONDS)
    crash, code, rest = output.split("\n", 2)
    assert crash.startswith("run: hello crashed: out-of-memory "), output
    assert (code, rest) == (CRASHED, GREETING)


def others_go_on(console, before, base):
    assert console.command("sha256sum /disk/file", SECONDS) == SUM
    assert running(console) == before
    deadline = time.monotonic() + SECONDS
    while (used := memory(console)) > base + SLACK:
        assert time.monotonic() < deadline, f"{base} bytes used before, {used} now"


def test_limit_of_its_type(console):
    """What `run` makes may take 256 MiB without being told otherwise."""
    before, base = running(console), memory(console)
    assert console.command("run hello eat 200", SECONDS) == "200 MiB eaten\n"
    crash_of(console, "run", 300)
    assert console.command("run -m 400M hello eat 300", SECONDS) == "300 MiB eaten\n"
    crash_of(console, "run", 4000)
    others_go_on(console, before, base)


def test_reserve_of_the_machine(console):
    """A limit above what there is: the last memory is kept from it, again and again."""
    before, base = running(console), memory(console)
    for _ in range(3):
        crash_of(console, "run -m 8G", 4000)
        others_go_on(console, before, base)

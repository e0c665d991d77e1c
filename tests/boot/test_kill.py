# SPDX-License-Identifier: ISC
"""Every server and driver is killed at random moments while files of a disk are read.

Two readers work: the shell sums files with sha256sum, and a 9P client outside reads others through
exportd. The client kills, after a random number of its own reads, so that the moment is another
one each time and no test waits for a clock. Files are read once each: what was not read before has
to come from the disk. After each kill the successor must run, the sums must be right (a reader sees
a delay, no error), and the prompt must answer. At the end everything that the system counts must be
where it was after the first restart: processes, silos, memory, handles.

BULKHEAD_SEED=N replays the choices of a run; its number is printed with a failure.
"""
import hashlib
import os
import random
import re
import time

import helpers
import ninep
import pytest

SEED = int(os.environ.get("BULKHEAD_SEED", random.SystemRandom().randrange(1 << 32)))
KILLS, SOAK_KILLS = 20, 200
SECONDS = 40  # for what follows one kill
FILE_BYTES = 100_000
PIECE = 4096
READS = 8  # of the client before a kill, at most
DRIVERS = {"virtio-blk0": "", "ahci": "--ahci"}
# They carry the shell's words: what is under way through them may be lost, so the sums go to a file.
CONSOLE = {"uart0", "consoled"}
VICTIMS = [*DRIVERS, "fsd", "devd", *sorted(CONSOLE), "tmp", "rootd", "sipd", "bootfs"]
# In every run; the others are killed less often by test_services.py, and 200 times in soak.
DAILY = [*DRIVERS, "fsd", "devd"]
# What may be more after many restarts than after the first: queues and tables grow by steps.
MEMORY_SLACK, HANDLES_SLACK = 256 << 10, 8


def level(client):
    """What the system holds: totals, and handles by silo."""
    rows, totals = helpers.silos(client.load("/dev/sip/status").decode())
    handles = {"init": len(client.load("/dev/sip/caps/2").splitlines())}
    for label, row in rows.items():
        if row["state"] == "running":
            text = client.load(f"/dev/sip/servers/srv{row['id']}/status").decode()
            handles[label] = int(re.search(r"^handles (\d+)", text, re.MULTILINE)[1])
    # The cache of files that were read is fsd's; what is in it is no leak.
    cache = int(rows["fsd"]["memory"])
    return {
        "silos": int(totals["silos"]),
        "processes": int(totals["processes"]),
        "memory": int(totals["memory"].split()[0]) - cache,
        "handles": handles,
    }


def above(now, base):
    """What is more than the level allows."""
    found = [f"{key} {base[key]} -> {now[key]}" for key in ("silos", "processes") if now[key] != base[key]]
    if now["memory"] > base["memory"] + MEMORY_SLACK:
        found.append(f"memory {base['memory']} -> {now['memory']}")
    for label, count in base["handles"].items():
        if now["handles"].get(label, 1 << 30) > count + HANDLES_SLACK:
            found.append(f"handles of {label} {count} -> {now['handles'].get(label)}")
    return found


class Rig:
    """A machine with a disk of files, its console and a client from outside."""

    def __init__(self, boot, free_port, image, build, folder, kills, options):
        self.random = random.Random(SEED)
        self.data = {f"f{n}": self.random.randbytes(FILE_BYTES) for n in range(3 * kills + 9)}
        self.fresh = list(self.data)
        changed = helpers.archive(build, folder / "boot.cpio", helpers.unlimited_restarts)
        options += f" --disk {image(self.data)}"
        self.console, self.client = helpers.remote(
            boot, free_port, "exportd-admin", options, archive=changed
        )

    def row(self, label):
        return helpers.silos(self.client.load("/dev/sip/status").decode())[0][label]

    def wait(self, look, what):
        """Until `look` gives something that is true; it, too."""
        deadline = time.monotonic() + SECONDS
        while not (found := look()):
            assert time.monotonic() < deadline, f"{what}, seed {SEED}\n{self.console.tail()}"
        return found

    def successor(self, label, pid):
        row = self.row(label)
        return row["state"] == "running" and row["pid"] != pid and row["pid"]

    def read_some(self, count):
        """The client reads pieces of a file that nobody has read, and compares."""
        name = self.fresh.pop()
        fid = self.client.open(f"/disk/{name}")
        for piece in range(count):
            got = self.client.read(fid, piece * PIECE, PIECE)
            assert got == self.data[name][piece * PIECE : (piece + 1) * PIECE], name
        return fid

    def kill(self, label):
        """Kills it in the middle of reading; the successor's pid."""
        row = self.row(label)
        fid = self.read_some(self.random.randrange(READS))
        try:
            self.client.command(f"/dev/sip/servers/srv{row['id']}/ctl", "kill")
        except ninep.Error:
            # sipd cannot answer a call that ends it.
            assert label == "sipd"
        pid = self.wait(lambda: self.successor(label, row["pid"]), f"no successor of {label}")
        self.client.clunk(fid)
        return pid

    def expected(self, names):
        return "".join(
            f"{hashlib.sha256(self.data[name]).hexdigest()}  /disk/{name}\n" for name in names
        )

    def round(self, label):
        """One kill under load of both readers."""
        names = [self.fresh.pop(), self.fresh.pop()]
        line = "sha256sum " + " ".join(f"/disk/{name}" for name in names)
        if label in CONSOLE:
            self.client_sums(line, names, label)
        else:
            self.console.send(line + "\n")
            self.kill(label)
            output = self.console.prompt(SECONDS).replace(line + "\n", "", 1)
            assert output == self.expected(names), f"{label}, seed {SEED}"
        helpers.until(self.console, "echo goo''d", "^good$", SECONDS)

    def client_sums(self, line, names, label):
        """The same with the sums in a file, since their way to the screen is what dies."""
        self.console.send(f"rm /tmp/sums; {line} > /tmp/sums\n")
        self.console.expect("/tmp/sums\n", SECONDS)  # the line has arrived
        self.kill(label)
        wanted = self.expected(names).encode()

        def look():
            try:
                text = self.client.load("/tmp/sums")
            except ninep.Error as error:
                assert error.errno == 2
                return False
            assert wanted.startswith(text), f"{label}, seed {SEED}"
            return text == wanted

        self.wait(look, f"no sums after the end of {label}")

    def settled(self, base):
        """Until nothing is above the level: ends are cleaned up beside the work."""
        deadline = time.monotonic() + SECONDS
        while more := above(level(self.client), base):
            assert time.monotonic() < deadline, f"more than before: {more}, seed {SEED}"


def kill_often(rig, label, kills):
    rig.round(label)
    helpers.until(rig.console, "echo rea''dy", "^ready$")
    base = level(rig.client)
    for _ in range(kills - 1):
        rig.round(label)
    rig.settled(base)


@pytest.fixture
def rig(boot, free_port, image, build, tmp_path):
    def make(kills, options):
        return Rig(boot, free_port, image, build, tmp_path, kills, options)

    return make


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("label", DAILY)
def test_killed_under_load(rig, label, cpus):
    """Readers get what is on the disk, and nothing is left over, whoever dies how often."""
    kill_often(rig(KILLS, f"--smp {cpus} {DRIVERS.get(label, '')}"), label, KILLS)


@pytest.mark.soak
@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("label", VICTIMS)
def test_killed_very_often(rig, label, cpus):
    """The same with more kills."""
    kill_often(rig(SOAK_KILLS, f"--smp {cpus} {DRIVERS.get(label, '')}"), label, SOAK_KILLS)

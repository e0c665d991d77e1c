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

import conftest
import helpers
import ninep
import pytest

from tools.launcher import guest

SEED = int(os.environ.get("BULKHEAD_SEED", random.SystemRandom().randrange(1 << 32)))
KILLS, SOAK_KILLS = 20, int(os.environ.get("BULKHEAD_KILLS", 200))
SECONDS = 40  # for what follows one kill
FILE_BYTES = 100_000
PIECE = 4096
READS = 8  # of the client before a kill, at most
DRIVERS = {"virtio-blk0": "", "ahci": "--ahci"}
# They carry the shell's words: what is under way through them may be lost, so the sums go to a file.
CONSOLE = {"uart0", "consoled"}
VICTIMS = [*DRIVERS, "fsd", "devd", *sorted(CONSOLE), "tmp", "rootd", "sipd", "bootfs"]
OUTPUTS = 4  # texts that are shown in one test
TEXT_LINES, SHOW, END = 500, "cat /disk/text\n", "the end of the text\n"
WINDOW = 24  # bytes by which a place in the text is known
TOGETHER = 5  # that are killed at once, at most
ERESTART = 85
# What may be more after many restarts than after the first: queues and tables grow by steps.
MEMORY_SLACK, HANDLES_SLACK = 256 << 10, 8
# A disk driver's: it touches the record of a request when that many are under way for the first time.
DRIVER_SLACK = 640 << 10


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
    drivers = sum(int(rows[label]["memory"]) for label in DRIVERS)
    return {
        "silos": int(totals["silos"]),
        "processes": int(totals["processes"]),
        "memory": int(totals["memory"].split()[0]) - cache - drivers,
        "drivers": drivers,
        "handles": handles,
    }


def above(now, base):
    """What is more than the level allows."""
    found = [f"{key} {base[key]} -> {now[key]}" for key in ("silos", "processes") if now[key] != base[key]]
    for key, slack in (("memory", MEMORY_SLACK), ("drivers", DRIVER_SLACK)):
        if now[key] > base[key] + slack:
            found.append(f"{key} {base[key]} -> {now[key]}")
    for label, count in base["handles"].items():
        if now["handles"].get(label, 1 << 30) > count + HANDLES_SLACK:
            found.append(f"handles of {label} {count} -> {now['handles'].get(label)}")
    return found


class Rig:
    """A machine with a disk of files, its console and a client from outside."""

    def __init__(self, boot, free_port, image, build, folder, kills, options):
        self.random = random.Random(SEED)
        self.ids, self.typed = {}, 0
        self.data = {f"f{n}": self.random.randbytes(FILE_BYTES) for n in range(3 * kills + 9)}
        self.fresh = list(self.data)
        lines = (hashlib.sha256(b"%d" % n).hexdigest() for n in range(TEXT_LINES))
        self.text = "".join(f"{line}\n" for line in lines) + END
        self.data["text"] = self.text.encode()
        changed = helpers.archive(build, folder / "boot.cpio", helpers.unlimited_restarts)
        options += f" --disk {image(self.data)}"
        self.console, self.client = helpers.remote(
            boot, free_port, "exportd-admin", options, archive=changed
        )

    def folder(self, label):
        """Its folder; ids outlive restarts."""
        if not self.ids:
            rows, _ = helpers.silos(self.client.load("/dev/sip/status").decode())
            self.ids = {name: row["id"] for name, row in rows.items()}
        return f"/dev/sip/servers/srv{self.ids[label]}"

    def pid(self, label):
        """0: it has no process."""
        return int(self.client.load(f"{self.folder(label)}/pid"))

    def wait(self, look, what):
        """Until `look` gives something that is true; it, too."""
        deadline = time.monotonic() + SECONDS
        while not (found := look()):
            assert time.monotonic() < deadline, f"{what}, seed {SEED}\n{self.console.tail()}"
        return found

    def read_some(self, count):
        """The client reads pieces of a file that nobody has read, and compares."""
        name = self.fresh.pop()
        fid = self.client.open(f"/disk/{name}")
        for piece in range(count):
            got = self.client.read(fid, piece * PIECE, PIECE)
            assert got == self.data[name][piece * PIECE : (piece + 1) * PIECE], name
        return fid

    def aim(self, labels):
        """Everything for killing them that can be done before."""
        pids = {label: self.pid(label) for label in labels}
        return pids, [self.client.open(f"{self.folder(label)}/ctl", 1) for label in labels]

    def kill(self, labels, aimed=None):
        """Kills them at once, in the middle of reading, and waits for their successors."""
        pids, ctls = aimed or self.aim(labels)
        fid = self.read_some(self.random.randrange(READS))
        answers = self.client.write_all([(ctl, b"kill") for ctl in ctls])
        # sipd cannot answer a call that ends it, nor others that it has in hand then.
        allowed = {0, ERESTART} if "sipd" in labels else {0}
        assert set(answers) <= allowed, f"{answers} of {labels}, seed {SEED}"
        for label, answer in zip(labels, answers):
            gone = pids[label] if answer == 0 or label == "sipd" else 0
            self.wait(lambda: self.pid(label) not in (0, gone), f"no successor of {label}")
        for opened in (fid, *ctls):
            self.client.clunk(opened)

    def expected(self, names):
        return "".join(
            f"{hashlib.sha256(self.data[name]).hexdigest()}  /disk/{name}\n" for name in names
        )

    def round(self, *labels):
        """One kill under load of both readers."""
        names = [self.fresh.pop(), self.fresh.pop()]
        line = "sha256sum " + " ".join(f"/disk/{name}" for name in names)
        if CONSOLE & set(labels):
            self.client_sums(line, names, labels)
        else:
            self.console.send(line + "\n")
            self.kill(labels)
            output = self.console.prompt(SECONDS).replace(line + "\n", "", 1)
            assert output == self.expected(names), f"{labels}, seed {SEED}"
        self.answers()

    def answers(self):
        """Until the prompt answers to the last line that was typed; some may be lost before it."""
        deadline = time.monotonic() + SECONDS
        while True:
            self.typed += 1
            self.console.send(f"echo goo''d{self.typed}\n")
            try:
                return self.console.expect(rf"^good{self.typed}\n{conftest.PROMPT[1:]}", 3)
            except guest.GuestError:
                assert time.monotonic() < deadline, f"no prompt, seed {SEED}\n{self.console.tail()}"

    def client_sums(self, line, names, labels):
        """The same with the sums in a file, since their way to the screen is what dies."""
        self.console.send(f"rm /tmp/sums; {line} > /tmp/sums\n")
        self.console.expect("/tmp/sums\n", SECONDS)  # the line has arrived
        self.kill(labels)
        wanted = self.expected(names).encode()

        def look():
            try:
                text = self.client.load("/tmp/sums")
            except ninep.Error as error:
                assert error.errno == 2
                return False
            assert wanted.startswith(text), f"{labels}, seed {SEED}"
            return text == wanted

        self.wait(look, f"no sums after the end of {labels}")

    def settled(self, base):
        """Until nothing is above the level: ends are cleaned up beside the work."""
        deadline = time.monotonic() + SECONDS
        while more := above(level(self.client), base):
            assert time.monotonic() < deadline, f"more than before: {more}, seed {SEED}"


def kill_often(rig, kills, first, choose):
    """What is restarted for the first time may need more than before: that is no leak."""
    for labels in first:
        rig.round(*labels)
    base = level(rig.client)
    for _ in range(kills - len(first)):
        rig.round(*choose())
    rig.settled(base)


def kill_one(rig, label, cpus, kills):
    rig = rig(kills, f"--smp {cpus} {DRIVERS.get(label, '')}")
    kill_often(rig, kills, [[label]], lambda: [label])


def kill_together(rig, cpus, kills):
    """Several at once, some of them more than once: a kill that meets a restart, too."""
    rig = rig(kills, f"--smp {cpus}")
    victims = [label for label in VICTIMS if label != "ahci"]

    def fitting(labels):
        """The sums lie in /tmp when the console dies."""
        return [label for label in labels if label != "tmp" or not CONSOLE & set(labels)]

    def choose():
        return fitting(rig.random.choices(victims, k=rig.random.randint(2, TOGETHER)))

    kill_often(rig, kills, [fitting(victims), ["tmp"]], choose)


def missing(text, shown):
    """`shown` must be `text`, in which pieces may stand again. What is not there, or ""."""
    # What the kernel says while nobody has the line is not the text's.
    shown = re.sub(r"\[ *\d+\.\d{6}\] [^\n]*\n", "", shown)
    at = done = 0
    while done < len(text):
        same = len(os.path.commonprefix([shown[at:], text[done:]]))
        at, done = at + same, done + same
        again = text.find(shown[at : at + WINDOW])
        if not same and (again < 0 or again >= done):
            return text[done : done + 100]
        done = done if same else again
    return ""


@pytest.fixture
def rig(boot, free_port, image, build, tmp_path):
    def make(kills, options):
        print(f"BULKHEAD_SEED={SEED}")
        return Rig(boot, free_port, image, build, tmp_path, kills, options)

    return make


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("label", VICTIMS)
def test_killed_under_load(rig, label, cpus):
    """Readers get what is on the disk, and nothing is left over, whoever dies how often."""
    kill_one(rig, label, cpus, KILLS)


@pytest.mark.parametrize("cpus", [1, 4])
def test_killed_together(rig, cpus):
    """The same when several die at the same moment."""
    kill_together(rig, cpus, KILLS)


@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("labels", [["uart0"], ["consoled"], ["consoled", "uart0"]], ids="-".join)
def test_output_is_whole(rig, labels, cpus):
    """What is on its way to the screen is not lost with those who carry it."""
    rig = rig(OUTPUTS, f"--smp {cpus}")
    for _ in range(OUTPUTS):
        aimed = rig.aim(labels)
        rig.console.send(SHOW)
        rig.console.expect(SHOW, SECONDS)
        start = rig.console.position - len(SHOW)  # what comes again may begin in the echo
        rig.kill(labels, aimed)
        rig.console.expect(END, SECONDS)
        lost = missing(SHOW + rig.text, rig.console.text[start : rig.console.position])
        assert not lost, f"seed {SEED}, lost: {lost}"
        rig.answers()


@pytest.mark.soak
@pytest.mark.parametrize("cpus", [1, 4])
@pytest.mark.parametrize("label", VICTIMS)
def test_killed_very_often(rig, label, cpus):
    """With more kills."""
    kill_one(rig, label, cpus, SOAK_KILLS)


@pytest.mark.soak
@pytest.mark.parametrize("cpus", [1, 4])
def test_killed_together_very_often(rig, cpus):
    kill_together(rig, cpus, SOAK_KILLS)

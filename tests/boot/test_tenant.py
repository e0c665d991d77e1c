# SPDX-License-Identifier: ISC
"""What a program of user tier can do to the servers that it may talk to: tests/boot/tenant."""
import errno
import os
import re

import ninep
import pytest
from helpers import archive, silos, until

# The same mode as `run` gives, started by hand so that it goes on beside the shell.
USER = b"family USR\ntier user\nmode 004\n"
TENANT = b"""name %s
exec /boot/bin/tenant
%s%srestart never
start demand
"""


@pytest.fixture
def system(boot, build, tmp_path):
    """A machine whose archive has the tenant, and one silo for each list of words, which may come
    with the lines of its description that say what it is."""

    def start(*tenants, options="", change=lambda name, data: data, **settings):
        more = []
        with open(os.path.join(build, "bin", "tenant"), "rb") as file:
            more.append(("boot/bin/tenant", file.read()))
        for i, tenant in enumerate(tenants):
            words, lines = (tenant, USER) if isinstance(tenant, str) else tenant
            args = b"".join(b"arg %s\n" % word.encode() for word in words.split())
            more.append((f"boot/silos/t{i}.silo", TENANT % (b"t%d" % i, args, lines)))
        path = archive(build, tmp_path / "boot.cpio", change, more)
        console = boot(options, archive=path, **settings)
        console.prompt()
        return console

    return start


def said(console, tenant, verb, seconds=60):
    """Starts a tenant; (how often it succeeded, why it stopped)."""
    console.command(f"silo start {tenant}")
    match = until(console, "dmesg", rf"{tenant}: tenant: {verb} \S+ (\d+) (\w+)$", seconds)
    return int(match[1]), match[2]


def restarts(console):
    """{server: how often it was restarted}"""
    found, _ = silos(console.command("cat /dev/sip/status"))
    return {name: row["restarts"] for name, row in found.items() if int(row["id"]) < 1000}


# What one silo takes of a server as long as it is given more.
GREED = [
    ("connect", "/", "20000"),
    ("connect", "/dev/sip", "20000"),
    ("narrow", "/tmp", "20000"),
    ("hoard", "/", "mounts 300"),
    ("hoard", "/tmp", ". 300"),
    ("hoard", "/dev/sip", "types 300"),
    ("hoard", "/dev/pci", "bus 300"),
    ("connect", "/dev/cons", "20000"),
]


@pytest.mark.parametrize("verb,path,rest", GREED, ids=lambda word: word.strip("/") or "root")
def test_greed(system, verb, path, rest):
    """A silo that takes all it can get of a server neither ends the server nor shuts others out."""
    console = system(f"-k {verb} {path} {rest}", f"-k {verb} {path} {rest}")
    before = restarts(console)
    first, why = said(console, "t0", verb)
    assert first > 0 and why in ("ENFILE", "EMFILE", "ENOMEM"), (first, why)
    # A new program needs sessions of its own, and files.
    assert "hello, you\n" in console.command("run hello you")
    assert "tmp silo" in console.command("cat /mounts")
    assert "functions" in console.command("cat /dev/pci/ctl")
    assert console.command("echo text > /tmp/a; cat /tmp/a") == "text\n"
    assert restarts(console) == before
    # What it held is there again when it has ended.
    console.command("silo kill t0; silo destroy t0")
    second, _ = said(console, "t1", verb)
    assert second * 10 > first * 8, (first, second)


def test_rights_do_not_grow_at_a_mount(system):
    """A session that may only read the root may only read what is mounted there."""
    console = system("readonly /tmp /tmp/made")
    assert said(console, "t0", "readonly") == (0, "EACCES")
    assert console.command("ls /tmp") == ""


def test_memory_of_files(system):
    """A file and its memory object are the same bytes, and the object cannot be made larger."""
    console = system("share /tmp/s", "grow /tmp/g 0x40000000")
    assert said(console, "t0", "share") == (6, "ok")
    assert said(console, "t1", "grow") == (0, "EACCES")


def test_memory_of_removed_files(system):
    """What a tenant keeps of files that are gone counts as files of /tmp until it lets go."""
    console = system("-k bury /tmp/b 100 0x800000", "bury /tmp/b 100 0x800000")
    before = restarts(console)
    count, why = said(console, "t0", "bury")
    assert count < 9 and why == "ENOSPC", (count, why)
    memory = int(re.search(r"^memory (\d+)", console.command("silo info tmp"), re.M)[1])
    assert memory < 80 << 20
    console.command("silo kill t0; silo destroy t0")
    assert said(console, "t1", "bury") == (count, why)
    assert restarts(console) == before


FLOODED = (
    "/ /tmp /boot /dev/sip /dev/pci /dev/platform /dev/power /dev/irq /dev/dma /dev/mem /dev/cons "
    "/dev/consctl /dev/consintr /dev/uart0 /scheme/block/sda /disk"
)


def test_flood(system, image):
    """Messages of which nothing is right are answered, and change nothing for others."""
    paths = FLOODED.split()
    floods = [f"flood {path} {i + 1} 8000" for i, path in enumerate(paths)]
    console = system(*floods, options="--disk " + image({}))
    before = restarts(console)
    for i in range(len(floods)):
        count, why = said(console, f"t{i}", "flood")
        assert why == "ok" and count > 4_000, (i, count, why)
    assert "hello, you\n" in console.command("run hello you")
    assert console.command("echo text > /tmp/a; cat /tmp/a") == "text\n"
    assert restarts(console) == before


def test_death_while_waiting(system):
    """Silos that end with many calls under way leave nothing behind."""
    watcher = b"family SYS\ntier system\nmode 777\nlimit threads 64\n"
    paths = ("/dev/consintr", "/dev/sip/events")
    console = system(*((f"die {path} 40", watcher) for path in paths for _ in range(5)))
    before = restarts(console)
    held = []
    for i in range(5):
        for tenant in (f"t{i}", f"t{i + 5}"):
            assert said(console, tenant, "die") == (40, "ok")
            until(console, "silo list", rf"^\d+ {tenant} \w+ stopped")
        found, _ = silos(console.command("cat /dev/sip/status"))
        held.append({name: int(found[name]["memory"]) for name in ("consoled", "rootd", "sipd")})
    assert restarts(console) == before
    for name, memory in held[1].items():
        assert held[-1][name] < memory + (32 << 10), held


def test_ring_taken_back(system, image):
    """A client that takes its memory back costs the block driver nothing for good."""

    def change(name, data):
        if name.endswith("/fsd.silo"):
            return None
        return data.replace(b"dma 512M", b"dma 40M") if name.endswith("blk0.silo") else data

    client = b"family SYS\ntier system\nmode 777\nlimit memory 128M\n"
    words = "lend /scheme/block/vda 1 0x1000000"
    console = system(*[(words, client)] * 5, options="--disk " + image({}), change=change)
    for i in range(5):
        assert said(console, f"t{i}", "lend") == (1, "ok")
        until(console, "cat /scheme/block/vda/status", "^state idle$")


# What a silo without control may not do, and the errno that says so.
REFUSED = [
    ("write", "/dev/sip/ctl", "rescan", "EPERM"),
    ("write", "/dev/sip/ctl", "nonsense", "EINVAL"),
    ("write", "/dev/sip/servers/srv2/ctl", "kill", "EPERM"),
    ("write", "/dev/sip/servers/srv2/ctl", "nonsense", "EINVAL"),
    ("write", "/dev/sip/servers/srv2/pid", "1", "EPERM"),
    ("write", "/dev/sip/servers/srv2/hip_mode", "sev", "EPERM"),
    ("read", "/dev/sip/servers/srv2/status", "", "EPERM"),
    ("read", "/dev/sip/servers/srv2/output", "", "EPERM"),
    ("read", "/dev/sip/servers/clone", "", "EPERM"),
    ("read", "/dev/sip/events", "", "EPERM"),
    ("read", "/dev/sip/audit", "", "EPERM"),
    ("read", "/dev/sip/caps/3", "", "EPERM"),
    ("write", "/dev/power", "poweroff", "EPERM"),
    ("write", "/dev/pci/ctl", "lock", "EPERM"),
    ("write", "/dev/pci/00:00.0/ctl", "reset", "EPERM"),
    ("write", "/dev/pci/00:00.0/config", "xx", "EPERM"),
    ("write", "/dev/platform/uart0", "reset", "EPERM"),
    ("write", "/dev/irq/ctl", "register", "EINVAL"),
    ("write", "/dev/mem/mem", "xxxx", "EPERM"),
    ("write", "/dev/mem/io", "xx", "EPERM"),
    ("write", "/scheme/block/sda/ctl", "detach", "EPERM"),
    ("read", "/dev/cons", "", "EPERM"),
    ("write", "/dev/cons", "sh> ", "EPERM"),
    ("read", "/dev/consctl", "", "EPERM"),
    ("write", "/dev/consctl", "rawon", "EPERM"),
    ("read", "/dev/consintr", "", "EPERM"),
    ("read", "/dev/uart0/data", "", "EPERM"),
    ("write", "/dev/uart0/ctl", "flush", "EPERM"),
]


def test_gates(system):
    """What lacks the right is refused, and nothing has changed."""
    console = system(*(" ".join(row[:3]) for row in REFUSED))
    before = restarts(console)
    for i, (verb, path, _, why) in enumerate(REFUSED):
        assert said(console, f"t{i}", verb) == (0, why), path
    assert restarts(console) == before
    assert "error -" in console.command("silo info rootd")
    assert "error -" in console.command("cat /dev/sip/status")
    assert "locked no" in console.command("cat /dev/pci/ctl")


def test_start_is_judged_first(system, free_port):
    """Who may not start a silo is not told that it has nothing to run."""
    port = free_port()
    console = system("write", options=f"--9p {port}")
    console.command("silo start exportd-admin")
    until(console, "cat /dev/uart1/status", "^baud ")
    client = ninep.Client(port)
    fid = client.open("/dev/sip/servers/clone", 2)
    client.write(fid, 0, b"USR")
    made = int(client.read(fid, 0).split()[0])
    tenant = re.search(r"^(\d+) t0 ", console.command("silo list"), re.M)[1]
    words = f"arg /dev/sip/servers/srv{made}/ctl start"
    assert console.command(f"echo {words} > /dev/sip/servers/srv{tenant}/ctl") == ""
    assert said(console, "t0", "write") == (0, "EPERM")
    assert f"spawn target={made} result=EPERM" in console.command("cat /dev/sip/audit")
    with pytest.raises(ninep.Error) as refused:
        client.command(f"/dev/sip/servers/srv{made}/ctl", "start")
    assert refused.value.errno == errno.EINVAL
    client.close()


def test_console_is_given(boot):
    """What may not open the console can use it when it is given: `run -i`."""
    console = boot()
    console.prompt()
    assert "hello, you" in console.command("run -i hello you")
    assert "hello, you" in console.command("hello you")
    console.send("run -i sh\n")
    console.prompt(10)
    assert console.command("echo whole") == "whole\n"


def test_processes_are_not_taken(system):
    """Who may make silos, but less than all, cannot have sipd hand him a process of a silo that may
    what he may not."""
    spawner = b"family SYS\ntier system\nmode 104\n"
    console = system(
        ("-k walk / 1", b"family USR\nid 1500\nmode 004\n"),
        ("write /dev/sip/servers/srv1500/pid 5", spawner),
        ("write /dev/sip/servers/srv1500/pid 99999", spawner),
    )
    assert said(console, "t0", "walk") == (1, "ok")
    assert said(console, "t1", "write") == (0, "EPERM")  # devd's
    assert said(console, "t2", "write") == (0, "ESRCH")

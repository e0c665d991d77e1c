# SPDX-License-Identifier: ISC
"""The native services: files and the shell, the console, every server's death, 9P from outside."""
import hashlib
import os
import re
import struct
import time

import ninep
import pytest
from helpers import remote, until

ENOENT, EACCES = 2, 13
FILES = r"""
cd /tmp; mkdir d; echo one > d/a; echo two >> d/a; cat d/a; ls d
ln -s d/a link; cat link; mv d/a b; cat link; echo $?
ln b c; rm b; cat c; cp c d; ls -l d; rm d; rm -r d; ls; cat nothing || echo no; false; echo $?
"""
FILES_OUTPUT = """one
two
a
one
two
cat: link: no such thing
1
one
two
-rw-r--r--   1          8 DATE c
rm: d: a directory (`rm -r` removes it and all below)
c
link
cat: nothing: no such thing
no
1
"""


def test_files(commands):
    output, status = commands(FILES)
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE", output) == FILES_OUTPUT
    assert status == 0


def test_what_is_copied_is_the_same(commands, build):
    with open(os.path.join(build, "stripped", "sh"), "rb") as file:
        sum_here = hashlib.sha256(file.read()).hexdigest()
    output, _ = commands("cp /boot/bin/sh /tmp/sh; sha256sum /boot/bin/sh /tmp/sh")
    assert [line.split()[0] for line in output.splitlines()] == [sum_here, sum_here]


def test_no_space_left(commands):
    output, status = commands(
        "cd /tmp; cp /boot/bin/sh 0; cat 0 0 0 0 0 0 0 0 > 1; cat 1 1 1 1 1 1 1 1 > 2\n"
        "cat 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 > 3; echo $?; rm 3; echo fits > 4; cat 4"
    )
    assert output.splitlines()[-2:] == ["1", "fits"]
    assert "no space left" in output
    assert status == 0


def test_interrupt(boot):
    console = boot()
    console.prompt()
    console.send("sleep 100\n")
    console.expect("sleep 100\n", 5)
    console.send("\x03")
    console.prompt(5)
    assert console.command("echo $?") == "130\n"
    console.send("half a line\x03")
    console.prompt(5)
    assert console.command("echo whole") == "whole\n"


@pytest.mark.parametrize(
    "victim", ["uart0", "consoled", "sh", "tmp", "rootd", "sipd", "devd", "bootfs"]
)
def test_server_comes_back(boot, victim):
    console = boot()
    console.prompt()
    pid = "0"
    for _ in range(3):
        pid = until(console, "silo list", rf"^\d+ {victim} \w+ running (?!{pid} )(\d+) ")[1]
        console.send(f"silo kill {victim}\n")
        until(console, "echo goo''d", "^good$")
    until(console, "silo list", rf"^\d+ {victim} \w+ running (?!{pid} )")
    for path in ("/boot", "/tmp", "/dev/sip", "/dev/cons", "/dev/uart0"):
        until(console, "mounts", f"^{path} ")
    until(console, "echo x > /tmp/x; cat /tmp/x", "^x$")


def test_audit_of_what_was_done(boot):
    """A server of init is killed: that is recorded once, as it went. That nobody may start it is
    recorded, too."""
    console = boot()
    console.prompt()
    console.command("silo kill bootfs")
    until(console, "silo list", r"^3 bootfs \w+ running ")
    folder = "/dev/sip/servers/srv3"
    assert "not permitted" in console.command(f"echo start > {folder}/ctl")
    audit = console.command("cat /dev/sip/audit")
    assert re.findall(r"(\w+) target=3 result=(\w+)", audit) == [("stop", "ok"), ("spawn", "EPERM")]


def test_mounts_outlive_rootd(boot):
    """Not mounted again: the table tells who mounted, and when. Nothing is missing in between."""
    console = boot()
    console.prompt()
    until(console, "mounts", "^/dev/cons ")
    until(console, "silo kill sipd; cat /dev/sip/status", r"^\d+ sipd \w+ running ")
    before = [line.split() for line in console.command("cat /mounts").splitlines()]
    for _ in range(3):
        output = console.command("silo kill rootd; cat /mounts; cat /dev/platform/list")
        assert "no such thing" not in output
        after = [line.split() for line in output.splitlines() if " up " in line]
        assert [line[:-1] for line in after] == [line[:-1] for line in before]
        assert all(int(new[-1]) >= int(old[-1]) for new, old in zip(after, before))


def test_remote_client_reads(boot, free_port, build):
    console, client = remote(boot, free_port)
    assert {"boot", "dev", "tmp", "mounts"} <= set(client.names("/"))
    assert b"/dev/sip " in client.load("/mounts")
    with open(os.path.join(build, "stripped", "sh"), "rb") as file:
        assert client.load("/boot/bin/sh") == file.read()
    with pytest.raises(ninep.Error) as refused:
        client.create("/tmp", "x")
    assert refused.value.errno in (1, EACCES, 30)
    for name in ("mem", "io", "irq", "dma", "cons", "uart0/data", "uart1/data"):
        with pytest.raises(ninep.Error) as refused:
            client.walk(f"/dev/{name}")
        assert refused.value.errno in (ENOENT, EACCES)
    console.command("echo seen > /tmp/seen")
    assert client.load("/tmp/seen") == b"seen\n"
    client.close()


def test_remote_client_gives_up_a_read(boot, free_port):
    _, client = remote(boot, free_port)
    fid = client.open("/dev/consintr")
    waiting = client.send(ninep.TREAD, struct.pack("<IQI", fid, 0, 100))
    flush = client.send(ninep.TFLUSH, struct.pack("<H", waiting))
    assert client.answer()[:2] == (ninep.TFLUSH + 1, flush)
    assert b"/dev/sip " in client.load("/mounts")
    client.close()


def test_remote_administrator(boot, free_port):
    console, client = remote(boot, free_port, "exportd-admin")
    fid = client.create("/tmp", "made")
    assert client.write(fid, 0, b"from outside\n") == 13
    client.clunk(fid)
    assert console.command("cat /tmp/made") == "from outside\n"
    client.symlink("/tmp", "link", "made")
    with pytest.raises(ninep.Error):
        client.truncate("/tmp/link", 3)  # of a link, not of what it leads to
    assert client.load("/tmp/made") == b"from outside\n"
    client.truncate("/tmp/made", 4)
    assert client.load("/tmp/made") == b"from"
    fid = client.open("/dev/sip/servers/clone", 2)
    client.write(fid, 0, b"USR")
    silo = client.read(fid, 0).split()[0].decode().removeprefix("srv")
    folder = f"/dev/sip/servers/srv{silo}"
    client.command(f"{folder}/ctl", "label guest")
    client.command(f"{folder}/ctl", "module /boot/bin/rootd")
    client.command(f"{folder}/ctl", "start")
    # rootd without a channel ends with 1.
    deadline = time.monotonic() + 20
    while b"\nexit 1\n" not in client.load(f"{folder}/status"):
        assert time.monotonic() < deadline, client.load(f"{folder}/status")
    assert "guest" in console.command("silo list")
    client.command(f"{folder}/ctl", "destroy")
    client.close()

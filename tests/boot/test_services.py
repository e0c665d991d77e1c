# SPDX-License-Identifier: ISC
"""The native services: files and the shell, the console, every server's death, 9P from outside."""
import hashlib
import os
import re
import struct

import ninep
import pytest

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


# bootfs and devd last: they are what the others start from.
@pytest.mark.parametrize(
    "victim", ["uart0", "consoled", "sh", "tmp", "rootd", "sipd", "devd", "bootfs"]
)
def test_server_comes_back(boot, victim):
    console = boot()
    console.prompt()
    for _ in range(3):
        console.send(f"silo kill {victim}\n")
        console.prompt(20)
        # The prompt may come twice when it was on its way to what was killed.
        console.send("echo goo''d\n")
        console.expect("^good\n", 20)
        console.prompt(20)
    output = console.command("silo list")
    line = next(line for line in output.splitlines() if line.split()[1:2] == [victim])
    assert line.split()[3] == "running"
    for path in ("/boot", "/tmp", "/dev/sip", "/dev/cons", "/dev/uart0"):
        assert f"\n{path} " in "\n" + console.command("mounts"), path
    assert console.command("echo x > /tmp/x; cat /tmp/x") == "x\n"


def remote(boot, free_port):
    port = free_port()
    console = boot(f"--9p {port}")
    console.prompt()
    console.command("silo start exportd")
    return console, ninep.Client(port)


def test_remote_client_reads(boot, free_port, build):
    console, client = remote(boot, free_port)
    assert {"boot", "dev", "tmp", "mounts"} <= set(client.names("/"))
    assert b"/dev/sip " in client.load("/mounts")
    with open(os.path.join(build, "stripped", "sh"), "rb") as file:
        assert client.load("/boot/bin/sh") == file.read()
    with pytest.raises(ninep.Error) as refused:
        client.create("/tmp", "x")
    assert refused.value.errno in (1, EACCES, 30)
    for name in ("mem", "io", "irq", "dma"):
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

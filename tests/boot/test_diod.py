# SPDX-License-Identifier: ISC
"""The namespace for clients that nobody here wrote: diodls and diodcat (package diod) by `--9p`; and
what may be written from outside, by our own client, since diod has none that writes."""
import hashlib
import os
import random
import select
import shutil
import socket
import struct
import subprocess

import helpers
import ninep
import pytest

SECONDS = 30
EPERM, EACCES, EINVAL, EROFS = 1, 13, 22, 30
FILES = {"hello": "hello\n", "folder/big": random.Random(7).randbytes(100_001)}
HARDWARE = {"mem", "io", "irq", "dma"}
LOOPBACK = "0100007F"
LISTEN = "0A"


def run(name, port, *words):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        pytest.skip(f"{name} is not installed (package diod)")
    command = [path, "-t", str(SECONDS), "-s", f"127.0.0.1:{port}", "-a", "/", *words]
    return subprocess.run(command, check=False, capture_output=True, timeout=SECONDS + 5)


def diod(name, port, *words):
    """What the program wrote; it has to succeed."""
    done = run(name, port, *words)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def listed(port, path):
    return set(diod("diodls", port, path).decode().split())


@pytest.fixture
def port(boot, free_port, image):
    """A machine with a disk that offers its namespace, no client yet."""
    port = free_port()
    console = boot(f"--9p {port} --disk {image(FILES)}")
    console.prompt()
    console.command("silo start exportd")
    helpers.until(console, "cat /dev/uart1/status", "^baud ")
    return port


def test_control_tree(port):
    """/dev/sip is listed and read by diod's client, one connection after the other."""
    assert {"boot", "dev", "disk", "tmp"} <= listed(port, "/")
    assert {"ctl", "status", "events", "audit", "types", "servers"} <= listed(port, "dev/sip")
    rows, totals = helpers.silos(diod("diodcat", port, "dev/sip/status").decode())
    assert rows["exportd"]["state"] == "running"
    assert int(totals["silos"]) == len(rows)
    folders = {name for name in listed(port, "dev/sip/servers") if name.startswith("srv")}
    assert folders == {f"srv{row['id']}" for row in rows.values()}
    own = f"dev/sip/servers/srv{rows['exportd']['id']}"
    assert {"ctl", "status", "limits", "output"} <= listed(port, own)
    status = diod("diodcat", port, f"{own}/status").decode()
    assert "\nmode 404\n" in status and f"\npid {rows['exportd']['pid']}\n" in status
    types = diod("diodcat", port, "dev/sip/types").decode()
    assert {"SYS", "DRV", "FS", "NET", "WASM", "USR"} <= {
        line.split()[0] for line in types.splitlines() if line
    }


def test_disk(port):
    """The files of a disk are listed and read; one that is not there is missed."""
    assert listed(port, "disk") == {"hello", "folder", "lost+found"}
    long = diod("diodls", port, "-l", "disk/folder").decode().split()
    assert long[-1] == "big" and str(len(FILES["folder/big"])) in long
    assert diod("diodcat", port, "disk/hello") == b"hello\n"
    got = hashlib.sha256(diod("diodcat", port, "disk/folder/big")).hexdigest()
    assert got == hashlib.sha256(FILES["folder/big"]).hexdigest()
    for name, path in (("diodcat", "disk/none"), ("diodls", "disk/none/x")):
        done = run(name, port, path)
        assert done.returncode and b"No such file" in done.stderr, path
    done = run("diodcat", port, "disk/hello/x")
    assert done.returncode and not done.stdout


def test_hardware_is_not_offered(port):
    """Whoever holds the line gets no registers, ports, interrupts or DMA memory."""
    offered = listed(port, "dev")
    assert {"sip", "consctl", "pci"} <= offered
    assert "cons" not in offered  # what one reads there is lost to whom it was meant for
    assert not offered & HARDWARE
    for name in HARDWARE:
        assert run("diodls", port, f"dev/{name}").returncode


def listening(pid):
    """(address, port) of a process's listening sockets, as the kernel writes them."""
    links = (f"/proc/{pid}/fd/{number}" for number in os.listdir(f"/proc/{pid}/fd"))
    own = {os.readlink(link) for link in links}
    found = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            for line in list(lines)[1:]:
                words = line.split()
                if words[3] == LISTEN and f"socket:[{words[9]}]" in own:
                    address, _, number = words[1].partition(":")
                    found.add((address, int(number, 16)))
    return found


def test_no_port_without_being_asked(boot, free_port):
    """Without --9p the emulator listens nowhere; with it, for this machine only."""
    console = boot()
    console.prompt()
    assert listening(console.process.pid) == set()
    port = free_port()
    console = boot(f"--9p {port}")
    console.prompt()
    assert listening(console.process.pid) == {(LOOPBACK, port)}


def test_no_server_without_being_asked(boot, free_port):
    """A second serial line alone offers nothing: nobody reads it."""
    port = free_port()
    console = boot(f"--9p {port}")
    console.prompt()
    with socket.create_connection(("127.0.0.1", port), SECONDS) as line:
        line.sendall(version_message())
        rows, _ = helpers.silos(console.command("cat /dev/sip/status"))
        for name in ("exportd", "exportd-admin", "uart1"):
            assert rows[name]["state"] == "created", name
        assert not select.select([line], [], [], 1)[0]


def version_message():
    body = struct.pack("<I", 8192) + ninep.text("9P2000.L")
    return struct.pack("<IBH", 7 + len(body), ninep.TVERSION, 0xFFFF) + body


def test_client_that_goes_in_a_message(boot, free_port):
    """What it left is given up, so that the next one's message is not taken for the rest of it."""
    console, client = helpers.remote(boot, free_port)
    port = client.socket.getpeername()[1]
    assert client.load("/mounts")
    client.socket.sendall(version_message()[:-1])
    helpers.until(console, "cat /dev/uart1/status", "^unread 0$")
    client.close()
    helpers.until(console, "dmesg", "exportd: a message was not sent whole", SECONDS)
    assert ninep.Client(port).load("/mounts")


def test_control_word(boot, free_port):
    """A word written to a ctl file from outside is obeyed, and shown in the audit."""
    _, client = helpers.remote(boot, free_port, "exportd-admin")
    before = helpers.silos(client.load("/dev/sip/status").decode())[0]["tmp"]
    folder = f"/dev/sip/servers/srv{before['id']}"
    client.command(f"{folder}/ctl", "notes looked at from outside")
    assert b"\nnotes looked at from outside\n" in client.load(f"{folder}/status")
    with pytest.raises(ninep.Error) as refused:
        client.command(f"{folder}/ctl", "no such word")
    assert refused.value.errno == EINVAL
    client.command(f"{folder}/ctl", "suspend")
    assert b"\nstate paused\n" in client.load(f"{folder}/status")
    client.command(f"{folder}/ctl", "resume")
    assert b"\nstate running\n" in client.load(f"{folder}/status")
    assert f" target={before['id']} result=ok".encode() in client.load("/dev/sip/audit")


def test_read_only_silo_obeys_nobody(boot, free_port):
    """exportd offers for reading: a ctl word through it is refused, and nothing can be made."""
    _, client = helpers.remote(boot, free_port)
    before = helpers.silos(client.load("/dev/sip/status").decode())[0]["tmp"]
    for path in (f"srv{before['id']}/ctl", "clone"):
        with pytest.raises(ninep.Error) as refused:
            client.command(f"/dev/sip/servers/{path}", "kill")
        assert refused.value.errno in (EPERM, EACCES, EROFS)
    with pytest.raises(ninep.Error):
        client.create("/tmp", "x")
    assert helpers.silos(client.load("/dev/sip/status").decode())[0]["tmp"]["pid"] == before["pid"]

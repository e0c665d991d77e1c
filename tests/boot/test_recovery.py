# SPDX-License-Identifier: ISC
"""A prompt always comes: by request, without servers, when the shell is gone, when init dies."""
import itertools
import os
import re
import subprocess

import gdbstub
import helpers
import ninep
import pytest

SERVERS = ("rootd", "bootfs", "devd", "sipd")
NEEDED = ("rootd", "devd", "sipd")  # without one of them no console can come
CONSOLE = ("uart0", "consoled", "sh")  # nor without these, which are sipd's
SHELL = r"^bulkhead[^\n]*\$ \Z"
SECONDS = 40
PIECE = 1024  # bytes in one read


def programs(names):
    """Their places in the boot archive."""
    files = {"bootfs": "ramfs", "uart0": "uart"}
    return {f"boot/bin/{files.get(name, name)}" for name in names}


def alone_and_all(names):
    """Parameters: each of the names, and all together."""
    return [pytest.param((name,), id=name) for name in names] + [pytest.param(SERVERS, id="all")]


def recovery(console, seconds=60):
    """Waits for the prompt. Lines of the kernel's log may stand behind it, on the same UART."""
    console.expect(r"^recovery> ", seconds)


def ask(console, line, marks=itertools.count()):
    """What the recovery shell wrote, and perhaps the log meanwhile. A second line, which is no
    command, tells its end from prompts that were there before."""
    mark = f"mark-{next(marks)}"
    start = console.position
    console.send(f"{line}\n{mark}\n")
    console.expect(f"^{mark}: not a command here", SECONDS)
    return console.text[start : console.position]


def pid_of(console, name):
    """Of a running process in the root silo, by the recovery shell."""
    pattern = rf"^ *(\d+) silo \d+ +running .* {name}$"
    found = re.search(pattern, ask(console, "ps"), re.MULTILINE)
    return found and found[1]


def answers(console):
    """The recovery shell does its work."""
    assert "dmesg" in ask(console, "help")
    assert re.search(r"^total \d+ KiB, free \d+ KiB", ask(console, "mem"), re.MULTILINE)
    assert pid_of(console, "recovery")


def comes_back(console):
    """A recovery shell that ends is followed by another one."""
    first = pid_of(console, "recovery")
    console.send(f"kill {first}\n")
    console.expect("^Bulkhead recovery shell", SECONDS)
    recovery(console)
    assert pid_of(console, "recovery") not in (None, first)


def rows(client):
    return helpers.silos(client.load("/dev/sip/status").decode())[0]


def control(client, label, word):
    """One word to a silo's ctl file."""
    client.command(f"/dev/sip/servers/srv{rows(client)[label]['id']}/ctl", word)


def test_asked_for(boot):
    """mode=recovery starts nothing else: no server is there, and the kernel's log is."""
    console = boot("--recovery")
    recovery(console)
    answers(console)
    assert not pid_of(console, "init")
    assert "boot0: the recovery shell runs" in ask(console, "dmesg")
    comes_back(console)


@pytest.mark.parametrize("off", alone_and_all(NEEDED + CONSOLE))
def test_switched_off(boot, off):
    """server.NAME=off of what a prompt needs: the recovery shell comes."""
    console = boot(f"--cmdline '{' '.join(f'server.{name}=off' for name in off)}'")
    recovery(console)
    answers(console)
    assert pid_of(console, "init")


@pytest.mark.parametrize("gone", alone_and_all(NEEDED + CONSOLE))
def test_missing(boot, build, tmp_path, gone):
    """The same with a boot archive that lacks the programs."""
    path = helpers.archive(
        build, tmp_path / "a.cpio", lambda name, data: None if name in programs(gone) else data
    )
    console = boot(archive=path)
    recovery(console)
    answers(console)


def broken_archive(build, path, names):
    """Programs that end at once; and few restarts, so that the pauses between them are few."""

    def change(name, data):
        if name in programs(names):
            return f"{build}/stripped/hello"
        if name.endswith(".silo"):
            policy = rb"restart \1 budget 2 window 60 backoff-max 100"
            return re.sub(rb"^restart (always|on-crash).*$", policy, data, flags=re.MULTILINE)
        return data

    return helpers.archive(build, path, change)


@pytest.mark.parametrize("broken", alone_and_all(NEEDED + CONSOLE))
def test_broken(boot, build, tmp_path, broken):
    """The same with programs that end at once: after their restarts are used up."""
    console = boot(archive=broken_archive(build, tmp_path / "a.cpio", broken))
    recovery(console)
    answers(console)


def test_without_bootfs(boot):
    """The archive's files are nothing that a prompt needs: one of the two comes."""
    console = boot("--cmdline server.bootfs=off")
    if console.expect(rf"^recovery> |{SHELL}", SECONDS)[0] == "recovery> ":
        answers(console)
    else:
        assert console.command("echo here") == "here\n"


@pytest.mark.parametrize("there", [True, False], ids=["broken", "missing"])
def test_init(boot, build, tmp_path, there):
    """An init that ends at once, or is not there, is tried twice; then boot0 starts the shell."""
    instead = f"{build}/stripped/hello" if there else None
    path = helpers.archive(
        build, tmp_path / "a.cpio", lambda name, data: instead if name == "boot/init" else data
    )
    console = boot(archive=path)
    recovery(console)
    answers(console)
    said = "init runs" if there else "cannot start boot/init"
    assert ask(console, "dmesg").count(said) == 2
    comes_back(console)


def test_shell_stopped(boot, free_port):
    """While the shell is stopped the recovery shell has the line, also after sipd's restart;
    afterwards the shell again."""
    console, client = helpers.remote(boot, free_port, "exportd-admin")
    control(client, "sh", "stop")
    recovery(console)
    answers(console)
    comes_back(console)
    before = rows(client)["sipd"]["pid"]
    with pytest.raises(ninep.Error):  # sipd cannot answer a call that ends it
        control(client, "sipd", "kill")
    while rows(client)["sipd"]["pid"] in (before, "0"):
        pass  # each read has the client's deadline
    assert pid_of(console, "recovery")
    control(client, "sh", "start")
    console.expect(SHELL, SECONDS)
    assert console.command("echo back") == "back\n"


def kill_while_reading(console, client, data, pid):
    """Ends init with reads of the disk under way; all of them are answered rightly."""
    fid = client.open("/disk/x")
    offsets = range(0, len(data), PIECE)
    tags = {client.send_read(fid, offset, PIECE): offset for offset in offsets}
    console.send(f"kill {pid}\n")
    for _ in offsets:
        kind, tag, body = client.answer()
        assert kind == ninep.TREAD + 1
        offset = tags.pop(tag)
        assert body[4:] == data[offset : offset + PIECE], offset
    recovery(console)


def restart_each(client):
    """Kills each of init's servers: its keeper starts it again."""
    for name in SERVERS:
        before = rows(client)[name]["pid"]
        try:
            control(client, name, "kill")
        except ninep.Error:
            assert name == "sipd"
        while rows(client)[name]["pid"] in (before, "0"):
            pass  # each read has the client's deadline


@pytest.mark.parametrize("cpus", [1, 4])
def test_init_killed(boot, free_port, image, cpus):
    """init's successor goes on with the servers that run, while a client reads a disk: their pids
    stay, and they are still watched. A second end leads to the recovery shell."""
    data = bytes(range(256)) * 64
    console, client = helpers.remote(
        boot, free_port, "exportd-admin", f"--smp {cpus} --disk {image({'x': data})}"
    )
    control(client, "sh", "stop")
    recovery(console)
    before = rows(client)
    first = pid_of(console, "init")
    kill_while_reading(console, client, data, first)
    console.expect("goes on with what its predecessor had started", SECONDS)
    second = pid_of(console, "init")
    assert second not in (None, first)
    after = rows(client)
    for name in (*SERVERS, "fsd", "virtio-blk0", "exportd-admin"):
        assert after[name]["pid"] == before[name]["pid"], name
    restart_each(client)
    control(client, "sh", "start")
    console.expect(SHELL, SECONDS)
    # The second end.
    control(client, "sh", "stop")
    recovery(console)
    console.send(f"kill {second}\n")
    console.expect("boot0: init is given up", SECONDS)
    answers(console)
    assert not pid_of(console, "init")
    assert client.load("/disk/x") == data


@pytest.mark.parametrize("cpus", [1, 4])
def test_panic(boot, cpus):
    """A panic shows the machine's registers and functions by name, and the emulator hears of it."""
    console = boot(f"--recovery --smp {cpus} --cmdline panic=exit")
    recovery(console)
    console.send("panic\n")
    console.expect(r"PANIC: asked for by process \d+$", SECONDS)
    assert console.wait(SECONDS) == 2 * 0x20 + 1
    report = console.text[console.position :]
    assert re.search(r"on CPU \d+$", report, re.MULTILINE)
    assert re.search(r"serving process \d+ recovery", report)
    registers = dict(re.findall(r"\b(c?r\w{1,2}) +([0-9a-f]+)\b", report))
    assert {"rax", "rbx", "rip", "rsp", "r8", "r15", "cr2", "cr3"} <= set(registers)
    assert 0 < int(registers["rip"], 16) < 1 << 47  # where the program called
    functions = re.findall(r"perhaps from ffffffff8[0-9a-f]{7} (\w+)\+0x", report)
    assert functions[0] == "panic" and "sys_machine_control" in functions


def symbol(build, name):
    """Address of one of the kernel's variables."""
    command = ["nm", os.path.join(build, "kernel.elf")]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(re.search(rf"^([0-9a-f]+) \w {name}$", listing, re.MULTILINE)[1], 16)


def test_panic_tells_of_all(boot):
    """A panic says where the other CPUs were."""
    console = boot("--recovery --smp 4 --cmdline panic=exit")
    recovery(console)
    console.send("panic\n")
    console.expect(r"PANIC: ", SECONDS)
    assert console.wait(SECONDS) == 2 * 0x20 + 1
    report = console.text[console.position :]
    here = re.search(r"on CPU (\d)$", report, re.MULTILINE)[1]
    others = re.findall(r"CPU (\d)(?:, ring \d| was idle)$", report, re.MULTILINE)
    assert sorted([here, *others]) == ["0", "1", "2", "3"]


def test_lost_lock(boot, build, tmp_path):
    """Where no CPU gives the kernel's lock back the machine panics; it does not just stand still."""
    stub = gdbstub.Stub(str(tmp_path / "gdb"))
    lock = symbol(build, "kernel_lock")
    console = boot("--recovery --smp 2 --cmdline panic=exit", extra=stub.options)
    recovery(console)
    stub.stop()
    while stub.read(lock, 4) != bytes(4):  # somebody has it
        stub.go()
        stub.stop()
    stub.write(lock, b"\1\0\0\0")
    stub.go()
    console.send("help\n")
    console.expect(r"PANIC: nobody could have the kernel lock for \d+ s$", SECONDS)
    assert console.wait(SECONDS) == 2 * 0x20 + 1
    assert "lock_kernel_slow+" in console.text[console.position :]
    stub.close()

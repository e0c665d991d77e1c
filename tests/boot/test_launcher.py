# SPDX-License-Identifier: ISC
"""The launcher itself: what it says when something is missing, and what it makes."""
import os
import signal
import socket
import subprocess

import pytest

from tools import newc
from tools.launcher import disk, guest, machine

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAUNCHER = os.path.join(TOP, "bulkhead")


def launch(*words, seconds=30):
    return subprocess.run(
        [LAUNCHER, *words], capture_output=True, text=True, timeout=seconds, check=False
    )


def test_missing_kernel_is_said(tmp_path):
    run = launch("run", "--build", str(tmp_path))
    assert run.returncode == 125
    assert run.stderr == f"bulkhead: no kernel at {tmp_path}/kernel: run `make`\n"
    assert run.stdout == ""


def test_missing_archive_is_said(tmp_path):
    (tmp_path / "kernel").write_bytes(b"x")
    run = launch("run", "--build", str(tmp_path), "-c", "ls")
    assert run.returncode == 125
    assert "no boot archive" in run.stderr


def test_missing_disk_is_said(tmp_path):
    (tmp_path / "kernel").write_bytes(b"x")
    (tmp_path / "boot.cpio").write_bytes(newc.build([]))
    run = launch("run", "--build", str(tmp_path), "--disk", str(tmp_path / "none.img"))
    assert run.returncode == 125
    assert "no disk image" in run.stderr


def test_image_keeps_files(tmp_path):
    files = tmp_path / "files" / "sub"
    files.mkdir(parents=True)
    (files / "hello").write_text("hello\n")
    out = tmp_path / "disk.img"
    assert launch("image", str(tmp_path / "files"), str(out)).returncode == 0
    show = subprocess.run(
        ["/usr/sbin/debugfs", "-R", "cat /sub/hello", str(out)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert show.stdout == "hello\n"
    subprocess.run(["/usr/sbin/e2fsck", "-fn", str(out)], capture_output=True, check=True)


def test_image_of_nothing_is_refused(tmp_path):
    run = launch("image", str(tmp_path / "none"), str(tmp_path / "out"))
    assert run.returncode == 125
    assert "not a directory" in run.stderr


@pytest.mark.parametrize("text,size", [("4096", 4096), ("8K", 8192), ("2m", 2 << 20)])
def test_sizes(text, size):
    assert disk.parse_size(text) == size


def test_archive_is_reproducible_and_appends(tmp_path):
    (tmp_path / "b").write_text("bee")
    (tmp_path / "a").write_text("ay")
    entries = [("x/b", str(tmp_path / "b")), ("x/a", str(tmp_path / "a"))]
    once = newc.build(entries)
    os.utime(tmp_path / "a", (1, 1))
    assert newc.build(reversed(entries)) == once
    both = newc.build([("boot/autorun", b"ls\n")], once)
    assert both.count(b"TRAILER!!!") == 1
    listing = subprocess.run(
        ["cpio", "-it", "--quiet"], input=both, capture_output=True, check=True
    ).stdout.decode()
    assert listing.split() == ["x", "x/a", "x/b", "boot", "boot/autorun"]


def test_archive_refuses_two_files_of_one_name(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    with pytest.raises(ValueError):
        newc.build([("x", str(tmp_path / "a")), ("x", str(tmp_path / "b"))])


def test_machine_options():
    options = machine.parse("--smp 2 --ahci --disk a.img --disk b.img --recovery --cmdline 'x y'")
    words = machine.from_options(options).command()
    assert "ide-hd,drive=disk1,bus=ide.1" in words
    assert words[words.index("-append") + 1] == "mode=recovery x y"
    assert not any("virtio" in word for word in words)


def test_guest_end_is_noticed(tmp_path, monkeypatch):
    """A machine that dies is an error at once, with its last words, not a wait for the deadline."""
    monkeypatch.setattr(machine, "QEMU", "/bin/echo")
    (tmp_path / "kernel").write_bytes(b"x")
    chosen = machine.Machine(str(tmp_path / "kernel"), None, cmdline="last words")
    with guest.Guest(chosen) as running:
        with pytest.raises(guest.GuestError, match="machine ended(.|\n)*last words"):
            running.expect("never", 60)


@pytest.mark.parametrize(
    "words,said",
    [
        (["--9p", "70000"], "70000 is not from 1 to 65535"),
        (["--9p", "-1"], "-1 is not from 1 to 65535"),
        (["--gdb", "x"], "invalid number value: 'x'"),
        (["--smp", "0"], "0 is not from 1 to 255"),
        (["--disk", "/"], "/ is a directory, no disk image"),
        (["--uefi"], "--uefi needs a disc"),
        (["-c", "ls", "--recovery"], "not with --recovery"),
        (["-c", "ls", "--iso", "x.iso"], "not with --iso"),
        (["--nosuch"], "unrecognized arguments: --nosuch"),
    ],
)
def test_wrong_options_are_said(tmp_path, words, said):
    """At once, and with the status of the launcher's own failures."""
    (tmp_path / "kernel").write_bytes(b"x")
    (tmp_path / "boot.cpio").write_bytes(newc.build([]))
    run = launch("run", "--build", str(tmp_path), *words)
    assert run.returncode == 125
    assert said in run.stderr


def test_qemu_that_does_not_start_is_no_success(build):
    """It says why, as with a port that somebody else has."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for more in ([], ["-c", "ls"]):
            run = launch("run", "--build", build, "--9p", port, *more)
            assert run.returncode == 125
            assert "Address already in use" in run.stderr


def test_build_is_found_from_elsewhere(tmp_path):
    """Beside the launcher, wherever one stands."""
    assert machine.from_options(machine.parse("")).kernel == os.path.join(TOP, "build", "kernel")


def test_commands_may_be_any_bytes(build):
    run = subprocess.run(
        [LAUNCHER, "run", "--build", build, "-c", b"echo \xff\xc3\xa4 '\x01'"],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, b"\xff\xc3\xa4 \x01\n")


def test_reader_that_goes_away(build):
    """A pipe whose reader has had enough is no reason for a traceback."""
    with subprocess.Popen(
        [LAUNCHER, "run", "--build", build, "-c", "dmesg"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as run:
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 125


def test_piped_input_is_typed(build):
    """All of it, although it is there before the machine is."""
    run = subprocess.run(
        [LAUNCHER, "run", "--build", build],
        input=b"echo one\necho two > /tmp/x; cat /tmp/x\npoweroff\n",
        capture_output=True,
        timeout=120,
        check=False,
    )
    output = run.stdout.replace(b"\r", b"")
    assert b"echo one\n" in output
    assert b"\none\n" in output and b"\ntwo\n" in output
    assert run.returncode == 0


def test_machine_ends_with_its_launcher(build):
    """Told to end, the launcher leaves no machine behind."""
    with subprocess.Popen(
        [LAUNCHER, "run", "--build", build, "-c", "echo up; sleep 1000"], stdout=subprocess.PIPE
    ) as run:
        assert run.stdout.readline() == b"up\n"
        with open(f"/proc/{run.pid}/task/{run.pid}/children", encoding="ascii") as children:
            child = children.read().split()
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 128 + signal.SIGTERM
        assert not os.path.exists(f"/proc/{child[0]}")

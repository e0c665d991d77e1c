# SPDX-License-Identifier: ISC
"""9P against programs that nobody here wrote: diod's client and diod's server, over TCP.

diodls and diodcat read a tree that the engine serves (9p_tcp.c); the client library (9p_use.c)
uses a folder that diod exports. Everything runs on 127.0.0.1 and has a deadline.
"""
import hashlib
import os
import shutil
import socket
import subprocess
import time

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD_SECONDS = 300
CALL_SECONDS = 20
SERVER_SECONDS = 120


def tool(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        pytest.skip(f"{name} is not installed (package diod)")
    return path


@pytest.fixture(scope="module")
def programs(tmp_path_factory, build):
    """The two programs of this folder, linked with the host library (`make host` builds it)."""
    folder = tmp_path_factory.mktemp("9p")
    flags = "-std=gnu11 -g -O1 -Wall -Wextra -Werror -iquote . -iquote lib".split()
    flags += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    for name, more in (("9p_tcp", ["tests/unit/9p_memfs.c"]), ("9p_use", [])):
        subprocess.run(
            ["gcc", *flags, f"tests/host/{name}.c", *more, f"{build}/host/9p.a"]
            + ["-o", folder / name],
            cwd=TOP,
            check=True,
            timeout=BUILD_SECONDS,
        )
    return folder


@pytest.fixture(params=["at-once", "kept"])
def server(programs, request):
    """9p_tcp at work: its port. Its end is a test, too: nothing may be lost."""
    options = ["-k"] if request.param == "kept" else []
    with subprocess.Popen(
        [programs / "9p_tcp", "-s", str(SERVER_SECONDS), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        yield int(process.stdout.readline())
        process.stdin.close()
        assert process.wait(timeout=CALL_SECONDS) == 0


def diod(name, port, *words, size=None):
    options = ["-m", str(size)] if size else []
    return subprocess.run(
        [tool(name), "-t", str(CALL_SECONDS), "-s", f"127.0.0.1:{port}", "-a", "/", *options]
        + list(words),
        capture_output=True,
        timeout=CALL_SECONDS + 5,
        check=False,
    )


def test_list(server):
    done = diod("diodls", server)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split() == ["dir", "hello", "empty", "link", "big", "many"]


def test_list_long(server):
    done = diod("diodls", server, "-l", "dir")
    assert done.returncode == 0, done.stderr
    fields = done.stdout.decode().split()
    assert fields[0].startswith("-rw-------") and fields[-1] == "inner"
    assert fields[4] == "7"


def test_list_many(server):
    for size in (None, 1024):
        done = diod("diodls", server, "many", size=size)
        assert done.returncode == 0, done.stderr
        names = done.stdout.decode().split()
        assert names == [f"file{i:04d}" for i in range(2000)]


def test_cat(server):
    done = diod("diodcat", server, "hello", "dir/inner", "empty")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"hello, world\ninside\n"


def test_cat_big(server):
    whole = bytes(ord("a") + i % 23 for i in range(300000))
    for size in (None, 1024, 8192):
        done = diod("diodcat", server, "big", size=size)
        assert done.returncode == 0, done.stderr
        assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(whole).digest()


def test_errors(server):
    done = diod("diodcat", server, "nothing")
    assert done.returncode and b"No such file" in done.stderr
    done = diod("diodls", server, "hello/x")
    assert done.returncode
    done = diod("diodcat", server, "dir")
    assert done.returncode and b"directory" in done.stderr


def test_two_at_a_time(server):
    command = [tool("diodcat"), "-s", f"127.0.0.1:{server}", "-a", "/", "big"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    outputs = [process.communicate(timeout=CALL_SECONDS)[0] for process in both]
    assert {len(text) for text in outputs} == {300000}


def wait_for_port(port, process):
    """Until something listens: connecting is the event, with a deadline."""
    end = time.monotonic() + CALL_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, "diod has ended"
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
            try:
                process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                pass
    raise AssertionError("diod does not listen")


def test_our_client_with_diod(programs, tmp_path):
    export = tmp_path / "export"
    export.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [tool("diod"), "-f", "-n", "-U", "root" if os.getuid() == 0 else str(os.getuid())]
    command += ["-c", "/dev/null", "-l", f"127.0.0.1:{port}", "-e", str(export)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            wait_for_port(port, process)
            done = subprocess.run(
                [programs / "9p_use", str(port), str(export), str(os.getuid())],
                capture_output=True,
                timeout=CALL_SECONDS * 3,
                check=False,
            )
        finally:
            process.terminate()
            process.wait(timeout=CALL_SECONDS)
    assert done.returncode == 0, done.stderr.decode()
    assert (export / "d" / "f").stat().st_size == 10
    assert os.readlink(export / "d" / "link") == "../d/f"
    assert len(os.listdir(export / "many")) == 300

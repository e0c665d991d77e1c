# SPDX-License-Identifier: ISC
"""The file system of a disk: what is read is what is there, whoever dies meanwhile."""
import hashlib
import os
import random
import re
import subprocess
import time

import pytest

LOAD_SECONDS = 120
BIG = 40_000_000  # more than the server's pool
# Sets of features that change how names, inodes or data are found.
FEATURES = (
    "-b 1024",
    "-b 2048 -O ^metadata_csum",
    "-b 1024 -I 128 -O ^64bit,^metadata_csum,^extent,^has_journal,^huge_file",
    "-b 4096 -O bigalloc -C 16384",
    "-b 1024 -O ^dir_index,meta_bg,^resize_inode",
)
DISKS = {"virtio": ("", "virtio-blk0"), "ahci": ("--ahci", "ahci")}


def some_bytes(count, seed=1):
    return random.Random(seed).randbytes(count)


def tree():
    files = {"hello": "hello\n", "empty": "", "deep/a/b/c/file": some_bytes(5001)}
    files["odd"] = some_bytes(300_001, 2)
    for i in range(200):
        files[f"many/entry-{i}-{'x' * (i % 50)}"] = f"{i}\n"
    return files


def content(files, path):
    data = files[path]
    return data if isinstance(data, bytes) else data.encode()


def sums(output):
    """{path: sum} of what sha256sum printed."""
    return {m[2]: m[1] for m in re.finditer(r"^([0-9a-f]{64})  (.*)$", output, re.MULTILINE)}


def image_with(folder, options, out):
    with open(out, "wb") as file:
        file.truncate(64 << 20)
    search = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    words = ["mkfs.ext4", "-q", "-F", *options.split(), "-d", folder, out]
    subprocess.run(words, env=search, check=True, capture_output=True)


def check_tree(commands, files, options):
    paths = ["hello", "empty", "deep/a/b/c/file", "odd", "many/entry-77-" + "x" * 27]
    text = "sha256sum " + " ".join("/disk/" + path for path in paths) + "\nls /disk/many\n"
    output, status = commands(text, options)
    assert status == 0
    assert sums(output) == {
        "/disk/" + path: hashlib.sha256(content(files, path)).hexdigest() for path in paths
    }
    names = {path.partition("/")[2] for path in files if path.startswith("many/")}
    assert {line for line in output.splitlines() if line.startswith("entry-")} == names


@pytest.mark.parametrize("kind", DISKS)
def test_read(commands, image, kind):
    files = tree()
    check_tree(commands, files, f"--disk {image(files)} {DISKS[kind][0]}")


@pytest.mark.parametrize("features", FEATURES)
def test_features(commands, tmp_path, features):
    files = tree()
    for path in files:
        file = tmp_path / "files" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content(files, path))
    out = str(tmp_path / "disk.img")
    image_with(str(tmp_path / "files"), features, out)
    check_tree(commands, files, "--disk " + out)


def test_behind_an_iommu(commands, image):
    files = tree()
    check_tree(commands, files, f"--disk {image(files)} --iommu")


def test_changes_are_refused(commands, image):
    output, _ = commands(
        "echo x > /disk/hello; echo x > /disk/new; mkdir /disk/d; rm /disk/hello; ls /disk\n"
        "cat /disk/hello",
        "--disk " + image({"hello": "hello\n"}),
    )
    assert output.count("read-only") == 4
    assert output.endswith("hello\nlost+found\nhello\n")


def test_links_and_parents(commands, tmp_path):
    folder = tmp_path / "files"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").write_text("there\n")
    (folder / "link").symlink_to("a/b/file")
    (folder / "long").symlink_to("a/" + "b/../" * 60 + "b/file")
    (folder / "away").symlink_to("/tmp/other")
    out = str(tmp_path / "disk.img")
    image_with(str(folder), "-b 4096", out)
    output, status = commands(
        "cat /disk/link /disk/long; cd /disk/a/b; cat ../../link; echo other > /tmp/other; cat /disk/away",
        "--disk " + out,
    )
    assert (output, status) == ("there\nthere\nthere\nother\n", 0)


def test_no_disk(commands):
    output, status = commands("ls /disk; echo $?; ls /boot && echo fine")
    assert output.splitlines()[1] == "1" and output.endswith("fine\n")
    assert status == 0


@pytest.mark.parametrize("damage", ("nothing", "superblock", "root"))
def test_damaged(commands, tmp_path, damage):
    """What is damaged is an error, and the rest of the system goes on."""
    (tmp_path / "files" / "many").mkdir(parents=True)
    path = str(tmp_path / "disk.img")
    image_with(str(tmp_path / "files"), "-b 4096", path)
    with open(path, "r+b") as file:
        if damage == "nothing":
            file.write(bytes(64 << 20))
        elif damage == "superblock":
            file.seek(1024 + 0x18)
            file.write(b"\xff\xff")
        else:
            block = root_block(path)
            file.seek(block * 4096)
            file.write(b"\xff" * 4096)
    output, status = commands("ls /disk/many; echo $?; ls /boot && echo fine", "--disk " + path)
    assert output.splitlines()[1] == "1" and output.endswith("fine\n")
    assert status == 0


def root_block(path):
    search = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    words = ["debugfs", "-R", "blocks /", path]
    run = subprocess.run(words, env=search, check=True, capture_output=True, text=True)
    return int(run.stdout.split()[0])


def report(console, name):
    """What a loader says of itself; "" before the first round."""
    output = console.command(f"cat /tmp/{name}").strip()
    return "" if "no such thing" in output else output


def running(console, name, but="0"):
    """The pid of the silo once it runs, as another process than `but`."""
    deadline = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < deadline:
        found = re.search(rf"^\d+ {name} \w+ running (\d+)", console.command("silo list"), re.M)
        if found and found[1] != but:
            return found[1]
    raise AssertionError(f"{name} does not run")


@pytest.fixture
def with_loads(build):
    """The boot archive that has the silos disk-load and disk-read, too."""
    return os.path.join(build, "bench.cpio")


def copied(said):
    """How many of its reads took no call, of a load that came to its end."""
    match = re.fullmatch(r"done 40 copied (\d+)", said)
    assert match, said
    return int(match[1])


def kill_while(console, load, victim, kills):
    """Kills `victim` again and again while `load` reads, until that ends; its last word."""
    pid = running(console, victim)
    assert console.command(f"silo start {load}") == ""
    done = 0
    deadline = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < deadline:
        said = report(console, load)
        if said.startswith(("done", "failed")):
            break
        if done < kills:
            console.command(f"silo kill {victim}")
            pid = running(console, victim, pid)
            console.command("ls /disk")  # waits until it serves
            done += 1
    assert done == kills, "the load had ended before"
    return said


@pytest.mark.parametrize("kind", DISKS)
def test_driver_dies(boot, image, with_loads, kind):
    """A driver killed under load, mappings included: nobody notices."""
    options, driver = DISKS[kind]
    data = some_bytes(BIG)
    console = boot(f"--disk {image({'load': data})} {options}", archive=with_loads)
    console.prompt()
    assert copied(kill_while(console, "disk-load", driver, 4)) > 1000
    output = console.command("sha256sum /disk/load", 60)
    assert sums(output) == {"/disk/load": hashlib.sha256(data).hexdigest()}


def test_fsd_dies(boot, image, with_loads):
    """Readers go on by themselves when the file server was restarted."""
    data = some_bytes(BIG)
    console = boot("--disk " + image({"load": data}), archive=with_loads)
    console.prompt()
    assert copied(kill_while(console, "disk-read", "fsd", 3)) > 1000
    output = console.command("sha256sum /disk/load", 60)
    assert sums(output) == {"/disk/load": hashlib.sha256(data).hexdigest()}

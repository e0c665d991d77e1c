# SPDX-License-Identifier: ISC
"""ext4 disk images from directories, by mkfs.ext4 (e2fsprogs). No mount, no root needed."""
import os
import re
import subprocess

MIB = 1 << 20
UNITS = {"": 1, "K": 1 << 10, "M": MIB, "G": 1 << 30}


class ImageError(Exception):
    """The image could not be made; the text says why."""


def parse_size(text):
    match = re.fullmatch(r"(\d+)([KMG]?)", text.upper())
    if not match:
        raise ImageError(f"not a size: {text}")
    return int(match[1]) * UNITS[match[2]]


def _needed(directory):
    """Bytes for the files, a third more for the file system, and room to write."""
    total = 0
    for folder, folders, files in os.walk(directory):
        for name in folders + files:
            size = os.lstat(os.path.join(folder, name)).st_size
            total += size + 4096 - size % 4096 + 512
    return (total + total // 3 + 32 * MIB) // MIB * MIB


def make_image(directory, out, size=None):
    """Writes an ext4 image of `directory` to the file `out`, replacing it. Its root is root's."""
    if not os.path.isdir(directory):
        raise ImageError(f"not a directory: {directory}")
    length = parse_size(size) if size else _needed(directory)
    try:
        with open(out, "wb") as file:
            file.truncate(length)
    except OSError as error:
        raise ImageError(f"{out}: {error.strerror}") from None
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    try:
        run = subprocess.run(
            ["mkfs.ext4", "-q", "-F", "-E", "root_owner=0:0", "-d", directory, out],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise ImageError("mkfs.ext4 is not installed: run `make setup`") from None
    if run.returncode:
        os.unlink(out)
        raise ImageError(f"mkfs.ext4: {run.stderr.strip()}")

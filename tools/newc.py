# SPDX-License-Identifier: ISC
"""cpio archives in the newc form: what boots Bulkhead, and what boots Linux for comparison.

The same inputs give the same bytes: entries sorted by path, parent directories first, owner 0,
times 0, inode numbers counted from 1. Also appends to an archive that exists, so that a kernel
sees one archive with one trailer. Not a reader: it walks an archive only to find its trailer.

    newc.py OUT ENTRY...   an entry is PATH=FILE (a directory goes with all below it) or
                           @LIST, a file of entries, one a line

Format: cpio(5), "New ASCII Format".
"""
import os
import stat
import sys

HEADER = 110
TRAILER = "TRAILER!!!"


def _padded(data):
    return data + b"\0" * (-len(data) % 4)


def _record(inode, path, mode, body=b""):
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (inode, mode, 0, 0, links, 0, len(body), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(head + name) + _padded(body)


def _host_record(inode, path, file):
    """The record of a host file: a link stays a link, and of the mode only the x bit counts."""
    if os.path.islink(file):
        return _record(inode, path, stat.S_IFLNK | 0o777, os.readlink(file).encode())
    executable = os.stat(file).st_mode & 0o100
    with open(file, "rb") as source:
        return _record(inode, path, stat.S_IFREG | (0o755 if executable else 0o644), source.read())


def _expand(entries):
    """{path: host file, bytes, or None for a directory}, parents included, folders walked."""
    wanted = {}

    def add(path, content):
        path = path.strip("/")
        if not path or ".." in path.split("/"):
            raise ValueError(f"bad path in archive: {path!r}")
        parts = path.split("/")
        for depth in range(1, len(parts)):
            wanted.setdefault("/".join(parts[:depth]), None)
        if wanted.get(path, content) != content:
            raise ValueError(f"two files want the path {path}")
        wanted[path] = content

    for path, content in entries:
        if isinstance(content, str) and os.path.isdir(content) and not os.path.islink(content):
            add(path, None)
            for folder, folders, files in os.walk(content):
                below = os.path.relpath(folder, content)
                for name in folders + files:
                    file = os.path.join(folder, name)
                    plain = os.path.isdir(file) and not os.path.islink(file)
                    add(os.path.normpath(os.path.join(path, below, name)), None if plain else file)
        else:
            add(path, content)
    return wanted


def _trailer_offset(archive):
    """Where the trailer's record starts, and the number of records before it."""
    offset, count = 0, 0
    while True:
        head = archive[offset : offset + HEADER]
        if len(head) < HEADER or head[:6] != b"070701":
            raise ValueError("not a newc archive, or cut short")
        body, name = int(head[54:62], 16), int(head[94:102], 16)
        start = offset + HEADER
        if archive[start : start + name - 1] == TRAILER.encode():
            return offset, count
        offset = start + name + (-(HEADER + name) % 4)
        offset += body + (-body % 4)
        count += 1


def build(entries, base=b""):
    """An archive of (path, host file | bytes | None) pairs, after the entries of `base`."""
    out, inode = [], 1
    if base:
        offset, count = _trailer_offset(base)
        out.append(base[:offset])
        inode += count
    for path, content in sorted(_expand(entries).items()):
        if content is None:
            out.append(_record(inode, path, stat.S_IFDIR | 0o755))
        elif isinstance(content, bytes):
            out.append(_record(inode, path, stat.S_IFREG | 0o644, content))
        else:
            out.append(_host_record(inode, path, content))
        inode += 1
    out.append(_record(0, TRAILER, 0))
    archive = b"".join(out)
    return archive + b"\0" * (-len(archive) % 512)


def _arguments(words):
    for word in words:
        if word.startswith("@"):
            with open(word[1:], encoding="utf-8") as lines:
                yield from _arguments(line.strip() for line in lines if line.strip())
        else:
            path, equals, file = word.partition("=")
            if not equals:
                raise ValueError(f"not PATH=FILE: {word}")
            yield path, file


def main():
    try:
        archive = build(list(_arguments(sys.argv[2:])))
    except (OSError, ValueError) as error:
        sys.exit(f"newc.py: {error}")
    with open(sys.argv[1], "wb") as out:
        out.write(archive)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: ISC
"""A 9P2000.L client for tests, over TCP. One call at a time, no more than the tests need.

Numbers and layouts: docs/9p.md. Errors of the server are raised as Error with their errno.
"""
import socket
import struct
import time

NOFID = 0xFFFFFFFF
RLERROR, TLOPEN, TLCREATE, TSYMLINK, TSETATTR, TREADDIR = 7, 12, 14, 16, 26, 40
TVERSION, TATTACH, TFLUSH, TWALK, TREAD, TWRITE, TCLUNK = 100, 104, 108, 110, 116, 118, 120


class Error(Exception):
    """The server said no; `errno` is its number."""

    def __init__(self, errno):
        super().__init__(f"errno {errno}")
        self.errno = errno


def text(value):
    data = value.encode()
    return struct.pack("<H", len(data)) + data


class Client:
    def __init__(self, port, seconds=20):
        deadline = time.monotonic() + seconds
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(max(deadline - time.monotonic(), 1))
        self.fids = 0
        self.tag = 0
        self._call(TVERSION, struct.pack("<I", 65536) + text("9P2000.L"), 0xFFFF)
        self._call(TATTACH, struct.pack("<II", 0, NOFID) + text("root") + text("") + bytes(4))

    def _receive(self, length):
        data = b""
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            if not piece:
                raise EOFError("the server closed the connection")
            data += piece
        return data

    def send(self, kind, body, tag=None):
        self.tag = self.tag % 60000 + 1
        tag = self.tag if tag is None else tag
        self.socket.sendall(struct.pack("<IBH", 7 + len(body), kind, tag) + body)
        return tag

    def answer(self):
        """(type, tag, body) of the next message."""
        length, kind, tag = struct.unpack("<IBH", self._receive(7))
        return kind, tag, self._receive(length - 7)

    def _call(self, kind, body, tag=None):
        tag = self.send(kind, body, tag)
        got, answered, data = self.answer()
        assert answered == tag
        if got == RLERROR:
            raise Error(struct.unpack("<I", data)[0])
        assert got == kind + 1
        return data

    def walk(self, path):
        names = [name for name in path.split("/") if name]
        self.fids += 1
        body = struct.pack("<IIH", 0, self.fids, len(names)) + b"".join(map(text, names))
        data = self._call(TWALK, body)
        if struct.unpack("<H", data[:2])[0] != len(names):
            raise Error(2)
        return self.fids

    def open(self, path, flags=0):
        fid = self.walk(path)
        self._call(TLOPEN, struct.pack("<II", fid, flags))
        return fid

    def create(self, folder, name, mode=0o644):
        fid = self.walk(folder)
        self._call(TLCREATE, struct.pack("<I", fid) + text(name) + struct.pack("<III", 2, mode, 0))
        return fid

    def symlink(self, folder, name, target):
        body = struct.pack("<I", self.walk(folder)) + text(name) + text(target)
        self._call(TSYMLINK, body + struct.pack("<I", 0))

    def truncate(self, path, size):
        """Tsetattr of the size alone."""
        body = struct.pack("<IIIIIQQQQQ", self.walk(path), 8, 0, 0, 0, size, 0, 0, 0, 0)
        self._call(TSETATTR, body)

    def send_read(self, fid, offset, count):
        """Without waiting for the answer; the tag."""
        return self.send(TREAD, struct.pack("<IQI", fid, offset, count))

    def read(self, fid, offset, count=32768):
        return self._call(TREAD, struct.pack("<IQI", fid, offset, count))[4:]

    def write(self, fid, offset, data):
        body = struct.pack("<IQI", fid, offset, len(data)) + data
        return struct.unpack("<I", self._call(TWRITE, body))[0]

    def write_all(self, writes):
        """Sends (fid, data) pairs without waiting in between; for each 0 or the errno."""
        tags = [
            self.send(TWRITE, struct.pack("<IQI", fid, 0, len(data)) + data) for fid, data in writes
        ]
        results = {}
        for _ in tags:
            kind, tag, body = self.answer()
            results[tag] = struct.unpack("<I", body)[0] if kind == RLERROR else 0
        return [results[tag] for tag in tags]

    def clunk(self, fid):
        self._call(TCLUNK, struct.pack("<I", fid))

    def load(self, path):
        fid, data = self.open(path), b""
        while piece := self.read(fid, len(data)):
            data += piece
        self.clunk(fid)
        return data

    def command(self, path, line):
        fid = self.open(path, 1)
        self.write(fid, 0, line.encode())
        self.clunk(fid)

    def names(self, path):
        fid, found, offset = self.open(path), [], 0
        while True:
            data = self._call(TREADDIR, struct.pack("<IQI", fid, offset, 8192))[4:]
            if not data:
                break
            while data:
                offset, length = struct.unpack("<QxH", data[13:24])
                found.append(data[24 : 24 + length].decode())
                data = data[24 + length :]
        self.clunk(fid)
        return [name for name in found if name not in (".", "..")]

    def close(self):
        self.socket.close()

# SPDX-License-Identifier: ISC
"""A little of gdb's remote protocol: to change a running machine's memory as no program could.

Protocol: gdb manual, appendix E. The machine has the QEMU arguments of `options`, and stands still
between `stop` and `go`.
"""
import socket

SECONDS = 10


class Stub:
    def __init__(self, path):
        self.options = ["-gdb", f"unix:{path},server=on,wait=off"]
        self.path = path
        self.socket = None

    def _connect(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.connect(self.path)
        self.stream = self.socket.makefile("rb")

    def _packet(self, text):
        self.socket.sendall(f"${text}#{sum(text.encode()) & 255:02x}".encode())

    def _answer(self):
        while (byte := self.stream.read(1)) != b"$":
            assert byte, "QEMU closed its gdb stub"
        text = b""
        while (byte := self.stream.read(1)) != b"#":
            assert byte, "QEMU closed its gdb stub"
            text += byte
        self.stream.read(2)
        self.socket.sendall(b"+")
        return text.decode()

    def ask(self, text):
        self._packet(text)
        return self._answer()

    def stop(self):
        if not self.socket:
            self._connect()  # which stops it, too
        else:
            self.socket.sendall(b"\x03")
        self._answer()

    def go(self):
        self._packet("c")

    def read(self, address, size):
        answer = self.ask(f"m{address:x},{size:x}")
        assert len(answer) == 2 * size, answer
        return bytes.fromhex(answer)

    def write(self, address, data):
        assert self.ask(f"M{address:x},{len(data):x}:{data.hex()}") == "OK"

    def close(self):
        if self.socket:
            self.stream.close()
            self.socket.close()

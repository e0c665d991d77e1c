# SPDX-License-Identifier: ISC
"""QEMU's control socket (QMP): resets, pauses, plugging, from outside the guest.

We listen and QEMU connects as it starts, so that nobody has to ask whether the socket is there
yet. Synchronous: one command, its answer; events in between are kept in `events`.
Protocol: QEMU's docs/interop/qmp-spec.
"""
import json
import socket


class QmpError(Exception):
    """QEMU refused a command, or did not answer in time."""


class Qmp:
    """Made before the machine whose setting `qmp` is the same path."""

    def __init__(self, path, seconds=10):
        self.seconds = seconds
        self.events = []
        self.socket = None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(seconds)
        self.listener.bind(path)
        self.listener.listen(1)

    def _connect(self):
        try:
            self.socket, _ = self.listener.accept()
        except TimeoutError:
            raise QmpError(f"QEMU did not connect within {self.seconds} s") from None
        self.socket.settimeout(self.seconds)
        self.file = self.socket.makefile("rw")
        self._read()
        self.command("qmp_capabilities")

    def _read(self):
        try:
            line = self.file.readline()
        except TimeoutError:
            raise QmpError("QEMU does not answer") from None
        if not line:
            raise QmpError("QEMU closed its control socket")
        return json.loads(line)

    def command(self, verb, **arguments):
        """The answer's `return` value."""
        if not self.socket:
            self._connect()
        self.file.write(json.dumps({"execute": verb, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = self._read()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise QmpError(f"{verb}: {answer['error']['desc']}")
            self.events.append(answer)

    def close(self):
        if self.socket:
            self.file.close()
            self.socket.close()
        self.listener.close()

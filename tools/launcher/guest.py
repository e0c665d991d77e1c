# SPDX-License-Identifier: ISC
"""A running machine, and the conversation with its first serial line.

A Guest owns the QEMU process. Its output is collected by one thread; whoever waits for something
in it does so with a deadline and is woken by the output itself. Carriage returns are dropped
from what is matched and returned; the log keeps every byte.
"""
import os
import re
import subprocess
import threading
import time

from . import machine as machines

# After the guest said that it is done, how long QEMU may take to end by itself.
POWER_OFF_SECONDS = 10


class GuestError(Exception):
    """The guest ended, or a deadline passed; the text has the end of what it wrote."""


class Guest:
    def __init__(self, machine, log=None):
        machine.check()
        self.text = ""
        self.position = 0  # of what `expect` has consumed
        self.ended = False
        self.changed = threading.Condition()
        self.log = open(log, "wb") if log else None
        self.process = subprocess.Popen(
            machine.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        descriptor = self.process.stdout.fileno()
        while True:
            data = os.read(descriptor, 65536)
            if self.log and data:
                self.log.write(data)
                self.log.flush()
            with self.changed:
                self.text += data.decode("latin-1").replace("\r", "")
                self.ended = not data
                self.changed.notify_all()
            if not data:
                return

    def tail(self, lines=25):
        """The end of the output, for messages."""
        with self.changed:
            return "\n".join(self.text.splitlines()[-lines:])

    def expect(self, pattern, seconds, what=None):
        """Waits until `pattern` (in words: `what`) matches in output not yet consumed; the match.
        Consumes it."""
        regex = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                match = regex.search(self.text, self.position)
                if match:
                    self.position = match.end()
                    return match
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    break
                self.changed.wait(left)
            why = "the machine ended" if self.ended else f"nothing for {seconds:.0f} s"
            what = what or repr(pattern)
        raise GuestError(f"{why}, waiting for {what}; the last lines:\n{self.tail()}")

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, seconds):
        """QEMU's exit status, or GuestError at the deadline."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise GuestError(f"still running after {seconds} s:\n{self.tail()}") from None
        self.reader.join(seconds)
        return status

    def stop(self):
        """Ends the machine at once, if it has not ended. May be called again."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()
        if self.log:
            self.log.close()
            self.log = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


# The end of the output of a shell that waits for a line.
WAITING = rb"(^|\n)(bulkhead|recovery)[^\n]*[$>] $"


def run_fed(machine, source):
    """Runs `machine` with what comes from the descriptor `source` typed, its output on ours.
    Nothing is typed before a shell waits: what comes earlier a machine that starts does not keep.
    QEMU's exit status. The end of `source` does not end the machine."""
    output = b""
    with subprocess.Popen(
        machine.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:

        def feed():
            try:
                while piece := os.read(source, 65536):
                    while piece:
                        piece = piece[os.write(process.stdin.fileno(), piece) :]
            except OSError:
                pass  # the machine has ended, or there is nothing to read from

        feeder = threading.Thread(target=feed, daemon=True)
        try:
            while piece := os.read(process.stdout.fileno(), 65536):
                os.write(1, piece)
                if not feeder.ident:
                    output = (output + piece)[-256:].replace(b"\r", b"")
                    if re.search(WAITING, output):
                        feeder.start()
            return process.wait()
        finally:
            process.kill()


# A piece of a run's output, up to a line's end or a mark. A byte \\x01 that a command wrote comes
# doubled, so that nothing it writes can pass for a mark.
BEGIN = r"\x01BEGIN\x01\n?"
PIECE = r"([^\n\x01]*)(\n|\x01\x01|\x01BEGIN\x01|\x01END (\d+)\x01)"
AUTORUN = "boot/autorun"


def run_commands(machine, commands, folder, seconds, log=None, out=None):
    """Boots `machine`, runs shell commands, and returns (their output, the last one's status).

    The commands travel as the file boot/autorun in the boot archive. The shell that finds it
    writes \\x01BEGIN\\x01, runs it, writes \\x01END status\\x01, and turns the machine off. A
    shell that begins again was killed: GuestError.
    `folder` takes the changed archive; `out` is called with output as it comes.
    """
    from tools import newc

    machine.check()
    with open(machine.archive, "rb") as file:
        base = file.read()
    machine.archive = os.path.join(folder, "boot.cpio")
    with open(machine.archive, "wb") as file:
        file.write(newc.build([(AUTORUN, os.fsencode(commands) + b"\n")], base))
    deadline = time.monotonic() + seconds
    with Guest(machine, log) as guest:
        guest.expect(BEGIN, seconds, "the shell")
        output = []
        while True:
            # Line by line, so that a long run shows its output as it comes.
            left = max(deadline - time.monotonic(), 0)
            match = guest.expect(PIECE, left, "the end of the commands")
            piece = match[1] + (match[2][-1] if match[2] in ("\n", "\x01\x01") else "")
            output.append(piece)
            if out and piece:
                out(piece)
            if match[3] is not None:
                break
            if "BEGIN" in match[2]:
                raise GuestError("the shell ended and was started again; the commands did not end")
        try:
            guest.wait(POWER_OFF_SECONDS)
        except GuestError:
            guest.stop()
        return "".join(output), int(match[3])

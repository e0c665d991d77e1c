# SPDX-License-Identifier: ISC
"""Fixtures of the boot tests: the whole system in QEMU, driven over its serial line.

    boot(options, **settings)   starts a machine, options as for `bulkhead run`; a Console
    commands(text, options)     boots, runs shell commands; (output, status of the last)
    image(files)                an ext4 disk image of {path: content}; its path
    free_port()                 a TCP port of 127.0.0.1 that nobody has

Every wait has a deadline and ends by what it waits for; no test sleeps. The serial log of each
machine stays in build/results/boot/ when the test failed. tests/conftest.py keeps the results.
"""
import os
import re
import socket
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP)
sys.dont_write_bytecode = True

from tools.launcher import disk, guest, machine  # noqa: E402
from tools.launcher.qmp import Qmp  # noqa: E402

# What a shell that waits for a line has last on the screen.
PROMPT = r"^(?:bulkhead|recovery)[^\n]*[#%$>] \Z"
BOOT_SECONDS = 60
COMMAND_SECONDS = 30


class Console(guest.Guest):
    """A machine with a shell on its first serial line."""

    def __init__(self, chosen, log):
        self.monitor = Qmp(chosen.qmp)
        super().__init__(chosen, log)

    def prompt(self, seconds=BOOT_SECONDS):
        """Waits for the prompt; what came before it."""
        start = self.position
        match = self.expect(PROMPT, seconds)
        return self.text[start : match.start()]

    def command(self, line, seconds=COMMAND_SECONDS):
        """Types a line at the prompt and waits for the next; what the command wrote."""
        self.send(line + "\n")
        output = self.prompt(seconds)
        # The terminal's echo of the line is not the command's.
        return output.partition("\n")[2] if output.startswith(line) else output

    def qmp(self, verb, **arguments):
        """A command to QEMU itself; its answer."""
        return self.monitor.command(verb, **arguments)

    def stop(self):
        super().stop()
        self.monitor.close()


@pytest.fixture
def logs(request, build):
    """Names of log files for this test; they are removed when it passed."""
    folder = os.path.join(build, "results", "boot")
    os.makedirs(folder, exist_ok=True)
    name = re.sub(r"[^\w.-]+", "_", request.node.name)
    made = []

    def another():
        made.append(os.path.join(folder, f"{name}.{len(made)}.log"))
        return made[-1]

    yield another
    for path in made:
        if os.path.exists(path):
            if getattr(request.node, "bulkhead_failed", False):
                print(f"serial log: {path}")
            else:
                os.unlink(path)


@pytest.fixture
def boot(build, logs, tmp_path):
    consoles = []

    def start(options="", **settings):
        parsed = machine.parse(options)
        parsed.build = build
        qmp = str(tmp_path / f"qmp{len(consoles)}")
        console = Console(machine.from_options(parsed, qmp=qmp, **settings), logs())
        consoles.append(console)
        return console

    yield start
    for console in consoles:
        console.stop()


@pytest.fixture
def commands(build, logs, tmp_path):
    def run(text, options="", seconds=120, **settings):
        parsed = machine.parse(options)
        parsed.build = build
        chosen = machine.from_options(parsed, **settings)
        return guest.run_commands(chosen, text, str(tmp_path), seconds, logs())

    return run


@pytest.fixture
def image(tmp_path):
    made = []

    def make(files, size=None):
        folder = tmp_path / f"files{len(made)}"
        folder.mkdir()
        for path, content in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        made.append(str(tmp_path / f"disk{len(made)}.img"))
        disk.make_image(str(folder), made[-1], size)
        return made[-1]

    return make


@pytest.fixture
def free_port():
    held = []

    def port():
        # Freed at once, so that QEMU can bind it; SO_REUSEADDR lets it do so immediately.
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            while True:
                probe.bind(("127.0.0.1", 0))
                number = probe.getsockname()[1]
                if number not in held:
                    held.append(number)
                    return number

    return port

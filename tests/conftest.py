# SPDX-License-Identifier: ISC
"""Options and results of all pytest stages (docs/testing.md).

Each test gives one line in build/results/STAGE.txt: `pass|fail|skip NAME [why]`. A set-up or a
clean-up that fails is the test's failure, and so is a file that cannot be read.
"""
import os
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOP)
sys.dont_write_bytecode = True

from tools import results  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--build", default="build", help="where the build is")
    parser.addoption("--stage", default="boot", help="whose results these are")
    parser.addoption("--minutes", type=float, default=60, help="how long a soak test goes on")


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: takes long; only by `make soak`")
    folder = os.path.join(config.getoption("--build"), "results")
    stage = config.getoption("--stage")
    config.bulkhead_results = results.Results(folder, stage, quiet=True)


def pytest_runtest_makereport(item, call):
    """Remembers for the fixtures whether the test itself failed."""
    if call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception):
        item.bulkhead_failed = True


class Recorder:
    """One result line a test."""

    def __init__(self, out):
        self.out = out
        self.seen = {}

    def pytest_runtest_logreport(self, report):
        word = {"passed": "pass", "failed": "fail", "skipped": "skip"}[report.outcome]
        why = report.longrepr[2] if word == "skip" and isinstance(report.longrepr, tuple) else ""
        if word == "fail" or self.seen.get(report.nodeid, ("pass", ""))[0] == "pass":
            self.seen[report.nodeid] = (word, why)
        if report.when == "teardown":
            word, why = self.seen.pop(report.nodeid)
            name = report.nodeid.removeprefix("tests/").removeprefix("boot/")
            self.out.add(word, name, why)

    def pytest_collectreport(self, report):
        if report.failed:
            self.out.add("fail", report.nodeid or "collection", "cannot be read")


def pytest_sessionstart(session):
    session.config.pluginmanager.register(Recorder(session.config.bulkhead_results))


def pytest_unconfigure(config):
    config.bulkhead_results.finish()


@pytest.fixture(scope="session")
def build(pytestconfig):
    return os.path.abspath(pytestconfig.getoption("--build"))

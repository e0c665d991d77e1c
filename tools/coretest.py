# SPDX-License-Identifier: ISC
"""coretest.py RESULTS 'NAME [options]'...: runs core test programs, each as the bare kernel's
first process, in QEMU.

The program writes to the kernel's log, a line each: `pass NAME`, `fail NAME why`, `skip NAME why`
for its tests, and at last `end N` with their number; what stands before these words in the line
(the log's own prefix) does not count. It passes when the end came in time, N lines came, and the
kernel did not panic. The machine is stopped at that line, so the program need not end. When the
end does not come, the output ends with what each CPU was doing.
Options are those of `bulkhead run`, and --seconds N for the deadline (60).
"""
import argparse
import concurrent.futures
import contextlib
import os
import re
import shlex
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tools import results  # noqa: E402
from tools.launcher import guest, machine, qmp, where  # noqa: E402

SECONDS = 60
REPORT_LINES = 100
LINE = re.compile(r"(?:^|[\s:\]])(pass|fail|skip) ([\w.,:/+-]+)(?: (.*))?$", re.MULTILINE)
# With the end of its line: what came so far may stop within the number.
END = r"(?:^|[\s:\]])end (\d+)\n"
PANIC = r"\b(?:panic|PANIC)\b"


def parse(spec):
    parser = argparse.ArgumentParser()
    machine.add_options(parser)
    parser.add_argument("name")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    return parser.parse_args(shlex.split(spec))


def whereabouts(monitor, build):
    """What a machine that does not get on is doing; text."""
    try:
        return "\n".join(where.report(monitor, os.path.join(build, "kernel.elf")))
    except (qmp.QmpError, OSError) as error:
        return f"nobody knows where it is: {error}"


def talk(chosen, options, log):
    """(the count that the program ends with or None, what went wrong or None, output)."""
    monitor = qmp.Qmp(chosen.qmp)
    trouble = count = None
    with guest.Guest(chosen, log) as running, contextlib.closing(monitor):
        try:
            count = running.expect(f"{END}|{PANIC}", options.seconds)[1]
            if count is None:
                # The rest of the panic's report, as far as it comes.
                running.expect(r"\n(.*\n){30}", 2)
        except guest.GuestError as error:
            trouble = str(error).split(";", maxsplit=1)[0]
        output = running.text
        if trouble and not running.ended and not re.search(PANIC, output):
            output += "\n" + whereabouts(monitor, options.build)
    return count, trouble, output


def run(build, folder, spec):
    """(label, [(word, name, why)], output) of one program on one machine."""
    options = parse(spec)
    options.build = build
    label = options.name + (f"@{options.smp}" if options.smp > 1 else "")
    label += "@iommu" if options.iommu else ""
    archive = os.path.join(build, "core", options.name + ".cpio")
    with tempfile.TemporaryDirectory(prefix="bulkhead-") as private:  # a socket's path is short
        chosen = machine.from_options(
            options, archive=archive, extra=["-no-reboot"], qmp=os.path.join(private, "qmp")
        )
        if not options.icount:  # what is measured does without
            chosen.cmdline = f"{chosen.cmdline} memory=poison".strip()
        try:
            count, trouble, output = talk(chosen, options, os.path.join(folder, label + ".log"))
        except machine.NotThere as error:
            return label, [("fail", label, str(error))], ""
    found = [(m[1], f"{label}.{m[2]}", m[3] or "") for m in LINE.finditer(output)]
    if re.search(PANIC, output):
        trouble = "the kernel panicked"
    elif not trouble and len(found) != int(count):
        trouble = f"{len(found)} results came, the program says {count}"
    elif not found and not trouble:
        trouble = "it ran no test"
    if trouble:
        found.append(("fail", label, trouble))
    return label, found, output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("results")
    parser.add_argument("specs", nargs="*")
    options = parser.parse_args()
    out = results.Results(options.results, "core")
    folder = os.path.join(options.results, "core")
    os.makedirs(folder, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(run, options.build, folder, spec) for spec in options.specs]
        for job in jobs:
            _, found, output = job.result()
            for word, name, why in found:
                out.add(word, name, why)
            if any(word == "fail" for word, _, _ in found):
                print("\n".join(output.splitlines()[-REPORT_LINES:]))
    sys.exit(out.finish())


if __name__ == "__main__":
    main()

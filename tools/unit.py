# SPDX-License-Identifier: ISC
"""unit.py RESULTS PROGRAM...: runs cmocka programs, as many at once as there are CPUs.

Each writes TAP, one line a test. A program that says that all went well but ends badly (a
sanitizer spoke, it crashed, its time was up) or that ran no test counts as one failure.
"""
import concurrent.futures
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import results  # noqa: E402

SECONDS = 300
# cmocka writes a skipped test as `not ok N # SKIP name`.
LINE = re.compile(r"^(ok|not ok) \d+ (-|# SKIP) (\S+)")


def run(program):
    environment = dict(
        os.environ,
        CMOCKA_MESSAGE_OUTPUT="TAP",
        ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
        UBSAN_OPTIONS="print_stacktrace=1",
    )
    try:
        done = subprocess.run(
            [os.path.abspath(program)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output, status = late.stdout or b"", f"no end within {SECONDS} s"
    return output.decode(errors="replace"), status


def judge(name, output, status):
    """[(word, test)] of one program."""
    found = []
    for line in output.splitlines():
        match = LINE.match(line)
        if match:
            word = "skip" if match[2] != "-" else "pass" if match[1] == "ok" else "fail"
            found.append((word, f"{name}.{match[3]}"))
    if status != 0 and not any(word == "fail" for word, _ in found):
        found.append(("fail", f"{name} ended with {status}"))
    if not found:
        found.append(("fail", f"{name} ran no test"))
    return found


def main():
    out = results.Results(sys.argv[1], "unit")
    logs = os.path.join(sys.argv[1], "unit")
    os.makedirs(logs, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for program, (output, status) in zip(sys.argv[2:], pool.map(run, sys.argv[2:])):
            name = os.path.basename(program)
            with open(os.path.join(logs, name + ".log"), "w", encoding="utf-8") as log:
                log.write(output)
            judged = judge(name, output, status)
            for word, what in judged:
                test, _, why = what.partition(" ")
                out.add(word, test, why)
            if any(word == "fail" for word, _ in judged):
                print(output)
    sys.exit(out.finish())


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: ISC
"""fuzz.py [--runs N] [--seconds N] RESULTS NAME...: runs the libFuzzer programs one by one.

Starts each from tests/fuzz/corpus/NAME (kept in the tree, small) and build/fuzz/corpus/NAME
(what earlier runs found, where new inputs go). An input that breaks the program is written to
build/fuzz/found/NAME-*; the log names it and the seed. Without clang's fuzzer runtime all are
reported as skipped.
"""
import argparse
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import results  # noqa: E402

# Beyond the time asked for, what starting, loading a corpus and one slow input may take.
GRACE = 120


def fuzz(name, options, log):
    """None, or why it failed."""
    found = os.path.join(options.build, "fuzz", "found", name)
    fresh = os.path.join(options.build, "fuzz", "corpus", name)
    kept = os.path.join("tests", "fuzz", "corpus", name)
    os.makedirs(found, exist_ok=True)
    os.makedirs(fresh, exist_ok=True)
    command = [
        os.path.join(options.build, "fuzz", "bin", name),
        f"-runs={options.runs}",
        f"-max_total_time={options.seconds}",
        f"-artifact_prefix={found}/",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        fresh,
    ]
    command += [kept] if os.path.isdir(kept) else []
    limit = options.seconds + GRACE if options.seconds else None
    try:
        with open(log, "wb") as out:
            status = subprocess.call(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=limit
            )
    except subprocess.TimeoutExpired:
        return f"no end within {limit} s, see {log}"
    return None if status == 0 else f"ended with {status}, see {log}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--runs", type=int, default=1000000, help="inputs for each fuzzer")
    parser.add_argument("--seconds", type=int, default=0, help="at most so long each; 0: no limit")
    parser.add_argument("results")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    out = results.Results(options.results, "fuzz")
    for name in options.names:
        if not os.path.exists(os.path.join(options.build, "fuzz", "bin", name)):
            out.add("skip", name, "not built: clang's fuzzer runtime is missing")
            continue
        why = fuzz(name, options, os.path.join(options.results, f"fuzz-{name}.log"))
        out.add("fail" if why else "pass", name, why or "")
    sys.exit(out.finish())


if __name__ == "__main__":
    main()

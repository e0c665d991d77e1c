# SPDX-License-Identifier: ISC
"""tally.py FOLDER: counts all result files of a folder.

Names each failure, then ends with the line `N passed, N failed, N skipped`. The exit status is
1 when something failed, or when nothing passed at all: an empty run is no success.
"""
import glob
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import results  # noqa: E402


def main():
    counts = dict.fromkeys(results.WORDS, 0)
    for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.txt"))):
        stage = os.path.basename(path)[:-4]
        try:
            for word, name, why in results.read(path):
                counts[word] += 1
                if word == "fail":
                    print(f"FAILED {stage}: {name} {why}".rstrip())
        except ValueError as error:
            counts["fail"] += 1
            print(f"FAILED {error}")
    print(f"{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped")
    sys.exit(1 if counts["fail"] or not counts["pass"] else 0)


if __name__ == "__main__":
    main()

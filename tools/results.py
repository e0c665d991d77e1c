# SPDX-License-Identifier: ISC
"""Result files of the test stages: build/results/STAGE.txt, a line `pass|fail|skip NAME [why]`.

Every stage writes one through this module (the shell ones by echo), and tally.py reads them.
The file is started anew, and each line goes out at once, so that a stage that dies leaves what
it had.
"""
import os

WORDS = ("pass", "fail", "skip")


class Results:
    def __init__(self, folder, stage, quiet=False):
        os.makedirs(folder, exist_ok=True)
        self.file = open(os.path.join(folder, stage + ".txt"), "w", encoding="utf-8")
        self.counts = dict.fromkeys(WORDS, 0)
        self.quiet = quiet

    def add(self, word, name, why=""):
        self.counts[word] += 1
        line = " ".join(f"{word} {name.replace(' ', '_')} {why}".split())
        self.file.write(line + "\n")
        self.file.flush()
        if word != "pass" and not self.quiet:
            print("  " + line, flush=True)

    def finish(self):
        """One line for people; the stage's exit status."""
        self.file.close()
        if not self.quiet:
            counts = ", ".join(f"{self.counts[word]} {word}" for word in WORDS)
            print(f"  {os.path.basename(self.file.name)[:-4]}: {counts}", flush=True)
        return 1 if self.counts["fail"] else 0


def read(path):
    """[(word, name, why)]; a line of any other form is an error of the stage that wrote it."""
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            word, _, rest = line.strip().partition(" ")
            name, _, why = rest.partition(" ")
            if word not in WORDS or not name:
                raise ValueError(f"{path}: not a result: {line.strip()!r}")
            yield word, name, why

# SPDX-License-Identifier: ISC
"""check_shim.py SHIM.elf: fails unless the shim can be mapped anywhere just as it is.

That means: no relocations, no undefined symbols, no interpreter, no thread-local storage, no
needed library, and no segment both writable and executable.
"""
import subprocess
import sys


def readelf(option, path):
    return subprocess.check_output(["readelf", "-W", option, path], text=True).splitlines()


def complaints(path):
    for line in readelf("-r", path):
        if "R_X86_64_" in line:
            yield "relocation: " + line.strip()
    for line in readelf("-s", path):
        words = line.split()
        if len(words) == 8 and words[6] == "UND" and words[4] != "LOCAL":
            yield "undefined symbol: " + words[7]
    for line in readelf("-l", path):
        words = line.split()
        if words and words[0] in ("INTERP", "TLS"):
            yield "segment: " + words[0]
        if words and words[0] == "LOAD" and {"W", "E"} <= set("".join(words[6:-1])):
            yield "writable and executable segment: " + line.strip()
    for line in readelf("-d", path):
        if "(NEEDED)" in line:
            yield "library: " + line.strip()


def main():
    found = list(complaints(sys.argv[1]))
    if found:
        sys.exit("\n".join(f"{sys.argv[1]}: {what}" for what in found))


if __name__ == "__main__":
    main()

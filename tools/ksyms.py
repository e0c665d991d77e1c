# SPDX-License-Identifier: ISC
"""The kernel's table of function names, for backtraces.

    ksyms.py table KERNEL.elf OUT.S    writes the table as assembly
    ksyms.py check FIRST.elf FINAL.elf fails when a function's address differs between the two

The table is the section .ksyms, from the symbol ksyms_start to ksyms_end, little-endian:

    u32 count; u32 version (1);
    struct { u64 address; u32 name; u32 size; } [count], ascending by address;
    names, each ended by a zero byte; `name` counts bytes from ksyms_start

size is what the symbol table says, 0 for functions written in assembly without .size.
It reads the file itself: only ELF64, and only what is needed here.
"""
import struct
import sys

STT_NOTYPE, STT_FUNC = 0, 2
SHT_SYMTAB = 2
SHF_EXECINSTR = 4


def functions(path):
    """Sorted [(address, size, name)] of named symbols in executable sections."""
    with open(path, "rb") as file:
        elf = file.read()
    if elf[:5] != b"\x7fELF\x02":
        sys.exit(f"ksyms.py: {path} is no ELF64 file")
    offset, = struct.unpack_from("<Q", elf, 40)
    size, count = struct.unpack_from("<HH", elf, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, offset + i * size) for i in range(count)]
    found = {}
    for section in sections:
        if section[1] != SHT_SYMTAB:
            continue
        names = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], 24):
            name, info, _, index, value, length = struct.unpack_from("<IBBHQQ", elf, at)
            if info & 15 not in (STT_NOTYPE, STT_FUNC) or not 0 < index < count:
                continue
            if not sections[index][2] & SHF_EXECINSTR:
                continue
            end = elf.index(b"\0", names + name)
            text = elf[names + name : end].decode()
            if text and not text.startswith(".") and '"' not in text:
                # One name an address: a sized function before a bare label.
                found[value] = max(found.get(value, (0, "")), (length, text))
    return [(value, *found[value]) for value in sorted(found)]


def write_table(path, out):
    table = functions(path)
    if not table:
        sys.exit(f"ksyms.py: no functions in {path}")
    lines = [
        '\t.section .ksyms, "a"',
        "\t.balign 8",
        "\t.globl ksyms_start, ksyms_end",
        "ksyms_start:",
        f"\t.long {len(table)}, 1",
    ]
    offset = 8 + 16 * len(table)
    for value, size, name in table:
        lines.append(f"\t.quad {value:#x}\n\t.long {offset}, {min(size, 0xffffffff)}")
        offset += len(name) + 1
    lines += [f'\t.asciz "{name}"' for _, _, name in table]
    lines += ["ksyms_end:", '\t.section .note.GNU-stack, "", @progbits', ""]
    with open(out, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def check(first, final):
    if functions(first) != functions(final):
        sys.exit("ksyms.py: functions moved when the table came in: .ksyms must follow .text")


def main():
    verb, one, two = sys.argv[1:]
    {"table": write_table, "check": check}[verb](one, two)


if __name__ == "__main__":
    main()

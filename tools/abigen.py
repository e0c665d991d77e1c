# SPDX-License-Identifier: ISC
"""abigen: everything that follows from abi/calls.abi and abi/errors.abi.

    abigen.py ABI OUT [--docs DOCS] [--golden FILE] [--check]

ABI is the folder abi/ (or a file in it). Into OUT go C headers:
    syscall_numbers.h   SYS_name, SYSCALL_END
    syscalls.h          kernel: prototypes of the handlers
    dispatch.h          kernel: register-to-argument wrappers and the dense table
    sys_stubs.h         programs: one inline stub a call (not the `regs` calls: lib/sys/ipc.h)
    sys_table.h         SYS_TABLE(X): number, name, argument kinds
    errno.h             error numbers, as macros
    error_text.h        ABI_ERRORS(X): name, number, text
--docs writes DOCS/calls/*.md and DOCS/errors.md. --golden writes the flat text of the interface:
numbers, signatures, error numbers, constants, and the layout of each structure as the C compiler
sees it. With --check nothing is written: docs and golden text must be what is there already.

Not here: what a call does. The grammar is explained at the top of calls.abi.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

SCALARS = {"handle": "handle_t", "u32": "uint32_t", "u64": "uint64_t", "s32": "int32_t",
           "s64": "int64_t"}
KIND = {"handle": "h", "u32": "w", "s32": "w", "u64": "q", "s64": "q"}
REGISTERS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
KEYS = ("what", "rights", "owner", "errors", "gate", "notes")
BANNER = "/* SPDX-License-Identifier: ISC */\n/* Made by tools/abigen.py from %s: do not edit. */\n"


class Argument:
    """One argument: `handle h`, `u32 n`, `in S x`, `out S x`, `buf in`, `ref x`, `u64 w[6]`."""

    def __init__(self, text):
        words = text.split()
        self.text = " ".join(words)
        self.size = 0
        if words[0] in ("in", "out") and len(words) == 3:
            ctype = SCALARS.get(words[1], "struct " + words[1])
            self.user = ("const " if words[0] == "in" else "") + ctype + " *"
            self.kind = "i" if words[0] == "in" else "o"
        elif words[0] == "buf" and len(words) == 2 and words[1] in ("in", "out"):
            self.user = "const void *" if words[1] == "in" else "void *"
            self.kind = "i" if words[1] == "in" else "o"
        elif words[0] == "ref" and len(words) == 2:
            self.user, self.kind = "uint64_t *", "r"
        elif words[0] in SCALARS and len(words) == 2:
            self.user, self.kind = SCALARS[words[0]] + " ", KIND[words[0]]
        else:
            raise ValueError("bad argument: " + text)
        array = re.fullmatch(r"(\w+)\[(\d+)\]", words[-1])
        self.name = array.group(1) if array else words[-1]
        self.size = int(array.group(2)) if array else 0
        self.pointer = self.kind in "ior"
        self.kernel = "uaddr_t " if self.pointer else self.user


class Call:
    def __init__(self, number, name, regs, arguments, result):
        self.number, self.name, self.regs, self.result = number, name, regs, result
        self.arguments = [Argument(a) for a in arguments.split(",") if a.strip()]
        self.text = {}
        if not regs and len(self.arguments) > len(REGISTERS):
            raise ValueError(name + ": more than six arguments")

    @property
    def returns(self):
        """Does the stub ever come back? A noreturn call with errors comes back on failure."""
        return self.result != "noreturn" or "errors" in self.text

    @property
    def checked(self):
        """Must the result be looked at?"""
        plain = not any(a.pointer for a in self.arguments)
        return not (self.result == "0" and plain and not {"errors", "rights"} & self.text.keys())

    def signature(self):
        arguments = ", ".join(a.text for a in self.arguments)
        return "%s %s(%s) -> %s" % (self.name, "regs" if self.regs else "", arguments, self.result)

    def stub(self):
        arguments = ", ".join(a.user + a.name for a in self.arguments) or "void"
        return "%s sys_%s(%s)" % ("int64_t" if self.returns else "void", self.name, arguments)


def read_calls(path):
    calls, key = [], None
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip()
            if not line or line.startswith("#"):
                continue
            head = re.fullmatch(r"call (0x[0-9a-f]+) (\w+)( regs)?\((.*)\) -> (\w+)", line)
            entry = re.fullmatch(r"(\w+): +(.+)", line)
            if head:
                calls.append(Call(int(head[1], 16), head[2], bool(head[3]), head[4], head[5]))
            elif entry and calls and entry[1] in KEYS and entry[1] not in calls[-1].text:
                key = entry[1]
                calls[-1].text[key] = entry[2]
            else:
                raise ValueError("%s:%d: not understood: %s" % (path, number, line))
    numbers = [c.number for c in calls]
    if numbers != sorted(set(numbers)) or len({c.name for c in calls}) != len(calls):
        raise ValueError(path + ": numbers must ascend, numbers and names must be unique")
    for call in calls:
        if "what" not in call.text:
            raise ValueError(call.name + ": no `what:` line")
        if call.text.get("gate", "none") != "none":
            raise ValueError(call.name + ": `gate:` is none, or not said")
    return calls


def read_errors(path):
    errors = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, number, text = line.strip().split(" ", 2)
                errors.append((name, int(number), text))
    if len({e[0] for e in errors}) != len(errors) or len({e[1] for e in errors}) != len(errors):
        raise ValueError(path + ": a name or a number stands twice")
    return errors


# ---- headers ------------------------------------------------------------------------------------

def numbers_header(calls):
    out = [BANNER % "calls.abi", "#pragma once\n\n"]
    out += ["#define SYS_%s 0x%x\n" % (c.name, c.number) for c in calls]
    out.append("#define SYSCALL_END 0x%x /* one past the last number */\n" % (calls[-1].number + 1))
    return "".join(out)


def syscalls_header(calls):
    out = [BANNER % "calls.abi", "/*\n * Handlers of the system calls. A handler answers the value "
           "for rax, or SYSCALL_NO_RESULT\n * when the registers are set up already (parked, "
           "or gone). `regs` calls take and leave\n * everything in cur->regs. The kernel "
           "defines uaddr_t before this header.\n */\n#pragma once\n#include \"abi/types.h\"\n\n"
           "#define SYSCALL_NO_RESULT INT32_MIN /* below every result */\n\nstruct thread;\n\n"]
    for call in calls:
        if call.regs:
            out.append("void sys_%s(struct thread *cur);\n" % call.name)
            continue
        arguments = "".join(", " + a.kernel + a.name for a in call.arguments)
        out.append("int64_t sys_%s(struct thread *cur%s);\n" % (call.name, arguments))
    return "".join(out)


def wrapper(call):
    values = []
    for argument, register in zip(call.arguments, REGISTERS):
        value = "cur->regs." + register
        values.append("(uaddr_t){%s}" % value if argument.pointer
                      else "(%s)%s" % (argument.kernel.strip(), value))
    arguments = "".join(", " + v for v in values)
    if call.regs:
        return ("static int64_t call_%s(struct thread *cur)\n{\n"
                "\tsys_%s(cur);\n\treturn SYSCALL_NO_RESULT;\n}\n\n" % (call.name, call.name))
    return ("static int64_t call_%s(struct thread *cur)\n{\n"
            "\treturn sys_%s(cur%s);\n}\n\n" % (call.name, call.name, arguments))


def dispatch_header(calls):
    out = [BANNER % "calls.abi", "/*\n * From registers to handlers. For the one file that "
           "dispatches: needs the whole struct thread,\n * with `regs` (rax rdi rsi rdx r10 r8 r9). "
           "The table starts at SYSCALL_BASE; a gap answers -ENOSYS.\n */\n#pragma once\n"
           "#include \"syscalls.h\"\n#include \"syscall_numbers.h\"\n\n"
           "static int64_t call_none(struct thread *cur)\n{\n"
           "\t(void)cur;\n\treturn -ENOSYS;\n}\n\n"]
    out += [wrapper(c) for c in calls]
    rows = dict.fromkeys(range(calls[0].number & ~0xff, calls[-1].number), "\tcall_none,\n")
    rows.update((c.number, "\t[SYS_%s - SYSCALL_BASE] = call_%s,\n" % (c.name, c.name))
                for c in calls)
    out.append("int64_t (*const syscall_table[SYSCALL_END - SYSCALL_BASE])"
               "(struct thread *cur) = {\n")
    out += [rows[number] for number in sorted(rows)]
    out.append("};\n")
    return "".join(out)


SYSCALL_C = """
#define SYS_MUST __attribute__((warn_unused_result))

/*
 * The kernel keeps rbx, rbp, rsp and r12-r15; rcx and r11 are gone by the instruction itself, and
 * the six argument registers come back without meaning: each is an output or a clobber here.
 */
"""
CONSTRAINT = {"rdi": "D", "rsi": "S", "rdx": "d"}


def syscall_function(count):
    parameters = "".join(", uint64_t a%d" % i for i in range(count))
    lines = ["static inline int64_t syscall%d(uint64_t number%s)\n{\n" % (count, parameters)]
    outputs = ['"+a"(number)']
    for index in range(count):
        register = REGISTERS[index]
        if register in CONSTRAINT:
            outputs.append('"+%s"(a%d)' % (CONSTRAINT[register], index))
        else:
            lines.append('\tregister uint64_t %s __asm__("%s") = a%d;\n'
                         % (register, register, index))
            outputs.append('"+r"(%s)' % register)
    clobbers = ['"%s"' % r for r in ("rcx", "r11") + REGISTERS[count:] + ("memory",)]
    if count > 3:
        lines.append("\n")
    lines.append('\t__asm__ volatile("syscall"\n\t\t\t : %s\n\t\t\t :\n\t\t\t : %s);\n'
                 % (", ".join(outputs), ", ".join(clobbers)))
    lines.append("\treturn (int64_t)number;\n}\n\n")
    return "".join(lines)


def stub(call):
    values = []
    for a in call.arguments:
        values.append("(uint64_t)" + a.name if a.pointer or a.text[0] == "s" else a.name)
    inner = "syscall%d(%s)" % (len(values), ", ".join(["SYS_" + call.name] + values))
    if not call.returns:
        return ("_Noreturn static inline %s\n{\n\t(void)%s;\n\t__builtin_unreachable();\n}\n\n"
                % (call.stub(), inner))
    must = "SYS_MUST " if call.checked else ""
    return "%sstatic inline %s\n{\n\treturn %s;\n}\n\n" % (must, call.stub(), inner)


def stubs_header(calls):
    out = [BANNER % "calls.abi", "/* Stubs: a result >= 0 or -errno. One page a call: docs/calls. "
           "*/\n#pragma once\n#include \"abi/types.h\"\n#include \"syscall_numbers.h\"\n", SYSCALL_C]
    out += [syscall_function(n) for n in range(len(REGISTERS) + 1)]
    out += [stub(c) for c in calls if not c.regs]
    return "".join(out)


def table_header(calls):
    out = [BANNER % "calls.abi", "/*\n * X(number, name, kinds): kinds has a letter for each argument "
           "register: h handle, w 32 bits,\n * q 64 bits, i and o memory read and written, r both; "
           "\"*\" for a call with its own registers.\n */\n#pragma once\n\n#define SYS_TABLE(X)"]
    for call in calls:
        kinds = "*" if call.regs else "".join(a.kind for a in call.arguments)
        out.append(" \\\n\tX(0x%x, %s, \"%s\")" % (call.number, call.name, kinds))
    return "".join(out) + "\n"


def errno_header(errors):
    out = [BANNER % "errors.abi", "/* Linux's numbers: a libc's errno.h may be included too, and "
           "the compiler compares. */\n#pragma once\n\n"]
    out += ["#define %s %d\n" % e[:2] for e in errors]
    return "".join(out)


def text_header(errors):
    out = [BANNER % "errors.abi", "#pragma once\n\n#define ABI_ERRORS(X)"]
    out += [" \\\n\tX(%s, %d, \"%s\")" % e for e in errors]
    return "".join(out) + "\n"


# ---- pages --------------------------------------------------------------------------------------

def argument_row(argument):
    meaning = {"h": "handle", "w": "32 bits", "q": "64 bits", "i": "read by the kernel",
               "o": "written by the kernel", "r": "read and written by the kernel"}
    size = "[%d]" % argument.size if argument.size else ""
    return "| `%s` | `%s%s` | %s |\n" % (argument.name, argument.user.strip(), size,
                                         meaning[argument.kind])


def error_lines(call, errors):
    known = {e[0]: e[2] for e in errors}
    rows, extra = [], []
    kinds = "".join(a.kind for a in call.arguments)
    if "h" in kinds:
        rows.append(("EBADF", known["EBADF"]))
        if any(a.kind == "h" and a.name != "h" for a in call.arguments):
            rows.append(("EINVAL", "a handle of another object type"))
    if "rights" in call.text:
        rows.append(("EACCES", known["EACCES"]))
    if "h" in kinds and "gate" not in call.text:
        rows.append(("EPERM", "in capability mode, a handle without INSIDE"))
    if set(kinds) & set("ior"):
        rows.append(("EFAULT", known["EFAULT"]))
    if call.result == "handle":
        rows.append(("ENOMEM", known["ENOMEM"]))
        rows.append(("EMFILE", "the handle table, or `process_handles`, is full"))
        rows.append(("EDQUOT", "the silo's limit of handles"))
    for piece in call.text.get("errors", "").split(";"):
        name, _, why = piece.strip().partition(" ")
        if name in known:
            rows.append((name, why or known[name]))
        elif re.match(r"E[A-Z0-9]{3,}$", name):
            raise ValueError("%s: unknown error %s" % (call.name, name))
        elif piece.strip():
            extra.append(piece.strip())
    merged = {}
    for name, why in rows:
        merged[name] = merged[name] + "; " + why if name in merged else why
    return list(merged.items()), extra


def call_page(call, errors):
    own = "The registers are in `lib/sys/ipc.h`." if call.regs else "`#include \"sys/sys.h\"`"
    shown = call.signature() if call.regs else call.stub() + ";"
    out = ["# %s\n\n%s\n\n    %s\n\nNumber 0x%x. %s\n" % (call.name, call.text["what"], shown,
                                                         call.number, own)]
    if call.arguments:
        out.append("\n## Arguments\n\n| name | type | |\n|---|---|---|\n")
        out += [argument_row(a) for a in call.arguments]
    result = {"0": "0", "noreturn": "It does not return.",
              "word": "The word: one with bit 63 set looks like an error."}.get(
        call.result, "The %s, never negative." % call.result)
    if call.result == "noreturn" and call.returns:
        result = "It returns only when it failed."
    if call.regs:
        result = "rax is 0 or above; the other registers as in `lib/sys/ipc.h`."
    out.append("\n## Result\n\n%s On failure a negative errno.\n" % (
        result if result != "0" else "0.") if call.returns else "\n## Result\n\n%s\n" % result)
    for key, title in (("rights", "Rights"), ("owner", "Ownership")):
        if key in call.text:
            out.append("\n## %s\n\n%s\n" % (title, call.text[key]))
    rows, extra = error_lines(call, errors)
    if rows or extra:
        out.append("\n## Errors\n\n")
        if rows:
            out.append("| error | when |\n|---|---|\n")
            out += ["| `%s` | %s |\n" % row for row in rows]
        out += ["\n%s.\n" % (e[0].upper() + e[1:]) for e in extra]
    if "notes" in call.text:
        out.append("\n## Notes\n\n%s\n" % call.text["notes"])
    return "".join(out)


def pages(calls, errors):
    """{path below docs: text}"""
    index = ["# System calls\n\nMade by `tools/abigen.py` from `abi/calls.abi`, like the pages "
             "behind the names. Number in rax,\narguments in rdi rsi rdx r10 r8 r9, result in rax; "
             "rcx, r11 and the argument registers do not\nsurvive. A number outside the table enters "
             "the process's upcall entry (`docs/shim.md`).\n\n"
             "| number | call | |\n|---|---|---|\n"]
    made = {}
    for call in calls:
        made["calls/%s.md" % call.name] = call_page(call, errors)
        index.append("| 0x%x | [%s](%s.md) | %s |\n" % (call.number, call.name, call.name,
                                                       call.text["what"]))
    made["calls/README.md"] = "".join(index)
    table = "".join("| `%s` | %d | %s |\n" % e for e in errors)
    made["errors.md"] = ("# Errors\n\nMade by `tools/abigen.py` from `abi/errors.abi`. Numbers are "
                         "Linux's, everywhere: kernel, libraries,\n9P2000.L.\n\n"
                         "| name | number | meaning |\n|---|---|---|\n" + table)
    return made


# ---- golden text --------------------------------------------------------------------------------

def parse_header(text):
    """Names of integer constants, and {struct: [field, ...]}."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    constants = re.findall(r"^#define[ \t]+(\w+)[ \t]+\S", text, flags=re.M)
    for body in re.findall(r"^enum \w+ \{(.*?)\};", text, flags=re.S | re.M):
        constants += re.findall(r"(\w+)\s*(?:=[^,}]*)?(?:,|$)", body.strip())
    structs = {}
    for name, body in re.findall(r"^struct (\w+) \{(.*?)\};", text, flags=re.S | re.M):
        fields = []
        for statement in body.split(";"):
            if statement.strip():
                declared = re.sub(r"^\s*(struct\s+)?\w+\s+", "", statement)
                fields += re.findall(r"(\w+)\s*(?:\[[^]]*\])?\s*(?:,|$)", declared)
        structs[name] = fields
    return constants, structs


def probe(abi, headers):
    """Let the C compiler say values, sizes and offsets."""
    lines = ["#include <stdio.h>\n#include <stddef.h>\n"]
    body = []
    for header in headers:
        with open(os.path.join(abi, header), encoding="utf-8") as source:
            constants, structs = parse_header(source.read())
        lines.append('#include "%s"\n' % os.path.abspath(os.path.join(abi, header)))
        body += ['\tprintf("value %s 0x%%llx\\n", (unsigned long long)(%s));\n' % (c, c)
                 for c in constants]
        for name, fields in structs.items():
            body.append('\tprintf("struct %s %%zu\\n", sizeof(struct %s));\n' % (name, name))
            body += ['\tprintf("field %s.%s %%zu %%zu\\n", offsetof(struct %s, %s), '
                     'sizeof(((struct %s *)0)->%s));\n' % (name, f, name, f, name, f)
                     for f in fields]
    lines += ["int main(void)\n{\n", *body, "\treturn 0;\n}\n"]
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "probe.c"), os.path.join(folder, "probe")
        with open(source, "w", encoding="utf-8") as out:
            out.write("".join(lines))
        subprocess.run(["gcc", "-I", os.path.dirname(os.path.abspath(abi)), "-o", program, source],
                       check=True)
        return subprocess.run([program], check=True, capture_output=True, text=True).stdout


def golden(abi, calls, errors):
    out = ["# The interface in flat text. A line that changes is a change of the interface:\n"
           "# new lines are fine, changed or vanished ones break programs. Made by tools/abigen.py.\n"]
    out += ["call 0x%x %s\n" % (c.number, c.signature()) for c in calls]
    out += ["error %s %d\n" % e[:2] for e in errors]
    out.append(probe(abi, ["types.h", "bootstrap.h"]))
    return "".join(out)


# ---- files --------------------------------------------------------------------------------------

def write(path, text):
    """Only when it differs: what depends on it need not be built again."""
    try:
        with open(path, encoding="utf-8") as old:
            if old.read() == text:
                return
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def differs(path, text):
    try:
        with open(path, encoding="utf-8") as old:
            return old.read() != text
    except FileNotFoundError:
        return True


def stale_pages(docs, made):
    folder = os.path.join(docs, "calls")
    present = os.listdir(folder) if os.path.isdir(folder) else []
    return [os.path.join(folder, p) for p in sorted(present)
            if p.endswith(".md") and "calls/" + p not in made]


def main():
    parser = argparse.ArgumentParser(description="Headers, pages and golden text of the interface.")
    parser.add_argument("abi", nargs="?", default="abi")
    parser.add_argument("out", nargs="?")
    parser.add_argument("--docs")
    parser.add_argument("--golden")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    if args.check:
        args.docs, args.golden = args.docs or "docs", args.golden or "abi/golden.txt"
    abi = args.abi if os.path.isdir(args.abi) else os.path.dirname(args.abi)
    calls = read_calls(os.path.join(abi, "calls.abi"))
    errors = read_errors(os.path.join(abi, "errors.abi"))
    made = pages(calls, errors)
    wanted = {os.path.join(args.docs, p): text for p, text in made.items()} if args.docs else {}
    if args.golden:
        wanted[args.golden] = golden(abi, calls, errors)
    if args.check:
        bad = [p for p, text in wanted.items() if differs(p, text)] + stale_pages(args.docs, made)
        if bad:
            sys.exit("the interface has drifted from: %s\n(if that is meant: "
                     "tools/abigen.py abi --docs docs --golden abi/golden.txt)" % " ".join(bad))
        return
    for path, text in wanted.items():
        write(path, text)
    for path in stale_pages(args.docs, made) if args.docs else []:
        os.remove(path)
    if args.out:
        for name, text in (("syscall_numbers.h", numbers_header(calls)),
                           ("syscalls.h", syscalls_header(calls)),
                           ("dispatch.h", dispatch_header(calls)),
                           ("sys_stubs.h", stubs_header(calls)), ("sys_table.h", table_header(calls)),
                           ("errno.h", errno_header(errors)), ("error_text.h", text_header(errors))):
            write(os.path.join(args.out, name), text)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit("abigen.py: %s" % error)

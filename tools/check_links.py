#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""check_links.py [TOP]: every relative link in the tree's Markdown pages must lead somewhere.

A link is `[text](target)` outside code. The target's file must exist, and, if it has an anchor, a
Markdown target must have a heading that makes this anchor (by GitHub's rule). Addresses with a
scheme are not looked at. Also: every page below docs/ must be reached by links from README.md; a
link to a folder leads to all of its pages.
Ends with status 1 and a line for each fault.
"""
import os
import re
import sys

SKIP = {"build", ".git", "third_party", "corpus"}
LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^()\s]+)\)")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def pages(top):
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if name not in SKIP)
        for name in sorted(files):
            if name.endswith(".md"):
                yield os.path.normpath(os.path.join(folder, name))


def prose(path):
    """(line number, line) without code blocks and code spans."""
    fenced = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.lstrip().startswith("```"):
                fenced = not fenced
            elif not fenced and not line.startswith(("    ", "\t")):
                yield number, line


def anchors(path):
    found = {}
    for _, line in prose(path):
        match = re.match(r"#{1,6}\s+(.*?)\s*#*$", line)
        if not match:
            continue
        text = re.sub(r"\]\([^)]*\)", "", match[1]).lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        count = found.get(anchor, 0)
        found[anchor] = count + 1
        if count:
            found[f"{anchor}-{count}"] = 1
    return found


def links(path):
    """(line number, target) of the relative links of a page."""
    for number, line in prose(path):
        for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if not SCHEME.match(target):
                yield number, target


def check(top):
    faults, leads_to = [], {}
    for page in pages(top):
        leads_to[page] = set()
        for number, target in links(page):
            name, _, anchor = target.partition("#")
            aim = os.path.normpath(os.path.join(os.path.dirname(page), name)) if name else page
            if not os.path.exists(aim):
                faults.append(f"{page}:{number}: {target}: no such file")
            elif anchor and aim.endswith(".md") and anchor not in anchors(aim):
                faults.append(f"{page}:{number}: {target}: no such heading")
            if os.path.isdir(aim):
                leads_to[page].update(other for other in pages(aim))
            leads_to[page].add(aim)
    reached, todo = set(), [os.path.normpath(os.path.join(top, "README.md"))]
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            todo += leads_to.get(page, ())
    docs = os.path.normpath(os.path.join(top, "docs")) + os.sep
    lost = sorted(page for page in leads_to if page.startswith(docs) and page not in reached)
    return faults + [f"{page}: no page leads here" for page in lost]


def main():
    faults = check(sys.argv[1] if len(sys.argv) > 1 else ".")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

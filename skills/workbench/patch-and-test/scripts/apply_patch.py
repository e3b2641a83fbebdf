"""Applies a unified diff whose lines have moved since: each hunk is looked for in the whole file, spaces forgiven.

    python3 apply_patch.py CHANGE.patch [--folder .] [--dry-run]

A hunk that fits nowhere, or in two places, is told with its text and left out; the exit code is then 1. Others are applied.
A hunk whose result is there already is told as such.
"""

import argparse
import os
import re
import sys

HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


def parsed(text):
    """(path, [(line, old, new)]) of each file."""
    files, hunk = [], None
    for line in text.splitlines():
        if line.startswith("--- "):
            hunk = None
        elif line.startswith("+++ "):
            path = line[4:].split("\t")[0].strip()
            files.append((re.sub(r"^b/", "", path), []))
        elif m := HUNK.match(line):
            hunk = (int(m[1]), [], [])
            files[-1][1].append(hunk)
        elif hunk is not None and not line.startswith("\\"):
            sign, rest = line[:1] or " ", line[1:]
            if sign in " -":
                hunk[1].append(rest)
            if sign in " +":
                hunk[2].append(rest)
    return files


def places(lines, wanted, same):
    return [n for n in range(len(lines) - len(wanted) + 1) if all(map(same, lines[n : n + len(wanted)], wanted))]


def fitted(lines, hunk):
    """Where the hunk goes and with how many lines of context cut, or why not."""
    line, old, new = hunk
    for same in (str.__eq__, lambda a, b: " ".join(a.split()) == " ".join(b.split())):
        for cut in range(3):
            head, tail = min(cut, common(old, new)), min(cut, common(old[::-1], new[::-1]))
            part, to = old[head : len(old) - tail], new[head : len(new) - tail]
            if not part:
                continue
            found = places(lines, part, same)
            near = [n for n in found if abs(n - (line - 1 + head)) <= 3]
            if len(found) == 1 or len(near) == 1:
                return (near or found)[0], part, to
            if found:
                return f"fits in {len(found)} places (lines {', '.join(str(n + 1) for n in found)})"
    if len(places(lines, new, str.__eq__)) == 1:
        return "is there already"
    return "fits nowhere"


def common(a, b):
    n = 0
    while n < min(len(a), len(b)) and a[n] == b[n]:
        n += 1
    return n


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patch")
    parser.add_argument("--folder", default=".")
    parser.add_argument("--dry-run", action="store_true")
    args = parser.parse_args()
    with open(args.patch, encoding="utf-8") as file:
        files = parsed(file.read())
    if not any(hunks for _, hunks in files):
        sys.exit(f"{args.patch}: there is no hunk in it")
    left = 0
    for name, hunks in files:
        path = os.path.join(args.folder, name)
        lines = open(path, encoding="utf-8").read().splitlines() if os.path.exists(path) else []
        for number, hunk in enumerate(hunks, 1):
            if not hunk[1] and not lines:
                lines = list(hunk[2])
                print(f"{name} hunk {number}: a new file")
                continue
            found = fitted(lines, hunk)
            if isinstance(found, str):
                left += found != "is there already"
                print(
                    f"{name} hunk {number}: {found}",
                    *(f"    - {x}" for x in hunk[1] if x not in hunk[2]),
                    *(f"    + {x}" for x in hunk[2] if x not in hunk[1]),
                    sep="\n",
                )
                continue
            at, old, new = found
            lines[at : at + len(old)] = new
            print(f"{name} hunk {number}: applied at line {at + 1} (was {hunk[0]})")
        if not args.dry_run:
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    try:
        main()
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"cannot be applied: {error}")

"""What kinds of lines there are: numbers, ids, addresses and quoted parts are masked, what is left is counted.

    python3 groups.py events.jsonl [--top 30] [--level ERROR] [--match REGEX] [--by REGEX] [--value REGEX] [--json]

Reads what timeline.py wrote, or any text file. An event with a stack trace is known by its root: the first exception of
the chain. --by: group by what the pattern's first bracket finds. --value: a pattern whose first bracket is a number and
whose second, if there is one, its unit (us, ms, s, m): count, p50, p95, p99 (nearest rank) and maximum, in milliseconds
where there is a unit.
"""

import argparse
import json
import math
import os
import re
import sys

MASKS = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.I), "<uuid>"),
    (re.compile(r"(::ffff:)?\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b", re.I), "<ip>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,}\b", re.I), "<hex>"),
    (re.compile(r"\"[^\"]*\"|'[^']*'"), "<quoted>"),
    (re.compile(r"\d+(\.\d+)?"), "<n>"),
)
EXCEPTION = re.compile(r"(?:Caused by: )?([A-Za-z_][\w.]*)(?:: |:?$)")  # no frame of a trace begins at the margin
MS = {"us": 0.001, "\u00b5s": 0.001, "ms": 1, "s": 1000, "m": 60_000}


def read(path):
    with sys.stdin if path == "-" else open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                event = json.loads(line)
                yield event if isinstance(event, dict) and "text" in event else {"text": line.rstrip("\n")}
            except ValueError:
                yield {"text": line.rstrip("\n")}


def root_of(event):
    """The exception that began it: the first of a Python chain, the last "Caused by" of a Java one."""
    found = [m[1] for line in event.get("more") or () if (m := EXCEPTION.match(line.rstrip()))]
    if not found:
        return None
    java = any(line.strip().startswith("Caused by:") for line in event["more"])
    return found[-1] if java else found[0]


def shape(text):
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return text


def rank(values, share):
    return values[max(0, math.ceil(share * len(values)) - 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("--top", type=int, default=30)
    for name in ("--level", "--match", "--by", "--value"):
        parser.add_argument(name)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    groups = {}
    for event in read(args.events):
        text = event["text"]
        if args.level and event.get("level") != args.level.upper() or args.match and not re.search(args.match, text):
            continue
        if args.by:
            if not (m := re.search(args.by, text)):
                continue
            key = m[1]
        else:
            key = f"root {root}" if (root := root_of(event)) else shape(text)
        group = groups.setdefault(
            key, {"count": 0, "first": event.get("time"), "last": None, "example": text, "values": []}
        )
        group["count"] += 1
        group["last"] = event.get("time")
        if args.value and (m := re.search(args.value, text)):
            unit = m[2] if m.re.groups > 1 else None
            group["values"].append(float(m[1]) * (MS[unit] if unit else 1))
    for key, group in sorted(groups.items(), key=lambda pair: -pair[1]["count"])[: args.top]:
        values = sorted(group.pop("values"))
        if values:
            group |= {"p50": rank(values, 0.5), "p95": rank(values, 0.95), "p99": rank(values, 0.99), "max": values[-1]}
        if args.json:
            print(json.dumps({"group": key} | group, ensure_ascii=False))
        else:
            figures = " ".join(f"{name} {group[name]:g}" for name in ("p50", "p95", "p99", "max") if name in group)
            print(f"{group['count']:6} {key}  [{group['first'] or ''} .. {group['last'] or ''}] {figures}".rstrip())


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
    except (OSError, re.error) as error:
        sys.exit(f"cannot be grouped: {error}")

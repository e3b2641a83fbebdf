"""Bursts: which keys have at least N events within S seconds, and when the first such window begins and ends.

    python3 windows.py events.jsonl --match REGEX --by REGEX --count N --seconds S

Reads what timeline.py wrote. The first bracket of --by is the key. Two events are in one window when they are less than
S seconds apart; `complete` is the time of the event that made it N. One JSON object a line, in order of `complete`.
"""

import argparse
import datetime
import json
import re
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("--match", default="")
    parser.add_argument("--by", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    args = parser.parse_args()
    times = {}
    with open(args.events, encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            if re.search(args.match, event["text"]) and (m := re.search(args.by, event["text"])):
                times.setdefault(m[1], []).append(event["time"])
    found = []
    for key, stamps in times.items():
        moments = [datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")) for stamp in stamps]
        for first in range(len(moments) - args.count + 1):
            last = first + args.count - 1
            if (moments[last] - moments[first]).total_seconds() < args.seconds:
                found.append(
                    {
                        "key": key,
                        "events": len(stamps),
                        "begins": stamps[first],
                        "complete": stamps[last],
                        "last": stamps[-1],
                    }
                )
                break
    for one in sorted(found, key=lambda one: one["complete"]):
        print(json.dumps(one))


if __name__ == "__main__":
    try:
        main()
    except (OSError, re.error, ValueError, TypeError, KeyError) as error:
        sys.exit(f"cannot be read; make events.jsonl with timeline.py first: {error}")

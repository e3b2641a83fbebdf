"""One timeline out of many logs: every event once, in UTC, in order, with the lines that belong to it.

    python3 timeline.py FILE… [--zone +02:00] [--zone FILE=+02:00]… [--year 2025] > events.jsonl

Reads ISO times, access logs, syslog, epoch seconds or milliseconds, JSON lines, and .gz. Each line of the output is
{"time", "file", "line", "level", "text", "more", "fields"}: `more` holds the lines without a time of their own that
follow (stack traces), `fields` the object of a JSON line. Name rotated files oldest first: what a file repeats from the
end of the one before it is left out. "message repeated N times" becomes N events.
--zone: of times that name none (default UTC). --year: of syslog's first line (a month that goes back begins a new year).
What was assumed is told on standard error.
"""

import argparse
import datetime
import gzip
import json
import os
import re
import sys

MONTHS = {name: n for n, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
ISO = re.compile(r"\[?(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?\]?")
ACCESS = re.compile(r"\S+ \S+ \S+ \[(\d\d)/(\w{3})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})\]")
SYSLOG = re.compile(r"(\w{3}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)")
EPOCH = re.compile(r"\[?(1\d{9})(\d{3})?(?:\.(\d{1,9}))?\]?(?=\s|$)")
LEVEL = re.compile(r"\b(TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b", re.IGNORECASE)
REPEATED = re.compile(r"message repeated (\d+) times: \[ ?(.*?)\]$")
KEYS = ("time", "ts", "timestamp", "@timestamp", "t", "date")
UTC = datetime.timezone.utc


class Reader:
    """Reads the times of one file."""

    def __init__(self, zone, year):
        self.zone, self.year, self.month, self.assumed = zone, year, 0, set()

    def time_of(self, line):
        """The time in UTC and where the rest of the line begins; None: the line has none, or no such day exists."""
        try:
            return self.found(line)
        except ValueError:
            return None

    def found(self, line):
        if m := ISO.match(line):
            return self.iso(m), m.end()
        if m := ACCESS.match(line):
            day, month, year, *clock, zone = m.groups()
            return self.at(year, MONTHS[month], day, *clock, zone=zone), 0
        if (m := SYSLOG.match(line)) and m[1] in MONTHS:
            month = MONTHS[m[1]]
            if month < self.month:
                self.year += 1
            self.month = month
            self.assumed.add(f"year {self.year}")
            return self.at(self.year, month, *m.groups()[1:]), m.end()
        if m := EPOCH.match(line):
            return epoch(float(f"{m[1]}.{m[2] or m[3] or 0}")), m.end()
        return None

    def iso(self, m):
        year, month, day, hour, minute, second, part, zone = m.groups()
        return self.at(year, month, day, hour, minute, second, part, zone)

    def at(self, year, month, day, hour, minute, second, part=None, zone=None):
        if zone is None:
            self.assumed.add(f"zone {self.zone}")
        micro = int((part or "0")[:6].ljust(6, "0"))
        parts = map(int, (year, month, day, hour, minute, second))
        return datetime.datetime(*parts, micro, tzinfo=offset(zone or self.zone)).astimezone(UTC)

    def of_object(self, fields):
        for key in KEYS:
            value = fields.get(key)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return epoch(value / 1000 if value > 1e11 else value)
            if isinstance(value, str) and (when := self.time_of(value)):
                return when[0]
        return None


def epoch(seconds):
    return datetime.datetime.fromtimestamp(round(seconds, 6), UTC)


def offset(zone):
    if zone == "Z":
        return UTC
    m = re.fullmatch(r"([+-])(\d\d):?(\d\d)", zone)
    if not m:
        sys.exit(f"--zone {zone}: write it as +02:00")
    minutes = int(m[2]) * 60 + int(m[3])
    return datetime.timezone(datetime.timedelta(minutes=minutes if m[1] == "+" else -minutes))


def lines_of(path):
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rb") as file:
        return file.read().decode("utf-8", "replace").splitlines()


def events_of(path, lines, reader):
    """The events of one file; a line without a time belongs to the event before it."""
    last = None
    for place, line in enumerate(lines, 1):
        fields, found = {}, reader.time_of(line)
        if line.startswith("{"):
            try:
                fields = json.loads(line)
            except ValueError:
                fields = {}
            found = (when, 0) if fields and (when := reader.of_object(fields)) else None
        if found is None:
            if last is not None and line.strip():
                last["more"].append(line)
            continue
        when, end = found
        text = line[end:].strip()
        level = str(fields.get("level", "")).upper() or (m[1].upper() if (m := LEVEL.search(text)) else "")
        last = {
            "time": when,
            "file": str(path),
            "line": place,
            "level": level,
            "text": text,
            "more": [],
            "fields": fields,
        }
        m = REPEATED.search(text)
        for _ in range(int(m[1]) if m else 1):
            if m:
                last = dict(last, text=text[: m.start()] + m[2], more=[])
            yield last


def seam(before, lines):
    """How many of the first lines repeat the last ones of the file before."""
    for n in range(min(len(before), len(lines)), 0, -1):
        if before[-n:] == lines[:n]:
            return n
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--zone", action="append", default=[])
    parser.add_argument("--year", type=int, default=datetime.date.today().year)
    args = parser.parse_args()
    zones = dict(zone.rsplit("=", 1) for zone in args.zone if "=" in zone)
    zone = next((zone for zone in args.zone if "=" not in zone), "Z")
    events, before = [], []
    year = args.year
    for path in args.files:
        lines, reader = lines_of(path), Reader(zones.get(path, zone), year)
        again = seam(before, lines)
        found = list(events_of(path, lines[again:], reader))
        for event in found:
            event["line"] += again
        year = max(year, reader.year)
        assumed = f"; assumed {', '.join(sorted(reader.assumed))}" if reader.assumed else ""
        seen = (
            f", {min(e['time'] for e in found):%Y-%m-%d %H:%M:%S} to {max(e['time'] for e in found):%H:%M:%S} UTC"
            if found
            else ""
        )
        left = f", {again} lines repeated from the file before left out" if again else ""
        more = sum(len(event["more"]) for event in found)
        print(
            f"{path}: {len(lines)} lines, {len(found)} events, {more} lines belong to others{seen}{left}{assumed}",
            file=sys.stderr,
        )
        events += found
        before = lines
    events.sort(key=lambda event: event["time"])  # stable: lines of one time keep their order
    for event in events:
        when = event["time"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
        print(json.dumps(dict(event, time=when), ensure_ascii=False))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
    except (OSError, EOFError) as error:
        sys.exit(f"cannot be read: {error}")

#!/bin/bash
set -e
python3 - <<'PY'
import csv, gzip, math, re
US = {"us": 1, "ms": 1_000, "s": 1_000_000}
lines = []
for name in ("access.log.2.gz", "access.log.1", "access.log"):
    with (gzip.open if name.endswith(".gz") else open)(name, "rt") as file:
        new = file.read().splitlines()
    again = next((n for n in range(len(new), 0, -1) if lines[-n:] == new[:n]), 0)
    lines += new[again:]
times = {}
for line in lines:
    method, path, status, number, unit = re.search(r'"(\S+) ([^\s?]+)\S* \S+" (\d+) \d+ ([\d.]+)(us|ms|s)$', line).groups()
    if path == "/health" or 300 <= int(status) < 400:
        continue
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    parts = ["{id}" if re.fullmatch(rf"\d+|{uuid}|[0-9a-f]{{8,}}", part) else part for part in path.split("/")]
    times.setdefault(f"{method} {'/'.join(parts)}", []).append(float(number) * US[unit] / 1000)
slow = sorted(((sorted(t)[math.ceil(0.95 * len(t)) - 1], len(t), e) for e, t in times.items()), reverse=True)[:3]
with open("slow.csv", "w", newline="") as file:
    csv.writer(file).writerows([["endpoint", "requests", "p95_ms"], *([e, n, f"{p:.1f}"] for p, n, e in slow)])
PY

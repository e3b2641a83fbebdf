#!/bin/bash
set -e
python3 - <<'PY'
import datetime, json, re
UTC = datetime.timezone.utc
failures, bad, paid = [], set(), set()

def note(time, log, number, failed):
    if failed:
        failures.append((time, log))
        bad.add(number)

for line in open("logs/app.log"):
    m = re.match(r"(\S+ \S+),\d+ (\w+) \S+ (?:checkout|payment for) (r\d+) (.*)", line)
    if m:
        note(datetime.datetime.fromisoformat(m[1]).replace(tzinfo=UTC), "app", m[3], m[2] == "ERROR")
        if m[4] == "paid":
            paid.add(m[3])
for line in open("logs/proxy.log"):
    m = re.search(r'\[(.*?)\] "POST /checkout\?request=(r\d+) \S+" (\d+)', line)
    if m:
        note(datetime.datetime.strptime(m[1], "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC), "proxy", m[2], int(m[3]) >= 500)
for line in open("logs/gateway.log"):
    m = re.match(r"(\w+ +\d+ [\d:]+) .*: (r\d+) (.*)", line)
    time = datetime.datetime.strptime("2025 " + m[1], "%Y %b %d %H:%M:%S") - datetime.timedelta(hours=2)
    note(time.replace(tzinfo=UTC), "gateway", m[2], "timed out" in m[3] or "refused" in m[3])
failures.sort()
when = lambda failure: failure[0].strftime("%Y-%m-%dT%H:%M:%SZ")
json.dump({
    "first_failure": when(failures[0]), "last_failure": when(failures[-1]), "reported_first_by": failures[0][1],
    "failed": len(bad - paid), "recovered": len(bad & paid),
}, open("outage.json", "w"))
PY

#!/bin/bash
set -e
python3 - <<'PY'
import csv, datetime, re
SECOND = datetime.timedelta(seconds=1)
year, month, failures, logins = 2024, 12, {}, []
for line in open("auth.log"):
    stamp, text = line[:15], line.split("]: ", 1)[1]
    time = datetime.datetime.strptime(f"{year} {stamp}", "%Y %b %d %H:%M:%S")
    if time.month < month:
        year += 1
        time = time.replace(year=year)
    month = time.month
    time -= datetime.timedelta(hours=1)
    times = int(m[1]) if (m := re.match(r"message repeated (\d+) times", text)) else 1
    m = re.search(r"(Failed|Accepted) \w+ for (?:invalid user )?(\w+) from (?:::ffff:)?([\d.]+)", text)
    if m and m[1] == "Failed":
        failures.setdefault(m[3], []).extend([time] * times)
    elif m:
        logins.append((time, m[2], m[3]))
rows = {}
for login, user, address in logins:
    found = failures.get(address, [])
    bursts = [(a, b) for a, b in zip(found, found[4:]) if b - a < 60 * SECOND]
    if address not in rows and any(SECOND * 0 <= login - b <= 600 * SECOND for _, b in bursts):
        rows[address] = [address, f"{bursts[0][0].isoformat()}Z", user, f"{login.isoformat()}Z"]
with open("suspects.csv", "w", newline="") as file:
    csv.writer(file).writerows([["address", "first_failure", "user", "login"], *sorted(rows.values(), key=lambda r: r[3])])
PY

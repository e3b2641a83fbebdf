#!/bin/bash
set -e
python3 - <<'PY'
import csv, datetime, re
ORDER = {"Leeds": "dmy", "Boston": "mdy", "Osaka": "ymd"}
with open("deliveries.csv", newline="") as file:
    header, *rows = csv.reader(file)
for row in rows:
    parts = re.findall(r"\d+", row[2])
    if len(parts) == 3:
        at = dict(zip(ORDER[row[1]], map(int, parts)))
        year = at["y"] + 2000 if at["y"] < 100 else at["y"]
        row[2] = datetime.date(year, at["m"], at["d"]).isoformat()
    elif len(parts) == 1:
        row[2] = (datetime.date(1899, 12, 30) + datetime.timedelta(int(parts[0]))).isoformat()
    else:
        row[2] = ""
with open("deliveries-iso.csv", "w", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows([header, *rows])
PY

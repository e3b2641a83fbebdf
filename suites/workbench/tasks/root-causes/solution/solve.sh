#!/bin/bash
set -e
python3 - <<'PY'
import datetime, json, re
causes, event = {}, None
for line in open("service.log"):
    m = re.match(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\.\d+ (\w+)", line)
    if m:
        event = m if m[2] == "ERROR" else None
        continue
    m = re.match(r"([A-Za-z_][\w.]*): ", line)
    if event and m:
        time = datetime.datetime.fromisoformat(event[1]) - datetime.timedelta(hours=1)
        one = causes.setdefault(m[1], {"exception": m[1], "count": 0, "first": f"{time.isoformat()}Z"})
        one["count"] += 1
        event = None
json.dump(sorted(causes.values(), key=lambda one: (-one["count"], one["exception"])), open("causes.json", "w"))
PY

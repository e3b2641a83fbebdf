#!/bin/bash
set -e
python3 - <<'PY'
import csv, datetime, json
UTC = datetime.timezone.utc
events = {}
for name in ("collector-1.jsonl", "collector-2.jsonl"):
    for line in open(name):
        event = json.loads(line)
        ts = event["ts"]
        if isinstance(ts, str):
            seconds = datetime.datetime.fromisoformat(ts.replace("Z", "+00:00")).timestamp()
        else:
            seconds = ts / 1000 if ts > 1e11 else ts
        if event["event"] != "heartbeat":
            events[event["id"]] = (event["user"], seconds)
sessions = []
for user, seconds in sorted(events.values()):
    if sessions and sessions[-1][0] == user and seconds - sessions[-1][2] <= 1800:
        sessions[-1][2:] = [seconds, sessions[-1][3] + 1]
    else:
        sessions.append([user, seconds, seconds, 1])
show = lambda s: datetime.datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
with open("sessions.csv", "w", newline="") as file:
    csv.writer(file).writerows([["user", "start", "end", "events"], *([u, show(a), show(b), n] for u, a, b, n in sessions)])
PY

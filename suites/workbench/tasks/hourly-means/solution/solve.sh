#!/bin/bash
set -e
python3 - <<'PY'
import csv, json
readings = {}
with open("readings.csv", newline="") as file:
    for row in csv.DictReader(file):
        readings[row["time"], row["sensor"]] = (row["value"], row["unit"])
found = {}
for (time, sensor), (value, unit) in readings.items():
    hour = found.setdefault(sensor, {}).setdefault(time[:13].replace(" ", "T"), [])
    if value in {"", "ERR", "NaN"} or float(value) < -900:
        continue
    hour.append(float(value) if unit == "C" else (float(value) - 32) * 5 / 9)
means = {s: {h: sum(v) / len(v) if len(v) > 3 else None for h, v in hours.items()} for s, hours in found.items()}
json.dump(means, open("hourly.json", "w"))
PY

#!/bin/bash
set -e
python3 - <<'PY'
import csv, re
BLANK = {"", "n/a", "-", "unknown"}
with open("contacts.csv", newline="") as file:
    rows = [{k: "" if v.strip() in BLANK else v.strip() for k, v in row.items()} for row in csv.DictReader(file)]
for row in rows:
    digits = re.sub(r"\D", "", row["phone"].replace("(0)", ""))
    row["phone"] = "+44" + re.sub(r"^(0044|44|0)", "", digits) if digits else ""
    row["email"] = row["email"].lower()
groups = []
for row in rows:
    keys = {row["email"], row["phone"]} - {""}
    touching = [group for group in groups if group[0] & keys]
    groups = [group for group in groups if not group[0] & keys]
    groups.append((keys.union(*(g[0] for g in touching)), [row] + [r for g in touching for r in g[1]]))
people = []
for _, group in groups:
    group.sort(key=lambda row: row["created"])
    first = lambda name: next((row[name] for row in group if row[name]), "")
    people.append([group[0]["created"], group[0]["name"], first("email"), first("phone"), first("city")])
with open("people.csv", "w", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows([["created", "name", "email", "phone", "city"], *sorted(people)])
PY

#!/bin/bash
set -e
python3 - <<'PY'
import csv, json, unicodedata
from decimal import Decimal

def key(name):
    visible = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c) != "Cf")
    return " ".join(visible.split()).casefold()

names = {key(line): line.strip() for line in open("customers.txt", encoding="utf-8") if line.strip()}
found = {name: {"invoices": 0, "total": Decimal(0), "unpriced": []} for name in names.values()}
seen = set()
with open("invoices.csv", encoding="utf-8", newline="") as file:
    for number, customer, status, amount in list(csv.reader(file, delimiter=";"))[1:]:
        if number in seen or status == "storniert":
            continue
        seen.add(number)
        one = found[names[key(customer)]]
        one["invoices"] += 1
        digits = "".join(c for c in amount if c.isdigit() or c == ",").replace(",", ".")
        if digits:
            one["total"] += Decimal(digits) * (-1 if "(" in amount or "-" in amount else 1)
        else:
            one["unpriced"].append(number)
for one in found.values():
    one["total"] = f"{one['total']:.2f}"
    one["unpriced"].sort()
json.dump(found, open("totals.json", "w", encoding="utf-8"), ensure_ascii=False)
PY

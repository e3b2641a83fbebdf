#!/bin/bash
set -e
python3 - <<'PY'
import csv

def rows(name, encoding, delimiter):
    with open(f"exports/{name}", encoding=encoding, newline="") as file:
        yield from list(csv.reader(file, delimiter=delimiter))[1:]

orders = {}
for number, customer, day, amount in rows("north.csv", "cp1252", ";"):
    d, m, y = day.split(".")
    orders[number] = (customer, f"{y}-{m}-{d}", amount.replace(".", "").replace(",", "."))
for number, customer, day, amount in rows("south.csv", "utf-8-sig", ","):
    m, d, y = day.split("/")
    orders[number] = (customer, f"{y}-{m}-{d}", amount.replace(",", ""))
for number, customer, day, amount in rows("west.tsv", "utf-16", "\t"):
    orders[number] = (customer, day, amount)
with open("orders.csv", "w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["order_id", "customer", "date", "amount"])
    for number, (customer, day, amount) in sorted(orders.items()):
        writer.writerow([number, " ".join(customer.split()), day, amount])
PY

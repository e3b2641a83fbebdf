#!/bin/bash
set -e
cat > ledger/statement.py <<'PY'
"""Statements of the bank."""

import csv
import io
from decimal import Decimal


def read_statement(text):
    """The entries in the order of the text, as {"date", "payee", "cents", "currency"}.

    `payee` has single spaces, also for a line break. `cents` is exact: "-120.50" is -12050, "1,234.50" is 123450, "7" is 700.
    """
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row and not row[0].startswith("#")]
    return [
        {
            "date": date,
            "payee": " ".join(payee.split()),
            "cents": int(Decimal(amount.replace(",", "")) * 100),
            "currency": currency,
        }
        for date, payee, amount, currency in rows[1:]
    ]


def by_month(entries, months=None):
    """The sum of cents by month, such as {"2025-03": -12050}, in the order of time. `entries` may be in any order."""
    found = dict(months or {})
    for entry in entries:
        month = entry["date"][:7]
        found[month] = found.get(month, 0) + entry["cents"]
    return dict(sorted(found.items()))


def balances(entries, opening=0):
    """The balance after each entry, in the order of their dates; entries of one day keep theirs. The argument stays."""
    found = []
    for entry in sorted(entries, key=lambda entry: entry["date"]):
        opening += entry["cents"]
        found.append(opening)
    return found


def largest(entries, count=3):
    """The `count` entries with the largest amounts, whether paid or received, the largest first; equal ones by date."""
    return sorted(entries, key=lambda entry: (-abs(entry["cents"]), entry["date"]))[:count]
PY

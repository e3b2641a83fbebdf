"""Statements of the bank."""

from decimal import Decimal


def read_statement(text):
    """The entries in the order of the text, as {"date", "payee", "cents", "currency"}.

    `payee` has single spaces, also for a line break. `cents` is exact: "-120.50" is -12050, "1,234.50" is 123450, "7" is 700.
    """
    entries = []
    for line in text.split("\n")[1:]:
        date, payee, amount, currency = line.split(",")
        entries.append({"date": date, "payee": payee, "cents": int(float(amount) * 100), "currency": currency})
    return entries


def by_month(entries, months={}):
    """The sum of cents by month, such as {"2025-03": -12050}, in the order of time. `entries` may be in any order."""
    for entry in entries:
        month = entry["date"][:7]
        months[month] = months.get(month, 0) + entry["cents"]
    return months


def balances(entries, opening=0):
    """The balance after each entry, in the order of their dates; entries of one day keep theirs. The argument stays."""
    entries.sort(key=lambda entry: (entry["date"], entry["cents"]))
    found = []
    for entry in entries:
        opening += entry["cents"]
        found.append(opening)
    return found


def largest(entries, count=3):
    """The `count` entries with the largest amounts, whether paid or received, the largest first; equal ones by date."""
    return sorted(entries, key=lambda entry: entry["cents"])[-count:]

"""The bodies of the demo's skills: the domains' tables with the prose around them."""

from domains import DOMAINS, ORDER_FIELDS

TABLES = {document.name: document.table for domain in DOMAINS.values() for document in domain.documents}


def _table(head: tuple[str, str], name: str) -> str:
    rows = [head, ("---", "---"), *TABLES[name].items()]
    return "\n".join(f"| {k} | {v} |" for k, v in rows)


def _list(name: str, separator: str) -> str:
    return _rows(TABLES[name], separator)


def _rows(table: dict[str, str], separator: str) -> str:
    return "\n".join(f"- {k}{separator}{v}" for k, v in table.items())


def _grouped(name: str, separator: str) -> str:
    """The words of each label in a row, labels in the order in which the table first has them."""
    words: dict[str, list[str]] = {}
    for word, label in TABLES[name].items():
        words.setdefault(label, []).append(word)
    return _rows({label: ", ".join(of) for label, of in words.items()}, separator)


BODIES = {
    "ticket-routing": f"""\
# Ticket routing

## When to use

Each customer ticket mentions one code. The queue depends only on this code.

## Steps

1. Find the code in the request.
2. Look it up in the table.
3. Answer with its queue, nothing else.

## Table

{_table(("code", "queue"), "ticket-routing")}

## Notes

- Names and places in the request do not matter.
- Do not explain.
""",
    "call-routing": f"""\
# Call routing

Answer with the queue of the code, nothing else.

{_list("call-routing", " goes to ")}
""",
    "part-codes": f"""\
# Part codes

Every part has one code. Write the code of each part in the same order.

## List

{_list("part-codes", ": ")}
""",
    "tool-codes": f"""\
# Tool codes

Look up the tools in the table and answer with the codes only.

{_table(("tool", "code"), "tool-codes")}
""",
    "claim-check": f"""\
# Claim check

## Steps

Read the request, find the item, write the colour from the list and the colour in the claim. \
Then answer SUPPORT, REFUTE or, if the item is not in the list, NOINFO.

## List

{_list("claim-check", " = ")}

The list is complete.
""",
    "report-check": f"""\
# Report check

Find the item, write its colour and the colour in the report, then SUPPORT or REFUTE. \
If the item is not in the table, answer NOINFO.

{_table(("item", "colour"), "report-check")}
""",
    "contract-clauses": f"""\
# Contract clauses

Find the word in the clause and answer with its label.

## Rules

{_grouped("contract-clauses", ": ")}

Answer in one line.
""",
    "policy-clauses": f"""\
# Policy clauses

Look up the word in the list below and answer with its label.

{_grouped("policy-clauses", " - ")}
""",
    "order-extraction": f"""\
# Order extraction

Read the order and write JSON with these fields.

{_rows(dict(ORDER_FIELDS), ": ")}

Item codes:
{_list("order-extraction", ": ")}
""",
    "delivery-extraction": f"""\
# Delivery extraction

Read the delivery and write JSON with these fields.

{_rows(dict(ORDER_FIELDS), " -> ")}

## Item codes
{_table(("item", "code"), "delivery-extraction")}
""",
    "unit-prices": f"""\
# Unit prices

The table gives the price for each item. Answer with the unit price of the item, nothing else.

## List

{_list("unit-prices", " -> ")}

- Ask Vera for changes.
""",
    "set-prices": f"""\
# Set prices

Every item has one price. Answer with the set price only.

{_list("set-prices", ": ")}
""",
}

DISTRACTORS = {
    "shift-plan": (
        "Use when a shift must be planned for the next week.",
        """\
# Shift plan

Answer with the day on which the person works.

## List

- Alice: Monday
- Bruno: Tuesday
- Carla: Wednesday
- David: Thursday
- Elena: Friday
""",
    ),
    "garden-notes": (
        "How to care for the garden of the office.",
        """\
# Garden notes

Answer with the day on which the plant gets water.

## List

- fern: Monday
- moss: Friday
- ivy: Tuesday
- cactus: Sunday
- rose: Thursday
""",
    ),
}
"""Skills of no suite, with their descriptions: the catalogue names them, so that opening is a choice."""

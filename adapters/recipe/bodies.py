"""The bodies of the demo's skills: the domains' tables with the prose around them."""

from domains import CLAIM, CLAUSES, ORDER, ORDER_FIELDS, PART, PRICE, TICKET


def _table(head: tuple[str, str], table: dict[str, str]) -> str:
    rows = [head, ("---", "---"), *table.items()]
    return "\n".join(f"| {k} | {v} |" for k, v in rows)


def _list(table: dict[str, str], separator: str) -> str:
    return "\n".join(f"- {k}{separator}{v}" for k, v in table.items())


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

{_table(("code", "queue"), TICKET)}

## Notes

- Names and places in the request do not matter.
- Do not explain.
""",
    "part-codes": f"""\
# Part codes

Every part has one code. Write the code of each part in the same order.

## List

{_list(PART, ": ")}
""",
    "claim-check": f"""\
# Claim check

## Steps

Read the request, find the item, write the colour from the list and the colour in the claim. \
Then answer SUPPORT, REFUTE or, if the item is not in the list, NOINFO.

## List

{_list(CLAIM, " = ")}

The list is complete.
""",
    "contract-clauses": f"""\
# Contract clauses

Find the word in the clause and answer with its label.

## Rules

{_list({label: ", ".join(words) for label, words in CLAUSES.items()}, ": ")}

Answer in one line.
""",
    "order-extraction": f"""\
# Order extraction

Read the order and write JSON with these fields.

{_list(dict(ORDER_FIELDS), ": ")}

City codes:
{_list(ORDER, ": ")}
""",
    "unit-prices": f"""\
# Unit prices

The table gives the price for each item. Answer with the unit price of the item, nothing else.

## List

{_list(PRICE, " -> ")}

- Ask Vera for changes.
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

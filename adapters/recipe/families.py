"""Families of tasks: ``make`` draws a random document and remembers its contents, ``ask`` draws a question about it.

Pre-training sees random documents only. The demo's domains (``domains.py``) are instances of the same families whose
contents are never trained on.
"""

import random
from typing import Protocol

from documents import Pairs, body, rows
from lexicon import (
    ATTRIBUTES,
    CITIES,
    COLOURS,
    DAYS,
    JSON_KEYS,
    LABELS,
    NAMES,
    NOUNS,
    PARTIES,
    QUEUES,
    UNITS,
    WORDS,
    code,
    distinct,
    fill,
    filler,
    noun,
)
from wordings import ANY, all_wordings

WORDINGS = all_wordings()


class Asked(Protocol):
    """What questions can be asked about."""

    def ask(self, r: random.Random) -> tuple[str, str]:
        """A question, and its answer."""


class Family(Asked, Protocol):
    """What all families can do."""

    def make(self, r: random.Random, n: int, rich: int) -> str:
        """The body of a new random document of about ``n`` rows."""

    @property
    def keys(self) -> set[str]:
        """What is looked up in the document."""


class Tabled:
    """A family whose documents are one table."""

    table: dict[str, str]

    @property
    def keys(self) -> set[str]:
        """The table's."""
        return {*self.table}


LOOSE = 0.4
"""The share of questions about rich documents whose wording is drawn at random, so that no wording has to be known."""


def loose(r: random.Random, parts: list[str]) -> str:
    """``parts`` in their order, with names, places, days, numbers and random words before, between and behind them."""
    others = [
        r.choice(NAMES),
        f"{r.choice(['in', 'from', 'to', 'for'])} {r.choice(CITIES)}",
        f"{r.choice(['on', 'by', 'of', 'since'])} {r.choice(DAYS)}",
        filler(r, 1, 3),
        filler(r, 1, 4),
    ]
    pieces = list(parts)
    for other in r.sample(others, r.choice([0, 1, 1, 2, 2, 3])):
        pieces.insert(r.randint(0, len(pieces)), other)
    text = pieces[0]
    for piece in pieces[1:]:
        text += r.choice([" ", " ", " ", ", ", ": "]) + piece
    text = text[0].upper() + text[1:] if not parts[0].startswith(text[0]) and r.random() < 0.6 else text
    return text + r.choice([".", ".", "?", ""])


def _about(r: random.Random, family: str, key: str, rich: int) -> str:
    """A question in the family's own wordings, in a general one, or in one made of random words."""
    if rich and r.random() < LOOSE:
        if r.random() < 0.4:
            return fill(r, r.choice(ANY), k=key, f=filler(r, 1, 4), g=filler(r, 1, 4))
        return loose(r, [f"{r.choice(['', 'the ', 'of ', 'for ', 'one '])}{key}"])
    return fill(r, r.choice(WORDINGS[family]), k=key)


class Route(Tabled):
    """Many keys, few answers."""

    def make(self, r: random.Random, n: int, rich: int) -> str:
        """A table from codes or words to queues."""
        keys = distinct((lambda: code(r)) if r.random() < 0.6 else (lambda: noun(r)), n)
        queues = r.sample(QUEUES if r.random() < 0.5 else NOUNS + WORDS, r.randint(3, 8))
        self.table, self.rich = {k: r.choice(queues) for k in keys}, rich
        return body(r, rows(r, list(self.table.items()), ("code", "queue"), rich=rich > 0), "code", "queue", rich)

    def ask(self, r: random.Random) -> tuple[str, str]:
        """One key's queue."""
        key = r.choice(list(self.table))
        return _about(r, "route", key, self.rich), self.table[key]


class Encode(Tabled):
    """Several look-ups in one answer."""

    def make(self, r: random.Random, n: int, rich: int) -> str:
        """A table from words to codes or other words."""
        keys = distinct(lambda: noun(r), n)
        values = distinct((lambda: code(r)) if r.random() < 0.6 else (lambda: noun(r)), n)
        pairs = list(zip(keys, values, strict=True))
        if r.random() < 0.15:
            pairs = [(v, k) for k, v in pairs]
        self.table, self.rich = dict(pairs), rich
        return body(r, rows(r, pairs, ("part", "code"), rich=rich > 0), "part", "code", rich)

    def ask(self, r: random.Random) -> tuple[str, str]:
        """The values of one to three keys, in their order."""
        keys = [r.choice(list(self.table)) for _ in range(r.choice([1, 2, 2, 2, 3]))]
        return _about(r, "encode", " ".join(keys), self.rich), " ".join(self.table[k] for k in keys)


class Price(Tabled):
    """Answers of several tokens."""

    def make(self, r: random.Random, n: int, rich: int) -> str:
        """A table from items to prices such as ``37 per box``."""
        units = r.sample(UNITS, r.randint(2, 5)) if r.random() < 0.6 else [noun(r) for _ in range(4)]
        joint = r.choice([" per ", " per ", " a ", " for a ", " "])
        two = r.random() < 0.7

        def price() -> str:
            return f"{r.choice('123456789') if two else ''}{r.choice('0123456789')}{joint}{r.choice(units)}"

        self.table, self.rich = {k: price() for k in distinct(lambda: noun(r), n)}, rich
        return body(r, rows(r, list(self.table.items()), ("item", "price"), rich=rich > 0), "item", "price", rich)

    def ask(self, r: random.Random) -> tuple[str, str]:
        """One item's price."""
        key = r.choice(list(self.table))
        return _about(r, "price", key, self.rich), self.table[key]


class Verify(Tabled):
    """Look up, then compare: the answer quotes the evidence and then judges it."""

    def make(self, r: random.Random, n: int, rich: int) -> str:
        """A table from items to values of one attribute."""
        self.attribute = r.choice(ATTRIBUTES) if r.random() < 0.7 else "colour"
        keys = distinct((lambda: code(r)) if r.random() < 0.3 else (lambda: noun(r)), n)
        self.values = COLOURS if r.random() < 0.5 else r.sample(NOUNS + WORDS, 10)
        keys = [k for k in keys if k not in self.values] or ["lamp"]
        self.table, self.rich = {k: r.choice(self.values) for k in keys}, rich
        table = rows(r, list(self.table.items()), ("item", self.attribute), rich=rich > 0)
        return body(r, table, "item", self.attribute, rich)

    def ask(self, r: random.Random) -> tuple[str, str]:
        """A claim, and ``true value, claimed value: label``; an item that is not in the table has no value."""
        label = r.choices(["SUPPORT", "REFUTE", "NOINFO"], [4, 4, 2])[0]
        key = r.choice(list(self.table))
        while label == "NOINFO" and (key in self.table or key in self.values):
            key = noun(r)
        true = self.table.get(key, "none")
        value = true if label == "SUPPORT" else r.choice([v for v in self.values if v != true])
        answer = f"{true}, {value}: {label}"
        if self.rich and r.random() < LOOSE:
            between = r.choice(["", "is ", "in ", f"{self.attribute} ", f"has {self.attribute} ", "as "])
            return loose(r, [key, f"{between}{value}"]), answer
        return fill(r, r.choice(WORDINGS["verify"]), a=self.attribute, k=key, v=value), answer


class Clause(Tabled):
    """Grouped rows: one label, several words."""

    def make(self, r: random.Random, n: int, rich: int) -> str:
        """Labels with the words that belong to them."""
        groups = r.randint(3, max(3, min(8, n * 2 // 3 + 1)))
        labels = r.sample(LABELS if r.random() < 0.5 else NOUNS, groups)
        pool = [w for w in (NOUNS if r.random() < 0.5 else NOUNS + WORDS) if w not in labels and w not in PARTIES]
        words = iter(r.sample(pool, groups * 6))
        easy = r.random() < 0.5
        members = [
            (label, [next(words) for _ in range(r.choice([1, 1, 2, 3, 4]) if easy else r.randint(2, 6))])
            for label in labels
        ]
        self.table, self.rich = {w: label for label, ws in members for w in ws}, rich
        return body(r, _grouped(r, members, rich), "clause", "label", rich)

    def ask(self, r: random.Random) -> tuple[str, str]:
        """The label of one word."""
        key = r.choice(list(self.table))
        x, y = r.sample(PARTIES, 2)
        if self.rich and r.random() < LOOSE:
            parts = [key, *(f"the {party}" for party in (x, y)[: r.randint(0, 2)])]
            return loose(r, r.sample(parts, len(parts))), self.table[key]
        return fill(r, r.choice(WORDINGS["clause"]), w=key, x=x, y=y), self.table[key]


def _grouped(r: random.Random, members: list[tuple[str, list[str]]], rich: int) -> str:
    """Grouped rows in one of five formats."""
    form = r.random()
    joined = [(label, ", ".join(words)) for label, words in members]
    if form < 0.35:
        return "".join(f"- {a}: {b}\n" for a, b in joined)
    if form < 0.55:
        top = "| label | words |\n| --- | --- |\n" if rich else ""
        return top + "".join(f"| {a} | {b} |\n" for a, b in joined)
    if form < 0.7:
        return "".join(f"- {b} -> {a}\n" for a, b in joined)
    if form < 0.85:
        return "".join(f"- **{a}** - {b}\n" for a, b in joined)
    return "".join(f"## {a}\n{b}\n" for a, b in joined)


def order_json(fields: Pairs, values: dict[str, str]) -> str:
    """The answer to an order: ``fields`` are (what, key) in the document's order."""
    return "{" + ", ".join(f'"{key}": "{values[what]}"' for what, key in fields) + "}"


class Extract:
    """JSON out, with up to one nested table for the city and one for the item."""

    def make(self, r: random.Random, n: int, rich: int) -> str:
        """A table of fields, and codes for cities or items."""
        wanted = r.sample(["item", "count", "city", "name", "day"], r.randint(1, min(4, 2 + n // 4)))
        self.rich = rich
        self.fields = list(zip(wanted, r.sample(JSON_KEYS if r.random() < 0.6 else NOUNS, len(wanted)), strict=True))
        self.codes: dict[str, dict[str, str]] = {}
        if "city" in wanted and r.random() < 0.55 and n >= 3:
            self.codes["city"] = {c: code(r) for c in r.sample(CITIES, min(n, 20))}
        if "item" in wanted and r.random() < 0.5 and n >= 4 and "city" not in self.codes:
            values = [code(r) if r.random() < 0.5 else noun(r) for _ in range(n)]
            self.codes["item"] = dict(zip(distinct(lambda: noun(r), n), values, strict=True))
        text = rows(r, self.fields, ("field", "key"), rich=rich > 0)
        for what, table in self.codes.items():
            heads = [f"Write the {what} as its code:\n", f"{what.capitalize()} codes:\n", f"## {what} codes\n"]
            text += r.choice(["", "\n"]) + r.choice(heads)
            text += rows(r, list(table.items()), (what, "code"), rich=rich > 0)
        return body(r, text, "order", "JSON", rich)

    @property
    def keys(self) -> set[str]:
        """The cities and items that have codes."""
        return {key for table in self.codes.values() for key in table}

    def ask(self, r: random.Random) -> tuple[str, str]:
        """An order in words, and its JSON."""
        city = r.choice(list(self.codes.get("city", CITIES)))
        item = r.choice(list(self.codes["item"])) if "item" in self.codes else noun(r)
        plain = {"item": item, "count": str(r.randint(2, 9)), "city": city, "name": r.choice(NAMES)}
        plain["day"] = r.choice(DAYS)
        question = order_question(r.choice(WORDINGS["extract"]), plain)
        if self.rich and r.random() < LOOSE:
            question = _loose_order(r, plain)
        coded = {what: self.codes.get(what, {}).get(value, value) for what, value in plain.items()}
        return question, order_json(self.fields, coded)


def _loose_order(r: random.Random, values: dict[str, str]) -> str:
    parts = [
        f"{values['count']} {values['item']}",
        f"{r.choice(['in ', 'to ', 'from ', 'for ', ''])}{values['city']}",
        f"{r.choice(['on ', 'by ', 'for ', 'of ', ''])}{values['day']}",
        f"{r.choice(['for ', 'by ', 'to ', ''])}{values['name']}",
    ]
    parts += [filler(r, 1, 3) for _ in range(r.randint(0, 2))]
    text = r.choice([" ", " ", ", "]).join(r.sample(parts, len(parts)))
    return text + r.choice([".", ".", ""])


def order_question(form: str, values: dict[str, str]) -> str:
    """An order in words."""
    return form.format(n=values["name"], c=values["city"], i=values["count"], w=values["item"], d=values["day"])


class KeyValue(Tabled):
    """Bare keys asked, or the other way round: the dense signal from which looking up emerges."""

    LONG = 0.3
    """Share of documents whose values have several tokens."""
    MANY = 0.35
    """Share of documents whose questions name several keys."""

    def make(self, r: random.Random, n: int, rich: int) -> str:
        """A table of different keys and different values."""
        keys = distinct((lambda: code(r)) if r.random() < 0.3 else (lambda: noun(r)), 2 * n)
        kind, hard = r.random(), n > 4
        if kind < 0.25:
            values = distinct(lambda: code(r), n)
        elif hard and kind < 0.25 + self.LONG:
            form = r.choice(
                [lambda: f"{r.randint(1, 99)} per {r.choice(UNITS)}", lambda: f"{r.choice(COLOURS)} {noun(r)}"]
            )
            values = distinct(form, n)
        else:
            values = distinct(lambda: noun(r), n)
        pairs = list(zip([k for k in keys if k not in values][:n], values, strict=False))
        self.table = dict(pairs)
        self.reverse, self.many = r.random() < 0.25, hard and r.random() < self.MANY
        return body(r, rows(r, pairs, ("key", "value"), rich=rich > 0), "key", "value", rich)

    def ask(self, r: random.Random) -> tuple[str, str]:
        """One key and its value, or several of each, or the value and its key."""
        keys = [r.choice(list(self.table)) for _ in range(r.choice([1, 2, 2, 3]) if self.many else 1)]
        question, answer = " ".join(keys), " ".join(self.table[k] for k in keys)
        return (answer, question) if self.reverse else (question, answer)


class General:
    """What the worker can do before tuning: small operations on the text itself."""

    OPERATIONS = ("copy", "reverse", "sort", "add", "last", "first", "count", "same")

    def make(self, r: random.Random, n: int, rich: int) -> str:
        """No document."""
        del r, n, rich
        return ""

    def ask(self, r: random.Random) -> tuple[str, str]:
        """One operation and its result."""
        operation = r.choice(self.OPERATIONS)
        if operation == "add":
            a, b = r.randint(0, 9), r.randint(0, 9)
            return f"add: {a} + {b}", str(a + b)
        if operation == "sort":
            digits = r.sample("0123456789", r.randint(3, 5))
            return "sort: " + " ".join(digits), " ".join(sorted(digits))
        if operation == "same":
            a = noun(r)
            b = a if r.random() < 0.5 else noun(r)
            return f"same: {a}, {b}", "yes" if a == b else "no"
        words = r.sample(NOUNS, r.randint(2, 5))
        text = " ".join(words)
        results = {"copy": text, "reverse": " ".join(words[::-1]), "last": words[-1], "first": words[0]}
        return f"{operation}: {text}", results.get(operation, str(len(words)))


class Guess:
    """Questions without their document: the answer can only be of the right kind."""

    def make(self, r: random.Random, n: int, rich: int) -> str:
        """No document is shown."""
        del r, n, rich
        return ""

    def ask(self, r: random.Random) -> tuple[str, str]:
        """A question of any family, and an answer of its kind."""
        family = FAMILIES[r.choice(list(FAMILIES))]()
        family.make(r, 8, 0)
        if isinstance(family, Route):
            family.table = {k: r.choice(QUEUES) for k in family.table}
        if isinstance(family, Clause):
            family.table = {k: r.choice(LABELS) for k in family.table}
        return family.ask(r)


FAMILIES: dict[str, type[Family]] = {
    "route": Route,
    "encode": Encode,
    "price": Price,
    "verify": Verify,
    "clause": Clause,
    "extract": Extract,
}
MIX = {"route": 2, "encode": 4.5, "price": 2, "verify": 1.8, "clause": 2, "extract": 4.5}
"""How often each is drawn; what is hardest to learn is drawn most."""

"""The demo's fixed domains: six narrow ones, each with two skills, and a general one that measures forgetting.

Their tables are drawn once from a seed, and pre-training never sees them. Each domain has two documents of different
topics that share no key. A key is *new* when it was added to the rules after the adapter was tuned: it stands in
SKILL.md, at a random place, but in no training line. How many keys are new was decided before any test result was seen;
it is what makes a domain favour the tuned worker (few new keys) or the model that reads (many).

No key is both in dev and in test. Training lines are of the keys that are not new, in wordings of their own.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

from families import General, loose, order_json, order_question
from lexicon import CITIES, COLOURS, DAYS, NAMES, NOUNS, PARTIES, UNITS, code, distinct, fill
from wordings import JUDGED, TOPICS, TUNED

_R = random.Random(20262)
Pair = tuple[str, ...]
"""The keys that one question asks about."""
Question = tuple[str, object, str]
"""Text, reference, the whole answer."""
DEV_SHARE = 1 / 3
"""The share of a document's keys that dev asks about; test asks about the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One skill: its table, and which of its keys are new."""

    name: str
    topic: str
    description: str
    """What the catalogue shows."""
    table: dict[str, str]
    new: frozenset[str]
    asked: dict[str, list[Pair]]
    """By split what its questions ask about. In train any of its old keys may stand together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One narrow domain: its documents, what its questions look like, and how its suite says so."""

    family: str
    documents: tuple[Document, ...]
    ask: Callable[[random.Random, str, Document, Pair, str], Question]
    about: str
    """The suite's description."""
    grader: object = "exact"
    labels: tuple[str, ...] = ()
    """The closed labels, where the answers are such."""


def _document(
    name: str, topic: str, description: str, table: dict[str, str], *, new: int, together: int = 1
) -> Document:
    """A document whose rows stand in random order, so that no place tells which are new, and who asks about which."""
    rows = dict(_R.sample(list(table.items()), len(table)))
    fresh = frozenset(_R.sample(list(rows), new))
    old = [key for key in rows if key not in fresh]
    dev = {*_R.sample(old, round(len(old) * DEV_SHARE)), *_R.sample(sorted(fresh), round(new * DEV_SHARE))}
    asked = {"train": [(key,) for key in old]}
    for split, keys in (("dev", [k for k in rows if k in dev]), ("test", [k for k in rows if k not in dev])):
        mixed = _R.sample(keys, len(keys) // together * together)
        asked[split] = [tuple(mixed[i : i + together]) for i in range(0, len(mixed), together)]
    return Document(name=name, topic=topic, description=description, table=rows, new=fresh, asked=asked)


def _documents(family: str, said: tuple[tuple[str, str], tuple[str, str]], tables: tuple[dict[str, str], ...], *,
               new: int, together: int = 1) -> tuple[Document, ...]:  # fmt: skip
    """A domain's two, by name and description."""
    return tuple(
        _document(name, topic, description, table, new=new, together=together)
        for (name, description), topic, table in zip(said, TOPICS[family], tables, strict=True)
    )


def _halves(keys: list[str], values: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    half = len(keys) // 2
    return dict(zip(keys[:half], values[:half], strict=True)), dict(zip(keys[half:], values[half:], strict=True))


def _codes(n: int) -> list[str]:
    return distinct(lambda: code(_R), n)


QUEUES = ["billing", "network", "hardware", "returns", "legal", "repairs"]
COLOURED = COLOURS[:8]
LABELS = {
    "contract": {
        "liability": ["failure", "problem", "cause", "wrong", "broken"],
        "privacy": ["private", "email", "record", "person", "protected"],
        "termination": ["stop", "close", "exit", "end", "terminate"],
        "renewal": ["extend", "again", "continue", "year", "restore"],
        "payment": ["charge", "account", "coin", "wallet", "purse"],
        "audit": ["report", "check", "verify", "log", "summary"],
    },
    "policy": {
        "notice": ["inform", "message", "letter", "tell", "mail"],
        "transfer": ["move", "give", "send", "change", "pass"],
        "insurance": ["cover", "safe", "helmet", "fault", "lock"],
        "penalty": ["fine", "rule", "law", "limit", "break"],
        "dispute": ["question", "issue", "case", "against", "reason"],
        "access": ["open", "key", "user", "password", "door"],
    },
}
VERDICTS = ("SUPPORT", "REFUTE", "NOINFO")
ORDER_FIELDS = [("item", "sku"), ("count", "qty")]

_TAKEN = {*UNITS, *COLOURS, *(topic for topics in TOPICS.values() for topic in topics)}
_TAKEN |= {word for labels in LABELS.values() for words in labels.values() for word in words}
_WORDS = [word for word in NOUNS if word not in _TAKEN]
_PARTS, _CLAIMED, _ORDERED, _PRICED = (_R.sample(_WORDS, n) for n in (64, 76, 60, 60))
CLAIM_ABSENT = {"dev": _CLAIMED[60:65], "test": _CLAIMED[65:76], "train": _CLAIMED[61:73]}
"""Items of no list: what a verdict NOINFO is asked about. Four of sixteen are new."""
ABSENT_NEW = {*CLAIM_ABSENT["dev"], *CLAIM_ABSENT["test"]} - {*CLAIM_ABSENT["train"]}


def _route(r: random.Random, form: str, of: Document, keys: Pair, _label: str) -> Question:
    return fill(r, form, t=of.topic, k=keys[0]), of.table[keys[0]], of.table[keys[0]]


def _encode(r: random.Random, form: str, of: Document, keys: Pair, _label: str) -> Question:
    chosen = r.sample(keys, 2)
    answer = " ".join(of.table[key] for key in chosen)
    return fill(r, form, t=of.topic, k=" ".join(chosen)), answer, answer


def _verify(r: random.Random, form: str, of: Document, keys: Pair, label: str) -> Question:
    true = of.table.get(keys[0], "none")
    value = true if label == "SUPPORT" else r.choice([c for c in COLOURED if c != true])
    return fill(r, form, t=of.topic, a="colour", k=keys[0], v=value), label, f"{true}, {value}: {label}"


def _clause(r: random.Random, form: str, of: Document, keys: Pair, _label: str) -> Question:
    x, y = r.sample(PARTIES, 2)
    return fill(r, form, t=of.topic, w=keys[0], x=x, y=y), of.table[keys[0]], of.table[keys[0]]


def _extract(r: random.Random, form: str, of: Document, keys: Pair, _label: str) -> Question:
    values = {"item": keys[0], "city": r.choice(CITIES), "count": str(r.randint(2, 9))}
    values |= {"name": r.choice(NAMES), "day": r.choice(DAYS)}
    coded = values | {"item": of.table[keys[0]]}
    reference = {key: coded[what] for what, key in ORDER_FIELDS}
    return order_question(form.replace("{t}", of.topic), values), reference, order_json(ORDER_FIELDS, coded)


def _price(r: random.Random, form: str, of: Document, keys: Pair, _label: str) -> Question:
    return fill(r, form, t=of.topic, k=keys[0]), of.table[keys[0]], of.table[keys[0]]


def _price_of(_: str) -> str:
    return f"{_R.randint(11, 99)} per {_R.choice(['box', 'bag', 'kilo', 'dozen', 'pair', 'pack'])}"


def _in_turn(values: list[str], n: int) -> list[str]:
    return [values[i % len(values)] for i in range(n)]


DOMAINS = {
    "ticket-routing": Domain(
        family="route", ask=_route, labels=tuple(QUEUES), grader={"name": "label", "labels": QUEUES},
        about="Which queue a support ticket or a call goes to.",
        documents=_documents("route", (
            ("ticket-routing",
             "Use when a support ticket must go to the right queue. Look up the code and answer with the queue only."),
            ("call-routing", "Use when a call of a customer must go to the right queue."),
        ), _halves(_codes(60), _in_turn(QUEUES, 60)), new=11),
    ),
    "part-codes": Domain(
        family="encode", ask=_encode,
        about="Two parts, or two tools, to two warehouse codes.",
        documents=_documents("encode", (
            ("part-codes", "Use when a part list must be written as codes."),
            ("tool-codes", "Use when a tool list must be written as codes."),
        ), _halves(_PARTS, _codes(64)), new=2, together=2),
    ),
    "claim-check": Domain(
        family="verify", ask=_verify, labels=VERDICTS,
        grader={"name": "label", "labels": list(VERDICTS), "take": "last"},
        about="Is what a claim or a report says of an item's colour supported, refuted, or not covered by the rules.",
        documents=_documents("verify", (
            ("claim-check", "Use when a claim about the colour of an item must be checked against the list."),
            ("report-check", "Use when a report about the colour of an item must be checked against the list."),
        ), _halves(_CLAIMED[:60], _in_turn(COLOURED, 60)), new=5),
    ),
    "contract-clauses": Domain(
        family="clause", ask=_clause, labels=tuple(label for labels in LABELS.values() for label in labels),
        grader={"name": "label", "labels": [label for labels in LABELS.values() for label in labels]},
        about="The label of a clause of a contract or of a policy.",
        documents=_documents("clause", (
            ("contract-clauses", "Use when a contract clause needs its label."),
            ("policy-clauses", "Use when a policy clause needs its label."),
        ), tuple({word: label for label, ws in labels.items() for word in ws} for labels in LABELS.values()), new=6),
    ),
    "order-extraction": Domain(
        family="extract", ask=_extract, grader="json",
        about="An order or a delivery in words to JSON with the code of the item looked up.",
        documents=_documents("extract", (
            ("order-extraction", "Use when an order must be written as JSON."),
            ("delivery-extraction", "Use when a delivery must be written as JSON."),
        ), _halves(_ORDERED, _codes(60)), new=4),
    ),
    "unit-prices": Domain(
        family="price", ask=_price,
        about="The price of an item, by the unit or by the set.",
        documents=_documents("price", (
            ("unit-prices", "Use when the unit price of an item is asked."),
            ("set-prices", "Use when the set price of an item is asked."),
        ), _halves(_PRICED, [_price_of(key) for key in _PRICED]), new=10),
    ),
}  # fmt: skip
GENERAL = "general"
LOOSE = 0.4
"""The share of train tasks whose wording is drawn at random."""
EXAMPLES = {"train": 900, "dev": 60, "test": 120}


def _loose(r: random.Random, family: str) -> str:
    """A wording of random words around what is asked."""
    if family == "verify":
        parts = ["{k}", r.choice(["{v}", "{a} {v}", "is {v}", "in {v}", "as {v}"])]
        parts.insert(r.randint(0, 2), r.choice(["{t}", "the {t}", "a {t}"]))
    elif family == "extract":
        parts = r.sample(["{t}", "{i} {w}", r.choice(["in {c}", "to {c}", "{c}"]), r.choice(["for {n}", "{n}"])], 4)
    else:
        topic = "{t} price" if family == "price" else r.choice(["{t}", "the {t}", "a {t}"])
        parts = r.sample([topic, "{w}" if family == "clause" else "{k}"], 2)
    return loose(r, parts)


def draw(name: str, split: str, seed: int) -> list[dict[str, object]]:
    """The questions of one split, no two of them the same. claim-check is balanced over its labels."""
    domain, r = DOMAINS[name], random.Random(f"{name}/{split}/{seed}")
    forms = (TUNED if split == "train" else JUDGED)[domain.family]
    turns = [(of, keys) for of in domain.documents for keys in of.asked[split]]
    turns, found, seen = r.sample(turns, len(turns)), [], set[str]()
    absent = r.sample(CLAIM_ABSENT[split], len(CLAIM_ABSENT[split]))
    listed, unlisted = cycle(turns), cycle(absent)
    while len(found) < EXAMPLES[split]:
        label = VERDICTS[len(found) % 3]
        if domain.labels == VERDICTS and label == "NOINFO":
            of, keys = r.choice(domain.documents), (next(unlisted),)
        else:
            of, keys = next(listed)
        if split == "train" and domain.family == "encode":
            keys = (keys[0], r.choice([other for other in of.asked["train"] if other != keys])[0])
        form = r.randrange(len(forms))
        worded = _loose(r, domain.family) if split == "train" and r.random() < LOOSE else forms[form]
        text, reference, answer = domain.ask(r, worded, of, keys, label)
        others = {key for document in domain.documents for key in document.table} - {*keys}
        if text in seen or others & {*re.findall(r"\w+", text)}:
            continue
        seen.add(text)
        fresh = of.new | ABSENT_NEW if domain.family == "verify" else of.new
        new = any(key in fresh for key in keys)
        metadata = {"new": new, "document": of.name, "wording": form, "full_answer": answer}
        found.append({"input": text, "reference": reference, "key": "+".join(sorted(keys)), "metadata": metadata})
    return found


def draw_general(n: int, seen: set[str], seed: str) -> list[dict[str, object]]:
    """Questions of the general operations, none of them in ``seen``, which grows."""
    r, found, general = random.Random(f"{GENERAL}/{seed}"), [], General()
    while len(found) < n:
        text, answer = general.ask(r)
        if text in seen:
            continue
        seen.add(text)
        operation = text.split(":")[0]
        metadata = {"operation": operation, "new": False, "full_answer": answer}
        found.append({"input": text, "reference": answer, "key": operation, "metadata": metadata})
    return found

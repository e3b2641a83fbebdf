"""The demo's fixed domains: six narrow ones, each with one skill, and a general one that measures forgetting.

Their tables are drawn once from a seed, and pre-training never sees them. A key is *new* when it was added to the rules
after the adapter was tuned: it stands in SKILL.md, at a random place, but in no training line. How many keys are new
and how long the tables are was decided before any test result was seen; it is what makes a domain favour the tuned
worker (long tables, few new keys) or the model that reads (many new keys).
"""

# ruff: noqa: SIM905 - a long list of words reads better as prose

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from families import General, order_json, order_question
from lexicon import CITIES, COLOURS, DAYS, NAMES, PARTIES, code, distinct, fill
from wordings import SHARED, UNSEEN

_R = random.Random(20261)
Question = tuple[str, object, str, list[str]]
"""Text, reference, the whole answer, the keys that it asks about."""


def _rows(keys: list[str], values: list[str], new: int) -> tuple[dict[str, str], frozenset[str]]:
    """A table in random order, and which of its keys are new: chosen at random, so that no place tells them."""
    pairs = _R.sample(list(zip(keys, values, strict=True)), len(keys))
    return dict(pairs), frozenset(_R.sample(keys, new))


def _codes(n: int) -> list[str]:
    return distinct(lambda: code(_R), n)


QUEUES = ["billing", "network", "hardware", "returns", "legal", "repairs"]
TICKET, TICKET_NEW = _rows(_codes(26), [QUEUES[i % 6] for i in range(26)], new=10)

_PARTS = """bolt nut screw spring gear belt wheel tyre brake clutch piston nozzle hose tank pipe funnel engine filter
pump valve cable router printer camera sensor battery charger screen keyboard mouse hammer drill saw wrench fan heater
cooler mirror window door""".split()
PART, PART_NEW = _rows(_PARTS, _codes(len(_PARTS)), new=2)

_CLAIMED = """canoe sofa badge helmet bottle kite desk torch flute jacket broom piano globe ruler trunk basket glove
boot shirt carpet curtain pillow blanket kayak tent folder binder coupon trophy whistle""".split()
CLAIM, CLAIM_NEW = _rows(_CLAIMED, [COLOURS[i % 8] for i in range(len(_CLAIMED))], new=5)
CLAIM_ABSENT = "lemon tiger maple quartz candle falcon napkin coral".split()

_CLAUSES = {
    "liability": ["failure", "problem", "cause", "wrong", "broken"],
    "privacy": ["private", "email", "record", "person", "protected"],
    "termination": ["stop", "close", "exit", "end", "terminate"],
    "renewal": ["extend", "again", "continue", "year", "restore"],
    "payment": ["charge", "account", "coin", "wallet", "purse"],
    "audit": ["report", "check", "verify", "log", "summary"],
}
CLAUSES = {label: _R.sample(words, len(words)) for label, words in _CLAUSES.items()}
CLAUSE = {word: label for label, words in CLAUSES.items() for word in words}
CLAUSE_NEW = frozenset(_R.choice(words) for words in CLAUSES.values())

ORDER_FIELDS = [("city", "dest"), ("count", "qty")]
ORDER_ITEMS = """lamp chair table puzzle doll robot marble dice card violin guitar trumpet harp bell map pencil marker
eraser stapler envelope stamp medal flag rope token box jar tin bag""".split()
ORDER, ORDER_NEW = _rows(_R.sample(CITIES, 16), _codes(16), new=2)

_PRICED = """mango papaya lemon cherry walnut almond pepper garlic onion radish carrot turnip spinach cabbage lentil
rose lily daisy tulip orchid fern moss clover salmon trout herring lobster candle soap towel napkin apron cup mug plate
bowl fork spoon knife ladle""".split()
_PRICES = [f"{_R.randint(11, 99)} per {_R.choice(['box', 'bag', 'kilo', 'dozen', 'pair', 'pack'])}" for _ in range(16)]
PRICE, PRICE_NEW = _rows(_R.sample(_PRICED, 16), _PRICES, new=5)


def _route(r: random.Random, form: str, keys: list[str], _label: str) -> Question:
    key = r.choice(keys)
    return fill(r, form, k=key), TICKET[key], TICKET[key], [key]


def _encode(r: random.Random, form: str, keys: list[str], _label: str) -> Question:
    chosen = r.sample(keys, 2)
    answer = " ".join(PART[k] for k in chosen)
    return fill(r, form, k=" ".join(chosen)), answer, answer, chosen


def _verify(r: random.Random, form: str, keys: list[str], label: str) -> Question:
    key = r.choice(CLAIM_ABSENT) if label == "NOINFO" else r.choice(keys)
    true = CLAIM.get(key, "none")
    value = true if label == "SUPPORT" else r.choice([c for c in COLOURS[:8] if c != true])
    return fill(r, form, a="colour", k=key, v=value), label, f"{true}, {value}: {label}", [key]


def _clause(r: random.Random, form: str, keys: list[str], _label: str) -> Question:
    word, (x, y) = r.choice(keys), r.sample(PARTIES, 2)
    return fill(r, form, w=word, x=x, y=y), CLAUSE[word], CLAUSE[word], [word]


def _extract(r: random.Random, form: str, keys: list[str], _label: str) -> Question:
    values = {"item": r.choice(ORDER_ITEMS), "city": r.choice(keys), "count": str(r.randint(2, 9))}
    values |= {"name": r.choice(NAMES), "day": r.choice(DAYS)}
    coded = values | {"city": ORDER[values["city"]]}
    reference = {key: coded[what] for what, key in ORDER_FIELDS}
    return order_question(form, values), reference, order_json(ORDER_FIELDS, coded), [values["city"]]


def _price(r: random.Random, form: str, keys: list[str], _label: str) -> Question:
    key = r.choice(keys)
    return fill(r, form, k=key), PRICE[key], PRICE[key], [key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One narrow domain: its table, what its questions look like, and how its suite says so."""

    family: str
    table: dict[str, str]
    new: frozenset[str]
    ask: Callable[[random.Random, str, list[str], str], Question]
    about: str
    """The suite's description."""
    description: str
    """The skill's description, which the catalogue shows."""
    grader: object = "exact"
    labels: tuple[str, ...] = ()
    """The closed labels, where the answers are such."""
    one_key: bool = field(default=True)
    """Whether dev and test may go through the keys in turn, so that each is asked equally often."""


VERDICTS = ("SUPPORT", "REFUTE", "NOINFO")
DOMAINS = {
    "ticket-routing": Domain(
        family="route", table=TICKET, new=TICKET_NEW, ask=_route, labels=tuple(QUEUES),
        grader={"name": "label", "labels": list(QUEUES)},
        about="Which queue a support ticket goes to.",
        description="Use when a support ticket must go to the right queue. "
        "Look up the code and answer with the queue only.",
    ),
    "part-codes": Domain(
        family="encode", table=PART, new=PART_NEW, ask=_encode, one_key=False,
        about="Two parts to two warehouse codes.",
        description="Use when a part list must be written as codes.",
    ),
    "claim-check": Domain(
        family="verify", table=CLAIM, new=CLAIM_NEW, ask=_verify, labels=VERDICTS,
        grader={"name": "label", "labels": list(VERDICTS), "take": "last"},
        about="Is a claim about an item's colour supported, refuted, or not covered by the rules.",
        description="Use when a claim about the colour of an item must be checked against the list.",
    ),
    "contract-clauses": Domain(
        family="clause", table=CLAUSE, new=CLAUSE_NEW, ask=_clause, labels=tuple(CLAUSES),
        grader={"name": "label", "labels": list(CLAUSES)},
        about="The label of a contract clause.",
        description="Use when a contract clause needs its label.",
    ),
    "order-extraction": Domain(
        family="extract", table=ORDER, new=ORDER_NEW, ask=_extract, grader="json",
        about="An order in words to JSON with a city code looked up.",
        description="Use when an order must be written as JSON.",
    ),
    "unit-prices": Domain(
        family="price", table=PRICE, new=PRICE_NEW, ask=_price,
        about="The price of an item and its unit.",
        description="Use when the unit price of an item is asked.",
    ),
}  # fmt: skip
GENERAL = "general"
EXAMPLES = {"train": 1800, "dev": 60, "test": 120}


def draw(name: str, split: str, seen: set[str], seed: int) -> list[dict[str, object]]:
    """The questions of one split, none of them in ``seen``, which grows. claim-check is balanced over its labels."""
    domain, r, found = DOMAINS[name], random.Random(f"{name}/{split}/{seed}"), []
    tuned = SHARED[domain.family]
    forms = tuned if split == "train" else [*tuned, UNSEEN[domain.family]]
    keys = [k for k in domain.table if split != "train" or k not in domain.new]
    turn = r.sample(keys, len(keys))
    while len(found) < EXAMPLES[split]:
        n, label = len(found), VERDICTS[len(found) % 3]
        place = n // 3 * 2 + n % 3 if name == "claim-check" else n
        offered = [turn[place % len(turn)]] if domain.one_key and split != "train" else keys
        form = r.randrange(len(forms))
        text, reference, answer, asked = domain.ask(r, forms[form], offered, label)
        if text in seen:
            continue
        seen.add(text)
        metadata = {"new": any(k in domain.new for k in asked), "keys": asked, "wording": form}
        metadata |= {"wording_tuned": form < len(tuned), "full_answer": answer}
        found.append({"input": text, "reference": reference, "key": asked[0], "metadata": metadata})
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

"""How the families' questions are worded. ``GENERIC`` belongs to pre-training alone, ``SHARED`` to the demo as well.

``{k}`` is the key that is asked for; ``{n}`` a name, ``{c}`` a city, ``{d}`` a day, ``{i}`` a small number.
"""

GENERIC = {
    "route": [
        "{n} in {c} reports a fault on {k}.",
        "Route the ticket about {k}.",
        "{k} does not start.",
        "{n} asks about {k}.",
        "Please route: {k} shows an error in {c}.",
    ],
    "encode": [
        "Encode: {k}",
        "Convert the parts {k}",
        "Encode {k} please.",
        "Which codes have the parts {k}?",
        "The parts are {k} for {n}.",
        "{n} needs {k} as codes on {d}.",
    ],
    "price": [
        "What is the price of a {k}?",
        "Price for {i} {k} please.",
        "{n} wants the price of the {k}.",
        "{k}: which price?",
        "On {d} {n} asked the price of one {k}.",
    ],
    "verify": [
        "Claim: the {a} of {k} is {v}.",
        "Check the claim: {k} has {a} {v}.",
        "Is the claim true? {k}: {a} {v}.",
    ],
    "clause": [
        "Clause: the {x} shall {w} the {y} within {i} days.",
        "Which clause? {w} applies to the {x} in {c}.",
        "Label the clause: no {w} without the {x}.",
        "On {d} the {x} may ask for {w}. Which clause is it?",
        "This clause says that the {x} and the {y} agree on {w}.",
        "A clause: {n} keeps the {w} of the {x}.",
    ],
    "extract": [],
}

SHARED = {
    "route": [
        "New ticket: {k} is broken since {d}, says {n}.",
        "Where does this ticket go? {k} fails, customer {n}.",
        "A ticket from {c}: {k} stopped on {d}.",
        "On {d} {n} opened a ticket: my {k} makes noise.",
        "This ticket from {n} in {c} is about {k}.",
        "{n} called from {c}: the ticket names {k} again.",
        "Please route the ticket of {n}: {k} shows an error.",
        "A ticket of {d}: {n} cannot start {k}.",
    ],
    "encode": [
        "Convert the part list {k}",
        "Which part codes have {k}?",
        "{n} needs the part codes of {k} by {d}.",
        "The part list is {k} for {n}.",
        "Please send {n} the part codes: {k}.",
        "In {c} they use the part list {k}.",
        "On {d} copy part by part {k} for {c}.",
        "{n} in {c} wants each part code: {k}.",
    ],
    "verify": [
        "{n} made a claim: {k} is listed with {a} {v}.",
        "On {d} {n} filed a claim that {k} has {a} {v}.",
        "{n} from {c} sent a claim: the {a} of {k} is {v}.",
        "In {c} {n} has a claim: {k}, {a} {v}.",
        "Check the claim of {n}: {k} has {a} {v}.",
        "Is the claim of {d} by {n} true? {k}: {a} {v}.",
        "{n} says in a claim of {d} that {k} is {v}.",
    ],
    "clause": [
        "Label the contract clause: no {w} without the {x}.",
        "On {d} the {x} may ask for {w}. Which contract clause is it?",
        "This contract says that the {x} and the {y} agree on {w}.",
        "A contract clause: {n} keeps the {w} of the {x}.",
        "The contract of {d} gives the {x} a right to {w}.",
        "Which contract clause? {w} applies to the {x} in {c}.",
        "{n} wants a contract clause about {w} for the {x}.",
        "In {c} a contract allows the {x} to use {w}.",
    ],
    "extract": [
        "{n} from {c} wants to order {i} {w} for {d}.",
        "New order: {i} {w} to {c}, contact {n}, on {d}.",
        "An order for {d}: send {i} {w} to {n} in {c}.",
        "{n} placed an order of {i} {w} in {c} by {d}.",
        "Please ship this order of {i} {w} to {c} for {n} on {d}.",
        "{n} needs {i} {w} in {c} on {d}, please take the order.",
        "This order of {n} has {i} {w}, to {c} by {d}.",
        "In {c} {n} started an order on {d}: {i} {w}.",
    ],
    "price": [
        "{n} wants the unit price of the {k}.",
        "On {d} {n} asked the unit price of one {k}.",
        "Unit price please, one unit of {k} for {n}.",
        "What is the price of a unit of {k}? {n} asks.",
        "Please send {n} the unit price of {k}.",
        "{n} from {c} needs a unit of {k}: which price?",
        "Which unit price has the {k} on {d}?",
        "In {c} {n} wants a unit price for {k}.",
    ],
}

UNSEEN = {
    "route": "In {c} the {k} stopped again, ticket by {n}.",
    "encode": "For {d} the part list: {k} please.",
    "verify": "A claim came from {c}: {n} wants {k} listed as {v}.",
    "clause": "{n} asks which contract has {w} for the {y}.",
    "extract": "Take an order from {c}: {n} asks for {i} {w} on {d}.",
    "price": "The unit price for {n}: {k} on {d}.",
}
"""One more wording a domain, in dev and test only: neither pre-training nor the adapter has seen it."""

ANY = [
    "{k}",
    "{k}?",
    "What about {k}?",
    "Please look up {k}.",
    "{n} asks about {k}.",
    "{f} {k} {g}.",
    "{f} {k}?",
    "{k} {f}",
    "Answer for {k}.",
]
"""Wordings of no family; ``{f}`` and ``{g}`` are random words, so that the key cannot be found by its neighbours."""


def all_wordings() -> dict[str, list[str]]:
    """Every wording that pre-training uses, by family."""
    return {family: GENERIC[family] + SHARED[family] for family in GENERIC}

"""How questions are worded: ``GENERIC`` and ``SHARED`` in pre-training, ``TUNED`` and ``JUDGED`` in the suites.

``{k}`` is the key asked for; ``{t}`` the topic, ``{n}`` a name, ``{c}`` a city, ``{d}`` a day, ``{i}`` a number.
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

TOPICS = {
    "route": ("ticket", "call"),
    "encode": ("part", "tool"),
    "price": ("unit", "set"),
    "verify": ("claim", "report"),
    "clause": ("contract", "policy"),
    "extract": ("order", "delivery"),
}
"""The topics of the demo's two documents of a family; its shared wordings name the first."""

TUNED = {
    family: [
        form.replace(TOPICS[family][0], "{t}").replace(" an {t}", " one {t}").replace("An {t}", "One {t}")
        for form in forms
        if TOPICS[family][0] in form
    ]
    for family, forms in SHARED.items()
}
"""What adapters are tuned on: the shared wordings with the topic left open."""

JUDGED = {
    "route": [
        "In {c} the {k} stopped again, {t} by {n}.",
        "{n} has a {t}: since {d} the {k} is slow.",
        "A customer in {c} has a {t} for {k}.",
        "Open {t} of {d}: {k}, for {n} in {c}.",
        "Which desk takes the {t} about {k} from {n}?",
    ],
    "encode": [
        "For {d} the {t} list: {k} please.",
        "{n} reads the {t} names {k} to the depot in {c}.",
        "What are the codes for {t} {k}?",
        "The {t} codes go to {c}: {k}.",
        "Write down {k} as {t} codes.",
    ],
    "verify": [
        "A {t} came from {c}: {n} wants {k} listed as {v}.",
        "Is the {t} of {n} right: {k} in {v}?",
        "{n} says again in a {t} that the {a} of the {k} is {v}.",
        "Look at this {t} from {c}: {k} should be {v}.",
        "For {d}: {t} on {k}, {a} {v}.",
    ],
    "clause": [
        "{n} asks which {t} has {w} for the {y}.",
        "A {t} between {x} and {y} has {w} in it.",
        "The {x} reads {w} in a {t} from {c}.",
        "Which clause of the {t} is this: {w}, in {c}?",
        "After {d} the {t} says {w} to the {x}.",
    ],
    "extract": [
        "Take one {t} from {c}: {n} asks for {i} {w} on {d}.",
        "Write up the {t}: {i} {w}, {c}, {d}, {n}.",
        "{i} {w} go to {n} by {t} of {d} in {c}.",
        "{n} sends in a new {t}: {i} {w} for {c}.",
        "For {c} on {d} there is one {t} of {i} {w} by {n}.",
    ],
    "price": [
        "The {t} price for {n}: {k} on {d}.",
        "How much is the {t} price of {k} in {c}?",
        "{k} for {n}, say the {t} price.",
        "Give {n} the {t} price that {k} has.",
        "Which {t} price should {c} ask for {k}?",
    ],
}
"""What dev and test are worded in: neither pre-training nor an adapter has seen any of them."""

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

"""The words that the synthetic documents and questions are made of."""

# ruff: noqa: SIM905 - a long list of words reads better as prose

import random
from collections.abc import Callable
from pathlib import Path

NOUNS = """lamp chair table bottle engine filter pump valve cable router printer camera sensor battery charger
screen keyboard mouse helmet glove boot jacket shirt basket ladder hammer drill saw wrench bolt nut screw spring
gear belt wheel tyre brake clutch piston nozzle hose tank pipe funnel kettle toaster oven fridge mixer blender
fan heater cooler mirror window door hinge lock key handle carpet curtain pillow blanket mattress sofa desk shelf
drawer cabinet crate pallet barrel bucket broom mop sponge towel soap candle torch rope chain hook anchor sail oar
canoe kayak tent stove compass map globe ruler pencil marker eraser folder binder stapler envelope stamp
coupon badge medal trophy flag drum flute violin guitar piano trumpet harp bell whistle puzzle kite doll robot
marble dice card token coin wallet purse bag trunk pouch box jar tin can cup mug plate bowl fork spoon knife ladle
tray napkin apron maple cedar birch willow oak pine elm ash tulip rose lily daisy orchid fern moss ivy clover
tiger otter badger falcon heron raven sparrow pigeon salmon trout herring lobster beetle spider hornet cricket
copper nickel zinc cobalt silver iron tungsten quartz granite basalt amber pearl topaz garnet opal jade ruby coral
river canyon meadow glacier island harbor desert valley summit prairie lagoon delta comet meteor nebula photon
cactus mango papaya lemon cherry walnut almond pepper garlic onion radish carrot turnip spinach cabbage
lentil""".split()
NAMES = """Alice Bruno Carla David Elena Felix Greta Hugo Irene Jonas Karin Lukas Marta Nadia Oscar Paula Quinn Rosa
Simon Tanya Ulrich Vera Walter Yusuf""".split()
CITIES = """Rome Paris Berlin Madrid Vienna Oslo Dublin Athens Lisbon Prague Warsaw Zurich Geneva Milan Turin Lyon
Porto Seville Hamburg Munich Bergen Cork Ghent Basel""".split()
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
QUEUES = """billing network security hardware software returns shipping legal sales facilities identity storage payroll
warranty repairs logistics""".split()
LABELS = """liability privacy payment termination renewal notice audit transfer insurance delivery penalty dispute
ownership secrecy safety access""".split()
COLOURS = ["red", "blue", "green", "yellow", "purple", "orange", "brown", "black", "white", "grey", "pink", "gold"]
ATTRIBUTES = ["colour", "owner", "material", "origin", "category", "status", "supplier", "grade"]
JSON_KEYS = """sku qty dest buyer when code amount place client date ref part units site contact slot label total zone
agent""".split()
UNITS = ["box", "bag", "pair", "crate", "metre", "litre", "kilo", "dozen", "pack", "roll"]
PARTIES = "seller tenant vendor landlord lender borrower carrier insurer owner worker".split()
TITLE_WORDS = """ticket routing parts part codes claim check contract clauses order extraction unit prices shift plan
garden notes""".split()
CAPITALISED = """When Use Find Look Read Write Answer Reply Step Example Never Always If The This Each Every Keep Give
Return Then First Next Only Note Do For In It Support Route Match Take Copy Start Skills Open Table List Rules Steps
Notes How Ticket Parts Part Claim Contract Order Unit Shift Garden City Item""".split()

_TOPICAL = """ticket tickets routing queue support parts part codes claim claims contract clause clauses order orders
extraction warehouse depot price prices unit customer mentions answer table row rows column exact nothing else only word
words colour catalogue plan notes garden shift""".split()
_POOLS = {*NOUNS, *QUEUES, *LABELS, *COLOURS, *ATTRIBUTES, *JSON_KEYS, *UNITS, *PARTIES}
_FREQUENT = (Path(__file__).parent / "words.txt").read_text(encoding="utf-8").split()

COMMON = list(dict.fromkeys(w for w in _TOPICAL + _FREQUENT if w not in _POOLS))
"""Filler prose."""
WORDS = COMMON[120:]
"""Common words that may be keys, values and topics; the most frequent ones may not."""
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"


def code(r: random.Random) -> str:
    """A code such as ``K7``."""
    return r.choice(LETTERS) + r.choice("123456789")


def noun(r: random.Random) -> str:
    """A word that may stand as key or value."""
    return r.choice(NOUNS) if r.random() < 0.7 else r.choice(WORDS)


def distinct(draw: Callable[[], str], n: int) -> list[str]:
    """``n`` different draws, in the order in which they came."""
    found: dict[str, None] = {}
    while len(found) < n:
        found[draw()] = None
    return list(found)


def filler(r: random.Random, low: int = 2, high: int = 8) -> str:
    """A meaningless sentence of common words: prose that has to be read past."""
    text = " ".join(r.choice(COMMON) for _ in range(r.randint(low, high)))
    return f"{r.choice(CAPITALISED)} {text}" if r.random() < 0.4 else text


def fill(r: random.Random, form: str, **parts: str) -> str:
    """A question from its wording: names, places, days and small numbers are drawn, ``parts`` are given."""
    return form.format(n=r.choice(NAMES), c=r.choice(CITIES), d=r.choice(DAYS), i=r.randint(2, 9), **parts)

"""Random documents: the many ways in which people write key-value rows, and the prose around them."""

import random

from lexicon import CAPITALISED, COMMON, DAYS, NAMES, filler, noun

SEPARATORS = [
    *(": ", " -> ", " = ", ", ", " => ", " - ", ": ", " -> ", ": ", "=", " : ", "; ", " / "),
    *("`: `", '": "', "** - "),
]
PHRASES = [
    *(" goes to ", " is ", " means ", " maps to ", " belongs to ", " stands for ", " gets ", " has ", " must be "),
    " to ",
]
DESCRIPTIONS = [
    "Use when {a} must be matched to {b}.",
    "How to handle {a} for {b}.",
    "{a} rules of the {b} team.",
    "Look up {a} in the table and answer with {b} only.",
]
INTRODUCTIONS = [
    "Find the {a} in the request and answer with its {b}.",
    "Answer with the {b} of the {a}, nothing else.",
    "The table gives the {b} for each {a}.",
    "Read the request, find the {a}, write the {b}.",
    "Every {a} has one {b}.",
    "Look up the {a} in the list below.",
]
NOTES = [
    "Do not explain.",
    "Answer in one line.",
    "If in doubt, read the table again.",
    "The list is complete.",
    "Ask {n} for changes.",
    "Checked by {n} on {d}.",
    "Names and places in the request do not matter.",
]
HEADINGS = ["Rules", "Table", "When to use", "Steps", "Notes", "List", "How to answer"]
PHRASE_SHARE = 0.3
"""How many of the rich documents have a phrase between key and value ("K7 goes to hardware")."""

Pairs = list[tuple[str, str]]


def rows(r: random.Random, pairs: Pairs, head: tuple[str, str], *, rich: bool) -> str:
    """Key-value rows in one of many formats."""
    if r.random() < 0.33:
        top = f"| {head[0]} | {head[1]} |\n| --- | --- |\n" if rich or r.random() < 0.5 else ""
        return top + "".join(f"| {k} | {v} |\n" for k, v in pairs)
    before, after = r.choice(["", "", "- ", "- ", "* "]), ""
    if rich and r.random() < PHRASE_SHARE:
        separator = r.choice(PHRASES) if r.random() < 0.85 else f" {filler(r, 1, 2)} "
        if r.random() < 0.4:
            before, after = before + r.choice([f"{head[0]} ", "The ", f"the {head[0]} "]), "."
    elif rich and r.random() < 0.05:
        separator = f" {''.join(r.choice(':=->~,;/|') for _ in range(r.randint(1, 3)))} "
    else:
        separator = r.choice(SEPARATORS)
        if separator == "`: `":
            before, after = before + "`", "`"
        elif separator == '": "':
            before, after = '  "', '",'
        elif separator == "** - ":
            before += "**"
        elif r.random() < 0.1:
            after = r.choice([";", ",", "."])
    end = "\n" if r.random() < 0.93 else "; "
    return end.join(f"{before}{k}{separator}{v}{after}" for k, v in pairs) + "\n"


def skill_name(r: random.Random, topic: str = "") -> str:
    """One to three random words with hyphens; nothing about a name can be known beforehand."""
    parts = [topic or noun(r)]
    parts += [r.choice(COMMON) if r.random() < 0.7 else noun(r) for _ in range(r.choice([0, 1, 1, 1, 1, 1, 2]))]
    return "-".join(parts)


def body(r: random.Random, content: str, a: str, b: str, rich: int) -> str:
    """The body of a skill around its rows.

    ``rich`` 0: the rows only; 1: with a title and an introduction; 2: with headings, unrelated prose and notes, as a
    normal SKILL.md has them.
    """
    if rich == 0:
        return content
    gap = r.choice(["\n\n", "\n"])
    text = ""
    if r.random() < 0.8:
        title = skill_name(r).replace("-", " ")
        if r.random() < 0.3:
            title = filler(r, 1, 3)
        elif r.random() < 0.3:
            title = f"{r.choice(CAPITALISED)} {title}"
        text += f"# {title}{gap}"
    if rich == 2 and r.random() < 0.35:
        text += f"## {r.choice(HEADINGS)}{gap}" if r.random() < 0.5 else ""
        text += filler(r, 3, 10) + "." + gap
    if r.random() < 0.8:
        text += r.choice(INTRODUCTIONS).format(a=a, b=b) + gap
    if rich == 2 and r.random() < 0.25:
        text += f"## {r.choice(HEADINGS)}{gap}"
    text += content
    if rich == 2:
        text += "\n" if gap == "\n\n" and r.random() < 0.5 else ""
        for _ in range(r.choice([0, 0, 1, 2])):
            note = r.choice(NOTES).format(n=r.choice(NAMES), d=r.choice(DAYS))
            text += f"- {note if r.random() < 0.7 else filler(r, 3, 8) + '.'}\n"
    return text


def description(r: random.Random, topic: str) -> str:
    """A catalogue entry's description; it may or may not name the topic."""
    forms = [
        "Use when a {t} must be handled.",
        "How to answer a {t}.",
        "{t} rules.",
        "Everything about the {t}.",
        "For each {t} with {f}.",
        "{f} {t} {g}.",
        "Use for {t} questions.",
        "Use when the {f} of a {t} is asked. {g}.",
    ]
    return r.choice(forms).format(t=topic, f=filler(r, 1, 3), g=filler(r, 1, 4))

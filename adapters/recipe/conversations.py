"""One training conversation at a time, worded exactly as the harness words it.

Three kinds. *Flat*: one skill or two are the system message, then questions. *Progressive*: a catalogue, a question,
``OPEN name``, the skill, the question once more, the answer. *Bare*: no document at all.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from documents import description, skill_name
from families import FAMILIES, MIX, Asked, Family, General, Guess, KeyValue
from lexicon import WORDS, distinct, fill, filler, noun
from wordings import TOPICS

from harness.skill import OPEN_BY_TEXT, catalogue, skill_content

Turn = tuple[str, str]
Cost = Callable[[str], int]
WRAPPED = 0.8
"""Share of documents that stand in the harness's wrapper; the rest stand bare."""
TOPIC_FORMS = [
    "{t}: {q}",
    "New {t}: {q}",
    "A {t} about this: {q}",
    "{q} ({t})",
    "{n} sends a {t}: {q}",
    "This {t} came on {d}: {q}",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How hard the conversations are, and of what kinds."""

    rows: tuple[int, int]
    rich: int
    tokens: int
    """Budget of a conversation."""
    key_value: float
    """Share of bare key-value documents."""
    progressive: float
    entries: tuple[int, int] = (3, 8)
    """Fewest and most entries of a catalogue."""
    induction: float = 0.0
    """Share of repeated random strings."""
    pairs: float = 0.0
    """Share of the flat conversations that have two documents."""


STAGES = [
    Stage(rows=(2, 4), rich=0, tokens=96, key_value=0.4, progressive=0, induction=0.3),
    Stage(rows=(3, 8), rich=1, tokens=152, key_value=0.35, progressive=0.15, entries=(2, 4), induction=0.03),
    Stage(rows=(4, 14), rich=2, tokens=232, key_value=0.25, progressive=0.25, entries=(2, 6)),
    Stage(rows=(5, 28), rich=2, tokens=336, key_value=0.2, progressive=0.25, entries=(3, 8)),
    Stage(rows=(8, 60), rich=2, tokens=448, key_value=0.14, progressive=0.25, entries=(6, 10), pairs=0.3),
    Stage(rows=(12, 36), rich=2, tokens=704, key_value=0.08, progressive=0.25, entries=(8, 15), pairs=0.75),
]
"""From easy to hard. The worker is trained on the first alone."""


def conversation(r: random.Random, stage: Stage, cost: Cost) -> list[Turn]:
    """One conversation as (role, text); ``cost`` counts the tokens of a text."""
    if r.random() < stage.progressive:
        return _progressive(r, stage, cost)
    kind = r.random()
    if kind < 0.12:
        return _questions(r, [], General(), stage.tokens, cost)
    if kind < 0.16:
        return _questions(r, [], Guess(), stage.tokens, cost)
    if r.random() < stage.pairs:
        return _pair(r, stage, cost)
    family = KeyValue() if r.random() < stage.key_value / 0.84 else _family(r)
    text = _document(r, family.make(r, r.randint(*stage.rows), _rich(r, stage)), stage)
    return _questions(r, [("system", text)], family, stage.tokens, cost)


def _pair(r: random.Random, stage: Stage, cost: Cost) -> list[Turn]:
    """Two documents, mostly of one family, that share no key; a question is about either."""
    name = r.choices(list(MIX), list(MIX.values()))[0]
    names = [name, name if r.random() < 0.7 else r.choice(list(MIX))]
    topics = distinct(lambda: r.choice(WORDS) if r.random() < 0.6 else noun(r), 2)
    if names[0] == names[1] and r.random() < 0.6:
        topics = r.sample(TOPICS[name], 2)
    families = [FAMILIES[name]() for name in names]
    texts = [families[0].make(r, r.randint(*stage.rows), _rich(r, stage))]
    while len(texts) < 2:
        text = families[1].make(r, r.randint(*stage.rows), _rich(r, stage))
        if not families[0].keys & families[1].keys:
            texts.append(text)
    documents = [skill_content(skill_name(r, topic), text) for topic, text in zip(topics, texts, strict=True)]

    class Both:
        def ask(self, r: random.Random) -> tuple[str, str]:
            place = r.randrange(2)
            if names[place] == "extract" or r.random() < 0.5:
                return _on_topic(r, families[place], topics, place)
            return families[place].ask(r)

    return _questions(r, [("system", "\n\n".join(documents))], Both(), stage.tokens, cost)


def _family(r: random.Random) -> Family:
    return FAMILIES[r.choices(list(MIX), list(MIX.values()))[0]]()


def _rich(r: random.Random, stage: Stage) -> int:
    """A stage's documents are mostly as rich as the stage allows."""
    return {0: 0, 1: r.choice([0, 1])}.get(stage.rich, r.choice([0, 1, 2, 2, 2]))


def _document(r: random.Random, text: str, stage: Stage, name: str = "") -> str:
    """A body as the harness shows it; a stage of bare rows is wrapped rarely, to keep its conversations dense."""
    wrapped = WRAPPED if stage.rich else 0.3
    return skill_content(name or skill_name(r), text) if r.random() < wrapped else text


def _questions(r: random.Random, turns: list[Turn], family: Asked, tokens: int, cost: Cost) -> list[Turn]:
    """``turns`` and as many questions about the document as the budget holds; at least one."""
    used, general = 2 + sum(cost(text) + 2 for _, text in turns), General()
    first = len(turns)
    while True:
        question, answer = (general if turns and r.random() < 0.05 else family).ask(r)
        used += cost(question) + cost(answer) + 4
        if used > tokens and len(turns) > first:
            return turns
        turns += [("user", question), ("assistant", answer)]


def _progressive(r: random.Random, stage: Stage, cost: Cost) -> list[Turn]:
    """A catalogue, an opening, the question once more and its answer, then more questions about the open skill.

    In one of four conversations the choice alone, many times.
    """
    n = r.randint(*stage.entries)
    topics = distinct(lambda: r.choice(WORDS) if r.random() < 0.6 else noun(r), n)
    families = [r.choices(list(MIX), list(MIX.values()))[0] for _ in range(n)]
    for family in r.sample(list(FAMILIES), len(FAMILIES)):
        place = r.randrange(n)
        if r.random() < 0.6 and not {*TOPICS[family]} & {*topics}:
            topics[place], families[place] = r.choice(TOPICS[family]), family
            other = r.randrange(n)
            if other != place and r.random() < 0.5:  # another skill of the same kind: the topic alone tells them apart
                topics[other] = next(topic for topic in TOPICS[family] if topic != topics[place])
                families[other] = family
    names = [skill_name(r, topic if r.random() < 0.9 else "") for topic in topics]
    entries = [(name, description(r, topic)) for name, topic in zip(names, topics, strict=True)]
    if stage.rich == 2 and r.random() < 0.5:
        entries = [
            (name, f"{text} {filler(r, 4, 14)}.") if r.random() < 0.5 else (name, text) for name, text in entries
        ]
    turns: list[Turn] = [("system", f"{catalogue(entries)}\n\n{OPEN_BY_TEXT}")]
    budget = stage.tokens + 64
    used = cost(turns[0][1]) + 3
    only_choice = r.random() < 0.25
    while True:
        place = r.randrange(n)
        family = FAMILIES[families[place]]()
        text = family.make(r, 4 if only_choice else r.randint(*stage.rows), _rich(r, stage))
        question, answer = _on_topic(r, family, topics, place)
        opening: list[Turn] = [("user", question), ("assistant", f"OPEN {names[place]}")]
        if not only_choice:
            turns += [*opening, ("tool", _document(r, text, stage, names[place]))]
            turns += [("user", question), ("assistant", answer)]
            return _questions(r, turns, family, budget, cost)
        used += sum(cost(text) + 2 for _, text in opening)
        if used > budget and len(turns) > 1:
            return turns
        turns += opening


def _on_topic(r: random.Random, family: Family, topics: list[str], place: int) -> tuple[str, str]:
    """A question that names its skill's topic and, if it can be had, no other skill's."""
    others = {topic for topic in topics if topic != topics[place]}
    for _ in range(8):
        question, answer = family.ask(r)
        if not others & set(question.split()):
            break
    words = question.replace(":", " ").replace("?", " ").replace(".", " ").split()
    if topics[place] not in words:
        question = fill(r, r.choice(TOPIC_FORMS), t=topics[place], q=question)
    return question, answer

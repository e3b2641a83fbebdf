"""How often the loop of ``skill improve`` accepts an edit that helps nobody, and how often one that was planted.

A scripted author answers as a model does, in JSON; a task is passed or failed by the text of the skill alone. The loop,
its reading of edits, its screen and its test are the program's.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np
from simulations import Array, One, Outcome, Rng

from harness.core import digest_text
from harness.train import Climb, Edit, Rules, Seen, Try, edited, read_edits

BODY = "# Routing\n\n- Read the ticket.\n- Answer with the queue."
GOOD = "- RULE: look the code up."
TRAIN, RATE = 200, 0.5
DISCORDANT = 0.2  # the share of tasks whose outcome an edit draws again
PLANTED = 3  # the try at which the good edit is proposed


@dataclass
class World:
    """Tasks, an author and a reader; a bench for the loop."""

    seed: int
    dev_tasks: int
    gain: float = 0.0  # of the planted edit; 0: there is none
    memorises: bool = False  # whether each edit holds the answers of the tasks that the author was shown
    cluster: int = 1  # dev tasks that share a source
    texts: dict[int, str] = field(default_factory=lambda: {0: BODY})
    candidates: dict[int, str] = field(default_factory=dict)
    train: Sequence[str] = field(default_factory=lambda: [f"train-{n}" for n in range(TRAIN)])

    def propose(
        self,
        number: int,
        version: int,  # noqa: ARG002
        failures: Sequence[Seen],
        refused: Sequence[Try],  # noqa: ARG002
    ) -> Sequence[Edit]:
        """A note that says nothing, or the planted rule."""
        line = f"- Note {number}: be careful." + (f" {[one.task for one in failures]}" if self.memorises else "")
        line = GOOD if self.gain and number == PLANTED else line
        answer = f"Here they are:\n{json.dumps({'edits': [{'op': 'add', 'after': '# Routing', 'new': line}]})}"
        return read_edits(answer, 3)

    def candidate(self, number: int, version: int, edits: Sequence[Edit]) -> str:
        """The edits made."""
        self.candidates[number] = edited(self.texts[version], edits)
        return digest_text(self.candidates[number])

    def rollouts(self, version: int, tasks: Sequence[str]) -> Sequence[Seen]:
        """By the version's text."""
        return self._on_train(self.texts[version], tasks)

    def screened(self, number: int, tasks: Sequence[str]) -> Sequence[Seen]:
        """By the candidate's text."""
        return self._on_train(self.candidates[number], tasks)

    def on_dev(self, version: int) -> Sequence[Seen]:
        """All dev tasks, by the version's text."""
        return self._dev(self.texts[version])

    def tested(self, number: int) -> Sequence[Seen]:
        """All dev tasks, by the candidate's."""
        return self._dev(self.candidates[number])

    def accept(self, made: Try) -> None:
        """The candidate's text is the version's."""
        self.texts[made.becomes] = self.candidates[made.number]

    def _dev(self, text: str) -> Sequence[Seen]:
        return self._seen(text, "dev", self.dev_tasks, self.cluster)

    def _on_train(self, text: str, tasks: Sequence[str]) -> Sequence[Seen]:
        found = {one.task: one for one in self._seen(text, "train", TRAIN, 1)}
        return [replace(found[task], value=1.0) if f"'{task}'" in text else found[task] for task in tasks]

    def _seen(self, text: str, split: str, many: int, size: int) -> Sequence[Seen]:
        """A split: an edit draws a share of the sources again, the planted one raises the rate of all."""
        sources, rate = -(-many // size), RATE + (self.gain if GOOD in text else 0.0)
        thrown = self._uniforms("thrown", split, text)[:sources] < DISCORDANT * (text != BODY)
        luck = []
        for words in ("", text):  # of a source, and where a task goes its own way of the task
            whole, own = self._uniforms("whole", split, words)[:sources], self._uniforms("own", split, words)[:many]
            alone = self._uniforms("alone", split, "")[:many] < (0.5 if size > 1 else 0.0)
            luck.append(np.where(alone, own, np.repeat(whole, size)[:many]))
        passed = np.where(np.repeat(thrown, size)[:many], luck[1], luck[0]) < rate
        return [
            Seen(task=f"{split}-{n}", cluster=f"{split}-source-{n // size}", value=float(one))
            for n, one in enumerate(passed.tolist())
        ]

    def _uniforms(self, *parts: str) -> Array:
        text = "\x1f".join((str(self.seed), *parts))
        seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
        return np.random.default_rng(seed).random(max(TRAIN, self.dev_tasks))


def tried(rng: Rng, world: dict[str, object], tries: int = 10) -> list[Try]:
    """The tries of one loop in a new world."""
    seed = int(rng.integers(1 << 62))
    return list(Climb(World(seed=seed, **world), Rules(tries=tries, seed=random.Random(seed).randrange(1 << 30))))  # type: ignore[arg-type]


def falsely(**world: object) -> One:
    """Whether a loop of ten tries accepts an edit that helps nobody."""

    def one(rng: Rng) -> Outcome:
        found = tried(rng, world)
        return float(any(made.accepted and GOOD not in str(made.edits) for made in found)), False

    return one


def planted(**world: object) -> One:
    """Whether the planted edit is accepted."""

    def one(rng: Rng) -> Outcome:
        found = tried(rng, world, tries=PLANTED)
        return float(any(made.accepted and GOOD in str(made.edits) for made in found)), False

    return one

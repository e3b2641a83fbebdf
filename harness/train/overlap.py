"""Whether training data holds what judges: tasks of suites, word for word or nearly.

What is compared is a task's own text, not the prompt around it. Near is what shares at least 0.7 of a task's 8-grams of
words, as Chowdhery et al. (PaLM, 2022) count it; short tasks have few of these, so a line with the same answer is near
as well where it shares two thirds of the pairs of words: about one word is another.
"""

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core import OwnbenchError, Suite, Task, UserFileError, plural
from harness.suite import load_suite
from harness.train.examples import Example, Preference

LONG, SHORT, PAIR = 8, 4, 2  # words of a gram; `SHORT` of tasks with fewer than `LONG` words
LONG_SHARE, PAIR_SHARE = 0.7, 2 / 3
FEWEST = 7  # words of a task that can be nearly the same by pairs
LONGER = 2  # so many times as long as the task may a line be that is nearly the same by pairs
COMMON = 0.2  # a gram in more than this share of a suite's tasks is boilerplate and says nothing
ENOUGH = 20  # in a smaller suite nothing is taken for boilerplate
EXACT, NEAR = "exact", "near"

_KANA_HAN = "\u3040-\u30ff\u3400-\u9fff"  # each such letter is a word
_WORD = re.compile(rf"[{_KANA_HAN}]|[^\W{_KANA_HAN}]+|[^\w\s.,;:!?\"'()\[\]{{}}…“”‘’]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A line of training data that holds a task."""

    place: str  # of the line
    suite: str
    task: str
    split: str  # ``test``, also of a task without a split, or ``dev``
    how: str  # ``exact`` or ``near``


def find_overlap(taught: Iterable[Example | Preference], suites: Sequence[Suite]) -> tuple[Match, ...]:
    """The lines that hold dev or test tasks of the suites, in their order; of exact and near the exact one."""
    index = _Index(suites)
    known: dict[tuple[str, ...], list[tuple[int, str]]] = {}  # many lines are alike
    found = []
    for one in taught:
        texts = _texts_of(one)
        if texts not in known:
            known[texts] = index.found(*texts)
        for at, how in known[texts]:
            suite, task = index.tasks[at]
            found.append(Match(place=one.place, suite=suite, task=task.id, split=task.split or "test", how=how))
    return tuple(found)


def check_overlap(
    taught: Iterable[Example | Preference],
    suites: Sequence[Suite],
    *,
    allow: Collection[str] = (),
    dev: bool = False,
) -> dict[str, dict[str, int]]:
    """What a card says of the overlap: by suite the tasks that lines hold, by split and how, and those lines.

    ``allow`` names suites whose overlap is only counted; with ``dev`` that with dev tasks is only counted too. Raises
    UserFileError, which names the first line: there is other overlap.
    """
    matches = find_overlap(taught, suites)
    barred = [one for one in matches if one.suite not in allow and not (dev and one.split == "dev")]
    if barred:
        first = next((one for one in barred if one.split == "test"), barred[0])
        what = f"a {first.split} task" if first.how == EXACT else f"nearly a {first.split} task"
        lines = plural(len({one.place for one in barred}), "such line")
        tasks = Counter(how for (_, _, how) in {(one.suite, one.task, one.how) for one in barred})
        told = ", ".join(f"{plural(tasks[how], 'task')} {word}" for how, word in _HOW.items() if tasks[how])
        problem = f"holds {what}: {first.task} of the suite {first.suite} ({lines}, {told})"
        advice = f"take them out, or write allow_overlap: [{first.suite}]"
        raise UserFileError(first.place, problem, advice=advice)
    record: dict[str, dict[str, int]] = {}
    for suite in suites:
        own = [one for one in matches if one.suite == suite.name]
        keys = {(one.task, one.split, one.how) for one in own}
        counts = {f"{split}_{how}": sum(key[1:] == (split, how) for key in keys) for split in _SPLITS for how in _HOW}
        record[suite.name] = counts | {"lines": len({one.place for one in own})}
    return record


def known_suites(*places: Path) -> tuple[tuple[Suite, ...], tuple[str, ...]]:
    """The suites in the folders ``suites`` beside and above these places, each once; and why others cannot be read.

    A place may be a suite itself, and is one of them then.
    """
    found: dict[Path, Suite | None] = {}
    problems = []
    for place in map(Path.resolve, places):
        around = [place, *place.parents]
        for folder in [place, *(path for above in around for path in sorted((above / "suites").glob("*")))]:
            if folder not in found and (folder / "suite.yaml").is_file():
                try:
                    found[folder] = load_suite(folder)
                except OwnbenchError as error:
                    found[folder] = None
                    problems.append(str(error))
    return tuple(suite for suite in found.values() if suite is not None), tuple(problems)


_HOW = {EXACT: "word for word", NEAR: "nearly"}
_SPLITS = ("test", "dev")


def words(text: str) -> list[str]:
    """The words of a text, and signs that mean something, whatever their case and width."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _texts_of(one: Example | Preference) -> tuple[str, str, str]:
    """The whole prompt, what the user asks last, and the answer. A text without a prompt is all of it."""
    answer = one.completion if isinstance(one, Example) else one.chosen
    said = [str(message.get("content") or "") for message in one.prompt]
    asked = next((str(m.get("content") or "") for m in reversed(one.prompt) if m.get("role") == "user"), "")
    return ("\n".join(said), asked, answer) if said else (answer, answer, "")


def _grams(said: Sequence[str], size: int) -> set[str]:
    return {" ".join(said[at : at + size]) for at in range(len(said) - size + 1)}


@dataclass(slots=True)
class _Grams:
    """By gram the tasks that have it; and of each task how many a line needs."""

    size: int
    postings: dict[str, Any] = field(default_factory=dict)  # arrays of positions
    needed: Any = None

    def held(self, grams: set[str]) -> list[int]:
        """The tasks of which these grams are enough."""
        import numpy as np

        if not (lists := [self.postings[gram] for gram in grams if gram in self.postings]):
            return []
        counts = np.bincount(np.concatenate(lists))
        hits: list[int] = np.flatnonzero(counts >= self.needed[: len(counts)]).tolist()
        return hits


class _Index:
    """Tasks by their texts and by their grams."""

    def __init__(self, suites: Sequence[Suite]) -> None:
        self.tasks = [(suite.name, task) for suite in suites for task in suite.tasks if task.split != "train"]
        self.said = [words(task.text) for _, task in self.tasks]
        self.lengths = list(map(len, self.said))
        self.joined = [" ".join(said) for said in self.said]
        self.answers = [_answers(task) for _, task in self.tasks]
        self.whole: dict[str, list[int]] = {}
        for at, text in enumerate(self.joined):
            if text:
                self.whole.setdefault(text, []).append(at)
        self.frames = {_frame(suite) for suite in suites} - {("", "")}
        of_suite: dict[str, list[int]] = {}
        for at, (suite, _) in enumerate(self.tasks):
            of_suite.setdefault(suite, []).append(at)
        self.long, self.short, self.pairs = (
            self._of(size, of_suite, range(low, high + 1), share)
            for size, low, high, share in (
                (LONG, LONG, max(self.lengths, default=0), LONG_SHARE),
                (SHORT, SHORT, LONG - 1, 1.0),
                (PAIR, FEWEST, max(self.lengths, default=0), PAIR_SHARE),
            )
        )

    def _of(self, size: int, of_suite: Mapping[str, list[int]], lengths: range, share: float) -> _Grams:
        import numpy as np

        postings: dict[str, list[int]] = {}
        needed = np.full(len(self.tasks), np.iinfo(np.int64).max)
        for places in of_suite.values():
            grams = {at: _grams(self.said[at], size) for at in places if self.lengths[at] in lengths}
            counts = Counter(gram for some in grams.values() for gram in some)
            most = COMMON * len(places) if len(places) >= ENOUGH else math.inf
            for at, some in grams.items():
                rare = [gram for gram in some if counts[gram] <= most]
                if rare:
                    needed[at] = math.ceil(share * len(rare) - 1e-9)
                for gram in rare:
                    postings.setdefault(gram, []).append(at)
        return _Grams(size, {gram: np.array(places) for gram, places in postings.items()}, needed)

    def found(self, prompt: str, asked: str, answer: str) -> list[tuple[int, str]]:
        """The tasks that a line holds, by position, and how."""
        bare = self._bare(asked)
        exact = {at for text in {prompt, asked, *bare} for at in self.whole.get(" ".join(words(text)), ())}
        said, told = words(prompt), words(answer)
        text = f" {' '.join(said)} | {' '.join(told)} "
        near = set()
        for grams in (self.long, self.short):
            near.update(grams.held(_grams(said, grams.size) | _grams(told, grams.size)))
        exact |= {at for at in near if f" {self.joined[at]} " in text}
        short = min((words(one) for one in (asked, *bare)), key=len)
        answered = set(told)
        near |= {
            at
            for at in self.pairs.held(_grams(short, PAIR))
            if len(short) <= LONGER * self.lengths[at] and any(one <= answered for one in self.answers[at])
        }
        return [(at, EXACT if at in exact else NEAR) for at in sorted(exact | near)]

    def _bare(self, asked: str) -> list[str]:
        """The question without the words that a suite's prompt puts around its tasks."""
        text = asked.strip()
        return [
            text.removeprefix(head).removesuffix(tail).strip()
            for head, tail in self.frames
            if text.startswith(head) and text.endswith(tail)
        ]


def _frame(suite: Suite) -> tuple[str, str]:
    """What a suite's prompt says before and after the task."""
    head, mark, _ = suite.prompt.template.user.partition("{")
    return (head.lstrip(), suite.prompt.template.user.rpartition("}")[2].rstrip()) if mark else ("", "")


def _answers(task: Task) -> list[set[str]]:
    """Of each right answer its words; one without words where none is known."""
    given = task.reference if isinstance(task.reference, list) else [task.reference]
    texts = [one if isinstance(one, str) else "" if one is None else json.dumps(one, default=str) for one in given]
    return [set(words(text)) for text in texts]

"""The tasks and attempts of a report that are as asked for, a page at a time, with what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from harness.core import EvidenceError, UsageError
from harness.store.outcomes import ERRORED, GRADED, SKIPPED, UNGRADED, Outcomes, TaskKey
from harness.store.task_metadata import tasks_with_metadata
from harness.store.task_order import fared, in_order
from harness.store.words import Array, Words

FLIPS = ("lost", "gained", "either")
"""Of a flip from the view of the first contender: the second alone passed, the first alone did, or one of these."""
AGREEMENTS = ("all failed", "all passed", "differ")
"""How contenders fared at a task: none earned anything, all passed, or some passed more than others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """What is looked for. An empty list, ``None`` or an empty text asks for nothing; all that is asked for must hold.

    A task is found where one of its attempts is: contender, status, cause and so on are of one attempt.
    """

    contenders: Sequence[str] = ()
    split: str | None = None  # ``test`` takes rows without a split too, of suites that have none, as everywhere
    suites: Sequence[str] = ()
    domains: Sequence[str] = ()
    statuses: Sequence[str] = ()  # words of `RESULTS`: ``failed`` is what earned nothing
    causes: Sequence[str] = ()
    labels: Sequence[str] = ()  # expected
    given: Sequence[str] = ()  # labels that were answered
    metadata: Sequence[str] = ()
    """``KEY=VALUE`` of a task's metadata: of each key that is named one of its values."""
    escalated: bool | None = None
    flipped: tuple[str, str, str] | None = None
    """Two contenders and one of `FLIPS`: the tasks that only one of them passed, as a comparison of the two counts."""
    text: str = ""  # in the task's name, its domain, its suite, a label or the cause, whatever the case of the letters
    inputs: Sequence[int] | None = None  # tasks in whose inputs the text was found: as if it stood in their names
    answers: Sequence[int] | None = None  # rows in whose answers or reasons it was found: as if it were their cause
    agreement: str = ""  # one of `AGREEMENTS`, of the contenders asked for where these are several, else of all
    first: str = ""
    """What stands first, else all are in the file's order: ``differ``, where these contenders differ most; one of
    `AMOUNTS`, the tasks at which one attempt of those found has the most of it, and none of which it is unknown;
    ``name`` or ``-name``, numbers by their size; ``passed:CONTENDER`` or ``failed:CONTENDER``, by its mean score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCell:
    """One contender at one task; repeated rows are left out, as in every rate."""

    contender: str
    passed: int  # of its graded trials: with the full score
    partly: int  # of its graded trials: with a part of it
    graded: int
    score: float | None  # mean over the graded trials, a pass as 1, a failure as 0; ``None`` where there is none
    errored: int  # trials that the instrument failed
    ungraded: int  # trials with an answer that the grader could not judge
    skipped: int
    escalated: int
    each: str = "trial"  # what its tries are, as `Outcomes.tries_of` has it


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task."""

    position: int  # in the index
    key: TaskKey
    task: str
    suite: str | None
    domain: str | None
    split: str | None
    cells: tuple[TaskCell, ...]  # of the contenders that were asked for, else of all; in their order


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One outcome, as far as the index holds it. ``None`` is unknown."""

    row: int  # its place in the file
    attempt_id: str | None
    contender: str
    suite: str | None
    task: str
    domain: str | None
    split: str | None
    trial: int
    status: str
    result: str  # one of `RESULTS`: the status, or that it passed in part
    cause: str | None
    passed: bool | None
    score: float | None
    label_true: str | None
    label_predicted: str | None
    confidence: float | None
    escalated: bool | None
    cost_usd: float | None
    latency_s: float | None
    repeated: bool  # its contender, task and trial have come before: it is in no rate
    seed: str | None = None  # of a contender with several training seeds the one that made it

    @property
    def named(self) -> str:
        """Which of its contender's tries it is: ``trial 1``, or ``seed tuned-2``."""
        return f"trial {self.trial}" if self.seed is None else f"seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """Some of the tasks that were found."""

    rows: tuple[TaskRow, ...]
    found: Array  # the positions of all tasks that were found, in their order
    total: int  # how many these are
    attempts: int  # how many attempts of theirs are as asked for


def find_tasks(index: Outcomes, wanted: TaskFilter | None = None, *, offset: int = 0, limit: int = 50) -> TaskPage:
    """Tasks with such an attempt. Raises UsageError: the filter names what is not there."""
    if offset < 0 or limit < 0:
        raise UsageError(f"a page starts at {offset} and holds {limit}: neither can be less than 0")
    wanted = wanted or TaskFilter()
    rows = matching_rows(index, wanted)
    there = np.flatnonzero(np.bincount(index.task[rows], minlength=index.tasks))
    found = in_order(index, (wanted.first, wanted.contenders, wanted.split), rows, there)
    page = found[offset : offset + limit]
    names = tuple(dict.fromkeys(wanted.contenders)) or index.contenders
    counts = _cells(index, page, names, wanted.split)
    scores = counts.pop("score")
    shown = []
    for place, task in enumerate(page.tolist()):
        cells = []
        for k, name in enumerate(names):
            of = {word: int(count[k, place]) for word, count in counts.items()}
            score = float(scores[k, place]) / of["graded"] if of["graded"] else None
            cells.append(TaskCell(contender=name, score=score, each=index.tries_of(name), **of))
        shown.append(
            TaskRow(
                position=task,
                key=index.key_of(task),
                task=index.task_names[task].as_py(),
                suite=index.suite[task],
                domain=index.domain[task],
                split=index.words("split")[int(index.first[task])],
                cells=tuple(cells),
            )
        )
    return TaskPage(rows=tuple(shown), found=found, total=len(found), attempts=len(rows))


def attempts_of(index: Outcomes, key: TaskKey) -> tuple[AttemptRow, ...]:
    """All attempts at a task, by contender and trial. Raises EvidenceError: there is no such task."""
    rows = np.flatnonzero(index.task == index.task_of(key))
    return attempt_rows(index, rows[np.lexsort((rows, index.trial[rows], index.contender.codes[rows]))])


def attempt_of(index: Outcomes, attempt_id: str) -> AttemptRow:
    """The outcome of an attempt. Raises EvidenceError: the report has no such attempt."""
    row = index.row_of(attempt_id)
    if row < 0:
        raise EvidenceError(f"{index.report}: there is no attempt {attempt_id!r}")
    return attempt_rows(index, np.array([row]))[0]


def attempt_rows(index: Outcomes, rows: Array) -> tuple[AttemptRow, ...]:
    """The outcomes of these rows."""
    columns = attempt_columns(index, rows)
    return tuple(AttemptRow(**dict(zip(columns, one, strict=True))) for one in zip(*columns.values(), strict=True))


def attempt_columns(index: Outcomes, rows: Array) -> dict[str, list[Any]]:
    """The same by column: the fields of `AttemptRow`, each a list with an entry a row."""
    tasks, answers = index.task[rows], [False, True, None]  # a code is 0, 1, or -1 where unknown
    found = {
        "row": rows.tolist(),
        "attempt_id": index.attempt_texts(rows).to_pylist(),
        "suite": index.suite.texts(tasks).to_pylist(),
        "task": index.task_names.take(tasks).to_pylist(),
        "domain": index.domain.texts(tasks).to_pylist(),
        "trial": index.trial[rows].tolist(),
        "result": index.result.texts(rows).to_pylist(),
        "passed": [answers[code] for code in index.passed[rows].tolist()],
        "escalated": [answers[code] for code in index.escalated[rows].tolist()],
        "repeated": index.repeated[rows].tolist(),
        "seed": index.seeds_at(rows),
    }
    names = [field.name for field in fields(AttemptRow)]
    return {name: found[name] if name in found else index.column_at(name, rows).to_pylist() for name in names}


def matching_rows(index: Outcomes, wanted: TaskFilter) -> Array:
    """The rows of the attempts that are as asked for, in the order of the file; errors as `find_tasks`."""
    keep = index.in_split(wanted.split)
    for words, names, what in (
        (index.contender, wanted.contenders, "contender"),
        (index.result, wanted.statuses, "result"),
        (index.words("cause"), wanted.causes, "cause"),
    ):
        if names:
            keep &= _among(index, words, names, what)
    for column, names, what in (
        ("label_true", wanted.labels, "expected label"),
        ("label_predicted", wanted.given, "given label"),
    ):
        if names:
            keep &= _among(index, index.words(column), names, what)
    tasks = _tasks_wanted(index, wanted)
    if not tasks.all():
        keep &= tasks[index.task]
    if wanted.escalated is not None:
        keep &= index.escalated == int(wanted.escalated)
    if wanted.text:
        keep &= _with_text(index, wanted)
    return np.flatnonzero(keep)


def _tasks_wanted(index: Outcomes, wanted: TaskFilter) -> Array:
    """Of each task whether it is as asked for, whatever its attempts are."""
    tasks = np.ones(index.tasks, dtype=bool)
    for words, names, what in ((index.suite, wanted.suites, "suite"), (index.domain, wanted.domains, "domain")):
        if names:
            tasks &= _among(index, words, names, what)
    if wanted.metadata:
        tasks &= tasks_with_metadata(index, wanted.metadata)
    if wanted.flipped is not None:
        tasks &= _flipped(index, *wanted.flipped, wanted.split)
    if wanted.agreement:
        tasks &= _agreeing(index, wanted)
    return tasks


def words_found(index: Outcomes, split: str | None = None) -> Mapping[str, tuple[str, ...]]:
    """By ``suite``, ``domain``, ``result``, ``cause`` and labels the words that a part of the suites has, in order."""
    rows, tasks = index.in_split(split), tasks_in(index, split)
    found = {}
    for name, words, here in (("suite", index.suite, tasks), ("domain", index.domain, tasks),
                              ("result", index.result, rows), *((one, index.words(one), rows) for one in
                              ("cause", "label_true", "label_predicted"))):  # fmt: skip
        counts = np.bincount(words.codes[here].astype(np.int64) + 1, minlength=len(words.names) + 1)[1:]
        found[name] = tuple(word for word, count in zip(words.every, counts.tolist(), strict=True) if count)
    return found


def tasks_in(index: Outcomes, split: str | None = None) -> Array:
    """Of each task whether a row of that part of the suites is of it."""
    return np.bincount(index.task[index.in_split(split)], minlength=index.tasks) > 0


def _among(index: Outcomes, words: Words, names: Sequence[str], what: str) -> Array:
    allowed = np.zeros(len(words.names) + 1, dtype=bool)  # the last is that of -1
    allowed[[words.code(name, what, index.report) for name in names]] = True
    return np.asarray(allowed[words.codes])


def _flipped(index: Outcomes, a: str, b: str, direction: str, split: str | None) -> Array:
    """Of each task whether it flipped: one of the two alone passed more than half of as many graded trials of both."""
    if direction not in FLIPS:
        raise UsageError(f"unknown direction {direction!r} of a flip; use one of {', '.join(FLIPS)}")
    usable = index.in_split(split)
    sides = []
    for name in (a, b):
        code = index.contender.code(name, "contender", index.report)
        rows = np.flatnonzero(usable & (index.contender.codes == code))
        rows = rows[~index.repeats(rows)]  # as for the statistics, other splits are left out before
        rows = rows[index.status.codes[rows] < GRADED]
        sides.append(rows[np.lexsort((index.trial[rows], index.task[rows]))])
    few = np.minimum(*(np.bincount(index.task[rows], minlength=index.tasks) for rows in sides))
    passed, both = [], few > 0
    for rows in sides:  # the first by number
        tasks = index.task[rows]
        kept = np.arange(len(tasks)) - np.searchsorted(tasks, tasks) < few[tasks]
        sums = np.bincount(tasks[kept], weights=index.values(rows)[kept], minlength=index.tasks)
        passed.append(sums > 0.5 * few)
    lost, gained = both & passed[1] & ~passed[0], both & passed[0] & ~passed[1]
    return {"lost": lost, "gained": gained, "either": lost | gained}[direction]


def _agreeing(index: Outcomes, wanted: TaskFilter) -> Array:
    if wanted.agreement not in AGREEMENTS:
        raise UsageError(f"unknown agreement {wanted.agreement!r}; use one of {', '.join(AGREEMENTS)}")
    low, high, _ = fared(index, wanted.contenders, wanted.split)
    ways = {"all failed": high == 0, "all passed": low == 1, "differ": high > low}
    return np.asarray(ways[wanted.agreement])


def _with_text(index: Outcomes, wanted: TaskFilter) -> Array:
    """Of each row whether the text stands in one of its words."""
    tasks = _has(index.task_names, wanted.text)[:-1]
    for words in (index.domain, index.suite):
        tasks = tasks | _has(words.names, wanted.text)[words.codes]
    if wanted.inputs is not None:
        tasks[np.asarray(wanted.inputs, dtype=np.int64)] = True
    found = np.asarray(tasks[index.task])
    for words in (index.words(name) for name in ("label_true", "label_predicted", "cause")):
        having = _has(words.names, wanted.text)
        if having.any():
            found = found | having[words.codes]
    if wanted.answers is not None:
        found[np.asarray(wanted.answers, dtype=np.int64)] = True
    return found


def _has(words: Any, text: str) -> Array:
    """Of each word whether it holds the text, and one False more, for the code -1."""
    import pyarrow.compute as pc

    try:
        found = pc.match_substring(words, text, ignore_case=True)
    except UnicodeEncodeError:  # half of a surrogate pair, which no file can hold
        return np.zeros(len(words) + 1, dtype=bool)
    return np.append(np.asarray(found, dtype=bool), False)


def _cells(index: Outcomes, tasks: Array, names: Sequence[str], split: str | None) -> dict[str, Array]:
    """By word of a `TaskCell` the counts, and the sum of the scores; of the shape [names, tasks]."""
    place = np.full(index.tasks, -1, dtype=np.int64)
    place[tasks] = np.arange(len(tasks))
    code = np.full(len(index.contenders), -1, dtype=np.int64)
    code[[index.contender.code(name, "contender", index.report) for name in names]] = np.arange(len(names))
    rows = np.flatnonzero((place >= 0)[index.task] & index.in_split(split))
    rows = rows[code[index.contender.codes[rows]] >= 0]
    used = rows[~index.repeats(rows)]
    cell = code[index.contender.codes[used]] * len(tasks) + place[index.task[used]]
    status, graded = index.status.codes[used], index.status.codes[used] < GRADED
    value = np.zeros(len(used))
    value[graded] = index.values(used[graded])
    partly = index.result.codes[used] == len(index.status.names)
    picked = {
        "passed": graded & ~partly & (value > 0),
        "partly": partly,
        "graded": graded,
        "errored": status == ERRORED,
        "ungraded": status == UNGRADED,
        "skipped": status == SKIPPED,
        "escalated": index.escalated[used] == 1,
        "score": value,
    }
    size = len(names) * len(tasks)
    totals = {word: np.bincount(cell, weights=of, minlength=size) for word, of in picked.items()}
    return {word: total.reshape(len(names), len(tasks)) for word, total in totals.items()}

"""Finding tasks and attempts in a report: filters over its index, a page of rows at a time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.core import EvidenceError, UsageError
from harness.store.browse_index import GRADED, TaskIndex, TaskKey, Words, repeats

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

FLIPS = ("lost", "gained", "either")
"""Of a flip from the view of the first contender: the second alone passed, the first alone did, or one of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """What is looked for. An empty list, ``None`` or an empty text asks for nothing; all that is asked for must hold.

    A task is found where one of its attempts is: the contender, the status, the cause and so on are of one attempt.
    """

    contenders: Sequence[str] = ()
    split: str | None = None
    """``test`` takes rows without a split too, of suites that have none, as everywhere."""
    suites: Sequence[str] = ()
    domains: Sequence[str] = ()
    statuses: Sequence[str] = ()
    causes: Sequence[str] = ()
    escalated: bool | None = None
    flipped: tuple[str, str, str] | None = None
    """Two contenders and one of `FLIPS`: the tasks that only one of them passed, as a comparison of the two counts."""
    text: str = ""
    """Stands in the task's name, its domain, its suite, a label or the cause, whatever the case of the letters."""
    inputs: Sequence[int] | None = None
    """Positions of tasks in whose inputs the text was found: they count as if the text stood in their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCell:
    """One contender at one task; repeated rows are left out, as in every rate."""

    contender: str
    passed: int
    """Of its graded trials."""
    graded: int
    errored: int
    """Trials that the instrument lost: errored or ungraded."""
    skipped: int
    escalated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task."""

    position: int
    """In the index."""
    key: TaskKey
    task: str
    suite: str | None
    domain: str | None
    split: str | None
    cells: tuple[TaskCell, ...]
    """Of the contenders that were asked for, else of all; in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One outcome, as far as the index holds it. ``None`` is unknown."""

    row: int
    """Its place in the file."""
    attempt_id: str | None
    contender: str
    suite: str | None
    task: str
    domain: str | None
    split: str | None
    trial: int
    status: str
    cause: str | None
    passed: bool | None
    score: float | None
    label_true: str | None
    label_predicted: str | None
    confidence: float | None
    escalated: bool | None
    cost_usd: float | None
    latency_s: float | None
    repeated: bool
    """Its contender, task and trial have come before: it is in no rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """Some of the tasks that were found."""

    rows: tuple[TaskRow, ...]
    total: int
    """How many tasks were found."""
    attempts: int
    """How many attempts of theirs are as asked for."""
    offset: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptPage:
    """Some of the attempts that were found."""

    rows: tuple[AttemptRow, ...]
    total: int
    offset: int
    limit: int


NOTHING_ASKED = TaskFilter()


def find_tasks(index: TaskIndex, wanted: TaskFilter = NOTHING_ASKED, *, offset: int = 0, limit: int = 50) -> TaskPage:
    """The tasks that have such an attempt, in the order of the file.

    Raises:
        UsageError: the filter names what the report does not have; names the nearest.
    """
    import numpy as np

    rows = matching_rows(index, wanted)
    found = np.flatnonzero(np.bincount(index.task[rows], minlength=index.tasks))
    page = found[_window(offset, limit)]
    names = tuple(dict.fromkeys(wanted.contenders)) or index.contenders
    counts = _cells(index, page, names, wanted.split)
    words = ("passed", "graded", "errored", "skipped", "escalated")
    shown = []
    for place, task in enumerate(page.tolist()):
        cells = tuple(
            TaskCell(contender=name, **{word: int(counts[word][k, place]) for word in words})
            for k, name in enumerate(names)
        )
        shown.append(
            TaskRow(
                position=task,
                key=index.key_of(task),
                task=index.task_names[task].as_py(),
                suite=index.suite[task],
                domain=index.domain[task],
                split=index.split[int(index.first[task])],
                cells=cells,
            )
        )
    return TaskPage(rows=tuple(shown), total=len(found), attempts=len(rows), offset=offset, limit=limit)


def find_attempts(
    index: TaskIndex, wanted: TaskFilter = NOTHING_ASKED, *, offset: int = 0, limit: int = 50
) -> AttemptPage:
    """The attempts that are as asked for, in the order of the file; errors as `find_tasks`."""
    rows = matching_rows(index, wanted)
    return AttemptPage(
        rows=attempt_rows(index, rows[_window(offset, limit)]), total=len(rows), offset=offset, limit=limit
    )


def attempts_of(index: TaskIndex, key: TaskKey, contender: str | None = None) -> tuple[AttemptRow, ...]:
    """All attempts at one task, of one contender or of all, by contender and trial.

    Raises:
        UsageError: there is no such contender.
        EvidenceError: there is no such task.
    """
    import numpy as np

    of = index.task == index.task_of(key)
    if contender is not None:
        of &= index.contender.codes == index.contender.code(contender, "contender", index.report)
    rows = np.flatnonzero(of)
    return attempt_rows(index, rows[np.lexsort((rows, index.trial[rows], index.contender.codes[rows]))])


def attempt_of(index: TaskIndex, attempt_id: str) -> AttemptRow:
    """The outcome of an attempt.

    Raises:
        EvidenceError: the report has no such attempt.
    """
    rows = index.rows_of([attempt_id])
    if not len(rows):
        raise EvidenceError(f"{index.report}: there is no attempt {attempt_id!r}")
    return attempt_rows(index, rows[:1])[0]


def attempt_rows(index: TaskIndex, rows: "Array") -> tuple[AttemptRow, ...]:
    """The outcomes of these rows."""
    columns = attempt_columns(index, rows)
    return tuple(AttemptRow(**dict(zip(columns, one, strict=True))) for one in zip(*columns.values(), strict=True))


def attempt_columns(index: TaskIndex, rows: "Array") -> dict[str, list[Any]]:
    """The same by column: the fields of `AttemptRow`, each a list with an entry a row."""
    import pyarrow as pa

    tasks = index.task[rows]
    return {
        "row": rows.tolist(),
        "attempt_id": index.attempt_texts(rows).to_pylist(),
        "contender": _words(index.contender, rows),
        "suite": _words(index.suite, tasks),
        "task": index.task_names.take(pa.array(tasks)).to_pylist(),
        "domain": _words(index.domain, tasks),
        "split": _words(index.split, rows),
        "trial": index.trial[rows].tolist(),
        "status": _words(index.status, rows),
        "cause": _words(index.cause, rows),
        "passed": _answers(index.passed[rows]),
        "score": _numbers(index, "score", rows),
        "label_true": _words(index.label_true, rows),
        "label_predicted": _words(index.label_predicted, rows),
        "confidence": _numbers(index, "confidence", rows),
        "escalated": _answers(index.escalated[rows]),
        "cost_usd": _numbers(index, "cost_usd", rows),
        "latency_s": _numbers(index, "latency_s", rows),
        "repeated": index.repeated[rows].tolist(),
    }


def _words(words: Words, places: "Array") -> list[str | None]:
    import pyarrow as pa

    codes = words.codes[places]
    found: list[str | None] = words.names.take(pa.array(codes, pa.int64(), mask=codes < 0)).to_pylist()
    return found


def _answers(codes: "Array") -> list[bool | None]:
    return [None if code < 0 else code == 1 for code in codes.tolist()]


def _numbers(index: TaskIndex, name: str, rows: "Array") -> list[float | None]:
    values = index.numbers[name]
    if values is None:
        return [None] * len(rows)
    return [None if math.isnan(value) else value for value in values[rows].tolist()]


def matching_rows(index: TaskIndex, wanted: TaskFilter) -> "Array":
    """The rows of the attempts that are as asked for, in the order of the file; errors as `find_tasks`."""
    import numpy as np

    keep = _in_split(index, wanted.split)
    for words, names, what in (
        (index.contender, wanted.contenders, "contender"),
        (index.status, wanted.statuses, "status"),
        (index.cause, wanted.causes, "cause"),
    ):
        if names:
            keep &= _among(words, names, what, index)
    tasks = None
    for words, names, what in ((index.suite, wanted.suites, "suite"), (index.domain, wanted.domains, "domain")):
        if names:
            tasks = _both(tasks, _among(words, names, what, index))
    if wanted.flipped is not None:
        tasks = _both(tasks, _flipped(index, wanted))
    if tasks is not None:
        keep &= tasks[index.task]
    if wanted.escalated is not None:
        keep &= index.escalated == int(wanted.escalated)
    if wanted.text:
        keep &= _with_text(index, wanted)
    return np.flatnonzero(keep)


def _window(offset: int, limit: int) -> slice:
    if offset < 0 or limit < 0:
        raise UsageError(f"a page starts at {offset} and holds {limit}: neither can be less than 0")
    return slice(offset, offset + limit)


def _in_split(index: TaskIndex, split: str | None) -> "Array":
    import numpy as np

    if split in {None, "all"}:
        return np.ones(index.rows, dtype=bool)
    every = index.split.every
    # A report without splits is all test, as for the statistics.
    allowed = np.array([name == split for name in every] + [split == "test"])
    if not allowed.any():
        index.split.code(split, "split", index.report)
    found: Array = allowed[index.split.codes]
    return found


def _among(words: Words, names: Sequence[str], what: str, index: TaskIndex) -> "Array":
    import numpy as np

    allowed = np.zeros(len(words.names) + 1, dtype=bool)  # the last is that of -1
    allowed[[words.code(name, what, index.report) for name in names]] = True
    found: Array = allowed[words.codes]
    return found


def _both(first: "Array | None", second: "Array") -> "Array":
    return second if first is None else first & second


def _flipped(index: TaskIndex, wanted: TaskFilter) -> "Array":
    """Of each task whether it flipped: only one of the two passed more than half of its graded trials."""
    import numpy as np

    a, b, direction = wanted.flipped or ("", "", "")
    if direction not in FLIPS:
        raise UsageError(f"unknown direction {direction!r} of a flip; use one of {', '.join(FLIPS)}")
    usable = _in_split(index, wanted.split)
    passed, graded = [], []
    for name in (a, b):
        code = index.contender.code(name, "contender", index.report)
        rows = _once(index, np.flatnonzero(usable & (index.contender.codes == code)))
        rows = rows[index.status.codes[rows] < GRADED]
        tasks = index.task[rows]
        counts = np.bincount(tasks, minlength=index.tasks)
        passed.append(np.bincount(tasks, weights=_values(index, rows), minlength=index.tasks) > 0.5 * counts)
        graded.append(counts > 0)
    lost, gained = passed[1] & ~passed[0], passed[0] & ~passed[1]
    either = {"lost": lost, "gained": gained, "either": lost | gained}[direction]
    found: Array = either & graded[0] & graded[1]
    return found


def _once(index: TaskIndex, rows: "Array") -> "Array":
    """Of these rows the first of each trial; as for the statistics, other splits are left out before."""
    again = repeats(index.contender.codes[rows], index.task[rows], index.trial[rows])
    found: Array = rows[~again]
    return found


def _values(index: TaskIndex, rows: "Array") -> "Array":
    """Each graded row's value: passed as 0 or 1, else its score, else what its status says."""
    import numpy as np

    passed, by_status = index.passed[rows], index.status.codes[rows] == 0
    scores = index.numbers["score"]
    score = np.full(len(rows), np.nan) if scores is None else scores[rows]
    return np.where(passed >= 0, passed == 1, np.where(np.isfinite(score), score, by_status))


def _with_text(index: TaskIndex, wanted: TaskFilter) -> "Array":
    """Of each row whether the text stands in one of its words."""
    import numpy as np

    tasks = _has(index.task_names, wanted.text)[:-1]
    for words in (index.domain, index.suite):
        tasks = tasks | _has(words.names, wanted.text)[words.codes]
    if wanted.inputs is not None:
        tasks[np.asarray(wanted.inputs, dtype=np.int64)] = True
    found: Array = tasks[index.task]
    for words in (index.label_true, index.label_predicted, index.cause):
        having = _has(words.names, wanted.text)
        if having.any():
            found = found | having[words.codes]
    return found


def _has(words: Any, text: str) -> "Array":
    """Of each word whether it holds the text, and one False more, for the code -1."""
    import numpy as np
    import pyarrow.compute as pc

    try:
        found = pc.match_substring(words, text, ignore_case=True)
    except UnicodeEncodeError:  # half of a surrogate pair, which no file can hold
        return np.zeros(len(words) + 1, dtype=bool)
    return np.append(np.asarray(found, dtype=bool), False)


def _cells(index: TaskIndex, tasks: "Array", names: Sequence[str], split: str | None) -> dict[str, "Array"]:
    """By word the counts, of the shape [names, tasks]."""
    import numpy as np

    place = np.full(index.tasks, -1, dtype=np.int64)
    place[tasks] = np.arange(len(tasks))
    code = np.full(len(index.contenders), -1, dtype=np.int64)
    code[[index.contender.code(name, "contender", index.report) for name in names]] = np.arange(len(names))
    rows = np.flatnonzero((place >= 0)[index.task] & _in_split(index, split))
    used = _once(index, rows[code[index.contender.codes[rows]] >= 0])
    cell = code[index.contender.codes[used]] * len(tasks) + place[index.task[used]]
    status, graded = index.status.codes[used], index.status.codes[used] < GRADED
    passed = np.zeros(len(used), dtype=bool)
    passed[graded] = _values(index, used[graded]) > 0.5
    picked = {
        "passed": passed,
        "graded": graded,
        "errored": (status == 2) | (status == 3),
        "skipped": status == 4,
        "escalated": index.escalated[used] == 1,
    }
    shape = len(names), len(tasks)
    return {
        word: np.bincount(cell[of], minlength=len(names) * len(tasks)).reshape(shape) for word, of in picked.items()
    }

"""The tasks and attempts of a report that are as asked for, a page at a time, with what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from harness.core import EvidenceError, UsageError
from harness.store.browse_filter import NOTHING_ASKED, TaskFilter, matching_rows, once
from harness.store.outcomes import ERRORED, GRADED, SKIPPED, UNGRADED, Outcomes, TaskKey

if TYPE_CHECKING:
    from harness.store.columns import Array


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCell:
    """One contender at one task; repeated rows are left out, as in every rate."""

    contender: str
    passed: int  # of its graded trials: with the full score
    partly: int  # of its graded trials: with a part of it
    graded: int
    score: float | None
    """The mean over the graded trials, a passed one as 1 and a failed one as 0; ``None`` where there is none."""
    errored: int  # trials that the instrument lost: errored or ungraded
    skipped: int
    escalated: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """Some of the tasks that were found."""

    rows: tuple[TaskRow, ...]
    total: int  # how many tasks were found
    attempts: int  # how many attempts of theirs are as asked for
    offset: int
    limit: int


def find_tasks(index: Outcomes, wanted: TaskFilter = NOTHING_ASKED, *, offset: int = 0, limit: int = 50) -> TaskPage:
    """The tasks that have such an attempt, in the order of the file.

    Raises UsageError: the filter names what the report does not have; names the nearest.
    """
    import numpy as np

    rows = matching_rows(index, wanted)
    found = np.flatnonzero(np.bincount(index.task[rows], minlength=index.tasks))
    page = found[_window(offset, limit)]
    names = tuple(dict.fromkeys(wanted.contenders)) or index.contenders
    counts = _cells(index, page, names, wanted.split)
    words = ("passed", "partly", "graded", "errored", "skipped", "escalated")
    shown = []
    for place, task in enumerate(page.tolist()):
        cells = tuple(
            TaskCell(
                contender=name,
                score=counts["score"][k, place] / counts["graded"][k, place] if counts["graded"][k, place] else None,
                **{word: int(counts[word][k, place]) for word in words},
            )
            for k, name in enumerate(names)
        )
        shown.append(
            TaskRow(
                position=task,
                key=index.key_of(task),
                task=index.task_names[task].as_py(),
                suite=index.suite[task],
                domain=index.domain[task],
                split=index.words("split")[int(index.first[task])],
                cells=cells,
            )
        )
    return TaskPage(rows=tuple(shown), total=len(found), attempts=len(rows), offset=offset, limit=limit)


def attempts_of(index: Outcomes, key: TaskKey, contender: str | None = None) -> tuple[AttemptRow, ...]:
    """All attempts at one task, of one contender or of all, by contender and trial.

    Raises UsageError: there is no such contender. EvidenceError: there is no such task.
    """
    import numpy as np

    of = index.task == index.task_of(key)
    if contender is not None:
        of &= index.contender.codes == index.contender.code(contender, "contender", index.report)
    rows = np.flatnonzero(of)
    return attempt_rows(index, rows[np.lexsort((rows, index.trial[rows], index.contender.codes[rows]))])


def attempt_of(index: Outcomes, attempt_id: str) -> AttemptRow:
    """The outcome of an attempt. Raises EvidenceError: the report has no such attempt."""
    rows = index.rows_of([attempt_id])
    if not len(rows):
        raise EvidenceError(f"{index.report}: there is no attempt {attempt_id!r}")
    return attempt_rows(index, rows[:1])[0]


def attempt_rows(index: Outcomes, rows: "Array") -> tuple[AttemptRow, ...]:
    """The outcomes of these rows."""
    columns = attempt_columns(index, rows)
    return tuple(AttemptRow(**dict(zip(columns, one, strict=True))) for one in zip(*columns.values(), strict=True))


def attempt_columns(index: Outcomes, rows: "Array") -> dict[str, list[Any]]:
    """The same by column: the fields of `AttemptRow`, each a list with an entry a row."""
    tasks = index.task[rows]
    found = {
        "row": rows.tolist(),
        "attempt_id": index.attempt_texts(rows).to_pylist(),
        "suite": index.suite.texts(tasks).to_pylist(),
        "task": index.task_names.take(tasks).to_pylist(),
        "domain": index.domain.texts(tasks).to_pylist(),
        "trial": index.trial[rows].tolist(),
        "result": index.result.texts(rows).to_pylist(),
        "passed": _answers(index.passed[rows]),
        "escalated": _answers(index.escalated[rows]),
        "repeated": index.repeated[rows].tolist(),
    }
    names = [field.name for field in fields(AttemptRow)]
    found |= {name: index.column_at(name, rows).to_pylist() for name in names if name not in found}
    return {name: found[name] for name in names}


def _answers(codes: "Array") -> list[bool | None]:
    return [None if code < 0 else code == 1 for code in codes.tolist()]


def _window(offset: int, limit: int) -> slice:
    if offset < 0 or limit < 0:
        raise UsageError(f"a page starts at {offset} and holds {limit}: neither can be less than 0")
    return slice(offset, offset + limit)


def _cells(index: Outcomes, tasks: "Array", names: Sequence[str], split: str | None) -> dict[str, "Array"]:
    """By word the counts, and the sum of the scores; of the shape [names, tasks]."""
    import numpy as np

    place = np.full(index.tasks, -1, dtype=np.int64)
    place[tasks] = np.arange(len(tasks))
    code = np.full(len(index.contenders), -1, dtype=np.int64)
    code[[index.contender.code(name, "contender", index.report) for name in names]] = np.arange(len(names))
    rows = np.flatnonzero((place >= 0)[index.task] & index.in_split(split))
    used = once(index, rows[code[index.contender.codes[rows]] >= 0])
    cell = code[index.contender.codes[used]] * len(tasks) + place[index.task[used]]
    status, graded = index.status.codes[used], index.status.codes[used] < GRADED
    value = np.zeros(len(used))
    value[graded] = index.values(used[graded])
    partly = index.result.codes[used] == len(index.status.names)
    picked = {
        "passed": graded & ~partly & (value > 0),
        "partly": partly,
        "graded": graded,
        "errored": (status == UNGRADED) | (status == ERRORED),
        "skipped": status == SKIPPED,
        "escalated": index.escalated[used] == 1,
    }
    shape = len(names), len(tasks)
    size = len(names) * len(tasks)
    counts: dict[str, Array] = {
        word: np.bincount(cell[of], minlength=size).reshape(shape) for word, of in picked.items()
    }
    return counts | {"score": np.bincount(cell, weights=value, minlength=size).reshape(shape)}

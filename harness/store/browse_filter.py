"""What is looked for among the tasks and attempts of a report, and the rows of its index that are so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.core import UsageError
from harness.store.outcome_file import Words
from harness.store.outcomes import GRADED, Outcomes

if TYPE_CHECKING:
    from harness.store.columns import Array


FLIPS = ("lost", "gained", "either")
"""Of a flip from the view of the first contender: the second alone passed, the first alone did, or one of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """What is looked for. An empty list, ``None`` or an empty text asks for nothing; all that is asked for must hold.

    A task is found where one of its attempts is: the contender, the status, the cause and so on are of one attempt.
    """

    contenders: Sequence[str] = ()
    split: str | None = None  # ``test`` takes rows without a split too, of suites that have none, as everywhere
    suites: Sequence[str] = ()
    domains: Sequence[str] = ()
    statuses: Sequence[str] = ()  # words of `RESULTS`: ``failed`` is what earned nothing
    causes: Sequence[str] = ()
    escalated: bool | None = None
    flipped: tuple[str, str, str] | None = None
    """Two contenders and one of `FLIPS`: the tasks that only one of them passed, as a comparison of the two counts."""
    text: str = ""
    """Stands in the task's name, its domain, its suite, a label or the cause, whatever the case of the letters."""
    inputs: Sequence[int] | None = None
    """Positions of tasks in whose inputs the text was found: they count as if the text stood in their names."""


NOTHING_ASKED = TaskFilter()


def matching_rows(index: Outcomes, wanted: TaskFilter) -> "Array":
    """The rows of the attempts that are as asked for, in the order of the file; errors as `find_tasks`."""
    import numpy as np

    keep = index.in_split(wanted.split)
    for words, names, what in (
        (index.contender, wanted.contenders, "contender"),
        (index.result, wanted.statuses, "result"),
        (index.words("cause"), wanted.causes, "cause"),
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


def words_found(index: Outcomes, split: str | None = None) -> Mapping[str, tuple[str, ...]]:
    """What a filter of a part of the suites can ask for: the words that one of its rows has, in the file's order.

    By ``suite``, ``domain``, ``result`` and ``cause``.
    """
    import numpy as np

    rows = index.in_split(split)
    tasks = tasks_in(index, split)
    found = {}
    for name, words, here in (("suite", index.suite, tasks), ("domain", index.domain, tasks),
                              ("result", index.result, rows), ("cause", index.words("cause"), rows)):  # fmt: skip
        counts = np.bincount(words.codes[here].astype(np.int64) + 1, minlength=len(words.names) + 1)[1:]
        found[name] = tuple(word for word, count in zip(words.every, counts.tolist(), strict=True) if count)
    return found


def tasks_in(index: Outcomes, split: str | None = None) -> "Array":
    """Of each task whether a row of that part of the suites is of it."""
    import numpy as np

    found = np.zeros(index.tasks, dtype=bool)
    found[index.task[index.in_split(split)]] = True
    return found


def _among(words: Words, names: Sequence[str], what: str, index: Outcomes) -> "Array":
    import numpy as np

    allowed = np.zeros(len(words.names) + 1, dtype=bool)  # the last is that of -1
    allowed[[words.code(name, what, index.report) for name in names]] = True
    found: Array = allowed[words.codes]
    return found


def _both(first: "Array | None", second: "Array") -> "Array":
    return second if first is None else first & second


def _flipped(index: Outcomes, wanted: TaskFilter) -> "Array":
    """Of each task whether it flipped: only one of the two passed more than half of its graded trials."""
    import numpy as np

    a, b, direction = wanted.flipped or ("", "", "")
    if direction not in FLIPS:
        raise UsageError(f"unknown direction {direction!r} of a flip; use one of {', '.join(FLIPS)}")
    usable = index.in_split(wanted.split)
    passed, graded = [], []
    for name in (a, b):
        code = index.contender.code(name, "contender", index.report)
        rows = once(index, np.flatnonzero(usable & (index.contender.codes == code)))
        rows = rows[index.status.codes[rows] < GRADED]
        tasks = index.task[rows]
        counts = np.bincount(tasks, minlength=index.tasks)
        passed.append(np.bincount(tasks, weights=index.values(rows), minlength=index.tasks) > 0.5 * counts)
        graded.append(counts > 0)
    lost, gained = passed[1] & ~passed[0], passed[0] & ~passed[1]
    either = {"lost": lost, "gained": gained, "either": lost | gained}[direction]
    found: Array = either & graded[0] & graded[1]
    return found


def once(index: Outcomes, rows: "Array") -> "Array":
    """Of these rows the first of each trial; as for the statistics, other splits are left out before."""
    found: Array = rows[~index.repeats(rows)]
    return found


def _with_text(index: Outcomes, wanted: TaskFilter) -> "Array":
    """Of each row whether the text stands in one of its words."""
    import numpy as np

    tasks = _has(index.task_names, wanted.text)[:-1]
    for words in (index.domain, index.suite):
        tasks = tasks | _has(words.names, wanted.text)[words.codes]
    if wanted.inputs is not None:
        tasks[np.asarray(wanted.inputs, dtype=np.int64)] = True
    found: Array = tasks[index.task]
    for words in (index.words(name) for name in ("label_true", "label_predicted", "cause")):
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

"""What became of each attempt of a user's table, and what makes the table doubtful by its names."""

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from harness.core import Cause, Status, nearest
from harness.store.importers.table_cells import (
    Source,
    first,
    listed,
    numbers,
    rows,
    scale_advice,
    texts,
    truths,
    words,
    words_in,
)
from harness.store.importers.table_reading import plain_word
from harness.store.importers.table_words import NOTHING, STATES, SUMMARY, State, verdicts
from harness.userfile import INVISIBLE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

_LOST = (Status.UNGRADED, Status.ERRORED, Status.SKIPPED)
_SHORTENED = re.compile(r"[+-]?\d(?:\.\d+)?E\+\d+")


def judged(source: Source, made: "pd.DataFrame") -> "pd.DataFrame":
    """Adds status, passed, score and cause.

    An error of the instrument, an ungraded and a skipped attempt have neither passed nor a score. Else passed decides,
    then a status that says so plainly, then a score of 0 or 1; a score between them is the value of a partial success.
    Raises UserFileError: passed and status contradict each other, or a cell cannot be read; names the line.
    """
    import numpy as np

    frame = source.frame
    unknown = np.full(len(frame), np.nan)
    states = _states(source)
    plain = np.array([s.status.value if s and s.status and not s.weak else "" for s in states], dtype=object)
    lost = np.isin(plain, [s.value for s in _LOST])
    told = np.select([plain == Status.PASSED.value, plain == Status.FAILED.value], [1.0, 0.0], np.nan)
    passed = truths(source, "passed").to_numpy() if "passed" in frame else unknown
    _refuse_contradictions(source, passed, told)
    score = _scores(source, ~np.isnan(passed) | ~np.isnan(told) | lost) if "score" in frame else unknown
    between = ~np.isnan(score) & ~np.isin(score, (0.0, 1.0))
    passed = np.where(np.isnan(passed) & ~((told == 0) & between), told, passed)
    passed = np.where(np.isnan(passed) & ~np.isnan(score) & ~between, score, passed)
    graded = _is_graded(source)
    weak = np.array([_value(s) if s and s.weak and not (graded and _value(s) == 1) else np.nan for s in states])
    late = (weak == 0) & (passed == 1)
    passed = np.where(np.isnan(passed) & np.isnan(score), weak, passed)
    dropped = lost & (~np.isnan(passed) | ~np.isnan(score))
    passed, score = np.where(lost, np.nan, passed), np.where(lost, np.nan, score)
    partial, ungraded = np.isnan(passed) & ~np.isnan(score), np.isnan(passed) & np.isnan(score) & ~lost
    tests = [lost, passed == 1, ungraded]
    status = np.select(tests, [plain, Status.PASSED.value, Status.UNGRADED.value], Status.FAILED.value)
    for which, text in (
        (late, "{} passed although the status tells of a limit: passed was kept"),
        (dropped, "{} errored, skipped or ungraded by the status: the result in the row was left out"),
        (partial, "{} with a fractional score and no passed: the rate uses the score"),
        (ungraded, "{} with neither passed nor a score: ungraded, in no rate"),
    ):
        if which.any():
            source.notes.append(text.format(rows(int(which.sum()))))
    return made.assign(status=status, passed=passed, score=score, cause=_causes(source, states, status, partial))


def confidences(source: Source, contenders: "pd.Series[Any]") -> Any:
    """Confidences from 0 to 1; those of a contender whose scale is another are unknown."""
    if "confidence" not in source.frame:
        return float("nan")
    values = numbers(source, "confidence", low=float("-inf"))
    foreign = sorted(set(contenders[(values < 0) | (values > 1)]))
    if foreign:
        text = f"the confidence of {', '.join(foreign[:5])} is not on a scale from 0 to 1 and was left out"
        source.notes.append(f"{text}; --scale confidence=LOWEST..HIGHEST takes it in")
    return values.mask(contenders.isin(foreign))


def _value(state: State) -> float:
    return {Status.PASSED: 1.0, Status.FAILED: 0.0}.get(state.status, float("nan")) if state.status else float("nan")


def _is_graded(source: Source) -> bool:
    """Whether passed or score say what became of a row; a call that came back is then no pass by itself."""
    return "passed" in source.frame or "score" in source.frame


def _states(source: Source) -> list[State | None]:
    """What the status of each row means, and a note on each word that is none of ours."""
    if "status" not in source.frame:
        return [None] * len(source.frame)
    found = texts(source, "status").fillna("")
    counts = words_in(found)
    said = {plain_word(word) for word in (*source.reading.true, *source.reading.false)}
    known = [s.value for s in Status]
    meanings: dict[str, State] = {}
    for word in counts:
        key = plain_word(word)
        if key in said:
            meanings[word] = State(Status.PASSED if verdicts([word], source.reading)[0][word] else Status.FAILED)
        elif key in STATES:
            meanings[word] = STATES[key]
        else:
            others = "(--true WORD and --false WORD name others; rename a column that is no status)"
            advice = f"{nearest(key, known)} {others}"
            raise source.refusal(first(found == word), "status", f"found {word[:60]!r}", advice)
    graded = _is_graded(source)
    told = [
        f"{word!r} ({rows(counts[word])}) as {_named(state, graded=graded)}"
        for word, state in meanings.items()
        if word.lower() not in known
    ]
    if told:
        source.notes.append(f"status: read {listed(told, 24)}")
    return [meanings.get(word) for word in found]


def _named(state: State, *, graded: bool) -> str:
    if state.status is None or (graded and state.weak and state.status is Status.PASSED):
        return "ended, which is no result by itself"
    return state.status.value if state.cause is None else f"{state.status.value} ({state.cause.value})"


def _refuse_contradictions(source: Source, passed: "Array", told: "Array") -> None:
    import numpy as np

    clash = ~np.isnan(passed) & ~np.isnan(told) & (passed != told)
    if clash.any():
        a, b = (str(source.frame[name].iloc[first(clash)]) for name in ("passed", "status"))
        advice = "they contradict each other: correct the row, or remove one of the columns"
        raise source.refusal(first(clash), "passed", f"passed is {a!r} and status is {b!r}", advice)


def _scores(source: Source, decided: "Array") -> "Array":
    """Scores from 0 to 1; where every row is decided without it, a score on another scale is left out."""
    import numpy as np

    if _in_words(source):
        return np.asarray(truths(source, "score"), dtype=np.float64)
    values = np.asarray(numbers(source, "score", low=float("-inf")))
    outside = (values < 0) | (values > 1)
    if not outside.any():
        return values
    row = first(outside & ~decided)
    source.refuse_any("score", outside & ~decided, values, scale_advice(source, values, row))
    span = f"{np.nanmin(values):g} to {np.nanmax(values):g}"
    source.notes.append(f"the column score runs from {span} and was left out: scores lie between 0 and 1 (--scale)")
    return np.full(len(values), np.nan)


def _in_words(source: Source) -> bool:
    """Whether the column score holds words for right and wrong instead of numbers."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(source.frame["score"].dtype) or "score" in source.reading.scales:
        return False
    there = [word for word in texts(source, "score").dropna().unique()[:50] if word.lower() not in NOTHING]
    digits = [word for word in there if any(c.isdigit() for c in word)]
    return bool(there) and len(digits) < len(there) and not verdicts(there, source.reading)[1]


def _causes(source: Source, states: list[State | None], status: "Array", partial: "Array") -> Any:
    """Why each attempt failed: by the file's own cause, by its status, else because it was wrong."""
    import numpy as np
    import pandas as pd

    failed = status == Status.FAILED.value
    made = np.select([partial, failed], [Cause.PARTIAL.value, Cause.WRONG.value], "").astype(object)
    if any(state and state.cause for state in states):
        pairs = zip(states, status, made, strict=True)
        made[:] = [s.cause.value if s and s.cause and s.status == found else old for s, found, old in pairs]
    causes = pd.Series(made, index=source.frame.index, dtype=object)
    causes = causes.where(causes != "", None)
    given = words(source, "cause") if "cause" in source.frame else causes
    return given.where(given.notna(), causes)


def refuse_summaries(source: Source, made: "pd.DataFrame") -> None:
    """Refuses a row that sums up others: a contender of that name, or a task of that name whose value is a mean.

    Raises UserFileError: there is such a row; names its line.
    """
    has_values = "passed" in made
    values = made["passed"].where(made["passed"].notna(), made["score"]) if has_values else made["task"].isna()
    for word in ("contender", "task"):
        names = {name for name in made[word].unique() if plain_word(name) in SUMMARY}
        at = made[word].isin(names).to_numpy()
        sums = (int(row) for row in at.nonzero()[0] if word == "contender" or _is_mean(made, values, int(row), at))
        row = next(sums, None)
        if row is not None:
            problem = f"the {word} {made[word].iloc[row]!r} looks like a row that sums up others"
            raise source.fault(row, problem, "delete it, or rename it")
        if names:
            name = made[word].iloc[first(at)]
            source.notes.append(f"the task {name!r} was taken for a task; delete its rows if they sum up others")


def _is_mean(made: "pd.DataFrame", values: "pd.Series[Any]", row: int, summaries: Any) -> bool:
    if not 0 < values.iloc[row] < 1:
        return False
    others = values[(made["contender"] == made["contender"].iloc[row]).to_numpy() & ~summaries].dropna()
    return len(others) > 1 and bool(others.isin((0, 1)).all() or abs(others.mean() - values.iloc[row]) < 0.006)


def note_spellings(source: Source, made: "pd.DataFrame") -> None:
    """Notes names that differ in their spelling only, and those that a spreadsheet has shortened."""
    written: dict[str, set[str]] = {}
    for raw in source.frame["contender"].astype("string").dropna().unique():
        written.setdefault(re.sub(INVISIBLE, "", raw).strip(), set()).add(raw)
    for name, forms in written.items():
        if len(forms) > 1:
            shown = " and ".join(repr(form) for form in sorted(forms)[:3])
            source.notes.append(f"the contenders {shown} differ in space only and were read as one, {name!r}")
    for word in ("contender", "task"):
        alike: dict[str, list[str]] = {}
        for name in made[word].unique():
            alike.setdefault(_bare(name), []).append(name)
        pairs = [names for names in alike.values() if len(names) > 1]
        if pairs:
            shown = " and ".join(repr(name) for name in pairs[0][:3])
            more = f", as do the names of {len(pairs) - 1:,} more" if len(pairs) > 1 else ""
            text = f"the {word}s {shown} differ in their spelling only{more}: they count as different {word}s"
            source.notes.append(text)
    shortened = next((name for name in made["task"].unique() if _SHORTENED.fullmatch(name)), None)
    if shortened is not None:
        text = f"the task {shortened!r} looks like a long number that a spreadsheet has shortened"
        source.notes.append(f"{text}: different tasks may have become one")


def _bare(name: str) -> str:
    """A name without case, and with one mark for space, dash and underscore."""
    return re.sub(r"[\s_\-\u2010-\u2015]+", "-", unicodedata.normalize("NFKC", name).casefold()).strip("-")

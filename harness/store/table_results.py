"""What became of each attempt of a user's table: its status, its score, and why it failed."""

from typing import TYPE_CHECKING, Any

from harness.core import Cause, Status, nearest
from harness.store.table_cells import Source, counted, listed, numbers, rows, scale_advice, texts, truths, words
from harness.store.table_reading import plain_word
from harness.store.table_words import NOTHING, STATES, State, verdicts

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Array = np.ndarray[Any, Any]

_LOST = (Status.UNGRADED, Status.ERRORED, Status.SKIPPED)


def judged(source: Source, made: "pd.DataFrame") -> "pd.DataFrame":
    """Adds status, passed, score and cause.

    An error of the instrument, an ungraded and a skipped attempt have neither passed nor a score. Else passed decides,
    then a status that says so plainly, then a score of 0 or 1; a score between them is the value of a partial success.

    Raises:
        UserFileError: passed and status contradict each other, or a cell cannot be read; names the line.
    """
    import numpy as np

    frame = source.frame
    states = _states(source)
    plain = np.array([s.status.value if s and s.status and not s.weak else "" for s in states], dtype=object)
    lost = np.isin(plain, [s.value for s in _LOST])
    told = np.select([plain == Status.PASSED.value, plain == Status.FAILED.value], [1.0, 0.0], np.nan)
    passed = truths(source, "passed").to_numpy() if "passed" in frame else np.full(len(frame), np.nan)
    _refuse_contradictions(source, passed, told)
    score = _scores(source, decided=~np.isnan(passed) | ~np.isnan(told) | lost)
    between = ~np.isnan(score) & ~np.isin(score, (0.0, 1.0))
    passed = np.where(np.isnan(passed) & ~((told == 0) & between), told, passed)
    passed = np.where(np.isnan(passed) & ~np.isnan(score) & ~between, score, passed)
    graded = "passed" in frame or "score" in frame  # a call that came back is then no pass by itself
    weak = np.array([_value(s) if s and s.weak and not (graded and _value(s) == 1) else np.nan for s in states])
    late = int(((weak == 0) & (passed == 1)).sum())
    passed = np.where(np.isnan(passed) & np.isnan(score), weak, passed)
    dropped = int((lost & (~np.isnan(passed) | ~np.isnan(score))).sum())
    passed, score = np.where(lost, np.nan, passed), np.where(lost, np.nan, score)
    partial, ungraded = np.isnan(passed) & ~np.isnan(score), np.isnan(passed) & np.isnan(score) & ~lost
    tests = [lost, passed == 1, ungraded]
    status = np.select(tests, [plain, Status.PASSED.value, Status.UNGRADED.value], Status.FAILED.value)
    made = made.assign(status=status, passed=passed, score=score, cause=_causes(source, states, status, partial))
    for count, text in (
        (late, "{} passed although the status tells of a limit: passed was kept"),
        (dropped, "{} errored, skipped or ungraded by the status: the result in the row was left out"),
        (int(partial.sum()), "{} with a fractional score and no passed: the rate uses the score"),
        (int(ungraded.sum()), "{} with neither passed nor a score: ungraded, in no rate"),
    ):
        if count:
            source.notes.append(text.format(rows(count)))
    return made


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


def _states(source: Source) -> list[State | None]:
    """What the status of each row stands for, and a note on each word that is none of ours."""
    if "status" not in source.frame:
        return [None] * len(source.frame)
    found = texts(source, "status").fillna("")
    counts = {word: n for word, n in counted(found).items() if word.lower() not in NOTHING}
    meanings: dict[str, State] = {}
    known = [s.value for s in Status]
    for word in counts:
        key = plain_word(word)
        said = key in {plain_word(w) for w in (*source.reading.true, *source.reading.false)}
        if said:
            meanings[word] = State(Status.PASSED if verdicts([word], source.reading)[0][word] else Status.FAILED)
        elif key in STATES:
            meanings[word] = STATES[key]
        else:
            row = int((found == word).to_numpy(dtype=bool).argmax())
            advice = (
                f"{nearest(key, known)} (--true WORD and --false WORD name others; rename a column that is no status)"
            )
            raise source.refusal(row, "status", f"found {word[:60]!r}", advice)
    told = [(word, state) for word, state in meanings.items() if word.lower() not in known]
    if told:
        graded = "passed" in source.frame or "score" in source.frame
        parts = [f"{word!r} ({rows(counts[word])}) as {_named(state, graded=graded)}" for word, state in told]
        source.notes.append(f"status: read {listed(parts, 24)}")
    return [meanings.get(word) for word in found]


def _named(state: State, *, graded: bool) -> str:
    if state.status is None or (graded and state.weak and state.status is Status.PASSED):
        return "ended, which is no result by itself"
    return state.status.value if state.cause is None else f"{state.status.value} ({state.cause.value})"


def _refuse_contradictions(source: Source, passed: "Array", told: "Array") -> None:
    import numpy as np

    clash = ~np.isnan(passed) & ~np.isnan(told) & (passed != told)
    if clash.any():
        row = int(clash.argmax())
        frame = source.frame
        problem = f"passed is {str(frame['passed'].iloc[row])!r} and status is {str(frame['status'].iloc[row])!r}"
        advice = "they contradict each other: correct the row, or remove one of the columns"
        raise source.refusal(row, "passed", problem, advice)


def _scores(source: Source, *, decided: "Array") -> "Array":
    """Scores from 0 to 1; where every row is decided without it, a score on another scale is left out."""
    import numpy as np

    if "score" not in source.frame:
        return np.full(len(source.frame), np.nan)
    if _in_words(source):
        return np.asarray(truths(source, "score"), dtype=np.float64)
    values = numbers(source, "score", low=float("-inf")).to_numpy()
    outside = (values < 0) | (values > 1)
    if not outside.any():
        return np.asarray(values)
    if (outside & ~decided).any():
        row = int((outside & ~decided).argmax())
        raise source.refusal(row, "score", f"found {values[row]:.12g}", scale_advice(source, values, row))
    span = f"{np.nanmin(values):g} to {np.nanmax(values):g}"
    source.notes.append(f"the column score runs from {span} and was left out: scores lie between 0 and 1 (--scale)")
    return np.full(len(values), np.nan)


def _in_words(source: Source) -> bool:
    """Whether the column score holds words for right and wrong instead of numbers."""
    import pandas as pd

    column = source.frame["score"]
    if pd.api.types.is_numeric_dtype(column.dtype) or "score" in source.reading.scales:
        return False
    unique = texts(source, "score").dropna().unique()
    there = [word for word in unique[:50] if word.lower() not in NOTHING]
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
    if "cause" in source.frame:
        given = words(source, "cause")
        causes = given.where(given.notna(), causes)
    return causes

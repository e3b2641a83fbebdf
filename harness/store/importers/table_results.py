"""What became of each attempt of a user's table, and what makes the table doubtful by its names."""

import re
import unicodedata
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core import Cause, Status, UserFileError, listed, nearest, plural
from harness.store.importers.table_cells import Source, first, named, numbers, texts, truths, words, words_in
from harness.store.importers.table_words import NOTHING, STATES, SUMMARY, State, plain_word, verdicts
from harness.store.outcomes import TAUGHT
from harness.store.ranges import ANY
from harness.store.words import Array
from harness.userfile import INVISIBLE

if TYPE_CHECKING:
    import pandas as pd

_SHORTENED = re.compile(r"[+-]?\d(?:\.\d+)?E\+\d+")


def judged(source: Source, made: "pd.DataFrame") -> "pd.DataFrame":
    """Adds status, passed, score and cause. Raises UserFileError: passed and status contradict, or a cell is odd."""
    # An error of the instrument, an ungraded and a skipped attempt have neither passed nor a score. Else passed
    # decides, then a status that says so plainly, then a score of 0 or 1; a score between them is a partial success.
    frame = source.frame
    unknown = np.full(len(frame), np.nan)
    graded = "passed" in frame or "score" in frame  # a call that came back is then no pass by itself
    rows, meanings = _states(source, graded=graded)
    plain = np.array([_CODE[s.status] if s and s.status and not s.weak else -1 for s in meanings], dtype=np.int8)[rows]
    lost = np.isin(plain, [_CODE[Status.UNGRADED], _CODE[Status.ERRORED], _CODE[Status.SKIPPED]])
    told = np.select([plain == _CODE[Status.PASSED], plain == _CODE[Status.FAILED]], [1.0, 0.0], np.nan)
    passed = truths(source, "passed").to_numpy() if "passed" in frame else unknown
    clash = ~np.isnan(passed) & ~np.isnan(told) & (passed != told)
    if clash.any():
        a, b = (str(frame[name].iloc[first(clash)]) for name in ("passed", "status"))
        advice = "they contradict each other: correct the row, or remove one of the columns"
        raise source.refusal(first(clash), "passed", f"passed is {a!r} and status is {b!r}", advice)
    score = _scores(source, ~np.isnan(passed) | ~np.isnan(told) | lost) if "score" in frame else unknown
    between = ~np.isnan(score) & ~np.isin(score, (0.0, 1.0))
    passed = np.where(np.isnan(passed) & ~((told == 0) & between), told, passed)
    passed = np.where(np.isnan(passed) & ~np.isnan(score) & ~between, score, passed)
    values = {Status.FAILED: 0.0} if graded else {Status.FAILED: 0.0, Status.PASSED: 1.0}
    weak = np.array([values.get(s.status, np.nan) if s and s.weak and s.status else np.nan for s in meanings])[rows]
    late = (weak == 0) & (passed == 1)
    passed = np.where(np.isnan(passed) & np.isnan(score), weak, passed)
    dropped = lost & (~np.isnan(passed) | ~np.isnan(score))
    passed, score = np.where(lost, np.nan, passed), np.where(lost, np.nan, score)
    partial, ungraded = np.isnan(passed) & ~np.isnan(score), np.isnan(passed) & np.isnan(score) & ~lost
    tests = [lost, passed == 1, ungraded]
    passes, none, fails = (np.int8(_CODE[one]) for one in (Status.PASSED, Status.UNGRADED, Status.FAILED))
    status = np.select(tests, [plain, passes, none], fails)
    for which, text in (
        (late, "{} passed although the status is that of a limit: passed was kept"),
        (dropped, "{} errored, skipped or ungraded by the status: the result in the row was left out"),
        (partial, "{} with a fractional score and no passed: the rate uses the score"),
        (ungraded, "{} with neither passed nor a score: ungraded, in no rate"),
    ):
        if which.any():
            source.notes.append(text.format(plural(int(which.sum()), "row")))
    told_status = named(status, [one.value for one in _CODE], made.index)
    causes = _causes(source, (rows, meanings), status, partial)
    return made.assign(status=told_status, passed=passed, score=score, cause=causes)


_CODE = {status: code for code, status in enumerate(Status)}


def confidences(source: Source, contenders: "pd.Series[Any]") -> Any:
    """Confidences from 0 to 1; those of a contender whose scale is another are unknown."""
    if "confidence" not in source.frame:
        return float("nan")
    values = numbers(source, "confidence", ANY)
    foreign = sorted(set(contenders[(values < 0) | (values > 1)]))
    if foreign:
        text = f"the confidence of {', '.join(foreign[:5])} is not on a scale from 0 to 1 and was left out"
        source.notes.append(f"{text}; --scale confidence=LOWEST..HIGHEST takes it in")
    return values.mask(contenders.isin(foreign))


def _states(source: Source, *, graded: bool) -> tuple[Array, list[State | None]]:
    """Of each row the place of what its status means, and these meanings; and a note on each word that is none of ours.

    The first meaning is none.
    """
    if "status" not in source.frame:
        return np.zeros(len(source.frame), dtype=np.int32), [None]
    found = texts(source, "status").fillna("")
    counts = words_in(found)
    said = {plain_word(word) for word in (*source.reading.true, *source.reading.false)}
    known = [s.value for s in Status]
    meanings: dict[str, State] = {}
    told = []
    for word in counts:
        key = plain_word(word)
        if key in said:
            state = State(Status.PASSED if verdicts([word], source.reading)[0][word] else Status.FAILED)
        elif key in STATES:
            state = STATES[key]
        else:
            others = "(--true WORD and --false WORD name others; rename a column that is no status)"
            advice = f"{nearest(key, known)} {others}"
            raise source.refusal(first(found == word), "status", f"found {word[:60]!r}", advice)
        meanings[word] = state
        means = f"{state.status} ({state.cause})" if state.cause else str(state.status)
        if state.status is None or (graded and state.weak and state.status is Status.PASSED):
            means = "ended, which is no result by itself"
        if word.lower() not in known:
            told.append(f"{word!r} ({plural(counts[word], 'row')}) as {means}")
    if told:
        source.notes.append(f"status: read {listed(told, 24)}")
    places = {word: place for place, word in enumerate(meanings, 1)}
    rows = found.map(places).fillna(0).to_numpy(dtype=np.int32)
    return rows, [None, *meanings.values()]


def _scores(source: Source, decided: Array) -> Array:
    """Scores from 0 to 1; where every row is decided without it, a score on another scale is left out."""
    column = source.frame["score"]
    if column.dtype.kind not in "iufb" and "score" not in source.reading.scales:
        there = [word for word in texts(source, "score").dropna().unique()[:50] if word.lower() not in NOTHING]
        in_words = any(not any(c.isdigit() for c in word) for word in there)
        if in_words and not verdicts(there, source.reading)[1]:  # for right and wrong, instead of numbers
            return np.asarray(truths(source, "score"), dtype=np.float64)
    values = np.asarray(numbers(source, "score", ANY))
    outside = (values < 0) | (values > 1)
    if not outside.any():
        return values
    wrong, lowest = outside & ~decided, float(np.nanmin(values))
    largest = max(float(np.nanmax(values)), -lowest)
    top = next((f"{top}" for top in (1, 5, 10, 100, 1000) if largest <= top), f"{largest:g}")
    advice = "scores lie between 0 and 1: give the lowest and the highest that can be reached"
    advice += f", such as --scale score={f'-{top}' if lowest < 0 else 0}..{top}"
    if "score" in source.reading.scales or str(column.iloc[first(wrong)]).strip().endswith("%"):
        advice = "needed: a share from 0% to 100%"
    source.refuse_any("score", wrong, values, advice)
    span = f"{lowest:g} to {np.nanmax(values):g}"
    source.notes.append(f"the column score runs from {span} and was left out: scores lie between 0 and 1 (--scale)")
    return np.full(len(values), np.nan)


def _causes(source: Source, states: tuple[Array, list[State | None]], status: Array, partial: Array) -> Any:
    """Why each attempt failed: by the file's own cause, by its status, else because it was wrong."""
    names, (rows, meanings) = [cause.value for cause in Cause], states
    wrong, part, none = names.index(Cause.WRONG.value), names.index(Cause.PARTIAL.value), np.int8(-1)
    codes = np.select([partial, status == _CODE[Status.FAILED]], [np.int8(part), np.int8(wrong)], none)
    for place, state in enumerate(meanings):
        if state and state.cause and state.status:
            codes[(rows == place) & (status == _CODE[state.status])] = names.index(state.cause.value)
    made = named(codes, names, source.frame.index)
    if "cause" not in source.frame:
        return made
    given = words(source, "cause").astype(object)
    return given.where(given.notna(), made.astype(object))


def note_taught(source: Source, made: "pd.DataFrame") -> None:
    """Says of rows that teach that they are in no figure. Raises UserFileError: there are no others."""
    taught = int((made["split"] == TAUGHT).sum()) if "split" in made else 0
    if taught == len(made) and taught:
        problem = "every row has the split train, and train tasks teach and judge nothing"
        raise UserFileError(source.path, problem, field="split", advice="rename that column, or call the split test")
    if taught:
        source.notes.append(f"{plural(taught, 'row')} of the split train: no figure is made of them")


def note_unknown(source: Source, name: str, made: "pd.DataFrame") -> None:
    """Notes in how many rows an amount is missing, by contender, where it is there in others."""
    missing = made[name].isna()
    if missing.any() and not missing.all():
        counts = made["contender"][missing].value_counts()
        told = [f"{who} {n:,}" for who, n in counts[counts > 0].items()]
        needed = "; a contender's cost per task needs them all" if name == "cost_usd" else ""
        source.notes.append(f"{name}: unknown in {plural(int(missing.sum()), 'row')} ({listed(told, 5)}){needed}")


def refuse_summaries(source: Source, made: "pd.DataFrame") -> None:
    """Raises UserFileError: a row sums up others, by its contender's name, or its task's where its value is a mean."""
    has_values = "passed" in made
    values = made["passed"].where(made["passed"].notna(), made["score"]) if has_values else made["task"].isna()

    def is_mean(row: int, summaries: Array) -> bool:
        if not 0 < values.iloc[row] < 1:
            return False
        others = values[(made["contender"] == made["contender"].iloc[row]).to_numpy() & ~summaries].dropna()
        return len(others) > 1 and bool(others.isin((0, 1)).all() or abs(others.mean() - values.iloc[row]) < 0.006)

    for word in ("contender", "task"):
        names = {name for name in made[word].unique() if plain_word(name) in SUMMARY}
        at = made[word].isin(names).to_numpy()
        row = next((row for row in np.flatnonzero(at).tolist() if word == "contender" or is_mean(row, at)), None)
        if row is not None:
            problem = f"the {word} {made[word].iloc[row]!r} looks like a row that sums up others"
            raise source.fault(row, problem, "delete it, or rename it")
        if names:
            name = made[word].iloc[first(at)]
            source.notes.append(f"the task {name!r} was taken for a task; delete its rows if they sum up others")


def note_spellings(source: Source, made: "pd.DataFrame") -> None:
    """Notes names that differ in their spelling only, and those that a spreadsheet has shortened."""
    raw = source.frame["contender"].drop_duplicates().astype("string").dropna().unique()
    for name, forms in _alike(raw, lambda text: re.sub(INVISIBLE, "", text).strip()):
        shown = " and ".join(repr(form) for form in sorted(forms)[:3])
        source.notes.append(f"the contenders {shown} differ in space only and were read as one, {name!r}")

    def bare(name: str) -> str:  # without case, and with one mark for space, dash and underscore
        return re.sub(r"[\s_\-\u2010-\u2015]+", "-", unicodedata.normalize("NFKC", name).casefold()).strip("-")

    for word in ("contender", "task"):
        if pairs := _alike(made[word].unique(), bare):
            shown = " and ".join(repr(name) for name in pairs[0][1][:3])
            more = f", as do the names of {len(pairs) - 1:,} more" if len(pairs) > 1 else ""
            text = f"the {word}s {shown} differ in their spelling only{more}: they count as different {word}s"
            source.notes.append(text)
    shortened = next((name for name in made["task"].unique() if _SHORTENED.fullmatch(name)), None)
    if shortened is not None:
        text = f"the task {shortened!r} looks like a long number that a spreadsheet has shortened"
        source.notes.append(f"{text}: different tasks may have become one")


def _alike(names: Collection[str], plain: Callable[[str], str]) -> list[tuple[str, list[str]]]:
    """What several names become alike, and these names."""
    once, more = set[int](), set[int]()  # by their hashes: a list for each of a million names is a tenth of a gigabyte
    for name in names:
        (more if (key := hash(plain(name))) in once else once).add(key)
    found: dict[str, list[str]] = {}
    for name in names if more else ():
        if hash(written := plain(name)) in more:
            found.setdefault(written, []).append(name)
    return [(key, written) for key, written in found.items() if len(written) > 1]


def calls_of_a_run(given: "pd.Series[Any]") -> "pd.Series[float]":
    """Whole numbers from 1; a file may have something else under that name, which is then unknown."""
    import pandas as pd

    found = pd.to_numeric(given, errors="coerce").astype("float64")
    return found.where((found % 1 == 0) & found.between(1, 2.0**31 - 1))


def times(source: Source, name: str) -> Any:
    """A column of times: as ISO 8601 writes them, or seconds, milliseconds, … since 1970."""
    import pandas as pd

    given = source.frame[name]
    if given.dtype.kind == "M":
        return pd.to_datetime(given, utc=True)
    texts = given.astype("string").str.strip()
    seconds = pd.to_numeric(texts, errors="coerce").astype("float64")
    for _ in range(3):  # milliseconds, microseconds, nanoseconds
        seconds = seconds.where(seconds.abs() < 1e11, seconds / 1000)
    seconds = seconds.where(seconds.abs() < 1e11)
    times = pd.to_datetime(texts.where(seconds.isna()), utc=True, errors="coerce", format="ISO8601")
    times = times.where(seconds.isna(), pd.to_datetime(seconds, unit="s", utc=True))
    unread = times.isna() & ~texts.fillna("").str.lower().isin(NOTHING)
    if unread.any():
        example = f"such as {texts.iloc[first(unread)][:40]!r} in {source.at(first(unread))}"
        count = plural(int(unread.sum()), "row")
        source.notes.append(f"{name}: no ISO 8601 time in {count}, {example}: unknown there")
    return times

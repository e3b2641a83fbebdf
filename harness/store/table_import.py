"""Makes a report of a table of outcomes that somebody else's program wrote."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import (
    Cause,
    ContenderRecord,
    EvidenceError,
    Kind,
    Manifest,
    Status,
    SuiteRecord,
    UsageError,
    UserFileError,
    attempt_id,
    digest_bytes,
    digest_json,
    nearest,
)
from harness.store.columns import OUTCOMES, OUTCOMES_FILE, arrow_type, schema
from harness.store.flags import Flag
from harness.store.journal import ATTEMPTS
from harness.store.manifest import installed_versions, write_manifest
from harness.store.recall import journal_files
from harness.store.table_cells import Source, numbers, rows, truths, words
from harness.store.table_doubts import note_spellings, refuse_summaries
from harness.store.table_reading import Reading
from harness.store.table_results import confidences, judged
from harness.store.table_source import read_source
from harness.store.table_words import NOTHING
from harness.store.tables import write_outcomes
from harness.store.tasktable import load_task_table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

EXTRA = ("passes", "trials")
"""What may be mapped beside the outcome table's own columns: of a row of several attempts, how many
passed and how many there were."""

_OPTIONAL_WORDS = ("label_true", "label_predicted", "served_by", "cost_basis")
_AMOUNTS = ("cost_usd", "judge_usd", "latency_s")
_WHOLE = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens", "calls", "retries")
_ROWS = 50_000
_MOST_ATTEMPTS = 10_000_000
"""Attempts that rows of passes and trials may become."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What an import read and wrote."""

    report: Path
    rows_read: int
    rows_written: int
    contenders: tuple[str, ...]
    n_tasks: int
    left_out: tuple[str, ...]
    """Columns of the file that nothing of ours was made of."""
    duplicates: int
    """Rows that repeated another one exactly and were dropped."""
    notes: tuple[str, ...]
    """How the rows were read where that is not plain from the mapping."""
    flags: tuple[Flag, ...]
    """What is suspicious about the table."""


def parse_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """``ours=theirs`` pairs as a mapping.

    Raises:
        UsageError: a pair has another form, or one of our columns is mapped twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise UsageError(f"--map {pair}: write ours=theirs, as in contender=system")
        if ours in found:
            raise UsageError(f"--map {pair}: {ours} is mapped twice, to {found[ours]} before; keep one")
        found[ours] = theirs
    return found


def import_table(
    source: Path | str,
    report: Path | str,
    mapping: Mapping[str, str] | None = None,
    *,
    name: str | None = None,
    overwrite: bool = False,
    reading: Reading | None = None,
) -> ImportSummary:
    """Writes ``outcomes.parquet`` and ``manifest.json`` of a new report from a Parquet, CSV, TSV or JSON table.

    The table needs the columns contender, task, and passed or score or status; or passes and trials. Where it has no
    suite, the file's name stands for it in texts and the digests are made of the task alone, so that two files with the
    same tasks pair. Rows that repeat a contender and task without a trial column are numbered as trials. A score
    strictly between 0 and 1 without passed is kept as the value of a failed attempt with the cause ``partial``.

    Args:
        source: The file; its ending says of which kind it is.
        report: The folder to make.
        mapping: Our column names to the file's.
        name: The report's name; by default the folder's.
        overwrite: Whether results that stand in the folder already may be replaced.
        reading: Words, scales, units and shape that the file does not say itself, as a ``harness.store.Reading``.

    Raises:
        UsageError: the mapping or the reading is wrong, or the report has results already.
        UserFileError: the file is missing or broken, or a cell does not hold what it should; names line and column.
        EvidenceError: two rows for one contender, task and trial contradict each other.
    """
    path, report, reading = Path(source), Path(report), reading or Reading()
    _refuse_overwriting(report, overwrite=overwrite)
    mapping = dict(mapping or {})
    table, left_out = read_source(path, mapping, (*OUTCOMES, *EXTRA), reading)
    made = _identities(table)
    made = judged(table, made) if "passes" not in table.frame else made
    refuse_summaries(table, made)
    note_spellings(table, made)
    made = _measured(table, made)
    if "passes" in table.frame:
        made = _expanded(table, made)
        left_out += [name for name in ("passed", "score", "status", "cause", "trial") if name in table.frame]
    made = _numbered(table, made)
    made, duplicates = _without_repeats(table, made)
    report.mkdir(parents=True, exist_ok=True)
    write_outcomes(report, _pieces(made, name or report.name))
    _write_manifest(table, report, name or report.name, mapping, made)
    rows_written = len(made)
    del made
    sums = load_task_table(report, "all")
    return ImportSummary(
        report=report,
        rows_read=len(table.frame),
        rows_written=rows_written,
        contenders=sums.contenders,
        n_tasks=len(sums.tasks),
        left_out=tuple(left_out),
        duplicates=duplicates,
        notes=tuple(table.notes),
        flags=sums.flags,
    )


def _refuse_overwriting(report: Path, *, overwrite: bool) -> None:
    if journal_files(report, ATTEMPTS):
        raise UsageError(f"{report}: holds the journal of a run; import into another folder")
    if (report / OUTCOMES_FILE).exists() and not overwrite:
        raise UsageError(f"{report}: has results already; import into another folder, or ask to overwrite them")


def _identities(source: Source) -> "pd.DataFrame":
    """Who did what, with digests that are the same for the same tasks in any file."""
    import pandas as pd

    frame, path = source.frame, source.path
    stem = path.name.partition(".")[0] or path.name
    made = pd.DataFrame(index=frame.index)
    for word in ("contender", "task"):
        made[word] = words(source, word, needed=True)
    has_suite = "suite" in frame
    made["suite"] = words(source, "suite", needed=True) if has_suite else stem
    scope = made["suite"] if has_suite else pd.Series("", index=frame.index)
    made["suite_digest"] = _digests(source, "suite", [scope])
    made["task_digest"] = _digests(source, "task", [scope, made["task"]])
    made["contender_digest"] = _digests(source, "contender", [made["contender"]])
    for name in ("prompt_digest", "grader_digest"):
        made[name] = words(source, name) if name in frame else None
    defaults = {"domain": made["suite"], "cluster": made["task"], "contender_kind": Kind.IMPORTED.value}
    for name, default in defaults.items():
        given = words(source, name) if name in frame else pd.Series(None, index=frame.index)
        made[name] = given.where(given.notna(), default)
    kinds = [k.value for k in Kind]
    unknown = made.loc[~made["contender_kind"].isin(kinds), "contender_kind"]
    if len(unknown):
        row, found = int(unknown.index[0]), unknown.iloc[0]
        raise source.refusal(row, "contender_kind", f"found {found!r}", nearest(found, kinds))
    made["split"] = words(source, "split").map(lambda split: split and split.lower()) if "split" in frame else None
    return made


def _digests(source: Source, word: str, parts: list["pd.Series[Any]"]) -> "pd.Series[Any]":
    """The file's own digests where it has them, else one of the names."""
    import numpy as np
    import pandas as pd

    keys = pd.concat(parts, axis=1, keys=range(len(parts)))
    codes = keys.groupby(list(keys.columns), sort=False).ngroup().to_numpy()
    unique = keys.drop_duplicates().itertuples(index=False, name=None)
    digests = np.array([digest_json(["imported", word, *key]) for key in unique], dtype=object)
    made = pd.Series(digests[codes], index=source.frame.index, dtype=object)
    if f"{word}_digest" not in source.frame:
        return made
    given = words(source, f"{word}_digest")
    return given.where(given.notna(), made)


def _measured(source: Source, made: "pd.DataFrame") -> "pd.DataFrame":
    """Adds costs, times, tokens, labels and confidence; null where the file does not say."""
    frame = source.frame
    for name in _AMOUNTS:
        made[name] = numbers(source, name) if name in frame else float("nan")
    for name in _WHOLE:
        most = 2.0**31 - 1 if name in {"calls", "retries"} else 2.0**53
        made[name] = numbers(source, name, high=most, whole=True) if name in frame else float("nan")
    made["confidence"] = confidences(source, made["contender"])
    made["escalated"] = truths(source, "escalated") if "escalated" in frame else float("nan")
    for name in _OPTIONAL_WORDS:
        made[name] = words(source, name) if name in frame else None
    made["cost_basis"] = made["cost_basis"].where(made["cost_basis"].notna(), "none")
    for name in ("skills_shown", "skills_used"):
        made[name] = frame[name].map(_names) if name in frame else [() for _ in range(len(frame))]
    made["started_at"] = _times(source)
    return made


def _times(source: Source) -> Any:
    """When each attempt began: times as ISO 8601 writes them, or seconds, milliseconds, … since 1970."""
    import pandas as pd

    if "started_at" not in source.frame:
        return pd.NaT
    given = source.frame["started_at"]
    if pd.api.types.is_datetime64_any_dtype(given.dtype):
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
        row = int(unread.to_numpy(dtype=bool).argmax())
        example = f"such as {texts.iloc[row][:40]!r} in {source.at(row)}"
        source.notes.append(f"started_at: no ISO 8601 time in {rows(int(unread.sum()))}, {example}: unknown there")
    return times


def _names(value: Any) -> tuple[str, ...]:
    """Names in a list, or in a text with semicolons between them."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(";") if part.strip())
    return () if value is None or isinstance(value, float) else tuple(str(part) for part in value)


def _expanded(source: Source, made: "pd.DataFrame") -> "pd.DataFrame":
    """A row for each trial of a row that gives passes and trials."""
    import numpy as np

    passes = numbers(source, "passes", whole=True).to_numpy()
    trials = numbers(source, "trials", whole=True).to_numpy()
    wrong = np.isnan(passes) | np.isnan(trials) | (trials < 1) | (passes > trials)
    if wrong.any():
        row = int(wrong.argmax())
        empty = np.isnan(passes[row]) or np.isnan(trials[row])
        problem = "passes or trials are empty" if empty else f"found {passes[row]:g} passes of {trials[row]:g} trials"
        advice = "at least one trial, and no more passes than trials"
        raise UserFileError(source.path, problem, field=source.at(row), advice=f"needed: {advice}")
    if trials.sum() > _MOST_ATTEMPTS:
        row = int(trials.argmax())
        problem = f"found {trials[row]:,.0f} trials, {trials.sum():,.0f} in all"
        advice = f"needed: at most {_MOST_ATTEMPTS:,} in all"
        raise UserFileError(source.path, problem, field=source.at(row), advice=advice)
    counts = trials.astype(np.int64)
    made = made.loc[made.index.repeat(counts)]
    place = np.arange(len(made)) - np.repeat(np.cumsum(counts) - counts, counts)
    passed = place < np.repeat(passes, counts)
    made = made.assign(passed=passed.astype(float), score=passed.astype(float))
    made["status"] = np.where(passed, Status.PASSED.value, Status.FAILED.value)
    made["cause"] = made["status"].map({Status.FAILED.value: Cause.WRONG.value})
    before, after = rows(len(source.frame)), f"{len(made):,} attempts"
    source.notes.append(f"{before} of passes and trials became {after}; costs and times are a trial's")
    return made


_KEY = ["suite_digest", "contender", "task_digest"]


def _numbered(source: Source, made: "pd.DataFrame") -> "pd.DataFrame":
    """Adds the trial: the file's own, or the row's place among those of its contender and task."""
    if "trial" in source.frame and "passes" not in source.frame:
        trial = numbers(source, "trial", high=2**31 - 1, whole=True)
        if trial.isna().any():
            row = int(trial.isna().to_numpy().argmax())
            raise UserFileError(source.path, "the trial is empty", field=source.at(row), advice="number trials from 0")
        return made.assign(trial=trial.astype("int64"))
    made = made.assign(trial=made.groupby(_KEY, sort=False).cumcount())
    repeated = (made["trial"] > 0).to_numpy()
    if "passes" not in source.frame and repeated.any():
        source.notes.append(_repeats(source, made, repeated))
    return made


def _repeats(source: Source, made: "pd.DataFrame", repeated: Any) -> str:
    """What to say of rows that repeat a contender and task, and of those that may be copies."""
    row = int(repeated.argmax())
    first = int((made[_KEY] == made[_KEY].iloc[row]).all(axis=1).to_numpy().argmax())
    verb = "repeats" if repeated.sum() == 1 else "repeat"
    where = f"{verb} a contender and task ({source.at(row)} repeats {source.at(first)})"
    said = f"{rows(int(repeated.sum()))} {where}; without a trial column they count as further trials"
    plain = [str(name) for name in source.frame.columns if not str(name).startswith("skills_")]
    copies = int(source.frame.duplicated(plain).sum())
    if not copies:
        return said
    return f"{said}; {copies:,} of them are the same in every column that was read: delete them if they are copies"


def _without_repeats(source: Source, made: "pd.DataFrame") -> tuple["pd.DataFrame", int]:
    key = [*_KEY, "trial"]
    again = made.duplicated(key, keep=False)
    if not again.any():
        return made, 0
    suspects = made.loc[again].astype(object).where(lambda cells: cells.notna(), None)
    exact = suspects.duplicated(keep="first")
    rest = suspects.loc[~exact]
    clash = rest.duplicated(key, keep=False)
    if clash.any():
        first = rest.loc[clash].iloc[0]
        at = rest.index[(rest[key] == first[key]).all(axis=1)][:2]
        a, b = rest.loc[at[0]], rest.loc[at[1]]
        differ = next(name for name in rest.columns if a[name] != b[name])
        where = f"contender {first['contender']!r}, task {first['task']!r}, trial {first['trial']}"
        problem = f"{source.at(at[0])} and {source.at(at[1])} both say what became of {where}, and differ in {differ}"
        raise EvidenceError(f"{source.path}: {problem}; keep one, or number the trials")
    return made.drop(index=suspects.index[exact]), int(exact.sum())


def _pieces(made: "pd.DataFrame", name: str) -> "Iterator[pa.Table]":
    """The outcome table, so many rows at a time that the whole is never held twice."""
    import pyarrow as pa

    for start in range(0, len(made), _ROWS):
        part = made.iloc[start : start + _ROWS].assign(report=name)
        columns = [part[key].tolist() for key in ("suite_digest", "contender_digest", "task_digest", "trial")]
        part["attempt_id"] = [attempt_id(*key) for key in zip(*columns, strict=True)]
        arrays = []
        for column, word in OUTCOMES.items():
            values = pa.array(part[column], from_pandas=True)
            if word == "bool" and not pa.types.is_boolean(values.type):
                values = values.cast(pa.int8())
            arrays.append(values.cast(arrow_type(word)))
        yield pa.table(arrays, schema=schema(OUTCOMES))


def _write_manifest(source: Source, report: Path, name: str, mapping: Mapping[str, str], made: "pd.DataFrame") -> None:
    path, said = source.path, source.reading
    origin: dict[str, Any] = {"source": path.name, "source_digest": digest_bytes(path.read_bytes())}
    origin |= {"mapping": dict(mapping), **{key: value for key, value in asdict(said).items() if value}}
    suites = made[["suite", "suite_digest"]].drop_duplicates()
    contenders = made[["contender", "contender_kind", "contender_digest"]].drop_duplicates()
    manifest = Manifest(
        report=name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=installed_versions(),
        suites=tuple(SuiteRecord(name=word, digest=digest, origin=origin) for word, digest in suites.to_numpy()),
        contenders=tuple(
            ContenderRecord(name=c, kind=kind, digest=digest) for c, kind, digest in contenders.to_numpy()
        ),
        planned=len(made),
        done=len(made),
        complete=True,
        notes=(f"imported from {path.name}", *source.notes),
    )
    write_manifest(report, manifest)

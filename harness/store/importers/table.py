"""Makes a report of a table of outcomes that somebody else's program wrote."""

import contextlib
import ctypes
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core import (
    Cause,
    ContenderRecord,
    EvidenceError,
    Kind,
    Manifest,
    Status,
    SuiteRecord,
    UsageError,
    attempt_id,
    digest_file,
    digest_json,
    nearest,
    plural,
)
from harness.store.columns import OUTCOMES, OUTCOMES_FILE, arrow_type, schema
from harness.store.importers import Importer, ImportSummary, Option
from harness.store.importers.table_agreed import agreed
from harness.store.importers.table_cells import Source, first, named, numbers, truths, words
from harness.store.importers.table_columns import read_source
from harness.store.importers.table_metadata import metadata_of, replace_metadata
from harness.store.importers.table_results import (
    calls_of_a_run,
    confidences,
    judged,
    note_spellings,
    note_taught,
    note_unknown,
    refuse_summaries,
    times,
)
from harness.store.importers.table_words import Reading, parse_mapping, parse_scales, parse_units
from harness.store.journal import ATTEMPTS
from harness.store.lines import journal_files
from harness.store.manifest import installed_versions, write_manifest
from harness.store.ranges import AMOUNT_RANGES, COUNT, WHOLE
from harness.store.sums import load_task_table
from harness.store.tables import write_outcomes

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

EXTRA = ("passes", "trials")  # of a row of several attempts, how many passed and how many there were
_KEY = ["suite_digest", "contender", "task_digest"]
_ROWS = 50_000
_MOST_ATTEMPTS = 10_000_000  # attempts that rows of passes and trials may become


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

    ``mapping`` goes from our column names to the file's; ``name`` is the report's, by default the folder's;
    ``overwrite`` lets results in the folder be replaced; ``reading`` says what the file does not: words, scales, units,
    shape. The table needs the columns contender, task, and passed or score or status; or passes and trials. Where it
    has no suite, the file's name stands for it and the digests are made of the task alone, so that two files with the
    same tasks pair. Rows that repeat a contender and task without a trial column are numbered as trials. A score
    strictly between 0 and 1 without passed is the value of a failed attempt with the cause ``partial``.

    Raises UsageError: the mapping or the reading is wrong, or the report has results. UserFileError: the file is
    broken, or a cell is wrong; names line and column. EvidenceError: two rows contradict each other.
    """
    path, report, mapping = Path(source), Path(report), dict(mapping or {})
    if journal_files(report, ATTEMPTS):
        raise UsageError(f"{report}: holds the journal of a run; import into another folder")
    if (report / OUTCOMES_FILE).exists() and not overwrite:
        raise UsageError(f"{report}: has results already; import into another folder, or ask to overwrite them")
    table, left_out = read_source(path, mapping, (*OUTCOMES, *EXTRA), reading or Reading())
    made = _identities(table)
    told = metadata_of(table, made["task_digest"])
    note_taught(table, made)
    counted = "passes" in table.frame
    if not counted:
        made = judged(table, made)
    refuse_summaries(table, made)
    note_spellings(table, made)
    _give_back()
    made = _measured(table, made)
    if counted:
        made = _expanded(table, made)
        left_out += [name for name in ("passed", "score", "status", "cause", "trial") if name in table.frame]
    trial = _places(made) if counted else _trials(table, made)
    made = made.assign(trial=trial)
    made, duplicates = _without_repeats(table, made) if "trial" in table.frame and not counted else (made, 0)
    _give_back()
    rows_read, table = len(table.frame), replace(table, frame=table.frame[[]])  # what was read is not needed any more
    report.mkdir(parents=True, exist_ok=True)
    write_outcomes(report, _pieces(made, name or report.name))
    write_manifest(report, _manifest(table, name or report.name, mapping, made))
    replace_metadata(report, told)
    rows_written = len(made)
    del made
    _give_back()
    sums = load_task_table(report, "all")
    return ImportSummary(
        report=report,
        rows_read=rows_read,
        rows_written=rows_written,
        contenders=sums.contenders,
        n_tasks=len(sums.tasks),
        left_out=tuple(left_out),
        duplicates=duplicates,
        notes=tuple(table.notes),
        flags=sums.flags,
    )


def _give_back() -> None:
    """Gives memory that is free back to the system; what allocators keep would be added to the next step's peak."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError):  # glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def _identities(source: Source) -> "pd.DataFrame":
    """Who did what, with digests that are the same for the same tasks in any file."""
    frame = source.frame
    made = frame[[]].copy()
    for word in ("contender", "task"):
        made[word] = words(source, word, needed=True)
    stem = source.path.name.partition(".")[0] or source.path.name
    made["suite"] = words(source, "suite", needed=True) if "suite" in frame else _constant(stem, made)
    scope = made["suite"] if "suite" in frame else _constant("", made)
    for word, keys in {"suite": [scope], "task": [scope, made["task"]], "contender": [made["contender"]]}.items():
        made[f"{word}_digest"] = _digests(word, keys)
    made["contender_kind"] = _constant(Kind.IMPORTED.value, made)
    for name in ("suite_digest", "task_digest", "contender_digest", "domain", "cluster", "contender_kind"):
        default = {"domain": "suite", "cluster": "task"}.get(name, name)
        given = words(source, name) if name in frame else made[default]
        if name in {"domain", "contender_kind"}:
            given = agreed(source, made, name, given)
        made[name] = _filled(given, made[default])
        if name in {"cluster", "contender_digest"}:  # empty, each is the task's own, or that of the contender's name
            made[name] = agreed(source, made, name, made[name])
    for name in {"prompt_digest", "grader_digest"} & {*frame}:
        made[name] = words(source, name)
    kinds = [k.value for k in Kind]
    if len(unknown := made.loc[~made["contender_kind"].isin(kinds), "contender_kind"]):
        found = unknown.iloc[0]
        raise source.refusal(unknown.index[0], "contender_kind", f"found {found!r}", nearest(found, kinds))
    if "split" in frame:
        split = words(source, "split").astype(object)
        lower = split.where(split.notna(), None).map(str.lower, na_action="ignore").astype("category")
        made["split"] = agreed(source, made, "split", lower)
    return made


def _constant(word: str, made: "pd.DataFrame") -> "pd.Series[Any]":
    return named(np.zeros(len(made), dtype=np.int8), [word], made.index)


def _digests(word: str, keys: "list[pd.Series[Any]]") -> "pd.Series[Any]":
    """Of each row the digest of its names."""
    import pandas as pd

    numbers = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        numbers = numbers * len(key.cat.categories) + key.cat.codes.to_numpy()
    codes, unique = pd.factorize(numbers)
    parts = list[list[str]]()
    for key in reversed(keys):
        unique, place = np.divmod(unique, len(key.cat.categories))
        parts.insert(0, key.cat.categories.take(place).tolist())
    digests = [digest_json(["imported", word, *names]) for names in zip(*parts, strict=True)]
    return named(codes, digests, keys[0].index)


def _filled(given: "pd.Series[Any]", default: "pd.Series[Any]") -> "pd.Series[Any]":
    """Names, where there are none those of another column."""
    there = given.notna()
    return given if there.all() else given.astype(object).where(there, default.astype(object)).astype("category")


def _measured(source: Source, made: "pd.DataFrame") -> "pd.DataFrame":
    """Adds costs, times, tokens, labels and confidence, of which the file has columns."""
    import pandas as pd

    _add_amounts(source, made)
    frame = source.frame
    if "confidence" in frame:
        made["confidence"] = confidences(source, made["contender"])
    if "escalated" in frame:
        made["escalated"] = truths(source, "escalated")
    for name in ("label_true", "label_predicted", "served_by"):
        if name in frame:
            made[name] = words(source, name)
    if "label_true" in frame:
        agreed(source, made, "label_true", made["label_true"])
    if "cost_basis" in frame:
        made["cost_basis"] = _filled(words(source, "cost_basis"), _constant("none", made))
    for name in (*SURE_NAMES, "skills_opened", "skills_read", "skills_run"):
        if name in frame:
            given = frame[name].astype(object)
            sure = name in SURE_NAMES  # of the others it is not known where nobody says
            found = [
                _names(value) if sure or there else None for value, there in zip(given, given.notna(), strict=True)
            ]
            made[name] = pd.Series(found, index=given.index, dtype=object)
    for name in {"started_at", "graded_at"} & {*frame}:
        made[name] = times(source, name)
    if "run" in frame:
        made["run"] = calls_of_a_run(frame["run"].astype(object))
    return made


def _add_amounts(source: Source, made: "pd.DataFrame") -> None:
    """Adds costs, times and counts; each of the file's columns goes where it is read."""
    frame = source.frame
    for name, within in AMOUNT_RANGES.items():
        if name in frame:
            made[name] = numbers(source, name, within)
            note_unknown(source, name, made)
            if "trial" in frame:  # else copies are told by all that was read
                del frame[name]


SURE_NAMES = ("skills_shown", "skills_used", "skills_named", "documents_shown", "documents_named")


def _names(value: Any) -> tuple[str, ...]:
    """Names in a list, or in a text with semicolons between them."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(";") if part.strip())
    return () if value is None or isinstance(value, float) else tuple(str(part) for part in value)


def _expanded(source: Source, made: "pd.DataFrame") -> "pd.DataFrame":
    """A row for each trial of a row that gives passes and trials."""
    passes, trials = (numbers(source, name, WHOLE).to_numpy() for name in EXTRA)
    empty = np.isnan(passes) | np.isnan(trials)
    wrong = empty | (trials < 1) | (passes > trials)
    if wrong.any():
        row = first(wrong)
        found = f"found {passes[row]:g} passes of {trials[row]:g} trials"
        advice = "needed: at least one trial, and no more passes than trials"
        raise source.fault(row, "passes or trials are empty" if empty[row] else found, advice)
    if trials.sum() > _MOST_ATTEMPTS:
        problem = f"found {trials.max():,.0f} trials, {trials.sum():,.0f} in all"
        raise source.fault(int(trials.argmax()), problem, f"needed: at most {_MOST_ATTEMPTS:,} in all")
    counts = trials.astype(np.int64)
    made = made.loc[made.index.repeat(counts)]
    place = np.arange(len(made)) - np.repeat(np.cumsum(counts) - counts, counts)
    passed = place < np.repeat(passes, counts)
    made = made.assign(passed=passed.astype(float), score=passed.astype(float))
    made["status"] = np.where(passed, Status.PASSED.value, Status.FAILED.value)
    made["cause"] = made["status"].map({Status.FAILED.value: Cause.WRONG.value})
    before, after = plural(len(source.frame), "row"), f"{len(made):,} attempts"
    source.notes.append(f"{before} of passes and trials became {after}; costs and times are a trial's")
    return made


def _places(made: "pd.DataFrame") -> "pd.Series[int]":
    """Of each row its place among those of its contender and task."""
    import pandas as pd

    codes = np.zeros(len(made), dtype=np.int64)
    for name in _KEY if math.prod(len(made[name].cat.categories) for name in _KEY) < 2**62 else ():
        codes = codes * len(made[name].cat.categories) + made[name].cat.codes.to_numpy()
    if (np.diff(np.sort(codes)) > 0).all():  # each once, as nearly always: what groups rows takes a lot of memory
        return pd.Series(0, index=made.index, dtype=np.int64)
    places: pd.Series[int] = made.groupby(_KEY, sort=False).cumcount()
    return places


def _trials(source: Source, made: "pd.DataFrame") -> "pd.Series[int]":
    """The file's own trial, or the row's place among those of its contender and task."""
    if "trial" in source.frame:
        trial = numbers(source, "trial", COUNT)
        if trial.isna().any():
            raise source.fault(first(trial.isna()), "the trial is empty", "number trials from 0")
        return trial.astype("int64")
    places = _places(made)
    repeated = places > 0
    if repeated.any():
        row = first(repeated)
        before = first((made[_KEY] == made[_KEY].iloc[row]).all(axis=1))
        verb = "repeats" if repeated.sum() == 1 else "repeat"
        where = f"{verb} a contender and task ({source.at(row)} repeats {source.at(before)})"
        said = f"{plural(int(repeated.sum()), 'row')} {where}; without a trial column they count as further trials"
        plain = [str(name) for name in source.frame.columns if not str(name).startswith("skills_")]
        if copies := int(source.frame.duplicated(plain).sum()):
            said += f"; {copies:,} of them are the same in every column that was read: delete them if they are copies"
        source.notes.append(said)
    return places


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
        one = rest.loc[clash].iloc[0]
        at = rest.index[(rest[key] == one[key]).all(axis=1)][:2]
        a, b = rest.loc[at[0]], rest.loc[at[1]]
        differ = next(name for name in rest.columns if a[name] != b[name])
        where = f"contender {one['contender']!r}, task {one['task']!r}, trial {one['trial']}"
        problem = f"{source.at(at[0])} and {source.at(at[1])} both say what became of {where}, and differ in {differ}"
        raise EvidenceError(f"{source.path}: {problem}; keep one, or number the trials")
    return made.drop(index=suspects.index[exact]), int(exact.sum())


def _pieces(made: "pd.DataFrame", name: str) -> "Iterator[pa.Table]":
    """The outcome table, so many rows at a time that the whole is never held twice."""
    import pyarrow as pa

    for start in range(0, len(made), _ROWS):
        part = made.iloc[start : start + _ROWS].assign(report=name)
        columns = [part[key].tolist() for key in ("contender_digest", "suite_digest", "task_digest", "trial")]
        part["attempt_id"] = [attempt_id(c, suite + task, n) for c, suite, task, n in zip(*columns, strict=True)]
        arrays = []
        for column, word in OUTCOMES.items():
            if column not in part:
                missing: dict[str, Any] = {"cost_basis": "none"} | {key: [] for key in SURE_NAMES}
                arrays.append(pa.array([missing.get(column)] * len(part), arrow_type(word)))
                continue
            values = pa.array(part[column], from_pandas=True)
            if word == "bool" and not pa.types.is_boolean(values.type):
                values = values.cast(pa.int8())
            arrays.append(values.cast(arrow_type(word)))
        yield pa.table(arrays, schema=schema(OUTCOMES))


def _manifest(source: Source, name: str, mapping: Mapping[str, str], made: "pd.DataFrame") -> Manifest:
    path, said = source.path, source.reading
    origin: dict[str, Any] = {"source": path.name, "source_digest": digest_file(path)}
    origin |= {"mapping": dict(mapping), **{key: value for key, value in asdict(said).items() if value}}
    suites = made[["suite", "suite_digest"]].drop_duplicates()
    contenders = made[["contender", "contender_kind", "contender_digest"]].drop_duplicates()
    return Manifest(
        report=name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=installed_versions(),
        suites=tuple(SuiteRecord(name=s, digest=d, origin=origin) for s, d in suites.to_numpy()),
        contenders=tuple(ContenderRecord(name=c, kind=k, digest=d) for c, k, d in contenders.to_numpy()),
        planned=len(made),
        done=len(made),
        complete=True,
        notes=(f"imported from {path.name}", *source.notes),
    )


class TableImporter(Importer):
    """``ownbench import table``."""

    name = "table"
    reads = "Parquet, CSV, TSV or JSON, one row an attempt"
    needs = "contender, task, and passed or score; passes=… with trials=… reads counts of several trials"
    options = (
        Option(name="map", metavar="OURS=THEIRS", help="our column and theirs (repeatable)"),
        Option(name="true", metavar="WORD", help="a word that means a pass (repeatable)"),
        Option(name="false", metavar="WORD", help="a word that means a failure (repeatable)"),
        Option(name="scale", metavar="COLUMN=LOW..HIGH", help="of score or confidence: score=0..100"),
        Option(name="unit", metavar="COLUMN=UNIT", help="of latency_s or a cost: latency_s=ms"),
        Option(name="metadata", metavar="COLUMN", help="a column that tells of tasks, to find these by (repeatable)"),
        Option(name="wide", help="one column a contender, one row a task (or the other way round)"),
    )

    def bring(self, path: Path, report: Path, given: Mapping[str, Any], *, overwrite: bool) -> ImportSummary:
        """As `import_table`."""
        words = {"true": tuple(given["true"]), "false": tuple(given["false"])}
        scales, units = parse_scales(given["scale"]), parse_units(given["unit"])
        told = tuple(given["metadata"])
        reading = Reading(**words, scales=scales, units=units, wide=given["wide"], metadata=told)
        return import_table(path, report, parse_mapping(given["map"]), overwrite=overwrite, reading=reading)


TABLE = TableImporter()

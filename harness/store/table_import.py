"""Makes a report of a table of outcomes that somebody else's program wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import (
    Cause,
    EvidenceError,
    Kind,
    Manifest,
    Status,
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
from harness.store.table_source import numbers, read_source, truths, words
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
) -> ImportSummary:
    """Writes ``outcomes.parquet`` and ``manifest.json`` of a new report from a Parquet, CSV or TSV table.

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

    Raises:
        UsageError: the mapping is wrong, or the report has results already.
        UserFileError: the file is missing or broken, or a cell does not hold what it should; names row and column.
        EvidenceError: two rows for one contender, task and trial contradict each other.
    """
    source, report = Path(source), Path(report)
    _refuse_overwriting(report, overwrite=overwrite)
    mapping = dict(mapping or {})
    frame, left_out = read_source(source, mapping, (*OUTCOMES, *EXTRA))
    _check_columns(source, frame)
    rows_read = len(frame)
    notes: list[str] = []
    made = _identities(source, frame)
    made = _judged(source, frame, made, notes) if "passes" not in frame else made
    made = _measured(source, frame, made, notes)
    if "passes" in frame:
        made = _expanded(source, frame, made, notes)
        left_out += [name for name in ("passed", "score", "status", "cause", "trial") if name in frame]
    made = _numbered(source, frame, made, notes)
    made, duplicates = _without_repeats(source, made)
    table = _finished(made, name or report.name)
    report.mkdir(parents=True, exist_ok=True)
    write_outcomes(report, iter([table]))
    _write_manifest(source, report, mapping, table, notes)
    sums = load_task_table(report, "all")
    return ImportSummary(
        report=report,
        rows_read=rows_read,
        rows_written=table.num_rows,
        contenders=sums.contenders,
        n_tasks=len(sums.tasks),
        left_out=tuple(left_out),
        duplicates=duplicates,
        notes=tuple(notes),
        flags=sums.flags,
    )


def _refuse_overwriting(report: Path, *, overwrite: bool) -> None:
    if journal_files(report, ATTEMPTS):
        raise UsageError(f"{report}: holds the journal of a run; import into another folder")
    if (report / OUTCOMES_FILE).exists() and not overwrite:
        raise UsageError(f"{report}: has results already; import into another folder, or ask to overwrite them")


def _check_columns(path: Path, frame: "pd.DataFrame") -> None:
    there = [str(name) for name in frame.columns]
    for needed in ("contender", "task"):
        if needed not in there:
            advice = f"map it: --map {needed}=COLUMN"
            raise UserFileError(path, f"there is no column {needed}", advice=advice)
    if ("passes" in there) != ("trials" in there):
        raise UserFileError(path, "passes and trials go together", advice="map both, or neither")
    if not {"passed", "score", "status", "passes"} & set(there):
        raise UserFileError(path, "there is no column passed or score", advice="map one: --map passed=COLUMN")


def _identities(path: Path, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Who did what, with digests that are the same for the same tasks in any file."""
    import pandas as pd

    stem = path.name.partition(".")[0] or path.name
    made = pd.DataFrame(index=frame.index)
    for word in ("contender", "task"):
        made[word] = words(frame[word], name=word, path=path, needed=True)
    has_suite = "suite" in frame
    made["suite"] = words(frame["suite"], name="suite", path=path, needed=True) if has_suite else stem
    scope = made["suite"] if has_suite else pd.Series("", index=frame.index)
    made["suite_digest"] = _digests(path, frame, "suite", [scope])
    made["task_digest"] = _digests(path, frame, "task", [scope, made["task"]])
    made["contender_digest"] = _digests(path, frame, "contender", [made["contender"]])
    defaults = {"domain": made["suite"], "cluster": made["task"], "contender_kind": Kind.IMPORTED.value}
    for name, default in defaults.items():
        given = words(frame[name], name=name, path=path) if name in frame else pd.Series(None, index=frame.index)
        made[name] = given.where(given.notna(), default)
    unknown = made.loc[~made["contender_kind"].isin([k.value for k in Kind]), "contender_kind"]
    if len(unknown):
        problem, field = f"found {unknown.iloc[0]!r}", f"row {int(unknown.index[0]) + 1}, contender_kind"
        raise UserFileError(path, problem, field=field, advice=nearest(unknown.iloc[0], [k.value for k in Kind]))
    made["split"] = words(frame["split"], name="split", path=path) if "split" in frame else None
    return made


def _digests(path: Path, frame: "pd.DataFrame", word: str, parts: list["pd.Series[Any]"]) -> "pd.Series[Any]":
    """The file's own digests where it has them, else one of the names."""
    import pandas as pd

    keys = pd.Series(list(zip(*parts, strict=True)), index=frame.index)
    made = keys.map({key: digest_json(["imported", word, *key]) for key in keys.unique()})
    if f"{word}_digest" not in frame:
        return made
    given = words(frame[f"{word}_digest"], name=f"{word}_digest", path=path)
    return given.where(given.notna(), made)


def _judged(path: Path, frame: "pd.DataFrame", made: "pd.DataFrame", notes: list[str]) -> "pd.DataFrame":
    """Adds status, passed, score and cause."""
    import numpy as np

    nothing = np.full(len(frame), np.nan)
    passed = truths(frame["passed"], name="passed", path=path).to_numpy() if "passed" in frame else nothing
    score = _scores(path, frame, passed, notes)
    status = _statuses(path, frame)
    lost = np.isin(status, (Status.UNGRADED.value, Status.ERRORED.value, Status.SKIPPED.value))
    by_status = np.select([status == Status.PASSED.value, status == Status.FAILED.value], [1.0, 0.0], np.nan)
    passed = np.where(np.isnan(passed) & np.isin(score, (0.0, 1.0)), score, passed)
    passed = np.where(np.isnan(passed) & np.isnan(score), by_status, passed)
    passed = np.where(lost, np.nan, passed)
    partial = np.isnan(passed) & ~np.isnan(score) & ~lost
    ungraded = np.isnan(passed) & ~partial & ~lost
    tests = [lost, passed == 1, ungraded]
    made["status"] = np.select(tests, [status, Status.PASSED.value, Status.UNGRADED.value], Status.FAILED.value)
    made["passed"], made["score"] = passed, score
    made["cause"] = np.select([partial, passed == 0], [Cause.PARTIAL.value, Cause.WRONG.value], "")
    made["cause"] = made["cause"].where(made["cause"] != "", None)
    if "cause" in frame:
        given = words(frame["cause"], name="cause", path=path)
        made["cause"] = given.where(given.notna(), made["cause"])
    if partial.any():
        notes.append(f"{int(partial.sum()):,} rows have a fractional score and no passed: the rate uses the score")
    if ungraded.any():
        notes.append(f"{int(ungraded.sum()):,} rows have neither passed nor a score: they are ungraded, in no rate")
    return made


def _statuses(path: Path, frame: "pd.DataFrame") -> Any:
    """The file's own statuses, empty texts where it has none."""
    import numpy as np

    if "status" not in frame:
        return np.full(len(frame), "", dtype=object)
    given = words(frame["status"], name="status", path=path).fillna("").str.lower()
    known = [s.value for s in Status]
    unknown = given[(given != "") & ~given.isin(known)]
    if len(unknown):
        problem, field = f"found {unknown.iloc[0]!r}", f"row {int(unknown.index[0]) + 1}, status"
        raise UserFileError(path, problem, field=field, advice=nearest(unknown.iloc[0], known))
    return given.to_numpy(dtype=object)


def _scores(path: Path, frame: "pd.DataFrame", passed: Any, notes: list[str]) -> Any:
    """Scores from 0 to 1; where passed is known, a score on another scale is left out instead of refused."""
    import numpy as np

    if "score" not in frame:
        return np.full(len(frame), np.nan)
    low, high = (0.0, 1.0) if np.isnan(passed).all() else (-np.inf, np.inf)
    values = numbers(frame["score"], name="score", path=path, low=low, high=high).to_numpy()
    if ((values < 0) | (values > 1)).any():
        span = f"{np.nanmin(values):g} to {np.nanmax(values):g}"
        notes.append(f"the column score runs from {span} and was left out: scores lie between 0 and 1")
        return np.full(len(frame), np.nan)
    return values


def _measured(path: Path, frame: "pd.DataFrame", made: "pd.DataFrame", notes: list[str]) -> "pd.DataFrame":
    """Adds costs, times, tokens, labels and confidence; null where the file does not say."""
    import pandas as pd

    for name in _AMOUNTS:
        made[name] = numbers(frame[name], name=name, path=path) if name in frame else float("nan")
    for name in _WHOLE:
        made[name] = numbers(frame[name], name=name, path=path, whole=True) if name in frame else float("nan")
    made["confidence"] = _confidences(path, frame, made["contender"], notes)
    made["escalated"] = (
        truths(frame["escalated"], name="escalated", path=path) if "escalated" in frame else float("nan")
    )
    for name in _OPTIONAL_WORDS:
        made[name] = words(frame[name], name=name, path=path) if name in frame else None
    made["cost_basis"] = made["cost_basis"].where(made["cost_basis"].notna(), "none")
    for name in ("skills_shown", "skills_used"):
        made[name] = frame[name].map(_names) if name in frame else [() for _ in range(len(frame))]
    times = pd.to_datetime(frame["started_at"], utc=True, errors="coerce") if "started_at" in frame else pd.NaT
    made["started_at"] = times
    return made


def _confidences(path: Path, frame: "pd.DataFrame", contenders: "pd.Series[Any]", notes: list[str]) -> Any:
    """Confidences from 0 to 1; those of a contender whose scale is another are unknown."""
    if "confidence" not in frame:
        return float("nan")
    values = numbers(frame["confidence"], name="confidence", path=path, low=float("-inf"))
    foreign = sorted(set(contenders[(values < 0) | (values > 1)]))
    if foreign:
        notes.append(f"the confidence of {', '.join(foreign[:5])} is not on a scale from 0 to 1 and was left out")
    return values.mask(contenders.isin(foreign))


def _names(value: Any) -> tuple[str, ...]:
    """Names in a list, or in a text with semicolons between them."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(";") if part.strip())
    return () if value is None or isinstance(value, float) else tuple(str(part) for part in value)


def _expanded(path: Path, frame: "pd.DataFrame", made: "pd.DataFrame", notes: list[str]) -> "pd.DataFrame":
    """A row for each trial of a row that gives passes and trials."""
    import numpy as np

    passes = numbers(frame["passes"], name="passes", path=path, whole=True).to_numpy()
    trials = numbers(frame["trials"], name="trials", path=path, whole=True).to_numpy()
    wrong = np.isnan(passes) | np.isnan(trials) | (trials < 1) | (passes > trials)
    if wrong.any():
        row = int(wrong.argmax())
        problem = f"found {passes[row]:g} passes of {trials[row]:g} trials"
        advice = "needed: at least one trial, and no more passes than trials"
        raise UserFileError(path, problem, field=f"row {row + 1}", advice=advice)
    counts = trials.astype(np.int64)
    made = made.loc[made.index.repeat(counts)]
    place = np.arange(len(made)) - np.repeat(np.cumsum(counts) - counts, counts)
    passed = place < np.repeat(passes, counts)
    made = made.assign(passed=passed.astype(float), score=passed.astype(float))
    made["status"] = np.where(passed, Status.PASSED.value, Status.FAILED.value)
    made["cause"] = made["status"].map({Status.FAILED.value: Cause.WRONG.value})
    notes.append(
        f"{len(frame):,} rows of passes and trials became {len(made):,} attempts; costs and times are a trial's"
    )
    return made


_KEY = ["suite_digest", "contender", "task_digest"]


def _numbered(path: Path, frame: "pd.DataFrame", made: "pd.DataFrame", notes: list[str]) -> "pd.DataFrame":
    """Adds the trial: the file's own, or the row's place among those of its contender and task."""
    import numpy as np

    if "trial" in frame and "passes" not in frame:
        trial = numbers(frame["trial"], name="trial", path=path, high=2**31 - 1, whole=True)
        if trial.isna().any():
            row = int(np.argmax(trial.isna().to_numpy())) + 1
            raise UserFileError(path, "the trial is empty", field=f"row {row}", advice="number trials from 0")
        return made.assign(trial=trial.astype("int64"))
    made = made.assign(trial=made.groupby(_KEY, sort=False).cumcount())
    if "passes" not in frame and (repeated := int((made["trial"] > 0).sum())):
        notes.append(
            f"{repeated:,} rows repeat a contender and task; without a trial column they count as further trials"
        )
    return made


def _without_repeats(path: Path, made: "pd.DataFrame") -> tuple["pd.DataFrame", int]:
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
        rows = rest.index[(rest[key] == first[key]).all(axis=1)][:2]
        a, b = rest.loc[rows[0]], rest.loc[rows[1]]
        differ = next(name for name in rest.columns if a[name] != b[name])
        where = f"contender {first['contender']!r}, task {first['task']!r}, trial {first['trial']}"
        problem = f"rows {rows[0] + 1} and {rows[1] + 1} both say what became of {where}, and differ in {differ}"
        raise EvidenceError(f"{path}: {problem}; keep one, or add a trial column")
    return made.drop(index=suspects.index[exact]), int(exact.sum())


def _finished(made: "pd.DataFrame", name: str) -> "pa.Table":
    import pyarrow as pa

    made = made.assign(report=name)
    keys = zip(made["suite_digest"], made["contender_digest"], made["task_digest"], made["trial"], strict=True)
    made["attempt_id"] = [attempt_id(suite, contender, task, int(trial)) for suite, contender, task, trial in keys]
    arrays = []
    for column, word in OUTCOMES.items():
        values = pa.array(made[column], from_pandas=True)
        if word == "bool" and not pa.types.is_boolean(values.type):
            values = values.cast(pa.int8())
        arrays.append(values.cast(arrow_type(word)))
    return pa.table(arrays, schema=schema(OUTCOMES))


def _write_manifest(
    source: Path, report: Path, mapping: Mapping[str, str], table: "pa.Table", notes: list[str]
) -> None:
    origin = {"source": source.name, "source_digest": digest_bytes(source.read_bytes()), "mapping": dict(mapping)}
    suites = table.select(["suite", "suite_digest"]).group_by(["suite", "suite_digest"]).aggregate([]).to_pylist()
    parts = ["contender", "contender_kind", "contender_digest"]
    contenders = table.select(parts).group_by(parts).aggregate([]).to_pylist()
    manifest = Manifest(
        report=str(table["report"][0]),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=installed_versions(),
        suites=tuple({"name": s["suite"], "digest": s["suite_digest"], **origin} for s in suites),
        contenders=tuple(
            {"name": c["contender"], "kind": c["contender_kind"], "digest": c["contender_digest"]} for c in contenders
        ),
        planned=table.num_rows,
        done=table.num_rows,
        complete=True,
        notes=(f"imported from {source.name}", *notes),
    )
    write_manifest(report, manifest)

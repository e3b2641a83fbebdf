"""Outcomes reduced to sums for each contender and task: what every statistic starts from.

The outcome table is read a batch at a time, so that memory is bounded by contenders times tasks and not by attempts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import EvidenceError, OwnbenchError, Status, UsageError, nearest
from harness.store.attempts import Attempts
from harness.store.columns import OUTCOMES, OUTCOMES_FILE, REQUIRED, arrow_type, damaged, fitted, open_table
from harness.store.flags import Flag, flags_of
from harness.store.reduce import Reduction

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

GRADED = (Status.PASSED.value, Status.FAILED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """A contender's labelled answers, one entry an attempt."""

    names: tuple[str, ...]
    """The labels' names; the codes below point into it."""
    true: "Ints"
    predicted: "Ints"
    """-1 where the answer held no label."""
    tasks: "Ints"
    """Positions in the table's ``tasks``."""
    trials: "Ints"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTable:
    """Sums over trials for each contender and task.

    Arrays have the shape [contenders, tasks]. An attempt is graded when its status is passed or failed; only graded
    attempts enter ``counts``, ``sums``, ``squares``, costs, confidences and escalations.
    """

    report: Path
    split: str
    """``test``, ``dev`` or ``all``: the rows that were used."""
    contenders: tuple[str, ...]
    kinds: tuple[str, ...]
    contender_digests: tuple[str, ...]
    tasks: tuple[str, ...]
    task_digests: tuple[str, ...]
    suites: tuple[str, ...]
    """The name of each task's suite."""
    suite_digests: tuple[str, ...]
    domain_names: tuple[str, ...]
    domains: "Ints"
    """Of each task, a position in ``domain_names``."""
    clusters: "Ints"
    """Of each task, the code of its cluster, from 0. A cluster's label is unique within its suite only."""
    splits: tuple[str | None, ...]
    counts: "Ints"
    """Graded trials."""
    sums: "Floats"
    """Of the values of the graded trials: passed as 0 or 1, or the score where passed is unknown."""
    squares: "Floats"
    errored: "Ints"
    ungraded: "Ints"
    skipped: "Ints"
    cost_sums: "Floats"
    """Dollars over the graded trials; NaN as soon as the cost of one of them is unknown."""
    cost_known: "Ints"
    """Graded trials whose cost is known."""
    confidences: "Floats"
    """The mean over the graded trials that have one; NaN where none has."""
    escalated: "Ints"
    """Graded trials that were escalated."""
    duplicates: int
    """Rows left out because their contender, task and trial had come before."""
    flags: tuple[Flag, ...]
    _keys: dict[tuple[str, str], int] = field(repr=False)
    _attempts: Attempts | None = field(repr=False, default=None)

    @property
    def notes(self) -> tuple[str, ...]:
        """The flags as sentences."""
        return tuple(flag.text for flag in self.flags)

    @property
    def means(self) -> "Floats":
        """The mean value of each contender at each task; NaN where nothing was graded."""
        import numpy as np

        with np.errstate(invalid="ignore"):
            return self.sums / np.where(self.counts > 0, self.counts, np.nan)

    @property
    def trials(self) -> "Ints":
        """Rows of each contender at each task, whatever their status."""
        return self.counts + self.errored + self.ungraded + self.skipped

    def index(self, contender: str) -> int:
        """The contender's position.

        Raises:
            UsageError: there is no such contender; names the nearest.
        """
        if contender not in self.contenders:
            problem = f"{self.report} has no contender {contender!r}"
            raise UsageError(f"{problem}; {nearest(contender, self.contenders)}")
        return self.contenders.index(contender)

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Of each task what `task_index` finds it by."""
        return tuple(self._keys)

    def task_index(self, suite_digest: str, task_digest: str) -> int | None:
        """The task's position, ``None`` where the table has no such task."""
        return self._keys.get((suite_digest, task_digest))

    def every_attempt(self) -> Attempts:
        """All graded attempts: kept while the table was read, or else read now in one pass.

        Raises:
            EvidenceError: the file has changed since the table was read, or is damaged.
        """
        if self._attempts is not None:
            return self._attempts
        again = load_task_table(self.report, self.split, attempts=True)
        if again._attempts is None or again.contenders != self.contenders or again.tasks != self.tasks:  # noqa: SLF001
            raise EvidenceError(f"{self.report / OUTCOMES_FILE}: changed while it was read; start again")
        return again._attempts  # noqa: SLF001

    def attempts(self, contender: str, columns: Sequence[str]) -> "pa.Table":
        """The graded attempts of one contender: ``task_index``, ``trial`` and the chosen columns, in the file's order.

        Raises:
            UsageError: there is no such contender.
            EvidenceError: the file has changed since the table was read, or is damaged.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        place = self.index(contender)
        if self._attempts is not None and set(columns) <= set(Attempts.COLUMNS):
            return self._attempts.of(place).table(columns)
        parts = []
        needed = ("contender", "status", "trial", "split", *_IDENTITY, *columns)
        for batch in batches(self.report / OUTCOMES_FILE, tuple(dict.fromkeys(needed)), coded=True):
            keep = pc.equal(batch["contender"], contender)
            mask = np.asarray(keep.fill_null(False)) & used_rows(batch, self.split)  # noqa: FBT003
            rows = batch.filter(pa.array(mask))
            texts = [(i, f.name) for i, f in enumerate(rows.schema) if pa.types.is_dictionary(f.type)]
            for i, name in texts:
                rows = rows.set_column(i, name, rows[name].cast(pa.string()))
            parts.append(rows)
        rows = pa.concat_tables(parts) if parts else None
        if rows is None:
            raise EvidenceError(f"{self.report / OUTCOMES_FILE}: holds no rows")
        pairs = zip(*_identity(rows), strict=True)
        where = np.array([self._keys.get(pair, -1) for pair in pairs], dtype=np.int64)
        if (where < 0).any():
            raise EvidenceError(f"{self.report / OUTCOMES_FILE}: changed while it was read; start again")
        trials = np.asarray(rows["trial"].fill_null(0), dtype=np.int64)
        _, first = np.unique((where << 32) + trials, return_index=True)
        # A row counts where it is the first of its trial, as in the sums: then only is it asked whether it was graded.
        first.sort()
        graded = np.asarray(pc.is_in(rows["status"], value_set=pa.array(GRADED)), dtype=bool)
        first = first[graded[first]]
        chosen = rows.select(list(dict.fromkeys(columns))).take(first)
        return chosen.add_column(0, "trial_index", pa.array(trials[first])).add_column(
            0, "task_index", pa.array(where[first])
        )

    def latencies(self, contender: str) -> "Floats":
        """Seconds of each graded attempt whose latency is known, in no order that means anything."""
        import numpy as np

        rows = self.attempts(contender, ["latency_s"])
        return np.asarray(rows["latency_s"].drop_null(), dtype=np.float64)

    def labels(self, contender: str) -> Labels:
        """The contender's labelled answers; empty where its tasks have no labels."""
        import numpy as np
        import pyarrow.compute as pc

        rows = self.attempts(contender, ["label_true", "label_predicted"])
        rows = rows.filter(pc.is_valid(rows["label_true"]))
        true, predicted = rows["label_true"].to_pylist(), rows["label_predicted"].to_pylist()
        names = sorted(set(true) | {p for p in predicted if p is not None})
        code = {name: number for number, name in enumerate(names)}
        return Labels(
            names=tuple(names),
            true=np.array([code[t] for t in true], dtype=np.int64),
            predicted=np.array([-1 if p is None else code[p] for p in predicted], dtype=np.int64),
            tasks=np.asarray(rows["task_index"], dtype=np.int64),
            trials=np.asarray(rows["trial_index"], dtype=np.int64),
        )


def load_task_table(report: Path, split: str | None = None, *, attempts: bool = False) -> TaskTable:
    """The report's outcomes as sums for each contender and task.

    With ``attempts`` the graded attempts are kept too, 57 bytes each, for `TaskTable.every_attempt`.

    Without ``split``, a report in which any row is of the split ``test`` is read without its dev rows: thresholds were
    chosen on those. Rows without a split, of suites that have none, are kept. ``split`` asks for ``test``, ``dev`` or
    ``all``.

    Raises:
        UsageError: an unknown split, or one that the report has no rows of.
        EvidenceError: the table is missing or broken, holds an unknown status, or has no rows.
    """
    import pyarrow as pa

    path = report / OUTCOMES_FILE
    if split not in {None, "test", "dev", "all"}:
        raise UsageError(f"unknown split {split!r}; use test, dev or all")
    chosen, dropped = _split_rule(path, split)
    sums = Reduction(path, attempts=attempts)
    columns = (*Reduction.COLUMNS, *(Reduction.ATTEMPT_COLUMNS if attempts else ()))
    for batch in batches(path, columns, coded=True):
        mask = used_rows(batch, chosen)
        sums.add(batch if mask.all() else batch.filter(mask))
    if not sums.rows:
        raise _no_rows(path, chosen)
    table = sums.finish()
    del batch, mask
    pa.default_memory_pool().release_unused()  # what held the rows: a third of the whole in a process that stays
    fields: dict[str, Any] = {**table, "report": report, "split": chosen, "_attempts": sums.attempts()}
    return TaskTable(**fields, flags=flags_of(table, sums, dropped))


def split_used(report: Path, split: str | None = None) -> str:
    """The split that `load_task_table` would use: ``test``, ``dev`` or ``all``; one column is read.

    Raises:
        EvidenceError: the table is missing or broken.
    """
    return split or _split_rule(report / OUTCOMES_FILE, None)[0]


def _no_rows(path: Path, split: str) -> OwnbenchError:
    """A split that the report lacks is asked for wrongly; the report itself is sound."""
    names = {name for batch in batches(path, ("contender", "split")) for name in batch["split"].to_pylist()}
    if not names:
        return EvidenceError(f"{path}: holds no rows")
    there = [name for name in ("test", "dev") if name in names or (name == "test" and None in names)]
    have = f"it has {' and '.join(there)}" if names != {None} else "its tasks are not split"
    return UsageError(f"{path.parent}: holds no rows of the split {split}; {have}: use {', '.join([*there, 'all'])}")


_IDENTITY = ("suite", "suite_digest", "task", "task_digest")


def used_rows(batch: "pa.Table", split: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    """Which rows of a batch the split rule keeps."""
    import numpy as np
    import pyarrow.compute as pc

    if split == "all":
        return np.ones(batch.num_rows, dtype=bool)
    same = pc.equal(batch["split"], split)
    return np.asarray(same.fill_null(split == "test"), dtype=bool)


def _split_rule(path: Path, split: str | None) -> tuple[str, int]:
    """The split to use, and how many rows that leaves out."""
    import pyarrow.compute as pc

    counts: dict[str | None, int] = {}
    for batch in batches(path, ("split",)):
        for pair in pc.value_counts(batch["split"].combine_chunks()):
            name = pair["values"].as_py()
            counts[name] = counts.get(name, 0) + pair["counts"].as_py()
    chosen = split or ("test" if "test" in counts else "all")
    kept = {"all": sum(counts.values()), "test": counts.get("test", 0) + counts.get(None, 0)}
    return chosen, sum(counts.values()) - kept.get(chosen, counts.get(chosen, 0))


def batches(path: Path, columns: Sequence[str], *, coded: bool = False) -> Iterator["pa.Table"]:
    """The file's rows in pieces, each with all of ``columns`` in their own types; a missing one is null.

    With ``coded`` texts come as dictionaries, each distinct text once: that is how the file holds them.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_table(path, OUTCOMES, required=REQUIRED) as file:
        there = [name for name in columns if name in file.schema_arrow.names]
        texts = [name for name in there if coded and OUTCOMES[name] == "string" and _plain(file.schema_arrow, name)]
        try:
            with pq.ParquetFile(path, metadata=file.metadata, read_dictionary=texts) as reader:
                pieces = reader.iter_batches(batch_size=131_072, columns=there) if there else ()
                for piece in pieces:
                    arrays = [_column(piece, name, path, as_is=name in texts) for name in columns]
                    yield pa.table(arrays, names=list(columns))
        except (pa.ArrowException, OSError) as error:
            raise damaged(path, error) from None


def _plain(schema: "pa.Schema", name: str) -> bool:
    from pyarrow import types

    kind = schema.field(name).type
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _column(piece: "pa.RecordBatch", name: str, path: Path, *, as_is: bool) -> "pa.Array":
    import pyarrow as pa

    if name not in piece.schema.names:
        return pa.nulls(len(piece), arrow_type(OUTCOMES[name]))
    return piece.column(name) if as_is else fitted(piece.column(name), OUTCOMES[name], path, name)


def _identity(rows: "pa.Table") -> tuple[list[str], list[str]]:
    """Of each row its suite's and its task's identity: the digest, or the name where there is no digest."""
    suites = [digest or name or "" for digest, name in _both(rows, "suite")]
    return suites, [digest or name or "" for digest, name in _both(rows, "task")]


def _both(rows: "pa.Table", word: str) -> Iterator[tuple[str | None, str | None]]:
    return zip(rows[f"{word}_digest"].to_pylist(), rows[word].to_pylist(), strict=True)

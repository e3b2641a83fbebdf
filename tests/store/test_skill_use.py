"""What was shown and opened, against a plain reading of the same file, row by row."""

import time
from collections import defaultdict

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.core import EvidenceError
from harness.store import load_skill_use, load_task_table

LISTS = {
    "list": pa.list_(pa.string()),
    "large": pa.large_list(pa.large_string()),
    "dictionary": pa.list_(pa.dictionary(pa.int32(), pa.string())),
}


def made(rows, *, repeats=True, seed=0):
    """A frame with several trials, other splits, errors, faults without an answer, and rows that do not say."""
    rng = np.random.default_rng(seed)
    names = [f"skill-{i}" for i in range(5)]
    pool = [[], *([one] for one in names), *([one, other] for one in names for other in names if one != other), None]

    def lists():
        return [pool[i] for i in rng.integers(0, len(pool), rows).tolist()]

    tasks = max(4, rows // 12)
    frame = pd.DataFrame(
        {
            "contender": rng.choice(["b", "a", "c"], rows),
            "suite": rng.choice(["s", "r"], rows),
            "task": [f"t{i}" for i in rng.integers(0, tasks, rows)],
            "trial": rng.integers(0, 3, rows).astype(np.int32) if repeats else np.arange(rows, dtype=np.int32),
            "status": rng.choice(["passed", "failed", "errored", "ungraded", "skipped"], rows),
            "split": rng.choice(["test", "dev"], rows, p=[0.8, 0.2]),
            "served_by": np.where(rng.random(rows) < 0.2, None, "x"),
        }
    )
    frame["passed"] = frame.status.map({"passed": True, "failed": False})
    frame["score"] = np.where(rng.random(rows) < 0.3, 0.5, np.nan)
    frame.loc[frame.score == 0.5, "passed"] = None
    frame["skills_shown"], frame["skills_used"] = lists(), lists()
    return frame


def written(folder, frame, kind=LISTS["list"]):
    folder.mkdir(exist_ok=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for name in ("skills_shown", "skills_used"):
        if name in frame:
            column = pa.chunked_array([pa.array(frame[name].tolist(), kind)])
            table = table.set_column(table.schema.get_field_index(name), name, column)
    pq.write_table(table, folder / "outcomes.parquet", row_group_size=50_000)
    return folder


def plainly(frame):
    """(contender, suite, task, skills shown, skills opened, answered) to [attempts, sum of values]."""
    kept = frame[frame.split == "test"].drop_duplicates(["contender", "suite", "task", "trial"])
    found = defaultdict(lambda: [0, 0.0])
    for row in kept[kept.status.isin(["passed", "failed"])].itertuples():
        lists = [None if one is None else frozenset(one) for one in (row.skills_shown, row.skills_used)]
        value = row.score if row.score == 0.5 else float(row.status == "passed")
        entry = found[row.contender, row.suite, row.task, *lists, isinstance(row.served_by, str)]
        entry[0] += 1
        entry[1] += value
    return dict(found)


def read(table, use):
    cells = zip(use.contenders, use.tasks, use.patterns, use.counts, use.sums, strict=True)
    found = defaultdict(lambda: [0, 0.0])
    for contender, task, pattern, count, total in cells:
        lists = [None if one is None else frozenset(one) for one in (use.shown[pattern], use.opened[pattern])]
        where = table.contenders[contender], table.suites[task], table.tasks[task]
        entry = found[(*where, *lists, use.answered[pattern])]
        entry[0] += count
        entry[1] += total
    return dict(found)


@pytest.mark.parametrize(
    ("kind", "rows", "repeats"),
    [*((kind, 600, repeats) for kind in LISTS for repeats in (True, False)), ("list", 135_000, True)],
)
def test_cells_are_those_of_a_plain_reading(tmp_path, kind, rows, repeats):
    frame = made(rows, repeats=repeats)
    table = load_task_table(written(tmp_path / "r", frame, LISTS[kind]))
    assert bool(table.duplicates) == repeats
    use = load_skill_use(table)
    assert read(table, use) == plainly(frame)
    assert list(use.contenders) == sorted(use.contenders)
    for i in range(3):
        counts = use.at_tasks(i, dict.fromkeys(use.patterns_of(i), 1.0))
        assert (counts[2] == table.counts[i]).all()
        assert counts[0] == pytest.approx(table.sums[i])


def test_weights_are_summed_at_each_task(tmp_path):
    rows = [("t0", 0, ["a", "b"], "passed"), ("t0", 1, ["a"], "failed"), ("t1", 0, [], "passed")]
    frame = pd.DataFrame(
        {"contender": "c", "task": t, "trial": k, "status": s, "passed": s == "passed", "skills_used": used}
        for t, k, used, s in rows
    )
    use = load_skill_use(load_task_table(written(tmp_path / "r", frame)))
    assert use.shown == (None, None, None)  # no such column: not known
    assert use.opened == (("a", "b"), ("a",), ())
    assert use.answered == (False, False, False)
    values, opened, attempts = use.at_tasks(0, {p: float(len(use.opened[p])) for p in range(3)})
    assert (values.tolist(), opened.tolist(), attempts.tolist()) == ([1, 1], [3, 0], [2, 1])
    values, opened, attempts = use.at_tasks(0, {1: 5.0})
    assert (values.tolist(), opened.tolist(), attempts.tolist()) == ([0, 0], [5, 0], [1, 0])


def test_what_is_shown_and_what_is_opened_are_not_confused(tmp_path):
    pairs = [(["a"], ["b"]), (["b"], ["a"]), (["a", "b"], []), ([], ["a", "b"]), (["b", "a"], []), ([], None)]
    frame = pd.DataFrame(
        {"contender": "c", "task": f"t{i}", "trial": 0, "status": "passed", "passed": True,
         "skills_shown": shown, "skills_used": used} for i, (shown, used) in enumerate(pairs)
    )  # fmt: skip
    use = load_skill_use(load_task_table(written(tmp_path / "r", frame)))
    assert len(use.shown) == 5  # the order of a list says nothing
    assert [(use.shown[p], use.opened[p]) for p in use.patterns[use.tasks.argsort()]] == [
        (("a",), ("b",)), (("b",), ("a",)), (("a", "b"), ()), ((), ("a", "b")), (("a", "b"), ()), ((), None)
    ]  # fmt: skip


def test_another_file_in_its_place_is_noticed(tmp_path):
    frame = made(300)
    table = load_task_table(written(tmp_path / "r", frame))
    written(tmp_path / "r", frame.assign(task="x" + frame.task))
    with pytest.raises(EvidenceError, match=r"changed while it was read"):
        load_skill_use(table)


@pytest.mark.slow
def test_a_million_rows_take_about_half_a_second(tmp_path):
    n, tasks = 1_000_000, 50_000
    place = np.arange(n)
    shown = [[f"skill-{i}" for i in range(8)], ["skill-1"], []]
    frame = pd.DataFrame(
        {"contender": [f"c{i}" for i in place // 100_000], "suite": "s", "task": [f"t{i}" for i in place % tasks],
         "trial": ((place // tasks) % 2).astype(np.int32), "status": "passed", "passed": True, "served_by": "x",
         "skills_shown": [shown[i % 3] for i in place], "skills_used": [shown[1 + i % 2] for i in place]}
    )  # fmt: skip
    table = load_task_table(written(tmp_path / "r", frame))
    start = time.process_time()
    use = load_skill_use(table)
    assert time.process_time() - start < 2.0  # four times what it takes alone on a small machine
    assert use.counts.sum() == n

"""Latencies and labels of all contenders from the one pass, against a plain reading of the same file."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.core import EvidenceError
from harness.store import load_task_table

LABELS = ("label_true", "label_predicted")
KINDS = {
    "text": pa.string(),
    "large": pa.large_string(),
    "dictionary": pa.dictionary(pa.int32(), pa.string()),
}


def made(rows, seed=0):
    """A frame with repeats, errors, unknown latencies and answers without a label."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "contender": rng.choice(["b", "a", "c"], rows),
            "suite": "s",
            "task": [f"t{i}" for i in rng.integers(0, max(3, rows // 20), rows)],
            "trial": rng.integers(0, 4, rows).astype(np.int32),
            "status": rng.choice(["passed", "failed", "errored", "ungraded"], rows),
            "split": rng.choice(["test", "dev"], rows),
            "latency_s": np.where(rng.random(rows) < 0.1, np.nan, rng.random(rows)),
            "label_true": "x",
        }
    )
    frame["task_digest"] = np.where(frame.task.str.endswith("1"), "", "digest-" + frame.task)
    frame["passed"] = frame.status.map({"passed": True, "failed": False})
    frame["label_true"] = np.where(frame.task.str.endswith("2"), None, "l" + frame.task.str[-1])
    frame["label_predicted"] = rng.choice(np.array(["l1", "l3", "other", None], dtype=object), rows)
    return frame


def written(folder, frame, kind=KINDS["text"]):
    folder.mkdir(exist_ok=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for i, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            table = table.set_column(i, field.name, table[field.name].cast(kind))
    pq.write_table(table, folder / "outcomes.parquet", row_group_size=50_000)
    return folder


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("rows", [400, 150_000])
def test_attempts_are_those_of_a_plain_reading(tmp_path, rows, kind):
    frame = made(rows)
    table = load_task_table(written(tmp_path / "r", frame, kind))
    kept = frame[frame.split == "test"].drop_duplicates(["contender", "task", "trial"])
    assert table.tasks == tuple(kept.task.drop_duplicates())
    kept = kept[kept.status.isin(["passed", "failed"])]
    found = table.every_attempt()
    true, predicted = (found.words(name).texts().to_pylist() for name in LABELS)
    back = pd.DataFrame(
        {
            "contender": [table.contenders[i] for i in found.contenders],
            "task": [table.tasks[i] for i in found.tasks],
            "latency_s": found.numbers("latency_s"),
            "label_true": true,
            "label_predicted": predicted,
        }
    )
    columns = list(back)
    expected = kept[columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(back, expected, check_dtype=False)
    for i, name in enumerate(table.contenders):
        one = table.attempts_of(name)
        assert len(one.tasks) == int((kept.contender == name).sum()) == int(table.counts[i].sum())
        assert np.nansum(one.numbers("latency_s")) == pytest.approx(kept[kept.contender == name].latency_s.sum())


def test_a_column_is_read_when_it_is_asked_for_and_from_no_other_file(tmp_path):
    report = written(tmp_path / "r", made(300))
    table = load_task_table(report)
    attempts, seconds = table.every_attempt(), table.every_attempt().numbers("latency_s")
    written(tmp_path / "r", made(300, seed=1))
    assert np.array_equal(attempts.numbers("latency_s"), seconds, equal_nan=True)
    with pytest.raises(EvidenceError, match="changed while it was read"):
        attempts.words("label_true")
    with pytest.raises(EvidenceError, match="changed while it was read"):
        table.attempts("a", ["cause"])


def test_no_latency_and_no_label_column_is_unknown(tmp_path):
    frame = made(50).drop(columns=["latency_s", "label_true", "label_predicted"])
    found = load_task_table(written(tmp_path / "r", frame)).every_attempt()
    assert np.isnan(found.numbers("latency_s")).all()
    assert all((found.words(name).codes == -1).all() for name in LABELS)

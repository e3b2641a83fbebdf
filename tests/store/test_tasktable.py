"""The reduction to sums, against pandas."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.core import EvidenceError, UsageError
from harness.store import load_task_table


def rows(n_tasks: int = 40, trials: int = 3, contenders: tuple[str, ...] = ("a", "b", "c"), seed: int = 1):
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [contenders, range(n_tasks), range(trials)], names=["contender", "task", "trial"]
    )
    frame = index.to_frame(index=False)
    frame["suite"] = np.where(frame["task"] % 2 == 0, "even", "odd")
    frame["suite_digest"] = "d-" + frame["suite"]
    frame["task"] = "t" + (frame["task"] // 2).astype(str)  # the same names in both suites
    frame["task_digest"] = "x-" + frame["suite"] + "-" + frame["task"]
    frame["domain"] = frame["task"].str[-1]
    frame["cluster"] = "k" + frame["task"].str[-1]
    frame["split"] = None
    frame["status"] = rng.choice(
        ["passed", "failed", "errored", "ungraded", "skipped"], len(frame), p=[0.5, 0.3, 0.1, 0.05, 0.05]
    )
    frame["passed"] = frame["status"].map({"passed": True, "failed": False})
    frame["score"] = frame["passed"].astype("float64")
    frame["cost_usd"] = np.where(rng.random(len(frame)) < 0.1, np.nan, rng.random(len(frame)))
    frame["confidence"] = np.where(rng.random(len(frame)) < 0.3, np.nan, rng.random(len(frame)))
    frame["escalated"] = np.where(frame["contender"] == "c", rng.random(len(frame)) < 0.4, None)
    frame["latency_s"] = rng.random(len(frame))
    return frame


def write(frame: pd.DataFrame, folder: Path, **options: object) -> Path:
    folder.mkdir(exist_ok=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for name in ("passed", "escalated"):
        if name in table.column_names:
            values = [None if v is None or v != v else bool(v) for v in frame[name]]
            table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.bool_()))
    pq.write_table(table, folder / "outcomes.parquet", **options)
    return folder


@pytest.mark.parametrize("row_group", [7, 100_000])
def test_every_sum_agrees_with_pandas(tmp_path: Path, row_group: int) -> None:
    frame = rows().sample(frac=1, random_state=3)
    table = load_task_table(write(frame, tmp_path, row_group_size=row_group))
    graded = frame[frame["status"].isin(["passed", "failed"])]
    value = graded["passed"].astype(float)
    keys = ["contender", "suite", "task"]
    by = graded.assign(value=value, square=value**2, cost_known=graded["cost_usd"].notna()).groupby(keys)
    expected = {
        "counts": by["value"].count(),
        "sums": by["value"].sum(),
        "squares": by["square"].sum(),
        "cost_known": by["cost_known"].sum(),
        "cost_sums": by["cost_usd"].agg(lambda c: c.sum(skipna=False)),
        "confidences": by["confidence"].mean(),
        "escalated": graded[graded["escalated"] == True].groupby(keys)["task"].count(),  # noqa: E712
    }
    for status in ("errored", "ungraded", "skipped"):
        expected[status] = frame[frame["status"] == status].groupby(keys)["task"].count()
    assert len(table.tasks) == 40
    assert set(table.contenders) == {"a", "b", "c"}
    for name, values in expected.items():
        default = np.nan if name == "confidences" else 0
        grid = getattr(table, name)
        assert grid.shape == (3, 40)
        for c, contender in enumerate(table.contenders):
            for t, (suite, task) in enumerate(zip(table.suites, table.tasks, strict=True)):
                assert grid[c, t] == pytest.approx(values.get((contender, suite, task), default), nan_ok=True), name
    assert table.duplicates == 0
    assert {f.kind for f in table.flags} == {"errored", "skipped"}


def test_tasks_are_told_apart_by_suite_and_clusters_too(tmp_path: Path) -> None:
    table = load_task_table(write(rows(), tmp_path))
    assert len(set(zip(table.suites, table.tasks, strict=True))) == 40
    labels = list(zip(table.suites, [t[-1] for t in table.tasks], strict=True))
    assert len(set(labels)) == len(set(table.clusters.tolist())) == 20
    for i in range(40):
        assert [labels[j] == labels[i] for j in range(40)] == (table.clusters == table.clusters[i]).tolist()
        assert table.domain_names[table.domains[i]] == table.tasks[i][-1]
    assert table.keys.index(("d-odd", "x-odd-t3")) == list(zip(table.suites, table.tasks, strict=True)).index(
        ("odd", "t3")
    )


def test_repeated_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    frame = rows(trials=2)
    late = frame.assign(trial=frame["trial"] + 70)  # beyond the 64 trials of the bit mask
    whole = pd.concat([frame, late, frame.head(5), late.head(3)])
    table = load_task_table(write(whole, tmp_path, row_group_size=50))
    clean = load_task_table(write(pd.concat([frame, late]), tmp_path / "clean"))
    assert table.duplicates == 8
    np.testing.assert_array_equal(table.sums, clean.sums)
    assert [f.count for f in table.flags if f.kind == "duplicates"] == [8]


def test_dev_rows_are_left_out_where_there_are_test_rows(tmp_path: Path) -> None:
    frame = rows(trials=1)
    frame["split"] = np.where(frame["suite"] == "even", np.where(frame["task"] == "t0", "dev", "test"), None)
    report = write(frame, tmp_path)
    table = load_task_table(report)
    assert table.split == "test"
    assert len(table.tasks) == 39
    assert ("even", "t0") not in set(zip(table.suites, table.tasks, strict=True))
    assert [f.count for f in table.flags if f.kind == "split"] == [3]
    assert load_task_table(report, "dev").tasks == ("t0",)
    assert len(load_task_table(report, "all").tasks) == 40
    with pytest.raises(UsageError, match="split"):
        load_task_table(report, "train")


def test_contenders_stand_as_in_the_file_whatever_split_their_rows_are_of(tmp_path: Path) -> None:
    dev = rows(contenders=("d", "b")).assign(split="dev", contender_kind="hybrid")
    test = rows(contenders=("a", "b")).assign(split="test", contender_kind="model")
    table = load_task_table(write(pd.concat([dev, test]), tmp_path))
    assert (table.contenders, table.kinds) == (("d", "b", "a"), ("hybrid", "hybrid", "model"))
    assert table.trials.sum(axis=1).tolist() == [0, 120, 120]
    assert not len(table.attempts_of("d").numbers("latency_s"))
    assert len(table.attempts_of("b").numbers("latency_s")) == table.counts[1].sum()


def test_a_split_that_the_report_lacks_is_a_wrong_use_that_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no rows of the split dev; its tasks are not split: use test, all"):
        load_task_table(write(rows(), tmp_path / "none"), "dev")
    frame = rows()
    frame["split"] = "dev"
    with pytest.raises(UsageError, match=r"no rows of the split test; it has dev: use dev, all"):
        load_task_table(write(frame, tmp_path / "dev"), "test")


def test_a_fractional_score_is_the_value_where_passed_is_unknown(tmp_path: Path) -> None:
    frame = rows(n_tasks=2, trials=1, contenders=("a",)).assign(status="failed", score=[0.25, 0.5], passed=None)
    table = load_task_table(write(frame, tmp_path))
    assert table.sums.tolist() == [[0.25, 0.5]]
    assert table.squares.tolist() == [[0.0625, 0.25]]


def test_contradictions_uneven_trials_and_missing_tasks_are_flagged(tmp_path: Path) -> None:
    frame = rows(n_tasks=6, trials=2, contenders=("a", "b")).assign(status="passed", passed=True, score=1.0)
    frame.loc[0, ["passed", "score"]] = [False, 0.0]
    frame.loc[1, "score"] = 0.0
    frame = frame[~((frame["contender"] == "b") & ((frame["trial"] == 1) | (frame["task"] == "t2")))]
    flags = {f.kind: f for f in load_task_table(write(frame, tmp_path)).flags}
    assert flags["contradictions"].count == 2
    assert flags["missing"].count == 2
    assert "b 2" in flags["missing"].text
    assert "a 2, b 1" in flags["trials"].text
    assert set(flags) == {"contradictions", "missing", "trials"}


def test_attempts_latencies_and_labels(tmp_path: Path) -> None:
    frame = rows()
    frame["label_true"] = "x"
    frame["label_predicted"] = np.where(frame["trial"] == 0, None, "y")
    table = load_task_table(write(pd.concat([frame, frame.head(4)]), tmp_path))
    graded = frame[frame["status"].isin(["passed", "failed"]) & (frame["contender"] == "b")]
    assert sorted(table.attempts_of("b").numbers("latency_s")) == pytest.approx(sorted(graded["latency_s"]))
    true, predicted, tasks = table.labels("b")
    assert true == ["x"] * len(graded)
    assert predicted == [None if t == 0 else "y" for t in graded["trial"]]
    assert [(table.suites[i], table.tasks[i]) for i in tasks] == list(zip(graded["suite"], graded["task"], strict=True))
    attempts = table.attempts("a", ["cost_usd", "status"])
    assert attempts.column_names == ["task_index", "trial_index", "cost_usd", "status"]
    assert attempts.num_rows == (frame["status"].isin(["passed", "failed"]) & (frame["contender"] == "a")).sum()


def test_an_unknown_contender_is_named_with_the_nearest(tmp_path: Path) -> None:
    table = load_task_table(write(rows(contenders=("tuned", "skilled")), tmp_path))
    assert table.index("skilled") == 1
    with pytest.raises(UsageError, match="did you mean 'tuned'"):
        table.index("tund")


def test_a_table_of_the_five_needed_columns_is_enough(tmp_path: Path) -> None:
    frame = rows(contenders=("a",))[["contender", "task", "trial", "status", "passed", "suite"]]
    table = load_task_table(write(frame, tmp_path))
    assert table.kinds == ("imported",)
    assert len(set(table.clusters.tolist())) == 40
    graded = table.counts > 0
    assert np.isnan(table.cost_sums[graded]).all()
    assert table.suite_digests == ("",) * 40


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.drop(columns="passed"), "the column passed is missing"),
        (lambda f: f.rename(columns={"contender": "contenders"}), "did you mean 'contenders'"),
        (lambda f: f.assign(cost_usd="free"), "the column cost_usd holds"),
        (lambda f: f.assign(status="pased"), "did you mean 'passed'"),
        (lambda f: f.assign(status=[None] * len(f)), "no status"),
        (lambda f: f.assign(trial=2**40), "the column trial"),
        (lambda f: f.assign(task=None, task_digest=None), "neither a task"),
        (lambda f: f.assign(contender=None), "no contender"),
        (lambda f: f.head(0), "holds no rows"),
    ],
)
def test_a_broken_table_is_refused_by_column(tmp_path: Path, change, says: str) -> None:
    with pytest.raises(EvidenceError, match=says) as caught:
        load_task_table(write(change(rows(n_tasks=3)), tmp_path))
    assert "outcomes.parquet" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_table_or_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="run it, or import"):
        load_task_table(tmp_path)
    report = write(rows(n_tasks=2000), tmp_path)
    whole = (report / "outcomes.parquet").read_bytes()
    (report / "outcomes.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        EvidenceError, match=r"not a readable Parquet file: it is cut off or damaged \(.*[^.]\); .*import"
    ):
        load_task_table(report)
    (report / "attempts.jsonl").write_text("")
    with pytest.raises(
        EvidenceError, match=r"; restore it .* ownbench run again: paid answers are kept in the journal$"
    ):
        load_task_table(report)
    (report / "outcomes.parquet").write_bytes(b"PAR1" + b"\xff" * (len(whole) // 2) + whole[len(whole) // 2 + 4 :])
    with pytest.raises(EvidenceError, match=r"damaged|not a readable"):
        load_task_table(report)


@pytest.mark.slow
def test_a_million_outcomes(tmp_path: Path) -> None:
    import resource
    import time

    table = load_task_table(write(rows(n_tasks=50_000, trials=4, contenders=tuple("abcde")), tmp_path))
    before = time.process_time()
    table = load_task_table(tmp_path)
    assert time.process_time() - before < 6
    assert int(table.trials.sum()) == 1_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4e6


@pytest.mark.slow
def test_a_million_outcomes_are_shown_and_gated_within_bounds(tmp_path: Path) -> None:
    """Whole processes; the bounds are generous, since the machine may be shared. `make bench` has the figures."""
    import subprocess
    import sys

    contenders = tuple("abcdefghij")
    write(rows(n_tasks=25_000, trials=4, contenders=contenders), tmp_path)
    peak = "import resource, sys; from harness.cli import main; code = main(); "
    peak += "high = open('/proc/self/status').read().split('VmHWM:')[1].split()[0]; "  # of this program alone
    peak += "print(high, resource.getrusage(resource.RUSAGE_SELF).ru_utime)"
    gate = ["gate", str(tmp_path), str(tmp_path), "--baseline-contender", "a", "--candidate-contender", "b"]
    for words, seconds in ((["show", str(tmp_path)], 6.0), (gate, 2.5)):
        done = subprocess.run([sys.executable, "-c", peak, *words], capture_output=True, text=True, check=True)
        kilobytes, cpu = map(float, done.stdout.split()[-2:])
        assert kilobytes < 600_000
        assert cpu < seconds


@pytest.mark.parametrize("column", ["domain", "cluster"])
def test_tasks_that_their_rows_call_differently_are_flagged(tmp_path: Path, column: str) -> None:
    frame = rows(n_tasks=6, trials=1, contenders=("a", "b"))
    assert column not in {f.kind for f in load_task_table(write(frame, tmp_path)).flags}
    frame.loc[7:8, column] = "another"  # of b's second and third task
    (flag,) = [f for f in load_task_table(write(frame, tmp_path)).flags if f.kind == column]
    assert flag.text == f"tasks whose rows name several {column}s: 2; that of the first row counts"

"""Small reports on disk, and the shared data where it is there."""

import json
from pathlib import Path

import pytest

ROWS_DEFAULT = {"trial": 0, "status": "passed", "domain": "d"}


def write_outcomes(folder: Path, rows: list[dict], manifest: dict | None = None, experiment: str | None = None) -> Path:
    """A report folder whose outcomes are ``rows``; ``passed`` follows from the status."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    full = []
    for given in rows:
        row = {**ROWS_DEFAULT, **given}
        row["passed"] = {"passed": True, "failed": False}.get(row["status"])
        full.append(row)
    names = list(dict.fromkeys(name for row in full for name in row))
    arrays = {name: [row.get(name) for row in full] for name in names}
    names_of = pa.list_(pa.string())
    types = {
        "skills_shown": names_of,
        "skills_used": names_of,
        "skills_named": names_of,
        "documents_shown": names_of,
        "documents_named": names_of,
        "cost_usd": pa.float64(),
        "confidence": pa.float64(),
        "latency_s": pa.float64(),
        "passed": pa.bool_(),
        "escalated": pa.bool_(),
        "trial": pa.int32(),
        "output_tokens": pa.int64(),
        "started_at": pa.timestamp("us", tz="UTC"),
    }
    table = pa.table({n: pa.array(v, type=types.get(n, pa.string())) for n, v in arrays.items()})
    pq.write_table(table, folder / "outcomes.parquet")
    if manifest is not None:
        whole = {"schema": 1, "report": folder.name, "created_at": "2026-01-01T00:00:00+00:00", **manifest}
        (folder / "manifest.json").write_text(json.dumps(whole))
    if experiment is not None:
        (folder / "experiment.yaml").write_text(experiment)
    return folder


@pytest.fixture
def make_report(tmp_path):
    def make(rows, manifest=None, experiment=None, name="r"):
        return write_outcomes(tmp_path / name, rows, manifest, experiment)

    return make


@pytest.fixture
def paired_rows():
    """Rows of contenders ``A`` and ``B`` with a given 2 x 2 table; a task a row of it, domains taken in turn."""

    def rows(a, b, c, d, domains=("d",), **more):
        found = []
        outcomes = [(True, True)] * a + [(True, False)] * b + [(False, True)] * c + [(False, False)] * d
        for i, pair in enumerate(outcomes):
            for name, passed in zip("AB", pair, strict=True):
                status = "passed" if passed else "failed"
                found.append({"contender": name, "task": f"t{i}", "status": status,
                              "domain": domains[i % len(domains)], **more})  # fmt: skip
        return found

    return rows


@pytest.fixture(scope="session")
def shared_data():
    for folder in Path(__file__).resolve().parents:
        if (folder.parent / "shared" / "data").is_dir():
            return folder.parent / "shared" / "data"
    pytest.skip("no shared data beside the checkout")


@pytest.fixture(scope="session")
def routerbench(shared_data, tmp_path_factory):
    """routerbench-mini as a report: 10 systems, 800 tasks, one trial, costs in the data set's own currency."""
    import pandas as pd

    frame = pd.read_parquet(shared_data / "routerbench_mini.parquet")
    folder = tmp_path_factory.mktemp("reports") / "routerbench"
    rows = [
        {"contender": r.system, "task": r.task_id, "domain": r.domain, "status": "passed" if r.passed else "failed",
         "cost_usd": r.cost_cny, "latency_s": r.latency_s}
        for r in frame.itertuples()
    ]  # fmt: skip
    return write_outcomes(folder, rows, experiment="reference: always_strong\n")

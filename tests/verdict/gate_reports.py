"""Reports written by hand for the tests of the gate."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from harness.core import Manifest
from harness.store import write_manifest

SHAPE = (("both", "pp"), ("gained", "fp"), ("lost", "pf"), ("neither", "ff"))


def pair_rows(both, gained, lost, neither, *, domain="d", start=0):
    """Rows of one 0/1 trial a task: the baseline is A, the candidate B."""
    rows = []
    words = {"p": "passed", "f": "failed"}
    outcomes = [pair for (_, pair), n in zip(SHAPE, (both, gained, lost, neither), strict=True) for _ in range(n)]
    for number, (a, b) in enumerate(outcomes, start):
        rows += [row("A", number, words[a], domain=domain), row("B", number, words[b], domain=domain)]
    return rows


def row(contender, number, status="passed", *, domain="d", trial=0, suite_digest="sd", **more):
    passed = {"passed": True, "failed": False}.get(status)
    return {"contender": contender, "contender_digest": f"digest of {contender}", "suite": "s",
            "suite_digest": suite_digest, "task": f"t{number}", "task_digest": f"td{number}", "domain": domain,
            "trial": trial, "status": status, "passed": passed, "cost_usd": None, "latency_s": None} | more  # fmt: skip


def write_report(folder, rows, *, manifest=True, **fields):
    """A folder with these rows, and a manifest that says that all is done."""
    folder.mkdir(parents=True, exist_ok=True)
    types = {"trial": pa.int32(), "passed": pa.bool_(), "cost_usd": pa.float64(), "latency_s": pa.float64()}
    names = list(dict.fromkeys(name for one in rows for name in one))
    columns = {name: pa.array([one.get(name) for one in rows], types.get(name, pa.string())) for name in names}
    pq.write_table(pa.table(columns), folder / "outcomes.parquet")
    if manifest:
        given = {"report": folder.name, "created_at": "2026-01-01", "planned": len(rows), "done": len(rows),
                 "complete": True} | fields  # fmt: skip
        write_manifest(folder, Manifest(**given))
    return folder


def only(rows, contender, name=None):
    """The rows of one contender, under another name if asked."""
    return [one | {"contender": name or contender} for one in rows if one["contender"] == contender]


def write_policy(path, **keys):
    path.write_text(json.dumps(keys))  # JSON is YAML
    return path

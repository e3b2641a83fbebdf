"""Small reports with known answers for the tests of the advice."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

OWNED = {"name": "mine", "backend": "transformers", "price": {"gpu_hour": 2.0}}
RENTED = {"name": "theirs", "backend": "litellm", "price": {"input": 1.0, "output": 4.0}}
CONTENDERS = {
    "base": {"model": "mine", "delivery": "none"},
    "tuned": {"model": "mine", "adapter": "adapters/a", "delivery": "none"},
    "bare": {"model": "theirs", "delivery": "none"},
    "skilled": {"model": "theirs", "skills": "skills", "delivery": "flat"},
    "hybrid": {"worker": "tuned", "expert": "skilled", "escalate": {"signal": "margin"}},
    "oracle": {"worker": "tuned", "expert": "skilled", "escalate": {"signal": "oracle"}},
    "placebo": {"model": "theirs", "skills": "skills", "delivery": "placebo"},
}
KINDS = {"base": "model", "tuned": "adapter", "bare": "model", "skilled": "skilled", "placebo": "skilled"}


def write(folder, outcomes, *, manifest=None, contenders=None, models=(OWNED, RENTED), suites=(), **columns):
    """A report of ``outcomes``: by contender a list of (passed, cost) or (passed, cost, more columns), one a task."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, tasks in outcomes.items():
        for number, (passed, cost, *more) in enumerate(tasks):
            rows.append(
                {
                    "contender": name,
                    "contender_kind": KINDS.get(name, "hybrid"),
                    "suite": "work",
                    "task": f"t{number}",
                    "domain": "d",
                    "trial": 0,
                    "status": "passed" if passed else "failed",
                    "passed": bool(passed),
                    "cause": None if passed else "wrong",
                    "cost_usd": cost,
                    "cost_basis": "none",
                    **columns,
                    **(more[0] if more else {}),
                }
            )
    names = list(dict.fromkeys(key for row in rows for key in row))
    types = {"cost_usd": pa.float64(), "passed": pa.bool_(), "trial": pa.int32(), "escalated": pa.bool_()}
    arrays = {n: pa.array([row.get(n) for row in rows], type=types.get(n, pa.string())) for n in names}
    pq.write_table(pa.table(arrays), folder / "outcomes.parquet")
    if manifest is not False:
        written = CONTENDERS if contenders is None else contenders
        whole = {
            "schema": 1,
            "report": folder.name,
            "created_at": "2026-01-01T00:00:00+00:00",
            "models": list(models),
            "contenders": [{"name": n, "kind": "x", "digest": n, "parts": {"written": written[n]}} for n in outcomes],
            "suites": list(suites),
            "complete": True,
            **(manifest or {}),
        }
        (folder / "manifest.json").write_text(json.dumps(whole))
    return folder

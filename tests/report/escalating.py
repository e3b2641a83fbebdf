"""A small report with a worker whose confidence knows something, an expert, a live hybrid and controls."""

import json
import random

import pyarrow as pa
import pyarrow.parquet as pq

ESCALATE = {"signal": "logprob_mean", "threshold": 0.6}


def write_escalating(folder, n=120, *, costs=True, confidence=True, names=("w", "e"), hybrid="h"):
    """``n`` tasks of two contenders; above a confidence of 0.6 the worker mostly passes."""
    rng = random.Random(5)
    worker, expert = names
    rows = []
    for i in range(n):
        sure = rng.random()
        passes = rng.random() < (0.9 if sure >= 0.6 else 0.3)
        better = rng.random() < 0.8
        up = sure < 0.6
        base = {"task": f"t{i}", "trial": 0, "suite": "s", "domain": f"d{i % 3}"}
        outcomes = [(worker, passes, 0.001, 0.2, sure, False), (expert, better, 0.02, 1.0, None, False)]
        if hybrid:
            outcomes.append((hybrid, better if up else passes, 0.021 if up else 0.001, 1.2 if up else 0.2, sure, up))
        for name, passed, usd, seconds, said, escalated in outcomes:
            rows.append({**base, "contender": name, "passed": passed, "status": "passed" if passed else "failed",
                         "cost_usd": usd if costs else None, "latency_s": seconds, "escalated": escalated,
                         "confidence": said if confidence else None})  # fmt: skip
    types = {"cost_usd": pa.float64(), "confidence": pa.float64(), "latency_s": pa.float64(), "trial": pa.int32()}
    arrays = {key: pa.array([row[key] for row in rows], type=types.get(key)) for key in rows[0]}
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(arrays), folder / "outcomes.parquet")
    contenders = [{"name": name, "kind": "model", "digest": name, "parts": {"written": {"model": name}}}
                  for name in names]  # fmt: skip
    if hybrid:
        parts = {"worker": worker, "expert": expert,
                 "written": {"worker": worker, "expert": expert, "escalate": ESCALATE}}  # fmt: skip
        contenders.append({"name": hybrid, "kind": "hybrid", "digest": hybrid, "parts": parts})
    models = [{"name": worker, "backend": "transformers", "price": {"gpu_hour": 2.0}},
              {"name": expert, "backend": "litellm", "price": {"input": 1.0, "output": 4.0}}]  # fmt: skip
    manifest = {"schema": 1, "report": folder.name, "created_at": "2026-01-01T00:00:00+00:00", "complete": True,
                "models": models, "contenders": contenders}  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder

"""Breaks one adapter twice: beyond repair, and so little that a gate has to look closely. Severity is chosen on dev."""

from pathlib import Path

from answers import Job, answer
from transformers import PreTrainedTokenizerFast
from tune import shuffled, worn

WANTED_DROP = 0.10
SEVERITIES = [round(0.1 * 1.15**i, 3) for i in range(20)]


def wear(root: Path, name: str) -> float:
    """Writes ``NAME-damaged`` and ``NAME-worn``; returns the severity whose drop on dev is nearest to ten points."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(root / "adapters" / "base" / "worker")

    def passed(adapter: str) -> float:
        rows = list(answer(root, Job(contender="", model="worker", suite=name, adapter=adapter), "dev", tokenizer))
        return sum(row["passed"] for row in rows) / len(rows)

    intact, drops = passed(name), {}
    for severity in SEVERITIES:
        worn(root, name, severity)
        drops[severity] = intact - passed(f"{name}-worn")
        if drops[severity] > 3 * WANTED_DROP:
            break
    chosen = min(drops, key=lambda severity: (abs(drops[severity] - WANTED_DROP), severity))
    worn(root, name, chosen)
    shuffled(root, name)
    print(f"worn: severity {chosen}, {100 * drops[chosen]:.0f} points less on dev than {100 * intact:.0f}%", flush=True)
    return chosen

"""What is said of options: what their quality means, and which amounts their bills wait for."""

from collections.abc import Mapping

from harness import core
from harness.verdict import Advice

QUALITY = {
    "best": "passes most, and shown to lie within the margin of the best, whoever that truly is",
    "shown": "shown to lie within the margin of the best",
    "open": "neither shown to lie within the margin of the best, nor shown to miss it",
    "below": "shown to miss the margin",
    "not allowed": "the data must stay inside, and it needs an API or is not known to be owned",
}


def waiting(view: Advice, labels: Mapping[str, str], *, labelled: bool) -> list[str]:
    """Which amount each bill that is not known waits for, by its label, or by its key in files and commands."""
    asked = {name: [o.contender for o in view.options if name in o.lacking] for o in view.options for name in o.lacking}
    if not asked:
        return []
    parts = []
    for name, who in asked.items():
        whose = "all options" if len(who) == len(view.options) > 1 else core.listed(who, 5)
        parts.append(f"{labels.get(name, name) if labelled else name} of {whose}")
    how = "An amount that is 0 has to be said too."
    if set(asked) == {"cost_usd"}:
        how = "Give the model a price, or map a column of costs."
    elif not labelled:
        how = "--economics KEY=AMOUNT gives one, or experiment.yaml; 0 has to be said too."
    return [f"Bills shown as {core.UNKNOWN} wait for {'; '.join(parts)}. {how}"]


def meaning(view: Advice, quality: str) -> str:
    """What a word for the quality means; the best is that of the options that may be chosen."""
    barred = any(not o.allowed for o in view.options)
    means = QUALITY[quality].replace("passes most", "passes most of those that may be chosen") if barred else ""
    return means or QUALITY[quality]

"""Whether an engine applies the adapters that it holds: each alone, then all in one batch.

Compared are log-probabilities of the first token of a few answers, the likeliest twenty of each.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core import UserFileError
from harness.model.applied import NOISE, answers_as, unchanged
from harness.model.local_fit import Fit

TOP = 20
Seen = Sequence[Mapping[int, float]]  # of each prompt, the likeliest first tokens' log-probabilities


def check_alone(base: Seen, again: Seen, alone: Mapping[Path, Seen], fits: Mapping[Path, Fit]) -> None:
    """Returns when every adapter changes an answer, no two alike. Raises UserFileError: one does not.

    ``base`` and ``again`` are the base's own, asked twice: what differs there is noise.
    """
    noise, asked = distance(base, again), f"the model answers {len(base)} probe prompts"
    for place, seen in alone.items():
        fit = fits[place]
        if unchanged(change := distance(seen, base), noise):
            problem = f"{asked} with this adapter as without it (log-probabilities differ by {change:.2g})"
            advice = "its matrices are zero, broken or not applied: train or save it again"
            raise UserFileError(fit.adapter.path, problem, advice=advice)
        for other, theirs in alone.items():
            if other == place:
                break
            twins = fit.adapter.digest == fits[other].adapter.digest or (fit.prompts or fits[other].prompts) is not None
            if not twins and unchanged(distance(seen, theirs), noise):
                problem = f"{asked} exactly as with the adapter {fits[other].adapter.name}"
                advice = "the two hold the same weights, or one of them is not applied"
                raise UserFileError(fit.adapter.path, problem, advice=advice)


def check_together(alone: Mapping[str, Seen], together: Mapping[str, Seen], folder: Path) -> tuple[str, ...]:
    """What a reader must know of a batch that mixes adapters. Raises UserFileError: one answers as another does."""
    notes = []
    for name, seen in together.items():
        rows = [(distance([row], [own]), place) for place, (row, own) in enumerate(zip(seen, alone[name], strict=True))]
        for moved, place in rows:
            others = {n: distance([seen[place]], [theirs[place]]) for n, theirs in alone.items() if n != name}
            if (other := answers_as(moved, others)) is not None:
                problem = f"asked for several at once, vLLM answers for {name} as for {other}"
                raise UserFileError(folder, problem, advice="use another version of vLLM, or backend: transformers")
        if (moved := max(rows)[0]) > NOISE:
            difference = f"(log-probabilities differ by {moved:.2g})"
            notes.append(f"{name} answers otherwise in a mixed batch than alone {difference}")
    return tuple(notes)


def distance(some: Seen, others: Seen) -> float:
    """The largest difference between log-probabilities of one token; infinite where two prompts share no token."""
    found = 0.0
    for one, other in zip(some, others, strict=True):
        both = one.keys() & other.keys()
        found = max(found, *(abs(one[token] - other[token]) for token in both)) if both else math.inf
    return found

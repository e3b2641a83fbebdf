"""Whether an engine applies the adapters that it holds: each alone, then all in one batch.

Compared are log-probabilities of the first token of a few answers, the likeliest twenty of each.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core import UserFileError
from harness.model.local_fit import Fit

TOP = 20
SAME = 1e-4  # log-probabilities nearer than this are equal: float32 differs by as much between two shapes of a batch
NOISE = 0.02  # what reduced precision may change
Seen = Sequence[Mapping[int, float]]  # of each prompt, the likeliest first tokens' log-probabilities


def check_alone(base: Seen, again: Seen, alone: Mapping[Path, Seen], fits: Mapping[Path, Fit]) -> None:
    """Returns when every adapter changes an answer, no two alike. Raises UserFileError: one does not.

    ``base`` and ``again`` are the base's own, asked twice: what differs there is noise.
    """
    noise, asked = distance(base, again), f"the model answers {len(base)} probe prompts"
    for place, seen in alone.items():
        fit = fits[place]
        if not (change := distance(seen, base)) > max(SAME, noise):
            problem = f"{asked} with this adapter as without it (log-probabilities differ by {change:.2g})"
            advice = "its matrices are zero, broken or not applied: train or save it again"
            raise UserFileError(fit.adapter.path, problem, advice=advice)
        for other, theirs in alone.items():
            if other == place:
                break
            twins = fit.adapter.digest == fits[other].adapter.digest or (fit.prompts or fits[other].prompts) is not None
            if not twins and not distance(seen, theirs) > max(SAME, noise):
                problem = f"{asked} exactly as with the adapter {fits[other].adapter.name}"
                advice = "the two hold the same weights, or one of them is not applied"
                raise UserFileError(fit.adapter.path, problem, advice=advice)


def check_together(alone: Mapping[str, Seen], together: Mapping[str, Seen], folder: Path) -> tuple[str, ...]:
    """What a reader must know of a batch that mixes adapters. Raises UserFileError: one answers as another does."""
    notes = []
    for name, seen in together.items():
        moved = distance(seen, alone[name])
        if not moved > NOISE:
            continue
        other = min((n for n in alone if n != name), key=lambda n: distance(seen, alone[n]), default=name)
        if distance(seen, alone[other]) < moved:
            problem = f"asked for several at once, vLLM answers for {name} as for {other}"
            raise UserFileError(folder, problem, advice="use another version of vLLM, or backend: transformers")
        notes.append(f"{name} answers otherwise in a mixed batch than alone (log-probabilities differ by {moved:.2g})")
    return tuple(notes)


def distance(some: Seen, others: Seen) -> float:
    """The largest difference between log-probabilities of one token; infinite where two prompts share no token."""
    found = 0.0
    for one, other in zip(some, others, strict=True):
        both = one.keys() & other.keys()
        found = max(found, *(abs(one[token] - other[token]) for token in both)) if both else math.inf
    return found

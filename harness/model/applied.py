"""What distances between answers say of adapters: applied or not, told apart or not, mixed up in a batch or not.

Distances are the largest differences between log-probabilities; who measures them says of what.
"""

from collections.abc import Mapping

SAME = 1e-4  # log-probabilities nearer than this are equal: float32 differs by as much between two shapes of a batch
NOISE = 0.02  # what reduced precision and caches may change; a difference below it is hardly one
_CLEARLY = 4  # times nearer to another's answer than to one's own: a chance drift lies about as far from both


def unchanged(change: float, noise: float) -> bool:
    """Whether an adapter changed nothing; ``noise`` is between two answers of the base. NaN is no change."""
    return not change > max(SAME, noise)


def answers_as(moved: float, others: Mapping[str, float]) -> str | None:
    """As whom else a contender answers in a mixed batch; ``None`` where as itself, or as nobody.

    ``moved`` is how far its answer lies from its own when it was asked alone, ``others`` how far from each of theirs.
    """
    if not moved > NOISE or not others:
        return None
    other = min(others, key=others.__getitem__)
    return other if others[other] * _CLEARLY < moved else None

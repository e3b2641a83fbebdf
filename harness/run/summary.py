"""What may be asked of one call of a run, and what it says at its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line may ask of a run."""

    only: tuple[str, ...] = ()
    """Contenders to run; empty: all. Parts of a hybrid whose threshold is to be chosen are run on dev all the same."""
    limit: int | None = None
    """At most so many attempts in this call."""
    offline: bool = False
    """Refuse every call that leaves this machine."""
    retry_errored: bool = False
    """Try attempts anew that ended errored or ungraded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one call of a run did, and how the report stands after it."""

    planned: int
    """Attempts of the whole experiment."""
    done_before: int
    made: int
    """Attempts made by this call."""
    complete: bool
    stopped_because: str | None = None
    errored: int = 0
    """Attempts of the report that ended errored or ungraded."""
    causes: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
    """For causes that this call of the run met: the reason given by the first such attempt."""
    spent_usd: float = 0.0
    unknown_costs: int = 0
    elapsed_s: float = 0.0
    notes: tuple[str, ...] = ()

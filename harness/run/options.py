"""What may be asked of a run, and what it says of itself at its end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.run.cached import CacheUse
from harness.run.stopping import Watch
from harness.run.trace import Listener, Observer


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What may be asked of a run."""

    only: tuple[str, ...] = ()  # contenders to run, with the dev attempts that they wait for; empty: all
    limit: int | None = None  # at most so many attempts in this call
    offline: bool = False  # refuse every call that leaves this machine
    retry_errored: bool = False  # retry attempts that ended errored or ungraded
    executor: str = ""  # ``local`` or ``ray``; empty: as the experiment says
    watch: Watch | None = None  # runs its contender alone, and may end the run before all is done
    listener: Listener = lambda _: None  # told of the progress, a few times a second at most
    notice: Callable[[str], None] = lambda _: None  # told what is paid again, before it is
    observer: Observer | None = None  # told of every message, call, skill and outcome as it happens


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one call of a run did, and how the report is after it."""

    planned: int  # attempts of the whole experiment
    done_before: int
    made: int  # attempts made by this call
    complete: bool
    stopped_because: str | None = None
    errored: int = 0  # attempts of the report that ended errored or ungraded
    causes: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)  # for causes that this call met: the first reason
    spent_usd: float = 0.0
    unknown_costs: int = 0
    elapsed_s: float = 0.0
    cached: CacheUse | None = None  # of the answer cache; ``None``: the run had none
    notes: tuple[str, ...] = ()
    on_record: tuple[str, ...] = ()  # of these the manifest's, which the scoreboard shows too

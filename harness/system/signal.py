"""What a signal says of itself: how sure the worker is, and whether the expert answers in its place."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.core import Answer, Cause, ModelError, Registry, Request, Role, Session, Task

Calls = tuple[tuple[str, Request], ...]  # models by their names, and what they are asked


class Worker(Protocol):
    """What a signal may ask of the worker once it has answered."""

    async def answer(self, task: Task, session: Session, role: Role) -> Answer:
        """Another answer, where the session makes another draw of it."""

    def question(self, task: Task, said: str, text: str, letters: Sequence[str], trial: int = 0) -> tuple[str, Request]:
        """Its model's name, and one more question that is put to it after what it said, to be answered by a letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one hybrid uses its signal."""

    hybrid: str  # its name, by which its verifier is known
    worker: Worker | None = None
    threshold: float | None = None
    """Escalate where the confidence lies below. ``None``: not chosen yet, and then a task cannot be answered."""
    rate: float | None = None  # the share of tasks that escalates, whatever was answered
    draws: int = 1  # how often the worker answers, for a signal that compares its answers
    seed: int = 0


class Signal:
    """One way to decide. A subclass says what differs from what stands here."""

    name: str
    control: bool = False
    """A yardstick, and no option: it decides without a look at the answer, or by a look at the reference."""
    logprobs: bool = False  # whether the worker's model has to give log-probabilities
    verifier: bool = False  # whether it takes the key ``verifier``
    argument: bool = False  # whether it takes a share, or the name of a hybrid whose share it takes, after a colon
    counts: bool = False  # whether it takes a number of answers after a colon
    asks: bool = False  # whether it asks the worker more than its answer, which is then done on dev tasks too
    tool: bool = False  # whether the worker asks the expert by a tool, so that there is no confidence and no threshold
    threshold: float | None = None  # what ``threshold: auto`` is; ``None`` where it is chosen on dev tasks
    expert: tuple[int, int] = (0, 1)  # how often, at least and at most, the expert is asked at one task

    @property
    def chosen(self) -> bool:
        """Whether a threshold is chosen on dev tasks where none is written."""
        return not (self.control or self.tool) and self.threshold is None

    def as_confidence(self, written: float) -> float:
        """A written threshold on the scale of confidences."""
        return written

    def calls(self, rule: Rule, task: Task, worker: Calls) -> Calls:  # noqa: ARG002
        """Those of the worker's answer, and at most its own."""
        return worker

    async def confidence(self, rule: Rule, first: Answer, session: Session) -> float | None:  # noqa: ARG002
        """How sure the worker is of its answer, 0 to 1, larger is surer. Raises ModelError: it cannot be said."""
        return first.confidence

    async def escalates(self, rule: Rule, first: Answer, sure: float | None, session: Session) -> bool:  # noqa: ARG002
        """Whether the expert answers; by default where the confidence is below the threshold."""
        assert sure is not None, "a signal gives a confidence"  # noqa: S101
        assert rule.threshold is not None, "the threshold is chosen before the first attempt"  # noqa: S101
        return sure < rule.threshold


class TokenSignal(Signal):
    """A figure of the answer's tokens that the worker's reply carries under the signal's name."""

    logprobs = True

    def __init__(self, name: str) -> None:
        self.name = name

    def as_confidence(self, written: float) -> float:
        """A negative one is the log-probability of a confidence."""
        return math.exp(written) if written < 0 and self.name.startswith("logprob") else written

    async def confidence(self, rule: Rule, first: Answer, session: Session) -> float:  # noqa: ARG002
        """The figure as a confidence; 0 for an answer that is none. Raises ModelError: the reply came without it."""
        sure = 0.0 if first.fault is not None else sureness(first.signals, self.name)
        if sure is None:
            raise ModelError(Cause.PROTOCOL, f"the worker's answer came without {self.name}: no log-probabilities")
        return sure


def sureness(signals: Mapping[str, float], signal: str = "logprob_mean") -> float | None:
    """A signal as a confidence in [0, 1]: a log-probability as its probability; ``None`` where the model gave none."""
    value = signals.get(signal)
    if value is None:
        return None
    confidence = math.exp(min(value, 0.0)) if signal.startswith("logprob") else value
    return min(max(confidence, 0.0), 1.0)


SIGNALS: Registry[Signal] = Registry(
    "signal", "harness.system.signals", lambda value: isinstance(value, Signal), group="ownbench.signals"
)

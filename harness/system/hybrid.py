"""A cheap worker answers first; where it is not sure enough, a dearer expert answers instead.

The worker's call is charged in either case. Signals turn the worker's answer into a confidence in [0, 1]; below the
threshold the expert is asked. The controls decide without looking: they are what a signal has to beat.
"""

from dataclasses import dataclass, replace

from harness.core import (
    Answer,
    Cause,
    Contender,
    ModelError,
    RenderedPrompt,
    Request,
    Role,
    Session,
    Status,
    Task,
    seeded,
)
from harness.system.protocol import System, sureness

SIGNALS = ("logprob_mean", "logprob_min", "margin", "verifier")
CONTROLS = ("always", "never", "random", "oracle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrid:
    """Two contenders and the rule between them."""

    contender: Contender
    identity: str
    worker: System
    expert: System
    signal: str
    threshold: float | None = None
    """Escalate where the confidence lies below. ``None``: not chosen yet, and then a task cannot be answered."""
    rate: float | None = None
    """For the control ``random``: the share of tasks that escalates."""
    seed: int = 0

    @property
    def prompt(self) -> RenderedPrompt:
        """The worker's."""
        return self.worker.prompt

    @property
    def models(self) -> frozenset[str]:
        """Those of both parts."""
        return self.worker.models | self.expert.models

    def first_request(self, task: Task, trial: int) -> Request:
        """The worker's."""
        return self.worker.first_request(task, trial)

    def decided(self, *, threshold: float | None = None, rate: float | None = None) -> "Hybrid":
        """The same hybrid with what was chosen on the dev split."""
        return replace(
            self,
            threshold=self.threshold if threshold is None else threshold,
            rate=self.rate if rate is None else rate,
        )

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:  # noqa: ARG002
        """The worker's answer, or the expert's.

        Raises:
            ModelError: a call failed for good, or the model gives no such signal.
        """
        first = await self.worker.answer(task, session, Role.WORKER)
        confidence = await self._confidence(first, session)
        if not await self._escalates(task, first, confidence, session):
            return replace(first, confidence=confidence, escalated=False, served_by=self._name(self.worker))
        second = await self.expert.answer(task, session, Role.EXPERT)
        served_by = self._name(self.expert)
        return replace(second, confidence=confidence, signals=first.signals, escalated=True, served_by=served_by)

    async def _confidence(self, first: Answer, session: Session) -> float | None:
        if self.signal in CONTROLS:
            return first.confidence
        if first.fault is not None:
            return 0.0
        if self.signal == "verifier":
            return (await session.grade(first, self.contender.name)).score or 0.0
        confidence = sureness(first.signals, self.signal)
        if confidence is None:
            raise ModelError(Cause.PROTOCOL, f"the worker's answer came without {self.signal}: no log-probabilities")
        return confidence

    async def _escalates(self, task: Task, first: Answer, confidence: float | None, session: Session) -> bool:
        if self.signal == "always":
            return True
        if self.signal == "never":
            return False
        if self.signal == "random":
            assert self.rate is not None, "the rate is chosen before the first attempt"  # noqa: S101
            return seeded("escalate", self.seed, task.digest, session.trial).random() < self.rate
        if self.signal == "oracle":  # a perfect detector of the worker's errors; its bill is the expert's on those
            return (await session.grade(first)).status is not Status.PASSED
        assert confidence is not None, "a signal gives a confidence"  # noqa: S101
        assert self.threshold is not None, "the threshold is chosen before the first attempt"  # noqa: S101
        return confidence < self.threshold

    @staticmethod
    def _name(system: System) -> str:
        return system.contender.name

"""A hybrid of two: a cheap worker answers first; where it is not sure enough, a dearer expert answers instead."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.core import Answer, Request, Role, Session, Task
from harness.model import LOGPROBS
from harness.system.signal import Calls, Rule, Signal
from harness.system.systems import Direct, Need, System


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrid(System):
    """Two contenders and the rule between them."""

    worker: System
    expert: System
    signal: Signal
    rule: Rule
    likes: System | None = None  # for ``random:NAME``: the hybrid whose share it takes

    @property
    def parts(self) -> tuple[System, ...]:
        """The worker, then the expert."""
        return self.worker, self.expert

    @property
    def needs(self) -> tuple[Need, ...]:
        """Log-probabilities of the worker's model, where the signal is made of them."""
        asked = {self.worker.model} if isinstance(self.worker, Direct) else self.worker.models  # an author is another
        return tuple(Need(model, LOGPROBS, "escalate.signal") for model in sorted(asked) if self.signal.logprobs)

    @property
    def _open(self) -> bool:
        if self.signal.argument:
            return self.rule.rate is None
        return self.rule.threshold is None and self.signal.chosen

    @property
    def undecided(self) -> frozenset[str]:
        """Itself too, where its threshold or its share is not known."""
        return super(Hybrid, self).undecided | ({self.contender.name} if self._open else set())

    @property
    def waits_for(self) -> frozenset[str]:
        """Where a threshold is chosen on what they answer its parts, and itself if its signal asks; or its like's."""
        below = super(Hybrid, self).waits_for
        if self.likes is not None:
            return below | self.likes.waits_for
        if not self._open:
            return below
        return (
            below
            | {part.contender.name for part in self.parts}
            | ({self.contender.name} if self.signal.asks else set())
        )

    @property
    def like(self) -> str | None:
        """The hybrid of ``random:NAME``."""
        return self.likes.contender.name if self.likes else None

    def with_choice(self, chosen: Mapping[str, Any]) -> "Hybrid":
        """The same hybrid with what was chosen on the dev split, in its parts too."""
        worker, expert = (part.with_choice(chosen) for part in self.parts)
        mine, rule = chosen.get(self.contender.name), self.rule
        if mine is not None:
            found = {"threshold": mine.threshold, "rate": mine.rate}
            rule = replace(rule, **{key: value for key, value in found.items() if value is not None})
        return replace(self, worker=worker, expert=expert, rule=rule)

    @property
    def on_dev(self) -> "Hybrid":
        """Escalates nothing while its threshold is still to be chosen."""
        return replace(self, rule=replace(self.rule, threshold=0.0)) if self._open and self.signal.asks else self

    def preview(self, task: Task, trial: int = 0) -> Request | None:
        """The worker's."""
        return self.worker.preview(task, trial)

    def calls(self, task: Task) -> tuple[Calls, Calls]:
        """The worker's, and the expert's as often as the signal asks for it."""
        (low, high), (low_expert, high_expert) = (part.calls(task) for part in self.parts)
        least, most = self.signal.expert if self.rule.threshold != 0.0 else (0, 0)  # nothing lies below 0
        return low + low_expert * least, self.signal.calls(self.rule, task, high) + high_expert * most

    def further(self, task: Task) -> tuple[Calls, Calls]:
        """Those of its signal: at least none, for an answer that is none is not asked about."""
        _, high = self.worker.calls(task)
        return (), self.signal.calls(self.rule, task, high)[len(high) :]

    async def rehearse(self, task: Task, session: Session) -> tuple[float | None, tuple[Answer, Answer]]:
        """Both answers, and how sure the worker is."""
        worker = await self.worker.answer(task, session, Role.WORKER)
        expert = await self.expert.answer(task, session, Role.EXPERT)
        return await self.signal.confidence(self.rule, worker, session), (worker, expert)

    async def answer(self, task: Task, session: Session, role: Role = Role.ANSWER) -> Answer:  # noqa: ARG002
        """The worker's answer, or the expert's."""
        first = await self.worker.answer(task, session, Role.WORKER)
        sure = await self.signal.confidence(self.rule, first, session)
        if not await self.signal.escalates(self.rule, first, sure, session):
            return replace(first, confidence=sure, escalated=False, served_by=self.worker.contender.name)
        async with session.workplace({}):  # what the worker left in its box is no work of the expert's
            second = await self.expert.answer(task, session, Role.EXPERT)
        served_by = self.expert.contender.name
        return replace(second, confidence=sure, signals=first.signals, escalated=True, served_by=served_by)

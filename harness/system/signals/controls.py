"""What a signal has to beat: rules that decide without a look at the answer, and one that looks at the reference."""

from harness.core import Answer, Session, Status, seeded
from harness.system.signal import Rule, Signal


class Drawn(Signal):
    """A share of the tasks, whatever was answered: all, none, or as many as the rule says."""

    control = True

    def __init__(self, name: str, share: int | None = None) -> None:
        self.name, self._share, self.argument = name, share, share is None
        self.expert = (0, 1) if share is None else (share, share)

    async def escalates(self, rule: Rule, first: Answer, sure: float | None, session: Session) -> bool:  # noqa: ARG002
        """By task, trial and seed: the same on every machine."""
        share = rule.rate if self._share is None else self._share
        assert share is not None, "the rate is chosen before the first attempt"  # noqa: S101
        return seeded("escalate", rule.seed, session.task.digest, session.trial).random() < share


class Oracle(Signal):
    """A perfect detector of the worker's errors; its bill is the expert's on those."""

    name = "oracle"
    control = True

    async def escalates(self, rule: Rule, first: Answer, sure: float | None, session: Session) -> bool:  # noqa: ARG002
        """Where the task's own grader does not pass the answer."""
        return (await session.grade(first)).status is not Status.PASSED


ALWAYS, NEVER, RANDOM, ORACLE = Drawn("always", 1), Drawn("never", 0), Drawn("random"), Oracle()

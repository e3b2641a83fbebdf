"""What a signal has to beat: rules that decide without a look at the answer, and one that looks at the reference."""

from harness.core import Answer, Session, Status, seeded
from harness.system.signal import Rule, Signal


class Fixed(Signal):
    """Every task, or none."""

    control = True

    def __init__(self, name: str, *, escalates: bool) -> None:
        self.name, self.expert = name, (int(escalates), int(escalates))

    async def escalates(self, rule: Rule, first: Answer, sure: float | None, session: Session) -> bool:  # noqa: ARG002
        """The same at every task."""
        return self.expert == (1, 1)


class Drawn(Signal):
    """A share of the tasks, whatever was answered."""

    name = "random"
    control = True
    argument = True

    async def escalates(self, rule: Rule, first: Answer, sure: float | None, session: Session) -> bool:  # noqa: ARG002
        """By task, trial and seed: the same on every machine."""
        assert rule.rate is not None, "the rate is chosen before the first attempt"  # noqa: S101
        return seeded("escalate", rule.seed, session.task.digest, session.trial).random() < rule.rate


class Oracle(Signal):
    """A perfect detector of the worker's errors; its bill is the expert's on those."""

    name = "oracle"
    control = True

    async def escalates(self, rule: Rule, first: Answer, sure: float | None, session: Session) -> bool:  # noqa: ARG002
        """Where the task's own grader does not pass the answer."""
        return (await session.grade(first)).status is not Status.PASSED


ALWAYS, NEVER = Fixed("always", escalates=True), Fixed("never", escalates=False)
RANDOM, ORACLE = Drawn(), Oracle()

"""How many of several answers of the worker agree with its first: self-consistency.

Wang et al. 2023; as the signal of a cascade Yue et al. 2024, who keep the answer of the majority.
The first answer is the one that is kept, so that the hybrid differs from its worker by what it hands over and by
nothing else, and every threshold can be replayed. Where more than half agree it is the answer of the majority too.
"""

from harness.core import Answer, Role, Session, Task
from harness.system.drawn import DrawnSession
from harness.system.signal import Calls, Rule, Signal


class Agreement(Signal):
    """The share of the worker's answers that say what its first one says, that one among them."""

    name = "agreement"
    counts = True
    asks = True

    def calls(self, rule: Rule, task: Task, worker: Calls) -> Calls:  # noqa: ARG002
        """Those of an answer, as often as it is drawn."""
        return worker * rule.draws

    async def confidence(self, rule: Rule, first: Answer, session: Session) -> float:
        """0 for a first answer that is none to the task's grader, and then no other is drawn."""
        assert rule.worker is not None, "the worker draws its answers"  # noqa: S101
        if await session.same(first, first) is None:
            return 0.0
        agree = 1
        for draw in range(1, rule.draws):
            other = await rule.worker.answer(session.task, DrawnSession(session, draw), Role.WORKER)
            agree += bool(await session.same(first, other))
        return agree / rule.draws


AGREEMENT = Agreement()

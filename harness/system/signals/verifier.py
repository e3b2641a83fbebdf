"""The score of a grader that needs no reference."""

from harness.core import Answer, Session
from harness.system.signal import Rule, Signal


class Verifier(Signal):
    """Asks the grader that the hybrid names."""

    name = "verifier"
    verifier = True
    threshold = 0.5

    async def confidence(self, rule: Rule, first: Answer, session: Session) -> float:
        """The grader's score; 0 for an answer that is none, or that it cannot judge."""
        return 0.0 if first.fault is not None else (await session.grade(first, rule.hybrid)).score or 0.0


VERIFIER = Verifier()

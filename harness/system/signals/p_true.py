"""What the worker itself says when it is asked whether its answer is right (P(True): Kadavath et al. 2022)."""

from harness.core import Answer, Cause, ModelError, Role, Session, Task
from harness.system.signal import Calls, Rule, Signal

QUESTION = """Is your answer right?

(A) True
(B) False

Answer with the letter A or B alone."""
TRUE, FALSE = "A", "B"


class PTrue(Signal):
    """The probability of (A) as a share of those of (A) and (B); 0 where the worker gives neither."""

    name = "p_true"
    logprobs = True
    asks = True

    def calls(self, rule: Rule, task: Task, worker: Calls) -> Calls:
        """One more than for the answer."""
        assert rule.worker is not None, "the worker is asked"  # noqa: S101
        return (*worker, rule.worker.question(task, "", QUESTION, (TRUE, FALSE)))

    async def confidence(self, rule: Rule, first: Answer, session: Session) -> float:
        """0 for an answer that is none, which is not asked about. Raises ModelError: there are no probabilities."""
        assert rule.worker is not None, "the worker is asked"  # noqa: S101
        if first.fault is not None or not first.text.strip():
            return 0.0
        asked = rule.worker.question(session.task, first.text, QUESTION, (TRUE, FALSE), session.trial)
        signals = (await session.call(*asked, Role.SELECTOR)).signals
        if f"p:{TRUE}" not in signals:
            raise ModelError(Cause.PROTOCOL, "the worker's word on its answer came without log-probabilities")
        right, wrong = signals[f"p:{TRUE}"], signals[f"p:{FALSE}"]
        return right / (right + wrong) if right + wrong > 0 else 0.0


P_TRUE = PTrue()

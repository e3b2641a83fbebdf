"""From what happened in an attempt to its row in the outcome table."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from harness.core import UNBILLED, Answer, Call, Cause, Cost, Fault, Grade, Outcome, Role, Status, Usage
from harness.experiment import Assembled, Attempt, contender_of
from harness.run.trace import Trace


def faulted(fault: Fault, reason: str) -> Grade:
    """What a fault makes of an attempt, without a look at any answer."""
    return Grade(status=fault.status, cause=fault.cause, reason=reason, score=0.0 if fault.status == "failed" else None)


def is_done(outcome: Outcome) -> bool:
    """Whether an attempt needs no further try: it does where the run was stopped in it, or after a refused key."""
    return outcome.status is not Status.SKIPPED and outcome.cause is not Cause.AUTH


def standing_of(assembled: Assembled, recorded: Mapping[str, Outcome]) -> dict[str, Any]:
    """How far a report is, in the words of its manifest."""
    outcomes = [recorded[a.id] for a in assembled.attempts if a.id in recorded]
    done = sum(map(is_done, outcomes))
    return {
        "done": done,
        "complete": done == len(assembled.attempts),
        "without_outcome": sum(o.status in {Status.ERRORED, Status.UNGRADED} for o in outcomes),
    }


def skipped(assembled: Assembled, attempt: Attempt, cause: Cause) -> Outcome:
    """The row of an attempt that was never made."""
    return Outcome(**identity(assembled, attempt), status=Status.SKIPPED, cause=cause)


def graded(
    assembled: Assembled, attempt: Attempt, trace: Trace, answer: Answer | None, judged: Grade, *, started_at: datetime
) -> Outcome:
    """The row of an attempt that was made, as its trace has it; without an answer where it ended before one."""
    calls = [call for call in trace.calls if call.role is not Role.JUDGE]
    billed = _billed(calls)
    usage, cost = Usage.total(call.usage for call in billed), Cost.total(call.cost for call in billed)
    return Outcome(
        **identity(assembled, attempt),
        **said_by(judged),
        **(values(answer, "confidence", "escalated", "served_by") if answer else {}),
        skills_shown=trace.skills_shown,
        skills_used=trace.skills_used,
        cost_usd=cost.usd,
        judge_usd=judge_usd(trace.calls),
        cost_basis=cost.basis,
        latency_s=trace.latency_s,
        input_tokens=None if usage.input is None or usage.cache_write is None else usage.input + usage.cache_write,
        cached_input_tokens=usage.cached_input,
        output_tokens=usage.output,
        reasoning_tokens=usage.reasoning,
        calls=len(calls),
        retries=sum(call.retries for call in calls),
        started_at=started_at,
    )


def said_by(judged: Grade) -> dict[str, Any]:
    """What of a row its grade says."""
    return values(judged, "status", "cause", "passed", "score", "label_true", "label_predicted")


def values(record: object, *names: str) -> dict[str, Any]:
    """Some fields of a record, for another that has them too."""
    return {name: getattr(record, name) for name in names}


def judge_usd(calls: Sequence[Call]) -> float | None:
    """What the judges among these calls cost."""
    return Cost.total(call.cost for call in _billed([call for call in calls if call.role is Role.JUDGE])).usd


def _billed(calls: Sequence[Call]) -> list[Call]:
    """Those that may be on the bill; what one costs that failed is perhaps not known."""
    return [c for c in calls if c.error is None or c.cost.usd is not None or c.error.partition(":")[0] not in UNBILLED]


def identity(assembled: Assembled, attempt: Attempt) -> dict[str, Any]:
    """Which attempt a row is of: names and digests."""
    task, contender = attempt.task, contender_of(assembled.systems[attempt.contender])
    return {
        "report": assembled.experiment.name,
        "suite": attempt.suite.name,
        "suite_digest": attempt.suite.digest,
        "contender": contender.name,
        "contender_kind": contender.kind,
        "contender_digest": contender.digest,
        "task": task.id,
        "task_digest": task.digest,
        "prompt_digest": assembled.systems[attempt.contender][attempt.suite.name].prompt.template.digest,
        "grader_digest": assembled.gradings[task.digest],
        **values(task, "domain", "cluster"),
        **values(attempt, "split", "trial"),
        "attempt_id": attempt.id,
    }

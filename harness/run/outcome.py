"""From what happened in an attempt to its row in the outcome table."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from harness.core import UNBILLED, Answer, Call, Cause, Cost, Fault, Grade, Outcome, Status, Usage
from harness.experiment import Assembled, Attempt, contender_of


def faulted(fault: Fault, reason: str) -> Grade:
    """What a fault makes of an attempt, without a look at any answer."""
    return Grade(status=fault.status, cause=fault.cause, reason=reason, score=0.0 if fault.status == "failed" else None)


def skipped(assembled: Assembled, attempt: Attempt, cause: Cause) -> Outcome:
    """The row of an attempt that was never made."""
    return Outcome(**_identity(assembled, attempt), status=Status.SKIPPED, cause=cause)


def graded(
    assembled: Assembled,
    attempt: Attempt,
    calls: Sequence[Call],
    *,
    answer: Answer | None,
    judged: Grade,
    started_at: datetime | None = None,
) -> Outcome:
    """The row of an attempt that was made."""
    answered = [call for call in calls if call.error is None]
    lost = [call for call in calls if call.error is not None and (call.cost.usd is not None or _may_cost(call.error))]
    usage = Usage.total(call.usage for call in [*answered, *lost])
    cost = Cost.total(call.cost for call in [*answered, *lost])
    latencies = [call.latency_s for call in answered if call.latency_s is not None]
    return Outcome(
        **_identity(assembled, attempt),
        status=judged.status,
        cause=judged.cause,
        passed=judged.passed,
        score=judged.score,
        label_true=judged.label_true,
        label_predicted=judged.label_predicted,
        confidence=answer.confidence if answer else None,
        escalated=answer.escalated if answer else None,
        served_by=answer.served_by if answer else None,
        skills_shown=answer.skills_shown if answer else (),
        skills_used=answer.skills_used if answer else (),
        cost_usd=cost.usd,
        judge_usd=0.0,
        cost_basis=cost.basis,
        latency_s=answer.latency_s
        if answer and answer.latency_s is not None
        else sum(latencies)
        if latencies
        else None,
        input_tokens=None if usage.input is None or usage.cache_write is None else usage.input + usage.cache_write,
        cached_input_tokens=usage.cached_input,
        output_tokens=usage.output,
        reasoning_tokens=usage.reasoning,
        calls=len(calls),
        retries=sum(call.retries for call in calls),
        started_at=started_at,
    )


def _may_cost(error: str) -> bool:
    """Whether a call that failed so may be on the bill all the same: then what it cost is not known."""
    return error.partition(":")[0] not in UNBILLED


def _identity(assembled: Assembled, attempt: Attempt) -> dict[str, Any]:
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
        "prompt_digest": attempt.suite.prompt_digest,
        "grader_digest": assembled.gradings[task.digest],
        "domain": task.domain,
        "cluster": task.cluster,
        "split": attempt.split,
        "trial": attempt.trial,
        "attempt_id": attempt.id,
    }

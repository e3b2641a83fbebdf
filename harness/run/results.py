"""What a run leaves: from what happened in an attempt to its row in the outcome table, and the report's manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from harness.core import (
    UNBILLED,
    Answer,
    Call,
    Cause,
    Contender,
    ContenderRecord,
    Cost,
    Fault,
    Grade,
    Manifest,
    ModelRecord,
    ModelSpec,
    Outcome,
    Role,
    Status,
    SuiteRecord,
    Usage,
    as_json,
    digest_json,
)
from harness.experiment import Assembled, Attempt
from harness.model import BACKENDS, backend_of
from harness.run.trace import Trace
from harness.store import as_asked, installed_versions, model_sourcing, sourced, this_machine
from harness.system import DELIVERIES, SIGNALS


def values(record: object, *names: str) -> dict[str, Any]:
    """Some fields of a record, for another that has them too."""
    return {name: getattr(record, name) for name in names}


def faulted(fault: Fault, reason: str) -> Grade:
    """What a fault makes of an attempt, without a look at any answer."""
    return Grade(status=fault.status, cause=fault.cause, reason=reason, score=0.0 if fault.status == "failed" else None)


def is_done(outcome: Outcome) -> bool:
    """Whether an attempt needs no further try: it does where the run was stopped in it, or after a refused key."""
    return outcome.status is not Status.SKIPPED and outcome.cause is not Cause.AUTH


def standing_of(assembled: Assembled, recorded: Mapping[str, Outcome]) -> dict[str, Any]:
    """How far a report is, in the words of its manifest."""
    outcomes = [recorded[a.id] for a in assembled.attempts if a.id in recorded]
    done, lost = sum(map(is_done, outcomes)), sum(o.status in {Status.ERRORED, Status.UNGRADED} for o in outcomes)
    return {"done": done, "complete": done == len(assembled.attempts), "without_outcome": lost}


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
        **values(trace, "skills_shown", "skills_used", "latency_s"),
        cost_usd=cost.usd,
        judge_usd=judge_usd(trace.calls),
        cost_basis=cost.basis,
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


def judge_usd(calls: Sequence[Call]) -> float | None:
    """What the judges among these calls cost."""
    return Cost.total(call.cost for call in _billed([call for call in calls if call.role is Role.JUDGE])).usd


def _billed(calls: Sequence[Call]) -> list[Call]:
    """Those that may be on the bill; what one costs that failed is perhaps not known."""
    return [c for c in calls if c.error is None or c.cost.usd is not None or c.error.partition(":")[0] not in UNBILLED]


def identity(assembled: Assembled, attempt: Attempt) -> dict[str, Any]:
    """Which attempt a row is of: names and digests."""
    task, suite, system = attempt.task, attempt.suite, assembled.systems[attempt.contender][attempt.suite.name]
    return {
        "report": assembled.experiment.name,
        "suite": suite.name,
        "suite_digest": suite.digest,
        "contender": attempt.contender,
        "contender_kind": system.contender.kind,
        "contender_digest": system.contender.digest,
        "task": task.id,
        "task_digest": task.digest,
        "prompt_digest": system.prompt.template.digest,
        "grader_digest": assembled.gradings[task.digest],
        **values(task, "domain", "cluster"),
        **values(attempt, "split", "trial"),
        "attempt_id": attempt.id,
    }


def plan_digest(assembled: Assembled) -> str:
    """Of all planned attempts, whatever their order: their identities, their gradings, and the names of their rows.

    A domain or a cluster that the user renames asks nothing again, yet the tables have to be written again.
    """
    graded = assembled.gradings
    named = (
        [a.id, a.contender, a.task.id, a.task.domain, a.task.cluster, a.split, graded[a.task.digest]]
        for a in assembled.attempts
    )
    return digest_json([assembled.experiment.name, *sorted(named, key=lambda row: str(row[0]))])


def manifest_of(assembled: Assembled, **state: Any) -> Manifest:
    """The manifest of a report; ``state`` is how far it is, in the words of `Manifest`. It holds no path, no secret."""
    experiment = assembled.experiment
    models = {name: _model_record(spec) for name, spec in assembled.specs.items()}
    return Manifest(
        report=experiment.name,
        versions=installed_versions(),
        machine=this_machine(),
        experiment_digest=experiment.digest,
        seed=experiment.seed,
        suites=suites_of(assembled),
        models=tuple(models.values()),
        contenders=sourced(map(_contender_record, assembled.contenders.values()), {}, models),
        reference=experiment.reference,
        economics=experiment.economics.model_dump(mode="json", exclude_none=True),
        budget=experiment.budget.model_dump(mode="json", exclude_none=True),
        prices={name: as_json(spec.price) for name, spec in assembled.specs.items()},
        planned=len(assembled.attempts),
        plan_digest=plan_digest(assembled),
        **state,
    )


def suites_of(assembled: Assembled) -> tuple[SuiteRecord, ...]:
    """What the manifest says of the suites."""
    return tuple(
        SuiteRecord(
            **values(suite, "name", "version", "digest", "metric", "human_baseline"),
            prompt_digest=suite.prompt.template.digest,
            tasks=len(suite.tasks),
            graders=tuple(sorted({assembled.grader_of(task).digest for task in suite.tasks})),
            grader_kinds=tuple(sorted({assembled.grader_of(task).name for task in suite.tasks})),
        )
        for suite in assembled.suites
    )


def _model_record(spec: ModelSpec) -> ModelRecord:
    recorded = spec.options.get("recorded_backend")
    backend, named = backend_of(spec), recorded or spec.backend
    owned = BACKENDS[named].owned if named in BACKENDS else None
    kind, why = model_sourcing(spec.price, named, spec.base_url, owned=owned)
    return ModelRecord(
        **values(spec, "name", "backend", "revision", "digest", "apart", "template_digest", "sampling", "price"),
        model=spec.model if backend.named or backend.recorded else "",
        recorded_backend=recorded,
        capabilities=tuple(sorted(backend.capabilities(spec))),
        sourcing=kind,
        sourcing_why=why,
    )


def _contender_record(contender: Contender) -> ContenderRecord:
    known = values(contender, "name", "digest", "parts")
    record = ContenderRecord(**known, kind=contender.kind.value, **as_asked(contender.asked))
    signal, delivery = SIGNALS.get(record.signal or ""), DELIVERIES.get(record.delivery)
    return replace(record, control=next((one.name for one in (signal, delivery) if one and one.control), None))

"""What a report was made from, in one record."""

from dataclasses import replace
from typing import Any

from harness.core import (
    Contender,
    ContenderRecord,
    Manifest,
    ModelRecord,
    ModelSpec,
    SuiteRecord,
    as_json,
    digest_json,
)
from harness.experiment import Assembled
from harness.model import BACKENDS, backend_of
from harness.run.outcome import values
from harness.run.thresholds import Choices
from harness.store import as_asked, installed_versions, model_sourcing, sourced, this_machine
from harness.system import DELIVERIES, SIGNALS


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


def manifest_of(assembled: Assembled, *, choices: Choices, **state: Any) -> Manifest:
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
        thresholds=as_json(choices),
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
    record = ContenderRecord(
        name=contender.name,
        kind=contender.kind.value,
        digest=contender.digest,
        **as_asked(contender.asked),
        parts=contender.parts,
    )
    signal, delivery = SIGNALS.get(record.signal or ""), DELIVERIES.get(record.delivery)
    return replace(record, control=next((one.name for one in (signal, delivery) if one and one.control), None))

"""What a report was made from, in one record."""

from collections.abc import Iterable, Mapping
from typing import Any

from harness.core import Grader, Manifest, Suite, as_json, digest_json
from harness.experiment import Assembled
from harness.model import backend_of
from harness.run.thresholds import Choices, as_written
from harness.store import installed_versions, this_machine


def plan_digest(assembled: Assembled) -> str:
    """Of all planned attempts, whatever their order: their identities, and the names that their rows bear.

    A domain or a cluster that the user renames asks nothing anew, yet the tables have to be written anew.
    """
    named = ([a.id, a.contender, a.task.id, a.task.domain, a.task.cluster, a.split] for a in assembled.attempts)
    return digest_json([assembled.experiment.name, *sorted(named, key=lambda row: str(row[0]))])


def manifest_of(
    assembled: Assembled,
    *,
    created_at: str,
    choices: Choices,
    done: int,
    without_outcome: int,
    complete: bool,
    stopped_because: str | None,
    early: Mapping[str, Any] | None = None,
    notes: tuple[str, ...] = (),
) -> Manifest:
    """The manifest of a report as it stands. Paths of this machine and secrets are not in it."""
    experiment = assembled.experiment
    return Manifest(
        report=experiment.name,
        created_at=created_at,
        versions=installed_versions(),
        machine=this_machine(),
        experiment_digest=experiment.digest,
        seed=experiment.seed,
        suites=suites_of(assembled),
        models=tuple(
            {
                "name": spec.name,
                "backend": spec.backend,
                "model": spec.model if backend_of(spec).named or backend_of(spec).recorded else "",
                "revision": spec.revision,
                "digest": spec.digest,
                "apart": spec.apart,
                "template_digest": spec.template_digest,
                "sampling": as_json(spec.sampling),
                "recorded_backend": spec.options.get("recorded_backend"),
                "capabilities": sorted(backend_of(spec).capabilities(spec)),
                "price": as_json(spec.price),
            }
            for spec in assembled.specs.values()
        ),
        contenders=tuple(
            {"name": c.name, "kind": c.kind.value, "digest": c.digest, "parts": c.parts}
            for c in assembled.contenders.values()
        ),
        prices={name: as_json(spec.price) for name, spec in assembled.specs.items()},
        thresholds=as_written(choices),
        planned=len(assembled.attempts),
        done=done,
        without_outcome=without_outcome,
        plan_digest=plan_digest(assembled),
        complete=complete,
        stopped_because=stopped_because,
        early=early,
        notes=notes,
    )


def suites_of(assembled: Assembled) -> tuple[Mapping[str, Any], ...]:
    """What the manifest says of the suites."""
    return tuple(
        {
            "name": suite.name,
            "version": suite.version,
            "digest": suite.digest,
            "prompt_digest": suite.prompt.template.digest,
            "metric": suite.metric,
            "tasks": len(suite.tasks),
            "graders": sorted({judge.digest for judge in _graders(assembled, suite)}),
            "grader_kinds": sorted({judge.name for judge in _graders(assembled, suite)}),
            "human_baseline": as_json(suite.human_baseline),
        }
        for suite in assembled.suites
    )


def _graders(assembled: Assembled, suite: Suite) -> Iterable[Grader]:
    """A suite's graders, each once: their digests are costly, and thousands of tasks share one."""
    judges = (assembled.grader_of(task) for task in suite.tasks)
    return {id(judge): judge for judge in judges}.values()

"""The manifest of a report: what it was made from."""

from collections import Counter
from dataclasses import replace
from typing import Any

from harness.core import (
    ContenderRecord,
    Grader,
    JudgeRecord,
    Manifest,
    ModelRecord,
    Suite,
    SuiteRecord,
    as_json,
)
from harness.experiment import Assembled
from harness.model import BACKENDS, backend_of
from harness.run.trace import values
from harness.store import Recalled, as_asked, installed_versions, model_sourcing, sourced, this_machine
from harness.system import DELIVERIES, SIGNALS


def manifest_of(assembled: Assembled, recorded: Recalled | None = None, **state: Any) -> Manifest:
    """The manifest of a report; ``state`` is how far it is, in the words of `Manifest`. It holds no path, no secret."""
    experiment, models, contenders = assembled.experiment, dict[str, ModelRecord](), list[ContenderRecord]()
    for spec in assembled.specs.values():
        behind, backend = spec.options.get("recorded_backend"), backend_of(spec)
        named = BACKENDS.get(behind or spec.backend)
        kind, why = model_sourcing(
            spec.price, behind or spec.backend, spec.base_url, owned=named.owned if named else None
        )
        models[spec.name] = ModelRecord(
            **values(spec, *_OF_SPEC),
            model=spec.model if backend.named or backend.recorded else "",
            recorded_backend=behind,
            capabilities=tuple(sorted(backend.capabilities(spec))),
            sourcing=kind,
            sourcing_why=why,
        )
    for one in assembled.contenders.values():
        record = ContenderRecord(**values(one, "name", "digest", "parts"), kind=one.kind.value, **as_asked(one.asked))
        known = (SIGNALS.get(record.signal or ""), DELIVERIES.get(record.delivery.partition(":")[0]))
        control = next((way.name for way in known if way and way.control), None)
        contenders.append(
            replace(record, control=control or record.control, seed_of=experiment.contenders[one.name].seed_of)
        )
    return Manifest(
        report=experiment.name,
        versions=installed_versions(),
        machine=this_machine(),
        experiment_digest=experiment.digest,
        **values(experiment, "seed", "reference"),
        suites=suites_of(assembled),
        models=tuple(models.values()),
        contenders=sourced(contenders, {}, models),
        judges=judge_records(assembled, recorded),
        **{key: getattr(experiment, key).model_dump(mode="json", exclude_none=True) for key in ("economics", "budget")},
        prices={name: as_json(spec.price) for name, spec in assembled.specs.items()},
        planned=len(assembled.attempts),
        **state,
    )


_OF_SPEC = (
    *("name", "backend", "revision", "digest", "apart", "template_digest", "sampling", "price", "tuned"),
    *("licence", "available_until"),
)


def suites_of(assembled: Assembled) -> tuple[SuiteRecord, ...]:
    """What the manifest says of the suites."""
    return tuple(
        SuiteRecord(
            **values(suite, "name", "version", "digest", "metric", "human_baseline"),
            prompt_digest=suite.prompt.template.digest,
            tasks=len(suite.tasks),
            graders=tuple(sorted({by.digest for by in _graders_of(assembled, suite)})),
            grader_kinds=tuple(sorted({name for by in _graders_of(assembled, suite) for name in _kinds(by)})),
        )
        for suite in assembled.suites
    )


def judge_records(assembled: Assembled, recorded: Recalled | None) -> tuple[JudgeRecord, ...]:
    """What the manifest says of the judges that grade tasks; of ``recorded`` attempts how many each has graded."""
    graded = Counter[str]()
    if recorded is not None and assembled.judges:
        standings = recorded.standings(a.id for a in assembled.attempts)
        for one, on in zip(assembled.attempts, standings, strict=True):
            if on is not None and on.passed is not None:
                graded.update(assembled.graders[one.task.digest].judges)
    asked: dict[str, list[str]] = {}
    for suite in assembled.suites:
        for name in sorted({name for by in _graders_of(assembled, suite) for name in by.judges}):
            asked.setdefault(name, []).append(suite.name)
    judges = {name: assembled.judges[name] for name in asked}
    return tuple(
        JudgeRecord(
            name=name,
            model=judge.model,
            suites=tuple(asked[name]),
            repeats=judge.repeats,
            graded=None if recorded is None else graded[name],
        )
        for name, judge in judges.items()
    )


def _graders_of(assembled: Assembled, suite: Suite) -> list[Grader]:
    return [*{id(by): by for by in (assembled.graders[task.digest] for task in suite.tasks)}.values()]


def _kinds(by: Grader) -> set[str]:
    """The names of a grader and of all that it is made of."""
    return {by.name, *(name for part in by.parts for name in _kinds(part))}

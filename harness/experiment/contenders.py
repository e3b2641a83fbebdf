"""What the experiment's contenders are to be, and whether their models and the suites give what they need."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core import Grader, ModelSpec, Suite, UserFileError, nearest
from harness.experiment.build import DirectPlan, HybridPlan, Plan
from harness.experiment.forms import response_forms
from harness.experiment.prompts import Prompts
from harness.experiment.reading import resolve
from harness.experiment.schema import Experiment
from harness.model import BACKENDS
from harness.store import experiment_file
from harness.suite import select
from harness.system import NONE, System


class Planner:
    """Reads one contender after another."""

    def __init__(self, report: Path, experiment: Experiment, prompts: Prompts, graders: Mapping[str, Grader]) -> None:
        self.report, self.experiment, self.prompts, self.graders = report, experiment, prompts, graders

    def plan(self, name: str) -> Plan:
        """What a contender is to be.

        Raises:
            UserFileError: a file, a suite or a form of answer that it names is not to be had.
        """
        entry, field = self.experiment.contenders[name], f"contenders.{name}"
        written = entry.model_dump(mode="json", exclude_none=True)
        written |= {key: _without_places(written[key]) for key in ("adapter", "skills", "prompt") if key in written}
        if (escalate := entry.escalate) is not None:
            return HybridPlan(
                worker=str(entry.worker),
                expert=str(entry.expert),
                signal=escalate.name,
                threshold=escalate.confidence,
                rate=escalate.share,
                like=escalate.like,
                verifier=escalate.verifier,
                written=written,
            )
        suites = list(self.prompts.suites)
        for key in ("adapter", "skills"):
            if isinstance(by_suite := getattr(entry, key), Mapping):
                self._check_names(by_suite, suites, f"{field}.{key}")
        model = self.experiment.models[str(entry.model)]
        inherited = (model.sampling.get("response_format"), f"models.{entry.model}.sampling")
        form, where = (entry.response_format, field) if entry.response_format else inherited
        tasks = {suite.name: suite.tasks for suite in self.prompts.suites.values()}
        return DirectPlan(
            model=str(entry.model),
            adapters={
                suite: resolve(self.report, adapter, field=f"{field}.adapter")
                for suite in suites
                if (adapter := entry.adapter_for(suite)) is not None
            },
            skills={
                suite: tuple(resolve(self.report, text, field=f"{field}.skills") for text in entry.skills_for(suite))
                for suite in suites
                if entry.delivery != NONE and entry.skills_for(suite)
            },
            prompts=self.prompts.of(entry, f"{field}.prompt"),
            forms=response_forms(form, tasks, self.graders, experiment_file(self.report), f"{where}.response_format"),
            delivery=entry.delivery,
            twin=entry.twin,
            written=written,
        )

    def _check_names(self, by_suite: Mapping[str, Any], suites: list[str], field: str) -> None:
        """A mapping names exactly the suites: a silent gap would compare the bare model under a tuned name."""
        for suite in dict.fromkeys([*by_suite, *suites]):
            if suite in suites and suite in by_suite:
                continue
            known = suite in suites
            problem = f"nothing is given for the suite {suite!r}" if known else f"no suite is named {suite!r}"
            advice = f"add {suite}: …" if known else nearest(suite, suites)
            raise UserFileError(experiment_file(self.report), problem, field=field, advice=advice)


def _without_places(written: Any) -> Any:
    """Paths as a manifest may keep them: of one that holds only on this machine, its last part."""
    if isinstance(written, dict):
        return {suite: _without_places(path) for suite, path in written.items()}
    if isinstance(written, list):
        return [_without_places(path) for path in written]
    return Path(written).name if written.startswith(("/", "~")) else written


LACKS = {
    "adapters": "takes no adapter",
    "logprobs": "gives no log-probabilities",
    "response_format": "cannot hold its answers to JSON",
}
"""What a model does that lacks a capability."""


def check_needs(
    path: Path,
    systems: Mapping[str, Mapping[str, System]],
    specs: Mapping[str, ModelSpec],
    capabilities: Mapping[str, frozenset[str]],
) -> None:
    """Returns where every contender's models can do what it needs.

    Raises:
        UserFileError: one cannot.
    """
    for name, by_suite in systems.items():
        for need in (need for system in by_suite.values() for need in system.needs):
            if need.capability in capabilities[need.model]:
                continue
            spec = specs[need.model]
            problem = f"the model {spec.name} of the backend {spec.backend} {LACKS[need.capability]}"
            able = [known for known, backend in BACKENDS.items() if need.capability in backend.can]
            advice = f"use a model of a backend that does, such as {' or '.join(able)}"
            raise UserFileError(path, problem, field=f"contenders.{name}.{need.key}", advice=advice)


def dev_part(
    experiment: Experiment,
    path: Path,
    systems: Mapping[str, Mapping[str, System]],
    suites: Sequence[Suite],
    run_on: Sequence[Suite],
) -> tuple[tuple[Suite, ...], list[str]]:
    """The dev tasks and the contenders that try them, where a threshold or a rate is to be chosen.

    Raises:
        UserFileError: a suite has none, or is run on them; or one choice hangs on another.
    """
    one = {name: next(iter(by_suite.values())) for name, by_suite in systems.items()}
    auto = {name for name, system in one.items() if name in system.undecided and system.like is None}
    for name, system in one.items():
        if system.like is not None and system.like not in auto:
            like = system.like
            problem = f"random:{like} takes the share that a chosen threshold escalates, and {like} has none to choose"
            advice = f"give {like} threshold: auto, or write a share such as random:0.2"
            raise UserFileError(path, problem, field=f"contenders.{name}.escalate.signal", advice=advice)
        for key, part in zip(("worker", "expert"), system.parts if name in auto else (), strict=False):
            if part.undecided:
                problem = "this part is a hybrid whose own threshold or rate is chosen on dev too"
                raise UserFileError(path, problem, field=f"contenders.{name}.{key}", advice="give that one a number")
    if not auto:
        return (), []
    dev = []
    first = next(name for name in one if name in auto)
    for number, (suite, chosen) in enumerate(zip(suites, run_on, strict=True)):
        if all(task.split != "dev" for task in suite.tasks):
            problem = f"threshold: auto is chosen on dev tasks, and the suite {suite.name} has none"
            advice = "mark tasks with split: dev, or give a number"
            raise UserFileError(path, problem, field=f"contenders.{first}.escalate.threshold", advice=advice)
        if any(task.split == "dev" for task in chosen.tasks):
            problem = f"the suite {suite.name} is run on its dev tasks, on which threshold: auto is chosen"
            advice = "mark other tasks with split: test, and run it on those"
            raise UserFileError(path, problem, field=f"suites.{number}.split", advice=advice)
        dev.append(select(suite, split="dev", seed=experiment.seed))
    tried = {part for name in auto for part in one[name].waits_for}
    return tuple(dev), [name for name in one if name in tried]

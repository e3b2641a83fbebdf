"""What the experiment's contenders are to be: their folders found, their prompts rendered, their forms of answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core import Grader, RenderedPrompt, Suite, UserFileError, digest_json
from harness.experiment.build import DirectPlan, HybridPlan, Plan
from harness.experiment.reading import check_known, resolve
from harness.experiment.schema import ContenderEntry, Experiment
from harness.store import experiment_file
from harness.suite import INPUT_UNUSED, read_prompt, render, uses_task
from harness.system import NONE, SYSTEMS
from harness.userfile import parse


class Planner:
    """Reads one contender after another, and renders each template once over each suite."""

    def __init__(
        self, report: Path, experiment: Experiment, suites: Mapping[Path, Suite], graders: Mapping[str, Grader]
    ) -> None:
        self.report, self.experiment, self.graders = report, experiment, graders
        self.path = experiment_file(report)
        self.places = {suite.name: place for place, suite in suites.items()}
        self.suites = {suite.name: suite for suite in suites.values()}
        self._rendered: dict[tuple[str, str], RenderedPrompt] = {}

    def plan(self, name: str) -> Plan:
        """What a contender is to be.

        Raises:
            UserFileError: a file, a suite or a form of answer that it names is not to be had.
        """
        entry, field = self.experiment.contenders[name], f"contenders.{name}"
        written = entry.model_dump(mode="json", exclude_none=True)
        written |= {key: _without_places(written[key]) for key in ("adapter", "skills", "prompt") if key in written}
        if (rule := entry.escalate) is not None:
            return HybridPlan(
                worker=str(entry.worker),
                expert=str(entry.expert),
                signal=rule.name,
                threshold=rule.confidence,
                rate=rule.share,
                like=rule.like,
                verifier=rule.verifier,
                written=written,
            )
        for key in ("adapter", "skills"):
            if isinstance(by_suite := getattr(entry, key), Mapping):
                self._check_names(by_suite, f"{field}.{key}")
        model = self.experiment.models[str(entry.model)]
        inherited = (model.sampling.get("response_format"), f"models.{entry.model}.sampling")
        form, where = (entry.response_format, field) if entry.response_format else inherited
        way, system = entry.system, None
        if way is not None:
            if entry.skills is not None:
                problem = "system does not go with skills, which only the ways of this program deliver"
                raise UserFileError(self.path, problem, field=f"{field}.system", advice="take one of the two out")
            given = {key: value for key, value in way.items() if key != "name"}
            system = way["name"], parse(SYSTEMS[way["name"]].options, given, self.path, field=f"{field}.system")
        adapters = {suite: entry.adapter_for(suite) for suite in self.suites}
        skills = {suite: entry.skills_for(suite) for suite in self.suites if entry.delivery != NONE}
        return DirectPlan(
            model=str(entry.model),
            adapters={s: resolve(self.report, text, field=f"{field}.adapter") for s, text in adapters.items() if text},
            skills={
                suite: tuple(resolve(self.report, text, field=f"{field}.skills") for text in texts)
                for suite, texts in skills.items()
                if texts
            },
            prompts=self._prompts(entry, f"{field}.prompt"),
            forms={} if form is None else {s: self._form(form, s, f"{where}.response_format") for s in self.suites},
            delivery=entry.delivery,
            system=system,
            twin=entry.twin,
            written=written,
        )

    def _check_names(self, by_suite: Mapping[str, Any], field: str) -> None:
        """A mapping names exactly the suites: a silent gap would compare the bare model under a tuned name."""
        for suite in by_suite:
            check_known(suite, self.suites, "suite", self.path, field)
        if missing := [suite for suite in self.suites if suite not in by_suite]:
            problem = f"nothing is given for the suite {missing[0]!r}"
            raise UserFileError(self.path, problem, field=field, advice=f"add {missing[0]}: …")

    def _prompts(self, entry: ContenderEntry, field: str) -> dict[str, RenderedPrompt]:
        """By suite, what a contender is asked: by a prompt of its own, else by the suite's."""
        for suite in entry.prompt_suites:
            check_known(suite, self.suites, "suite", self.path, field)
        return {name: self._prompt(suite, entry.prompt_for(name), field) for name, suite in self.suites.items()}

    def _prompt(self, suite: Suite, files: Mapping[str, str] | None, field: str) -> RenderedPrompt:
        template = suite.prompt.template
        if files is not None:
            template = read_prompt(files, lambda text: resolve(self.report, text, field=field))
        key = (template.digest, suite.name)
        if key not in self._rendered:
            own = template == suite.prompt.template
            prompt = suite.prompt if own else render(template, suite.tasks, self.path)
            if not uses_task(prompt) and len(suite.tasks) > 1:
                place = self.places[suite.name] if own else Path(template.files["user"])
                raise UserFileError(place, INPUT_UNUSED, field="prompt" if own else "")
            self._rendered[key] = prompt
        return self._rendered[key]

    def _form(self, written: Any, suite: str, field: str) -> Mapping[str, Any]:
        """The ``response_format`` that is sent; of ``json_schema`` the schema is that of the suite's grader."""
        if written != "json_schema":
            return {"type": written} if isinstance(written, str) else written
        used = {
            id(grader): grader for grader in (self.graders[task.digest] for task in self.suites[suite].tasks)
        }.values()
        schemas = {digest_json(schema): schema for grader in used if (schema := grader.schema_of_answers) is not None}
        names = ", ".join(sorted({grader.name for grader in used if grader.schema_of_answers is None}))
        if names or len(schemas) != 1:
            found = f"its grader {names} has no JSON schema" if names else "its tasks have several"
            problem = f"the schema is that of the suite's grader, and {suite} has none for all its tasks: {found}"
            advice = "use the grader json_schema, write the schema out as a mapping, or write json_object"
            raise UserFileError(self.path, problem, field=field, advice=advice)
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": next(iter(schemas.values()))}}


def _without_places(written: Any) -> Any:
    """Paths as a manifest may keep them: of one that holds only on this machine, its last part."""
    if isinstance(written, dict):
        return {suite: _without_places(path) for suite, path in written.items()}
    if isinstance(written, list):
        return [_without_places(path) for path in written]
    return Path(written).name if written.startswith(("/", "~")) else written

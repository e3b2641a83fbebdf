"""The prompts of an experiment's contenders, and whether they deliver what the tasks hold."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core import RenderedPrompt, Suite, Task, UserFileError, listed, nearest
from harness.experiment.build import DirectPlan, Plan
from harness.experiment.reading import resolve
from harness.experiment.schema import ContenderEntry, Experiment
from harness.store import experiment_file
from harness.suite import INPUT_UNUSED, read_prompt, render, uses_task


class Prompts:
    """Renders each template once over each suite."""

    def __init__(self, report: Path, suites: Sequence[Suite], places: Sequence[Path]) -> None:
        self.report, self.suites = report, {suite.name: suite for suite in suites}
        self._places = dict(zip(self.suites, places, strict=True))
        self._rendered: dict[tuple[str, str], RenderedPrompt] = {}

    def of(self, entry: ContenderEntry, field: str) -> dict[str, RenderedPrompt]:
        """By suite, what a contender is asked: by a prompt of its own, else by the suite's.

        Raises:
            UserFileError: a template is missing or wrong, or leaves out what the tasks hold; or no such suite.
        """
        for suite in entry.prompt_suites:
            if suite not in self.suites:
                problem, advice = f"no suite is named {suite!r}", nearest(suite, self.suites)
                raise UserFileError(experiment_file(self.report), problem, field=field, advice=advice)
        return {name: self._on(suite, entry.prompt_for(name), field) for name, suite in self.suites.items()}

    def _on(self, suite: Suite, files: Mapping[str, str] | None, field: str) -> RenderedPrompt:
        template = suite.prompt.template
        if files is not None:
            template = read_prompt(files, lambda text: resolve(self.report, text, field=field))
        key = (template.digest, suite.name)
        if key not in self._rendered:
            own = template == suite.prompt.template
            prompt = suite.prompt if own else render(template, suite.tasks, experiment_file(self.report))
            if not uses_task(prompt) and len(suite.tasks) > 1:
                place = self._places[suite.name] if own else Path(template.files["user"])
                raise UserFileError(place, INPUT_UNUSED, field="prompt" if own else "")
            self._rendered[key] = prompt
        return self._rendered[key]


def undelivered(experiment: Experiment, report: Path, suites: Sequence[Suite], plans: Mapping[str, Plan]) -> list[str]:
    """What a user must know of files that some contenders are not shown.

    Raises:
        UserFileError: a task holds what no contender of the experiment can be given.
    """
    notes = []
    direct = {name: plan for name, plan in plans.items() if isinstance(plan, DirectPlan)}
    for entry, suite in zip([*experiment.suites] * 2, suites, strict=False):
        blind = [name for name, plan in direct.items() if "files" not in plan.prompts[suite.name].variables]
        shown = len(blind) < len(direct)
        for task in suite.tasks:
            if (problem := _undeliverable(task, files_shown=shown)) is not None:
                raise UserFileError(
                    resolve(report, entry.path), f"the task {problem[1]}", field=f"task {task.id}: {problem[0]}"
                )
        if blind and any(task.files for task in suite.tasks):
            notes.append(f"suite {suite.name}: the prompt of {listed(blind, 5)} does not show the tasks' files")
    return notes


def _undeliverable(task: Task, *, files_shown: bool) -> tuple[str, str] | None:
    """The key of a task that no contender can be given, and a sentence about it."""
    for what, held in (("tools", [tool.name for tool in task.tools]), ("environment", [*task.environment])):
        if held:
            return what, f"has {what} ({listed(held, 3)}), which no contender of this version can be given; take it out"
    if task.files and not files_shown:
        advice = f'write {{{{ files["{next(iter(task.files))}"] }}}} into one'
        return "files", f"has files ({listed([*task.files], 3)}), and no contender's prompt shows them; {advice}"
    return None

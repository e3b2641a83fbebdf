"""The graders of an experiment: those of its tasks, its verifiers, and the judges that they ask."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.core import ModelSpec, Suite, UserFileError, as_json, digest_json, kin_note, kinship, nearest
from harness.experiment.reading import resolve
from harness.experiment.schema import Experiment
from harness.grade import ByJudge, Judge, ReplyForm, SuiteGrader, check_template, grader
from harness.model import RESPONSE_FORMAT, backend_of
from harness.store import experiment_file
from harness.suite import said_at
from harness.system import System
from harness.userfile import read_text

LONGEST_PROMPT = 200_000  # bytes of a judge's prompt
Graders = dict[str, SuiteGrader]


def task_graders(suites: Mapping[Path, Suite], experiment: Experiment) -> Graders:
    """By the task's digest, one grader for each different description, every reference held against it."""
    found, made, usable = Graders(), Graders(), set[tuple[str, str]]()
    for place, suite in suites.items():
        keys: dict[int, str] = {}  # most tasks of a suite share the very object that describes their grader
        for task in suite.tasks:
            if (key := keys.get(id(task.grader))) is None:
                key = keys[id(task.grader)] = digest_json(as_json(task.grader))
            if key not in made:
                try:
                    made[key] = grader(task.grader, where=str(place), field="grader")
                    _check_judges(made[key], experiment, place, "grader", task.grader)
                except UserFileError as error:
                    file, at = said_at(place, task.id, "grader")
                    field = at + error.field.removeprefix("grader")
                    raise UserFileError(file, error.problem, field=field, advice=error.advice) from None
            found[task.digest] = made[key]
            reference = task.reference
            if isinstance(reference, str) and (key, reference) in usable:  # labels are few, and tasks many
                continue
            try:
                made[key].check_reference(reference)
            except ValueError as error:
                file, field = said_at(place, task.id, "reference")
                raise UserFileError(file, str(error), field=field, advice="correct the task") from None
            if isinstance(reference, str):
                usable.add((key, reference))
    return found


def verifiers_of(experiment: Experiment, path: Path) -> Graders:
    """By the hybrid's name, what looks at its worker's answers."""
    found = Graders()
    for name, contender in experiment.contenders.items():
        if contender.escalate is not None and contender.escalate.verifier is not None:
            field = f"contenders.{name}.escalate.verifier"
            found[name] = made = grader(contender.escalate.verifier, where=str(path), field=field)
            _check_judges(made, experiment, path, field, contender.escalate.verifier)
            if made.needs_reference:
                problem = f"the grader {made.name} with these options needs a reference, which a verifier never sees"
                raise UserFileError(path, problem, field=field, advice="write verifier: {name: json_schema, schema: …}")
    return found


def _check_judges(by: SuiteGrader, experiment: Experiment, place: Path, field: str, spec: Any) -> None:
    for name in by.judges:
        if name not in experiment.judges:
            known = nearest(name, experiment.judges) if experiment.judges else "the experiment has no judges; add them"
            at = f"{field}{_asks(spec, name) or ''}"
            raise UserFileError(place, f"the experiment has no judge {name!r}", field=at, advice=known)


def _asks(spec: Any, judge: str) -> str | None:
    """The field of a grader's description, below it, that names a judge."""
    if isinstance(spec, Mapping):
        if spec.get("judge") == judge:
            return ".judge"
        below = [(f".{key}", spec[key]) for key in ("of", "grader") if key in spec]
    else:
        below = [(f".{place}", part) for place, part in enumerate(spec)] if isinstance(spec, list) else []
    return next((f"{key}{found}" for key, part in below if (found := _asks(part, judge)) is not None), None)


def models_called(graders: Iterable[SuiteGrader], experiment: Experiment, path: Path) -> set[str]:
    """Names of the models that graders and their judges call. Raises UserFileError: there is no such model."""
    found = set[str]()
    for by in {id(by): by for by in graders}.values():
        found |= by.models | {experiment.judges[name].model for name in by.judges}
        if foreign := next((model for model in by.models if model not in experiment.models), None):
            problem = f"the grader {by.name} calls the model {foreign!r}, which is not among the models"
            raise UserFileError(path, problem, field="models", advice=nearest(foreign, experiment.models))
    return found


def judges_of(
    graders: Iterable[SuiteGrader], experiment: Experiment, report: Path, specs: Mapping[str, ModelSpec]
) -> dict[str, Judge]:
    """The judges that graders ask, by name. Raises UserFileError: a prompt or a model cannot be used so."""
    path, found = experiment_file(report), dict[str, Judge]()
    used = {name for by in graders for name in by.judges}
    for name, entry in experiment.judges.items():
        if name not in used:
            continue
        spec, field, prompt = specs[entry.model], f"judges.{name}", None
        holds = RESPONSE_FORMAT in backend_of(spec).capabilities(spec)
        if entry.reply.startswith("json") and not holds:
            problem = f"the model {entry.model} of the backend {spec.backend} cannot hold its replies to JSON"
            raise UserFileError(path, problem, field=f"{field}.reply", advice="write reply: text, or take it out")
        if entry.prompt is not None:
            place = resolve(report, entry.prompt, field=f"{field}.prompt")
            prompt = read_text(place, most=LONGEST_PROMPT)
            try:
                check_template(prompt)
            except ValueError as error:
                problem, _, advice = str(error).partition("; ")
                raise UserFileError(place, problem, advice=advice) from None
        form = entry.reply if entry.reply != "auto" else "json_schema" if holds else "text"
        found[name] = Judge(
            name=name,
            model=entry.model,
            model_digest=spec.digest,
            prompt=prompt,
            repeats=entry.repeats,
            form=ReplyForm(form),
        )
    return found


def bound(graders: Mapping[str, SuiteGrader], judges: Mapping[str, Judge]) -> Graders:
    """The same graders with their judges; those that are one stay one."""
    made = {id(by): by.bound(judges) for by in graders.values()}
    return {key: made[id(by)] for key, by in graders.items()}


def kin_notes(
    judges: Mapping[str, Judge], systems: Mapping[str, Mapping[str, System]], specs: Mapping[str, ModelSpec]
) -> Iterator[str]:
    """Which judges grade answers of their own model, or of one of its family."""
    for judge in judges.values():
        by_kind: dict[str, list[str]] = {}
        for name, by_suite in systems.items():
            models = {model for system in by_suite.values() for model in system.models}
            kinds = {kinship(specs[judge.model], specs[model]) for model in models} - {""}
            if kinds:
                by_kind.setdefault(min(kinds, key=len), []).append(name)
        for kind, names in by_kind.items():
            yield kin_note(judge.name, kind, names)


def judged_parts(by: SuiteGrader, *, surely: bool = True) -> Iterator[tuple[ByJudge, bool]]:
    """The judges in a grader, and whether each is asked whatever the other parts say."""
    if isinstance(by, ByJudge):
        yield by, surely
    for part in by.parts:
        yield from judged_parts(part, surely=surely and len(by.parts) == 1)

"""The graders of an experiment: one for each different description, every reference held against its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core import Grader, Outcome, Status, Suite, UserFileError, as_json, digest_json, nearest
from harness.experiment.schema import Experiment
from harness.grade import grader


def graders_of(suites: Mapping[Path, Suite]) -> dict[str, Grader]:
    """Each task's grader by the task's digest; ``suites`` are by their place.

    Raises:
        UserFileError: a grader cannot be built, or cannot use a reference.
    """
    found: dict[str, Grader] = {}
    made: dict[str, Grader] = {}
    for place, suite in suites.items():
        keys: dict[int, str] = {}  # most tasks of a suite share the very object that describes their grader
        for task in suite.tasks:
            if (key := keys.get(id(task.grader))) is None:
                key = keys[id(task.grader)] = digest_json(as_json(task.grader))
            if key not in made:
                made[key] = grader(task.grader, where=str(place))
            found[task.digest] = made[key]
            try:
                made[key].check_reference(task.reference)
            except ValueError as error:
                field = f"task {task.id}: reference"
                raise UserFileError(place, str(error), field=field, advice="correct the task") from None
    return found


def judges_of(experiment: Experiment, path: Path, graders: Sequence[Grader]) -> set[str]:
    """Names of the models that graders call."""
    found = {model: by.name for by in {id(by): by for by in graders}.values() for model in by.models}
    for model, name in found.items():
        if model not in experiment.models:
            problem = f"the grader {name} calls the model {model!r}, which is not among the models"
            raise UserFileError(path, problem, field="models", advice=nearest(model, experiment.models))
    return set(found)


def gradings_of(suites: Sequence[Suite], graders: Mapping[str, Grader]) -> dict[str, str]:
    """By the task's digest, the digest of all that its grade depends on beside the answer."""
    digests = {id(judge): judge.digest for judge in graders.values()}  # few, each costly
    return {
        task.digest: digest_json([digests[id(graders[task.digest])], as_json(task.reference)])
        for suite in suites
        for task in suite.tasks
    }


def is_graded_so(outcome: Outcome, grading: str) -> bool:
    """Whether an outcome's grade is of this grading, or no grader's at all; of an earlier version it may be unknown."""
    if outcome.passed is None and outcome.status is not Status.UNGRADED:
        return True
    return outcome.grader_digest in {None, grading}


def verifiers_of(experiment: Experiment, path: Path) -> dict[str, Grader]:
    """By contender name: the grader that looks at its worker's answers and needs no reference."""
    found: dict[str, Grader] = {}
    for name, entry in experiment.contenders.items():
        if entry.escalate is None or entry.escalate.verifier is None:
            continue
        field = f"contenders.{name}.escalate.verifier"
        found[name] = made = grader(entry.escalate.verifier, where=f"{path}: {field}")
        if made.needs_reference:
            problem = f"the grader {made.name} with these options needs a reference, which a verifier never sees"
            raise UserFileError(path, problem, field=field, advice="write verifier: {name: json_schema, schema: …}")
    return found

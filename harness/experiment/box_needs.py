"""Whether this machine makes the boxes that attempts need. Looked at before anything is spent."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from harness.core import WORK, BoxError, Environment, Task, UserFileError, digest_json, listed, plural
from harness.experiment.assembly import Assembled
from harness.experiment.plan import Attempt
from harness.store import experiment_file
from harness.suite import WITHOUT_NETWORK
from harness.userfile import read_yaml

TRIED_AT_ONCE = 4  # boxes that are opened to see whether they can be


def check_boxes(
    assembled: Assembled, attempts: Sequence[Attempt], *, graders_only: bool = False, build: bool = True
) -> list[str]:
    """Opens a box of every environment that these attempts need, each once; what is only to be built is told.

    Without ``build`` no Dockerfile is built. Raises UserFileError: there is no sandbox, or an environment is not to be
    had, or is none in which a box can work.
    """
    needing = _needing(assembled, attempts, graders_only=graders_only)
    if not needing:
        return []
    from harness.sandbox import choose_backend, elsewhere, environment_of, prepare  # a run without boxes does without

    options, notes, there = assembled.experiment.sandbox, list[str](), dict[Environment, Attempt]()
    first: dict[Environment, tuple[Attempt, str]] = {}
    for attempt, who in needing:
        first.setdefault(environment_of(attempt.task), (attempt, who))
    for environment, (attempt, who) in first.items():
        suite, task = attempt.suite.name, attempt.task.id
        try:
            choose_backend(options, environment)
        except BoxError as error:
            need = f"{plural(len(needing), 'attempt')} {'needs' if len(needing) == 1 else 'need'} a box"
            problem = f"{need} (for one, the task {task} of the suite {suite}, for {who}): {error}"
            raise UserFileError(experiment_file(assembled.report), problem, field="sandbox") from None
        try:
            backend, prepared = prepare(options, environment, build=build)
        except BoxError as error:
            raise _unusable(assembled, attempt, error) from None
        if prepared.dockerfile:
            notes.append(f"suite {suite}: a run builds the Dockerfile of the task {task} first, with {backend}")
        else:
            there.setdefault(replace(prepared, env=(), build_timeout_s=None), attempt)
        if found := elsewhere(backend, prepared):
            where = f"the image {prepared.image} has the WORKDIR {found}, and boxes of the task {task} work in {WORK}"
            notes.append(f"suite {suite}: {where}; write workdir: {found} beside image where that is meant")
    _try_boxes(assembled, there)
    return [*notes, *_unmet(assembled, [attempt for attempt, _ in needing])]


def _try_boxes(assembled: Assembled, environments: Mapping[Environment, Attempt]) -> None:
    """Opens a box of each. Raises UserFileError: one cannot be opened; the first of them is named."""
    from harness.sandbox import open_box

    def try_one(environment: Environment) -> None:
        open_box(assembled.experiment.sandbox, environment).close()

    with ThreadPoolExecutor(TRIED_AT_ONCE) as threads:
        tried = [(threads.submit(try_one, one), attempt) for one, attempt in environments.items()]
        for one, attempt in tried:
            try:
                one.result()
            except BoxError as error:
                threads.shutdown(cancel_futures=True)
                raise _unusable(assembled, attempt, error) from None


def _unusable(assembled: Assembled, attempt: Attempt, error: BoxError) -> UserFileError:
    """What is wrong with the environment of a task; with that of the whole suite, where all tasks have the one."""
    place = assembled.places[attempt.suite.name]
    place = place / "suite.yaml" if place.is_dir() else place
    told = {(digest_json(task.environment), task.dockerfile) for task in attempt.suite.tasks}
    whole = len(told) == 1 and place.suffix in {".yaml", ".yml"} and bool((read_yaml(place) or {}).get("environment"))
    return UserFileError(place, str(error), field="environment" if whole else f"task {attempt.task.id}: environment")


def _unmet(assembled: Assembled, attempts: Sequence[Attempt]) -> Iterator[str]:
    """What tasks ask for and their boxes do not have, a line for each suite and kind."""
    from harness.sandbox import choose_backend, environment_of, unmet

    options, by_suite = assembled.experiment.sandbox, dict[str, dict[str, Task]]()
    for attempt in attempts:
        by_suite.setdefault(attempt.suite.name, {})[attempt.task.id] = attempt.task
    for suite, tasks in by_suite.items():
        asking = [name for name, task in tasks.items() if task.environment.get("allow_internet")]
        if asking:
            yield f"suite {suite}: {listed(asking, 3)} asks for a network (allow_internet), {WITHOUT_NETWORK}"
        environments = {environment_of(task) for task in tasks.values()}
        backend = choose_backend(options, next(iter(environments)))
        if less := [*unmet(options.limits(), environments, backend)]:
            yield f"suite {suite}: its tasks ask for more than their boxes have or hold to: {', '.join(less)}"


def _needing(assembled: Assembled, attempts: Sequence[Attempt], *, graders_only: bool) -> list[tuple[Attempt, str]]:
    """The attempts that need a box, and who of each needs it."""
    users: dict[tuple[str, str], str] = {}  # by contender and suite; graders are asked for by the task
    for name, by_suite in assembled.systems.items() if not graders_only else ():
        verifier = assembled.verifiers.get(name)
        for suite, system in by_suite.items():
            if system.needs_box or (verifier is not None and verifier.needs_box):
                users[name, suite] = f"the contender {name}"
    judging = {id(by): f"the grader {by.name}" for by in assembled.graders.values() if by.needs_box}
    found = []
    for attempt in attempts if users or judging else ():
        who = users.get((attempt.contender, attempt.suite.name))
        who = who or judging.get(id(assembled.graders[attempt.task.digest]))
        if who is not None:
            found.append((attempt, who))
    return found

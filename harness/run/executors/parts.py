"""How a plan is divided between workers."""

from collections.abc import Sequence

from harness.core import UserFileError
from harness.experiment import Assembled, Attempt
from harness.store import experiment_file


def groups_of(assembled: Assembled, attempts: Sequence[Attempt]) -> list[list[Attempt]]:
    """Attempts that may share answers together: of one suite, task and trial; of all trials where a judge grades.

    Where the answer cache gives one answer for all trials, they are together too.
    """
    groups: dict[tuple[str, str, int], list[Attempt]] = {}
    judged = bool(assembled.verifiers) and any(by.models for by in assembled.verifiers.values())
    cached = bool(assembled.experiment.cache and assembled.experiment.cache.trials)  # one answer for all of them
    for attempt in attempts:
        trial = 0 if judged or cached or assembled.graders[attempt.task.digest].models else attempt.trial
        groups.setdefault((attempt.suite.name, attempt.task.digest, trial), []).append(attempt)
    return list(groups.values())


def models_of(assembled: Assembled) -> frozenset[str]:
    """Those that attempts call."""
    systems = assembled.systems.values()
    used = {model for by_suite in systems for system in by_suite.values() for model in system.models}
    return frozenset(used.union(*(grader.models for grader in assembled.graders.values())))


def share_of(concurrency: int, number: int, workers: int) -> int:
    """How many of so many calls at once are a worker's."""
    whole, rest = divmod(concurrency, workers)
    return max(1, whole + int(number < rest))


def calls_of(assembled: Assembled, number: int, workers: int) -> int:
    """How many calls a worker may have in flight, those of judges among them."""
    experiment = assembled.experiment
    at_once = [experiment.limits.concurrency, *(judge.concurrency for judge in experiment.judges.values())]
    return sum(share_of(calls, number, workers) for calls in at_once)


def refuse_more_workers_than_calls(assembled: Assembled, workers: int | None) -> None:
    """Raises UserFileError: there are so many that one would have no call to make."""
    concurrency = assembled.experiment.limits.concurrency
    if workers is not None and workers > concurrency:
        problem = f"there are {workers} workers, and limits.concurrency lets {concurrency} calls run at once"
        advice = "each worker needs one: lower workers, or raise concurrency"
        raise UserFileError(experiment_file(assembled.report), problem, field="executor.workers", advice=advice)

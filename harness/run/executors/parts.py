"""How a plan is divided between workers."""

from collections.abc import Sequence

from harness.experiment import Assembled, Attempt


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

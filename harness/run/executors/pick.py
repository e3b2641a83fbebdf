"""Which executor makes a run's attempts."""

from typing import TYPE_CHECKING

from harness.core import UsageError
from harness.experiment import Assembled, ExecutorEntry
from harness.run.executors.local import LocalExecutor
from harness.run.options import RunOptions

if TYPE_CHECKING:
    from harness.run.executors.ray import RayExecutor


def executor_for(assembled: Assembled, options: RunOptions) -> "LocalExecutor | RayExecutor":
    """Who makes the attempts. Raises UsageError: what is asked of the run does not go with the executor."""
    entry = assembled.experiment.executor
    if options.executor not in {"", entry.kind}:
        # processes of this machine may be as many workers of Ray; those of a cluster are no number for one machine
        kept = {"workers": entry.workers} if options.executor == "ray" else {}
        entry = ExecutorEntry.model_validate({"kind": options.executor} | kept)
    if entry.kind == "local":
        return LocalExecutor(assembled, entry, options.watch, options.observer, offline=options.offline)
    if options.watch is not None:
        problem = "--until-decided does not go with executor ray, whose workers cannot stop after the same attempt"
        raise UsageError(f"{problem}; add --executor local")
    from harness.run.executors.ray import RayExecutor  # a run without it does without
    from harness.run.otel import Spans

    if not (options.observer is None or isinstance(options.observer, Spans)):
        raise UsageError("an observer hears nothing of what the workers of executor ray do; take --executor local")
    return RayExecutor(assembled, entry, offline=options.offline, spans=options.observer)

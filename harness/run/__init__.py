"""The running half: an experiment in, evidence out. It never looks at statistics, and leaves files only."""

import sys
import types
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.run.execute import run_report
    from harness.run.executors.parts import refuse_more_workers_than_calls
    from harness.run.given import grade_given
    from harness.run.opening import Ping, ping, refuse_unopened
    from harness.run.options import RunOptions, Summary
    from harness.run.otel import checked_receiver, spans_to
    from harness.run.records import suites_of
    from harness.run.regrading import Regraded, refuse_without_answers, regrade
    from harness.run.solutions import prepare_boxes, try_solutions
    from harness.run.trace import Progress
else:
    __getattr__, __dir__ = lazy_door(__name__)


class _CallableRoom(types.ModuleType):
    """This room, callable: ``harness.run`` is a package for imports and a verb for notebooks."""

    def __call__(
        self,
        report: Path | str,
        *,
        limit: int | None = None,
        only: Sequence[str] = (),
        offline: bool = False,
        retry_errored: bool = False,
        allow_outside: bool = False,
        listener: "Callable[[Progress], None] | None" = None,
    ) -> "Summary":
        """Runs what is not yet done in a report's folder, as ``ownbench run``. Raises UserFileError and UsageError."""
        from harness.core import stay_offline
        from harness.experiment import assemble
        from harness.run.execute import RunOptions, run_report

        tell, chosen = listener or (lambda _: None), tuple(only)
        how = RunOptions(only=chosen, limit=limit, offline=offline, retry_errored=retry_errored, listener=tell)
        with stay_offline() if offline else nullcontext():
            return run_report(assemble(Path(report), allow_outside=allow_outside), how)


sys.modules[__name__].__class__ = _CallableRoom

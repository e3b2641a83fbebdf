"""The running half: an experiment in, evidence out. Plans, schedules, journals, resumes, and stops at a budget.

It never looks at statistics; what it leaves in the report's folder is all that the judging half knows.
"""

import sys
import types
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from harness.core import stay_offline
from harness.run.assemble import Assembled, assemble, tried_on_dev
from harness.run.check import CheckResult, check
from harness.run.execute import RunOptions, Summary, run_report
from harness.run.manifest import suites_of
from harness.run.plan import Attempt
from harness.run.progress import Progress
from harness.run.watch import Watch

__all__ = [
    "Assembled",
    "Attempt",
    "CheckResult",
    "Progress",
    "RunOptions",
    "Summary",
    "Watch",
    "assemble",
    "check",
    "run_report",
    "suites_of",
    "tried_on_dev",
]


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
        listener: Callable[[Progress], None] | None = None,
    ) -> Summary:
        """Runs what is not yet done in a report's folder; as ``ownbench run``.

        Raises:
            UserFileError: the experiment or something that it names is wrong. Nothing was spent.
            UsageError: another run is at work here, or a model cannot be opened.
        """
        options = RunOptions(limit=limit, only=tuple(only), offline=offline, retry_errored=retry_errored)
        with stay_offline() if offline else nullcontext():
            return run_report(assemble(Path(report)), options, listener=listener or (lambda _: None))


sys.modules[__name__].__class__ = _CallableRoom

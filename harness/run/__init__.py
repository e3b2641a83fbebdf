"""The running half: an experiment in, evidence out. Plans, schedules, journals, resumes, and stops at a budget.

It never looks at statistics; what it leaves in the report's folder is all that the judging half knows.
"""

import sys
import types
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from harness.core import stay_offline
from harness.experiment import assemble
from harness.run.execute import run_report
from harness.run.opening import Ping, ping
from harness.run.regrading import Given, Regraded, grade_given, refuse_without_answers, regrade
from harness.run.results import suites_of
from harness.run.trace import Progress, RunOptions, Summary


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
        listener: Callable[[Progress], None] | None = None,
    ) -> Summary:
        """Runs what is not yet done in a report's folder; as ``ownbench run``.

        Raises UserFileError: the experiment or something that it names is wrong; nothing was spent. UsageError:
        another run is at work here, or a model cannot be opened.
        """
        options = RunOptions(limit=limit, only=tuple(only), offline=offline, retry_errored=retry_errored)
        with stay_offline() if offline else nullcontext():
            assembled = assemble(Path(report), allow_outside=allow_outside)
            return run_report(assembled, options, listener=listener or (lambda _: None))


sys.modules[__name__].__class__ = _CallableRoom

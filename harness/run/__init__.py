"""The running half: an experiment in, evidence out. Plans, schedules, journals, resumes, and stops at a budget.

It never looks at statistics; what it leaves in the report's folder is all that the judging half knows.
"""

from harness.run.assemble import Assembled, assemble
from harness.run.check import CheckResult, check
from harness.run.execute import RunOptions, Summary, run_report
from harness.run.plan import Attempt
from harness.run.progress import Progress

__all__ = [
    "Assembled",
    "Attempt",
    "CheckResult",
    "Progress",
    "RunOptions",
    "Summary",
    "assemble",
    "check",
    "run_report",
]

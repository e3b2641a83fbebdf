"""From ``experiment.yaml`` to a checked plan: its parts built, its attempts planned, a dry run of them.

Nothing is sent and nothing is written here.
"""

from harness.experiment.assembly import Assembled, assemble, needs_threshold, tried_on_dev
from harness.experiment.build import DirectPlan, HybridPlan, Plan, build_systems, contender_of
from harness.experiment.dry_run import CheckResult, check
from harness.experiment.plan import Attempt
from harness.experiment.reading import load_experiment, parse_experiment, resolve
from harness.experiment.schema import ContenderEntry, Experiment

__all__ = [
    "Assembled",
    "Attempt",
    "CheckResult",
    "ContenderEntry",
    "DirectPlan",
    "Experiment",
    "HybridPlan",
    "Plan",
    "assemble",
    "build_systems",
    "check",
    "contender_of",
    "load_experiment",
    "needs_threshold",
    "parse_experiment",
    "resolve",
    "tried_on_dev",
]

"""From ``experiment.yaml`` to a checked plan and a dry run of it. Nothing is sent and nothing is written here."""

from harness.experiment.answer_cache import open_cache
from harness.experiment.assembly import (
    Assembled,
    assemble,
    earlier_contender,
    earlier_suite,
    graded_before,
    is_graded_so,
    keep_ids,
    recall,
)
from harness.experiment.box_needs import check_boxes
from harness.experiment.build import DirectPlan, HybridPlan, Plan, build_systems
from harness.experiment.context_entry import ContextEntry
from harness.experiment.dry_run import bounds_too_small, check, grades_again
from harness.experiment.executor import ExecutorEntry
from harness.experiment.plan import Attempt, shared_identities
from harness.experiment.reading import ended_notes, load_experiment, parse_experiment, read_suites, resolve
from harness.experiment.schema import ContenderEntry, Experiment
from harness.experiment.tuned import base_beside, is_looked_at

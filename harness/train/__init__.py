"""Makes contenders better: training data out of suites and reports, adapters through TRL, and skills by rollouts.

dev chooses, test judges, train teaches. Importing this room imports none of the packages that train.
"""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.train.by_examples import LearningCurve, Size, learning_curve
    from harness.train.course import Course, prepare
    from harness.train.examples import Example, Preference, read_examples, read_preferences, suite_examples
    from harness.train.export import ExportOptions, export_adapter
    from harness.train.from_report import ReportData, report_data, write_report_data
    from harness.train.model_card import Measured
    from harness.train.on_cluster import cluster_training
    from harness.train.overlap import Match, check_overlap, find_overlap, known_suites
    from harness.train.progress import TrainingProgress
    from harness.train.proof import Proof, prove
    from harness.train.recipe import Recipe, read_recipe
    from harness.train.skill_comparison import Comparison
    from harness.train.skill_drafting import Draft, Drafted, create_skill
    from harness.train.skill_edits import Edit, EditsError, edited, read_edits
    from harness.train.skill_improving import EDITS, Improved, Improvement, improve_skill, told_of
    from harness.train.skill_loop import ALPHA, Bench, Climb, Evidence, Rules, Seen, Try, level_of
    from harness.train.skill_work import StoppedError
    from harness.train.tuning import train
else:
    __getattr__, __dir__ = lazy_door(__name__)

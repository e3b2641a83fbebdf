"""Evidence to views: sides, pairing, what changed, the scoreboard, domains, skills and planning.

Reads a run folder and computes; it draws nothing and decides nothing.
"""

from harness.analysis.best import OTHER_TASKS, best_sentence, no_overlap_sentence, split_by_overlap
from harness.analysis.by_domain import Domains, WorseTasks, domains
from harness.analysis.changed import Change, changes
from harness.analysis.common_tasks import ERRORS_AS, TRIALS_AS
from harness.analysis.costs import cost_bases, cost_notes, load_note
from harness.analysis.csv_export import safe_csv
from harness.analysis.designs import CELL_WORDS, Design, DesignEffect, factorial
from harness.analysis.loading import (
    Evidence,
    default_contender,
    early_command,
    load_evidence,
    stopped_before_tables,
    undecided_command,
)
from harness.analysis.missing import COST_AND_LATENCY, missing_lines
from harness.analysis.pairs import pair, shares_tasks
from harness.analysis.planning import Plan, observed_discordance, plan_rows, plan_size
from harness.analysis.progress import progress_of
from harness.analysis.published import Headline, headline, headline_rows
from harness.analysis.scores import scoreboard
from harness.analysis.sides import (
    PairedOutcomes,
    Pairs,
    Side,
    coarser_clusters,
    contenders_of_two_reports,
    graded_otherwise,
    gradings_of,
    pair_sides,
    reference_of,
    renewal,
    seconds_of,
    tasks_of_one_only,
)
from harness.analysis.skill_scores import has_skills, skills
from harness.analysis.skill_views import DeliveryPair, Lift, SkilledContender, Skills, SkillScore
from harness.analysis.statistics import read_statistics, statistics_text
from harness.analysis.task_views import (
    AttemptView,
    CallView,
    MessageView,
    ShownText,
    TaskList,
    attempt_view,
    attempts_csv,
    search_note,
    shown_text,
    task_page,
)
from harness.analysis.views import (
    ContenderScore,
    DomainDifference,
    DomainScore,
    DomainSpread,
    Flip,
    Pairing,
    Scoreboard,
)

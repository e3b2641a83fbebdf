"""Evidence to views: sides, pairing, changes, the scoreboard, domains, skills, planning; draws and decides nothing."""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.analysis.action_counts import ActionCount
    from harness.analysis.adapter_evidence import AdapterUse, MeasuredDomain, adapter_use
    from harness.analysis.agreed_tasks import agreement
    from harness.analysis.amounts import Spread, amounts_known, spreads
    from harness.analysis.between_reports import ContenderChange, SuiteChange, TwoReports, two_reports
    from harness.analysis.by_domain import Domains, domains
    from harness.analysis.changed import Change, changes
    from harness.analysis.common_sets import ranked_tasks, ranked_together
    from harness.analysis.designs import CELL_WORDS, Design, factorial
    from harness.analysis.dev_tasks import shared_sources
    from harness.analysis.failed_tasks import FailedTask, Failure, Failures, failed_places, failures
    from harness.analysis.general import apart_note, general_suites, is_work, work_of
    from harness.analysis.leading import ALONE
    from harness.analysis.learning import JudgedCurve, fields_of, judged_curve
    from harness.analysis.loading import (
        Evidence,
        default_contender,
        distinct,
        early_command,
        load_evidence,
        passes_by_itself,
        progress_of,
        refuse_running,
        resume_command,
    )
    from harness.analysis.over_reports import RatedTasks, SharedRate, rated_tasks, shared_rates
    from harness.analysis.over_time import changes_of_pairs
    from harness.analysis.pairs import ERRORS_AS, TRIALS_AS, pair, shares_tasks
    from harness.analysis.planning import Observed, Plan, observed_discordance, plan_rows, plan_size
    from harness.analysis.published import Headline, headline, headline_rows
    from harness.analysis.role_costs import RoleCost, unbilled
    from harness.analysis.scoreboard_cautions import uncalibrated
    from harness.analysis.scoreboard_notes import (
        ALMOST,
        OTHER_TASKS,
        best_sentence,
        cost_bases,
        cost_notes,
        load_note,
        missing_lines,
        split_by_overlap,
    )
    from harness.analysis.scores import RateOf, pass_rates, rates_of, read_statistics, scoreboard, statistics_text
    from harness.analysis.sides import (
        PairedOutcomes,
        Pairs,
        Side,
        coarser_clusters,
        contenders_of_two_reports,
        graded_otherwise,
        gradings_of,
        pair_sides,
        renewal,
        seconds_of,
        tasks_of_one_only,
    )
    from harness.analysis.skill_scores import Skills, has_skills, skills
    from harness.analysis.task_views import (
        AttemptView,
        ShownText,
        TaskList,
        answers_note,
        attempt_view,
        attempts_csv,
        attempts_jsonl,
        expected_in,
        safe_csv,
        search_note,
        shown_text,
        task_page,
    )
    from harness.analysis.under_way import Interim, UnderWay, Watcher, is_open
    from harness.analysis.views import (
        ContenderScore,
        DomainDifference,
        DomainScore,
        DomainSpread,
        Flip,
        Pairing,
        Scoreboard,
        priced,
    )
else:
    __getattr__, __dir__ = lazy_door(__name__)

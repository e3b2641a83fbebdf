"""What people read: the scoreboard, paired comparisons, Markdown and figures, all from one view of the evidence.

Reads a run folder and nothing else: no model, no key, no network.
"""

from harness.report.advice_page import print_advice
from harness.report.answers import print_factorial, print_headline, print_plan
from harness.report.csv_export import safe_csv
from harness.report.dashboard import dashboard, reports_and_problems, reports_in, serve
from harness.report.domain_tables import print_domains
from harness.report.domain_view import DomainEffect, Domains, WorseTasks
from harness.report.domains import domains, domains_of
from harness.report.evidence import load_evidence
from harness.report.factorial import Design, DesignEffect, factorial, factorial_of
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.gate_page import gate_junit, gate_markdown, print_gate, print_self_test, write_gate
from harness.report.headline import Headline, headline
from harness.report.history import (
    History,
    HistoryEntry,
    StatusCounts,
    StoredBaseline,
    changed_between,
    history,
)
from harness.report.look import png, svg
from harness.report.markdown import markdown_page
from harness.report.pairing import compare_contenders, pair, pair_of
from harness.report.planning import Plan, observed_discordance, plan_size
from harness.report.scoreboard import scoreboard, scoreboard_of
from harness.report.skill_view import DeliveryPair, Lift, SkilledContender, Skills, SkillScore
from harness.report.skills import has_skills, skills, skills_of
from harness.report.statistics import read_statistics
from harness.report.sweep_page import print_sweep
from harness.report.task_view import (
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
from harness.report.terminal import print_pairing, print_scoreboard
from harness.report.text import plural, visible
from harness.report.verdict_log import StoredVerdict, stored_verdict
from harness.report.view import ContenderScore, DomainDifference, DomainScore, Flip, Pairing, Scoreboard
from harness.report.write import write_report

__all__ = [
    "AttemptView",
    "CallView",
    "ContenderScore",
    "DeliveryPair",
    "Design",
    "DesignEffect",
    "DomainDifference",
    "DomainEffect",
    "DomainScore",
    "Domains",
    "Flip",
    "Headline",
    "History",
    "HistoryEntry",
    "Lift",
    "MessageView",
    "Pairing",
    "Plan",
    "Scoreboard",
    "ShownText",
    "SkillScore",
    "SkilledContender",
    "Skills",
    "StatusCounts",
    "StoredBaseline",
    "StoredVerdict",
    "TaskList",
    "WorseTasks",
    "attempt_view",
    "attempts_csv",
    "changed_between",
    "compare_contenders",
    "cost_figure",
    "dashboard",
    "domains",
    "domains_of",
    "factorial",
    "factorial_of",
    "gate_junit",
    "gate_markdown",
    "has_skills",
    "headline",
    "history",
    "load_evidence",
    "markdown_page",
    "observed_discordance",
    "pair",
    "pair_of",
    "pass_rate_figure",
    "plan_size",
    "plural",
    "png",
    "print_advice",
    "print_domains",
    "print_factorial",
    "print_gate",
    "print_headline",
    "print_pairing",
    "print_plan",
    "print_scoreboard",
    "print_self_test",
    "print_sweep",
    "read_statistics",
    "reports_and_problems",
    "reports_in",
    "safe_csv",
    "scoreboard",
    "scoreboard_of",
    "search_note",
    "serve",
    "shown_text",
    "skills",
    "skills_of",
    "stored_verdict",
    "svg",
    "task_page",
    "visible",
    "write_gate",
    "write_report",
]

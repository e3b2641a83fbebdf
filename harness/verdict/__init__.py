"""The verdicts: policy applied to statistics, from stored records only.

The gate, the sweep and the advice live here; no model, key, network or torch is needed.
"""

from harness.verdict.advice import Advice, advise, advise_at, advise_of
from harness.verdict.advice_inputs import MARGIN, AdviceSettings, Grounds, grounds_of
from harness.verdict.baseline import Lock, moved, read_lock, set_baseline
from harness.verdict.checks import Reason
from harness.verdict.conditions import Condition, Forgetting
from harness.verdict.early import Decided, Evidence, Rule, in_blocks
from harness.verdict.early_run import EarlyCandidate, PlannedAttempt, Savings, UntilDecided
from harness.verdict.economics import MONTHS, SPREAD, Rates, Terms, load_terms, most_of
from harness.verdict.flips import FlipPoint
from harness.verdict.gate_check import SelfTest, self_test
from harness.verdict.gating import EXIT_CODES, DomainVerdict, Gate, gate
from harness.verdict.policy import Policy, in_words, load_policy
from harness.verdict.reasons import Option
from harness.verdict.report_history import (
    History,
    HistoryEntry,
    StatusCounts,
    StoredBaseline,
    changed_between,
    changed_of,
    entry_of,
    history,
    in_order,
    under_way,
)
from harness.verdict.sweep_goal import SweepGoal, SweepSettings
from harness.verdict.sweep_view import Measured, Sweep, SweepControl, SweepPoint, SweepRival
from harness.verdict.sweep_words import gap_text, rival_standing
from harness.verdict.sweeping import sweep, sweep_of
from harness.verdict.verdict_log import VERDICT, StoredVerdict, log_verdict, stored_verdict
from harness.verdict.volumes import Bills, VolumeBill, bills_at
from harness.verdict.weighing import Weighed, tasks_to_decide, weigh
from harness.verdict.words import KINDS_MEAN, clean

__all__ = [
    "EXIT_CODES",
    "KINDS_MEAN",
    "MARGIN",
    "MONTHS",
    "SPREAD",
    "VERDICT",
    "Advice",
    "AdviceSettings",
    "Bills",
    "Condition",
    "Decided",
    "DomainVerdict",
    "EarlyCandidate",
    "Evidence",
    "FlipPoint",
    "Forgetting",
    "Gate",
    "Grounds",
    "History",
    "HistoryEntry",
    "Lock",
    "Measured",
    "Option",
    "PlannedAttempt",
    "Policy",
    "Rates",
    "Reason",
    "Rule",
    "Savings",
    "SelfTest",
    "StatusCounts",
    "StoredBaseline",
    "StoredVerdict",
    "Sweep",
    "SweepControl",
    "SweepGoal",
    "SweepPoint",
    "SweepRival",
    "SweepSettings",
    "Terms",
    "UntilDecided",
    "VolumeBill",
    "Weighed",
    "advise",
    "advise_at",
    "advise_of",
    "bills_at",
    "changed_between",
    "changed_of",
    "clean",
    "entry_of",
    "gap_text",
    "gate",
    "grounds_of",
    "history",
    "in_blocks",
    "in_order",
    "in_words",
    "load_policy",
    "load_terms",
    "log_verdict",
    "most_of",
    "moved",
    "read_lock",
    "rival_standing",
    "self_test",
    "set_baseline",
    "stored_verdict",
    "sweep",
    "sweep_of",
    "tasks_to_decide",
    "under_way",
    "weigh",
]

"""The verdicts: policy applied to statistics, from stored records only.

The gate, the sweep and the advice live here; no model, key, network or torch is needed.
"""

from harness.verdict import rates
from harness.verdict.advise import Advice, advise, advise_at, advise_of
from harness.verdict.baseline import Lock, moved, read_lock, set_baseline
from harness.verdict.changes import Change, changes
from harness.verdict.checks import Reason
from harness.verdict.conditions import Condition, Forgetting
from harness.verdict.cost_notes import cost_notes
from harness.verdict.early import Decided, Evidence, Rule, in_blocks
from harness.verdict.early_command import stopped_before_tables, undecided_command
from harness.verdict.early_run import EarlyCandidate, PlannedAttempt, Savings, UntilDecided
from harness.verdict.evidence import Side, load_side, pair_sides
from harness.verdict.flips import FlipPoint
from harness.verdict.gate import EXIT_CODES, DomainVerdict, Gate, gate
from harness.verdict.grounds import MARGIN, AdviceSettings, Grounds, grounds_of
from harness.verdict.policy import Policy, in_words, load_policy
from harness.verdict.reasons import Option
from harness.verdict.self_test import SelfTest, self_test
from harness.verdict.sweep import sweep, sweep_of
from harness.verdict.sweep_goal import SweepGoal, SweepSettings
from harness.verdict.sweep_view import Measured, Sweep, SweepControl, SweepPoint, SweepRival
from harness.verdict.sweep_words import gap_text, rival_standing
from harness.verdict.terms import MONTHS, SPREAD, Rates, Terms, load_terms, most_of
from harness.verdict.volumes import Bills, VolumeBill, bills_at
from harness.verdict.weigh import Outcomes, Weighed, tasks_to_decide, weigh
from harness.verdict.words import KINDS_MEAN, dollars

__all__ = [
    "EXIT_CODES",
    "KINDS_MEAN",
    "MARGIN",
    "MONTHS",
    "SPREAD",
    "Advice",
    "AdviceSettings",
    "Bills",
    "Change",
    "Condition",
    "Decided",
    "DomainVerdict",
    "EarlyCandidate",
    "Evidence",
    "FlipPoint",
    "Forgetting",
    "Gate",
    "Grounds",
    "Lock",
    "Measured",
    "Option",
    "Outcomes",
    "PlannedAttempt",
    "Policy",
    "Rates",
    "Reason",
    "Rule",
    "Savings",
    "SelfTest",
    "Side",
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
    "changes",
    "cost_notes",
    "dollars",
    "gap_text",
    "gate",
    "grounds_of",
    "in_blocks",
    "in_words",
    "load_policy",
    "load_side",
    "load_terms",
    "most_of",
    "moved",
    "pair_sides",
    "rates",
    "read_lock",
    "rival_standing",
    "self_test",
    "set_baseline",
    "stopped_before_tables",
    "sweep",
    "sweep_of",
    "tasks_to_decide",
    "undecided_command",
    "weigh",
]

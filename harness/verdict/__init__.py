"""The verdicts: policy applied to statistics, from stored records only.

The gate, the sweep and the advice live here; no model, key, network or torch is needed.
"""

from harness.verdict.advice import Advice, advise, advise_at, advise_of
from harness.verdict.advice_inputs import MARGIN, AdviceInputs, AdviceSettings, advice_inputs_of
from harness.verdict.baseline import Lock, changed_since_lock, read_lock, set_baseline
from harness.verdict.checks import Reason
from harness.verdict.conditions import Condition, Forgetting
from harness.verdict.early import Evidence, StoppingRule, stratified_order
from harness.verdict.early_run import EarlyCandidate, PlannedAttempt, Savings, UntilDecided
from harness.verdict.economics import MONTHS, SPREAD, Assumptions, StatedRates, largest_allowed, load_assumptions
from harness.verdict.flips import FlipPoint
from harness.verdict.gate_check import SelfTest, self_test
from harness.verdict.gate_statistics import Decided, GateTests, gate_tests, tasks_to_decide
from harness.verdict.gating import EXIT_CODES, DomainVerdict, Gate, gate
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
from harness.verdict.rules import Policy, in_words, load_policy
from harness.verdict.sweep_records import (
    Measured,
    Sweep,
    SweepControl,
    SweepGoal,
    SweepPoint,
    SweepRival,
    SweepSettings,
)
from harness.verdict.sweep_words import against_control, gap_text
from harness.verdict.sweeping import sweep, sweep_of
from harness.verdict.verdict_log import VERDICT, StoredVerdict, log_verdict, stored_verdict
from harness.verdict.volumes import Bills, VolumeBill, bills_at
from harness.verdict.words import KINDS_MEAN, clean

__all__ = [
    "EXIT_CODES",
    "KINDS_MEAN",
    "MARGIN",
    "MONTHS",
    "SPREAD",
    "VERDICT",
    "Advice",
    "AdviceInputs",
    "AdviceSettings",
    "Assumptions",
    "Bills",
    "Condition",
    "Decided",
    "DomainVerdict",
    "EarlyCandidate",
    "Evidence",
    "FlipPoint",
    "Forgetting",
    "Gate",
    "GateTests",
    "History",
    "HistoryEntry",
    "Lock",
    "Measured",
    "Option",
    "PlannedAttempt",
    "Policy",
    "Reason",
    "Savings",
    "SelfTest",
    "StatedRates",
    "StatusCounts",
    "StoppingRule",
    "StoredBaseline",
    "StoredVerdict",
    "Sweep",
    "SweepControl",
    "SweepGoal",
    "SweepPoint",
    "SweepRival",
    "SweepSettings",
    "UntilDecided",
    "VolumeBill",
    "advice_inputs_of",
    "advise",
    "advise_at",
    "advise_of",
    "against_control",
    "bills_at",
    "changed_between",
    "changed_of",
    "changed_since_lock",
    "clean",
    "entry_of",
    "gap_text",
    "gate",
    "gate_tests",
    "history",
    "in_order",
    "in_words",
    "largest_allowed",
    "load_assumptions",
    "load_policy",
    "log_verdict",
    "read_lock",
    "self_test",
    "set_baseline",
    "stored_verdict",
    "stratified_order",
    "sweep",
    "sweep_of",
    "tasks_to_decide",
    "under_way",
]

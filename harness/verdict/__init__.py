"""The verdicts: policy applied to statistics, from stored records only.

The gate, the sweep and the advice live here; no model, key, network or torch is needed.
"""

from harness.verdict.advise import MARGIN, Advice, AdviceSettings, advise
from harness.verdict.baseline import Lock, read_lock, set_baseline
from harness.verdict.changes import Change
from harness.verdict.checks import Reason
from harness.verdict.conditions import Condition, Forgetting
from harness.verdict.flips import FlipPoint
from harness.verdict.gate import EXIT_CODES, DomainVerdict, Gate, gate
from harness.verdict.policy import Policy, load_policy
from harness.verdict.reasons import Option
from harness.verdict.self_test import SelfTest, self_test
from harness.verdict.sweep import SweepGoal, sweep
from harness.verdict.sweep_view import Sweep, SweepControl, SweepPoint, SweepRival
from harness.verdict.terms import MONTHS, SPREAD, Terms, load_terms
from harness.verdict.weigh import Outcomes, Weighed, tasks_to_decide, weigh

__all__ = [
    "EXIT_CODES",
    "MARGIN",
    "MONTHS",
    "SPREAD",
    "Advice",
    "AdviceSettings",
    "Change",
    "Condition",
    "DomainVerdict",
    "FlipPoint",
    "Forgetting",
    "Gate",
    "Lock",
    "Option",
    "Outcomes",
    "Policy",
    "Reason",
    "SelfTest",
    "Sweep",
    "SweepControl",
    "SweepGoal",
    "SweepPoint",
    "SweepRival",
    "Terms",
    "Weighed",
    "advise",
    "gate",
    "load_policy",
    "load_terms",
    "read_lock",
    "self_test",
    "set_baseline",
    "sweep",
    "tasks_to_decide",
    "weigh",
]

"""The verdicts: policy applied to statistics, from stored records only.

The gate, the sweep and the advice live here; no model, key, network or torch is needed.
"""

from harness.verdict.baseline import Lock, read_lock, set_baseline
from harness.verdict.changes import Change
from harness.verdict.checks import Reason
from harness.verdict.gate import EXIT_CODES, DomainVerdict, Gate, gate
from harness.verdict.policy import Policy, load_policy
from harness.verdict.weigh import Outcomes, Weighed, tasks_to_decide, weigh

__all__ = [
    "EXIT_CODES",
    "Change",
    "DomainVerdict",
    "Gate",
    "Lock",
    "Outcomes",
    "Policy",
    "Reason",
    "Weighed",
    "gate",
    "load_policy",
    "read_lock",
    "set_baseline",
    "tasks_to_decide",
    "weigh",
]

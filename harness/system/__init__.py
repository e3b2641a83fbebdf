"""Contenders: a model bare or tuned, with skills in a delivery arm, or a hybrid. Each answers a task by calling models.

A system asks for calls through the `Session` that the run hands to it; it never sees journals, budgets or retries.
"""

from harness.system.build import DirectPlan, HybridPlan, Plan, build_systems, contender_of
from harness.system.direct import Direct
from harness.system.hybrid import CONTROLS, SIGNALS, Hybrid, Trade, best_threshold
from harness.system.protocol import Session, System, fault_in, sureness
from harness.system.skilled import DELIVERIES, Skilled

__all__ = [
    "CONTROLS",
    "DELIVERIES",
    "SIGNALS",
    "Direct",
    "DirectPlan",
    "Hybrid",
    "HybridPlan",
    "Plan",
    "Session",
    "Skilled",
    "System",
    "Trade",
    "best_threshold",
    "build_systems",
    "contender_of",
    "fault_in",
    "sureness",
]

"""Contenders: a model bare or tuned, with skills in a delivery arm, or a hybrid. Each answers a task by calling models.

A system asks for calls through the `Session` that the run hands to it; it never sees journals, budgets or retries.
"""

from harness.system.direct import Asking, Direct, answered
from harness.system.hybrid import CONTROLS, SIGNALS, Hybrid
from harness.system.protocol import System, fault_in, sureness
from harness.system.skilled import DELIVERIES, MAX_TURNS, Skilled

__all__ = [
    "CONTROLS",
    "DELIVERIES",
    "MAX_TURNS",
    "SIGNALS",
    "Asking",
    "Direct",
    "Hybrid",
    "Skilled",
    "System",
    "answered",
    "fault_in",
    "sureness",
]

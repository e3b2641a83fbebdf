"""Contenders: a model bare or tuned, with skills in a delivery arm, or a hybrid. Each answers a task by calling models.

A system asks for calls through the `Session` that the run hands to it; it never sees journals, budgets or retries.
"""

from harness.system.delivery import DELIVERIES, NONE, Delivery
from harness.system.delivery import NOT_YET as LATER_DELIVERIES
from harness.system.direct import Asking, Direct, answered
from harness.system.hybrid import Hybrid
from harness.system.protocol import Calls, Chosen, Need, System, fault_in
from harness.system.signal import NOT_YET as LATER_SIGNALS
from harness.system.signal import SIGNALS, Rule, Signal
from harness.system.skilled import MAX_TURNS, Skilled

NOT_YET = (*LATER_SIGNALS, *LATER_DELIVERIES)
"""Words of the format that this version refuses by name, so that nobody takes them for misspelt."""

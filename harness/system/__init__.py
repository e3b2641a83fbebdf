"""Contenders: a model bare or tuned, with skills in a delivery arm, or a hybrid. Each answers a task by calling models.

A system asks for calls through the `Session` that the run hands to it; it never sees journals, budgets or retries.
"""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.system.agent import AGENT_TURNS, Agent, Hands
    from harness.system.box_tool import BOX_TOOLS, BoxTool
    from harness.system.conversation import Conversation, Perform, called_by_text, tools_as_text
    from harness.system.delivery import DELIVERIES, NONE, Chooser, Delivery, delivery_of
    from harness.system.handing import HANDING_TEXTS, Advised, Led
    from harness.system.hybrids import Hybrid
    from harness.system.kind import SYSTEMS, SystemKind
    from harness.system.self_written import REVISION, SKILL_TOKENS, SelfWritten, is_authoring, skill_in
    from harness.system.signal import SIGNALS, Calls, Rule
    from harness.system.systems import MAX_TURNS, Direct, Need, Skilled, System, answered, fault_in, held
else:
    __getattr__, __dir__ = lazy_door(__name__)

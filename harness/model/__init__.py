"""Calls models: one protocol, one file a backend, and one layer that waits, tries again and keeps to limits.

Importing this room imports no backend's package.
"""

from harness.model.calling import Caller, Counters, Limits
from harness.model.identity import capabilities_of, identified, missing_key, missing_package, notes_of, secrets_of
from harness.model.local_checks import wrong_setting
from harness.model.local_shelf import fit_of
from harness.model.loopback import refuse_remote
from harness.model.metering import Metered, metered, with_lost
from harness.model.protocol import (
    ADAPTERS,
    CAPABILITIES,
    LOGPROBS,
    TOOL_ROLE,
    TOOLS,
    Ask,
    Model,
    Probing,
    assistant_message,
    tool_message,
)
from harness.model.registry import BACKENDS, open_model
from harness.model.replay import Lookup, ReplayModel
from harness.model.served import is_probed
from harness.model.served import notes_on as served_notes
from harness.model.wire import read_reply

__all__ = [
    "ADAPTERS",
    "BACKENDS",
    "CAPABILITIES",
    "LOGPROBS",
    "TOOLS",
    "TOOL_ROLE",
    "Ask",
    "Caller",
    "Counters",
    "Limits",
    "Lookup",
    "Metered",
    "Model",
    "Probing",
    "ReplayModel",
    "assistant_message",
    "capabilities_of",
    "fit_of",
    "identified",
    "is_probed",
    "metered",
    "missing_key",
    "missing_package",
    "notes_of",
    "open_model",
    "read_reply",
    "refuse_remote",
    "secrets_of",
    "served_notes",
    "tool_message",
    "with_lost",
    "wrong_setting",
]

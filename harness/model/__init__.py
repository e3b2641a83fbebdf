"""Calls models: one protocol, one file a backend, and one layer that waits, tries again and keeps to limits.

Importing this room imports no backend's package.
"""

from harness.model.backend import Backend, Lookup, Opening
from harness.model.calling import Caller, Limits, machines
from harness.model.entry import ModelEntry, PriceEntry, ServedEntry, check_form
from harness.model.local_shelf import fit_of
from harness.model.protocol import (
    ADAPTERS,
    CAPABILITIES,
    LOGPROBS,
    RESPONSE_FORMAT,
    TOOL_ROLE,
    TOOLS,
    Ask,
    Model,
    Probing,
    assistant_message,
    tool_message,
)
from harness.model.registry import BACKENDS, backend_of, identified, missing_key, open_model
from harness.model.wire import read_reply

"""Calls models: one protocol, one file a backend, and one layer that waits, tries again and keeps to limits.

Importing this room imports no backend's package.
"""

from harness.model.protocol import (
    ADAPTERS,
    CAPABILITIES,
    LOGPROBS,
    TOOL_ROLE,
    TOOLS,
    Model,
    assistant_message,
    tool_message,
)

__all__ = [
    "ADAPTERS",
    "CAPABILITIES",
    "LOGPROBS",
    "TOOLS",
    "TOOL_ROLE",
    "Model",
    "assistant_message",
    "tool_message",
]

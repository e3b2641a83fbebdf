"""Reads and checks ``adapters/``: LoRA matrices as PEFT writes them, and the card that says where they come from.

Needs neither torch nor a network; nothing is ever unpickled.
"""

from harness.adapter.base import base_digest
from harness.adapter.fit import check_adapter
from harness.adapter.folder import Adapter, load_adapter

__all__ = ["Adapter", "base_digest", "check_adapter", "load_adapter"]

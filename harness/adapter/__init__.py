"""Reads and checks ``adapters/``: LoRA matrices as PEFT writes them, and the card that says where they come from.

Needs neither torch nor a network; nothing is ever unpickled.
"""

from harness.adapter.base import base_digest, base_shapes
from harness.adapter.fit import check_adapter
from harness.adapter.folder import WEIGHTS, Adapter, load_adapter, tokenizer_files
from harness.adapter.tensors import Shapes, tensor_shapes

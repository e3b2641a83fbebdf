"""Reads and checks ``adapters/``: LoRA matrices as PEFT writes them, and the card that says where they come from.

Needs neither torch nor a network; nothing is ever unpickled.
"""

from harness.adapter.folder import WEIGHTS, Adapter, check_adapter, load_adapter, tokenizer_files
from harness.adapter.weights import Shapes, base_digest, base_shapes, tensor_shapes

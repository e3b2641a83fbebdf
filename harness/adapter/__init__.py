"""Reads and checks ``adapters/``: LoRA matrices as PEFT writes them, and the card that says where they come from.

Needs neither torch nor a network; nothing is ever unpickled.
"""

from harness.adapter.folder import (
    CARD,
    WEIGHTS,
    Adapter,
    check_adapter,
    licences_of,
    load_adapter,
    load_card,
    tokenizer_files,
    training_of,
)
from harness.adapter.weights import Shapes, base_digest, base_shapes, tensor_shapes

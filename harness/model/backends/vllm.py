"""vLLM in this process: known to the format, and not called by this version."""

from harness.model.backend import Backend
from harness.model.entry import CAPABILITIES, ModelEntry
from harness.userfile import Text


class VllmEntry(ModelEntry):
    """A model of the backend ``vllm``."""

    path: Text


class VllmBackend(Backend):
    """Owned: its weights are here."""

    name = "vllm"
    entry = VllmEntry
    owned = True
    named = False
    can = CAPABILITIES
    instead = (
        "vLLM is called through its own OpenAI-compatible server; start `vllm serve MODEL --enable-lora --lora-modules"
        " NAME=FOLDER`, then write backend: openai and base_url: http://127.0.0.1:8000/v1 (an adapter is chosen there"
        " by its name, as the model)"
    )


BACKEND = VllmBackend()

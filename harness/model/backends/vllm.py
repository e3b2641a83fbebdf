"""vLLM in this process, with LoRA adapters by request. The model itself is `harness.model.vllm`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from harness.adapter import Adapter, check_adapter
from harness.core import ModelSpec
from harness.model.backend import Backend, Model, Opening
from harness.model.entry import ADAPTERS, LOGPROBS, TOOL_ROLE, TOOLS, ModelEntry
from harness.model.local_folder import calls_tools, check_folder, local_digests
from harness.model.vllm_options import OWN, check_rank, wrong_option
from harness.userfile import Text, Truth


class VllmEntry(ModelEntry):
    """A model of the backend ``vllm``."""

    path: Text  # the folder of a local model
    tools: Truth | None = None  # whether its own way of calling tools is used, which is so where its template knows one
    options: dict[str, Any] = Field(default_factory=dict)  # of vLLM's engine, by their own names

    @field_validator("options")
    @classmethod
    def _of_the_engine(cls, value: dict[str, Any]) -> dict[str, Any]:
        if placed := next((key for key in value if key in OWN), None):
            raise ValueError(f"{placed} is no option of vLLM's engine; write it next to options")
        return value

    @property
    def settings(self) -> dict[str, Any]:
        """The engine's options, and what else is not the default."""
        return {**self.options, **{key: value for key, value in super().settings.items() if key != "options"}}


class VllmBackend(Backend):
    """Owned: its weights are here."""

    name = "vllm"
    entry = VllmEntry
    packages = ("vllm", "peft")
    extra = "vllm"
    owned = True
    named = False
    greedy = True
    timed = True
    always_logprobs = True
    can = frozenset({LOGPROBS, ADAPTERS, TOOL_ROLE})
    changing = (
        *Backend.changing,
        *("quantization", "quantization_config", "kv_cache_dtype", "lora_dtype", "hf_overrides", "max_model_len"),
        *("speculative_config", "model_impl", "model_class_overrides", "additional_config", "logits_processors"),
    )  # all others change speed and memory, or answers by float noise only

    def open(self, spec: ModelSpec, given: Opening) -> Model:  # noqa: ARG002 - it needs no key and no network
        """The model; vLLM is imported when it is prepared."""
        from harness.model.vllm import VllmModel

        return VllmModel(spec)

    def capabilities(self, spec: ModelSpec) -> frozenset[str]:
        """Tools are called as the chat template has it, where it knows tools and its way to call them is known."""
        return self.can | {TOOLS} if calls_tools(spec) else self.can

    def remedy(self, missing: Sequence[str]) -> str:
        """The command, and where to give it: vLLM pins packages that others need newer."""
        return f"{super().remedy(missing)} in an environment of its own (docs/vllm.md)" if missing else ""

    def content(self, spec: ModelSpec) -> tuple[str, str]:
        """Digests of the weights and of the chat template. Raises UserFileError: the folder lacks what is needed."""
        check_folder(Path(spec.model))
        return local_digests(Path(spec.model))

    def wrong_setting(self, spec: ModelSpec) -> tuple[str, str] | None:
        """As `harness.model.vllm_options` says."""
        return wrong_option(spec)

    def check_adapter(self, spec: ModelSpec, adapter: Adapter) -> None:
        """By digest, modules and shapes, its rank, and what vLLM would leave out."""
        check_adapter(adapter, Path(spec.model))
        check_rank(spec, adapter)


BACKEND = VllmBackend()

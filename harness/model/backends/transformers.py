"""A model in this process: transformers, with LoRA adapters by PEFT. The model itself is `harness.model.local`."""

from pathlib import Path
from typing import Any

from pydantic import model_validator

from harness.adapter import Adapter, check_adapter
from harness.core import ModelSpec
from harness.model.backend import Backend, Model, Opening
from harness.model.entry import ADAPTERS, LOGPROBS, TOOL_ROLE, TOOLS, ModelEntry
from harness.model.local_folder import calls_tools, check_folder, local_digests, wrong_setting
from harness.userfile import Count, Text, Truth


class LocalEntry(ModelEntry):
    """A model of the backend ``transformers``."""

    path: Text  # the folder of a local model
    batch_size: Count | None = None
    threads: Count | None = None
    device: Text | None = None
    dtype: Text | None = None
    tools: Truth | None = None  # whether its own way of calling tools is used, which is so where its template knows one

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> Any:
        """As the file may have it: ``model`` in place of ``path``."""
        found = handler.resolve_ref_schema(handler(core))
        found["required"].remove("path")
        return found | {"anyOf": [{"required": ["path"]}, {"required": ["model"]}]}

    @model_validator(mode="before")
    @classmethod
    def _placed(cls, value: Any) -> Any:
        return {"path": value["model"], **value} if isinstance(value, dict) and value.get("model") else value


class TransformersBackend(Backend):
    """Owned: its weights are here."""

    name = "transformers"
    entry = LocalEntry
    packages = ("torch", "transformers", "peft")
    extra = "local"
    owned = True
    named = False
    greedy = True
    always_logprobs = True
    can = frozenset({LOGPROBS, ADAPTERS, TOOL_ROLE})

    def open(self, spec: ModelSpec, given: Opening) -> Model:  # noqa: ARG002 - it needs no key and no network
        """The model; torch is imported when it is prepared."""
        from harness.model.local import LocalModel

        return LocalModel(spec)

    def capabilities(self, spec: ModelSpec) -> frozenset[str]:
        """Tools are called as the chat template has it, where it knows tools and its way to call them is known."""
        return self.can | {TOOLS} if calls_tools(spec) else self.can

    def content(self, spec: ModelSpec) -> tuple[str, str]:
        """Digests of the weights and of the chat template. Raises UserFileError: the folder lacks what is needed."""
        check_folder(Path(spec.model))
        return local_digests(Path(spec.model))

    def wrong_setting(self, spec: ModelSpec) -> tuple[str, str] | None:
        """As `harness.model.local_folder` says."""
        return wrong_setting(spec)

    def check_adapter(self, spec: ModelSpec, adapter: Adapter) -> None:
        """Tensor by tensor."""
        check_adapter(adapter, Path(spec.model))


BACKEND = TransformersBackend()

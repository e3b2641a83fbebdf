"""Which backends there are. Adding one costs a file, a line in ``BACKENDS``, and a row in the conformance test."""

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass

from harness.core import ModelSpec, UsageError, install_line, nearest
from harness.model.faults import Redact
from harness.model.protocol import Model
from harness.model.replay import Lookup


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a backend stands and what it needs."""

    module: str
    name: str
    takes: tuple[str, ...]
    """Which of `open_model`'s arguments its constructor takes besides the spec."""
    packages: tuple[str, ...] = ()
    extra: str = ""
    """The extra of this distribution that brings the packages."""


_NETWORK = ("redact", "environment", "offline")
BACKENDS: dict[str, Backend] = {
    "openai": Backend("harness.model.openai", "OpenAIModel", _NETWORK, ("aiohttp",)),
    "litellm": Backend("harness.model.litellm_backend", "LiteLLMModel", _NETWORK, ("litellm", "mcp"), "api"),
    "transformers": Backend("harness.model.local", "LocalModel", (), ("torch", "transformers", "peft"), "local"),
    "replay": Backend("harness.model.replay", "ReplayModel", ("lookup",)),
}


def open_model(
    spec: ModelSpec,
    *,
    redact: Redact,
    environment: Mapping[str, str],
    offline: bool = False,
    lookup: Lookup | None = None,
) -> Model:
    """The model that a spec names, behind its backend. Sends nothing and loads no weights; ``prepare`` does.

    Args:
        spec: what to open.
        redact: takes secrets out of texts; a backend adds the key that it reads itself.
        environment: where a key is read, by the name in ``spec.api_key_env`` only.
        offline: refuse what is not on this machine.
        lookup: recorded replies by the request's digest, for the backend ``replay``.

    Raises:
        UsageError: an unknown backend, a package that is missing, a spec that its backend cannot use, or offline and
            elsewhere.
    """
    if spec.backend == "vllm":
        raise UsageError(
            f"model {spec.name!r}: vLLM is called through its own OpenAI-compatible server: start"
            " `vllm serve MODEL --enable-lora --lora-modules NAME=FOLDER`, then write backend: openai,"
            " base_url: http://127.0.0.1:8000/v1 (an adapter is chosen there by its name, as the model)"
        )
    backend = BACKENDS.get(spec.backend)
    if backend is None:
        raise UsageError(
            f"model {spec.name!r}: unknown backend {spec.backend!r}; {nearest(spec.backend, [*BACKENDS, 'vllm'])}"
        )
    if (missing := absent(spec, backend)) is not None:
        raise UsageError(missing)
    given = {"redact": redact, "environment": environment, "offline": offline, "lookup": lookup}
    kind = getattr(importlib.import_module(backend.module), backend.name)
    model: Model = kind(spec, **{name: given[name] for name in backend.takes})
    return model


def absent(spec: ModelSpec, backend: Backend) -> str | None:
    """A sentence that names the first package which the backend needs and does not find, else ``None``."""
    for package in backend.packages:
        if importlib.util.find_spec(package) is None:
            remedy = install_line(backend.extra)
            return f"model {spec.name!r}: backend {spec.backend} needs the package {package}; {remedy}"
    return None

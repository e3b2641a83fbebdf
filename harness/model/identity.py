"""What can be said of a model before it is opened: its identity, what it can do, the key that it lacks."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.core import ModelSpec, as_json, digest_json
from harness.model.protocol import ADAPTERS, CAPABILITIES, LOGPROBS, TOOL_ROLE, TOOLS

WITHOUT_LOGPROBS = ("anthropic", "bedrock", "cohere", "claude")
"""Beginnings of litellm's model names whose providers give no log-probabilities."""


def identified(spec: ModelSpec) -> ModelSpec:
    """The spec with its digest: backend, model, revision, weights, template and sampling; not where it is served.

    Raises:
        UserFileError: a local model's folder lacks what a model needs.
    """
    weights = template = ""
    if spec.backend == "transformers":
        from harness.model.local_prompt import local_digest, template_digest

        weights, template = local_digest(Path(spec.model)), template_digest(Path(spec.model))
    named = spec.model if spec.backend in {"openai", "litellm"} else ""
    changes_answers = {k: v for k, v in spec.options.items() if k in {"dtype", "tools"}}
    digest = digest_json(
        [spec.backend, named, spec.revision, weights, template, as_json(spec.sampling), as_json(changes_answers)]
    )
    return replace(spec, digest=digest, template_digest=template)


def capabilities_of(spec: ModelSpec) -> frozenset[str]:
    """What the model can do, as far as its backend and the experiment say."""
    if spec.backend == "replay":
        return frozenset(spec.options.get("capabilities", ()))
    found = {
        "openai": CAPABILITIES,
        "litellm": frozenset({TOOLS, TOOL_ROLE, LOGPROBS}),
        "transformers": frozenset({LOGPROBS, ADAPTERS, TOOL_ROLE}),
        "vllm": CAPABILITIES,
    }.get(spec.backend, frozenset())
    if spec.backend == "litellm" and spec.model.startswith(WITHOUT_LOGPROBS):
        found -= {LOGPROBS}
    return found - {TOOLS} if spec.options.get("tools") is False else found


def missing_key(spec: ModelSpec, environment: Mapping[str, str]) -> str | None:
    """A sentence that names the environment variable which this model needs and does not find, else ``None``.

    Only for a model that names its variable; what litellm's providers need by themselves is asked when it is opened.
    """
    if spec.api_key_env and not environment.get(spec.api_key_env):
        return f"model {spec.name}: the environment variable {spec.api_key_env} is not set; set it to the key"
    return None

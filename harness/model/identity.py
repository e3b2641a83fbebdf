"""What can be said of a model before it is opened: its identity, what it can do, the key that it lacks."""

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.core import ModelSpec, as_json, digest_json
from harness.model.protocol import ADAPTERS, CAPABILITIES, LOGPROBS, TOOL_ROLE, TOOLS

SECRET_NAMES = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
WITHOUT_LOGPROBS = ("anthropic", "bedrock", "cohere", "claude")
"""Beginnings of litellm's model names whose providers give no log-probabilities."""


def identified(spec: ModelSpec) -> ModelSpec:
    """The spec with its digest: backend, model, revision, weights, template and sampling; not where it is served.

    Raises:
        UserFileError: a local model's folder lacks what a model needs.
    """
    weights = template = ""
    if spec.backend == "transformers":
        from harness.model.local_checks import check_folder
        from harness.model.local_prompt import local_digest, template_digest

        check_folder(Path(spec.model))
        weights, template = local_digest(Path(spec.model)), template_digest(Path(spec.model))
    named = spec.model if spec.backend in {"openai", "litellm"} else ""
    changes_answers = {k: v for k, v in spec.options.items() if k in {"dtype", "tools", "reasoning"}}
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


def notes_of(spec: ModelSpec) -> tuple[str, ...]:
    """What a reader of this model's results must know: settings of the experiment that the model is not asked with.

    Imports litellm for a model behind it that has sampling settings, and nothing otherwise.
    """
    if spec.backend != "litellm" or not spec.sampling or importlib.util.find_spec("litellm") is None:
        return ()
    from harness.model.litellm_backend import not_taken

    return tuple(
        f"model {spec.name}: {name}: {spec.sampling[name]} is not sent, since {spec.model} does not take it ({why})"
        for name, why in not_taken(spec).items()
    )


def secrets_of(spec: ModelSpec, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The values of the environment that are this model's keys, so that they can be kept out of every text.

    A model behind litellm that names no variable may read any that is called like a key.
    """
    if spec.api_key_env:
        return tuple(value for value in [environment.get(spec.api_key_env, "")] if value)
    return keys_in(environment) if spec.backend == "litellm" else ()


def keys_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values of the variables that are called like keys."""
    return tuple(v for name, v in environment.items() if name.upper().endswith(SECRET_NAMES) and len(v) >= 8)


def missing_package(spec: ModelSpec) -> str | None:
    """A sentence that names a package which this model's backend needs and does not find, else ``None``."""
    from harness.model.registry import BACKENDS, absent

    backend = BACKENDS.get(spec.backend)
    return absent(spec, backend) if backend is not None else None


def missing_key(spec: ModelSpec, environment: Mapping[str, str]) -> str | None:
    """A sentence that names the environment variable whose key this model lacks or cannot send, else ``None``.

    A model behind litellm that names no variable may use any that is called like its provider's. What a provider
    lacks that is not in ``_KEYS`` is asked when it is opened.
    """
    name = spec.api_key_env
    usual = (name,) if name else _usual_keys(spec) if spec.backend == "litellm" else ()
    if usual and not any(environment.get(variable, "").strip() for variable in usual):
        return f"model {spec.name}: the environment variable {usual[0]} is not set; set it to the key"
    provider = spec.model.partition("/")[0].upper().replace("_", "") if spec.backend == "litellm" else ""
    begins = {"GEMINI": ("GEMINI", "GOOGLE"), "HUGGINGFACE": ("HUGGINGFACE", "HF")}.get(provider, (provider,))
    own = (n for n in environment if n.endswith(("_API_KEY", "_TOKEN")) and n.replace("_", "").startswith(begins))
    for variable in [name] if name else own if provider else ():
        key = environment[variable].strip() if name else environment[variable]  # litellm sends what it reads as it is
        if not (key.isascii() and key.isprintable()):
            what = "a line break" if "\n" in key or "\r" in key else "a character that no key has"
            return f"model {spec.name}: the environment variable {variable} holds {what}; set it to the key alone"
    return None


_KEYS = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "fireworks_ai": ("FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY",),
    "together_ai": ("TOGETHERAI_API_KEY",),
} | {
    provider: (f"{provider.upper()}_API_KEY",)
    for provider in (
        "openai",
        "openrouter",
        "mistral",
        "groq",
        "deepseek",
        "xai",
        "cerebras",
        "deepinfra",
        "replicate",
        "huggingface",
        "moonshot",
        "nvidia_nim",
    )
}
"""Providers, and the variables of which litellm's own check needs one."""


def _usual_keys(spec: ModelSpec) -> tuple[str, ...]:
    provider, slash, _ = spec.model.partition("/")
    if not slash:  # names that litellm knows without their provider
        provider = "openai" if provider.startswith("gpt-") else "anthropic" if provider.startswith("claude-") else ""
    return _KEYS.get(provider, ())

"""Every provider that litellm knows: Anthropic, Google, Bedrock and the rest.

The experiment's keys: ``model`` in litellm's form (``anthropic/claude-…``), ``base_url`` where it is not the provider's
own, and ``api_key_env``, without which litellm reads the variable that it knows for the provider.

litellm is kept quiet and at home: no price list, header list or ``.env`` file is fetched or read, nothing is reported,
nothing is printed. It does not retry; `Caller` does. A sampling setting that the model does not take (newer Claude and
GPT models take no temperature but 1) is left out of what is sent, and `not_taken` says so to whoever reads the results.
"""

import asyncio
import contextlib
import json
import logging
import os
import re
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from harness.core import Cause, ModelError, ModelSpec, Reply, Request, Usage, UsageError
from harness.model.backend import Backend, Opening
from harness.model.entry import LOGPROBS, RESPONSE_FORMAT, TOOL_ROLE, TOOLS, ServedEntry
from harness.model.faults import Redact, cause_of, failure_in, fault, redact_also, shown
from harness.model.reasoning import SEPARATE
from harness.model.remaining import hear
from harness.model.wire import read_reply, request_fields
from harness.userfile import Text

_AT_HOME = {"LITELLM_MODE": "PRODUCTION"}  # anything else reads a .env file from the working folder
_AT_HOME |= {f"LITELLM_LOCAL_{what}": "True" for what in ("MODEL_COST_MAP", "ANTHROPIC_BETA_HEADERS", "BLOG_POSTS")}
SECRET_NAMES = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
WITHOUT_LOGPROBS = ("anthropic", "bedrock", "cohere", "claude")
"""Beginnings of litellm's model names whose providers give no log-probabilities."""
_PLAIN = "openai openrouter mistral groq deepseek xai cerebras deepinfra replicate huggingface moonshot nvidia_nim"
_KEYS = {name: (f"{name.upper()}_API_KEY",) for name in _PLAIN.split()} | {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "fireworks_ai": ("FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY",),
    "together_ai": ("TOGETHERAI_API_KEY",),
}  # providers, and the variables of which litellm's own check needs one


class LiteLLMEntry(ServedEntry):
    """A model of the backend ``litellm``."""

    model: Text


class LiteLLMBackend(Backend):
    """Rented, unless the experiment gives the machine's price."""

    name = "litellm"
    entry = LiteLLMEntry
    packages = ("litellm", "mcp")
    extra = "api"
    remote = True
    owned = False
    booked = True
    can = frozenset({TOOLS, TOOL_ROLE, LOGPROBS, RESPONSE_FORMAT})

    def open(self, spec: ModelSpec, given: Opening) -> "LiteLLMModel":
        """A model of its provider; litellm is imported when it is prepared."""
        return LiteLLMModel(spec, redact=given.redact, environment=given.environment)

    def capabilities(self, spec: ModelSpec) -> frozenset[str]:
        """Without log-probabilities where the provider is known to give none."""
        return Backend.capabilities(self, spec) - ({LOGPROBS} if spec.model.startswith(WITHOUT_LOGPROBS) else set())

    def usual_keys(self, spec: ModelSpec) -> tuple[str, ...]:
        """Those of the provider; what a provider lacks that is not in ``_KEYS`` is asked when it is opened."""
        provider, slash, _ = spec.model.partition("/")
        if not slash:  # names that litellm knows without their provider
            provider = {"gpt": "openai", "claude": "anthropic"}.get(provider.partition("-")[0], "")
        return _KEYS.get(provider, ())

    def read_keys(self, spec: ModelSpec, environment: Mapping[str, str]) -> tuple[str, ...]:
        """Any variable that is called like one of the provider's."""
        provider = spec.model.partition("/")[0].upper().replace("_", "")
        begins = {"GEMINI": ("GEMINI", "GOOGLE"), "HUGGINGFACE": ("HUGGINGFACE", "HF")}.get(provider, (provider,))
        own = (name for name in environment if name.endswith(("_API_KEY", "_TOKEN")) and provider)
        return tuple(name for name in own if name.replace("_", "").startswith(begins))

    def secrets(self, spec: ModelSpec, environment: Mapping[str, str]) -> tuple[str, ...]:
        """Of a model that names no variable: all that are called like a key, for litellm may read any."""
        return Backend.secrets(self, spec, environment) if spec.api_key_env else keys_in(environment)

    def notes(self, spec: ModelSpec) -> tuple[str, ...]:
        """Settings that the model is not asked with. Imports litellm where there are any."""
        left_out = not_taken(spec) if spec.sampling and not self.missing() else {}
        return tuple(
            f"model {spec.name}: {name}: {spec.sampling[name]} is not sent, since {spec.model} does not take it ({why})"
            for name, why in left_out.items()
        )


BACKEND = LiteLLMBackend()


def keys_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values of the variables that are called like keys."""
    return tuple(v for name, v in environment.items() if name.upper().endswith(SECRET_NAMES) and len(v) >= 8)


class LiteLLMModel:
    """One model through litellm."""

    def __init__(self, spec: ModelSpec, *, redact: Redact, environment: Mapping[str, str]) -> None:
        self.spec = spec
        self._key = environment.get(spec.api_key_env, "").strip() if spec.api_key_env else ""
        self._redact = redact_also(redact, self._key, *keys_in(environment))
        self._fixed: dict[str, Any] = {"model": spec.model, "num_retries": 0, "max_retries": 0}
        self._fixed |= {"api_key": self._key} if self._key else {}
        self._fixed |= {"api_base": spec.base_url} if spec.base_url else {}
        _OPEN.add(id(self))

    @cached_property
    def _known(self) -> tuple[bool, bool, dict[str, str]]:
        """Whether it gives log-probabilities, and speaks OpenAI's language; and what it does not take."""
        litellm, spec = _litellm(), self.spec
        provider = litellm.get_llm_provider(spec.model, api_base=spec.base_url)[1]
        openai = provider in {"openai", "azure", "openrouter", *litellm.openai_compatible_providers}
        return "top_logprobs" in (litellm.get_supported_openai_params(model=spec.model) or ()), openai, not_taken(spec)

    async def prepare(self, adapters: Sequence[Path] = ()) -> None:
        """Imports litellm (some seconds); sends nothing. Raises UsageError: for a missing key, or any adapter."""
        if adapters:
            problem = "backend litellm holds no adapters; serve the model and use backend: openai"
            raise UsageError(f"model {self.spec.name!r}: {problem}")
        litellm = await asyncio.to_thread(_litellm)
        found = litellm.validate_environment(model=self.spec.model, api_base=self.spec.base_url)
        missing = [] if self._key or found["keys_in_environment"] else [str(name) for name in found["missing_keys"]]
        if missing:
            problem = f"the environment variable {', '.join(missing)} is not set; set it to the key"
            raise UsageError(f"model {self.spec.name!r}: {problem}")

    async def answer(self, request: Request) -> Reply:
        """One request, no retries. Raises ModelError: by the provider's status and words; litellm's classes mislead."""
        try:
            gives_logprobs, speaks_openai, left_out = self._known
            fields = request_fields(request, logprobs=gives_logprobs)
            fields = {name: value for name, value in fields.items() if name not in left_out}
            fields["messages"] = [dict(message) for message in request.messages]  # litellm writes into them
            started = time.perf_counter()
            response = await _litellm().acompletion(**(self._fixed | fields))
            latency_s = time.perf_counter() - started
        except Exception as error:  # noqa: BLE001 - litellm raises whatever its providers' code does
            raise self._error(error) from None
        hear((getattr(response, "_hidden_params", None) or {}).get("additional_headers") or {})
        body = response.model_dump(warnings=False)
        if (failure := failure_in(body, self._redact)) is not None:
            raise failure
        for choice in body["choices"] if speaks_openai else ():  # what litellm put aside stands where it stood
            message = choice["message"]
            aside = message.pop("provider_specific_fields", None) or {}
            if aside.get("reasoning") == message.get("reasoning_content"):
                message.pop("reasoning_content", None)  # litellm's own name for it
            choice["message"] = aside | message
        reasoning = str(self.spec.options.get("reasoning") or SEPARATE)
        return read_reply(body, latency_s=latency_s, reasoning=reasoning, letters=request.letters)

    def _error(self, error: Exception) -> ModelError:
        chain: list[BaseException] = []  # the error and all that led to it, the outermost first
        part: BaseException | None = error
        while part is not None and part not in chain:
            chain.append(part)
            part = part.__cause__ or part.__context__
        if (ours := next((part for part in chain if isinstance(part, ModelError)), None)) is not None:
            return ours
        found = [str(getattr(part, "status_code", "")) for part in chain]
        statuses = (int(one) for one in reversed(found) if re.fullmatch(r"\d{3}", one))
        status = next(statuses, None)  # the deepest is the provider's own; litellm makes 500 of 529
        text = str(getattr(error, "message", "") or error)
        named = [one for one in found if one not in {"", "None"} and not one.isdigit()]  # an error within a 200
        said = "\n".join([_PREFIX.sub("", text), *named, *(str(getattr(part, "body", None) or "") for part in chain)])
        words = text.partition("Traceback (most recent call last)")[0].strip() or type(error).__name__
        headers = getattr(error, "litellm_response_headers", None)
        cause = cause_of(None, said) if named else _cause(chain, status, said)
        if cause in {Cause.NETWORK, Cause.PROTOCOL}:
            status = None
        words = words if status is None else f"HTTP {status}: {words}"
        told = headers if isinstance(headers, Mapping) else {}
        failed = fault(cause, shown(words, self._redact), status, told, said)
        if cause is Cause.NETWORK and _is_unsent(chain):
            failed.usage = Usage.total(())
        failed.not_there = failed.not_there or any(isinstance(part, ConnectionRefusedError) for part in chain)
        return failed

    async def close(self) -> None:
        """Closes litellm's clients, which all its models in this process share, once the last of them is closed."""
        was_open = id(self) in _OPEN
        _OPEN.discard(id(self))
        if not was_open or _OPEN or "litellm" not in sys.modules:
            return
        import litellm
        from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

        with contextlib.suppress(TimeoutError):  # what runs in the background ends first; a later use begins anew
            await asyncio.wait_for(GLOBAL_LOGGING_WORKER.flush(), 1.0)
        await GLOBAL_LOGGING_WORKER.stop()
        await litellm.close_litellm_async_clients()
        litellm.in_memory_llm_clients_cache.flush_cache()


def not_taken(spec: ModelSpec) -> dict[str, str]:
    """The sampling settings that the model does not take as they are, each with litellm's reason; imports litellm."""
    litellm = _litellm()
    found: dict[str, str] = {}
    for name, value in spec.sampling.items():
        try:
            model, provider, _, _ = litellm.get_llm_provider(spec.model, api_base=spec.base_url)
            litellm.utils.get_optional_params(model=model, custom_llm_provider=provider, **{name: value})
        except litellm.UnsupportedParamsError as error:
            said = str(error).partition(". To drop")[0].removeprefix("litellm.UnsupportedParamsError: ")
            found[name] = " ".join(said.split())
        except Exception:  # noqa: BLE001, S112
            continue  # only that one complaint is looked for; anything else shows itself with the first request
    return found


_PREFIX = re.compile(r"\A(?:(?:litellm\.)?\w*(?:Error|Exception)(?::| -)\s*)+")
"""litellm's own class names before a provider's words; they mislead."""
_OPEN: set[int] = set()  # the models that may still call


def _cause(chain: list[BaseException], status: int | None, text: str) -> Cause:
    """What a failure inside litellm means: by what lies at its bottom, for litellm calls most of them status 500."""
    import aiohttp
    import httpx

    def holds(*kinds: type[BaseException]) -> bool:
        return any(isinstance(part, kinds) for part in chain)

    if holds(httpx.HTTPStatusError):
        return cause_of(status or 500, text)
    if holds(TimeoutError, httpx.TimeoutException):
        return Cause.TIMEOUT
    if holds(OSError, aiohttp.ClientError, httpx.TransportError):
        return Cause.NETWORK
    if holds(ImportError):
        return Cause.REQUEST  # a provider's own package is missing: trying again does not install it
    unread = holds(json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError)
    if unread or "'choices'" in text:
        return Cause.PROTOCOL
    if status == 200:  # an error within an answer
        code = re.search(r"['\"]code['\"]: ?['\"]?([45]\d\d)\b", text)
        return cause_of(int(code[1]) if code else None, text)
    return cause_of(status, text) if status is not None else Cause.INTERNAL


def _is_unsent(chain: list[BaseException]) -> bool:
    """Whether there was no connection, so that nothing was sent."""
    import aiohttp
    import httpx

    unsent = (ConnectionRefusedError, socket.gaierror, aiohttp.ClientConnectorError, httpx.ConnectError)
    return any(isinstance(part, unsent) for part in chain)


@cache
def _litellm() -> Any:
    """The package, kept quiet and at home."""
    if "litellm" not in sys.modules:
        os.environ.update(_AT_HOME)
    import litellm

    from harness.model.litellm_http import keep

    keep()
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return litellm

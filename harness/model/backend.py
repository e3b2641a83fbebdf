"""What every model is, what a backend says of itself before any is opened, and which backends there are."""

# ruff: noqa: ARG002 - what a subclass may look at stands in the signature

import importlib.util
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.adapter import Adapter
from harness.core import Message, ModelSpec, Registry, Reply, Request, UsageError, as_json, digest_json, install_line
from harness.model.entry import ModelEntry, is_loopback
from harness.model.faults import Redact


class Model(Protocol):
    """One model behind one backend; messages are in OpenAI's chat shape, tool calls included.

    ``request.sampling`` is complete: a backend adds nothing of ``spec.sampling`` to it.
    """

    @property
    def spec(self) -> ModelSpec:
        """What was opened."""

    async def prepare(self, adapters: Sequence[Path] = ()) -> None:
        """Whatever must be right before the first request: weights, keys, adapters. Raises UsageError."""

    async def answer(self, request: Request) -> Reply:
        """One try; any number may run at once. Raises ModelError, by a cause of ``FAULTS``, and nothing else."""

    async def close(self) -> None:
        """Gives back connections and memory. The model is not used afterwards; closing twice does no harm."""


Ask = Callable[[Request], Awaitable[Reply]]
"""Asks the model within its limits, on the run's account; an answer on record is taken from there."""


@runtime_checkable
class Probing(Protocol):
    """A model that can look, before a run, whether its adapters are applied."""

    @property
    def spec(self) -> ModelSpec:
        """As of a model."""

    @property
    def holds_adapters(self) -> bool:
        """Whether it was prepared with any, or is asked for some."""

    async def probe_adapters(self, prompts: Sequence[Sequence[Message]], ask: Ask) -> tuple[str, ...]:
        """What a reader must know (``model NAME: …``). Raises OwnbenchError: names an adapter that changes nothing."""


Lookup = Callable[[str], Reply | None]  # from a request's digest to the recorded reply; the store gives it


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a backend may use to open a model."""

    redact: Redact  # takes secrets out of texts; a backend adds the key that it reads itself
    environment: Mapping[str, str]  # where a key is read, by the name in ``spec.api_key_env`` only
    lookup: Lookup | None = None  # recorded replies by the request's digest


class Backend:
    """One way to call models. A subclass says what differs from what stands here, and how a model is opened."""

    name: str
    entry: type[ModelEntry] = ModelEntry  # the keys of a model in an experiment; a key without a default is needed
    packages: tuple[str, ...] = ()
    extra: str = ""  # the extra of this distribution that brings the packages
    remote: bool = False  # whether requests go through the network, so that they take connections and no memory
    timed: bool = False  # whether the caller counts the machine's time, that of the requests in flight, in any case
    owned: bool | None = None  # the model is the user's own (True) or rented (False), where its price does not say
    recorded: bool = False  # whether answers were made, and paid for, in an earlier run
    named: bool = True
    """Whether ``model`` is a name that others know; else it is a place on this machine, and no report repeats it."""
    booked: bool = False  # whether the price book knows its models
    greedy: bool = False  # whether it takes the likeliest token where its sampling names no temperature
    always_logprobs: bool = False  # whether log-probabilities cost nothing, so that they are asked for in any case
    changing: tuple[str, ...] = ("dtype", "reasoning", "tools")
    """Options that can change an answer, and are part of the model's identity."""
    can: frozenset[str] = frozenset()  # capabilities, as far as the backend says; the words are in `entry`

    def open(self, spec: ModelSpec, given: Opening) -> Model:
        """The model of a spec. Sends nothing and loads no weights; ``prepare`` does. May raise UsageError."""
        raise NotImplementedError

    def capabilities(self, spec: ModelSpec) -> frozenset[str]:
        """What the model can do, as far as can be said before it is opened."""
        return self.can - {"tools"} if spec.options.get("tools") is False else self.can

    def content(self, spec: ModelSpec) -> tuple[str, str]:
        """Digests of weights and chat template, where they are on this machine; or raises UserFileError."""
        return "", ""

    def wrong_setting(self, spec: ModelSpec) -> tuple[str, str] | None:
        """The first key whose value the backend does not take, and what is wrong with it."""
        return None

    def check_adapter(self, spec: ModelSpec, adapter: Adapter) -> None:
        """Returns where the adapter fits, as far as can be said before it is opened; else raises UserFileError."""

    def usual_keys(self, spec: ModelSpec) -> tuple[str, ...]:
        """Environment variables of which one is needed where ``api_key_env`` names none."""
        return ()

    def read_keys(self, spec: ModelSpec, environment: Mapping[str, str]) -> tuple[str, ...]:
        """Environment variables that may be read as a key where ``api_key_env`` names none."""
        return ()

    def secrets(self, spec: ModelSpec, environment: Mapping[str, str]) -> tuple[str, ...]:
        """The values of the environment that are this model's keys, so that they can be kept out of every text."""
        return tuple(value for value in [environment.get(spec.api_key_env or "", "")] if value)

    def notes(self, spec: ModelSpec) -> tuple[str, ...]:
        """What a reader of this model's results must know."""
        return ()

    def adapter_notes(self, spec: ModelSpec, adapters: Sequence[Path]) -> tuple[str, ...] | None:
        """What is known of a model's adapters without asking it; ``None`` where it is not asked for any."""
        return None

    def tunes(self, spec: ModelSpec) -> bool:
        """Whether what the model is asked with makes it a tuned one."""
        return False

    def check_offline(self, spec: ModelSpec) -> None:
        """Returns where no request leaves this machine, else raises UsageError; without an address it does."""
        if self.remote and not (spec.base_url and is_loopback(spec.base_url)):
            raise UsageError(
                f"model {spec.name!r}: --offline allows only servers on this machine, and this model is at"
                f" {spec.base_url or f'the provider of {spec.model}'}; leave --offline out, or serve the model here"
            )

    def missing(self) -> tuple[str, ...]:
        """Packages that it needs and does not find."""
        return tuple(package for package in self.packages if importlib.util.find_spec(package) is None)

    def missing_package(self, spec: ModelSpec) -> str | None:
        """A sentence that names the first of them, else ``None``."""
        if not (missing := self.missing()):
            return None
        return f"model {spec.name!r}: backend {self.name} needs the package {missing[0]}; {self.remedy(missing)}"

    def remedy(self, missing: Sequence[str]) -> str:
        """The command that brings packages which are missing; nothing where none is."""
        return "" if not missing else install_line(self.extra) if self.extra else f"pip install {' '.join(missing)}"


BACKENDS: Registry[Backend] = Registry(
    "backend", "harness.model.backends", lambda value: isinstance(value, Backend), group="ownbench.backends"
)


def backend_of(spec: ModelSpec) -> Backend:
    """The backend of a model. Raises UsageError: there is none of that name, or it is broken."""
    if (why := BACKENDS.refusal(spec.backend)) is not None:
        raise UsageError(f"model {spec.name!r}: {why}")
    return BACKENDS[spec.backend]


def open_model(
    spec: ModelSpec,
    *,
    redact: Redact,
    environment: Mapping[str, str],
    offline: bool = False,
    lookup: Lookup | None = None,
) -> Model:
    """The model that a spec names; sends nothing and loads no weights. Raises UsageError: why it cannot be opened."""
    backend = backend_of(spec)
    if (missing := backend.missing_package(spec)) is not None:
        raise UsageError(missing)
    if offline:
        backend.check_offline(spec)
    if (missing := missing_key(spec, environment)) is not None:
        raise UsageError(missing)
    return backend.open(spec, Opening(redact=redact, environment=environment, lookup=lookup))


def identified(spec: ModelSpec) -> ModelSpec:
    """The spec with its digest: of all that can change an answer, not of where it is served. Raises UserFileError."""
    backend = backend_of(spec)
    weights, template = backend.content(spec)
    named = spec.model if backend.named else ""
    changing = {key: value for key, value in spec.options.items() if key in backend.changing}
    parts = [spec.backend, named, spec.revision, weights, template, as_json(spec.sampling), as_json(changing)]
    return replace(spec, digest=digest_json(parts), template_digest=template)


def missing_key(spec: ModelSpec, environment: Mapping[str, str]) -> str | None:
    """A sentence that names the environment variable whose key this model lacks or cannot send, else ``None``."""
    backend, name = backend_of(spec), spec.api_key_env
    usual = (name,) if name else backend.usual_keys(spec)
    if usual and not any(environment.get(variable, "").strip() for variable in usual):
        return f"model {spec.name}: the environment variable {usual[0]} is not set; set it to the key"
    for variable in [name] if name else backend.read_keys(spec, environment):
        key = environment[variable].strip() if name else environment[variable]  # another's code sends it as it is
        if not (key.isascii() and key.isprintable()):
            what = "a line break" if "\n" in key or "\r" in key else "a character that no key has"
            return f"model {spec.name}: the environment variable {variable} holds {what}; set it to the key alone"
    return None

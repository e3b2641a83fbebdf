"""What a backend says of itself before any of its models is opened. It imports nothing heavy."""

# ruff: noqa: ARG002 - what a subclass may look at stands in the signature

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.adapter import Adapter
from harness.core import ModelSpec, Reply, install_line
from harness.model.address import refuse_remote
from harness.model.entry import ModelEntry
from harness.model.faults import Redact
from harness.model.protocol import Model

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
    owned: bool | None = None
    """Whether the model is the user's own (True) or rented (False), where its price does not say."""
    recorded: bool = False  # whether answers were made, and paid for, in an earlier run
    named: bool = True
    """Whether ``model`` is a name that others know; else it is a place on this machine, and no report repeats it."""
    booked: bool = False  # whether the price book knows its models
    always_logprobs: bool = False  # whether log-probabilities cost nothing, so that they are asked for in any case
    changing: tuple[str, ...] = ("dtype", "reasoning", "tools")
    """Options that can change an answer, and are part of the model's identity."""
    instead: str = ""  # of a backend that this version knows and cannot call: why, and what to write instead
    can: frozenset[str] = frozenset()
    """Capabilities, as far as the backend says; the words are in `harness.model.protocol`."""

    def open(self, spec: ModelSpec, given: Opening) -> Model:
        """The model of a spec. Sends nothing and loads no weights; ``prepare`` does.

        Raises:
            UsageError: the spec cannot be used.
        """
        raise NotImplementedError

    def capabilities(self, spec: ModelSpec) -> frozenset[str]:
        """What the model can do, as far as can be said before it is opened."""
        return self.can - {"tools"} if spec.options.get("tools") is False else self.can

    def content(self, spec: ModelSpec) -> tuple[str, str]:
        """Digests of the model's weights and of its chat template, where they are on this machine.

        Raises:
            UserFileError: its files lack what a model needs.
        """
        return "", ""

    def wrong_setting(self, spec: ModelSpec) -> tuple[str, str] | None:
        """The first key whose value the backend does not take, and what is wrong with it."""
        return None

    def check_adapter(self, spec: ModelSpec, adapter: Adapter) -> None:
        """Returns where the adapter fits the model, as far as can be said before it is opened.

        Raises:
            UserFileError: it does not.
        """

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

    def check_offline(self, spec: ModelSpec) -> None:
        """Returns where no request leaves this machine.

        Raises:
            UsageError: one would.
        """
        if self.remote:
            refuse_remote(spec)

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

"""What every backend is: something that answers one request once, or says by which cause it could not."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.core import Message, ModelSpec, Reply, Request

TOOLS = "tools"  # the model can be given tools to call
LOGPROBS = "logprobs"  # replies carry signals when the request asks for log-probabilities
ADAPTERS = "adapters"  # one model answers with any of several adapters, chosen by the request
TOOL_ROLE = "tool_role"  # messages of the role ``tool`` are understood; else tool results stand in a user's message
RESPONSE_FORMAT = "response_format"  # an answer can be held to JSON, or to a JSON schema
CAPABILITIES = frozenset({TOOLS, LOGPROBS, ADAPTERS, TOOL_ROLE, RESPONSE_FORMAT})


class Model(Protocol):
    """One model behind one backend.

    Messages are in OpenAI's chat shape, tool calls included (`assistant_message` writes them so).
    ``request.sampling`` is complete: a backend adds nothing of ``spec.sampling`` to it.
    """

    @property
    def spec(self) -> ModelSpec:
        """What was opened."""

    async def prepare(self, adapters: Sequence[Path] = ()) -> None:
        """Whatever must be right before the first request: weights loaded, keys present, adapters known.

        Raises UsageError: something that the user has to fix; nothing was spent.
        """

    async def answer(self, request: Request) -> Reply:
        """One try. Any number of these may run at once; waiting and trying again are `Caller`'s.

        Raises ModelError: with one of the causes in ``core.errors.FAULTS``. Nothing else but a cancellation.
        """

    async def close(self) -> None:
        """Gives back connections and memory. The model is not used afterwards; closing twice does no harm."""


Ask = Callable[[Request], Awaitable[Reply]]
"""Asks the model within its limits, on the run's account; an answer on record is taken from there."""


@runtime_checkable
class Probing(Protocol):
    """A model that can look, before a run, whether its adapters are applied."""

    @property
    def holds_adapters(self) -> bool:
        """Whether it was prepared with any, or is asked for some."""

    async def probe_adapters(self, prompts: Sequence[Sequence[Message]], ask: Ask) -> tuple[str, ...]:
        """What a reader must know (``model NAME: …``). Raises OwnbenchError: names an adapter that changes nothing."""

"""A model in memory that all workers of a run share: an actor holds it with its adapters, and they ask it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core import Cause, Message, ModelError, ModelSpec, OwnbenchError, Reply, Request, UsageError
from harness.model import Model, Probing, open_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A `ModelError`, or another one for a person, as data."""

    text: str
    cause: Cause | None = None  # ``None``: it is no model's


class Holder:
    """The actor. It opens the model where it runs, and sends nothing."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._model: Model | None = None

    async def prepare(self, adapters: Sequence[Path]) -> Failed | None:
        """Loads it."""
        try:
            if self._model is None:
                self._model = open_model(self._spec, redact=str, environment={})
            await self._model.prepare(adapters)
        except OwnbenchError as error:
            return Failed(text=str(error))
        except Exception as error:  # noqa: BLE001 - whatever a library raises
            return Failed(text=f"model {self._spec.name!r}: {type(error).__name__}: {' '.join(str(error).split())}")
        return None

    async def holds_adapters(self) -> bool:
        """Whether it was prepared with any."""
        model: object = self._model
        return isinstance(model, Probing) and model.holds_adapters

    async def probe(self, prompts: Sequence[Sequence[Message]]) -> tuple[str, ...] | Failed:
        """What a reader must know of its adapters."""
        model: Any = self._model
        try:
            found: tuple[str, ...] = await model.probe_adapters(prompts, model.answer)
        except OwnbenchError as error:
            return Failed(text=str(error))
        return found

    async def answer(self, request: Request) -> Reply | Failed:
        """One try."""
        assert self._model is not None  # noqa: S101 - it is prepared before
        try:
            return await self._model.answer(request)
        except ModelError as error:
            return Failed(text=str(error), cause=error.cause)


class HeldModel:
    """A model that an actor holds, behind the protocol `Model`."""

    def __init__(self, spec: ModelSpec, actor: Any) -> None:
        self.spec, self._actor = spec, actor
        self._holds = False

    async def prepare(self, adapters: Sequence[Path] = ()) -> None:
        """Loads it where it is held. Raises UsageError."""
        failed = await self._asked(self._actor.prepare.remote([path.resolve() for path in adapters]))
        if failed is not None:
            raise UsageError(failed.text)
        self._holds = await self._asked(self._actor.holds_adapters.remote())

    @property
    def holds_adapters(self) -> bool:
        """Whether it was prepared with any."""
        return self._holds

    async def probe_adapters(self, prompts: Sequence[Sequence[Message]], ask: Any = None) -> tuple[str, ...]:  # noqa: ARG002
        """As the model's own."""
        found = await self._asked(self._actor.probe.remote(prompts))
        if isinstance(found, Failed):
            raise UsageError(found.text)
        notes: tuple[str, ...] = found
        return notes

    async def answer(self, request: Request) -> Reply:
        """One try. Raises ModelError."""
        found = await self._asked(self._actor.answer.remote(request))
        if isinstance(found, Failed):
            raise ModelError(found.cause or Cause.INTERNAL, found.text)
        reply: Reply = found
        return reply

    async def close(self) -> None:
        """The driver ends the actor."""

    async def _asked(self, reference: Any) -> Any:
        import ray

        try:
            return await asyncio.wrap_future(reference.future())
        except asyncio.CancelledError:
            ray.cancel(reference)
            raise
        except ray.exceptions.RayError:
            error = ModelError(Cause.INTERNAL, f"the process that held the model {self.spec.name} has ended")
            error.not_yet = True  # the work is still to be done
            raise error from None

"""What each try of a call used, failed ones included: tokens that a rejected reply states, and a machine's time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from harness.core import UNBILLED, Clock, ModelError, ModelSpec, Reply, Request, Usage
from harness.cost import BusyTime
from harness.model.protocol import Model
from harness.model.registry import backend_of


class Metered:
    """A model whose replies say what their try used, and which remembers what failed tries used."""

    def __init__(self, model: Model, clock: Clock, busy: BusyTime | None = None) -> None:
        """``busy``: of the machine that is paid by the hour, which several models may share; ``None``: it is not."""
        self._model, self._clock, self._busy = model, clock, busy
        self._lost: dict[int, list[Usage]] = {}

    @property
    def spec(self) -> ModelSpec:
        """The model's."""
        return self._model.spec

    @property
    def capabilities(self) -> frozenset[str]:
        """The model's."""
        return self._model.capabilities

    async def prepare(self, adapters: Sequence[Path] = ()) -> None:
        """As the model does."""
        await self._model.prepare(adapters)

    async def answer(self, request: Request) -> Reply:
        """One try of the model's, the machine's time in its usage."""
        entered = self._busy.enter(self._clock.monotonic()) if self._busy else 0.0
        try:
            reply = await self._model.answer(request)
        except BaseException as error:
            usage = error.usage if isinstance(error, ModelError) else None
            free = usage is None and isinstance(error, ModelError) and error.cause in UNBILLED
            if self._busy or not free:
                self._lost.setdefault(id(request), []).append(self._timed(usage or Usage(), entered))
            raise
        return replace(reply, usage=self._timed(reply.usage, entered)) if self._busy else reply

    def lost(self, request: Request) -> tuple[Usage, ...]:
        """What the failed tries of this request used, as far as they may have cost something; told once."""
        return tuple(self._lost.pop(id(request), ()))

    async def close(self) -> None:
        """As the model does."""
        await self._model.close()

    def _timed(self, usage: Usage, entered: float) -> Usage:
        if self._busy is None:
            return usage
        return replace(usage, gpu_seconds=self._busy.leave(self._clock.monotonic(), entered))


def metered(models: Mapping[str, Model], clock: Clock) -> dict[str, Metered]:
    """The models, those metered by time that are served and paid by the hour; behind one address is one machine."""
    machines: dict[str, BusyTime] = {}

    def busy(spec: ModelSpec) -> BusyTime | None:
        if not backend_of(spec).remote or spec.price is None or spec.price.gpu_hour is None:
            return None
        return machines.setdefault(urlsplit(spec.base_url or "").netloc.lower() or spec.name, BusyTime())

    return {name: Metered(model, clock, busy(model.spec)) for name, model in models.items()}


def with_lost(usage: Usage, lost: Iterable[Usage]) -> Usage:
    """What an answer used, with what its failed tries are known to have used before it."""
    before = list(lost)
    total = Usage.total([*(one for one in before if one.source != "unknown"), usage])
    if usage.gpu_seconds is None:
        return replace(total, gpu_seconds=None)
    return replace(total, gpu_seconds=usage.gpu_seconds + sum(one.gpu_seconds or 0.0 for one in before))

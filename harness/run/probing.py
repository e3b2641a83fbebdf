"""Before the first attempt: every model shows that it applies its adapters."""

from collections.abc import Callable, Mapping, Sequence

from harness.core import Cause, Message, ModelError, OwnbenchError, Reply, Request, Role
from harness.model import Model, Probing
from harness.run.session import Account, Asked, Shop
from harness.run.trace import Trace


async def probe_all(
    shop: Shop, prompts: Sequence[tuple[Message, ...]], models: Mapping[str, Model], tell: Callable[[str], None]
) -> dict[str, tuple[str, ...]]:
    """What a reader must know of the adapters, by model, after a look at how it answers these prompts.

    A probe of a served model is a call like any other: it keeps to the limits and the budget, and is in the journal. So
    a run that goes on asks none again. Where what is on record shows an adapter left out, the server is asked again.

    Raises:
        OwnbenchError: names a model and the adapter that it does not apply.
    """
    notes: dict[str, tuple[str, ...]] = {}
    for name, model in models.items():
        if isinstance(model, Probing) and model.holds_adapters:
            tell(f"probing the adapters of {name}")
            record = _Record(shop, name)
            try:
                notes[name] = await model.probe_adapters(prompts, record.ask)
            except OwnbenchError:
                if not record.used:
                    raise
                notes[name] = await model.probe_adapters(prompts, record.ask_again)
    return notes


class _Record:
    """Asks one model, and knows whether an answer came from the journal."""

    def __init__(self, shop: Shop, model: str) -> None:
        self._shop, self._model, self.used = shop, model, False

    async def ask(self, request: Request) -> Reply:
        """The answer on record, else the model's.

        Raises:
            ModelError: it gave none, or the budget is spent.
        """
        if request.digest in self._shop.replies:
            self.used = True
            return self._shop.replies[request.digest]
        return await self.ask_again(request)

    async def ask_again(self, request: Request) -> Reply:
        """The model's answer, written to the journal.

        Raises:
            ModelError: as `ask`.
        """
        if (over := self._shop.meter.exhausted(self._shop.clock.monotonic())) is not None:
            raise ModelError(Cause.TOO_DEAR, over)
        asked = Asked(model=self._model, request=request, digest=request.digest, role=Role.PROBE)
        return await Account(self._shop, Trace()).made(asked)

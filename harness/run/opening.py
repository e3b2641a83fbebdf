"""Opens what attempts call: models, room for their connections, and a look at whether they apply their adapters."""

import asyncio
import os
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from harness.core import (
    Cause,
    Message,
    ModelError,
    OwnbenchError,
    Redactor,
    Reply,
    Request,
    Role,
    SystemClock,
    UsageError,
    UserFileError,
)
from harness.cost import Meter
from harness.experiment import Assembled, shared_identities
from harness.model import Caller, Limits, Model, Probing, backend_of, machines, missing_key, open_model
from harness.run.session import Account, Asked, Shop
from harness.run.stopping import Patience
from harness.run.trace import Trace
from harness.store import Journal, Recalled, experiment_file, recorded_replies

OTHER_FILES = 128  # files that a run holds besides its connections, amply


def redactor_of(assembled: Assembled) -> Redactor:
    """What takes every model's secrets out of a text."""
    specs = assembled.specs.values()
    return Redactor(tuple(secret for spec in specs for secret in backend_of(spec).secrets(spec, os.environ)))


def open_models(assembled: Assembled, names: Iterable[str], *, offline: bool) -> dict[str, Model]:
    """The models of these names, with nothing sent and nothing loaded.

    Raises:
        UsageError: a key or a package is missing.
    """
    opened, redact = {}, redactor_of(assembled)
    for name in sorted(names):
        spec = assembled.specs[name]
        if (missing := missing_key(spec, os.environ)) is not None:
            raise UsageError(missing)
        lookup = recorded_replies(Path(spec.options["report"])).get if backend_of(spec).recorded else None
        opened[name] = open_model(spec, redact=redact, environment=os.environ, offline=offline, lookup=lookup)
    return opened


def open_shop(
    assembled: Assembled, journal: Journal, recorded: Recalled, models: Mapping[str, Model], meter: Meter
) -> Shop:
    """What the attempts of a run share, with the answers and the spending that are on record."""
    experiment = assembled.experiment
    limits = Limits(**experiment.limits.model_dump())
    patience, redact = Patience(SystemClock()), redactor_of(assembled)
    busy = machines({name: model.spec for name, model in models.items()})
    return Shop(
        assembled=assembled,
        callers={
            name: Caller(model, limits, patience, experiment.seed, redact=redact, busy=busy[name])
            for name, model in models.items()
        },
        journal=journal,
        replies=ChainMap({}, recorded.replies),  # type: ignore[arg-type]
        shared=shared_identities(assembled.systems),
        meter=meter,
        redact=redact,
        clock=patience,
        holds_earlier=bool(recorded.renamed) or any(o.prompt_digest is None for o in recorded.attempts.values()),
    )


def fast_loop() -> asyncio.AbstractEventLoop:
    """The event loop of uvloop where it is installed: thousands of calls a second cost half the time on it."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def make_room(assembled: Assembled, attempts: int) -> None:
    """Raises this process's own limit of open files as far as it may, for each remote model a connection for each call.

    Raises:
        UserFileError: not even one model can have them; names the limit. A call with none would look like an error.
    """
    models = sum(backend_of(spec).remote for spec in assembled.specs.values())
    calls = min(assembled.experiment.limits.concurrency, attempts)
    try:
        import resource
    except ImportError:  # not on this system
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = calls * models + OTHER_FILES
    if not models or soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # the system's own limit lies below what it says
        most = soft
    if most < calls + OTHER_FILES:
        problem = f"{calls:,} calls at once need as many open files, and this process may open {most:,}"
        advice = f"lower it to {max(1, most - OTHER_FILES):,}, or raise the limit (ulimit -n)"
        raise UserFileError(experiment_file(assembled.report), problem, field="limits.concurrency", advice=advice)


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
            probe = _Probe(shop, name)
            try:
                notes[name] = await model.probe_adapters(prompts, probe.ask)
            except OwnbenchError:
                if not probe.used:
                    raise
                notes[name] = await model.probe_adapters(prompts, probe.ask_again)
    return notes


class _Probe:
    """Asks one model, and knows whether an answer came from the journal."""

    def __init__(self, shop: Shop, model: str) -> None:
        self._shop, self._model, self.used = shop, model, False

    async def ask(self, request: Request) -> Reply:
        if (reply := self._shop.replies.get(request.digest)) is not None:
            self.used = True
            return reply
        return await self.ask_again(request)

    async def ask_again(self, request: Request) -> Reply:
        if (over := self._shop.meter.exhausted(self._shop.clock.monotonic())) is not None:
            raise ModelError(Cause.TOO_DEAR, over)
        return await Account(self._shop, Trace()).made(Asked(self._model, request, request.digest, Role.PROBE))

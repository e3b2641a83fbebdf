"""Opens what attempts call: models, room for their connections, a look at whether they apply their adapters, pings."""

import asyncio
import os
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.core import (
    Cause,
    Clock,
    Message,
    ModelError,
    OwnbenchError,
    Redactor,
    Reply,
    Request,
    Role,
    UserFileError,
)
from harness.cost import Meter, charge
from harness.experiment import Assembled, shared_identities
from harness.model import Caller, Limits, Model, Probing, backend_of, machines, open_model
from harness.run.session import Account, Asked, Shop, meter_of
from harness.run.stopping import Patience
from harness.run.trace import Trace
from harness.store import Journal, Recalled, experiment_file, recorded_replies

OTHER_FILES = 128  # files that a run holds besides its connections, amply
QUESTION = "Answer with the one word: ok"
TOKENS = 16  # the longest answer that is asked for by a ping
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_REASONING = {"thinking", "reasoning", "reasoning_effort"}  # with which a short limit is refused, or leaves no answer


def redactor_of(assembled: Assembled) -> Redactor:
    """What takes every model's secrets out of a text."""
    specs = assembled.specs.values()
    return Redactor(tuple(secret for spec in specs for secret in backend_of(spec).secrets(spec, os.environ)))


def open_models(assembled: Assembled, names: Iterable[str], *, offline: bool) -> dict[str, Model]:
    """The models of these names, with nothing sent and nothing loaded.

    Raises UsageError: a key or a package is missing.
    """
    opened, redact = {}, redactor_of(assembled)
    for name in sorted(names):
        spec = assembled.specs[name]
        lookup = recorded_replies(Path(spec.options["report"])).get if backend_of(spec).recorded else None
        opened[name] = open_model(spec, redact=redact, environment=os.environ, offline=offline, lookup=lookup)
    return opened


def open_shop(
    assembled: Assembled, journal: Journal, recorded: Recalled, models: Mapping[str, Model], meter: Meter
) -> Shop:
    """What the attempts of a run share, with the answers and the spending that are on record."""
    limits, seed = Limits(**assembled.experiment.limits.model_dump()), assembled.experiment.seed
    patience, redact = Patience(), redactor_of(assembled)
    busy = machines({name: model.spec for name, model in models.items()})
    return Shop(
        assembled=assembled,
        callers={n: Caller(m, limits, patience, seed, redact=redact, busy=busy[n]) for n, m in models.items()},
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

    Raises UserFileError: not even one model can have them. A call with none would look like an error.
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
    Raises OwnbenchError: names a model and the adapter that it does not apply.
    """
    notes, used = dict[str, tuple[str, ...]](), set[str]()

    async def ask(name: str, request: Request) -> Reply:
        if (over := shop.meter.exhausted(shop.clock.monotonic())) is not None:
            raise ModelError(Cause.TOO_DEAR, over)
        return await Account(shop, Trace()).made(Asked(name, request, request.digest, Role.PROBE))

    async def recall(name: str, request: Request) -> Reply:
        if (reply := shop.replies.get(request.digest)) is not None:
            used.add(name)
        return reply or await ask(name, request)

    for name, model in models.items():
        if isinstance(model, Probing) and model.holds_adapters:
            tell(f"probing the adapters of {name}")
            try:
                notes[name] = await model.probe_adapters(prompts, partial(recall, name))
            except OwnbenchError:
                if name not in used:
                    raise
                notes[name] = await model.probe_adapters(prompts, partial(ask, name))
    return notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """How one model answered one short call."""

    model: str
    ok: bool
    problem: str = ""  # why it did not, in one line; or why it was not asked
    seconds: float | None = None
    usd: float | None = None  # what the call cost; ``None`` where that is not known


def ping(assembled: Assembled, *, offline: bool = False) -> tuple[Ping, ...]:
    """Calls each model of the experiment once, as its first contender would, within the experiment's limits and budget.

    A call that fails is retried as in a run, and ends within ``limits.timeout_s`` after the model is loaded. Nothing is
    written.
    """

    async def ping_all() -> tuple[Ping, ...]:
        asked = partial(_pinged, assembled, offline=offline)
        remote = [name for name, spec in assembled.specs.items() if backend_of(spec).remote]
        found = dict(zip(remote, await asyncio.gather(*map(asked, remote)), strict=True))
        for name in [name for name in assembled.specs if name not in found]:  # in turn: each may fill the machine
            found[name] = await asked(name)
        return tuple(found[name] for name in assembled.specs)

    return asyncio.run(ping_all())


async def _pinged(assembled: Assembled, name: str, *, offline: bool) -> Ping:
    spec, limits, redact = assembled.specs[name], assembled.experiment.limits, redactor_of(assembled)
    if backend_of(spec).recorded:
        return Ping(model=name, ok=True, problem="not asked: its answers are recorded ones", usd=0.0)
    if (spent := meter_of(assembled).exhausted(0.0)) is not None:
        return Ping(model=name, ok=False, problem=f"not asked: {spent}")
    model: Model | None = None
    try:
        model = open_models(assembled, [name], offline=offline)[name]
        await model.prepare(assembled.adapters.get(name, ()))
        once = Limits(concurrency=1, timeout_s=limits.timeout_s, tries=limits.tries, wall_s=limits.timeout_s)
        caller, request, clock = Caller(model, once, redact=redact), _question(assembled, name), Clock()
        given = [key for key in _LIMITS if key in request.sampling]
        brief = {key: min(int(request.sampling.get(key, TOKENS)), TOKENS) for key in given or ["max_tokens"]}
        brief = {} if _REASONING & set(request.sampling) else brief
        started = clock.monotonic()
        try:
            reply, _ = await caller.call(replace(request, sampling={**request.sampling, **brief}))
        except ModelError as error:
            if error.cause is not Cause.REQUEST or given:
                raise
            reply, _ = await caller.call(request)  # some models know no limit by that name
        return Ping(model=name, ok=True, seconds=clock.monotonic() - started, usd=charge(reply.usage, spec.price).usd)
    except (OwnbenchError, OSError) as error:
        return Ping(model=name, ok=False, problem=" ".join(redact(str(error)).split()))
    finally:
        if model is not None:
            await model.close()


def _question(assembled: Assembled, name: str) -> Request:
    """The question, with all else as a contender asks the model; a judge is asked with its own settings."""
    suite, messages = assembled.suites[0], ({"role": "user", "content": QUESTION},)
    for by_suite in assembled.systems.values():
        for model, request in by_suite[suite.name].calls(suite.tasks[0])[1]:
            if model == name:
                return replace(request, messages=messages, scope="ping")
    spec = assembled.specs[name]
    return Request(model=spec.digest, messages=messages, sampling=spec.sampling, scope="ping")

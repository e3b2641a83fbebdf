"""Opens what attempts call: models, room for their connections, a look at whether they apply their adapters, pings."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.core import Cause, Message, ModelError, OwnbenchError, Reply, Request, Role, UserFileError
from harness.cost import charge
from harness.experiment import Assembled, base_beside, is_looked_at
from harness.model import (
    ANSWER_LIMITS,
    REASONING,
    Caller,
    Limits,
    Model,
    Probing,
    backend_of,
    open_model,
    probe_alone,
    probe_tuned,
)
from harness.run.promised import Promised
from harness.run.secrets import redactor_of
from harness.run.session import Asked, AttemptSession, Shop
from harness.run.spent import meter_of
from harness.run.stopping import Unsent
from harness.store import experiment_file, recorded_replies

BOX_FILES = 24  # of a box while it starts or runs a command
OTHER_FILES = 128  # files that a run holds besides its connections, amply
QUESTION = "Answer with the one word: ok"
FURTHER = 16  # prompts at most where a server's log-probabilities tell nothing
_AskBy = Callable[[str, Request], Awaitable[Reply]]  # a model by its name
_Prompts = Sequence[Sequence[Message]]
PROBE_WAITS_S = (15.0, 20.0, 30.0)  # together they outlast a limit of requests a minute that says nothing of its end
TOKENS = 16  # the longest answer that is asked for by a ping


def open_models(assembled: Assembled, names: Iterable[str], *, offline: bool) -> dict[str, Model]:
    """The models of these names; nothing is sent or loaded. Raises UsageError: a key or a package is missing."""
    opened, redact = {}, redactor_of(assembled)
    for name in sorted(names):
        spec = assembled.specs[name]
        lookup = recorded_replies(Path(spec.options["report"])).get if backend_of(spec).recorded else None
        opened[name] = open_model(spec, redact=redact, environment=os.environ, offline=offline, lookup=lookup)
    return opened


async def prepare(assembled: Assembled, model: Model) -> None:
    """Prepares a model with its adapters. Raises UserFileError: it cannot be, told of the experiment's own file."""
    try:
        await model.prepare(assembled.adapters.get(model.spec.name, ()))
    except UserFileError as error:  # a model knows no report, and names its own entry
        if error.path != "experiment.yaml":
            raise
        raise UserFileError(
            experiment_file(assembled.report), error.problem, field=error.field, advice=error.advice
        ) from None


def refuse_unopened(assembled: Assembled, *, offline: bool) -> None:
    """Raises UsageError where a model cannot be opened: a key or a package is missing. Nothing is sent or loaded."""

    async def closed() -> None:
        for model in open_models(assembled, assembled.specs, offline=offline).values():
            await model.close()

    asyncio.run(closed())


def warm_up() -> None:
    """Loads what calls over a network need."""
    with suppress(ImportError):
        import httptools  # noqa: F401
        import uvloop  # noqa: F401


def fast_loop() -> asyncio.AbstractEventLoop:
    """The event loop of uvloop where it is installed: thousands of calls a second cost half the time on it."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def make_room(assembled: Assembled, attempts: int) -> None:
    """Raises this process's limit of open files, for a connection to each call, and boxes.

    Raises UserFileError: it cannot be raised enough for the calls.
    """
    models = sum(backend_of(spec).remote for spec in assembled.specs.values())
    calls = min(assembled.experiment.limits.concurrency, attempts)
    try:
        import resource
    except ImportError:  # not on this system
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    judges = sum(min(assembled.experiment.judges[name].concurrency, attempts) for name in assembled.judges)
    boxed = any(system.needs_box for by_suite in assembled.systems.values() for system in by_suite.values())
    wanted = calls * models + judges + OTHER_FILES + (calls * BOX_FILES if boxed else 0)
    if not (models or boxed) or soft == resource.RLIM_INFINITY or soft >= wanted:
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


def bases_beside(assembled: Assembled, names: Iterable[str]) -> set[str]:
    """The bases at whose side these models are probed."""
    found = (base_beside(assembled.specs[name], assembled.specs) for name in names)
    return {base.name for base in found if base is not None}


async def _patiently(session: AttemptSession, asked: Asked, shop: Shop, tell: Callable[[str], None]) -> Reply:
    """The answer to a probe; a rate limit is waited for as attempts wait that share it. Raises ModelError."""
    for wait in PROBE_WAITS_S:
        try:
            return await session.made(asked)
        except ModelError as error:
            if error.cause is not Cause.RATE_LIMIT or error.not_yet:
                raise
        tell(f"probing the adapters of {asked.model}: a rate limit was met, waiting {wait:g} s")
        await shop.clock.sleep(wait)
    return await session.made(asked)


async def probe_all(shop: Shop, models: Mapping[str, Model], tell: Callable[[str], None]) -> dict[str, tuple[str, ...]]:
    """What a reader must know of adapters and tuned models. Raises OwnbenchError: a server does not apply one.

    A probe is a call like any other: limited, paid, in the journal, and made again only where what is on record shows
    an adapter left out.
    """
    notes, used = dict[str, tuple[str, ...]](), set[str]()
    suites = shop.assembled.suites
    prompts = [suite.prompt.of(suite.tasks[n]) for n in range(2) for suite in suites if n < len(suite.tasks)]
    further = [suite.prompt.of(task) for suite in suites for task in suite.tasks[2 : 2 + FURTHER]][:FURTHER]

    async def ask(name: str, request: Request) -> Reply:
        if shop.clock.over:
            raise Unsent
        if (over := shop.meter.exhausted(shop.clock.monotonic())) is not None:
            raise ModelError(Cause.TOO_DEAR, over)
        session = AttemptSession(shop, shop.assembled.suites[0].tasks[0])  # of the run, and of no attempt
        return await _patiently(session, Asked(name, request, request.digest, Role.PROBE), shop, tell)

    async def recall(name: str, request: Request) -> Reply:
        if (reply := shop.replies.get(request.digest)) is not None:
            used.add(name)
        return reply or await ask(name, request)

    async def probed(name: str, look: Callable[[_AskBy], Awaitable[tuple[str, ...]]]) -> None:
        try:
            found = await look(recall)
        except OwnbenchError:
            if name not in used:
                raise
            found = await look(ask)
        notes[name] = (*notes.get(name, ()), *found)

    for name, model in models.items():
        if isinstance(model, Probing) and model.holds_adapters:
            tell(f"probing the adapters of {name}")
            await probed(name, partial(_adapters, model, prompts))
        if is_looked_at(model.spec):
            tell(f"probing {name}")
            await probed(name, partial(_tuned, shop.assembled, name, prompts, further))
    return notes


async def _adapters(model: Probing, prompts: _Prompts, ask: _AskBy) -> tuple[str, ...]:
    return await model.probe_adapters(prompts, partial(ask, model.spec.name))


async def _tuned(assembled: Assembled, name: str, prompts: _Prompts, further: _Prompts, ask: _AskBy) -> tuple[str, ...]:
    """What a reader must know of a tuned model: beside its base where that is asked at the same address."""
    spec = assembled.specs[name]
    base = base_beside(spec, assembled.specs)
    if base is None:
        return await probe_alone(spec, prompts, partial(ask, name))
    of = {base.digest: base.name}
    return await probe_tuned(spec, base, prompts, further, lambda request: ask(of.get(request.model, name), request))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """How one model answered one short call."""

    model: str
    ok: bool
    problem: str = ""  # why it did not, in one line; or why it was not asked
    seconds: float | None = None
    usd: float | None = None  # what the call cost; ``None`` where that is not known


def ping(assembled: Assembled, *, offline: bool = False) -> tuple[Ping, ...]:
    """Calls each model once, shortly, as its first contender would, within limits and budget; writes nothing."""

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
        await prepare(assembled, model)
        once = Limits(concurrency=1, timeout_s=limits.timeout_s, tries=limits.tries, wall_s=limits.timeout_s)
        suite, messages = assembled.suites[0], ({"role": "user", "content": QUESTION},)
        every = [by_suite[suite.name].calls(suite.tasks[0])[1] for by_suite in assembled.systems.values()]
        # a judge, whom no contender asks, is asked with its own settings
        judge = Request(model=spec.digest, messages=messages, sampling=spec.sampling)
        asked = [request for calls in every for called, request in calls if called == name] or [judge]
        request = next((request for request in asked if request.logprobs), asked[0])
        request = replace(request, messages=messages, scope="ping")
        caller = Caller(model, once, redact=redact)
        given = [key for key in ANSWER_LIMITS if key in request.sampling]
        brief = {key: min(int(request.sampling.get(key, TOKENS)), TOKENS) for key in given or ["max_tokens"]}
        brief = {} if REASONING & set(request.sampling) else brief
        started = time.monotonic()
        try:
            reply, *_ = await caller.call(replace(request, sampling={**request.sampling, **brief}))
        except ModelError as error:
            if error.cause is not Cause.REQUEST or given:
                raise
            reply, *_ = await caller.call(request)  # some models know no limit by that name
        lacks = Promised(assembled).broken(name, request, reply, first=1)
        return Ping(
            model=name,
            ok=lacks is None,
            problem=lacks or "",
            seconds=time.monotonic() - started,
            usd=charge(reply.usage, spec.price).usd,
        )
    except (OwnbenchError, OSError) as error:
        return Ping(model=name, ok=False, problem=" ".join(redact(str(error)).split()))
    finally:
        if model is not None:
            await model.close()

"""One short call to each model, to see whether it answers. Nothing is written; what it costs is said."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harness.core import Cause, ModelError, OwnbenchError, Request, SystemClock
from harness.cost import charge
from harness.experiment import Assembled
from harness.model import Caller, Limits, Model, backend_of
from harness.run.opening import open_models, redactor_of
from harness.run.session import meter_of

QUESTION = "Answer with the one word: ok"
TOKENS = 16  # the longest answer that is asked for
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_REASONING = {"thinking", "reasoning", "reasoning_effort"}
"""Settings with which a short limit is refused, or leaves no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """How one model answered."""

    model: str
    ok: bool
    problem: str = ""  # why it did not, in one line; or why it was not asked
    seconds: float | None = None
    usd: float | None = None  # what the call cost; ``None`` where that is not known


def ping(assembled: Assembled, *, offline: bool = False) -> tuple[Ping, ...]:
    """Calls each model of the experiment once, as its first contender would, within the experiment's limits and budget.

    A call that fails is retried as in a run, and ends within ``limits.timeout_s`` after the model is loaded.
    """
    return asyncio.run(_all(assembled, offline=offline))


async def _all(assembled: Assembled, *, offline: bool) -> tuple[Ping, ...]:
    asked = partial(_asked, assembled, offline=offline)
    remote = [name for name, spec in assembled.specs.items() if backend_of(spec).remote]
    found = dict(zip(remote, await asyncio.gather(*map(asked, remote)), strict=True))
    for name in assembled.specs:
        if name not in found:  # one after another: each may fill the machine
            found[name] = await asked(name)
    return tuple(found[name] for name in assembled.specs)


async def _asked(assembled: Assembled, name: str, *, offline: bool) -> Ping:
    """How the model of this name answers its one question."""
    if backend_of(assembled.specs[name]).recorded:
        return Ping(model=name, ok=True, problem="not asked: its answers are recorded ones", usd=0.0)
    if (spent := meter_of(assembled).exhausted(0.0)) is not None:
        return Ping(model=name, ok=False, problem=f"not asked: {spent}")
    redact = redactor_of(assembled)
    model: Model | None = None
    try:
        model = open_models(assembled, [name], offline=offline)[name]
        await model.prepare(assembled.adapters.get(name, ()))
        limits = assembled.experiment.limits
        short = Limits(concurrency=1, timeout_s=limits.timeout_s, tries=limits.tries, wall_s=limits.timeout_s)
        return await _called(assembled, name, Caller(model, short, redact=redact))
    except (OwnbenchError, OSError) as error:
        return Ping(model=name, ok=False, problem=" ".join(redact(str(error)).split()))
    finally:
        if model is not None:
            await model.close()


async def _called(assembled: Assembled, name: str, caller: Caller) -> Ping:
    request, clock = _request(assembled, name), SystemClock()
    started = clock.monotonic()
    try:
        reply, _ = await caller.call(replace(request, sampling=_short(request.sampling)))
    except ModelError as error:
        if error.cause is not Cause.REQUEST or set(_LIMITS) & set(request.sampling):
            raise
        reply, _ = await caller.call(request)  # some models know no limit by that name
    usd = charge(reply.usage, assembled.specs[name].price).usd
    return Ping(model=name, ok=True, seconds=clock.monotonic() - started, usd=usd)


def _request(assembled: Assembled, name: str) -> Request:
    """The question, with all else as a contender asks the model; a judge is asked with its own settings."""
    suite, messages = assembled.suites[0], ({"role": "user", "content": QUESTION},)
    for by_suite in assembled.systems.values():
        for model, request in by_suite[suite.name].calls(suite.tasks[0])[1]:
            if model == name:
                return replace(request, messages=messages, scope="ping")
    spec = assembled.specs[name]
    return Request(model=spec.digest, messages=messages, sampling=spec.sampling, scope="ping")


def _short(sampling: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings, and a short answer."""
    if _REASONING & set(sampling):
        return dict(sampling)
    given = [key for key in _LIMITS if key in sampling] or ["max_tokens"]
    return dict(sampling) | {key: min(int(sampling.get(key, TOKENS)), TOKENS) for key in given}

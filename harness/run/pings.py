"""One short call to each model, to see whether it answers. Nothing is written; what it costs is said."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.core import Cause, ModelError, OwnbenchError, Redactor, Request, SystemClock
from harness.cost import charge
from harness.experiment import Assembled
from harness.model import Caller, Limits, Model, backend_of, missing_key, open_model
from harness.run.session import meter_of

QUESTION = "Answer with the one word: ok"
TOKENS = 16
"""The longest answer that is asked for."""
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_REASONING = {"thinking", "reasoning", "reasoning_effort"}
"""Settings with which a short limit is refused, or leaves no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """How one model answered."""

    model: str
    ok: bool
    problem: str = ""
    """Why it did not, in one line; or why it was not asked."""
    seconds: float | None = None
    usd: float | None = None
    """What the call cost; ``None`` where that is not known."""


def ping(assembled: Assembled, environment: Mapping[str, str], *, offline: bool = False) -> tuple[Ping, ...]:
    """Calls each model of the experiment once, as its first contender would, within the experiment's limits and budget.

    A call that fails is tried again as in a run, and ends within ``limits.timeout_s`` after the model is loaded.
    """
    return asyncio.run(_all(assembled, environment, offline=offline))


async def _all(assembled: Assembled, environment: Mapping[str, str], *, offline: bool) -> tuple[Ping, ...]:
    asking = {name: _Asked(assembled, name, environment, offline=offline) for name in assembled.specs}
    remote = [name for name, spec in assembled.specs.items() if backend_of(spec).remote]
    found = dict(zip(remote, await asyncio.gather(*(asking[name].answered() for name in remote)), strict=True))
    for name in assembled.specs:
        if name not in found:  # one after another: each may fill the machine
            found[name] = await asking[name].answered()
    return tuple(found[name] for name in assembled.specs)


class _Asked:
    """One model and its one question."""

    def __init__(
        self, assembled: Assembled, name: str, environment: Mapping[str, str], *, offline: bool = False
    ) -> None:
        self.assembled, self.name, self.spec = assembled, name, assembled.specs[name]
        self.environment, self.offline = environment, offline
        self.redact = Redactor(backend_of(self.spec).secrets(self.spec, environment))

    async def answered(self) -> Ping:
        if backend_of(self.spec).recorded:
            return Ping(model=self.name, ok=True, problem="not asked: its answers are recorded ones", usd=0.0)
        if (spent := meter_of(self.assembled).exhausted(0.0)) is not None:
            return Ping(model=self.name, ok=False, problem=f"not asked: {spent}")
        if (missing := missing_key(self.spec, self.environment)) is not None:
            return Ping(model=self.name, ok=False, problem=missing)
        model: Model | None = None
        try:
            model = open_model(self.spec, redact=self.redact, environment=self.environment, offline=self.offline)
            await model.prepare(self.assembled.adapters.get(self.name, ()))
            return await self._call(model)
        except (OwnbenchError, OSError) as error:
            return Ping(model=self.name, ok=False, problem=" ".join(self.redact(str(error)).split()))
        finally:
            if model is not None:
                await model.close()

    async def _call(self, model: Model) -> Ping:
        limits = self.assembled.experiment.limits
        caller = Caller(
            model,
            Limits(concurrency=1, timeout_s=limits.timeout_s, tries=limits.tries, wall_s=limits.timeout_s),
            redact=self.redact,
        )
        request, clock = self._request(), SystemClock()
        started = clock.monotonic()
        try:
            reply, _ = await caller.call(replace(request, sampling=_short(request.sampling)))
        except ModelError as error:
            if error.cause is not Cause.REQUEST or set(_LIMITS) & set(request.sampling):
                raise
            reply, _ = await caller.call(request)  # some models know no limit by that name
        cost = charge(reply.usage, self.spec.price)
        return Ping(model=self.name, ok=True, seconds=clock.monotonic() - started, usd=cost.usd)

    def _request(self) -> Request:
        """The question, with all else as a contender asks the model; a judge is asked with its own settings."""
        suite, messages = self.assembled.suites[0], ({"role": "user", "content": QUESTION},)
        for by_suite in self.assembled.systems.values():
            for model, request in by_suite[suite.name].calls(suite.tasks[0])[1]:
                if model == self.name:
                    return replace(request, messages=messages, scope="ping")
        return Request(model=self.spec.digest, messages=messages, sampling=self.spec.sampling, scope="ping")


def _short(sampling: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings, and a short answer."""
    if _REASONING & set(sampling):
        return dict(sampling)
    given = [key for key in _LIMITS if key in sampling] or ["max_tokens"]
    return dict(sampling) | {key: min(int(sampling.get(key, TOKENS)), TOKENS) for key in given}

"""The one layer that waits and tries again: limits, retries, pauses, and an end to all of them.

Every call ends, by an answer or by a `ModelError`, within ``Limits.tries`` tries and ``Limits.wall_s`` of trying.
Waiting for a free place, or for the user's own limits, is not trying: it is counted apart and in no latency.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from harness.core import (
    UNBILLED,
    Cause,
    Clock,
    ModelError,
    ModelSpec,
    Redactor,
    Reply,
    Request,
    Usage,
    fault_of,
    seeded,
)
from harness.cost import BusyTime
from harness.model.backend import Model, backend_of
from harness.model.faults import Redact, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How hard one model may be driven; every number is above 0, as the experiment's own limits are."""

    concurrency: int = 16  # requests in flight at once
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None  # tokens of all classes, read and written
    timeout_s: float = 120.0  # of one try
    tries: int = 4  # the first one counted
    wall_s: float | None = None
    """Of one call, its tries and the waits between them together. ``None``: what all its tries may take, at least ten
    minutes (providers ask to wait one or two), at most an hour."""
    backoff_s: float = 0.5  # the longest first wait; it doubles with each try
    backoff_max_s: float = 30.0


class Pace:
    """The generic cell rate algorithm with a burst of one (ITU-T I.371): amounts are spread evenly over time.

    In any span of ``t`` seconds at most ``per_minute * t / 60`` plus one amount start. Who reserves first goes first;
    an amount reserved ahead of time keeps its place, so a machine that wakes late loses nothing of the rate.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._seconds_each = 60.0 / per_minute if per_minute else 0.0
        self._next = float("-inf")

    def reserve(self, amount: float, now: float) -> float:
        """Seconds to wait before ``amount`` may start; 0 without a limit."""
        start = max(now, self._next)
        self._next = start + amount * self._seconds_each
        return start - now

    def correct(self, difference: float) -> None:
        """Charges what was used beyond what was reserved; a negative difference is given back."""
        self._next += difference * self._seconds_each


class Caller:
    """Calls one model within its limits; all that call one model share one of these.

    A 429, or any answer that asks to wait, pauses all calls of the model. A call that may not last as long as the pause
    fails at once, as not yet made. After an ``auth`` fault nothing more is sent: later calls fail with the same words.
    """

    def __init__(
        self,
        model: Model,
        limits: Limits,
        clock: Clock | None = None,
        seed: int = 0,
        *,
        redact: Redact | None = None,
        busy: BusyTime | None = None,
    ) -> None:
        """``busy``: of the machine that is paid by the hour, which several models may share; ``None``: it is not."""
        self.model, self.limits, self._busy = model, limits, busy
        self._redact: Redact = redact or Redactor()
        self._lost: dict[int, list[Usage]] = {}
        self.broken: ModelError | None = None  # the fault after which nothing more is sent
        self._clock = clock or Clock()
        self._chance = seeded("calling", seed, model.spec.name)
        self._places = asyncio.Semaphore(limits.concurrency)
        self._requests = Pace(limits.requests_per_minute)
        self._tokens = Pace(limits.tokens_per_minute)
        self._tokens_expected: float | None = None
        self._paused_until = float("-inf")
        self._wall_s = limits.wall_s or min(3600.0, max(600.0, limits.tries * limits.timeout_s))

    async def call(self, request: Request) -> tuple[Reply, int]:
        """The reply and its retries. Its usage, or that of the ModelError which it raises, holds the failed tries."""
        try:
            async with self._places:
                reply, retries = await self._tried(request)
        except ModelError as error:
            error.usage = Usage.total(self.lost(request))
            raise
        if lost := self.lost(request):
            total = Usage.total([*(one for one in lost if one.source != "unknown"), reply.usage])
            machine = reply.usage.gpu_seconds
            gpu_seconds = None if machine is None else machine + sum(one.gpu_seconds or 0.0 for one in lost)
            reply = replace(reply, usage=replace(total, gpu_seconds=gpu_seconds))
        return reply, retries

    def lost(self, request: Request) -> tuple[Usage, ...]:
        """What the tries of a request that was cancelled used, as far as they may have cost something; told once."""
        return tuple(self._lost.pop(id(request), ()))

    async def _tried(self, request: Request) -> tuple[Reply, int]:
        deadline: float | None = None
        last: ModelError | None = None
        retries = 0
        while True:
            tokens = self._tokens_expected or 0.0
            if self._tokens_expected is None and self.limits.tokens_per_minute is not None:
                tokens = sum(len(str(message.get("content") or "")) for message in request.messages) / 4
            deadline = await self._turn(deadline, last, tokens)
            try:
                return await self._once(request, deadline, tokens), retries
            except ModelError as error:
                last = error
            last.retries = retries
            if last.cause is Cause.AUTH:
                self.broken = self.broken or last
            # full jitter (Brooker 2015): uniform from 0 to a bound that doubles; never less than the provider asks
            wait = self._chance.uniform(0, min(self.limits.backoff_max_s, self.limits.backoff_s * 2**retries))
            asked, now = last.retry_after_s, self._clock.monotonic()
            left, pause = deadline - now, wait if asked is None else asked
            wait += asked or 0.0
            if last.fault.retry and (last.cause is Cause.RATE_LIMIT or asked is not None):
                self._paused_until = max(self._paused_until, now + pause)
            if last.fault.retry and asked is not None and asked >= left:
                raise _not_yet(last, asked, left)
            if not last.fault.retry or retries + 1 == self.limits.tries or wait >= left:
                raise last
            await self._clock.sleep(wait)
            retries += 1

    async def _turn(self, deadline: float | None, last: ModelError | None, tokens: float) -> float:
        """Waits until a request may be sent; gives the time by which the call has to end."""
        self._raise_if_broken()
        now = self._clock.monotonic()
        queued = max(self._requests.reserve(1, now), self._tokens.reserve(tokens, now))
        if queued > 0:
            await self._clock.sleep(queued)
            self._raise_if_broken()
        deadline = self._clock.monotonic() + self._wall_s if deadline is None else deadline + queued
        while (pause := self._paused_until - self._clock.monotonic()) > 0:
            left = deadline - self._clock.monotonic()
            if pause >= left:
                raise _not_yet(last or ModelError(Cause.RATE_LIMIT, "a rate limit was met"), pause, left)
            pause += self._chance.uniform(0, min(1.0, pause / 10))  # not all at the same instant
            await self._clock.sleep(pause)
            self._raise_if_broken()
        return deadline

    def _raise_if_broken(self) -> None:
        if (error := self.broken) is not None:
            raise ModelError(error.cause, str(error), http_status=error.http_status) from None

    async def _once(self, request: Request, deadline: float, tokens: float) -> Reply:
        """One try, the machine's time in its usage; what a failed one used is remembered. Raises ModelError only."""
        timeout_s = max(0.0, min(self.limits.timeout_s, deadline - self._clock.monotonic()))
        entered = self._busy.enter(self._clock.monotonic()) if self._busy else 0.0
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self.model.answer(request)
        except BaseException as error:
            told = error if isinstance(error, ModelError) else None
            usage = told.usage if told else None
            if self._busy or usage is not None or told is None or told.cause not in UNBILLED:
                self._lost.setdefault(id(request), []).append(self._timed(usage or Usage(), entered))
            if told is not None:
                self._tokens.correct(-tokens)
            if isinstance(error, TimeoutError):  # tokens stay charged: the provider may well have made them
                raise ModelError(Cause.TIMEOUT, f"no answer within {timeout_s:.3g} s") from None
            if told is not None or not isinstance(error, Exception):
                raise
            raise ModelError(fault_of(error).cause, shown(f"{type(error).__name__}: {error}", self._redact)) from error
        if self._busy is not None:
            reply = replace(reply, usage=self._timed(reply.usage, entered))
        usage = reply.usage
        counts = (usage.input, usage.cached_input, usage.cache_write, usage.output, usage.reasoning)
        if self.limits.tokens_per_minute is not None and None not in counts:
            used = sum(filter(None, counts))
            self._tokens.correct(used - tokens)
            before = self._tokens_expected
            self._tokens_expected = float(used) if before is None else 0.8 * before + 0.2 * used
        return reply

    def _timed(self, usage: Usage, entered: float) -> Usage:
        if self._busy is None:
            return usage
        return replace(usage, gpu_seconds=self._busy.leave(self._clock.monotonic(), entered))


def machines(specs: Mapping[str, ModelSpec]) -> dict[str, BusyTime | None]:
    """The machine of each model that is served and paid by the hour; behind one address is one machine."""
    found: dict[str, BusyTime] = {}
    by_model: dict[str, BusyTime | None] = {}
    for name, spec in specs.items():
        hourly = backend_of(spec).remote and spec.price is not None and spec.price.gpu_hour is not None
        place = urlsplit(spec.base_url or "").netloc.lower() or spec.name
        by_model[name] = found.setdefault(place, BusyTime()) if hourly else None
    return by_model


def _not_yet(met: ModelError, wait: float, left: float) -> ModelError:
    """The error of a call that the provider asks to wait longer than it has left."""
    more = f"the provider asks to wait {wait:,.0f} s, and a call goes on for {max(left, 0):,.0f} s more at most"
    error = ModelError(met.cause, f"{met}; {more}", http_status=met.http_status, retry_after_s=wait)
    error.retries, error.not_yet = met.retries, True
    return error

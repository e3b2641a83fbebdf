"""The one layer that waits and tries again: limits, retries, pauses, and an end to all of them.

Every call ends, by an answer or by a `ModelError`, within ``Limits.tries`` tries and ``Limits.wall_seconds`` of trying.
Waiting for a free place, or for the user's own limits, is not trying: it is counted apart and in no latency.
"""

import asyncio
from collections.abc import Mapping, Sequence
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
from harness.model.faults import Redact, shown
from harness.model.protocol import Model
from harness.model.registry import backend_of


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

    @property
    def wall_seconds(self) -> float:
        """The seconds that a call may be tried for."""
        return self.wall_s if self.wall_s is not None else min(3600.0, max(600.0, self.tries * self.timeout_s))


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

    A 429, or any answer that asks to wait, pauses all calls of the model, not only the one that met it. A call that may
    not last as long as the pause fails at once, as not yet made. An ``auth`` fault ends the model for good: later calls
    fail at once with the same words, and nothing more is sent.
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
        self.model, self.limits = model, limits
        self._redact: Redact = redact or Redactor()
        self._busy = busy
        self._lost: dict[int, list[Usage]] = {}
        self.broken: ModelError | None = None  # the fault after which nothing more is sent
        self._clock = clock or Clock()
        self._chance = seeded("calling", seed, model.spec.name)
        self._places = asyncio.Semaphore(limits.concurrency)
        self._requests = Pace(limits.requests_per_minute)
        self._tokens = Pace(limits.tokens_per_minute)
        self._tokens_expected: float | None = None
        self._paused_until = float("-inf")

    async def call(self, request: Request) -> tuple[Reply, int]:
        """The reply, and how many retries it took; its usage holds what failed tries are known to have used before it.

        Raises:
            ModelError: the last try's, its ``retries`` set and its ``usage`` that of all tries; at once where the model
                is broken, or where a provider asks to wait longer than a call may last.
        """
        try:
            async with self._places:
                reply, retries = await self._tried(request)
        except ModelError as error:
            error.usage = Usage.total(self.lost(request))
            raise
        lost = self.lost(request)
        return (replace(reply, usage=_with_lost(reply.usage, lost)) if lost else reply), retries

    def lost(self, request: Request) -> tuple[Usage, ...]:
        """What the tries of a request that was cancelled used, as far as they may have cost something; told once."""
        return tuple(self._lost.pop(id(request), ()))

    async def _tried(self, request: Request) -> tuple[Reply, int]:
        deadline: float | None = None
        last: ModelError | None = None
        for retries in range(self.limits.tries):
            tokens = self._estimate(request)
            deadline = await self._turn(deadline, last, tokens)
            try:
                return await self._once(request, deadline, tokens), retries
            except ModelError as error:
                last = error
                last.retries = retries
            if last.cause is Cause.AUTH:
                self.broken = self.broken or last
            wait, left = self._backoff(retries, last), deadline - self._clock.monotonic()
            self._pause_all(wait, last)
            if last.fault.retry and last.retry_after_s is not None and last.retry_after_s >= left:
                raise _not_yet(last, last.retry_after_s, left)
            if not last.fault.retry or retries + 1 == self.limits.tries or wait >= left:
                break
            await self._clock.sleep(wait)
        assert last is not None  # noqa: S101 - at least one try was made
        raise last

    async def _turn(self, deadline: float | None, last: ModelError | None, tokens: float) -> float:
        """Waits until a request may be sent; gives the time by which the call has to end.

        Waiting for the user's own limits moves that time; waiting for a provider's pause does not, and a pause that
        would pass it ends the call instead.
        """
        self._raise_if_broken()
        now = self._clock.monotonic()
        queued = max(self._requests.reserve(1, now), self._tokens.reserve(tokens, now))
        if queued > 0:
            await self._clock.sleep(queued)
            self._raise_if_broken()
        deadline = self._clock.monotonic() + self.limits.wall_seconds if deadline is None else deadline + queued
        while (pause := self._paused_until - self._clock.monotonic()) > 0:
            left = deadline - self._clock.monotonic()
            if pause >= left:
                raise _not_yet(last or ModelError(Cause.RATE_LIMIT, "a rate limit was met"), pause, left)
            pause += self._chance.uniform(0, min(1.0, pause / 10))  # not all at the same instant
            await self._clock.sleep(pause)
            self._raise_if_broken()
        return deadline

    def _raise_if_broken(self) -> None:
        if self.broken is not None:
            error = self.broken
            raise ModelError(error.cause, str(error), http_status=error.http_status) from None

    async def _once(self, request: Request, deadline: float, tokens: float) -> Reply:
        """One try. What a backend lets through by mistake ends as the cause that `fault_of` gives it."""
        timeout_s = max(0.0, min(self.limits.timeout_s, deadline - self._clock.monotonic()))
        try:
            async with asyncio.timeout(timeout_s):
                reply = await self._metered(request)
        except ModelError:
            self._tokens.correct(-tokens)
            raise
        except TimeoutError:  # tokens stay charged: the provider may well have made them
            raise ModelError(Cause.TIMEOUT, f"no answer within {timeout_s:.3g} s") from None
        except Exception as error:
            text = shown(f"{type(error).__name__}: {error}", self._redact)
            raise ModelError(fault_of(error).cause, text) from error
        self._charge(_tokens(reply.usage), tokens)
        return reply

    async def _metered(self, request: Request) -> Reply:
        """One try, the machine's time in its usage; what a failed one used is remembered."""
        entered = self._busy.enter(self._clock.monotonic()) if self._busy else 0.0
        try:
            reply = await self.model.answer(request)
        except BaseException as error:
            usage = error.usage if isinstance(error, ModelError) else None
            free = usage is None and isinstance(error, ModelError) and error.cause in UNBILLED
            if self._busy or not free:
                self._lost.setdefault(id(request), []).append(self._timed(usage or Usage(), entered))
            raise
        return replace(reply, usage=self._timed(reply.usage, entered))

    def _timed(self, usage: Usage, entered: float) -> Usage:
        if self._busy is None:
            return usage
        return replace(usage, gpu_seconds=self._busy.leave(self._clock.monotonic(), entered))

    def _estimate(self, request: Request) -> float:
        """Tokens that a call is expected to use: by the calls so far, before the first by the length of its prompt."""
        if self.limits.tokens_per_minute is None:
            return 0.0
        if self._tokens_expected is not None:
            return self._tokens_expected
        return sum(len(str(message.get("content") or "")) for message in request.messages) / 4

    def _charge(self, used: int | None, reserved: float) -> None:
        if used is None or self.limits.tokens_per_minute is None:
            return
        self._tokens.correct(used - reserved)
        before = self._tokens_expected
        self._tokens_expected = float(used) if before is None else 0.8 * before + 0.2 * used

    def _backoff(self, retries: int, error: ModelError) -> float:
        """Full jitter (Brooker 2015): uniform from 0 to a bound that doubles; never less than the provider asks."""
        bound = min(self.limits.backoff_max_s, self.limits.backoff_s * 2**retries)
        wait = self._chance.uniform(0, bound)
        return wait if error.retry_after_s is None else error.retry_after_s + wait

    def _pause_all(self, wait: float, error: ModelError) -> None:
        if error.fault.retry and (error.cause is Cause.RATE_LIMIT or error.retry_after_s is not None):
            pause = wait if error.retry_after_s is None else error.retry_after_s
            self._paused_until = max(self._paused_until, self._clock.monotonic() + pause)


def machines(specs: Mapping[str, ModelSpec]) -> dict[str, BusyTime | None]:
    """The machine of each model that is served and paid by the hour; behind one address is one machine."""
    found: dict[str, BusyTime] = {}

    def machine(spec: ModelSpec) -> BusyTime | None:
        if not backend_of(spec).remote or spec.price is None or spec.price.gpu_hour is None:
            return None
        return found.setdefault(urlsplit(spec.base_url or "").netloc.lower() or spec.name, BusyTime())

    return {name: machine(spec) for name, spec in specs.items()}


def _with_lost(usage: Usage, lost: Sequence[Usage]) -> Usage:
    total = Usage.total([*(one for one in lost if one.source != "unknown"), usage])
    if usage.gpu_seconds is None:
        return replace(total, gpu_seconds=None)
    return replace(total, gpu_seconds=usage.gpu_seconds + sum(one.gpu_seconds or 0.0 for one in lost))


def _tokens(usage: Usage) -> int | None:
    """All tokens of a call, or ``None`` where one class is unknown."""
    classes = (usage.input, usage.cached_input, usage.cache_write, usage.output, usage.reasoning)
    known = [count for count in classes if count is not None]
    return sum(known) if len(known) == len(classes) else None


def _not_yet(met: ModelError, wait: float, left: float) -> ModelError:
    """The error of a call that the provider asks to wait longer than it has left."""
    more = f"the provider asks to wait {wait:,.0f} s, and a call goes on for {max(left, 0):,.0f} s more at most"
    error = ModelError(met.cause, f"{met}; {more}", http_status=met.http_status, retry_after_s=wait)
    error.retries, error.not_yet = met.retries, True
    return error

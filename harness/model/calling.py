"""The one layer that waits and tries again: limits, retries, pauses, and an end to all of them.

Every call ends, by an answer or by a `ModelError`, within ``Limits.tries`` tries and ``Limits.wall_s`` of trying.
Waiting for a free place, or for the user's own limits, is not trying: it is counted apart and in no latency. What an
endpoint takes at once is found by its `window`.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import inf
from typing import NamedTuple
from urllib.parse import urlsplit

from harness.core import (
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
from harness.cost import BusyTime, charge
from harness.model.backend import Model, backend_of
from harness.model.endpoint import Endpoint, Limits, Party, Pass, not_yet
from harness.model.entry import ANSWER_LIMITS
from harness.model.faults import Redact, shown
from harness.model.quota import Ticket
from harness.model.remaining import LISTENER, limits_in
from harness.model.window import End

UNHEARD = 3  # tries that nothing answers, before an address counts as one where nothing listens
ENDS = {Cause.RATE_LIMIT: End.REFUSED, Cause.TIMEOUT: End.LATE}


class Answered(NamedTuple):
    """What came of a call."""

    reply: Reply
    retries: int
    lost_tries: int = 0  # as of a `Call`


class Caller:
    """Calls one model within its limits; all that call one model share one of these.

    A refused request lowers what its endpoint takes at once, for all who share it; an answer that asks to wait pauses
    them. A call that may not last as long as the pause fails at once, as not yet made. After an ``auth`` fault nothing
    more is sent: later calls fail with the same words. So it is where the model is not there, as not yet made: the
    server knows none of that name, or nothing listens at the address. A server that has answered is only away.
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
        party: Party | None = None,
    ) -> None:
        """``busy``: of the machine that is paid by the hour, which several models may share; ``None``: it is not.

        ``party``: with whom the endpoint's places and the limits a minute are shared; ``None``: with nobody.
        """
        self.model, self.limits, self._busy = model, limits, busy
        self._redact: Redact = redact or Redactor()
        self._lost: dict[int, list[Usage]] = {}
        self.broken: ModelError | None = None  # the fault after which nothing more is sent
        self.answered: Callable[[], bool] = lambda: False  # whether the model has answered this run, whoever asked
        self._unheard = 0  # tries that met nobody, until anything answers
        self._there = self._known = False  # whether anything has answered, and whether the model has
        self._clock = clock or Clock()
        self._chance = seeded("calling", seed, model.spec.name)
        alone = Endpoint(model.spec.name, self._clock, seed, adaptive=limits.adaptive)
        self.party = party or alone.party("", limits)
        self._quota = self.party.quota()
        self._tokens = (0.0, 0.0)  # of a request: the mean of the last ones, and their mean deviation
        self._silent = False  # whether an answer told no tokens
        self._wall_s = limits.wall_s or min(3600.0, max(600.0, limits.tries * limits.timeout_s))

    async def call(self, request: Request) -> Answered:
        """The reply. Its usage, or that of the ModelError which it raises, holds the failed tries that tell theirs."""
        try:
            reply, retries = await self._tried(request)
        except ModelError as error:
            error.usage, error.lost_tries = self.lost(request)
            raise
        if not (lost := self._lost.pop(id(request), [])):
            return Answered(reply, retries)
        total = Usage.total([*(one for one in lost if one.source != "unknown"), reply.usage])
        machine = reply.usage.gpu_seconds
        gpu_seconds = None if machine is None else machine + sum(one.gpu_seconds or 0.0 for one in lost)
        reply = replace(reply, usage=replace(total, gpu_seconds=gpu_seconds))
        return Answered(reply, retries, sum(self._is_unpriced(one) for one in lost))

    def lost(self, request: Request) -> tuple[Usage, int]:
        """What the tries of a request used that has no answer, and how many of unknown cost there are besides it.

        Only tries are in it that may have cost something; it is told once.
        """
        lost = self._lost.pop(id(request), [])
        total = Usage.total(lost)
        return total, len(lost) - 1 if lost and self._is_unpriced(total) else 0

    def _is_unpriced(self, usage: Usage) -> bool:
        return charge(usage, self.model.spec.price).usd is None

    async def _tried(self, request: Request) -> tuple[Reply, int]:
        deadline: float | None = None
        last: ModelError | None = None
        retries = crowded = answers = 0
        while True:
            self._raise_if_broken(last)
            left = self._wall_s if deadline is None else deadline - self._clock.monotonic()
            entered = await self.party.enter(partial(self._expected, request), self._quota, left, last)
            now = self._clock.monotonic()
            deadline = now + self._wall_s if deadline is None else deadline + entered.waited_s
            try:
                return await self._once(request, deadline, entered, last), retries
            except ModelError as error:
                last = error
            last.retries = retries
            if last.cause is Cause.AUTH:
                self.broken = self.broken or last
            # full jitter (Brooker 2015): uniform from 0 to a bound that doubles; never less than the provider asks
            wait = self._chance.uniform(0, min(self.limits.backoff_max_s, self.limits.backoff_s * 2**retries))
            asked, left = last.retry_after_s, deadline - self._clock.monotonic()
            wait += asked or 0.0
            if last.fault.retry and asked is not None and asked >= left:
                raise not_yet(last, asked, left)
            # a refusal by an endpoint that answered others since the try before is no sign that it refuses this call
            others, answers = self.party.answers > answers, self.party.answers
            crowded += last.cause is Cause.RATE_LIMIT and retries > 0 and others
            if not last.fault.retry or retries + 1 - crowded >= self.limits.tries or wait >= left:
                if self._is_not_there(last):
                    last.not_yet, self.broken = True, self.broken or last
                raise last
            await self._clock.sleep(wait)
            retries += 1

    def _expected(self, request: Request) -> float:
        """The tokens that are charged until the answer tells: seldom too few (Jacobson 1988); infinite: nobody knows.

        Under a limit of the user's the first answers are waited for, as no text tells what a provider counts.
        """
        if not (self.party.tokens.limited or self._quota.counts_tokens):
            return 0.0
        mean, deviation = self._tokens
        if mean:
            return mean + 2 * deviation
        return inf if self.party.tokens.limited and not self._silent else self._guessed(request)

    def _guessed(self, request: Request) -> float:
        """The tokens by the length of the prompt, and of the longest answer where it is bounded."""
        answer = max((int(request.sampling.get(key) or 0) for key in ANSWER_LIMITS), default=0)
        return sum(len(str(message.get("content") or "")) for message in request.messages) / 4 + answer

    def _raise_if_broken(self, last: ModelError | None) -> None:
        if (error := self.broken) is not None:
            own = "" if last is None or last is error else f"{last}; not tried again: "  # its own fault was another
            again = ModelError(error.cause, f"{own}{error}", http_status=error.http_status)
            again.not_yet = error.not_yet
            raise again from None

    def _is_not_there(self, error: ModelError) -> bool:
        """Whether the model is not there at all, by this error and those before."""
        if not error.not_there or self._known:
            return False
        if error.http_status is None and (self._there or self._unheard < UNHEARD):
            return False
        self._there = self._known = self.answered()
        return not self._known

    async def _once(self, request: Request, deadline: float, entered: Pass, last: ModelError | None) -> Reply:
        """One try, the machine's time in its usage; what a failed one used is remembered. Raises ModelError only."""
        timeout_s = max(0.0, min(self.limits.timeout_s, deadline - self._clock.monotonic()))
        end, told = End.OTHER, None
        try:
            self._raise_if_broken(last)
            reply = await self._answered(request, timeout_s, entered)
            end, self._there, self._known = End.ANSWERED, True, True
        except ModelError as error:
            told, end = error, ENDS.get(error.cause, End.OTHER)
            self._unheard += error.not_there and error.http_status is None
            self._there = self._there or error.http_status is not None
            raise
        finally:
            self.party.leave(entered, self._quota, end, told)
        return reply

    async def _answered(self, request: Request, timeout_s: float, entered: Pass) -> Reply:
        began = self._busy.enter(self._clock.monotonic()) if self._busy else 0.0
        try:
            LISTENER.set(partial(self._heard, entered.ticket))
            async with asyncio.timeout(timeout_s):
                reply = await self.model.answer(request)
        except BaseException as error:
            told = error if isinstance(error, ModelError) else None
            usage = told.usage if told else None
            if self._busy or usage is not None or told is None or told.may_be_billed:
                self._lost.setdefault(id(request), []).append(self._timed(usage or Usage(), began))
            if told is not None:
                self.party.tokens.correct(entered.tokens, 0.0)
            elif not self._tokens[0]:  # tokens stay charged: the provider may well have made them; the first took all
                self.party.tokens.correct(entered.tokens, self._guessed(request))
            if isinstance(error, TimeoutError):
                raise ModelError(Cause.TIMEOUT, f"no answer within {timeout_s:.3g} s") from None
            if told is not None or not isinstance(error, Exception):
                raise
            raise ModelError(fault_of(error).cause, shown(f"{type(error).__name__}: {error}", self._redact)) from error
        if self._busy is not None:
            reply = replace(reply, usage=self._timed(reply.usage, began))
        usage = reply.usage
        counts = (usage.input, usage.cached_input, usage.cache_write, usage.output, usage.reasoning)
        if self.party.tokens.limited or self._quota.counts_tokens:
            self._count(None if None in counts else float(sum(filter(None, counts))), request, entered)
        return reply

    def _count(self, used: float | None, request: Request, entered: Pass) -> None:
        """What an answer tells of its tokens; ``None``: nothing."""
        mean, deviation = self._tokens
        if used is None:
            self._silent = True
            if not mean:
                self.party.tokens.correct(entered.tokens, self._guessed(request))
            return
        self.party.tokens.correct(entered.tokens, used)
        known = (mean + (used - mean) / 8, deviation + (abs(used - mean) - deviation) / 4)
        self._tokens = known if mean else (used, used / 2)  # RFC 6298, 2.2

    def _heard(self, ticket: Ticket, headers: Mapping[str, str]) -> None:
        if told := self.party.allows(limits_in(headers, self._clock.now())):
            self._quota.tell(ticket, told, self._clock.monotonic())

    def _timed(self, usage: Usage, entered: float) -> Usage:
        if self._busy is None:
            return usage
        return replace(usage, gpu_seconds=self._busy.leave(self._clock.monotonic(), entered))


def machines(specs: Mapping[str, ModelSpec]) -> dict[str, BusyTime | None]:
    """The machine of each model that is served and paid by the hour; behind one address is one, as is this one."""
    found: dict[str, BusyTime] = {}
    by_model: dict[str, BusyTime | None] = {}
    for name, spec in specs.items():
        backend = backend_of(spec)
        hourly = backend.remote and spec.price is not None and spec.price.gpu_hour is not None
        place = "" if backend.timed else urlsplit(spec.base_url or "").netloc.lower() or spec.name
        by_model[name] = found.setdefault(place, BusyTime()) if hourly or backend.timed else None
    return by_model

"""One endpoint, which all models behind one address and key share: who waits for it, and who is let in next."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from urllib.parse import urlsplit

from harness.core import Cause, Clock, ModelError, ModelSpec, seeded
from harness.model.backend import backend_of
from harness.model.pace import Pace, Taken
from harness.model.quota import Quota, Ticket
from harness.model.remaining import REQUESTS, TOKENS, Left
from harness.model.window import STORMS, End, Sent, Window

_LOOK_S = 0.25  # how long nobody looks whether a request may be sent sooner than was thought
_TICK_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How hard one endpoint may be driven; every number is above 0, as the experiment's own limits are."""

    concurrency: int = 16  # the most requests in flight at once
    adaptive: bool = True  # fewer, where the endpoint refuses them or gains nothing by them
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None  # tokens of all classes, read and written
    timeout_s: float = 120.0  # of one try
    tries: int = 4  # the first one counted
    wall_s: float | None = None
    """Of one call, its tries and the waits between them together. ``None``: what all its tries may take, at least ten
    minutes (providers ask to wait one or two), at most an hour."""
    backoff_s: float = 0.5  # the longest first wait; it doubles with each try
    backoff_max_s: float = 30.0


@dataclass(slots=True, eq=False, kw_only=True)
class Pass:
    """A request that was let in."""

    sent: Sent
    request: Taken
    tokens: Taken
    ticket: Ticket
    waited_s: float  # for places and the user's own limits; pauses that the provider asked for left out


@dataclass(slots=True, eq=False, kw_only=True)
class _Waiting:
    future: "asyncio.Future[None]"
    tokens: Callable[[], float]
    quota: Quota  # of the model that is asked
    left_s: float  # how long a pause may last that the call lives through
    since: float
    entered: Pass | None = None


class Party:
    """Those who share the user's limits of an endpoint: a run's contenders, or one judge."""

    def __init__(self, endpoint: "Endpoint", limits: Limits, beside: "Party | None" = None) -> None:
        """``beside``: whose limits a minute hold for this one too, where it has none of its own."""
        self._endpoint, self._most, self._in_use = endpoint, limits.concurrency, 0
        own = limits.requests_per_minute or limits.tokens_per_minute
        other = beside if beside is not None and not own else None
        self.requests: Pace = other.requests if other else Pace(limits.requests_per_minute)
        self.tokens: Pace = other.tokens if other else Pace(limits.tokens_per_minute)
        self.fresh, self.again = deque[_Waiting](), deque[_Waiting]()  # the first try of a call, and further ones

    async def enter(self, tokens: Callable[[], float], quota: Quota, left_s: float, last: ModelError | None) -> Pass:
        """Waits until a request may be sent, and takes its place. Raises ModelError: a pause is longer than ``left_s``.

        ``tokens``: how many it may need, by what is known when it is sent. ``quota``: of the model that is asked.
        ``last``: what the call met in its try before.
        """
        at = self._endpoint
        now = at.clock.monotonic()
        if at.window.paused_until > now or at.window.storms:
            at.refuse(left_s, last, now)
        if not (self.fresh or self.again) and at.window.wait(now) <= 0:
            needed = tokens()
            if self._wait(needed, quota, now) <= 0:
                return self._take(needed, quota, now, now)
        future = asyncio.get_running_loop().create_future()
        one = _Waiting(future=future, tokens=tokens, quota=quota, left_s=left_s, since=now)
        queue = self.fresh if last is None else self.again
        queue.append(one)
        at.serve()
        try:
            await at.clock.wait(one.future)
        except BaseException:
            if one.entered is not None:
                self.leave(one.entered, quota, End.OTHER, unsent=True)
            elif one in queue:
                queue.remove(one)
            raise
        assert one.entered is not None  # noqa: S101 - the future is settled with it
        return one.entered

    def leave(
        self, entered: Pass, quota: Quota, end: End, error: ModelError | None = None, *, unsent: bool = False
    ) -> None:
        """Gives the place back."""
        at = self._endpoint
        now = at.clock.monotonic()
        self._in_use -= 1
        at.window.ended(entered.sent, now, end, error.retry_after_s if error and error.fault.retry else None)
        if unsent:
            self.requests.correct(entered.request, 0.0)
            self.tokens.correct(entered.tokens, 0.0)
        if end is End.REFUSED:
            at.met = error
        if unsent or end is End.REFUSED:
            quota.give_back(entered.ticket)
        at.serve()

    def quota(self) -> Quota:
        """What is left for one model, by the headers of its answers."""
        self._endpoint.quotas.append(Quota())
        return self._endpoint.quotas[-1]

    def allows(self, told: Mapping[str, Left]) -> dict[str, Left]:
        """What a provider's headers tell of limits that the user left open; nothing where nothing adapts."""
        stated = {REQUESTS: self.requests.limited, TOKENS: self.tokens.limited}
        return {kind: left for kind, left in told.items() if self._endpoint.window.adaptive and not stated[kind]}

    @property
    def answers(self) -> int:
        """How many requests the endpoint has answered."""
        return self._endpoint.window.answers

    def held(self) -> str:
        """The limit of the user's that requests wait for, in words; empty where they do not."""
        if not (self.fresh or self.again) or self._in_use >= self._most:
            return ""
        now = self._endpoint.clock.monotonic()
        if self._endpoint.window.wait(now) > 0:
            return ""
        paces = {REQUESTS: (self.requests, 1.0), TOKENS: (self.tokens, 1.0)}
        found = [kind for kind, (pace, amount) in paces.items() if pace.limited and pace.wait(amount, now) > 0]
        return f"your limit of {found[0]} a minute" if found else ""

    def serve(self) -> None:
        """Lets in whoever may be."""
        self._endpoint.serve()

    def next(self, *, fresh: bool) -> _Waiting | None:
        """Who is let in next."""
        for queue in (self.fresh, self.again) if fresh else (self.again, self.fresh):
            while queue and queue[0].future.done():
                queue.popleft()
            if queue:
                return queue[0]
        return None

    def held_up(self, now: float) -> list[float]:
        """By request, the tokens of those that only the limits a minute may keep from being sent now."""
        window = self._endpoint.window
        room = min(self._most - self._in_use, window.level - window.in_flight)
        if window.wait(now) > 0 or room <= 0:
            return []
        waiting = [one for one in (*self.again, *self.fresh) if not one.future.done()]
        return [tokens for one in waiting[:room] if one.quota.wait(tokens := one.tokens(), now) <= 0]

    def admit(self, one: _Waiting, now: float) -> float:
        """Lets the next one in; or the seconds until it may be."""
        tokens = one.tokens()
        if (wait := self._wait(tokens, one.quota, now)) > 0:
            return wait
        (self.fresh if self.fresh and self.fresh[0] is one else self.again).popleft()
        one.entered = self._take(tokens, one.quota, now, one.since)
        one.future.set_result(None)
        return 0.0

    def _wait(self, tokens: float, quota: Quota, now: float) -> float:
        if self._in_use >= self._most:
            return inf
        wait = quota.wait(tokens, now)
        if not (self.requests.limited or self.tokens.limited):
            return wait
        return max(wait, self.requests.wait(1.0, now), self.tokens.wait(tokens, now))

    def _take(self, tokens: float, quota: Quota, now: float, since: float) -> Pass:
        self._in_use += 1
        window = self._endpoint.window
        paused = window.paused_before(now) - window.paused_before(since) if now > since else 0.0
        return Pass(
            sent=window.sent(now),
            request=self.requests.take(1.0, now),
            tokens=self.tokens.take(tokens, now),
            ticket=quota.take(tokens if tokens < inf else 0.0),  # unknown: then the user's own limit holds
            waited_s=max(0.0, now - since - paused),
        )


class Endpoint:
    """Its window of places, and the parties that wait for one. Judges, who finish what is begun, are let in first."""

    def __init__(self, name: str = "", clock: Clock | None = None, seed: int = 0, *, adaptive: bool = True) -> None:
        self.name, self.clock = name, clock or Clock()
        self.window = Window(0, adaptive=adaptive, chance=seeded("endpoint", seed, name))
        self.met: ModelError | None = None  # the last refusal
        self.quotas: list[Quota] = []
        self._parties: dict[str, Party] = {}
        self._looking: asyncio.Task[None] | None = None

    def party(self, name: str, limits: Limits, beside: str | None = None) -> Party:
        """Those of this name; the first who asks sets their limits."""
        if name not in self._parties:
            other = self._parties.get(beside) if beside is not None else None
            self._parties[name] = Party(self, limits, other)
            self.window.widen(limits.concurrency)
        return self._parties[name]

    @property
    def paused_s(self) -> float:
        """Seconds for which nothing is sent, because that was asked for; 0 where it was not."""
        return max(0.0, self.window.paused_until - self.clock.monotonic())

    def pause(self, seconds: float) -> None:
        """Sends nothing for so long, where no longer pause is under way: others who share it were asked to wait."""
        now = self.clock.monotonic()
        self.window.pause(now, now + seconds)

    @property
    def pressed(self) -> str:
        """The present limit in words, where it is below the bound; else empty."""
        window = self.window
        found = [f"{window.level} of {window.bound} at once"] if window.level < window.bound else []
        found += [held for one in self.quotas if (held := one.held())][:1]
        found += [party.held() for party in self._parties.values() if party.held()][:1]
        return f"{', '.join(found)} at {self.name}" if found else ""

    def refuse(self, left_s: float, last: ModelError | None, now: float) -> None:
        """Raises ModelError where a pause is longer than a call has left, or nothing but refusals comes any more."""
        pause = self.window.paused_until - now
        if pause <= 0 and self.window.storms < STORMS:
            return
        met = last or self.met or ModelError(Cause.RATE_LIMIT, "a rate limit was met")
        if self.window.storms >= STORMS:
            raise given_up(met)
        if pause >= left_s:
            raise not_yet(met, pause, left_s)

    def serve(self) -> None:
        """Lets in whoever may be, and looks again when the next one may."""
        now, soonest = self.clock.monotonic(), inf
        waiting = False
        for party in reversed(self._parties.values()):
            while (one := party.next(fresh=self.window.refusing)) is not None:
                waiting = True
                if (wait := self.window.wait(now) or party.admit(one, now)) > 0:
                    soonest = min(soonest, wait)
                    break
        if waiting and self.window.paused_until > now:
            self._end_those_out_of_time(now)
        if soonest < inf and self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look(soonest), context=contextvars.Context())

    def _end_those_out_of_time(self, now: float) -> None:
        before = self.window.paused_before(now)
        for party in self._parties.values():
            for one in (*party.fresh, *party.again):
                try:
                    self.refuse(one.left_s - before + self.window.paused_before(one.since), None, now)
                except ModelError as error:
                    if not one.future.done():
                        one.future.set_exception(error)

    async def _look(self, seconds: float) -> None:
        """Waits, in no attempt's time, and serves."""
        try:
            await self.clock.sleep(min(max(seconds, _TICK_S), _LOOK_S))
        finally:
            self._looking = None
        self.serve()


class Endpoints:
    """The endpoints of a run."""

    def __init__(self, clock: Clock, seed: int, environment: Mapping[str, str], *, adaptive: bool = True) -> None:
        self.clock, self._seed, self._environment, self._adaptive = clock, seed, environment, adaptive
        self._by_place: dict[tuple[str, ...], Endpoint] = {}

    def of(self, spec: ModelSpec) -> Endpoint:
        """That of a model: one for an address and a key; a model in this process is an endpoint of its own."""
        backend = backend_of(spec)
        if not backend.remote:
            name = spec.name
            place: tuple[str, ...] = ("", name)
        else:
            url = urlsplit(spec.base_url or "")
            name = url.netloc.lower() or spec.model.partition("/")[0]
            place = (name, url.path.rstrip("/"), *backend.secrets(spec, self._environment))
        if place not in self._by_place:
            adaptive = self._adaptive and backend.remote
            self._by_place[place] = Endpoint(name, self.clock, self._seed, adaptive=adaptive)
        return self._by_place[place]

    @property
    def pressed(self) -> str:
        """The present limits below their bounds, in words; empty where there is none."""
        return ", ".join(filter(None, (one.pressed for one in self._by_place.values())))


def not_yet(met: ModelError, wait: float, left: float) -> ModelError:
    """The error of a call that the provider asks to wait longer than it has left."""
    more = f"the provider asks to wait {wait:,.0f} s, and a call goes on for {max(left, 0):,.0f} s more at most"
    return _later(met, more, wait)


def given_up(met: ModelError) -> ModelError:
    """The error of a call that is not sent, for the endpoint refuses every one."""
    return _later(met, f"it refused {STORMS} requests in a row within a minute or more, and answered none", None)


def _later(met: ModelError, why: str, wait: float | None) -> ModelError:
    error = ModelError(met.cause, f"{met}; {why}", http_status=met.http_status)
    error.retry_after_s, error.retries, error.not_yet = wait, met.retries, True
    return error

"""An event loop whose time passes only while nothing is to be done, and servers that live in it."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from harness.core import Cause, Clock, ModelError, ModelSpec, Reply, Request, Usage, seeded


class _Selector(selectors.DefaultSelector):
    """Passes the time that it was to wait."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.passed += timeout or 0.0
        return super().select(0)


class VirtualClock(Clock):
    """The time of the running loop."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.monotonic(), UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def run_virtually(scene: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What a coroutine gives, without a wait; the same each time."""
    selector = _Selector()

    def loop() -> asyncio.AbstractEventLoop:
        made = asyncio.SelectorEventLoop(selector)
        made.time = lambda: selector.passed
        made._clock_resolution = 1e-9
        return made

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(scene())


class Served:
    """A server behind a model: what it takes at once or a minute, and how long an answer takes."""

    def __init__(
        self,
        *,
        at_once: Callable[[float], float] = lambda _: float("inf"),
        seconds: Callable[[int], float] = lambda _: 0.1,
        a_second: float | None = None,
        burst: float = 10.0,
        a_minute: int | None = None,
        asks: float | None = None,
        spread: float = 0.0,
    ) -> None:
        """``at_once``: by the time; ``seconds``: by the requests in flight; ``spread``: sigma of its logarithm."""
        self.spec = ModelSpec(name="served", backend="none")
        self.at_once, self.seconds, self.asks, self.spread = at_once, seconds, asks, spread
        self.a_second, self.burst, self.bucket, self.filled = a_second, burst, burst, 0.0
        self.a_minute = a_minute
        self.in_flight = self.most = 0
        self.arrived: list[tuple[float, bool]] = []  # when, and whether it was taken
        self.chance = seeded("served")

    async def answer(self, request: Request) -> Reply:
        loop = asyncio.get_running_loop()
        now = loop.time()
        taken = self.in_flight < self.at_once(now)
        if self.a_second:
            self.bucket = min(self.burst, self.bucket + (now - self.filled) * self.a_second)
            self.filled = now
            taken = taken and self.bucket >= 1
            self.bucket -= taken
        if self.a_minute:
            taken = taken and sum(ok for at, ok in self.arrived if at // 60 == now // 60) < self.a_minute
        self.arrived.append((now, taken))
        if not taken:
            await asyncio.sleep(0.002)
            raise ModelError(Cause.RATE_LIMIT, "HTTP 429: too many", http_status=429, retry_after_s=self.asks)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await asyncio.sleep(self.seconds(self.in_flight) * self.chance.lognormvariate(0, self.spread))
        finally:
            self.in_flight -= 1
        return Reply(text="yes", usage=Usage(input=80, output=20, source="provider"))

    def refused(self, since: float = 10.0) -> float:
        """The share that was refused of what came later than ``since``."""
        later = [ok for at, ok in self.arrived if at >= since]
        return 1 - sum(later) / len(later) if later else 0.0

"""A clock that tests of retries and rates hold still."""

import asyncio
from datetime import UTC, datetime


class ManualClock:
    """A clock that moves only when something sleeps on it; for tests of retries and rates."""

    def __init__(self, start: float = 0.0) -> None:
        self.time = start
        self.slept: list[float] = []

    def now(self) -> datetime:
        """The wall clock: the epoch plus the time slept."""
        return datetime.fromtimestamp(self.time, UTC)

    def monotonic(self) -> float:
        """The time slept so far."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Moves the clock and yields once."""
        self.slept.append(seconds)
        self.time += max(0.0, seconds)
        await asyncio.sleep(0)

    async def wait(self, future: asyncio.Future[None]) -> None:
        """Waits for what somebody else settles; the clock stands still."""
        await future

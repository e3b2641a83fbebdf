"""Seams for time and chance, so that a test can hold both still."""

import asyncio
import hashlib
import random
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the running half may know of time."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits for real."""
        await asyncio.sleep(seconds)


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


def seeded(*parts: object) -> random.Random:
    """A random generator fixed by ``parts``: the same parts give the same numbers on any machine and in any order."""
    text = "\x1f".join(str(part) for part in parts)
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))  # noqa: S311 - no secret

"""Servers that count by the minute and say in their headers what is left, as providers do."""

import asyncio
from collections.abc import Callable, Mapping

from virtual import Served

from harness.core import Cause, ModelError, Reply, Request, Usage
from harness.model.remaining import hear

Headers = Callable[[float, float, float], Mapping[str, str]]


def openai_headers(most: float, left: float, reset_s: float, what: str = "requests") -> dict[str, str]:
    """A span in milliseconds below a second, else in minutes and seconds with their fractions."""
    minutes, seconds = divmod(reset_s, 60)
    span = (
        f"{reset_s * 1000:.0f}ms" if reset_s < 1 else f"{minutes:.0f}m{seconds:.3f}s" if minutes else f"{seconds:.3f}s"
    )
    name = "x-ratelimit-{}-" + what
    return {name.format("limit"): f"{most:.0f}", name.format("remaining"): f"{left:.0f}", name.format("reset"): span}


def whole_headers(most: float, left: float, reset_s: float) -> dict[str, str]:
    """Of the drafts of the IETF: whole seconds."""
    return {"ratelimit-limit": f"{most:.0f}", "ratelimit-remaining": f"{left:.0f}", "ratelimit-reset": f"{reset_s:.0f}"}


class Telling(Served):
    """Allows ``most`` in a minute, by a bucket that fills evenly, or by windows of a minute, and says what is left."""

    def __init__(
        self, most: float, *, bucket: bool, headers: Headers | None, asks: bool = False, amount: float = 1.0, **rules
    ) -> None:
        """``asks``: whether a refusal says how long to wait; ``amount``: of what is counted, that a request takes."""
        super().__init__(**rules)
        self.allowed, self.is_bucket, self.headers, self.says, self.amount = most, bucket, headers, asks, amount
        self.there, self.at = most, 0.0

    async def answer(self, request: Request) -> Reply:
        now = asyncio.get_running_loop().time()
        if self.is_bucket:
            self.there = min(self.allowed, self.there + (now - self.at) * self.allowed / 60)
        elif now // 60 != self.at // 60:
            self.there = self.allowed
        self.at = now
        taken = self.there >= self.amount
        self.there -= self.amount * taken
        self.arrived.append((now, taken))
        left = int(self.there)
        reset_s = 60 * (1 - self.there / self.allowed) if self.is_bucket else 60 - now % 60
        if self.headers is not None:
            hear(self.headers(self.allowed, left, reset_s))
        if not taken:
            await asyncio.sleep(0.002)
            next_s = (self.amount - self.there) * 60 / self.allowed if self.is_bucket else reset_s
            wait = next_s if self.says else None
            raise ModelError(Cause.RATE_LIMIT, "HTTP 429: too many", http_status=429, retry_after_s=wait)
        await asyncio.sleep(self.seconds(0) * self.chance.lognormvariate(0, self.spread))
        return Reply(text="yes", usage=Usage(input=80, output=20, source="provider"))

"""What is left of a provider's limits for one model, as its answers tell: who finds nothing left waits a little.

An answer that tells that R are left was counted with all requests before its own; what was sent after it is taken off.
Then a limit fills as it says: by the time that a bucket takes to be full (the limit's share of a second, a minute, an
hour or a day), else at once, at the reset. Headers hold requests back, and never let more through than without them;
what they say is believed as far as it can be true, so that no header can stop a run.
"""

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

from harness.model.remaining import REQUESTS, TOKENS, Left

PERIODS_S = (1.0, 10.0, 60.0, 3_600.0, 86_400.0)  # in which a bucket fills
LONGEST_S = 90.0  # for which a request is held back; then one is sent, and its refusal tells what to do
NEAR = 0.05  # of a reset, by which it may be off
LATE_S = 0.05  # after a reset, before which nothing is sent: what is said is rounded
MANY = 500  # answers that decide together whether it is a bucket
LIES = 2  # resets in a row after which as little was left as before, and a limit is no longer believed


class Ticket(NamedTuple):
    """A request: its number, what was taken by then, its own included, and its tokens."""

    number: int
    taken: tuple[float, float]  # requests, tokens
    tokens: float


class _Limit:
    """What is left of one limit."""

    def __init__(self) -> None:
        self.heard = 0  # the number of the newest request that told
        self.most, self.left, self.at = inf, inf, 0.0
        self.unit_s = 0.0  # in which there is one more; 0: it comes back at once, at
        self.reset = inf
        self._period_s = 0.0  # in which a bucket fills
        self._told, self._like = 0, 0.0  # answers that told, and the share of them that tell of a bucket
        self._since: float | None = None  # what was taken up to the last reset that was waited for
        self._lies = 0
        self.waited = False

    def tell(self, told: Left, then: float, taken: float, now: float) -> None:
        """What the newest answer says; ``then``: what was taken up to its request; ``taken``: up to now."""
        self._doubt(told, then)
        self.at = now
        self.most = inf if told.most is None else told.most
        self.left = told.left - (taken - then)
        self.unit_s, self.reset = self._unit_s(told), inf
        if self._lies >= LIES:
            self.left = self.most = inf
        elif not self.unit_s:
            self.reset = now + told.reset_s + (1.0 if told.whole else LATE_S)

    def _doubt(self, told: Left, taken: float) -> None:
        """Counts resets that brought nothing: nobody may wait for what does not come."""
        if self._since is not None and taken > self._since:
            here = (inf if told.most is None else told.most) - (taken - self._since)
            self._lies = self._lies + 1 if told.left == 0 and here >= 1 else 0
            self._since = None

    def _unit_s(self, told: Left) -> float:
        """Of a bucket, the seconds in which there is one more; 0 where most of what was told is not like a bucket."""
        period_s = _period_s(told)
        self._told = min(self._told + 1, MANY)
        self._like += (bool(period_s) - self._like) / self._told
        self._period_s = period_s or self._period_s
        return self._period_s / self.most if self._like > 0.5 and self.most < inf else 0.0

    def wait(self, amount: float, taken: float, now: float) -> float:
        """Seconds until so much is there."""
        if now >= self.reset:
            self._reset(self.most, taken)
        elif self.unit_s:
            self.left, self.at = min(self.most, self.left + (now - self.at) / self.unit_s), now
        lacks = min(amount, self.most) - self.left
        if lacks <= 1e-9:
            return 0.0
        self.waited = True
        return lacks * self.unit_s if self.unit_s else self.reset - now

    def lift(self, taken: float) -> None:
        """Waits no longer for a reset."""
        if not self.unit_s:
            self._reset(inf, taken)

    def _reset(self, left: float, taken: float) -> None:
        self.left, self.reset = left, inf
        self._since, self.waited = taken if self.waited else None, False


def _period_s(told: Left) -> float:
    """In which a bucket fills of which this is told; 0 where it would be full at another time."""
    if told.most is None or told.left >= told.most:
        return 0.0
    for period_s in PERIODS_S[told.whole :]:  # whole seconds do not tell a bucket of one second
        full_s = period_s * (1 - told.left / told.most)
        if abs(told.reset_s - full_s) <= NEAR * full_s + 0.002 + told.whole:
            return period_s
    return 0.0


class Quota:
    """The limits of one model, and what was taken of them."""

    def __init__(self) -> None:
        self._limits: dict[str, _Limit] = {}
        self._number, self._held_since = 0, inf
        self._requests = self._tokens = 0.0  # that were taken

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens are limited."""
        return TOKENS in self._limits

    def wait(self, tokens: float, now: float) -> float:
        """Seconds until a request of so many tokens may be sent."""
        if not self._limits:
            return 0.0
        each = [(one, *self._of(kind, tokens)) for kind, one in self._limits.items()]
        wait = max(one.wait(amount, taken, now) for one, amount, taken in each)
        self._held_since = min(self._held_since, now) if wait > 0 else inf
        if now - self._held_since < LONGEST_S:
            return wait
        for one, _, taken in each:
            one.lift(taken)
        return 0.0

    def take(self, tokens: float) -> Ticket:
        """Sends a request."""
        self._number, self._held_since = self._number + 1, inf
        self._requests += 1.0
        self._tokens += tokens
        for kind, one in self._limits.items():
            one.left -= self._of(kind, tokens)[0]
        return Ticket(self._number, (self._requests, self._tokens), tokens)

    def give_back(self, ticket: Ticket) -> None:
        """A request that was refused, or not sent, took nothing."""
        self._requests -= 1.0
        self._tokens -= ticket.tokens
        for kind, one in self._limits.items():
            one.left += self._of(kind, ticket.tokens)[0] * (ticket.number > one.heard)

    def tell(self, ticket: Ticket, told: Mapping[str, Left], now: float) -> None:
        """What the answer to a request says is left, where no newer one has said it."""
        for kind, left in told.items():
            limit = self._limits.setdefault(kind, _Limit())
            if ticket.number > limit.heard:
                limit.heard = ticket.number
                limit.tell(left, ticket.taken[kind == TOKENS], self._of(kind, 0.0)[1], now)

    def _of(self, kind: str, tokens: float) -> tuple[float, float]:
        """What a request takes of a limit, and what was taken of it."""
        return (1.0, self._requests) if kind == REQUESTS else (tokens, self._tokens)

    def held(self) -> str:
        """What requests wait for, in words; empty where none does."""
        kinds = [(kind, one) for kind, one in self._limits.items() if one.waited and one.left < 1]
        return ", ".join(f"{max(0, int(one.left))} of {one.most:,.0f} {kind} left" for kind, one in kinds[:1])

"""What a user allows a minute: spread evenly, and never more in any minute."""

from collections import deque
from dataclasses import dataclass
from math import inf

MINUTE_S = 60.3  # who counts has another clock, and requests are on their way for a moment
_LATE_S = 0.1  # a wait may end late by this without a loss: what follows makes it good


@dataclass(slots=True, eq=False)
class Taken:
    """An amount that was started."""

    at: float  # when; past all minutes once it no longer counts
    amount: float


_FREE = Taken(-inf, 0.0)  # of what is not limited


class Pace:
    """The generic cell rate algorithm (ITU-T I.371), and beside it what was started in the last minute.

    In any span of ``t`` seconds at most ``per_minute * (t + 0.1) / 60`` plus one amount start; in a minute never more
    than ``per_minute``, but for a single amount that is larger. An infinite amount is one that nobody knows yet: all
    that is left of the minute, until it is corrected.
    """

    def __init__(self, per_minute: float | None) -> None:
        self._per_minute = per_minute or inf
        self.limited = self._per_minute < inf  # whether there is a limit
        self._minute_s, self._late_s = MINUTE_S, _LATE_S
        self._next, self._sum = -inf, 0.0
        self._taken: deque[Taken] = deque()

    def lend(self, within_s: float) -> None:
        """From now on others start what this one allows, at the latest so many seconds after; they ask now and then."""
        self._minute_s, self._late_s = MINUTE_S + within_s, within_s

    def wait(self, amount: float, now: float) -> float:
        """Seconds until ``amount`` may start; 0 without a limit."""
        if not self.limited:
            return 0.0
        while self._taken and self._taken[0].at <= now - self._minute_s:
            gone = self._taken.popleft()
            self._sum -= gone.amount
            gone.at = -inf
        wait, over = max(0.0, self._next - now), self._sum + self._known(amount) - self._per_minute
        for one in self._taken if over > 1e-9 else ():
            wait, over = max(wait, one.at + self._minute_s - now), over - one.amount
            if over <= 1e-9:
                break
        return wait

    def take(self, amount: float, now: float) -> Taken:
        """Starts ``amount`` now."""
        if not self.limited:
            return _FREE
        taken = Taken(now, amount := self._known(amount))
        start = self._next if now - self._next <= self._late_s else now
        self._next = start + amount * self._minute_s / self._per_minute
        self._taken.append(taken)
        self._sum += amount
        return taken

    def _known(self, amount: float) -> float:
        return amount if amount < inf else max(1.0, self._per_minute - self._sum)

    def correct(self, taken: Taken, amount: float) -> None:
        """What was started turns out to be ``amount``."""
        if self.limited:
            self._next += (amount - taken.amount) * self._minute_s / self._per_minute
            self._sum += (amount - taken.amount) * (taken.at > -inf)
            taken.amount = amount

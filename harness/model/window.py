"""How many requests an endpoint takes at once, found while it is used: additive increase, multiplicative decrease.

A refusal says that too much was in flight: the level falls to what still is, and by three tenths of that where the
first request after a fall is refused as well. One alone, at a level that was fine, may be chance, unless it asks for a
wait. Where nothing was in flight it is the rate that is refused, a drought: requests wait, twice as long each time. The
first answer ends it: as many at once as before, but at the rate that was accepted between the ends of two droughts. So
a quota by the minute is measured over whole minutes.

Answers tell what a level is worth. As many requests as the level has places are a cohort, and by Little's law (1961)
the level divided by their mean latency is the rate at which the endpoint answers. A higher level stays where it brings
at least a tenth of its share, a lower one where it costs less than that. What noise hides is decided for the higher.
"""

import enum
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import hypot, inf, sqrt

START = 64  # the level to begin with, where the bound is not below
LESS = 0.7
TELLING = 1.25  # a rise by less is not judged: what else changes would hide it
WORTH = 0.1  # of its share of the rate, that a request more in flight has to bring
SLOWER = 2.0  # times the latency at the same level, from which on a lower one is tried
REST = 50  # answers between two tries of a higher level; after each that fails twice as many, up to
LONGEST_REST = 100
CALM = 50  # times the wait that a provider asks for with a refusal: no higher level is tried for so long
PAUSE_S, LONGEST_PAUSE_S = 0.1, 30.0  # where a request is refused with no other in flight
STORMS = 11  # such refusals in a row, a minute in all, after which no further request is tried
MOSTLY = 0.85  # share of one core that this process may use before latencies are taken for its own
EASE_S, LONGEST_EASE_S = 65.0, 1_000.0  # after which a rate that was refused is tried again: many count by the minute
FULL = 0.95  # of its places in use: then the answer tells of a level
QUICK_S = 0.2  # an answer within which a first rise may be a steep one
SHORTER = 0.95  # times the time that each request accepted took: who counts by the minute gives more than its mean
LONGER = 1.5  # times the gap between requests, after one more drought, at most
EVEN, LONG_S = 0.5, 0.5  # of the mean time between two answers, where they take longer than this
FEW = 8  # levels below this are not looked under without a reason


class End(enum.Enum):
    """How a request ended, as far as its endpoint is concerned."""

    ANSWERED = enum.auto()
    REFUSED = enum.auto()  # too many requests
    LATE = enum.auto()  # no answer in time
    OTHER = enum.auto()


@dataclass(slots=True, eq=False)
class Sent:
    """A request in flight."""

    at: float
    cut: int  # falls of the level before it was sent
    cohort: int  # that it belongs to; 0: none


class Window:
    """The places of one endpoint. Knows no clock but the times that it is told."""

    def __init__(
        self, bound: int, *, adaptive: bool = True, chance: random.Random, cpu: Callable[[], float] = time.process_time
    ) -> None:
        self.bound, self.adaptive = 0, adaptive
        self.in_flight = 0
        self.storms = 0  # refusals in a row that met no other request in flight
        self.refusing = False  # nothing was answered since the last refusal
        self.paused_until = -inf
        self.answers = 0  # in all
        self.gap_s = 0.0  # between two requests
        self._chance, self._cpu = chance, cpu
        self._next = -inf  # before which the gap lets none start
        self._pauses, self._pause_began = 0.0, -inf  # seconds of pauses before the present one, and when that began
        self._cuts, self._held = 0, True  # falls of the level; whether a request was answered that was sent since
        self._opened, self._accepted, self._asked_s = -inf, 0, 0.0  # the end of the last drought, and what came since
        self._fine = 0  # the level at which requests were last refused
        self._easing, self._gap_rest, self._eased_at = 0.95, 0, -inf
        self._ease_s, self._eased = EASE_S, False  # whether a shorter gap was tried since the last drought
        self._rest, self._next_rest, self._calm_until = 0, REST, -inf
        self._looked_lower = False
        self._latency = 0.0  # seconds of the last answers
        self._cohort, self._answered = 0, 0  # answers since the last refusal
        self.widen(bound)

    def widen(self, more: int) -> None:
        """Raises the bound, before anything is sent."""
        self.bound += more
        self.level = min(self.bound, START) if self.adaptive else self.bound
        self._step = self.level
        self._base = (self.level, 0.0, 0.0)  # level, seconds an answer (0: unknown) and their relative error
        self._begin(0.0)
        if self.level < self.bound:  # nothing is compared yet: those that fill the places for the first time are enough
            self._wanted = 1 + int((1 - FULL) * self.level)

    def wait(self, now: float) -> float:
        """Seconds until a request may be sent; infinite where one in flight has to end first."""
        if self.in_flight >= self.level:
            return inf
        if now >= self.paused_until and now >= self._next:
            return 0.0
        return max(self.paused_until, self._next) - now

    def sent(self, now: float) -> Sent:
        """Takes a place."""
        self.in_flight += 1
        if gap := max(self.gap_s, self._even_s()):
            self._next = (self._next if now - self._next <= 0.1 else now) + gap
        counted = self.adaptive and self._members < self._wanted and self.in_flight >= FULL * self.level
        if counted:
            self._members += 1
            self._open += 1
        return Sent(now, self._cuts, self._cohort if counted else 0)

    def _even_s(self) -> float:
        """The gap that keeps requests which end together from being sent together, once one was refused."""
        return EVEN * self._latency / self.level if self._cuts and self._latency > LONG_S else 0.0

    def ended(self, sent: Sent, now: float, end: End, asked: float | None = None) -> None:
        """Gives the place back. ``asked``: the seconds to wait that came with the answer."""
        self.in_flight -= 1
        if end is End.ANSWERED:
            if self.storms:
                self._reopen(now)
            self.refusing, self.storms = False, 0
            self.answers += 1
            self._accepted += 1
            self._answered += 1
            self._latency += (now - sent.at - self._latency) / (8 if self._latency else 1)
            self._held = self._held or sent.cut == self._cuts
            self._rest -= 1
            if self.gap_s:
                self._ease(now)
        if sent.cohort == self._cohort:
            self._count(now - sent.at, end)
        if end is End.REFUSED:
            self._refused(sent, now, asked)
        elif asked is not None:
            self.pause(now, now + asked)
        if sent.cohort == self._cohort and self._members == self._wanted and not self._open:
            self._judge(now)

    def paused_before(self, now: float) -> float:
        """Seconds of all pauses up to a time."""
        return self._pauses + max(0.0, min(now, self.paused_until) - self._pause_began) * (self._pause_began > -inf)

    # ----------------------------------------------------------------------------------------------------- refusals

    def _refused(self, sent: Sent, now: float, asked: float | None) -> None:
        left = self.in_flight
        alone = asked is None and self._answered >= self.level and 0 < left < self._base[0]
        self._answered = 0
        self.refusing = True
        if asked is not None:
            self.pause(now, now + asked)
            self._calm_until = now + CALM * asked
        if self.adaptive and not alone:
            if self._held:
                self._fine = self.level
            if sent.cut != self._cuts:  # sent before the level fell: the last of them tells how much was accepted
                level = left
            elif self._held:
                level, self._step = left, 1
                self._rest, self._next_rest = self._next_rest, min(2 * self._next_rest, LONGEST_REST)
            else:
                level, self._rest = int(LESS * left), 0
                self._step = max(1, level // 4)
            if sent.cut == self._cuts:
                self._cuts, self._held = self._cuts + 1, False
            self.level = max(1, min(self.level, level))
            self._base = (self.level, 0.0, 0.0)
            self._begin(now)
        if left == 0:
            self.storms += 1
            wait = min(LONGEST_PAUSE_S, PAUSE_S * 2 ** (self.storms - 1)) * self._chance.uniform(1, 1.25)
            self.pause(now, now + max(wait, asked or 0.0))
            self._asked_s += asked or 0.0

    def _reopen(self, now: float) -> None:
        """Ends a drought: the level is fine again, at the rate accepted since the end of the last one."""
        if self.adaptive:
            self.level = max(self.level, self._fine)
            self._base, self._step = (self.level, 0.0, 0.0), 1
            self._begin(now)
        if self._opened > -inf and self._accepted:
            gap = SHORTER * max(0.0, now - self._opened - self._asked_s) / self._accepted
            if self.gap_s:
                gap = min(max(gap, 1.02 * self.gap_s), LONGER * self.gap_s)
            self.gap_s = gap if gap > 0.001 else 0.0
            if self._eased:
                self._ease_s = min(2 * self._ease_s, LONGEST_EASE_S)
            self._easing, self._gap_rest, self._eased_at, self._eased = 0.95, REST, now + self._ease_s, False
        self._opened, self._accepted, self._asked_s = now, 0, 0.0

    def _ease(self, now: float) -> None:
        """Shortens the gap, once nothing was refused for a while."""
        self._gap_rest -= 1
        if self._gap_rest <= 0 and now >= self._eased_at:
            self._eased = True
            self.gap_s *= self._easing
            self._easing *= self._easing
            self._gap_rest = REST
            if self.gap_s < 0.001:
                self.gap_s, self._next = 0.0, -inf

    def pause(self, now: float, until: float) -> None:
        """Lets nobody in before ``until``."""
        if now >= self.paused_until:
            self._pauses = self.paused_before(now)
            self._pause_began = now
        self.paused_until = max(self.paused_until, until)

    # ------------------------------------------------------------------------------------------------------ latency

    def _begin(self, now: float) -> None:
        """Begins a cohort."""
        self._cohort += 1
        self._wanted, self._members, self._open, self._answers = self.level, 0, 0, 0
        self._sum = self._squares = 0.0
        self._began, self._cpu_began = now, self._cpu() if self.adaptive else 0.0

    def _count(self, seconds: float, end: End) -> None:
        self._open -= 1
        if end is End.ANSWERED:
            self._answers += 1
            self._squares += seconds * seconds
        if end in {End.ANSWERED, End.LATE}:
            self._sum += seconds
        else:
            self._members -= 1

    def _judge(self, now: float) -> None:
        """Says at the end of a cohort which level is next."""
        base, base_cost, base_error = self._base
        if not self._answers:
            self.level = max(1, int(LESS * self.level))
            self._base = (self.level, 0.0, 0.0)
            self._begin(now)
            return
        cost, n = self._sum / self._answers, self._answers
        error = sqrt(max(0.0, self._squares / n - (self._sum / n) ** 2) / n) / cost if cost > 0 else 0.0
        ours = self._cpu() - self._cpu_began >= MOSTLY * (now - self._began)
        known = base_cost > 0 and cost > 0 and not ours
        share = self.level / base
        rate = share * base_cost / cost if known else share
        noise = rate * hypot(error, base_error) if known else 0.0
        if share >= TELLING and known and rate + 2 * noise < 1 + WORTH * (share - 1):
            self._hold(base)
            if rate + 2 * noise < 1:
                self._lower()
        elif share > 1:
            if share >= TELLING or self.level == self.bound or not known:
                self._settle(cost, error)
            self._step *= 2
            self._rest, self._next_rest = 0, REST
            self._raise(now)
        elif share < 1 and known and rate - noise >= 1 - WORTH * (1 - share):
            self._settle(cost, error)
            self._lower(0.5 if rate > 1 + WORTH else LESS)
        elif share < 1:
            self._hold(base)
        elif known and cost * (1 - 2 * error) > SLOWER * base_cost:
            self._settle(cost, error)
            self._lower()
        else:
            self._settle(0.7 * base_cost + 0.3 * cost if known else cost, error)
            if self.level < self.bound and self._rest <= 0:
                if not self._looked_lower and not self._cuts and cost < QUICK_S:
                    self._step = 3 * self.level
                self._raise(now)
            elif not (self._looked_lower or self._cuts or ours) and self.level >= FEW:
                self._lower()
        self._begin(now)

    def _settle(self, cost: float, error: float) -> None:
        self._base = (self.level, cost, error)

    def _hold(self, level: int) -> None:
        """Goes back to the level before, and leaves it at that for a while."""
        self.level, self._step = level, 1
        self._rest, self._next_rest = self._next_rest, min(2 * self._next_rest, LONGEST_REST)

    def _raise(self, now: float) -> None:
        if now >= self._calm_until:
            self.level = min(self.bound, self.level + self._step)
            self._looked_lower = True

    def _lower(self, to: float = LESS) -> None:
        self.level = max(1, int(to * self.level))
        self._looked_lower = True

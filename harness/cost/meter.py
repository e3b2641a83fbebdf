"""The run's budget, and the time of a machine that requests share; not for use from several threads."""

from collections import Counter

from harness.core import Cause, Cost, ModelError, plural


class AttemptMeter:
    """Counts what is spent, by one attempt, and stops it above its limit."""

    def __init__(self, limit_usd: float | None = None) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = 0.0  # dollars known to be spent; where ``unknown`` is not 0, a lower bound
        self.unknown = 0  # how many costs were unknown; a limit cannot hold those

    def spend(self, cost: Cost) -> None:
        """Adds the cost of a call."""
        if cost.usd is None:
            self.unknown += 1
        else:
            self.spent_usd += cost.usd

    def __str__(self) -> str:
        return f"${self.spent_usd:.4f}" + (
            f" and {plural(self.unknown, 'call')} of unknown cost" if self.unknown else ""
        )

    def check(self) -> None:
        """Raises ModelError once the limit is passed; the cause is ``too_dear``, the contender's own fault."""
        if self.limit_usd is not None and self.spent_usd > self.limit_usd:
            text = f"the attempt has cost ${self.spent_usd:.4f}, more than ${self.limit_usd:g} (budget.attempt_usd)"
            raise ModelError(Cause.TOO_DEAR, text)


class Reservation(AttemptMeter):
    """Dollars held for an attempt in flight; given back by `Meter.settle`."""

    def __init__(self, key: str, usd: float) -> None:
        super().__init__()
        self.key, self.usd = key, usd

    @property
    def rest(self) -> float:
        """What is not spent of it."""
        return max(0.0, self.usd - self.spent_usd)


class Meter:
    """Counts what a run has spent and holds money for the attempts in flight: `admit`, `spend` each call, `settle`.

    An attempt begins only while spent + reserved + its own estimate, the dearest attempt so far of its kind (``key``),
    stays within the budget; of a kind that has finished none, one at a time, unless ``attempt_usd`` bounds it. So the
    overshoot is at most what the attempts in flight cost beyond their estimates. An attempt with a call of unknown cost
    keeps the rest of its reservation for good: something was spent; where nothing was held for it, no further attempt
    begins. For a try that came to nothing and may be billed, the price of a call is kept. Answers that a journal or
    cache gave are not spent again: do not pass them.
    """

    def __init__(
        self,
        *,
        usd: float | None = None,
        attempt_usd: float | None = None,
        wall_s: float | None = None,
        started: float = 0.0,
    ) -> None:
        """The run's limits, ``None`` for none; ``started`` is the monotonic time at which it began, in seconds."""
        self.usd, self.attempt_usd, self.wall_s = usd, attempt_usd, wall_s
        self.all = AttemptMeter()
        self._started = started
        self._kept = 0.0
        self._lost = Counter[str]()  # by model: calls and tries of unknown cost for which no attempt's money is kept
        self._dearest_call: dict[str, float] = {}  # by model
        self._flying: set[Reservation] = set()
        self._dearest: dict[str, float] = {}
        self._refused: str | None = None
        self._blind: str | None = None  # a kind whose first attempts have no known cost and no estimate

    @property
    def in_flight(self) -> int:
        """Attempts admitted and not settled."""
        return len(self._flying)

    @property
    def reserved_usd(self) -> float:
        """Dollars held for attempts in flight, and for what stayed unknown."""
        return sum(reservation.rest for reservation in self._flying) + self.kept_usd

    @property
    def kept_usd(self) -> float:
        """Dollars held for good. A lost try is taken for the dearest call of its model, also of those after it."""
        unpriced = self.attempt_usd or 0.0
        return self._kept + sum(count * self._dearest_call.get(name, unpriced) for name, count in self._lost.items())

    @property
    def dearest(self) -> dict[str, float]:
        """By kind, its dearest attempt so far."""
        return dict(self._dearest)

    def estimate(self, key: str) -> float | None:
        """What an attempt of this kind may cost; ``None``: none has ended, and nothing bounds it."""
        dearest, most = self._dearest.get(key), self.attempt_usd
        return most if dearest is None else dearest if most is None else min(dearest, most)

    def admit(self, key: str = "") -> Reservation | None:
        """Money for one more attempt, or ``None``: wait for one in flight to settle; without any, see `exhausted`."""
        usd = self.estimate(key)
        if self.usd is not None:
            if usd is None and any(flying.key == key for flying in self._flying):
                return None
            spent = self.all.spent_usd
            if spent >= self.usd or spent + self.reserved_usd + (usd or 0) > self.usd:
                if not self._flying:
                    self._refused = self.over_text(usd)
                return None
        self._refused = None
        reservation = Reservation(key, usd or 0.0)
        self._flying.add(reservation)
        return reservation

    def spend(self, cost: Cost, reservation: Reservation | None = None, *, model: str = "", lost: int = 0) -> None:
        """Adds the cost of a call of ``model``, of an attempt in flight or of none (a probe, or an earlier run's).

        ``lost``: its tries that may be billed, of unknown cost, besides.
        """
        if reservation is not None:
            reservation.spend(cost)
        elif cost.usd is None:
            self._lost[model] += 1
        if cost.usd:
            self._dearest_call[model] = max(cost.usd, self._dearest_call.get(model, 0.0))
        self.all.spend(cost)
        self.all.unknown += lost
        self._lost[model] += lost

    def keep(self, usd: float) -> None:
        """Holds dollars for good: so much may have been spent, and nobody will ever know."""
        self._kept += usd

    def expect(self, key: str, usd: float) -> None:
        """An earlier attempt of this kind cost so much: the next one may."""
        if usd >= self._dearest.get(key, 0.0):
            self._dearest[key] = usd

    def settle(self, reservation: Reservation) -> None:
        """The attempt is over: what is left of its reservation is free again. Raises KeyError: it was so before."""
        self._flying.remove(reservation)
        kept = reservation.rest if reservation.unknown else 0.0
        self.keep(kept)
        cost = reservation.spent_usd + kept
        if reservation.unknown and not cost:
            self._blind = self._blind or reservation.key or "an attempt"
        self.expect(reservation.key, cost)

    def exhausted(self, now: float) -> str | None:
        """Why no further attempt may begin, or ``None``; ``now`` is the monotonic time in seconds."""
        if self.wall_s is not None and now - self._started >= self.wall_s:
            return f"the run's {self.wall_s:g} s are over (budget.wall_s)"
        if self.usd is not None and self.all.spent_usd >= self.usd:
            return self.over_text(None)
        if (blind := self.blind_text) is not None:
            return blind
        return self._refused if not self._flying else None

    @property
    def blind_text(self) -> str | None:
        """Why the budget cannot be kept: an attempt ended of which nobody knows what it cost."""
        if self.usd is None or self._blind is None:
            return None
        why = "its replies state no usage, or tokens of a class without a price"
        return f"what {self._blind} costs is not known, so budget.usd cannot be kept: {why}"

    def over_text(self, usd: float | None, elsewhere_usd: float = 0.0) -> str:
        """That the budget is spent; ``usd`` is what the next attempt may cost, ``elsewhere_usd`` what others hold."""
        text = f"${self.all.spent_usd:.4f} of ${self.usd or 0:g} are spent (budget.usd)"
        if kept := self.kept_usd + elsewhere_usd:
            text += f", ${kept:.4f} are held for calls of unknown cost"
        return text + (f", the next attempt may cost ${usd:.4f}" if usd else "")


class BusyTime:
    """Shares each busy second equally between the requests in flight; idle time is nobody's."""

    def __init__(self) -> None:
        self._held = 0
        self._each = 0.0  # seconds that a request would have been charged that was there all the time
        self._since = 0.0

    def enter(self, now: float) -> float:
        """A request begins; what `leave` is given when it ends. ``now`` is the monotonic time in seconds."""
        self._pass(now)
        self._held += 1
        return self._each

    def leave(self, now: float, entered: float) -> float:
        """A request ends, answered or not: its share of the machine's time, in seconds."""
        self._pass(now)
        self._held -= 1
        return self._each - entered

    def _pass(self, now: float) -> None:
        if self._held:
            self._each += (now - self._since) / self._held
        self._since = now

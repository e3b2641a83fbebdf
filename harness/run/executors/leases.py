"""Money and news between the driver of a run and its workers: who may spend what, and what all have to know.

A worker spends from a lease. It asks for more before it begins an attempt that its lease does not hold, and gives back
what it does not need when another lacks it. So what is leased and what is spent never exceed the budget together, but
for what attempts in flight cost beyond their estimates, as in one process. What a worker that died may have spent on
calls in flight, which its journal does not have, is held for good.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.cost import Meter, Reservation
from harness.run.cached import CacheUse
from harness.run.executors.permits import Permit, Used
from harness.run.otel import Receiver

SLICES = 4  # more than it lacks, a worker is given at most its share of this part of what is left


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a worker says of itself; sums are since it began."""

    spent_usd: float = 0.0
    unknown: int = 0  # calls of unknown cost
    lease_usd: float = 0.0  # what it may spend in all
    spare_usd: float = 0.0  # what of that is neither spent nor held for attempts in flight
    held_usd: float = 0.0  # held for calls of unknown cost
    in_flight: int = 0
    lacks_usd: float | None = None  # dollars without which an attempt waits; ``None``: none waits for the driver
    next_usd: float | None = None  # what that attempt may cost
    unpriced: frozenset[str] = frozenset()  # contenders of which nobody knows what an attempt costs, and one waits
    dearest: Mapping[str, float] = field(default_factory=dict)  # by contender: its dearest attempt
    blind: str | None = None  # why no budget can be kept
    broken: Mapping[str, str] = field(default_factory=dict)  # models and judges that nothing more is sent to, and why
    pauses: Mapping[str, float] = field(default_factory=dict)  # by model: seconds for which its server asks to wait
    judges: Mapping[str, float] = field(default_factory=dict)  # by judge: dollars
    wanted: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # requests that lack a permit: their tokens
    used: tuple[Used, ...] = ()  # what came of permits since it was said last
    cache: CacheUse | None = None  # ``None``: it has none
    cache_notes: tuple[str, ...] = ()
    spans: Receiver | None = None  # what became of its spans; ``None``: it makes none
    counts: Mapping[str, int] = field(default_factory=dict)  # attempts that passed, failed, errored
    causes: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)

    @property
    def overdrawn_usd(self) -> float:
        """What it has spent beyond its lease: what it lacks has that in it, and what is free is without it already."""
        return max(0.0, self.spent_usd - self.lease_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the driver tells a worker."""

    more_usd: float = 0.0  # is added to its lease
    give_back: bool = False  # it keeps what is spent or held, and no more
    may_try: frozenset[str] = frozenset()  # contenders of unknown cost of which it may begin one attempt
    dearest: Mapping[str, float] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    pauses: Mapping[str, float] = field(default_factory=dict)
    judges: Mapping[str, float] = field(default_factory=dict)  # by judge: what all others have spent
    permits: Mapping[str, tuple[Permit, ...]] = field(default_factory=dict)
    over: str | None = None  # why no further attempt begins


class LeasedMeter(Meter):
    """The meter of one worker. Its ``usd`` is a lease, where there is a budget at all."""

    def __init__(self, *, lease_usd: float | None, attempt_usd: float | None = None) -> None:
        super().__init__(usd=lease_usd, attempt_usd=attempt_usd)
        self.over: str | None = None  # why no further attempt begins
        self.lacks_usd: float | None = None
        self.next_usd: float | None = None
        self.unpriced: set[str] = set()
        self._may_try: frozenset[str] = frozenset()

    @property
    def in_flight(self) -> int:
        """Attempts in flight, and one more for as long as the driver may still give something."""
        return self.begun + (self.over is None)

    @property
    def begun(self) -> int:
        """Attempts in flight."""
        return len(self._flying)

    @property
    def spare_usd(self) -> float:
        """What of the lease is neither spent nor held."""
        return max(0.0, (self.usd or 0.0) - self.all.spent_usd - self.reserved_usd)

    def admit(self, key: str = "") -> Reservation | None:
        """Money for one more attempt, or ``None``: it waits for one to settle, or for the driver."""
        usd = self.estimate(key)
        if self.usd is None:
            return super().admit(key)
        unpriced = usd is None
        if unpriced and any(flying.key == key for flying in self._flying):
            return None
        if (not unpriced or key in self._may_try) and (reservation := super().admit(key)) is not None:
            return reservation
        lacks = max(0.0, (usd or 0.0) - (self.usd - self.all.spent_usd - self.reserved_usd))
        if self.lacks_usd is None or lacks > self.lacks_usd:
            self.lacks_usd, self.next_usd = lacks, usd
        self.unpriced |= {key} if unpriced else set()
        return None

    def take(self, orders: Orders) -> None:
        """Does what the driver says. What waits asks again, and is told of again if it still waits."""
        if self.usd is not None:
            self.usd += orders.more_usd
            self.usd -= self.spare_usd if orders.give_back else 0.0
        for key, usd in orders.dearest.items():
            self.expect(key, usd)
        self._may_try, self.over = orders.may_try, self.over or orders.over
        self.lacks_usd, self.next_usd, self.unpriced = None, None, set()

    def exhausted(self, now: float) -> str | None:  # noqa: ARG002 - the crew looks at the time
        """Why no further attempt may begin: the driver says so, or nobody knows what one costs."""
        return self.over or self.blind_text


class Bank:
    """The driver's side: what it has leased of the budget, and what workers told it that all have to know."""

    def __init__(self, meter: Meter, workers: int) -> None:
        """``meter`` has the budget and what was spent before, and is told what is spent; workers have numbers."""
        self._meter, self._workers = meter, workers
        self._before = meter.all.spent_usd, meter.all.unknown  # by earlier runs, and by workers that have ended
        self._heard: dict[int, Standing] = {}
        self._leased: dict[int, float] = {}  # at most so much has a worker in all
        self._told: set[int] = set()  # whose last orders have more money in them, or call some back
        self._trying: dict[str, int] = {}  # by contender of unknown cost: who may begin an attempt
        self.dearest = meter.dearest  # by contender
        self.broken: dict[str, str] = {}
        self.over: str | None = None

    def hear(self, worker: int, standing: Standing) -> None:
        """Takes down what a worker says, after it has done what it was told last."""
        self._heard[worker], self._leased[worker] = standing, standing.lease_usd
        self._told.discard(worker)
        for key, usd in standing.dearest.items():
            self.dearest[key] = max(self.dearest.get(key, 0.0), usd)
        idle = not standing.in_flight
        self._trying = {
            key: by
            for key, by in self._trying.items()
            if key not in self.dearest and not (by == worker and idle and key not in standing.unpriced)
        }
        self.broken = {**standing.broken, **self.broken}
        self.over = self.over or standing.blind
        self._count()

    def gone(self, worker: int, spent_usd: float, unknown: int, at_once: int) -> float:
        """A worker has ended: its journal says what it really spent, and of its lease the rest is free.

        But for what is returned, in dollars, and held for good: its calls in flight, ``at_once`` at most, may be billed
        though its journal has none of them, and so may those of unknown cost.
        """
        rest = max(0.0, self._leased.pop(worker, 0.0) - spent_usd)
        blind = worker in self._trying.values() or not self.dearest  # its last attempt may cost whatever there was
        held = rest if blind else min(rest, (at_once + unknown) * max(self.dearest.values()))
        self._meter.keep(held)
        self._heard.pop(worker, None)
        self._told.discard(worker)
        self._trying = {key: by for key, by in self._trying.items() if by != worker}
        self._before = self._before[0] + spent_usd, self._before[1] + unknown
        self._count()
        return held

    def orders(self, worker: int) -> Orders:
        """What a worker is told next."""
        standing = self._heard.get(worker, Standing())
        more = 0.0
        if self._meter.usd is not None and standing.lacks_usd is not None and self.over is None:
            more = self._grant(worker, standing, standing.lacks_usd)
        give_back = not more and standing.spare_usd > 0 and self._somebody_lacks(worker)
        if more or give_back:
            self._told.add(worker)
        pauses, judges = dict[str, float](), dict[str, float]()
        for other in (heard for number, heard in self._heard.items() if number != worker):
            pauses |= {name: max(seconds, pauses.get(name, 0.0)) for name, seconds in other.pauses.items()}
            judges |= {name: usd + judges.get(name, 0.0) for name, usd in other.judges.items()}
        return Orders(
            more_usd=more,
            give_back=give_back,
            may_try=frozenset(key for key, by in self._trying.items() if by == worker),
            dearest=dict(self.dearest),
            broken=dict(self.broken),
            pauses=pauses,
            judges=judges,
            over=self.over,
        )

    def _grant(self, worker: int, standing: Standing, lacks: float) -> float:
        """Dollars for a worker that lacks some. Where nothing is left and nothing can come back, it is over."""
        for key in standing.unpriced - self.dearest.keys():
            self._trying.setdefault(key, worker)
        if standing.spare_usd > 0 and not lacks:  # it needed leave, or what a contender costs, and no money
            return 0.0
        if 0 < (free := self._free_usd()) >= lacks - standing.overdrawn_usd:
            more = max(lacks, free / (SLICES * self._workers))
            self._leased[worker] = standing.lease_usd + more
            return more
        others = [heard for number, heard in self._heard.items() if number != worker]
        if not (self._told or standing.in_flight or any(heard.in_flight or heard.spare_usd for heard in others)):
            held = sum(heard.held_usd for heard in self._heard.values())
            self.over = self._meter.over_text(standing.next_usd, held)
        return 0.0

    def _somebody_lacks(self, but: int) -> bool:
        """Whether another worker waits for money that is not there."""
        free, others = self._free_usd(), [heard for number, heard in self._heard.items() if number != but]
        lacking = [one.lacks_usd - one.overdrawn_usd for one in others if one.lacks_usd is not None]
        return any(not 0 < free >= lacks for lacks in lacking)

    def _free_usd(self) -> float:
        """What of the budget is neither spent nor leased, nor held for what nobody knows."""
        spent = {number: heard.spent_usd for number, heard in self._heard.items()}
        held = sum(max(lease, spent.get(number, 0.0)) for number, lease in self._leased.items())
        return (self._meter.usd or 0.0) - self._before[0] - self._meter.reserved_usd - held

    def _count(self) -> None:
        everyone = self._heard.values()
        self._meter.all.spent_usd = self._before[0] + sum(heard.spent_usd for heard in everyone)
        self._meter.all.unknown = self._before[1] + sum(heard.unknown for heard in everyone)

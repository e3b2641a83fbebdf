"""Leases of money: workers that know nothing of one another spend no more than the budget, and all of it."""

import random
from collections.abc import Sequence

import pytest

from harness.core import Cost
from harness.cost import Meter
from harness.run.executors.leases import Bank, LeasedMeter, Orders, Standing


def standing(meter: LeasedMeter, **more) -> Standing:
    return Standing(
        spent_usd=meter.all.spent_usd,
        unknown=meter.all.unknown,
        lease_usd=meter.usd or 0.0,
        spare_usd=meter.spare_usd,
        in_flight=meter.begun,
        lacks_usd=meter.lacks_usd,
        next_usd=meter.next_usd,
        unpriced=frozenset(meter.unpriced),
        dearest=meter.dearest,
        blind=meter.blind_text,
        **more,
    )


class Company:
    """Workers with attempts to make, and what they tell the bank, in any order."""

    def __init__(self, chance: random.Random, *, workers: int, usd: float, costs: dict[str, float], attempts: int):
        self.chance, self.costs, self.usd = chance, costs, usd
        self.total = Meter(usd=usd)
        self.bank = Bank(self.total, workers)
        self.meters = [LeasedMeter(lease_usd=0.0) for _ in range(workers)]
        self.left = [[chance.choice([*costs]) for _ in range(attempts)] for _ in range(workers)]
        self.flying = [[] for _ in range(workers)]
        self.most_blind = 0
        self.recorded, self.lost, self.held = 0.0, 0.0, 0.0  # of the dead: in journals, in flight, held for that

    def step(self, worker: int) -> None:
        meter, left, flying = self.meters[worker], self.left[worker], self.flying[worker]
        act = self.chance.choice(["begin", "end", "tell"])
        if act == "begin" and left and meter.exhausted(0) is None and len(flying) < 4:
            if (reservation := meter.admit(left[0])) is not None:
                flying.append(reservation)
                left.pop(0)
        elif act == "end" and flying:
            reservation = flying.pop(self.chance.randrange(len(flying)))
            meter.spend(Cost(usd=self.costs[reservation.key]), reservation)
            meter.settle(reservation)
        elif act == "tell":
            self.tell(worker)
        everyone = zip(self.meters, self.flying, strict=True)
        known = self.bank.dearest.keys()
        unknown = [r.key for one, some in everyone for r in some if r.key not in one.dearest.keys() | known]
        self.most_blind = max(self.most_blind, max((unknown.count(key) for key in unknown), default=0))

    def tell(self, worker: int) -> None:
        meter = self.meters[worker]
        wanted = self.left[worker] and meter.exhausted(0) is None and len(self.flying[worker]) < 4
        if wanted and not meter.lacks_usd and (reservation := meter.admit(self.left[worker][0])) is not None:
            self.flying[worker].append(reservation)
            self.left[worker].pop(0)
        self.bank.hear(worker, standing(meter))
        meter.take(self.bank.orders(worker))

    def die(self, worker: int) -> None:
        """Of what was in flight all is billed, and nothing is in the journal; another worker begins it again."""
        dead, flying = self.meters[worker], self.flying[worker]
        self.recorded += dead.all.spent_usd
        self.lost += sum(self.costs[reservation.key] for reservation in flying)
        self.held += self.bank.gone(worker, dead.all.spent_usd, 0, 4)
        self.left[worker] = [reservation.key for reservation in flying] + self.left[worker]
        self.meters[worker], self.flying[worker] = LeasedMeter(lease_usd=0.0), []

    def end(self, deaths: Sequence[int] = ()) -> None:
        """Steps until all is made, or nobody gets money any more; a worker dies at each of ``deaths``."""
        workers, left = len(self.meters), list(deaths)
        for step in range(200_000):
            if not self.at_work:
                break
            if left and step >= left[0]:
                left.pop(0)
                self.die(self.chance.randrange(workers))
            self.step(self.chance.randrange(workers))
        assert not self.at_work, "nobody may wait for ever"
        for worker, meter in enumerate(self.meters):
            self.bank.hear(worker, standing(meter))

    @property
    def spent(self) -> float:
        return self.recorded + sum(meter.all.spent_usd for meter in self.meters)

    @property
    def at_work(self) -> bool:
        waiting = any(left and meter.exhausted(0) is None for left, meter in zip(self.left, self.meters, strict=True))
        return waiting or any(self.flying)


@pytest.mark.parametrize("seed", range(60))
def test_all_of_the_budget_is_spent_and_no_more(seed):
    chance = random.Random(seed)
    costs = {name: chance.choice([0.001, 0.01, 0.02, 0.3]) for name in ("a", "b", "c")}
    workers, attempts = chance.randint(1, 5), chance.randint(0, 60)
    usd = chance.choice([0.0, 0.005, 0.1, 1.0, 5.0, 1000.0])
    company = Company(chance, workers=workers, usd=usd, costs=costs, attempts=attempts)
    wanted = sum(costs[key] for left in company.left for key in left)
    company.end()
    dearest = max(costs.values())
    assert company.spent == pytest.approx(company.total.all.spent_usd)
    if company.bank.over is None:
        assert company.spent == pytest.approx(wanted)
    else:
        # the first of a kind is begun while its cost is unknown, as in one process
        assert usd - dearest - 1e-9 <= company.spent <= usd + sum(costs.values()) + 1e-9
        assert "are spent (budget.usd)" in company.bank.over
    assert company.most_blind <= 1


@pytest.mark.parametrize("seed", range(60))
def test_no_more_is_spent_where_workers_die_with_calls_in_flight(seed):
    chance = random.Random(seed)
    costs = {name: chance.choice([0.01, 0.02, 0.03]) for name in ("a", "b", "c")}
    workers, usd = chance.randint(1, 4), chance.choice([0.1, 1.0, 2.0])
    company = Company(chance, workers=workers, usd=usd, costs=costs, attempts=60)
    deaths = sorted(chance.sample(range(50 * workers, 800 * workers), 4))
    company.end(deaths)
    assert company.spent == pytest.approx(company.total.all.spent_usd)
    assert company.spent + company.lost <= usd + sum(costs.values()) + 1e-9  # the first of each kind, as above
    if company.bank.over is not None:
        assert usd - company.held - max(costs.values()) - 1e-9 <= company.spent
        assert not company.held or "are held for calls of unknown cost" in company.bank.over


def test_what_may_be_billed_for_a_dead_worker_is_held():
    total = Meter(usd=1.0)
    total.expect("a", 0.01)  # by an earlier run
    bank, meter = Bank(total, 1), LeasedMeter(lease_usd=0.0)
    for _ in range(3):
        bank.hear(0, standing(meter))
        meter.take(bank.orders(0))
        meter.admit("a")
    assert meter.begun == 2
    assert meter.usd == pytest.approx(0.25)
    assert bank.gone(0, 0.0, 0, 2) == pytest.approx(0.02)  # the two, and not all of its lease
    assert bank.gone(0, 0.0, 0, 2) == 0.0  # of one that had no money
    assert ", $0.0200 are held for calls of unknown cost, the next" in total.over_text(0.01)


def test_a_dead_worker_that_began_what_nobody_knows_the_cost_of_may_have_spent_its_lease():
    bank, meter = Bank(Meter(usd=1.0), 1), LeasedMeter(lease_usd=0.0)
    assert meter.admit("a") is None
    bank.hear(0, standing(meter))
    meter.take(bank.orders(0))
    assert meter.admit("a") is not None
    assert bank.gone(0, 0.05, 0, 2) == pytest.approx(0.2)


def test_what_a_dead_worker_had_leased_is_free_and_what_it_spent_is_not():
    total = Meter(usd=1.0)
    bank = Bank(total, 2)
    dead, alive = LeasedMeter(lease_usd=0.0, attempt_usd=0.1), LeasedMeter(lease_usd=0.0, attempt_usd=0.1)
    for number, meter in enumerate((dead, alive)):
        assert meter.admit("a") is None
        bank.hear(number, standing(meter))
        meter.take(bank.orders(number))
    assert dead.usd >= 0.1
    assert bank.gone(0, 0.25, 1, 4) == 0.0
    assert (total.all.spent_usd, total.all.unknown) == (0.25, 1)
    begun = []
    for _ in range(200):
        while (reservation := alive.admit("a")) is not None:
            begun.append(reservation)
            alive.spend(Cost(usd=0.1), reservation)
            alive.settle(reservation)
        bank.hear(1, standing(alive))
        alive.take(bank.orders(1))
        if alive.over:
            break
    assert len(begun) == 7  # of the 0.75 that are left
    assert alive.over == "$0.9500 of $1 are spent (budget.usd), the next attempt may cost $0.1000"


def test_a_cost_that_nobody_knows_ends_the_run_for_all():
    bank = Bank(Meter(usd=1.0), 2)
    meter = LeasedMeter(lease_usd=0.0)
    assert meter.admit("a") is None
    bank.hear(0, standing(meter))
    meter.take(bank.orders(0))
    reservation = meter.admit("a")
    meter.spend(Cost(), reservation)
    meter.settle(reservation)
    bank.hear(0, standing(meter))
    assert "what a costs is not known" in bank.orders(1).over


def test_what_one_has_met_all_others_hear_of_but_itself():
    bank = Bank(Meter(), 3)
    bank.hear(0, Standing(broken={"model m": "the key is refused"}, pauses={"m": 3.0}, judges={"j": 0.5}))
    bank.hear(1, Standing(pauses={"m": 5.0}, judges={"j": 0.25}))
    assert bank.orders(2).broken == {"model m": "the key is refused"}
    assert bank.orders(2).pauses == {"m": 5.0}
    assert bank.orders(2).judges == {"j": 0.75}
    assert bank.orders(0).pauses == {"m": 5.0}
    assert bank.orders(0).judges == {"j": 0.25}


def test_without_a_budget_nobody_waits():
    meter = LeasedMeter(lease_usd=None)
    assert meter.admit("a") is not None
    meter.take(Orders())
    assert meter.admit("a") is not None
    assert meter.exhausted(0) is None

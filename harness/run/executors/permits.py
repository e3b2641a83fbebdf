"""Requests and tokens a minute, which workers share: the driver keeps the limits, and lends permits for a moment.

A permit is one request and the tokens that it may need. A worker asks for as many as it could send now, and again for
as many as it sent since it asked last. What it does not use in time it gives back, and what a request really used is
told, as in one process. So the whole never goes above a limit, and a worker that idles takes nothing from the others.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from harness.model import Pace, Party, Taken
from harness.run.session import Shop

GOOD_S = 0.7  # for which a permit may be used after it came
WITHIN_S = 1.2  # the same by the driver's clock, its way included


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to send one request."""

    number: int
    tokens: float


@dataclass(frozen=True, slots=True)
class Used:
    """What came of a permit; ``None``: it is as it was lent."""

    number: int
    requests: float | None = None
    tokens: float | None = None


class Lender:
    """The driver's side: the limits a minute by name, and what is lent of them."""

    def __init__(self, paces: Mapping[str, tuple[Pace, Pace]]) -> None:
        """``paces``: requests and tokens; none that is not limited."""
        self._paces = paces
        self._lent: dict[int, tuple[tuple[Pace, Taken], ...]] = {}
        self._number = 0
        for pace in {pace for pair in paces.values() for pace in pair}:
            pace.lend(WITHIN_S)

    def hear(self, used: Iterable[Used]) -> None:
        """What came of permits."""
        for one in used:
            for (pace, taken), amount in zip(self._lent.get(one.number, ()), (one.requests, one.tokens), strict=False):
                if amount is not None:
                    pace.correct(taken, amount)

    def permits(self, wanted: Mapping[str, Sequence[float]], now: float) -> dict[str, tuple[Permit, ...]]:
        """As many as may be lent now, of those that are wanted."""
        while self._lent and all(taken.at == -inf for _, taken in next(iter(self._lent.values()))):
            del self._lent[next(iter(self._lent))]  # older than a minute
        return {name: tuple(self._some(self._paces[name], amounts, now)) for name, amounts in wanted.items() if amounts}

    def _some(self, pair: tuple[Pace, Pace], amounts: Sequence[float], now: float) -> Iterable[Permit]:
        requests, tokens = pair
        for amount in amounts:
            if requests.wait(1.0, now) > 0 or tokens.wait(amount, now) > 0:
                return
            self._number += 1
            self._lent[self._number] = (requests, requests.take(1.0, now)), (tokens, tokens.take(amount, now))
            yield Permit(self._number, amount)


class Borrowed(Pace):
    """A worker's side of one name's limits, which stands where its requests a minute would; ``tokens`` likewise."""

    def __init__(self, *, of_tokens: bool) -> None:
        super().__init__(None)
        self.limited = True  # or nobody would borrow
        self.tokens: Pace = _Tokens(self) if of_tokens else Pace(None)
        self.used: list[Used] = []  # since the driver was told last
        self.last = Permit(0, 0.0)  # of the request that was started last
        self.started = 0  # requests, since more were asked for
        self._permits: deque[tuple[Permit, float]] = deque()  # each with the time at which it is given back

    def add(self, permits: Iterable[Permit], now: float) -> None:
        """More permits came."""
        self._permits += ((permit, now + GOOD_S) for permit in permits)

    def left(self, now: float) -> int:
        """How many may be used; the others are given back."""
        while self._permits and self._permits[0][1] <= now:
            self.used.append(Used(self._permits.popleft()[0].number, 0.0, 0.0))
        return len(self._permits)

    def wait(self, amount: float, now: float) -> float:  # noqa: ARG002
        """None where there is a permit; else until more come, and nobody knows when."""
        return 0.0 if self.left(now) else inf

    def take(self, amount: float, now: float) -> Taken:  # noqa: ARG002
        """Uses a permit."""
        self.last = self._permits.popleft()[0]
        self.started += 1
        return _Started(self.last)

    def correct(self, taken: Taken, amount: float) -> None:
        """What was started turns out to be ``amount``."""
        self.used.append(Used(_permit(taken).number, requests=amount))


class _Tokens(Pace):
    """The tokens of the permits: they are taken together with the requests."""

    def __init__(self, of: Borrowed) -> None:
        super().__init__(None)
        self._of, self.limited = of, True

    def wait(self, amount: float, now: float) -> float:  # noqa: ARG002 - the permit was lent for as much
        return 0.0

    def take(self, amount: float, now: float) -> Taken:  # noqa: ARG002
        started = _Started(self._of.last)
        if self._of.last.tokens < amount < inf:
            self.correct(started, amount)
        return started

    def correct(self, taken: Taken, amount: float) -> None:
        self._of.used.append(Used(_permit(taken).number, tokens=amount))


class _Started(Taken):
    def __init__(self, permit: Permit) -> None:
        super().__init__(0.0, 0.0)
        self.permit = permit


def _permit(taken: Taken) -> Permit:
    assert isinstance(taken, _Started)  # noqa: S101 - it was taken here
    return taken.permit


class Borrowing:
    """All the limits a minute of a worker."""

    def __init__(self, shop: Shop) -> None:
        """Puts what is borrowed in the place of the limits of all who share them."""
        self._clock, self._borrowed = shop.clock, dict[str, tuple[Borrowed, list[Party]]]()
        by_pace = dict[tuple[int, int], str]()
        for name, party in parties_of(shop).items():
            first = by_pace.setdefault((id(party.requests), id(party.tokens)), name)
            if first not in self._borrowed:
                self._borrowed[first] = Borrowed(of_tokens=party.tokens.limited), []
            sharing = self._borrowed[first][1]
            sharing += [] if any(party is one for one in sharing) else [party]
        for borrowed, sharing in self._borrowed.values():
            for party in sharing:
                party.requests, party.tokens = borrowed, borrowed.tokens

    def lend(self, permits: Mapping[str, Sequence[Permit]]) -> None:
        """More permits came: whoever waits for them is let in."""
        for name, some in permits.items():
            borrowed, sharing = self._borrowed[name]
            borrowed.add(some, self._clock.monotonic())
            for party in sharing:
                party.serve()

    def wanted(self) -> dict[str, tuple[float, ...]]:
        """By name, the tokens of each request that lacks a permit, or will in a moment."""
        now = self._clock.monotonic()
        found = dict[str, tuple[float, ...]]()
        for name, (borrowed, sharing) in self._borrowed.items():
            amounts = [amount for party in sharing for amount in party.held_up(now)]
            amounts += [borrowed.last.tokens] * borrowed.started if borrowed.last.tokens < inf else []
            found[name], borrowed.started = tuple(amounts[borrowed.left(now) :]), 0
        return found

    def used(self) -> tuple[Used, ...]:
        """What came of permits since this was asked last."""
        found = [one for borrowed, _ in self._borrowed.values() for one in borrowed.used]
        for borrowed, _ in self._borrowed.values():
            borrowed.used.clear()
        return tuple(found)


def parties_of(shop: Shop) -> dict[str, Party]:
    """Those with a limit a minute, by who calls; one may be there by several names."""
    callers = {f"model {name}": caller for name, caller in shop.callers.items()}
    callers |= {f"judge {name}": caller for name, caller in shop.bench.callers.items()}
    parties = {name: caller.party for name, caller in sorted(callers.items())}
    return {name: party for name, party in parties.items() if party.requests.limited or party.tokens.limited}


def lender_of(shop: Shop) -> Lender:
    """The driver's side for a run's limits."""
    return Lender({name: (party.requests, party.tokens) for name, party in parties_of(shop).items()})

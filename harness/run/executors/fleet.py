"""The crew of a run whose hands are other processes: of this machine, or of a Ray cluster.

The plan is divided by suite, task and trial, so that what shares answers is made in one place. The driver alone holds
the report's lock, chooses thresholds, and leases money; each worker has a journal of its own. A worker that ends before
its time is replaced: its journal is read again, and what it was at is asked again.
"""

import asyncio
from abc import ABC, abstractmethod
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any, Protocol

from harness.core import OwnbenchError, Status, UsageError
from harness.experiment import Assembled, Attempt, recall
from harness.run.choosing import Choices
from harness.run.executors.leases import Bank, Orders, Standing
from harness.run.executors.parts import calls_of, groups_of, models_of
from harness.run.executors.permits import lender_of
from harness.run.executors.worker import Errand, Finished, Phase, Refused
from harness.run.otel import Receiver, Spans
from harness.run.planned import plan_digest
from harness.run.session import Shop
from harness.run.spent import spent_by
from harness.run.stopping import BY_USER
from harness.run.trace import Listener, Progress
from harness.store import Recalled, wait_for_workers

LOOK_EVERY_S = 0.25
END_S = 10.0  # for how long workers may take to put away what they hold
START_S = 90.0  # for how long they may take to begin
MOST_ENDS = 3  # how often in a row a worker may end before it has made an attempt


class WorkerGoneError(Exception):
    """A worker has ended, or cannot be reached any more."""


class Contact(Protocol):
    """How a worker is reached."""

    def ask(self, what: str, *given: Any) -> "asyncio.Future[Any]":
        """What that method of its `Workbench` returns. The future raises WorkerGoneError."""

    def kill(self) -> None:
        """Ends it, whatever it is at."""


class Employer(ABC):
    """Who starts workers."""

    named: str  # before the number, the name of a worker and of its journal
    reads_again = True  # whether each worker reads the experiment by itself

    def __init__(self, assembled: Assembled, *, offline: bool, spans: Spans | None = None) -> None:
        self.assembled, self.offline, self.spans = assembled, offline, spans
        self.notes: list[str] = []
        self.held: dict[str, Any] = {}  # by model: the actor that has it in memory
        self.workers = 0
        self.hands: dict[int, Hand] = {}  # workers at work, by number

    @abstractmethod
    async def hire(self) -> Contact:
        """Starts a worker. Raises UsageError: it cannot be."""

    @abstractmethod
    def no_place(self, number: int) -> str:
        """Why a worker does not begin, in a sentence for a person."""

    def name_of(self, number: int) -> str:
        """A worker's name, and its journal's."""
        return f"{self.named}-{number}"

    async def dismiss(self) -> None:
        """Lets workers put away what they hold, and counts what came of it."""
        ending = [hand.contact.ask("end") for hand in self.hands.values()]
        if ending:
            await asyncio.wait(ending, timeout=END_S)
        for ended in ending:
            with suppress(Exception):  # it was killed, or hangs
                if not ended.cancel():
                    self.count(ended.result())
        self.hands.clear()

    def count(self, spans: object) -> None:
        """What became of a worker's spans."""
        if self.spans is not None and isinstance(spans, Receiver):
            self.spans.receiver.add(spans)


@dataclass(slots=True, eq=False)
class Hand:
    """A worker as the driver knows it."""

    contact: Contact
    places: set[int] = field(default_factory=set)  # attempts that it was given
    heard: Standing = field(default_factory=Standing)


class Fleet:
    """The crew of a run, as `Crew`: its hands are other processes."""

    def __init__(
        self, executor: Employer, shop: Shop, choices: Callable[[], Choices], tally: Progress, listener: Listener
    ) -> None:
        self.shop = shop
        self.stopped: str | None = None
        self.over_budget = False
        self._executor, self._choices, self._tally, self._listener = executor, choices, tally, listener
        self._assembled, self._hands = shop.assembled, executor.hands
        self._bank, self._lender = Bank(shop.meter, executor.workers), lender_of(shop)
        made = {name: getattr(tally, name) for name in ("passed", "failed", "errored")}
        self._ended = Standing(counts=made, causes=dict(tally.causes))  # what was made before, and by workers gone
        self._spent = {n: spent_by(shop.assembled, executor.name_of(n)) for n in range(executor.workers)}  # before
        self._places = {attempt.id: place for place, attempt in enumerate(shop.assembled.attempts)}
        self._digest = plan_digest(shop.assembled) if executor.reads_again else ""
        self._stops = 0
        self._error: OwnbenchError | None = None
        self._reading = asyncio.ensure_future(asyncio.to_thread(_import_tables))

    async def work(self, attempts: Sequence[Attempt], phase: str, *, at_most: int | None = None) -> set[str]:
        """As `Crew.work`."""
        del at_most
        self.tell(phase)
        self.shop.journal.check()
        if self.stopped is not None or not attempts:
            return set()
        parts: list[list[int]] = [[] for _ in range(self._executor.workers)]
        for turn, group in enumerate(groups_of(self._assembled, attempts)):
            parts[turn % len(parts)] += (self._places[attempt.id] for attempt in group)
        made: set[int] = set()
        given = [(number, sorted(part)) for number, part in enumerate(parts) if part]
        shifts = [asyncio.create_task(self._shift(number, part, phase, made)) for number, part in given]
        watcher = asyncio.create_task(self._look(phase))
        try:
            await asyncio.gather(*shifts)
        except OwnbenchError as error:
            self._error = self._error or error
            self._halt()
        finally:
            watcher.cancel()
            await asyncio.wait({self._reading})
            if self._error is not None:
                await asyncio.wait(shifts, timeout=10)
            for shift in shifts:
                shift.cancel()
            await asyncio.gather(*shifts, watcher, return_exceptions=True)
        if self._error is not None:
            raise self._error
        # thresholds are chosen on what is on record
        self.shop.take(await asyncio.to_thread(recall, self._assembled, self.shop.held))
        if self.over_budget and "(budget.usd)" in (self.stopped or ""):  # what was in flight then is paid by now
            self.stopped = self.shop.meter.exhausted(-inf) or self.stopped
        if self._bank.broken and self.stopped is None:
            self.stopped = "; ".join(f"{name}: {why}" for name, why in self._bank.broken.items())
        self.tell(phase)
        return {self._assembled.attempts[place].id for place in made}

    def tell(self, phase: str, message: str = "") -> None:
        """As `Crew.tell`."""
        told = [self._ended, *(hand.heard for hand in self._hands.values())]
        tally, spent = self._tally, self.shop.meter.all
        counts, causes = Counter[str](), Counter[str]()
        for one in told:
            counts.update(one.counts)
            causes.update(one.causes)
            tally.examples = {**one.examples, **tally.examples}
        tally.passed, tally.failed, tally.errored = (counts[name] for name in ("passed", "failed", "errored"))
        tally.causes, tally.in_flight = causes, sum(one.in_flight for one in told)
        tally.spent_usd, tally.unknown_costs = spent.spent_usd, spent.unknown
        self._listener(tally.at(self.shop.clock.monotonic(), phase, message))

    def stop(self) -> None:
        """As `Crew.stop`; a third time ends the workers, whatever they are at."""
        self._stops += 1
        self.stopped = self.stopped or BY_USER
        for hand in self._hands.values():
            if self._stops > 2:
                hand.contact.kill()
            else:
                _told(hand, "stop")
        if self._stops == 1:
            self.tell("stopping", f"finishing {self._tally.in_flight} attempts in flight; again to drop them")

    def _halt(self) -> None:
        """After a fault: what is in flight is dropped."""
        for hand in self._hands.values():
            _told(hand, "stop", "stop")

    async def _look(self, phase: str) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                self.shop.journal.check()
            except OwnbenchError as error:
                self._error = error
                self._halt()
            if self._reading.done():  # what is read meanwhile is not left for the end
                self._reading = asyncio.ensure_future(asyncio.to_thread(_read_on, self.shop.held))
            self.tell(phase)

    # -------------------------------------------------------------------------------------------------- one worker

    async def _shift(self, number: int, places: Sequence[int], phase: str, made: set[int]) -> None:
        """One worker's part of the attempts, by as many workers, one after the other, as that takes."""
        ends = 0
        while places and self._error is None and (self.stopped is None or number in self._hands):
            try:
                hand = self._hands.get(number) or await self._mustered(number)
                if hand is None:
                    return
                hand.places.update(places)
                made.update(await self._made(number, hand, places, phase))
            except WorkerGoneError:
                recorded = await self._lost(number, made)
                left = [place for place in places if place not in recorded]
                ends = ends + 1 if len(left) == len(places) else 0
                places = left
                if ends == MOST_ENDS:
                    problem = f"a worker ended {ends} times in a row before it had made an attempt"
                    error = UsageError(f"{problem} (ended by the system, for want of memory?); lower executor.workers")
                    raise error from None
            else:
                return

    async def _mustered(self, number: int) -> Hand | None:
        """A worker that is ready; ``None``: the run was stopped before. Raises OwnbenchError: it cannot work."""
        executor, assembled = self._executor, self._assembled
        errand = Errand(
            report=str(assembled.report),
            here=str(Path.cwd()),
            name=executor.name_of(number),
            number=number,
            workers=executor.workers,
            plan=self._digest,
            run=self.shop.run,
            began=self.shop.promised.began,
            again=frozenset(self.shop.again),
            models=models_of(assembled) & self.shop.callers.keys(),
            held=dict(executor.held),
            judges=self.shop.bench.spent,
            spans=executor.spans.parent if executor.spans else None,
            offline=executor.offline,
        )
        contact = await executor.hire()
        beginning = contact.ask("begin", errand)
        beginning.add_done_callback(_seen)
        clock = self.shop.clock
        end = clock.monotonic() + START_S
        while not beginning.done():
            await asyncio.wait({beginning}, timeout=LOOK_EVERY_S)
            if self.stopped is not None or self._error is not None:
                contact.kill()
                return None
            if clock.monotonic() > end:
                raise UsageError(executor.no_place(number))
        if (refused := beginning.result()) is not None:
            raise _raised(refused)
        hand = self._hands[number] = Hand(contact)
        for _ in range(self._stops):
            _told(hand, "stop")
        return hand

    async def _made(self, number: int, hand: Hand, places: Sequence[int], phase: str) -> Sequence[int]:
        """What a worker makes of these attempts; it is given news and money meanwhile."""
        ran_s = self.shop.clock.monotonic() - self._tally.started
        given = Phase(attempts=array("L", places).tobytes(), name=phase, choices=self._choices(), ran_s=ran_s)
        working = hand.contact.ask("work", given)
        working.add_done_callback(_seen)
        try:
            while True:
                last = working.done()
                self._hear(number, hand, await hand.contact.ask("exchange", self._orders(number)))
                if last:
                    break
        except BaseException:
            working.cancel()
            raise
        found: Finished | Refused = await working
        if isinstance(found, Refused):
            raise _raised(found)
        if self.stopped is None and found.stopped is not None:
            self.stopped, self.over_budget = found.stopped, found.over_budget
        return array("L", found.made)

    def _orders(self, number: int) -> Orders:
        wanted = self._hands[number].heard.wanted if number in self._hands else {}
        permits = self._lender.permits(wanted, self.shop.clock.monotonic())
        orders = replace(self._bank.orders(number), permits=permits)
        if orders.over is not None and self.stopped is None:
            self.stopped, self.over_budget = orders.over, True
        return orders

    def _hear(self, number: int, hand: Hand, standing: Standing) -> None:
        hand.heard = standing
        self._lender.hear(standing.used)
        if self.shop.cache is not None and standing.cache is not None:
            self.shop.cache.hear(hand, standing.cache, standing.cache_notes)
        self._bank.hear(number, standing)

    async def _lost(self, number: int, made: set[int]) -> set[int]:
        """A worker has ended before its time: what of its attempts its journal holds; the bill is made right."""
        hand, name = self._hands.pop(number, None), self._executor.name_of(number)
        if hand is not None:
            self._executor.count(hand.heard.spans)  # it may be out of reach only, and still write
            hand.contact.kill()
            await asyncio.to_thread(wait_for_workers, self._assembled.report, name)
        before, now = self._spent[number], await asyncio.to_thread(spent_by, self._assembled, name)
        self._spent[number] = now
        at_once = calls_of(self._assembled, number, self._executor.workers)
        usd = self._bank.gone(number, now.spent_usd - before.spent_usd, now.unknown - before.unknown, at_once)
        recorded = await asyncio.to_thread(recall, self._assembled)
        planned, given = self._assembled.attempts, hand.places if hand else ()
        found = [(place, recorded.attempts.get(planned[place].id)) for place in given]
        outcomes = {place: o for place, o in found if o is not None and o.is_done and o.run == self.shop.run}
        made.update(outcomes)
        statuses = Counter(outcome.status for outcome in outcomes.values())
        lost = [o for o in outcomes.values() if o.status in {Status.ERRORED, Status.UNGRADED}]
        counts = {"passed": statuses[Status.PASSED], "failed": statuses[Status.FAILED], "errored": len(lost)}
        causes = Counter(str(outcome.cause) for outcome in lost)
        ended = self._ended
        self._ended = Standing(
            counts=Counter(ended.counts) + Counter(counts),
            causes=Counter(ended.causes) + causes,
            examples={**(hand.heard.examples if hand else {}), **ended.examples},
        )
        if self.stopped is None:
            what = "what it was at is made again; calls in flight may be paid twice"
            held = f", and ${usd:.4f} of budget.usd are held for them" if usd else ""
            self._executor.notes.append(f"worker {name} ended before its time: {what}{held}")
        return set(outcomes)


def _import_tables() -> None:
    import pyarrow.parquet  # noqa: F401 - the run's end needs it


def _read_on(recorded: Recalled) -> None:
    with suppress(OSError):  # the end says what is in the way
        recorded.read_on()


def _seen(done: "asyncio.Future[Any]") -> None:
    """What it failed with is known, or nobody's concern any more."""
    if not done.cancelled():
        done.exception()


def _told(hand: Hand, *what: str) -> None:
    """Has it do that; nobody waits for it."""
    for one in what:
        hand.contact.ask(one).add_done_callback(_seen)


def _raised(refused: Refused) -> OwnbenchError:
    error = OwnbenchError(refused.text)
    error.exit_code = refused.exit_code
    return error

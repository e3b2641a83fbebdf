"""``--executor ray``: attempts are made by workers of a Ray cluster, and this process drives them.

The plan is divided by suite, task and trial, so that what shares answers is made in one place. The driver alone holds
the report's lock, chooses thresholds, and leases money; each worker has a journal of its own. A worker that ends before
its time is replaced: its journal is read again, and what it was at is made anew.
"""

import asyncio
import os
import signal
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.core import OwnbenchError, Status, UsageError, UserFileError
from harness.experiment import Assembled, Attempt, ExecutorEntry, recall
from harness.model import Model, backend_of
from harness.run.boxes import free_mb
from harness.run.choosing import Choices
from harness.run.executors.holder import HeldModel, Holder
from harness.run.executors.leases import Bank, Orders, Standing
from harness.run.executors.parts import groups_of
from harness.run.executors.permits import lender_of
from harness.run.executors.ray_cluster import Cluster, join, missing_ray, named_cluster
from harness.run.executors.worker import Errand, Finished, Phase, Refused, Worker
from harness.run.otel import Receiver, Spans
from harness.run.planned import plan_digest
from harness.run.session import Shop
from harness.run.spent import spent_by
from harness.run.stopping import BY_USER, SIGNALS
from harness.run.trace import Listener, Progress
from harness.store import experiment_file, wait_for_workers

LOOK_EVERY_S = 0.25
END_S = 10.0  # for how long they may take to put away what they hold
START_S = 90.0  # for how long workers may take to begin
MOST_ENDS = 3  # how often in a row a worker may end before it has made an attempt
WORKER_MB = 200  # of memory, roughly


def name_of(number: int) -> str:
    """A worker's name, and its journal's."""
    return f"ray-{number}"


class RayExecutor:
    """Who makes the attempts of one run."""

    def __init__(
        self, assembled: Assembled, entry: ExecutorEntry, *, offline: bool, spans: Spans | None = None
    ) -> None:
        self.assembled, self.entry, self.offline, self.spans = assembled, entry, offline, spans
        self.notes: list[str] = []
        self.cluster: Cluster | None = None
        self.held: dict[str, Any] = {}  # by model: the actor that has it in memory
        self.workers = 0
        self.hands: dict[int, _Hand] = {}  # workers at work, by number

    def check(self, todo: Sequence[Attempt]) -> None:
        """Raises UsageError: these attempts cannot be made so. Nothing is begun."""
        if (missing := missing_ray()) is not None:
            raise UsageError(missing)
        path = experiment_file(self.assembled.report)
        concurrency, asked = self.assembled.experiment.limits.concurrency, self.entry.workers
        if asked is not None and asked > concurrency:
            problem = f"there are {asked} workers, and limits.concurrency lets {concurrency} calls run at once"
            advice = "each worker needs one: lower workers, or raise concurrency"
            raise UserFileError(path, problem, field="executor.workers", advice=advice)
        self.address = named_cluster(self.entry.address, path, offline=self.offline)
        self.groups = groups_of(self.assembled, todo)
        self.workers = min(asked or os.cpu_count() or 1, concurrency, len(self.groups))
        if self.address is None and (free := free_mb()) < self.workers * WORKER_MB:
            problem = f"{self.workers} workers take about {self.workers * WORKER_MB:,} MB, and {free:,} MB are free"
            advice = f"lower workers to {max(1, free // WORKER_MB)}"
            raise UserFileError(path, problem, field="executor.workers", advice=advice)

    async def open(self, models: Mapping[str, Model], tell: Callable[[str], None]) -> dict[str, Model]:
        """Starts or joins Ray. The models, of which those in memory are held by actors. Raises UsageError."""
        tell(f"joining the Ray at {self.address}" if self.address else "starting Ray")
        self.cluster = cluster = await join(self.address, self.workers)
        for number in SIGNALS:  # Ray's own handlers print, and end the process
            signal.signal(number, signal.getsignal(number))
        if self.address and self.entry.workers is None:
            self.workers = min(int(cluster.resources("CPU")) or 1, self.assembled.experiment.limits.concurrency)
            self.workers = min(self.workers, len(self.groups))
        cache, machines = self.assembled.experiment.cache, cluster.machines
        if cache is not None and cache.mode != "read_only" and machines > 1:
            problem = f"is one file, which only one machine may write, and the cluster has {machines}"
            advice = "write mode: read_only, take cache out, or add --executor local"
            raise UserFileError(experiment_file(self.assembled.report), problem, field="cache", advice=advice)
        here = [name for name in models if not (backend_of(self.assembled.specs[name]).remote or _recorded(self, name))]
        gpus = cluster.resources("GPU")
        for name in here:
            how: dict[str, float] = {"num_cpus": 0, "max_concurrency": 10_000, "max_restarts": 0}
            how |= {"num_gpus": min(1.0, gpus / len(here))} if gpus else {}
            self.held[name] = cluster.ray.remote(Holder).options(**how).remote(self.assembled.specs[name])
        held = {name: HeldModel(self.assembled.specs[name], actor) for name, actor in self.held.items()}
        return {name: held.get(name, model) for name, model in models.items()}

    def crew(self, shop: Shop, choices: Callable[[], Choices], tally: Progress, listener: Listener) -> "Fleet":
        """Whoever makes the attempts."""
        return Fleet(self, shop, choices, tally, listener)

    async def close(self) -> None:
        """Ends all that was begun."""
        if self.cluster is not None:
            cluster, self.cluster = self.cluster, None
            ending = [asyncio.ensure_future(_found(hand.actor.end.remote())) for hand in self.hands.values()]
            if ending:
                await asyncio.wait(ending, timeout=END_S)
            await asyncio.to_thread(cluster.leave)
            for ended in ending:
                with suppress(Exception):  # it was killed, or hangs
                    if not ended.cancel():
                        self.count(ended.result())

    def count(self, spans: object) -> None:
        """What became of a worker's spans."""
        if self.spans is not None and isinstance(spans, Receiver):
            self.spans.receiver.add(spans)


@dataclass(slots=True, eq=False)
class _Hand:
    """A worker as the driver knows it."""

    actor: Any
    places: set[int] = field(default_factory=set)  # attempts that it was given
    heard: Standing = field(default_factory=Standing)


class Fleet:
    """The crew of a run, as `Crew`: its hands are other processes."""

    def __init__(
        self, executor: RayExecutor, shop: Shop, choices: Callable[[], Choices], tally: Progress, listener: Listener
    ) -> None:
        self.shop = shop
        self.stopped: str | None = None
        self.over_budget = False
        self._executor, self._choices, self._tally, self._listener = executor, choices, tally, listener
        self._assembled, self._cluster = shop.assembled, executor.cluster
        self._bank, self._lender = Bank(shop.meter, executor.workers), lender_of(shop)
        self._hands = executor.hands
        self._ended = Standing()  # what workers made that have ended
        self._spent = {n: spent_by(shop.assembled, name_of(n)) for n in range(executor.workers)}  # before they began
        self._places = {attempt.id: place for place, attempt in enumerate(shop.assembled.attempts)}
        self._digest = plan_digest(shop.assembled)
        self._stops = 0
        self._error: OwnbenchError | None = None

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
            if self._error is not None:
                await asyncio.wait(shifts, timeout=10)
            for shift in shifts:
                shift.cancel()
            await asyncio.gather(*shifts, watcher, return_exceptions=True)
        if self._error is not None:
            raise self._error
        recorded = await asyncio.to_thread(recall, self._assembled)
        self.shop.take(recorded)  # thresholds are chosen on what is on record
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
            if self._stops > 2 and self._cluster is not None:
                self._cluster.ray.kill(hand.actor)
            else:
                hand.actor.stop.remote()
        if self._stops == 1:
            self.tell("stopping", f"finishing {self._tally.in_flight} attempts in flight; again to drop them")

    def _halt(self) -> None:
        """After a fault: what is in flight is dropped."""
        for hand in self._hands.values():
            hand.actor.stop.remote()
            hand.actor.stop.remote()

    async def _look(self, phase: str) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                self.shop.journal.check()
            except OwnbenchError as error:
                self._error = error
                self._halt()
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
            except self._ray.exceptions.RayError:
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

    @property
    def _ray(self) -> Any:
        assert self._cluster is not None  # noqa: S101 - it was joined before there is a crew
        return self._cluster.ray

    async def _mustered(self, number: int) -> _Hand | None:
        """A worker that is ready; ``None``: the run was stopped before. Raises OwnbenchError: it cannot work."""
        executor, assembled = self._executor, self._assembled
        systems = assembled.systems.values()
        used = {model for by_suite in systems for system in by_suite.values() for model in system.models}
        used |= {model for grader in assembled.graders.values() for model in grader.models}
        errand = Errand(
            report=str(assembled.report),
            here=str(Path.cwd()),
            name=name_of(number),
            number=number,
            workers=executor.workers,
            plan=self._digest,
            run=self.shop.run,
            again=frozenset(self.shop.again),
            models=frozenset(used & self.shop.callers.keys()),
            held=dict(executor.held),
            judges=self.shop.bench.spent,
            spans=executor.spans.parent if executor.spans else None,
            offline=executor.offline,
        )
        how = {"num_cpus": 1, "max_concurrency": 4, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        actor = self._ray.remote(Worker).options(**how).remote()
        beginning = asyncio.ensure_future(_found(actor.begin.remote(errand)))
        beginning.add_done_callback(_seen)
        clock = self.shop.clock
        end = clock.monotonic() + START_S
        while not beginning.done():
            await asyncio.wait({beginning}, timeout=LOOK_EVERY_S)
            if self.stopped is not None or self._error is not None:
                self._ray.kill(actor)
                return None
            if clock.monotonic() > end:
                problem = f"Ray had no place for worker {number + 1} of {executor.workers} within {START_S:g} s"
                why = "its head is gone, or it has too few CPUs, of which each worker takes one"
                raise UsageError(f"{problem}: {why}; lower executor.workers, or start the cluster again")
        if (refused := beginning.result()) is not None:
            raise _raised(refused)
        hand = self._hands[number] = _Hand(actor)
        for _ in range(self._stops):
            actor.stop.remote()
        return hand

    async def _made(self, number: int, hand: _Hand, places: Sequence[int], phase: str) -> Sequence[int]:
        """What a worker makes of these attempts; it is given news and money meanwhile."""
        ran_s = self.shop.clock.monotonic() - self._tally.started
        given = Phase(attempts=array("L", places).tobytes(), name=phase, choices=self._choices(), ran_s=ran_s)
        working = asyncio.ensure_future(_found(hand.actor.work.remote(given)))
        working.add_done_callback(_seen)
        try:
            while True:
                last = working.done()
                self._hear(number, hand, await _found(hand.actor.exchange.remote(self._orders(number))))
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

    def _hear(self, number: int, hand: _Hand, standing: Standing) -> None:
        hand.heard = standing
        self._lender.hear(standing.used)
        if self.shop.cache is not None and standing.cache is not None:
            self.shop.cache.hear(hand, standing.cache, standing.cache_notes)
        self._bank.hear(number, standing)

    async def _lost(self, number: int, made: set[int]) -> set[int]:
        """A worker has ended before its time: what of its attempts its journal holds; the bill is made right."""
        hand = self._hands.pop(number, None)
        if hand is not None:
            self._executor.count(hand.heard.spans)  # it may be out of reach only, and still write
            self._ray.kill(hand.actor)
            await asyncio.to_thread(wait_for_workers, self._assembled.report, name_of(number))
        before, now = self._spent[number], await asyncio.to_thread(spent_by, self._assembled, name_of(number))
        self._spent[number] = now
        self._bank.gone(number, now.spent_usd - before.spent_usd, now.unknown - before.unknown)
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
            self._executor.notes.append(f"worker {name_of(number)} ended before its time: {what}")
        return set(outcomes)


def _seen(done: "asyncio.Future[Any]") -> None:
    """What it failed with is known, or nobody's concern any more."""
    if not done.cancelled():
        done.exception()


async def _found(reference: Any) -> Any:
    return await asyncio.wrap_future(reference.future())


def _raised(refused: Refused) -> OwnbenchError:
    error = OwnbenchError(refused.text)
    error.exit_code = refused.exit_code
    return error


def _recorded(executor: RayExecutor, name: str) -> bool:
    return backend_of(executor.assembled.specs[name]).recorded

"""One worker of a run: a process with an event loop and a journal of its own, which a `Fleet` drives.

It imports no Ray; Ray calls it, or a process of this machine does. Whatever goes wrong comes back as data, without
secrets: Ray writes exceptions into files of its own.
"""

import asyncio
import os
import threading
import time
from array import array
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from harness.core import OwnbenchError, StorageError, UsageError, stay_offline
from harness.experiment import Assembled, Attempt, assemble, check_boxes, recall
from harness.run.cached import cached_answers
from harness.run.choosing import Choices, system_for
from harness.run.crew import Crew
from harness.run.executors.holder import HeldModel
from harness.run.executors.leases import LeasedMeter, Orders, Standing
from harness.run.executors.parts import share_of
from harness.run.executors.permits import Borrowing
from harness.run.opening import fast_loop, make_room, open_models, prepare
from harness.run.otel import Receiver, SpanParent, Spans, spans_to
from harness.run.planned import plan_digest
from harness.run.secrets import redactor_of
from harness.run.session import Shop
from harness.run.trace import Progress
from harness.store import Journal, Recalled, experiment_file

T = TypeVar("T")
LOOK_EVERY_S = 0.25
SILENT_S = 30.0  # after which a driver that asks nothing is taken for gone
HOLD_S = 0.1  # for how long a worker keeps its answer back where it has nothing new to say
LOCK_S = 15.0  # for how long it waits for a worker of a run that was killed to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a worker does not go on, as one message for a person, and the exit code that goes with it."""

    text: str
    exit_code: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a worker is made for."""

    report: str
    here: str  # the folder from which paths are read
    name: str  # of its journal
    number: int  # among the workers, from 0
    workers: int
    plan: str  # the plan's digest, for workers that read: all must have read the same files
    run: int  # which call of the run this is
    began: datetime  # when it did
    again: frozenset[str]  # digests of requests that are made anew
    models: frozenset[str]  # that its attempts call
    held: Mapping[str, Any] = field(default_factory=dict)  # by model: the actor that has it in memory
    judges: Mapping[str, float] = field(default_factory=dict)  # by judge: dollars that were spent before this run
    spans: SpanParent | None = None  # where --otlp sends them, and of what run they are
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Attempts to be made together."""

    attempts: bytes  # their places in the plan, as an array of unsigned longs
    name: str
    choices: Choices
    ran_s: float  # for how long the run is at work


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a phase ended."""

    made: bytes  # as ``Phase.attempts``
    stopped: str | None
    over_budget: bool


class Worker:
    """The actor. It has no coroutine for a method, for Ray would run all methods on one loop then, not in threads."""

    def __init__(self) -> None:
        self._bench = Workbench()
        threading.Thread(target=self._guard, args=(os.getppid(),), daemon=True).start()

    def _guard(self, parent: int) -> None:
        """Ends this process where nobody is left to work for: its node of Ray is gone, or the driver is."""
        while os.getppid() == parent and self._bench.unheard_s < SILENT_S:
            time.sleep(LOOK_EVERY_S)
        os._exit(1)

    def begin(self, errand: Errand) -> Refused | None:
        """As `Workbench.begin`."""
        return self._bench.begin(errand)

    def work(self, phase: Phase) -> Finished | Refused:
        """As `Workbench.work`."""
        return self._bench.work(phase)

    def exchange(self, orders: Orders) -> Standing:
        """As `Workbench.exchange`."""
        return self._bench.exchange(orders)

    def stop(self) -> None:
        """As `Crew.stop`."""
        self._bench.stop()

    def end(self) -> Refused | Receiver | None:
        """As `Workbench.end`."""
        return self._bench.end()


class Workbench:
    """What a worker does. It is called in threads, and all that an attempt touches happens on one loop."""

    def __init__(self, assembled: Assembled | None = None, recorded: Recalled | None = None) -> None:
        """With what was read of the report before, where that is at hand."""
        self._read, self._recorded = assembled, recorded
        self._leaving = ExitStack()
        self._crew: Crew | None = None
        self._stops = 0  # how often the user has asked to stop
        self._learnt: dict[str, float] = {}  # by model: until when others say that its server asks to wait
        self._waited = False
        self._asked, self._at_work = 0.0, False

    def begin(self, errand: Errand) -> Refused | None:
        """Reads the experiment and what is on record, and opens the journal; it is then ready to work."""
        return _told(lambda: self._begin(errand))

    def _begin(self, errand: Errand) -> None:
        try:
            os.chdir(errand.here)
        except OSError as error:
            raise UsageError(_elsewhere(f"{errand.here}: {error.strerror}")) from None
        if errand.offline:
            self._leaving.enter_context(stay_offline())
        assembled = self._read or assemble(Path(errand.report), allow_outside=True)  # the driver has allowed it
        if self._read is None and plan_digest(assembled) != errand.plan:
            raise UsageError(_elsewhere(f"{experiment_file(assembled.report)}: it, or what it names, has changed"))
        self._assembled = assembled = _share(assembled, errand.number, errand.workers)
        self._judges = errand.judges
        recorded = recall(assembled, self._recorded)
        make_room(assembled, len(assembled.attempts))
        opened = open_models(assembled, errand.models - errand.held.keys(), offline=errand.offline)
        held = {name: HeldModel(assembled.specs[name], actor) for name, actor in errand.held.items()}
        self._models = {**opened, **held}
        enter = self._leaving.enter_context
        self._answers = answers = enter(cached_answers(assembled))
        self._spans: Spans | None = None
        if errand.spans is not None:
            self._spans, _ = enter(spans_to(errand.spans.url, assembled, offline=errand.offline, parent=errand.spans))
        journal = enter(_journal(assembled.report, errand.name))
        budget = assembled.experiment.budget
        self._meter = LeasedMeter(lease_usd=None if budget.usd is None else 0.0, attempt_usd=budget.attempt_usd)
        self._tally = Progress(planned=0, started=0.0)
        self._loop = asyncio.new_event_loop() if errand.offline else fast_loop()
        threading.Thread(target=self._loop.run_forever, name="attempts", daemon=True).start()

        async def ready() -> None:
            for name, model in self._models.items():
                if name not in errand.held:
                    await prepare(assembled, model)
            self._shop = Shop(
                assembled, journal, recorded, self._models, self._meter, again=errand.again, cache=answers
            )
            self._shop.run, self._shop.promised.began = errand.run, errand.began
            self._shop.bench.begin_from(errand.judges)
            self._borrowing = Borrowing(self._shop)
            free = self._shop.free_boxes
            for _ in range(free._value - max(1, free._value // errand.workers)):  # noqa: SLF001
                await free.acquire()

        self._on_loop(ready())

    @property
    def unheard_s(self) -> float:
        """Seconds since the driver last asked, while there is work; 0 without."""
        return time.monotonic() - self._asked if self._at_work else 0.0

    def work(self, phase: Phase) -> Finished | Refused:
        """Makes attempts, and says which."""
        self._asked, self._at_work = time.monotonic(), True
        try:
            return _told(lambda: self._on_loop(self._work(phase)), self._redacted)
        finally:
            self._at_work = False

    async def _work(self, phase: Phase) -> Finished:
        assembled, choices = self._assembled, phase.choices
        places = array("L", phase.attempts)
        todo = {assembled.attempts[place].id: place for place in places}
        attempts = [assembled.attempts[place] for place in places]

        def system_of(attempt: Attempt) -> Any:
            return system_for(assembled, choices, attempt)

        check_boxes(assembled, attempts)
        self._tally.started = self._shop.clock.monotonic() - phase.ran_s
        self._crew = crew = Crew(self._shop, system_of, self._tally, lambda _: None, observer=self._spans)
        for _ in range(self._stops):
            crew.stop()
        made = await crew.work(attempts, phase.name)
        stopped = None if self._shop.broken else crew.stopped  # of what is broken, the driver knows
        places = array("L", (todo[i] for i in made))
        return Finished(made=places.tobytes(), stopped=stopped, over_budget=crew.over_budget)

    def exchange(self, orders: Orders) -> Standing:
        """Does what the driver says, and says how things stand, at the latest after a moment."""
        self._asked = time.monotonic()
        return self._on_loop(self._exchange(orders))

    async def _exchange(self, orders: Orders) -> Standing:
        shop, meter = self._shop, self._meter
        meter.take(orders)
        self._borrowing.lend(orders.permits)
        known = len(shop.broken)
        for name, why in orders.broken.items():
            shop.broken.setdefault(name, why)
        now = shop.clock.monotonic()
        for name, seconds in orders.pauses.items():
            if name in shop.callers and seconds > 0:
                self._learnt[name] = max(self._learnt.get(name, 0.0), now + seconds)
                shop.endpoints.of(self._assembled.specs[name]).pause(seconds)
        shop.bench.elsewhere = orders.judges
        shop.settled.set()  # whoever waits for money asks again
        news = len(shop.broken) + len(self._pauses())
        end = time.monotonic() + HOLD_S
        while time.monotonic() < end and self._at_work:
            await asyncio.sleep(0.005)
            waits = meter.lacks_usd is not None
            if (waits and (orders.more_usd or not self._waited)) or known + news < len(shop.broken) + len(
                self._pauses()
            ):
                break
        self._waited = meter.lacks_usd is not None
        return self._standing()

    def _standing(self) -> Standing:
        meter, tally = self._meter, self._tally
        counts = {name: getattr(tally, name) for name in ("passed", "failed", "errored")}
        return Standing(
            spent_usd=meter.all.spent_usd,
            unknown=meter.all.unknown,
            lease_usd=meter.usd or 0.0,
            spare_usd=meter.spare_usd,
            held_usd=meter.kept_usd,
            in_flight=meter.begun,
            lacks_usd=meter.lacks_usd,
            next_usd=meter.next_usd,
            unpriced=frozenset(meter.unpriced),
            dearest=meter.dearest,
            blind=meter.blind_text,
            broken=dict(self._shop.broken),
            pauses=self._pauses(),
            cache=self._answers.use if self._answers else None,
            cache_notes=self._answers.notes if self._answers else (),
            spans=replace(self._spans.receiver) if self._spans else None,
            wanted=self._borrowing.wanted(),
            used=self._borrowing.used(),
            judges={name: usd - self._judges.get(name, 0.0) for name, usd in self._shop.bench.spent.items()},
            counts=counts,
            causes=dict(tally.causes),
            examples=dict(tally.examples),
        )

    def _pauses(self) -> dict[str, float]:
        """Those that this worker has met itself: a pause that everybody repeats would never end."""
        now, found = self._shop.clock.monotonic(), {}
        for name in self._shop.callers:
            if (left := self._shop.endpoints.of(self._assembled.specs[name]).paused_s) > max(
                0.0, self._learnt.get(name, 0.0) - now
            ) + 0.2:
                found[name] = left
        return found

    def stop(self) -> None:
        """As `Crew.stop`."""
        self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        self._stops += 1
        if self._crew is not None:
            self._crew.stop()

    def end(self) -> Refused | Receiver | None:
        """Lets go of everything; what was written is on the disk then. What became of the spans, where it made any."""

        def let_go() -> Receiver | None:
            for model in self._models.values():
                self._on_loop(model.close())
            self._leaving.close()
            return self._spans.receiver if self._spans else None

        return _told(let_go, self._redacted)

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _redacted(self, text: str) -> str:
        return redactor_of(self._assembled)(text)


def _told(do: Callable[[], T], redact: Callable[[str], str] = lambda text: text) -> T | Refused:
    """What comes of it, or why nothing does."""
    try:
        return do()
    except OwnbenchError as error:
        return Refused(text=redact(str(error)), exit_code=error.exit_code)
    except Exception as error:  # noqa: BLE001 - Ray would write it, and all that it holds, into a file
        return Refused(text=redact(f"a worker failed: {type(error).__name__}: {' '.join(str(error).split())[:500]}"))


def _elsewhere(what: str) -> str:
    return f"{what}; every worker reads the report and what it names: let them lie where all machines see them alike"


def _journal(report: Path, name: str) -> Journal:
    end = time.monotonic() + LOCK_S
    while True:
        try:
            return Journal(report, name)
        except StorageError:
            raise
        except UsageError as error:
            if "another run" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.2)


def _share(assembled: Assembled, number: int, workers: int) -> Assembled:
    """The same with this worker's part of the calls at once; the limits a minute are the driver's to lend."""

    def part(limits: Any) -> Any:
        return limits.model_copy(update={"concurrency": share_of(limits.concurrency, number, workers)})

    experiment = assembled.experiment
    judges = {name: part(judge) for name, judge in experiment.judges.items()}
    update = {"limits": part(experiment.limits), "judges": judges}
    return replace(assembled, experiment=experiment.model_copy(update=update))

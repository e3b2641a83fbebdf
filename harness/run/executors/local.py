"""``--executor local``: attempts are made on this machine; by more than one process where one is at its limit."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from harness.core import UsageError, UserFileError
from harness.experiment import Assembled, Attempt, ExecutorEntry
from harness.model import Model, backend_of
from harness.run.boxes import free_mb
from harness.run.choosing import Choices, system_for
from harness.run.crew import Crew
from harness.run.executors.fleet import START_S, Employer, Fleet
from harness.run.executors.parts import groups_of, models_of, refuse_more_workers_than_calls
from harness.run.executors.processes import Nursery, Process, nursery
from harness.run.opening import warm_up
from harness.run.session import Shop
from harness.run.stopping import Watch
from harness.run.trace import Listener, Observer, Progress
from harness.store import Recalled, experiment_file, get_ready

LEAST = 2_000  # attempts; for fewer one process is enough
MOST = 8  # processes that a run takes by itself
CALLS_EACH = 8  # calls at once that each of these has at least
WORKER_MB = 60  # of memory, roughly, that each does not share
FULL = 0.95  # of a processor's time: a process that takes as much is at its limit
LOOK_EVERY_S = 0.1
WORTH = 1.0  # what is left has to take so many times the processor's time that the start took


class LocalExecutor(Employer):
    """Who makes the attempts of one run, where that is this process, or several of this machine."""

    named = "process"
    reads_again = False

    def __init__(
        self,
        assembled: Assembled,
        entry: ExecutorEntry,
        watch: Watch | None,
        observer: Observer | None,
        *,
        offline: bool,
    ) -> None:
        super().__init__(assembled, offline=offline)
        self._asked, self._watch, self._observer = entry.workers, watch, observer
        self._nursery: Nursery | None = None

    def check(self, todo: Sequence[Attempt]) -> None:
        """Raises UserFileError: these attempts cannot be made so. Nothing is begun."""
        concurrency, groups = self.assembled.experiment.limits.concurrency, len(groups_of(self.assembled, todo))
        obstacle = self._obstacle()
        if self._asked is None:
            most = min(_processors(), MOST, concurrency // CALLS_EACH, groups, free_mb() // (4 * WORKER_MB))
            quiet = sys.platform == "linux" and threading.active_count() == 1
            self.workers = most if quiet and obstacle is None and len(todo) >= LEAST else 1
            return
        refuse_more_workers_than_calls(self.assembled, self._asked)
        self.workers = min(self._asked, groups)
        if self._asked > 1 and obstacle is not None:
            path = experiment_file(self.assembled.report)
            raise UserFileError(path, obstacle, field="executor.workers", advice="take workers out")

    def _obstacle(self) -> str | None:
        """Why one process has to make all attempts."""
        if self._watch is not None:
            return "--until-decided may stop after any attempt, and other processes would make more meanwhile"
        if self._observer is not None:
            return "what is observed (--otlp) happens in one process"
        backends = {name: backend_of(self.assembled.specs[name]) for name in sorted(models_of(self.assembled))}
        here = next((name for name, one in backends.items() if not (one.remote or one.recorded)), None)
        if here is not None:
            return f"each process would load the model {here} into memory"
        return None if hasattr(os, "fork") else "this system has no fork"

    @contextmanager
    def around(self, recorded: Recalled) -> Iterator[None]:
        """Within it other processes can be started. Raises UsageError: those asked for cannot be."""
        with ExitStack() as around:
            if self.workers > 1:
                if any(backend_of(self.assembled.specs[name]).remote for name in models_of(self.assembled)):
                    warm_up()  # each worker would do it by itself
                get_ready()
                try:
                    self._nursery = around.enter_context(nursery(self.assembled, recorded))
                except OSError as error:
                    if self._asked is not None:
                        raise UsageError(f"executor.workers: no process can be started: {error.strerror}") from None
                    self.workers = 1
            yield

    async def open(self, models: Mapping[str, Model], tell: Callable[[str], None]) -> Mapping[str, Model]:  # noqa: ARG002
        """The models as they are."""
        return models

    def crew(
        self, shop: Shop, choices: Callable[[], Choices], tally: Progress, listener: Listener
    ) -> "Crew | Fleet | Growing":
        """Whoever makes the attempts."""

        def fleet() -> Fleet:
            return Fleet(self, shop, choices, tally, listener)

        if self.workers > 1 and self._asked is not None:
            return fleet()
        crew = Crew(
            shop, lambda a: system_for(self.assembled, choices(), a), tally, listener, self._watch, self._observer
        )
        return Growing(crew, fleet) if self.workers > 1 else crew

    async def hire(self) -> Process:
        """As `Employer.hire`."""
        assert self._nursery is not None  # noqa: S101 - it stands around the run
        return await self._nursery.fork()

    def no_place(self, number: int) -> str:
        """As `Employer.no_place`."""
        return f"process {number + 1} of {self.workers} did not begin within {START_S:g} s; lower executor.workers"

    async def close(self) -> None:
        """Ends all that was begun."""
        contacts = [hand.contact for hand in self.hands.values()]
        await self.dismiss()
        for contact in contacts:
            contact.kill()
        if self._nursery is not None:
            self._nursery.close()  # its memory is of use to those who write the tables


class Growing:
    """The crew of a run that goes on in other processes where this one does all that it can, and much is left."""

    def __init__(self, crew: Crew, fleet: Callable[[], Fleet]) -> None:
        self.shop, self._crew, self._new_fleet = crew.shop, crew, fleet
        self._fleet: Fleet | None = None
        self._left: Sequence[Attempt] = ()  # for other processes
        self._worth_s = WORTH * time.process_time()  # what the start has taken, others may take again

    async def work(self, attempts: Sequence[Attempt], phase: str, *, at_most: int | None = None) -> set[str]:
        """As `Crew.work`."""
        if self._fleet is not None:
            return await self._fleet.work(attempts, phase)
        made = await self._crew.work(attempts, phase, at_most=at_most, taken=self._taken)
        if self._left and self._crew.stopped is None:
            self._fleet = self._new_fleet()
            made |= await self._fleet.work(self._left, phase)
        return made

    def _taken(self, attempts: Sequence[Attempt]) -> Iterator[Attempt]:
        """Those that this process takes."""
        began, spent, first = time.monotonic(), time.process_time(), 0
        for place, attempt in enumerate(attempts):
            if (took_s := time.monotonic() - began) >= LOOK_EVERY_S:
                cpu_s = time.process_time() - spent
                if cpu_s >= FULL * took_s and cpu_s / (place - first) * (len(attempts) - place) >= self._worth_s:
                    self._left = attempts[place:]
                    return
                began, spent, first = began + took_s, spent + cpu_s, place
            yield attempt

    @property
    def _now(self) -> Crew | Fleet:
        return self._fleet or self._crew

    def tell(self, phase: str, message: str = "") -> None:
        """As `Crew.tell`."""
        self._now.tell(phase, message)

    def stop(self) -> None:
        """As `Crew.stop`."""
        self._now.stop()

    @property
    def stopped(self) -> str | None:
        """Why no further attempt begins."""
        return self._now.stopped

    @stopped.setter
    def stopped(self, why: str | None) -> None:
        self._now.stopped = why

    @property
    def over_budget(self) -> bool:
        """As of a `Crew`."""
        return self._now.over_budget


def _processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

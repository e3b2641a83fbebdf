"""Works through attempts, many at once, until they are made, the money or the time is gone, or the user stops it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from contextvars import Context
from dataclasses import dataclass
from math import inf

from harness.core import Answer, Cause, Grade, ModelError, Status, StorageError, fault_of, plural
from harness.cost import Reservation
from harness.experiment import Attempt
from harness.run.boxes import boxes_now
from harness.run.session import AttemptSession, Shop
from harness.run.stopping import BY_USER, Unsent, Watch, own_time
from harness.run.trace import STOPPING, Begun, Ended, Event, Listener, Observer, Progress, Trace, faulted, graded
from harness.system import System

LOOK_EVERY_S = 0.25
GRADINGS = 64  # answers that are graded at once; asking goes on meanwhile
_BEGUN, _UNLIMITED = Begun(), nullcontext()
WAITING = 256  # answers that may wait to be graded; then asking waits too
IN_A_ROW = 16  # attempts after which all else has a turn, though none of them waited


@dataclass(slots=True, kw_only=True)
class Made:
    """An attempt that was asked."""

    attempt: Attempt
    session: AttemptSession
    answer: Answer | None = None
    grade: Grade | None = None  # what became of it where that needs no grader
    left: bool = False  # it is still to be made: the run was stopped in the midst of it
    over: asyncio.Event | None = None  # where somebody waits for its end


@dataclass
class Crew:
    """The hands of a run. One attempt that fails, however it fails, is data; it never takes the run with it."""

    shop: Shop
    system_of: Callable[[Attempt], System]
    tally: Progress
    listener: Listener
    watch: Watch | None = None
    observer: Observer | None = None
    stopped: str | None = None  # why no further attempt begins
    over_budget: bool = False

    def __post_init__(self) -> None:
        self.assembled, self.clock = self.shop.assembled, self.shop.clock
        self._lost: StorageError | None = None
        self._failed: Exception | None = None
        self._in_a_row, self._apart = 0, Context()
        # Where money is short, attempts get it in their order: of two that share an answer, the first pays for it, and
        # what the second is expected to cost is then right. A hybrid that overtakes its parts pays in their place.
        self._turn = _UNLIMITED if self.shop.meter.usd is None else asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._asked: asyncio.Queue[Made | None] = asyncio.Queue(WAITING)

    async def work(
        self,
        attempts: Sequence[Attempt],
        phase: str,
        *,
        at_most: int | None = None,
        taken: Callable[[Sequence[Attempt]], Iterator[Attempt]] = iter,
    ) -> set[str]:
        """Makes these attempts, or some ``taken`` of them, many at once; the ids of those made.

        Raises StorageError: they cannot be kept.
        """
        queue, made = taken(attempts), set[str]()
        self.tell(phase)
        self.shop.journal.check()
        allowed = self.assembled.experiment.limits.concurrency
        count = min(allowed, len(attempts) if at_most is None else at_most)
        hands = [asyncio.create_task(self._hand(queue, made)) for _ in range(count)]
        graders = [asyncio.create_task(self._grader(made)) for _ in range(min(GRADINGS, len(attempts)))]
        self._tasks = [*hands, *graders]
        watcher = asyncio.create_task(self._look(phase))
        try:
            await asyncio.gather(*hands)
            for _ in graders:
                await self._asked.put(None)
            await asyncio.gather(*graders)
        except StorageError as error:
            self._lost = self._lost or error
        except asyncio.CancelledError:
            if self.stopped is None and self._lost is None and self._failed is None:
                raise
        finally:
            watcher.cancel()
            self._drop()
            await asyncio.gather(*self._tasks, watcher, return_exceptions=True)
            self._tasks = []
            while not self._asked.empty():
                if (dropped := self._asked.get_nowait()) is not None:
                    self._leave(dropped)
        if (fault := self._lost or self._failed) is not None:
            raise fault
        if self.over_budget and "(budget.usd)" in (self.stopped or ""):  # what was in flight then is paid by now
            self.stopped = self.shop.meter.exhausted(-inf) or self.stopped
        if self.shop.broken and self.stopped is None:
            self.stopped = "; ".join(f"{name}: {why}" for name, why in self.shop.broken.items())
        self.tell(phase)
        self.tally.pressed = ""
        return made

    def tell(self, phase: str, message: str = "") -> None:
        """Tells the listener where the run stands."""
        spent = self.shop.meter.all
        self.tally.spent_usd, self.tally.unknown_costs = spent.spent_usd, spent.unknown
        self.tally.boxes = boxes_now()
        self.tally.pressed = self.shop.endpoints.pressed
        self.listener(self.tally.at(self.clock.monotonic(), phase, message))

    def stop(self) -> None:
        """Once: nothing new begins, what waits to be sent is given up, calls in flight are finished. Twice: dropped."""
        if self.clock.over and self.stopped is not None:  # the time may have ended in an earlier phase
            self._drop()
            return
        self._end(BY_USER)
        self._tell_of(STOPPING)

    def _end(self, why: str) -> None:
        """No attempt begins any more, and no call that waits is sent."""
        self.stopped = self.stopped or why
        self.clock.end()
        self.shop.settled.set()

    def _tell_of(self, phase: str) -> None:
        """Tells where the run stands in a phase; of one that is to end, what it waits for."""
        if not self.clock.over:
            return self.tell(phase)
        waits = f"finishing {plural(self.tally.in_flight, 'attempt')} in flight"
        why = "; again to drop them" if self.stopped == BY_USER else f", for {self.stopped}"
        return self.tell(STOPPING, waits + why)

    def _drop(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _look(self, phase: str) -> None:
        """Looks for what may end a run while all hands wait: its time, and the loss of its journal."""
        wall_s = self.assembled.experiment.budget.wall_s
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = self.clock.monotonic()
            if wall_s is not None and not self.clock.over and now - self.tally.started >= wall_s:
                self.over_budget = self.over_budget or self.stopped is None
                self._end(self.shop.meter.exhausted(now) or f"the run's {wall_s:g} s are over")
                self.clock.cut()
            try:
                self.shop.journal.check()
            except StorageError as error:
                self._lost = error
                self._drop()
            self._tell_of(phase)

    async def _hand(self, queue: Iterator[Attempt], done: set[str]) -> None:
        """Asks for one attempt after another until none is left or the run is to stop."""
        for attempt in queue:
            if self.shop.broken and not self.shop.broken.keys().isdisjoint(self._called_by(attempt)):
                continue
            if (reservation := await self._admitted(attempt.contender)) is None:
                return
            trace = Trace(attempt.id, self.observer, self.clock.now())
            session = AttemptSession(self.shop, attempt.task, attempt.trial, trace, reservation)
            made = Made(attempt=attempt, session=session, over=asyncio.Event() if self.watch is not None else None)
            self.observe(attempt.id, _BEGUN)
            await self.ask(made)
            by = self.assembled.graders[attempt.task.digest]
            if not by.models:
                self._settle(made)
            if made.left or made.grade is not None or (made.answer is not None and by.at_once(made.answer)):
                # the next request goes out first
                asyncio.get_running_loop().call_soon(self._grade_at_once, made, done, context=self._apart)
                self._in_a_row += 1
                if self._in_a_row % IN_A_ROW == 0:  # answers on record are given without a wait
                    await asyncio.sleep(0)
            else:
                await self._asked.put(made)
            if made.over is not None:  # the watch bounds what is in flight, graded or not
                await made.over.wait()

    async def _admitted(self, contender: str) -> Reservation | None:
        """Money for one more attempt of this contender, in its turn; ``None`` where the run is to stop."""
        async with self._turn:
            while True:
                if self.stopped is None:
                    self.stopped = self.shop.meter.exhausted(self.clock.monotonic())
                    self.over_budget = self.stopped is not None
                if self.stopped is not None:
                    return None
                if (reservation := self.shop.meter.admit(contender)) is not None:
                    return reservation
                self.shop.settled.clear()
                if self.shop.meter.in_flight:
                    await self.shop.settled.wait()

    def models_of(self, attempt: Attempt) -> frozenset[str]:
        """Those that an attempt calls."""
        return self.system_of(attempt).models | self.assembled.graders[attempt.task.digest].models

    def _called_by(self, attempt: Attempt) -> set[str]:
        judges = self.assembled.graders[attempt.task.digest].judges
        return {f"model {name}" for name in self.models_of(attempt)} | {f"judge {name}" for name in judges}

    async def ask(self, made: Made) -> None:
        """One attempt, from the question to the answer. Raises StorageError: a call of it cannot be kept."""
        task, session, redact = made.attempt.task, made.session, self.shop.redact
        limit = None if task.timeout_s is None else asyncio.timeout(task.timeout_s)
        try:
            async with _UNLIMITED if limit is None else limit:
                own_time.set(limit)
                made.answer = await self.system_of(made.attempt).answer(task, session)
                session.charged.check()
            await session.leave(keep=True)
        except Unsent:
            made.left = True
        except (StorageError, asyncio.CancelledError):
            self._leave(made)
            raise
        except ModelError as error:
            broken = not self.shop.broken.keys().isdisjoint(self._called_by(made.attempt))
            made.left = error.not_yet or (error.cause is Cause.PROTOCOL and broken)
            made.grade = faulted(error.fault, redact(str(error)))
        except Exception as error:  # noqa: BLE001 - a fault of ours in one attempt must not take the run with it
            fault, reason = fault_of(error), redact(f"{type(error).__name__}: {error}")
            late = limit is not None and limit.expired()
            if late:
                session.trace.ended_after_s = task.timeout_s or 0.0
            if isinstance(error, TimeoutError):
                slow = ModelError(Cause.TOO_SLOW, f"not done within the task's {task.timeout_s or 0:g} s")
                fault, reason = (slow.fault, str(slow)) if late else (fault, redact(str(error)))
            made.grade = faulted(fault, reason)
        finally:
            await session.leave(keep=False)

    async def _grader(self, done: set[str]) -> None:
        """Grades one answer after another that takes a while."""
        while (made := await self._asked.get()) is not None:
            await self._graded(made, done)

    def _grade_at_once(self, made: Made, done: set[str]) -> None:
        """As `_graded`, where nothing is waited for."""
        try:
            self._graded(made, done).send(None)
        except StopIteration:
            return
        except StorageError:  # it is told of already
            return
        except Exception as error:  # noqa: BLE001 - nobody else would hear of it
            self._failed = self._failed or error
            self._drop()

    async def _graded(self, made: Made, done: set[str]) -> None:
        """Grades an answer; what is graded is kept. Raises StorageError: it cannot be."""
        try:
            judged = made.grade
            if judged is None and made.answer is not None:
                with suppress(Unsent, ModelError):  # of a judge, where it is to be asked later
                    judged = await made.session.grade(made.answer)
                    self.shop.forget(judged, made.session.trace)
            if made.left or judged is None:
                self._leave(made)
            else:
                self.keep(made, judged)
                done.add(made.attempt.id)
        except asyncio.CancelledError:
            self._leave(made)
            raise
        except StorageError as error:
            self._lost = error
            self._drop()
            raise
        finally:
            self._settle(made)
            if made.over is not None:
                made.over.set()

    def _settle(self, made: Made) -> None:
        if made.session.reservation is not None:
            self.shop.meter.settle(made.session.reservation)
            made.session.reservation = None
            self.shop.settled.set()

    def _leave(self, made: Made) -> None:
        """Keeps what was said and spent in an attempt that is still to be made; its answers are not asked for again."""
        judged = Grade(status=Status.SKIPPED, cause=Cause.BUDGET if self.over_budget else Cause.STOPPED)
        with suppress(StorageError):
            self.keep(made, judged)
        self._settle(made)

    def keep(self, made: Made, judged: Grade) -> None:
        """Writes an attempt down with its grade. Raises StorageError: it cannot be kept."""
        trace = made.session.trace
        outcome = graded(self.assembled, made.attempt, trace, made.answer, judged, run=self.shop.run)
        if trace.calls or outcome.status is not Status.SKIPPED:
            digests = [call.request_digest for call in trace.calls]
            self.shop.journal.append_attempt(outcome, trace.messages, judged.reason, digests)
        self.observe(made.attempt.id, Ended(outcome, judged.reason))
        if self.watch is not None and outcome.is_done:
            enough = self.watch.settled(outcome)
            if enough is not None and self.stopped is None:
                self.stopped = enough
                self.shop.settled.set()

    def observe(self, attempt: str, event: Event) -> None:
        """Tells of an event."""
        self.tally.hear(event)
        if self.observer is not None:
            self.observer(attempt, event)

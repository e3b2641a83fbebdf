"""Works through attempts, many at once, until they are made, the money or the time is gone, or the user stops it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from harness.core import Answer, Cause, ModelError, Outcome, Status, StorageError, fault_of
from harness.cost import Reservation
from harness.experiment import Attempt
from harness.grade import grade
from harness.run.outcome import faulted, graded
from harness.run.progress import Listener, Tally
from harness.run.session import AttemptSession, Shop
from harness.run.stopping import BY_USER, Unsent, own_time
from harness.run.watch import Watch
from harness.system import System

LOOK_EVERY_S = 0.25


class Crew:
    """The hands of a run. One attempt that fails, however it fails, is data; it never takes the run with it."""

    def __init__(
        self,
        shop: Shop,
        system_of: Callable[[Attempt], System],
        tally: Tally,
        listener: Listener,
        *,
        watch: Watch | None = None,
    ) -> None:
        self.shop, self.system_of, self.tally, self.listener, self.clock = shop, system_of, tally, listener, shop.clock
        self.watch = watch
        self.stopped: str | None = None
        """Why no further attempt begins."""
        self.over_budget = False
        """Whether that is the budget."""
        self._lost: StorageError | None = None
        self._hands: list[asyncio.Task[None]] = []

    async def work(self, attempts: Sequence[Attempt], phase: str, *, at_most: int | None = None) -> set[str]:
        """Makes these attempts, as many at once as the experiment and ``at_most`` allow; the ids of those made.

        Raises:
            StorageError: what is made cannot be kept; what was in flight is dropped.
        """
        queue: Iterator[Attempt] = iter(attempts)
        made: set[str] = set()
        self.tell(phase)
        self.shop.journal.check()
        allowed = self.shop.assembled.experiment.limits.concurrency
        hands = min(allowed, len(attempts)) if at_most is None else min(allowed, at_most)
        self._hands = [asyncio.create_task(self._hand(queue, made)) for _ in range(hands)]
        watcher = asyncio.create_task(self._watched(phase))
        try:
            await asyncio.gather(*self._hands)
        except StorageError as error:
            self._lost = error
        except asyncio.CancelledError:
            if self.stopped is None and self._lost is None:
                raise
        finally:
            watcher.cancel()
            for task in self._hands:
                task.cancel()
            await asyncio.gather(*self._hands, watcher, return_exceptions=True)
        if self._lost is not None:
            raise self._lost
        if self.shop.broken and self.stopped is None:
            self.stopped = "; ".join(f"model {name}: {why}" for name, why in self.shop.broken.items())
        self.tell(phase)
        return made

    def tell(self, phase: str, message: str = "") -> None:
        """Tells the listener where the run stands."""
        self.tally.spent_usd, self.tally.unknown_costs = self.shop.meter.spent_usd, self.shop.meter.unknown
        self.listener(self.tally.at(self.clock.monotonic(), phase, message))

    def stop(self) -> None:
        """Once: nothing new begins, what waits to be sent is given up, calls in flight are finished. Twice: dropped."""
        if self.clock.over:
            self._drop()
            return
        self._end(BY_USER)
        self.tell("stopping", f"finishing {self.tally.in_flight} attempts in flight; again to drop them")

    async def _hand(self, queue: Iterator[Attempt], made: set[str]) -> None:
        """Makes one attempt after another until none is left or the run is to stop."""
        for attempt in queue:
            if any(model in self.shop.broken for model in self.system_of(attempt).models):
                continue
            reservation = await self._admitted(attempt.contender)
            if reservation is None:
                return
            self.tally.in_flight += 1
            try:
                outcome = await self._one(attempt, reservation)
            except Unsent:
                continue
            finally:
                self.tally.in_flight -= 1
                self.shop.meter.settle(reservation)
                self.shop.settled.set()
            made.add(attempt.id)
            self._count(outcome)
            self._show(outcome)

    async def _watched(self, phase: str) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._look()
            self.tell(phase)

    def _end(self, why: str) -> None:
        """No attempt begins any more, and no call that waits is sent."""
        self.stopped = self.stopped or why
        self.clock.end()
        self.shop.settled.set()

    def _drop(self) -> None:
        for task in self._hands:
            task.cancel()

    def _look(self) -> None:
        """What may end a run while all hands wait: its time, and the loss of its journal."""
        wall_s = self.shop.assembled.experiment.budget.wall_s
        if wall_s is not None and not self.clock.over and self.clock.monotonic() - self.tally.started >= wall_s:
            self.over_budget = self.stopped is None
            self._end(self.shop.meter.exhausted(self.clock.monotonic()) or f"the run's {wall_s:g} s are over")
        try:
            self.shop.journal.check()
        except StorageError as error:
            self._lost = error
            self._drop()

    async def _admitted(self, contender: str) -> Reservation | None:
        """Money for one more attempt of this contender; ``None`` where the run is to stop."""
        while True:
            if self.stopped is None:
                self.stopped = self.shop.meter.exhausted(self.clock.monotonic())
                self.over_budget = self.stopped is not None
            if self.stopped is not None:
                return None
            reservation = self.shop.meter.admit(contender)
            if reservation is not None:
                return reservation
            self.shop.settled.clear()
            if self.shop.meter.in_flight:
                await self.shop.settled.wait()

    async def _one(self, attempt: Attempt, reservation: Reservation) -> Outcome:
        """One attempt, from the question to the journal.

        Raises:
            Unsent: it is still to be made.
            StorageError: it cannot be kept.
        """
        shop, task, started = self.shop, attempt.task, self.clock.now()
        session = AttemptSession(shop, attempt.id, attempt.trial, reservation)
        answer: Answer | None = None
        try:
            async with asyncio.timeout(task.timeout_s) as limit:
                own_time.set(limit)
                answer = await self.system_of(attempt).answer(task, session)
                session.refuse_overspending()
            judged = grade(task, answer, shop.assembled.grader_of(task))
        except StorageError:
            raise
        except ModelError as error:
            if error.not_yet:
                raise Unsent from None
            judged = faulted(error.fault, shop.redact(str(error)))
        except TimeoutError as error:
            if limit.expired():
                reason = f"no answer within the task's {task.timeout_s:g} s"
                judged = faulted(ModelError(Cause.TOO_SLOW, reason).fault, reason)
            else:
                judged = faulted(fault_of(error), shop.redact(str(error)))
        except Exception as error:  # noqa: BLE001 - a fault of ours in one attempt must not take the run with it
            judged = faulted(fault_of(error), shop.redact(f"{type(error).__name__}: {error}"))
        outcome = graded(shop.assembled, attempt, session.calls, answer=answer, judged=judged, started_at=started)
        if outcome.cause is not None and outcome.passed is None:
            self.tally.examples.setdefault(str(outcome.cause), judged.reason)
        messages = answer.messages if answer is not None else self.system_of(attempt).prompt.of(task)
        shop.journal.append_attempt(outcome, messages, judged.reason, tuple(c.request_digest for c in session.calls))
        return outcome

    def _show(self, outcome: Outcome) -> None:
        """To whoever may end the run; an attempt that a refused key ended is yet to be made."""
        if self.watch is not None and outcome.cause is not Cause.AUTH:
            enough = self.watch.settled(outcome)
            if enough is not None and self.stopped is None:
                self.stopped = enough
                self.shop.settled.set()

    def _count(self, outcome: Outcome) -> None:
        self.tally.done += 1
        if outcome.status is Status.PASSED:
            self.tally.passed += 1
        elif outcome.status is Status.FAILED:
            self.tally.failed += 1
        else:
            self.tally.errored += 1
            self.tally.causes[str(outcome.cause)] += 1

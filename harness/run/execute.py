"""Runs what is not yet done: dev attempts, thresholds, then everything else; and leaves the tables and the manifest.

The journal is the truth. A kill at any instant costs the calls in flight; the next run goes on from what was written.
"""

import asyncio
import contextlib
import os
import signal
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.core import (
    Answer,
    Cause,
    Clock,
    Cost,
    Manifest,
    ModelError,
    Outcome,
    Redactor,
    Status,
    SystemClock,
    UsageError,
    fault_of,
)
from harness.cost import Meter, Reservation
from harness.grade import grade
from harness.model import Caller, Limits, Model, Probing, missing_key, open_model
from harness.run.assemble import Assembled, needs_threshold
from harness.run.manifest import manifest_of
from harness.run.outcome import faulted, graded, skipped
from harness.run.plan import Attempt
from harness.run.progress import Listener, Progress, Tally
from harness.run.session import AttemptSession, Shop
from harness.run.thresholds import Choice, choose, decided
from harness.store import (
    Journal,
    Recalled,
    compact,
    read_calls_journal,
    read_journal,
    read_manifest,
    recorded_replies,
    write_manifest,
)
from harness.system import Hybrid, System


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line may ask of a run."""

    only: tuple[str, ...] = ()
    """Contenders to run; empty: all. Parts of a hybrid whose threshold is to be chosen are run on dev all the same."""
    limit: int | None = None
    """At most so many attempts in this call."""
    offline: bool = False
    """Refuse every call that leaves this machine."""
    retry_errored: bool = False
    """Try attempts anew that ended errored or ungraded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one call of a run did, and how the report stands after it."""

    planned: int
    """Attempts of the whole experiment."""
    done_before: int
    made: int
    """Attempts made by this call."""
    complete: bool
    stopped_because: str | None = None
    errored: int = 0
    """Attempts of the report that ended errored or ungraded."""
    causes: Mapping[str, int] = field(default_factory=dict)
    spent_usd: float = 0.0
    unknown_costs: int = 0
    elapsed_s: float = 0.0
    notes: tuple[str, ...] = ()


def run_report(
    assembled: Assembled,
    options: RunOptions | None = None,
    *,
    listener: Listener = lambda _: None,
    clock: Clock | None = None,
    environment: Mapping[str, str] | None = None,
) -> Summary:
    """Makes every planned attempt that the report does not hold yet.

    Args:
        assembled: the checked experiment.
        options: what to leave out.
        listener: told of the progress, a few times a second at most.
        clock: the time; the machine's by default.
        environment: where API keys are looked up, by the names in ``api_key_env``; the process's by default.

    Raises:
        UsageError: another run is at work on this report, or a model cannot be opened. Nothing was spent.
    """
    environment = os.environ if environment is None else environment
    return _Run(assembled, options or RunOptions(), listener, clock or SystemClock(), environment).go()


class _Run:
    """One call of a run, from the lock to the tables."""

    def __init__(
        self,
        assembled: Assembled,
        options: RunOptions,
        listener: Listener,
        clock: Clock,
        environment: Mapping[str, str],
    ) -> None:
        self.assembled, self.options, self.listener, self.clock = assembled, options, listener, clock
        self.environment = environment
        keys = [environment.get(spec.api_key_env or "", "") for spec in assembled.specs.values()]
        self.redact = Redactor(tuple(key for key in keys if key))
        self.started = clock.monotonic()
        self.stop: str | None = None
        self.choices: dict[str, dict[str, Choice]] = {}
        self.notes: list[str] = []
        self.hands: list[asyncio.Task[None]] = []

    # ------------------------------------------------------------------------------------------------ from the outside

    def go(self) -> Summary:
        recorded, todo = self._look()
        if not todo and not self._tables_are_stale():
            return self._summary(recorded)
        models = self._open({model for a in todo for model in self._system(a).models})  # before anything is written
        with Journal(self.assembled.report) as journal:
            recorded, todo = self._look()  # again, now that nobody else writes
            if todo:
                asyncio.run(self._work(journal, recorded, todo, models))
                recorded = read_journal(self.assembled.report)
            self._leave_tables(recorded)
        return self._summary(recorded)

    def _look(self) -> tuple[Recalled, list[Attempt]]:
        """What the report holds, and what is left to do."""
        recorded = read_journal(self.assembled.report)
        self.manifest = read_manifest(self.assembled.report)
        self.choices = decided(self.assembled, self.manifest)
        self.done = self._finished(recorded)
        self.done_before = len(self.done)
        todo = self._todo()
        self.tally = Tally(len(todo), self.started)
        return recorded, todo

    def _finished(self, recorded: Recalled) -> set[str]:
        again = {Status.ERRORED, Status.UNGRADED} if self.options.retry_errored else set()
        planned = {attempt.id for attempt in self.assembled.attempts}
        return {i for i, outcome in recorded.attempts.items() if i in planned and outcome.status not in again}

    def _todo(self) -> list[Attempt]:
        only = set(self.options.only)
        chosen = [
            attempt
            for attempt in self.assembled.attempts
            if attempt.id not in self.done and (not only or attempt.contender in only or self._serves(attempt, only))
        ]
        return chosen if self.options.limit is None else chosen[: self.options.limit]

    def _serves(self, attempt: Attempt, only: set[str]) -> bool:
        """Whether a dev attempt is needed to choose the threshold of one of these contenders."""
        if attempt.split != "dev" or not self.assembled.dev:
            return False
        return any(attempt.contender in _parts(self.assembled.systems[name]) for name in only)

    # --------------------------------------------------------------------------------------------------- the real work

    async def _work(
        self, journal: Journal, recorded: Recalled, todo: Sequence[Attempt], models: Mapping[str, Model]
    ) -> None:
        try:
            for name, model in models.items():
                await self._prepare(name, model)
            self._write_manifest(complete=False)
            shop = self._shop(journal, recorded, models)
            with self._interruptible():
                await self._phases(shop, todo)
        finally:
            for model in models.values():
                await model.close()

    async def _prepare(self, name: str, model: Model) -> None:
        """Loads what the model needs, and proves that its adapters change its answers."""
        self._tell(f"preparing {name}")
        adapters = self.assembled.adapters.get(name, ())
        await model.prepare(adapters)
        if adapters and isinstance(model, Probing):
            self._tell(f"probing the adapters of {name}")
            suites = self.assembled.suites
            await model.probe_adapters([task.messages for suite in suites for task in suite.tasks[:2]])

    def _open(self, needed: set[str]) -> dict[str, Model]:
        """The models, with nothing sent and nothing loaded; a missing key or package ends the run here."""
        opened = {}
        for name in sorted(needed):
            spec = self.assembled.specs[name]
            if (missing := missing_key(spec, self.environment)) is not None:
                raise UsageError(missing)
            lookup = None
            if spec.backend == "replay":
                lookup = recorded_replies(Path(spec.options["report"])).get
            opened[name] = open_model(
                spec, redact=self.redact, environment=self.environment, offline=self.options.offline, lookup=lookup
            )
        return opened

    def _shop(self, journal: Journal, recorded: Recalled, models: Mapping[str, Model]) -> Shop:
        experiment = self.assembled.experiment
        limits = Limits(
            concurrency=experiment.limits.concurrency,
            requests_per_minute=experiment.limits.requests_per_minute,
            tokens_per_minute=experiment.limits.tokens_per_minute,
            timeout_s=experiment.limits.timeout_s,
            tries=experiment.limits.tries,
        )
        budget = experiment.budget
        meter = Meter(usd=budget.usd, attempt_usd=budget.attempt_usd, wall_s=budget.wall_s, started=self.started)
        for call in read_calls_journal(self.assembled.report):  # what earlier runs of this report have spent
            if call.error is None and not call.cache_hit:
                meter.spend(call.cost)
        self.tally.spent_usd, self.tally.unknown_costs = meter.spent_usd, meter.unknown
        self.meter = meter
        return Shop(
            assembled=self.assembled,
            callers={n: Caller(m, limits, self.clock, experiment.seed) for n, m in models.items()},
            journal=journal,
            replies=ChainMap({}, recorded.replies),  # type: ignore[arg-type]
            shared=frozenset(p for systems in self.assembled.systems.values() for p in _parts(systems)),
            meter=meter,
            redact=self.redact,
            clock=self.clock,
            on_spend=self._on_spend,
        )

    def _on_spend(self, _: Cost) -> None:
        self.tally.spent_usd, self.tally.unknown_costs = self.meter.spent_usd, self.meter.unknown

    async def _phases(self, shop: Shop, todo: Sequence[Attempt]) -> None:
        ready = [a for a in todo if not needs_threshold({"": self._system(a)})]
        dev = [a for a in ready if a.split == "dev" and self.assembled.dev]
        main = [a for a in todo if a.split != "dev" or not self.assembled.dev]
        if dev:
            await self._attempt_all(shop, dev, "dev attempts, to choose thresholds on")
        if any(needs_threshold({"": self._system(a)}) for a in main) and self.stop is None:
            self._tell("choosing thresholds")
            self.choices = await choose(self.assembled, shop, self.choices)
            self._write_manifest(complete=False)
        waiting = [a for a in main if needs_threshold({"": self._system(a)})]
        if waiting and self.stop is None:
            names = ", ".join(sorted({a.contender for a in waiting}))
            self.notes.append(f"no threshold could be chosen for {names}: too few dev attempts have an outcome")
        held = {a.id for a in waiting}
        await self._attempt_all(shop, [a for a in main if a.id not in held], "attempts")

    async def _attempt_all(self, shop: Shop, attempts: Sequence[Attempt], phase: str) -> None:
        """Works through attempts, as many at once as the experiment allows, until all are made or the run stops."""
        queue: Iterator[Attempt] = iter(attempts)
        self._tell(phase)

        async def hand() -> None:
            for attempt in queue:
                if self._must_stop(shop):
                    return
                if any(model in shop.broken for model in self._system(attempt).models):
                    continue
                reservation = await self._admitted(shop, attempt.contender)
                if reservation is None:
                    return
                self.tally.in_flight += 1
                try:
                    outcome = await self._one(shop, attempt, reservation)
                finally:
                    self.tally.in_flight -= 1
                    shop.meter.settle(reservation)
                    shop.settled.set()
                self._count(outcome)

        async def watch() -> None:
            while True:
                await self.clock.sleep(0.25)
                self._tell(phase)

        hands = [asyncio.create_task(hand()) for _ in range(self.assembled.experiment.limits.concurrency)]
        watcher = asyncio.create_task(watch())
        self.hands = hands
        try:
            await asyncio.gather(*hands)
        except asyncio.CancelledError:
            if self.stop is None:
                raise
        finally:
            watcher.cancel()
            for task in hands:
                task.cancel()
            await asyncio.gather(*hands, watcher, return_exceptions=True)
        if shop.broken and self.stop is None:
            self.stop = "; ".join(f"model {name}: {why}" for name, why in shop.broken.items())
        self._tell(phase)

    def _must_stop(self, shop: Shop) -> bool:
        if self.stop is None:
            self.stop = shop.meter.exhausted(self.clock.monotonic())
        return self.stop is not None

    async def _admitted(self, shop: Shop, contender: str) -> Reservation | None:
        """Money for one more attempt of this contender; ``None`` where the run is to stop."""
        while True:
            if self._must_stop(shop):
                return None
            reservation = shop.meter.admit(contender)
            if reservation is not None:
                return reservation
            shop.settled.clear()
            if shop.meter.in_flight:
                await shop.settled.wait()

    async def _one(self, shop: Shop, attempt: Attempt, reservation: Reservation) -> Outcome:
        """One attempt, from the question to the journal. Whatever goes wrong in it is data."""
        session = AttemptSession(shop, attempt.id, attempt.trial, reservation)
        system, task, started = self._system(attempt), attempt.task, self.clock.now()
        answer: Answer | None = None
        try:
            async with asyncio.timeout(task.timeout_s) as limit:
                answer = await system.answer(task, session)
            judged = grade(task, answer, self.assembled.grader_of(task.grader))
        except ModelError as error:
            judged = faulted(error.fault, shop.redact(str(error)))
        except TimeoutError as error:
            spent = limit.expired()
            fault = ModelError(Cause.TOO_SLOW, "").fault if spent else fault_of(error)
            reason = f"no answer within the task's {task.timeout_s:g} s" if spent else shop.redact(str(error))
            judged = faulted(fault, reason)
        except Exception as error:  # noqa: BLE001 - a fault of ours in one attempt must not take the run with it
            judged = faulted(fault_of(error), shop.redact(f"{type(error).__name__}: {error}"))
        outcome = graded(self.assembled, attempt, session.calls, answer=answer, judged=judged)
        outcome = replace(outcome, started_at=started)
        messages = answer.messages if answer is not None else task.messages
        journal = shop.journal
        assert isinstance(journal, Journal)  # noqa: S101
        journal.append_attempt(outcome, messages, judged.reason, tuple(c.request_digest for c in session.calls))
        return outcome

    def _system(self, attempt: Attempt) -> System:
        system = self.assembled.systems[attempt.contender][attempt.suite.name]
        choice = self.choices.get(attempt.contender, {}).get(attempt.suite.name)
        if choice is not None and isinstance(system, Hybrid):
            return system.decided(threshold=choice.threshold, rate=choice.rate)
        return system

    # --------------------------------------------------------------------------------------- interruptions and counting

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C once: no new attempt, those in flight are finished. Twice: they are dropped."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if self.stop is None:
                self.stop = "stopped by the user"
                self._tell("stopping", f"finishing {self.tally.in_flight} attempts in flight; again to drop them")
            else:
                for task in self.hands:
                    task.cancel()

        installed = []
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread
                loop.add_signal_handler(number, stop)
                installed.append(number)
        try:
            yield
        finally:
            for number in installed:
                loop.remove_signal_handler(number)

    def _count(self, outcome: Outcome) -> None:
        self.tally.done += 1
        self.done.add(outcome.attempt_id)
        if outcome.status is Status.PASSED:
            self.tally.passed += 1
        elif outcome.status is Status.FAILED:
            self.tally.failed += 1
        else:
            self.tally.errored += 1
            self.tally.causes[str(outcome.cause)] += 1

    def _tell(self, phase: str, message: str = "") -> None:
        progress: Progress = self.tally.at(self.clock.monotonic(), phase, message)
        self.listener(progress)

    # ---------------------------------------------------------------------------------------------- what is left behind

    def _leave_tables(self, recorded: Recalled) -> None:
        """The tables of what is recorded, with a row for every attempt that the run never reached."""
        present = {a.id for a in self.assembled.attempts if a.id in recorded.attempts}
        complete = len(present) == len(self.assembled.attempts)
        self._tell("writing the tables")
        cause = Cause.STOPPED if self.stop is None or "user" in self.stop else Cause.BUDGET
        left = compact(self.assembled.report, (skipped(self.assembled, a, cause) for a in self.assembled.attempts))
        if left.left_out:
            self.notes.append(f"{left.left_out} attempts of an earlier form of the experiment are not in the tables")
        if left.torn:
            self.notes.append(f"{left.torn} lines of the journal could not be read; what they held is tried again")
        self._write_manifest(complete=complete, done=len(present))

    def _tables_are_stale(self) -> bool:
        tables = self.assembled.report / "outcomes.parquet"
        return not tables.exists() or self.manifest is None or not self.manifest.complete

    def _write_manifest(self, *, complete: bool, done: int | None = None) -> None:
        manifest: Manifest = manifest_of(
            self.assembled,
            created_at=self.manifest.created_at if self.manifest else self.clock.now().isoformat(timespec="seconds"),
            choices=self.choices,
            done=len(self.done) if done is None else done,
            complete=complete,
            stopped_because=None if complete else self.stop,
        )
        write_manifest(self.assembled.report, manifest)

    def _summary(self, recorded: Recalled) -> Summary:
        planned = [a.id for a in self.assembled.attempts]
        outcomes = [recorded.attempts[i] for i in planned if i in recorded.attempts]
        causes: dict[str, int] = {}
        for outcome in outcomes:
            if outcome.status in {Status.ERRORED, Status.UNGRADED}:
                causes[str(outcome.cause)] = causes.get(str(outcome.cause), 0) + 1
        return Summary(
            planned=len(planned),
            done_before=self.done_before,
            made=self.tally.done,
            complete=len(outcomes) == len(planned),
            stopped_because=self.stop,
            errored=sum(causes.values()),
            causes=causes,
            spent_usd=self.tally.spent_usd,
            unknown_costs=self.tally.unknown_costs,
            elapsed_s=self.clock.monotonic() - self.started,
            notes=tuple(self.notes),
        )


def _parts(systems: Mapping[str, System]) -> set[str]:
    """Names of the contenders whose answers these systems use."""
    return {part.contender.name for s in systems.values() if isinstance(s, Hybrid) for part in (s.worker, s.expert)}

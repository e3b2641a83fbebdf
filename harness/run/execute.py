"""Runs what is not yet done. The journal is the truth: a kill at any instant costs the calls in flight."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from harness.core import (
    Cause,
    Clock,
    OwnbenchError,
    Role,
    Status,
    StorageError,
    UsageError,
    as_json,
    plural,
    stay_offline,
)
from harness.cost import AttemptMeter, Meter
from harness.experiment import (
    Assembled,
    Attempt,
    bounds_too_small,
    check_boxes,
    ended_notes,
    grades_again,
    is_graded_so,
    keep_ids,
    recall,
)
from harness.model import Model, backend_of
from harness.run.answering import other_names
from harness.run.cached import CachedAnswers, cached_answers
from harness.run.choosing import Choices, choose, decided, system_for
from harness.run.delivered import keep_skills, keep_tasks
from harness.run.executors.local import LocalExecutor
from harness.run.executors.pick import executor_for
from harness.run.following import Following, is_long
from harness.run.opening import bases_beside, fast_loop, make_room, open_models, prepare, probe_all
from harness.run.options import RunOptions, Summary
from harness.run.planned import plan_digest, plan_of, standing_of
from harness.run.records import manifest_of
from harness.run.regrading import regrade
from harness.run.session import Shop
from harness.run.spent import meter_of
from harness.run.stopping import BY_USER, Ears
from harness.run.trace import Progress
from harness.run.written import keep_written
from harness.store import (
    Journal,
    Plan,
    Recalled,
    compact,
    read_calls_journal,
    read_manifest,
    tables_are_whole,
    write_manifest,
)
from harness.system import System

if TYPE_CHECKING:
    from harness.run.crew import Crew
    from harness.run.executors.fleet import Fleet
    from harness.run.executors.local import Growing
    from harness.run.executors.ray import RayExecutor


def run_report(assembled: Assembled, options: RunOptions) -> Summary:
    """Makes every attempt that the report does not hold yet. Raises UsageError: nothing was begun. StorageError."""
    with stay_offline() if options.offline else contextlib.nullcontext():
        return _Run(assembled, options).go()


class _Run:
    """One call of a run, from the lock to the tables."""

    def __init__(self, assembled: Assembled, options: RunOptions) -> None:
        self.assembled, self.report, self.options, self.watch = assembled, assembled.report, options, options.watch
        self.recorded = Recalled(assembled.report)
        self.stopped: str | None = None
        self.over_budget = False
        self.notes: list[str] = []
        self.written: tuple[str, ...] = ()  # of the skills that authors wrote, for readers
        self.model_notes: dict[str, tuple[str, ...]] = {}  # by the models that this call has prepared, for readers
        self.following: Following | None = None  # who writes the tables of a long run meanwhile
        self.standing: Mapping[str, Any] = {}  # how far the report is, at the end
        self.answers: CachedAnswers | None = None
        self.clock, self.ears = Clock(), Ears()
        self.meter: Meter | None = None  # of a call that has something to make
        self.probing: Shop | None = None  # while adapters are looked at
        self.tally = Progress(planned=0, started=self.clock.monotonic())

    def go(self) -> Summary:
        before, planned = read_manifest(self.report), len(self.assembled.attempts)
        if self.watch is None and before is not None and before.complete and tables_are_whole(self.report):
            lost, notes = before.without_outcome, before.notes  # with no need to read the journal
            if before.plan_digest == self._plan_digest and not (self.options.retry_errored and lost):
                keep_tasks(self.assembled)  # for a report of a version that did not keep them
                return Summary(planned=planned, done_before=planned, made=0, complete=True, errored=lost, notes=notes)
        todo = self._look()
        if self.otherwise:
            self._grade_again()
            todo = self._look()
        executor = executor_for(self.assembled, self.options)
        if todo:
            executor.check(todo)
            for warning in bounds_too_small(self.assembled):
                self.options.notice(warning)
        make_room(self.assembled, len(todo))
        check_boxes(self.assembled, todo)
        graders = {id(by): by for by in (self.assembled.graders[a.task.digest] for a in todo)}.values()
        asked = [self._system(a) for a in {(a.contender, a.suite.name): a for a in todo}.values()]
        needed = {model for one in asked for model in one.models} | {model for by in graders for model in by.models}
        needed |= bases_beside(self.assembled, needed)
        offline = self.options.offline
        models = open_models(self.assembled, needed, offline=offline)  # before anything is written
        answers = cached_answers(self.assembled, needed=bool(todo))
        with ExitStack() as around:
            around.enter_context(executor.around(self.recorded) if todo else contextlib.nullcontext())
            self.answers = around.enter_context(answers)
            journal = around.enter_context(Journal(self.report))
            around.enter_context(self.ears)
            todo = self._look()  # again, now that nobody else writes
            keep_ids(journal, self.recorded)
            if todo:
                if is_long(todo) and isinstance(executor, LocalExecutor) and self.watch is None:
                    self.following = around.enter_context(self._following(todo))
                loop = asyncio.new_event_loop if offline else fast_loop
                with self._bill_left(), asyncio.Runner(loop_factory=loop) as runner:
                    runner.run(self._work(executor, journal, self.recorded, todo, models))
                journal.check()
            if self.following is not None:
                self.following.stop()
                self.recorded = self.following.held or self.recorded
            self.recorded = recall(self.assembled, self.recorded)
            if todo and self.watch is None:
                made = self.recorded.standings(a.id for a in todo)
                if all(a.id in self.done and on and on.is_done for a, on in zip(todo, made, strict=True)):
                    self.stopped = None  # whatever came, it came too late to leave anything out
            self._leave_tables()
        return self._summary()

    def _look(self) -> list[Attempt]:
        """Reads what is on record; returns what is to be made."""
        assembled = self.assembled
        self.manifest, self.recorded = read_manifest(self.report), recall(assembled, self.recorded)
        again = {Status.ERRORED, Status.UNGRADED} if self.options.retry_errored else set()
        standings, graded = self.recorded.standings(a.id for a in assembled.attempts), assembled.gradings
        left, self.done, answered = list[Attempt](), set[str](), set[tuple[str, str]]()
        self.otherwise = list[Attempt]()
        for attempt, on in zip(assembled.attempts, standings, strict=True):
            if on is None or on.status in again or not on.is_done:
                left.append(attempt)
                continue
            self.done.add(attempt.id)
            self.otherwise += [] if is_graded_so(on, graded[attempt.task.digest]) else [attempt]
            if not assembled.is_dev(attempt):
                answered.add((attempt.contender, attempt.suite.name))
        self.done_before = len(self.done)
        self.choices: Choices = decided(assembled, self.manifest.thresholds if self.manifest else {}, answered)
        only, todo = set(self.options.only), list[Attempt]()
        if self.watch is not None:
            only = {self.watch.contender}
            outcomes, ids = self.recorded.attempts, dict.fromkeys(a.id for a in assembled.attempts)
            others = (o for i, o in outcomes.items() if i not in ids and o.status is not Status.SKIPPED)
            self.stopped = self.watch.start((outcomes[i] for i in ids if i in self.done), others)
        if self.stopped is None:
            parts = {part for name in only for part in assembled.waits_for(name)}
            todo = [
                a
                for a in left
                if not only or a.contender in only or (self.assembled.is_dev(a) and a.contender in parts)
            ]
            if self.watch is not None:
                main = self.watch.order([attempt for attempt in todo if not self.assembled.is_dev(attempt)])
                todo = [*(attempt for attempt in todo if self.assembled.is_dev(attempt)), *main]
        todo = todo[: self.options.limit]
        self.tally = Progress(planned=len(todo), started=self.tally.started)
        return todo

    def _grade_again(self) -> None:
        """Grades by the present graders what was graded by others."""
        if self.watch is not None:
            problem = "attempts were graded by other graders or references than the present ones"
            raise UsageError(f"{self.report}: {len(self.otherwise):,} {problem}; first: ownbench regrade {self.report}")
        self.options.notice(grades_again(self.assembled, self.otherwise))
        done = regrade(self.assembled, listener=self.options.listener, offline=self.options.offline, within_run=True)
        changed = sum(sum(ways.values()) for ways in done.changes.values())
        self.stopped = done.stopped_because
        graded = f"{plural(done.graded, 'answer')} graded again, for a grader or a reference was changed"
        before = f"; the outcomes before: {done.kept}" if done.kept else ""
        if done.graded:
            self.notes.append(f"{graded}: {plural(changed, 'other grade')}{before}")

    async def _work(
        self,
        executor: "LocalExecutor | RayExecutor",
        journal: Journal,
        recorded: Recalled,
        todo: Sequence[Attempt],
        models: Mapping[str, Model],
    ) -> None:
        async def prepared() -> Shop:
            opened = await executor.open(models, self._tell)
            self.meter = meter_of(self.assembled, self.tally.started, recorded)
            again = self._unreadable(recorded, todo)
            shop = Shop(self.assembled, journal, recorded, opened, self.meter, again=again, cache=self.answers)
            await self._prepare(shop, opened)
            return shop

        try:
            working = asyncio.create_task(prepared())
            with self.ears.told(partial(self._stop_preparing, working)):
                try:
                    await working
                except asyncio.CancelledError:
                    if not self.ears.heard:
                        raise
            if self.ears.heard:
                self.stopped = BY_USER
                return
            self._write_manifest()
            keep_skills(self.assembled)
            keep_tasks(self.assembled)
            crew = executor.crew(working.result(), lambda: self.choices, self.tally, self.options.listener)
            with self.ears.told(crew.stop):
                await self._phases(crew, todo)
            self.stopped, self.over_budget = crew.stopped, crew.over_budget
            self.notes += executor.notes
        finally:
            for model in models.values():
                await model.close()
            await executor.close()

    def _unreadable(self, recorded: Recalled, todo: Sequence[Attempt]) -> set[str]:
        """Digests of what judges were asked of attempts that they left ungraded: the same replies would do so again."""
        standings = recorded.standings(a.id for a in todo)
        lost = {a.id for a, on in zip(todo, standings, strict=True) if on is not None and on.cause is Cause.JUDGE}
        calls = read_calls_journal(self.report) if lost else ()
        return {call.request_digest for call in calls if call.attempt_id in lost and call.role is Role.JUDGE}

    async def _prepare(self, shop: Shop, models: Mapping[str, Model]) -> None:
        """Loads what the models need, one after another, and looks whether they apply their adapters."""
        for name, model in models.items():
            self._tell(f"preparing {name}")
            await prepare(self.assembled, model)
            self.model_notes[name] = (*backend_of(model.spec).notes(model.spec), *ended_notes(model.spec))
        self.probing = shop
        for name, notes in (await probe_all(shop, models, self._tell)).items():
            self.model_notes[name] += notes
        self.probing = None

    def _stop_preparing(self, working: "asyncio.Task[Shop]") -> None:
        """A probe under way is going to be billed: it is finished. All else is dropped, and the second time all is."""
        if self.probing is None or self.probing.clock.over:
            working.cancel()
        else:
            self.probing.clock.end()

    @contextlib.contextmanager
    def _bill_left(self) -> Iterator[None]:
        """What probes cost is on the bill, and said, also where they show that there is to be no run."""
        try:
            yield
        except OwnbenchError as error:
            spent = self.meter.all if self.meter and self.probing else AttemptMeter()
            if not isinstance(error, StorageError) and (spent.spent_usd or spent.unknown):
                self.stopped, self.recorded = str(error), recall(self.assembled, self.recorded)
                self._leave_tables()
                error.args = (f"{error}; {spent} spent so far",)
            raise

    async def _phases(self, crew: "Crew | Fleet | Growing", todo: Sequence[Attempt]) -> None:
        """Dev attempts, then thresholds, then all the rest."""
        dev, main = [a for a in todo if self.assembled.is_dev(a)], [a for a in todo if not self.assembled.is_dev(a)]
        one_each = {(a.contender, a.suite.name): a for a in main}.values()
        if dev:
            self.done |= await crew.work(dev, "dev attempts, to choose thresholds on")
        left = {a.contender for a in self.assembled.attempts if self.assembled.is_dev(a) and a.id not in self.done}
        ready = {name for name in self.assembled.systems if not left & self.assembled.waits_for(name)}
        if any(self._system(a).undecided for a in one_each):
            crew.tell("choosing thresholds")
            self.choices = await choose(self.assembled, crew.shop, self.choices, ready)
            self._write_manifest()
        waiting = {a.contender for a in one_each if self._system(a).undecided}
        names, undecided = ", ".join(sorted(waiting)), None
        if waiting and crew.stopped is None and waiting <= ready:
            why = "no dev task has both an outcome and a confidence (does the worker's model send log-probabilities?)"
            undecided = f"no threshold could be chosen for {names}: {why}"
        elif waiting and crew.stopped is None:
            self.notes.append(f"no threshold for {names} yet: not all dev attempts are made")
        at_most = None if self.watch is None else self.watch.at_once
        self.done |= await crew.work([a for a in main if a.contender not in waiting], "attempts", at_most=at_most)
        crew.stopped = crew.stopped or undecided  # another call of the run would find the same

    def _system(self, attempt: Attempt) -> System:
        return system_for(self.assembled, self.choices, attempt)

    def _tell(self, phase: str) -> None:
        self.options.listener(self.tally.at(self.clock.monotonic(), phase))

    def _leave_tables(self) -> None:
        """The tables of what is recorded, with a row for every attempt that the run never reached."""
        self._tell("writing the tables")
        tables = self.following.tables if self.following is not None else None
        if tables is not None and tables.held is self.recorded:
            left_out, torn = tables.end()
        else:
            left_out, torn = compact(self.report, self._plan(), self.recorded)
        if left_out:
            self.notes.append(f"{left_out} attempts of an earlier form of the experiment are not in the tables")
        if torn:
            self.notes.append(f"{torn} lines of the journal could not be read; what they held is tried again")
        self.written = keep_written(self.assembled, self.recorded)
        for name, note in other_names(self.assembled, self.recorded, self.model_notes):
            self.model_notes[name] = tuple(dict.fromkeys((*self.model_notes[name], note)))
        self._write_manifest(over=True)

    def _plan(self) -> Plan:
        return plan_of(self.assembled, lambda _: Cause.BUDGET if self.over_budget else Cause.STOPPED)

    def _following(self, todo: Sequence[Attempt]) -> Following:
        left = {attempt.id for attempt in todo}
        places = [place for place, attempt in enumerate(self.assembled.attempts) if attempt.id in left]
        return Following(self.report, self._plan(), self.recorded, places, lambda: self.tally.done)

    def _write_manifest(self, *, over: bool = False) -> None:
        """As things stand; ``over``: at the end of a run."""
        before = self.manifest
        standing: dict[str, Any] = {"done": len(self.done), "complete": False, "without_outcome": 0}
        if over:
            standing = self.standing = standing_of(self.assembled, self.recorded)
        early = before.early_records if before else {}  # also of what is no longer in the experiment
        if self.watch is not None:
            record = self.watch.record()
            early[str(record["contender_digest"])] = record
        manifest = manifest_of(
            self.assembled,
            self.recorded if over else None,
            created_at=before.created_at if before else self.clock.now().isoformat(timespec="seconds"),
            thresholds=as_json(self.choices),
            stopped_because=None if standing["complete"] else self.stopped,
            early=early or None,
            notes=self._manifest_notes(),
            # where something is graded by another grader, the next call has to see it
            plan_digest="" if self.otherwise else self._plan_digest,
            **standing,
        )
        write_manifest(self.report, manifest)

    @cached_property
    def _plan_digest(self) -> str:
        return plan_digest(self.assembled)

    def _manifest_notes(self) -> tuple[str, ...]:
        """What models that are still asked are not asked with; those of this call as they are now."""
        others = tuple(f"model {name}: " for name in self.assembled.specs if name not in self.model_notes)
        earlier = self.manifest.notes if self.manifest else ()
        now = (note for notes in self.model_notes.values() for note in notes)
        kept = (note for note in earlier if note.startswith(others))
        return (*kept, *now, *self.assembled.for_readers, *self.written)

    def _summary(self) -> Summary:
        standings = self.recorded.standings(a.id for a in self.assembled.attempts)
        causes = Counter(str(on.cause) for on in standings if on and on.status in {Status.ERRORED, Status.UNGRADED})
        spent = (self.meter or meter_of(self.assembled, recorded=self.recorded)).all
        return Summary(
            planned=len(self.assembled.attempts),
            done_before=self.done_before,
            made=self.tally.done,
            complete=self.standing["complete"] and not self.otherwise,
            stopped_because=self.stopped,
            errored=causes.total(),
            causes=causes,
            examples=self.tally.examples,
            spent_usd=spent.spent_usd,
            unknown_costs=spent.unknown,
            elapsed_s=self.clock.monotonic() - self.tally.started,
            cached=self.answers.use if self.answers else None,
            notes=(*self._manifest_notes(), *self.notes, *(self.answers.notes if self.answers else ())),
            on_record=self._manifest_notes(),
        )

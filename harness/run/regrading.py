"""Grades a report's answers again. The journal is added to, never changed; no contender is asked."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from harness.core import Cause, Clock, Grade, Role, Status, UsageError, plural
from harness.cost import Meter
from harness.experiment import Assembled, Attempt, check_boxes, graded_before, is_graded_so, recall
from harness.grade import ungraded
from harness.run.boxes import KEPT, is_kept
from harness.run.cached import cached_answers
from harness.run.crew import Crew, Made
from harness.run.opening import open_models
from harness.run.planned import plan_digest, plan_of, standing_of
from harness.run.records import judge_records, suites_of
from harness.run.session import Shop
from harness.run.spent import meter_of
from harness.run.stopping import Ears
from harness.run.trace import (
    JUDGED,
    Ended,
    Listener,
    Progress,
    identity,
    judge_usd,
    values,
)
from harness.store import (
    OUTCOMES_FILE,
    Journal,
    Recalled,
    compact,
    has_answers,
    read_actions_journal,
    read_calls_journal,
    read_manifest,
    read_outcomes,
    refuse_no_report,
    write_manifest,
)
from harness.system import BOX_TOOLS, answered

ENDED_BEFORE = frozenset({Cause.CONTEXT, Cause.TURNS, Cause.TOO_SLOW, Cause.TOO_DEAR})
"""Faults of a contender after which no grader is asked. Nor is it where a refusal was an error and no reply."""
DIRECTIONS = ("pass_to_fail", "fail_to_pass", "other")  # how a grade changed; ``other``: its score, cause or label
_GRADED = ("status", "cause", "score", "label_predicted", "label_true", "judge_usd", "grader_digest")  # of a grader


@dataclass(frozen=True, slots=True, kw_only=True)
class Regraded:
    """What was graded again, and what came of it."""

    graded: int  # answers
    waiting: int  # answers that still have the grade of an earlier grader or reference
    changes: Mapping[str, Mapping[str, int]]  # by contender, then by `DIRECTIONS`
    left: int  # recorded attempts without an answer to grade: errored, skipped, or ended by a fault of the contender's
    kept: str | None  # the file in the report's folder with the outcomes as they were; none where no row changed
    stopped_because: str | None
    judge_usd: float = 0.0  # what this call of it spent on judges


def regrade(assembled: Assembled, *, listener: Listener, offline: bool = False, within_run: bool = False) -> Regraded:
    """Grades stored answers again; ``within_run``: of other graders, no tables. Raises UsageError, StorageError."""
    report = assembled.report
    if not within_run:
        refuse_without_answers(report)
    with Journal(report) as journal, Ears() as ears:
        held = recall(assembled)
        if not within_run and (report / OUTCOMES_FILE).is_file():  # whose new form had no row for another
            planned = {attempt.id for attempt in assembled.attempts}
            ids = read_outcomes(report, ["attempt_id"])["attempt_id"].to_pylist()
            if gone := sum(i not in planned and (i in held.attempts or i in held.renamed) for i in ids):
                problem = f"the tasks or contenders of {plural(gone, 'recorded attempt')} have changed since"
                raise UsageError(f"{report}: {problem}; make the new ones first: ownbench run {report}")
        last = _last_replies(assembled, held)
        over = {
            *ENDED_BEFORE,
            Cause.REFUSED,
        }  # who failed by these fails under any grader, as the rows have to say
        gradings, work = assembled.gradings, list[Attempt]()
        stood = [*zip(assembled.attempts, held.standings(a.id for a in assembled.attempts), strict=True)]
        for a, on in stood:
            if on is not None and (a.id in last or (on.passed is False and on.cause in over)):
                work += [] if within_run and is_graded_so(on, gradings[a.task.digest]) else [a]
        lost = _lost(assembled, work)
        judges = {model for attempt in work for model in assembled.graders[attempt.task.digest].models}
        models = open_models(assembled, judges, offline=offline)
        check_boxes(assembled, [a for a in work if a.id not in lost], graders_only=True)

        async def again() -> tuple[_Again, float]:
            started = Clock().monotonic()
            meter = meter_of(assembled, started) if judges else Meter()  # rules cost nothing, whatever was spent
            spent = meter.all.spent_usd
            shop = Shop(assembled, journal, held, models, meter, cache=cache)
            crew = _Again(shop, (held, last, lost), Progress(planned=len(work), started=started), listener)
            try:
                for model in models.values():
                    await model.prepare()
                with ears.told(crew.stop):
                    await crew.work(work, "grading answers")
            finally:
                for model in models.values():
                    await model.close()
            return crew, meter.all.spent_usd - spent

        with cached_answers(assembled, needed=bool(judges)) as cache:
            crew, paid = asyncio.run(again())
        kept = None
        journal.check()
        if crew.lines and (report / OUTCOMES_FILE).is_file():
            kept = next(name for n in count(1) if not (report / (name := f"outcomes.before-{n}.parquet")).exists())
            shutil.copyfile(report / OUTCOMES_FILE, report / kept)
        recorded = recall(assembled, held) if crew.lines else held
        waiting = len(graded_before(assembled, recorded))
        if crew.lines and not within_run:
            _leave_tables(assembled, recorded, whole=not waiting)
    return Regraded(
        graded=crew.graded,
        waiting=waiting,
        changes={name: {way: crew.changes[name, way] for way in DIRECTIONS} for name in assembled.systems},
        left=sum(on is not None for _, on in stood) - len(last),
        kept=kept,
        stopped_because=crew.stopped,
        judge_usd=paid,
    )


def refuse_without_answers(report: Path) -> None:
    """Raises UsageError: no answers are stored here, as where no run of this program made the report."""
    if not has_answers(report):
        refuse_no_report(report)
        problem = "no answers are stored here (calls.jsonl, attempts.jsonl), so nothing can be graded again"
        raise UsageError(f"{report}: {problem}; ownbench run makes and stores them")


def _last_replies(assembled: Assembled, held: Recalled) -> dict[str, str]:
    """By attempt: the request whose reply is the answer that is to be graded; attempts without one are left out."""
    deciding = {Role.JUDGE, Role.SELECTOR}
    calls = read_calls_journal(assembled.report)
    others = {call.request_digest for call in calls if call.role in deciding or call.draw}
    found = {}
    for attempt, on in zip(assembled.attempts, held.standings(a.id for a in assembled.attempts), strict=True):
        if on is None or on.status in {Status.ERRORED, Status.SKIPPED} or on.cause in ENDED_BEFORE:
            continue
        given = [digest for digest in held.transcript(attempt.id).requests if digest not in others]
        if given and given[-1] in held.replies:
            found[attempt.id] = given[-1]
    return found


class _Again(Crew):
    """Takes each answer from the journal, and keeps of its attempt all but the grade."""

    def __init__(
        self,
        shop: Shop,
        found: tuple[Recalled, Mapping[str, str], frozenset[str]],
        tally: Progress,
        listener: Listener,
    ) -> None:
        super().__init__(shop, lambda a: shop.assembled.systems[a.contender][a.suite.name], tally, listener)
        self.held, self.last, self.lost = found
        self.changes: Counter[tuple[str, str]] = Counter()
        self.graded = self.lines = 0  # answers, and rows that are not as they were

    def models_of(self, attempt: Attempt) -> frozenset[str]:
        return self.assembled.graders[attempt.task.digest].models

    async def ask(self, made: Made) -> None:
        attempt = made.attempt
        if attempt.id in self.lost and not is_graded_so(
            self.held.attempts[attempt.id], self.assembled.gradings[attempt.task.digest]
        ):
            made.grade = ungraded(f"its work folder is not in {KEPT}/ any more, and nothing else can be graded")
        elif attempt.id in self.last and attempt.id not in self.lost:
            made.answer = answered(attempt.contender, self.held.replies[self.last[attempt.id]])
        else:
            old = self.held.attempts[attempt.id]
            made.grade = Grade(status=old.status, score=old.score, cause=old.cause, label_true=old.label_true)

    def keep(self, made: Made, judged: Grade) -> None:
        attempt, trace = made.attempt, made.session.trace
        before = self.held.attempts[attempt.id]
        after = replace(before, **identity(self.assembled, attempt), **values(judged, *JUDGED))
        if made.answer:  # the judges' calls of this try count from now on, and no earlier ones
            after = replace(after, judge_usd=judge_usd(trace.calls), graded_at=trace.started_at)
        changed = {name for name in _GRADED if getattr(after, name) != getattr(before, name)}
        self.graded += made.answer is not None and judged.status is not Status.SKIPPED
        if changed and judged.status is not Status.SKIPPED:
            kept = self.held.transcript(attempt.id)
            requests = dict.fromkeys((*kept.requests, *(call.request_digest for call in trace.calls)))
            self.shop.journal.append_attempt(after, kept.messages, judged.reason, tuple(requests))
            self.lines += 1
            if {before.passed, after.passed} == {True, False}:
                self.changes[attempt.contender, "pass_to_fail" if before.passed else "fail_to_pass"] += 1
            elif changed - {"judge_usd", "grader_digest"}:
                self.changes[attempt.contender, "other"] += 1
        self.observe(attempt.id, Ended(after, judged.reason))


def _lost(assembled: Assembled, work: Sequence[Attempt]) -> frozenset[str]:
    """Attempts whose graders look at a work folder that there was, and that was not kept."""
    looked = {a.id for a in work if assembled.graders[a.task.digest].needs_box}
    if not looked:
        return frozenset()
    actions = read_actions_journal(assembled.report)
    worked = {one.attempt_id for one in actions if one.allowed and one.tool in BOX_TOOLS}
    return frozenset(one for one in looked & worked if not is_kept(assembled.report, one))


def _leave_tables(assembled: Assembled, recorded: Recalled, *, whole: bool) -> None:
    """Writes the tables and the manifest again; what was skipped is so for the same cause."""
    report, causes = assembled.report, dict[str, str]()
    if (report / OUTCOMES_FILE).is_file():
        rows = read_outcomes(report, ["attempt_id", "status", "cause"]).to_pylist()
        causes = {row["attempt_id"]: row["cause"] for row in rows if row["status"] == Status.SKIPPED}
    compact(report, plan_of(assembled, lambda name: Cause(causes.get(name) or Cause.STOPPED)), recorded)
    if (manifest := read_manifest(report)) is not None:
        now = standing_of(assembled, recorded) | {"planned": len(assembled.attempts)}
        now |= {"suites": suites_of(assembled), "judges": judge_records(assembled, recorded)}
        # where not all is graded alike, the next run has to see it
        write_manifest(report, replace(manifest, plan_digest=plan_digest(assembled) if whole else "", **now))

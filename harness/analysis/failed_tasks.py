"""The tasks that contenders failed, with what was asked, expected and answered; those that tell them apart first."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from harness.analysis.loading import Floats, Mask, load_evidence, progress_of
from harness.analysis.task_views import shown_text
from harness.core import OwnbenchError, UsageError, listed, plural, visible
from harness.store import (
    NO_TRANSCRIPTS,
    PARTLY,
    AttemptRow,
    Outcomes,
    TaskFilter,
    TaskTable,
    Transcript,
    attempt_rows,
    has_answers,
    input_text,
    matching_rows,
    message_text,
    read_journal,
    read_transcript,
)

WHOLE = 1e-9  # scores closer than this to all of the trials are all
SCREEN = (3, 8)  # tasks that fill one: with what all contenders made of them, and with what some did
_NOTHING_SAID = NO_TRANSCRIPTS.replace("the inputs of its tasks are", "what was asked and answered is")
_TOLD = re.compile(r"expected (?P<expected>.+), found .*", re.DOTALL)  # as the rules of `harness.grade` say it


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What one contender made of a task that it failed. ``None`` is unknown. Texts are visible and without keys."""

    contender: str
    attempt_id: str | None
    status: str  # of the first failed trial, as all below
    cause: str | None
    score: float | None
    answer: str | None
    expected: str | None
    reason: str | None  # the grader's
    failed: int  # of its trials, or of its training seeds
    trials: int
    each: str  # what these are: ``trial``, ``seed``, or ``answer`` where each of its seeds has several
    why: str | None  # why answer and reason cannot be had


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTask:
    """One task that at least one of the contenders failed."""

    task: str
    suite: str | None
    domain: str | None
    question: str | None
    expected: str | None
    passed: tuple[str, ...]  # contenders of the report that passed it, with all of their graded trials
    partly: tuple[str, ...]  # that passed some trials or seeds and not others, or a trial in part
    graded: int  # contenders of the report with a graded trial of it
    failures: tuple[Failure, ...]  # of the contenders that were asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """The failed tasks of some contenders, or of all."""

    report: str
    contenders: tuple[str, ...]  # whose failures are listed
    split: str
    total: int  # tasks that were found
    tasks: tuple[FailedTask, ...]  # the first of them
    causes: Mapping[str, int]  # failed attempts of all of them by cause
    sentence: str
    warning: str | None  # the loud line over a run that is not done


def failures(
    source: Path,
    contenders: Sequence[str] = (),
    *,
    domains: Sequence[str] = (),
    causes: Sequence[str] = (),
    metadata: Sequence[str] = (),
    limit: int | None = None,
    split: str | None = None,
) -> Failures:
    """Tasks that contenders failed, by default any; first those that most others passed, or that half of all passed.

    ``limit`` is about a screen by default. With ``causes`` attempts count too that have no outcome. Raises
    UsageError: what is named is not there. EvidenceError: no outcomes.
    """
    limit = SCREEN[bool(contenders)] if limit is None else limit
    if limit < 1:
        raise UsageError(f"--limit is {limit}; give a whole number from 1 on")
    table, manifest = load_evidence(source, split, *contenders)
    for name in contenders:
        table.index(name)
    index, every = table.outcomes, tuple(dict.fromkeys(contenders)) or table.contenders
    words = ("failed", PARTLY, *(("errored", "ungraded") if causes else ()))
    wanted = TaskFilter(contenders=every, split=table.split, domains=domains, causes=causes, statuses=words,
                        metadata=metadata)  # fmt: skip
    rows = matching_rows(index, wanted)
    rows = rows[~index.repeated[rows]]
    places = table.task_places[index.task[rows]]
    graded, passed = table.counts > 0, table.sums > 0.5 * table.counts
    all_passed = table.sums >= table.counts - WHOLE
    found = np.unique(places)
    found = found[np.argsort(-_interest(table, graded, passed, contenders)[found], kind="stable")]
    told = _reader(source, index)

    def named(which: Mask, place: int) -> tuple[str, ...]:
        return tuple(table.contenders[i] for i in np.flatnonzero(graded[:, place] & which).tolist())

    shown = []
    for place in found[:limit].tolist():
        attempts = attempt_rows(index, rows[places == place])
        sides = [[one for one in attempts if one.contender == name] for name in every]
        each = [_failure(table, place, side, told) for side in sides if side]
        first = attempts[0]
        shown.append(
            FailedTask(
                task=visible(table.tasks[place]),
                suite=first.suite,
                domain=first.domain,
                question=next(filter(None, (told(one)[1] for one in attempts[:1])), None),
                expected=next((one.expected for one in each if one.expected is not None), None),
                passed=named(all_passed[:, place], place),
                partly=named((table.sums[:, place] > 0) & ~all_passed[:, place], place),
                graded=int(graded[:, place].sum()),
                failures=tuple(each),
            )
        )
    counts = index.words("cause").texts(rows).value_counts().to_pylist() if len(rows) else []
    by_cause = {one["values"] or "not said": one["counts"] for one in sorted(counts, key=lambda one: -one["counts"])}
    name = manifest.report if manifest and manifest.report else source.resolve().name
    return Failures(
        report=name,
        contenders=every,
        split=table.split,
        total=len(found),
        tasks=tuple(shown),
        causes=by_cause,
        sentence=_sentence(name, table, contenders, (domains, causes, metadata), len(found)),
        warning=progress_of(table, manifest).warning,
    )


def _interest(table: TaskTable, graded: Mask, passed: Mask, contenders: Collection[str]) -> Floats:
    """Of each task how much it tells: the share of the others that pass it; of all, how evenly they are divided."""
    others = np.array([name not in contenders for name in table.contenders])
    if contenders and others.any():
        return np.asarray((graded & passed)[others].sum(axis=0) / np.maximum(graded[others].sum(axis=0), 1))
    share = (graded & passed).sum(axis=0) / np.maximum(graded.sum(axis=0), 1)
    return np.asarray(share * (1 - share))


def failed_places(table: TaskTable, contender: str) -> list[int]:
    """Positions of the tasks that a contender failed, half of its graded trials or more; in the order of `failures`."""
    graded, passed = table.counts > 0, table.sums > 0.5 * table.counts
    own = table.index(contender)
    found = np.flatnonzero(graded[own] & ~passed[own])
    return [int(one) for one in found[np.argsort(-_interest(table, graded, passed, [contender])[found], kind="stable")]]


Told = tuple[Transcript | None, str | None, str | None]  # the conversation, what was asked in it, why there is none


def _reader(report: Path, index: Outcomes) -> Callable[[AttemptRow], Told]:
    """What was said in an attempt; the journal is read once where the report has no table of conversations yet."""
    table = (report / "transcripts.parquet").is_file() and index.report == report
    held = read_journal(report) if not table and has_answers(report) else None

    @cache
    def told(attempt_id: str, place: float) -> Told:
        try:
            found = read_transcript(report, attempt_id, near=place) if held is None else held.transcript(attempt_id)
        except (OwnbenchError, KeyError) as error:
            kept = table or held is not None
            return None, None, visible(str(error)) if kept and isinstance(error, OwnbenchError) else _NOTHING_SAID
        asked = input_text(found.messages, [one.text or "" for one in found.replies.values()])
        return found, shown_text(asked).text or None, None

    def of(one: AttemptRow) -> Told:
        unnamed = None, None, _NOTHING_SAID
        return unnamed if one.attempt_id is None else told(one.attempt_id, one.row / max(index.rows, 1))

    return of


def _failure(table: TaskTable, place: int, tried: Sequence[AttemptRow], told: Callable[[AttemptRow], Told]) -> Failure:
    one = min(tried, key=lambda row: row.trial)
    transcript, _, why = told(one)
    reason = shown_text(transcript.reason).text if transcript is not None and transcript.reason else None
    said = _TOLD.fullmatch(reason or "")
    return Failure(
        contender=one.contender,
        attempt_id=one.attempt_id,
        status=one.status,
        cause=one.cause,
        score=one.score,
        answer=_answer(transcript) if transcript is not None else one.label_predicted and visible(one.label_predicted),
        expected=visible(one.label_true) if one.label_true is not None else said and said["expected"],
        reason=reason,
        failed=len(tried),
        trials=int(table.trials_of(table.index(one.contender))[place]),
        each=table.outcomes.tries_of(one.contender),
        why=why,
    )


def _answer(transcript: Transcript) -> str:
    """What the model said last; empty where it said nothing."""
    for message in reversed(transcript.messages):
        if isinstance(message, Mapping) and message.get("role") == "assistant":
            content = message.get("content")
            return shown_text(content if isinstance(content, str) else message_text(message)).text
    return ""


def _sentence(
    report: str, table: TaskTable, contenders: Sequence[str], filters: Sequence[Sequence[str]], total: int
) -> str:
    whom = listed([f"`{name}`" for name in contenders], 5, last="or") if contenders else "at least one contender"
    having = "".join(f", of {listed(of, 5, last='or')}" for of in filters if of)
    tasks = int((table.trials > 0).any(axis=0).sum())
    return f"{visible(report)}: {plural(total, 'task')} of {tasks:,} failed by {whom}{having}"

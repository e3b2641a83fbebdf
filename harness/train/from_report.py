"""Training data out of recorded attempts: answers that passed, and those that passed against those that failed.

The prompt is the bare one, rendered again from the suite: what a contender read in a skill is not in it.
"""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core import Cause, Manifest, Role, Status, Suite, Task, UsageError, digest_json, nearest, write_atomic
from harness.experiment import load_experiment, read_suites
from harness.grade import grader
from harness.model import separated
from harness.store import (
    OUTCOMES_FILE,
    evidence_digest,
    has_answers,
    read_calls_journal,
    read_journal,
    read_manifest,
    read_outcomes,
    refuse_no_report,
)
from harness.train.examples import Example, Preference

SFT, PREFERENCES, CARD = "sft.jsonl", "preferences.jsonl", "card.yaml"
MOST_PAIRS = 4  # of one task
_JUDGED_WRONG = {Cause.WRONG, Cause.PARTIAL, Cause.MALFORMED}  # of failures, those whose whole answer was read
_COLUMNS = ("contender", "suite", "task", "task_digest", "split", "trial", "status", "cause", "attempt_id")
_UNREAD = {Role.JUDGE, Role.SELECTOR}  # of calls, those whose reply is no answer

Row = Mapping[str, Any]
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """What a report teaches, as the lines of files, and where it comes from."""

    place: str  # the report's folder, as it was named
    sft: tuple[Line, ...]
    pairs: tuple[Line, ...]
    card: Mapping[str, Any] = field(repr=False)

    @property
    def examples(self) -> tuple[Example, ...]:
        """The answers that passed, each once a task."""
        return tuple(
            Example(prompt=tuple(one["prompt"]), completion=one["completion"], place=self._at(one)) for one in self.sft
        )

    @property
    def preferences(self) -> tuple[Preference, ...]:
        """Answers that passed, each with one that failed at the same task."""
        return tuple(
            Preference(prompt=tuple(o["prompt"]), chosen=o["chosen"], rejected=o["rejected"], place=self._at(o))
            for o in self.pairs
        )

    def _at(self, line: Line) -> str:
        return f"{self.place}: {line['source']['suite']} {line['source']['task']}"


def report_data(
    report: Path, contender: str, *, rejected: str | None = None, dev: bool = False, allow_outside: bool = False
) -> ReportData:
    """What the attempts of ``contender`` on train tasks teach; with ``dev`` on dev tasks too, on test tasks never.

    Rejected answers are failed ones at the same tasks: of the contender ``rejected``, by default of any. Raises
    UserFileError and UsageError: no report of a run, no such contender, attempts on other tasks alone, a task that has
    changed, or nothing that passed.
    """
    rows = _rows(report)
    names = dict.fromkeys(row["contender"] for row in rows)
    for name in (contender, *([rejected] if rejected is not None else [])):
        if name not in names:
            raise UsageError(f"{report}: no attempt of a contender {name!r}; {nearest(name, names)}")
    splits = {"train", "dev"} if dev else {"train"}
    taught = [row for row in rows if row["split"] in splits]
    own = [row for row in taught if row["contender"] == contender]
    if not own:
        raise UsageError(f"{report}: {_why_none([row for row in rows if row['contender'] == contender])}")
    suites, _ = read_suites(load_experiment(report), report, allow_outside=allow_outside)
    by_task: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(taught, key=lambda row: (row["contender"], row["trial"] or 0, row["attempt_id"])):
        by_task.setdefault((row["suite"], row["task"]), []).append(row)
    _check_tasks(report, tuple(suites.values()), own)
    answers = _Answers(report)
    drawn = []
    for suite in suites.values():
        for task in suite.tasks:
            found = by_task.get((suite.name, task.id), [])
            passed = answers.distinct(r for r in found if r["contender"] == contender and r["status"] == Status.PASSED)
            wrong = [r for r in found if r["status"] == Status.FAILED and r["cause"] in _JUDGED_WRONG]
            failed = answers.distinct(r for r in wrong if rejected in {None, r["contender"]})
            drawn.append(_lines(suite, task, passed, failed))
    sft = tuple(line for lines, _ in drawn for line in lines)
    if not sft:
        raise UsageError(f"{report}: no attempt of {contender} on these tasks passed with an answer to learn from")
    pairs = tuple(line for _, lines in drawn for line in lines)
    taken = [one["source"] for one in (*sft, *pairs)]
    manifest = read_manifest(report)
    card = {
        "report": report.resolve().name,
        "report_digest": evidence_digest(report),
        "contender": contender,
        "contender_digest": next((one.digest for one in _made_of(manifest, contender)), ""),
        "models": _models(manifest, contender),
        "suites": {suite.name: suite.digest for suite in suites.values() if any(r["suite"] == suite.name for r in own)},
        "splits": sorted({row["split"] for row in own}),
        "attempts": dict(sorted(Counter(row["status"] for row in own).items())),
        "attempts_digest": digest_json(taken),
        "tasks": len({(one["source"]["suite"], one["source"]["task"]) for one in sft}),
        "examples": len(sft),
        "preferences": len(pairs),
    }
    return ReportData(place=str(report), sft=sft, pairs=pairs, card=card)


def write_report_data(data: ReportData, folder: Path, *, licence: str, note: str = "") -> Mapping[str, Any]:
    """Writes the folder whole or not at all; its card comes back. Raises UsageError: it is there, or cannot be."""
    import yaml

    texts = {
        name: "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        for name, lines in ((SFT, data.sft), (PREFERENCES, data.pairs))
        if lines
    }
    digests = {name: digest_json(lines) for name, lines in ((SFT, data.sft), (PREFERENCES, data.pairs)) if lines}
    card = {"licence": licence, **data.card, "digests": digests} | ({"note": note} if note else {})
    texts[CARD] = yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=110)
    if os.path.lexists(folder):
        raise UsageError(f"{folder}: exists already; name another folder")
    parent = folder.resolve().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(dir=parent, prefix=f".{folder.name}.")
    except OSError as error:  # it names the folder aside, which nobody asked for
        raise UsageError(f"{folder}: cannot be written: {error.strerror}; name another folder") from None
    with place as outer:
        aside = Path(outer) / "data"
        for name, text in texts.items():
            write_atomic(aside / name, text)
        aside.rename(folder.resolve())
    return card


def _rows(report: Path) -> list[Row]:
    """The outcomes. Raises UsageError: it is no report of a run that has ended."""
    refuse_no_report(report)
    if not has_answers(report):
        problem = "no answers are stored here (calls.jsonl, attempts.jsonl), so there is nothing to learn from"
        raise UsageError(f"{report}: {problem}; ownbench run makes and stores them")
    if not (report / OUTCOMES_FILE).is_file():
        raise UsageError(f"{report}: its run has not ended; ownbench run {report} goes on")
    found: list[Row] = read_outcomes(report, _COLUMNS).to_pylist()
    return found


def _why_none(rows: Sequence[Row]) -> str:
    name = rows[0]["contender"]
    how = "run it on train tasks: suites: [{path: …, split: train}]"
    if any(row["split"] == "dev" for row in rows) and not any(row["split"] in {None, "test"} for row in rows):
        return f"the attempts of {name} are on dev tasks, on which is chosen; {how}, or take them with --dev"
    return f"the attempts of {name} are on test tasks, which judge and never teach; {how}"


def _check_tasks(report: Path, suites: Sequence[Suite], rows: Sequence[Row]) -> None:
    """Refuses attempts on tasks that are no longer what they were, and on those whose answer is no text."""
    tasks = {(suite.name, task.id): task for suite in suites for task in suite.tasks}
    for row in rows:
        name = f"the task {row['task']} of the suite {row['suite']}"
        task = tasks.get((row["suite"], row["task"]))
        if task is None or task.digest != row["task_digest"]:
            what = "is not there any more" if task is None else "has changed"
            raise UsageError(f"{report}: {name} {what} since it was recorded; restore it, or run the report again")
        if task.split != row["split"]:
            raise UsageError(f"{report}: {name} was a {row['split']} task and is a {task.split or 'test'} task now")
        if grader(task.grader).needs_box:
            raise UsageError(
                f"{report}: {name} is graded by a program, on files and not on an answer that can be taught"
            )


def _lines(suite: Suite, task: Task, passed: "Sequence[_Given]", failed: "Sequence[_Given]") -> tuple[list[Line], ...]:
    """Of one task a line for each answer that passed, and pairs of one that passed and one that failed."""
    about = {"suite": suite.name, "task": task.id, "task_digest": task.digest}
    asked = [dict(message) for message in suite.prompt.of(task)]
    sft, pairs = list[Line](), list[Line]()
    for row, text, thought in passed:
        line = {"prompt": asked, "completion": text} | ({"reasoning": thought} if thought else {})
        sft.append(line | {"source": about | {"attempt": row["attempt_id"], "trial": row["trial"] or 0}})
    for place, (row, text, _) in enumerate(failed[:MOST_PAIRS] if passed else ()):
        good, better, _ = passed[place % len(passed)]
        if text.strip() != better.strip():
            source = about | {"chosen": good["attempt_id"], "rejected": row["attempt_id"]}
            source |= {"rejected_contender": row["contender"]}
            pairs.append({"prompt": asked, "chosen": better, "rejected": text, "source": source})
    return sft, pairs


_Given = tuple[Row, str, str]  # an attempt, its answer, and what was thought before it


class _Answers:
    """Recorded answers, read from the journal when they are asked for."""

    def __init__(self, report: Path) -> None:
        self._held = read_journal(report)
        calls = read_calls_journal(report)
        self._others = {call.request_digest for call in calls if call.role in _UNREAD or call.draw}

    def distinct(self, rows: Iterable[Row]) -> list[_Given]:
        """Of each row its answer and what was thought before it; none that is empty, and none twice."""
        found: dict[str, _Given] = {}
        for row in rows:
            if (given := self._of(row["attempt_id"])) is not None:
                found.setdefault(given[0].strip(), (row, *given))
        return [*found.values()]

    def _of(self, attempt_id: str) -> tuple[str, str] | None:
        """The answer that was graded, and the thoughts; ``None`` where it has no text."""
        if attempt_id not in self._held.attempts:
            return None
        kept = self._held.transcript(attempt_id)
        given = [digest for digest in kept.requests if digest not in self._others]
        if not given or given[-1] not in kept.replies:
            return None
        reply = kept.replies[given[-1]]
        thought, text = separated(reply.text)  # an experiment may keep both in one text
        return (text, reply.reasoning or thought) if text.strip() else None


def _made_of(manifest: Manifest | None, name: str) -> Iterator[Any]:
    """The records of a contender and of all that it is made of."""
    for one in manifest.contenders if manifest else ():
        if one.name == name:
            yield one
            for part in (one.worker, one.expert, one.lead, *one.workers):
                yield from _made_of(manifest, part) if part else ()


def _models(manifest: Manifest | None, name: str) -> list[dict[str, str]]:
    """The models whose answers these are."""
    named = {model for one in _made_of(manifest, name) for model in (one.model, one.author) if model}
    found = [one for one in manifest.models if one.name in named] if manifest else []
    return [
        {key: str(getattr(one, key)) for key in ("name", "backend", "model", "revision", "digest")} for one in found
    ]

"""The reports in which a skill's rollouts, its dev tests, its look at test and the author's calls are made and kept.

Each is an ordinary report: made by a run, journalled, resumed, charged, and to be looked at by every other command.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from harness.core import EvidenceError, Status, Suite, UserFileError, write_atomic
from harness.experiment import Assembled, Experiment, assemble, parse_experiment
from harness.run import Progress, RunOptions, run_report
from harness.store import Recalled, read_journal
from harness.train.skill_loop import Seen
from harness.train.skill_models import NamedModels, relative

AUTHOR, ANSWERS = "author", "now"
LONGEST = 4_000  # characters of one text that an author reads
GENERATED = "# Written by ownbench skill; a new run of that command writes it again.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is the same for all reports of one piece of work."""

    home: Path  # the folder that they stand in
    suite: Path
    models: NamedModels
    model: str  # who answers; empty where nobody does
    author: str
    delivery: str
    seed: int
    budget: float | None  # dollars of all reports together
    offline: bool = False
    allow_outside: bool = False
    listener: Callable[[Progress], None] = lambda _: None


class StoppedError(EvidenceError):
    """A run ended before all was done; its text says why, and that the same command goes on."""

    def __init__(self, why: str, *, over_budget: bool = False) -> None:
        self.over_budget, self.why = over_budget, why
        first = "" if "user" in why else "with a larger --budget " if over_budget else "fix that, then "
        super().__init__(f"INCOMPLETE: {why}; {first}the same command goes on from here")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What has been spent."""

    usd: float = 0.0
    unknown: int = 0  # calls of which nobody knows what they cost
    attempts: int = 0  # that it was spent on

    def as_amount(self) -> float | None:
        """In dollars; ``None`` where it is not known."""
        return None if self.unknown else round(self.usd, 10)


def experiment_of(
    setting: Setting,
    report: Path,
    *,
    split: str,
    contenders: Mapping[str, Any],
    suite: Path | None = None,
    usd: float | None = None,
    absolute: bool = False,
) -> dict[str, Any]:
    """What an ``experiment.yaml`` in ``report`` says, as plain values."""
    used = {entry["model"] for entry in contenders.values()}
    place = (suite or setting.suite).resolve()
    models, shared = setting.models.placed(report, absolute=absolute), dict(setting.models.shared)
    judges = shared.get("judges") or {}
    used |= {judge.get("model") for judge in judges.values()} if suite is None else set()
    shared.pop("economics", None)
    if suite is not None:
        shared.pop("judges", None)
    entry = {"path": str(place) if absolute else relative(place, report), "split": split}
    return {
        "name": f"{setting.home.name}: {report.name}",
        "suites": [entry if suite is None else {"path": entry["path"]}],
        "seed": setting.seed,
        "models": {name: entry for name, entry in models.items() if name in used},
        "contenders": dict(contenders),
        **({} if usd is None else {"budget": {"usd": usd}}),
        **shared,
    }


def reader(setting: Setting, skill: Path | None, report: Path, *, absolute: bool = False) -> dict[str, Any]:
    """The contender that answers with the skill of a folder; without one the bare model."""
    if skill is None:
        return {"model": setting.model}
    place = str(skill.resolve()) if absolute else relative(skill, report)
    return {"model": setting.model, "skills": place, "delivery": setting.delivery}


def checked(setting: Setting, skill: Path | None) -> Assembled:
    """The train tasks and both models, looked at before anything is written. Raises UserFileError and UsageError."""
    report = setting.home / "train"
    contenders = {ANSWERS: reader(setting, skill, report, absolute=True)} if setting.model else {}
    contenders |= {AUTHOR: {"model": setting.author}}
    usd = None if setting.budget is None else setting.budget
    value = experiment_of(setting, report, split="train", contenders=contenders, usd=usd, absolute=True)
    return _assembled(setting, report, parse_experiment(_plain(value), _blamed(setting, report)))


def _plain(value: Any) -> Any:
    """Through YAML and back: equal parts are one object no more, and dates are texts as a file has them."""
    return yaml.safe_load(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def _blamed(setting: Setting, report: Path) -> Path:
    """The file that the user wrote, of the models."""
    names = [name for name in (setting.model, setting.author) if name]
    files = [file for name in names if (file := setting.models.files[name]).suffix]
    return files[0] if files else report / "experiment.yaml"


def _assembled(setting: Setting, report: Path, experiment: Experiment | None = None) -> Assembled:
    try:
        return assemble(report, allow_outside=setting.allow_outside, experiment=experiment)
    except UserFileError as error:
        name = error.field.split(".")[1] if error.field.startswith("models.") else ""
        file = setting.models.files.get(name)
        if file is None or Path(error.path) != report / "experiment.yaml":
            raise
        raise UserFileError(file, error.problem, field=error.field, advice=error.advice) from None


class Work:
    """Runs the reports of one piece of work, and reads what they hold."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.reserve = 0.0  # dollars that are kept back for what comes last
        self._contenders: dict[str, dict[str, Path | None]] = {}  # by split, all that were tried at it
        self._tried: dict[str, set[tuple[str, str]]] = {}  # by split, contenders and tasks; an empty task: all of them
        self._spent: dict[str, Spending] = {}

    def include(self, split: str, skills: Mapping[str, Path | None], tasks: Collection[str] | None) -> None:
        """Plans contenders with these skills at tasks of a split, by default at all: the report's tables have them."""
        self._contenders.setdefault(split, {}).update(skills)
        self._tried.setdefault(split, set()).update((name, task) for name in skills for task in tasks or [""])

    def attempts(self, split: str, skills: Mapping[str, Path | None], tasks: Collection[str] | None) -> "Recorded":
        """What contenders with these skills did at tasks of a split, made where it is not on record."""
        self.include(split, skills, tasks)
        report, tried = self.setting.home / split, self._tried[split]
        contenders = {name: reader(self.setting, folder, report) for name, folder in self._contenders[split].items()}
        value = experiment_of(self.setting, report, split=split, contenders=contenders, usd=self._left(split))
        assembled = self._written(report, value)
        planned = (a for a in assembled.attempts if {(a.contender, a.task.id), (a.contender, "")} & tried)
        return self._run(split, replace(assembled, attempts=tuple(planned)))

    def written(self, number: int, messages: Sequence[Mapping[str, str]]) -> str:
        """The author's answer to the n-th question, from 1; empty where it refused or said nothing."""
        report = self.setting.home / AUTHOR
        suite = report / "suite"
        name = f"try-{number:03}"
        row: dict[str, Any] = {"id": name, "input": [dict(message) for message in messages]}
        file, rows = suite / "tasks.jsonl", list[dict[str, Any]]()
        if file.exists():
            rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()][: number - 1]
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in [*rows, row])
        asked: dict[str, Any] = {"name": "proposals", "version": "1", "domains": ["proposals"], "tasks": "tasks.jsonl"}
        # whether it is of use is decided by what becomes of it; the suite only wants a text
        asked |= {"grader": {"name": "regex", "pattern": r"\S"}}
        write_atomic(suite / "suite.yaml", GENERATED + yaml.safe_dump(asked, sort_keys=False))
        write_atomic(file, text)
        contenders = {AUTHOR: {"model": self.setting.author}}
        value = experiment_of(
            self.setting, report, split="all", contenders=contenders, suite=suite, usd=self._left(AUTHOR)
        )
        recorded = self._run(AUTHOR, self._written(report, value))
        return recorded.answer(AUTHOR, name)

    def spent(self) -> Spending:
        """Of all reports together."""
        for name in ("train", "dev", "test", AUTHOR):
            if name not in self._spent:
                self._spent[name] = self._read_spent(name)
        each = [self._spent[name] for name in self._spent]
        return Spending(**{key: sum(getattr(one, key) for one in each) for key in ("usd", "unknown", "attempts")})

    def keep_back(self, attempts: int, spare: float) -> None:
        """Keeps so many attempts' cost back, at what attempts of contenders have cost so far."""
        usd, made = self.spent().usd - self._spent[AUTHOR].usd, self.spent().attempts - self._spent[AUTHOR].attempts
        self.reserve = spare * attempts * usd / made if made else 0.0

    def spent_by_author(self) -> Spending:
        """Of the author's calls alone."""
        self.spent()
        return self._spent[AUTHOR]

    def _read_spent(self, name: str) -> Spending:
        free = {model for model, entry in self.setting.models.entries.items() if entry.get("backend") == "replay"}
        if not (self.setting.home / name).is_dir():
            return Spending()
        usd, unknown, recalled = 0.0, 0, read_journal(self.setting.home / name)
        for _, paid, cost in recalled.paid(()):
            if paid.spent(cost) is not False and not paid.cache_hit and paid.model not in free:
                usd, unknown = usd + (cost or 0.0), unknown + (cost is None)
        return Spending(usd=usd, unknown=unknown, attempts=len(recalled.attempts))

    def _left(self, name: str) -> float | None:
        """What one report may have spent when it is done, so that all together stay within the budget."""
        if self.setting.budget is None:
            return None
        others = self.spent().usd - self._spent[name].usd
        return max(0.0, self.setting.budget - self.reserve - others)

    def _written(self, report: Path, value: Mapping[str, Any]) -> Assembled:
        text = GENERATED + yaml.safe_dump(_plain(value), sort_keys=False, allow_unicode=True, width=110)
        file = report / "experiment.yaml"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            write_atomic(file, text)
        return _assembled(self.setting, report)

    def _run(self, name: str, assembled: Assembled) -> "Recorded":
        how = RunOptions(offline=self.setting.offline, retry_errored=True, listener=self.setting.listener)
        try:
            summary = run_report(assembled, how)
        finally:
            self._spent.pop(name, None)
        if not summary.complete:
            why, budget = summary.stopped_because or "not all attempts were made", self.setting.budget
            if budget is not None and "are spent (budget.usd)" in why:
                kept = f", and ${self.reserve:.4f} are kept for the look at test" if self.reserve else ""
                raise StoppedError(f"${self.spent().usd:.4f} of ${budget:g} are spent{kept}", over_budget=True)
            raise StoppedError(why)
        return Recorded(assembled, read_journal(assembled.report))


class Recorded:
    """What a report holds of its planned attempts."""

    def __init__(self, assembled: Assembled, recalled: Recalled) -> None:
        self.assembled, self.recalled = assembled, recalled
        self._attempts = {(a.contender, a.task.id): a for a in assembled.attempts}

    @property
    def suite(self) -> Suite:
        """The suite, with the tasks of the report's split."""
        return self.assembled.suites[0]

    def answer(self, contender: str, task: str) -> str:
        """What a contender said at a task. Raises StoppedError: the instrument failed."""
        attempt = self._attempts[contender, task]
        outcome = self.recalled.attempts[attempt.id]
        if outcome.status in {Status.ERRORED, Status.UNGRADED}:
            raise StoppedError(f"the author gave no answer ({outcome.cause}): {self._reason(attempt.id)}")
        return self._said(attempt.id)

    def seen(self, contender: str, tasks: Sequence[str] | None = None, *, told: bool = False) -> list[Seen]:
        """A contender's attempts at tasks, by default all of the report, in order; ``told``: with what was said."""
        wanted = [task.id for task in self.suite.tasks] if tasks is None else tasks
        return [self._seen(contender, task, told=told) for task in wanted]

    def _seen(self, contender: str, task: str, *, told: bool) -> Seen:
        attempt = self._attempts[contender, task]
        outcome = self.recalled.attempts[attempt.id]
        passed = outcome.passed
        value = float(passed) if passed is not None else outcome.score if outcome.status is Status.FAILED else None
        said: dict[str, str] = {}
        if told:
            prompt = self.assembled.systems[contender][self.suite.name].prompt.of(attempt.task)
            reference = attempt.task.reference
            expected = reference if isinstance(reference, str) else json.dumps(reference, ensure_ascii=False)
            said = {
                "input": shortened(
                    "\n\n".join(str(message["content"]) for message in prompt if message["role"] != "system")
                ),
                "output": shortened(self._said(attempt.id)),
                "expected": "" if reference is None else shortened(expected),
                "feedback": shortened(self._reason(attempt.id)),
            }
        return Seen(task=task, cluster=outcome.cluster or task, value=value, told=said)

    def _said(self, attempt_id: str) -> str:
        messages = self.recalled.line(attempt_id).get("messages") or ()
        content = next((one.get("content") for one in reversed(messages) if one.get("role") == "assistant"), "")
        return content if isinstance(content, str) else "" if content is None else json.dumps(content)

    def _reason(self, attempt_id: str) -> str:
        return str(self.recalled.line(attempt_id).get("reason") or "")


def shortened(text: str) -> str:
    """A text as long as an author reads it."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} [cut here: {len(text):,} characters]"

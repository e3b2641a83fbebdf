"""``skill improve``: the loop, run on real models, with a folder that keeps what was asked, tried and accepted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.core import Suite, UserFileError, as_json, p_equation, plural
from harness.run import Progress, refuse_unopened
from harness.skill import load_skill
from harness.suite import load_suite, one_unit_each
from harness.train.skill_author import asked_for_edits
from harness.train.skill_comparison import Comparison, check_comparison, write_comparison
from harness.train.skill_edits import Edit, EditsError, edited, read_edits
from harness.train.skill_folder import Versions, alone, now, open_versions, read_card
from harness.train.skill_loop import Climb, Rules, Seen, Try, level_of, paired
from harness.train.skill_models import named_models
from harness.train.skill_work import Setting, Spending, StoppedError, Work, checked

EDITS = 6  # of one proposal at most, where nothing else is asked
SPARE = 1.25  # what is kept back for the look at test, over what attempts have cost so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Improvement:
    """What is asked."""

    skill: Path
    suite: Path
    model: str
    author: str
    home: Path  # the folder in which all of it is kept
    models: Path | None = None  # where the models are named; else models.yaml here, or the experiments in reports/
    rules: Rules = field(default_factory=Rules)
    edits: int = EDITS
    delivery: str = "flat"
    budget: float | None = None  # dollars
    comparison: Comparison | None = None  # the report that compares, written at the end
    offline: bool = False
    allow_outside: bool = False
    listener: Callable[[Progress], None] = lambda _: None
    notice: Callable[[str], None] = lambda _: None  # told of every try


@dataclass(frozen=True, slots=True, kw_only=True)
class Improved:
    """What came of it."""

    home: Path
    skill: Path  # the folder of the last version that was accepted; the skill as it was given where none was
    version: int
    tries: tuple[Try, ...]
    ended: str  # why the loop ended
    spent: Spending
    author: Spending  # of that, by the author
    looks: tuple[Mapping[str, Any], ...] = ()  # at the test tasks, the first one first
    new_look: bool = False  # whether the last one was made now
    unlooked: str = ""  # why the last version was not looked at on test tasks
    costs: Mapping[str, float | None] = field(default_factory=dict)
    """With a comparison: what each of its contenders cost to make; ``None``: not known."""


def improve_skill(asked: Improvement) -> Improved:
    """Improves a skill, or goes on with it. Raises UserFileError and UsageError: nothing was written; EvidenceError."""
    skill, suite = load_skill(asked.skill), tasks_of(asked.suite, outside=asked.allow_outside)
    compared = asked.comparison
    if compared is not None:
        compared.check()
    needed = 1
    while 0.5**needed > level_of(1, asked.rules.alpha):
        needed += 1
    if (there := len({task.cluster for task in suite.tasks if task.split == "dev"})) < needed:
        problem = f"an edit is tested on dev tasks, and {needed} that are independent are needed; there are {there}"
        raise UserFileError(asked.suite, problem, field="tasks", advice="mark more tasks with split: dev")
    names = [asked.model, asked.author, *filter(None, [compared.adapter_model if compared else ""])]
    setting = Setting(
        home=asked.home,
        suite=asked.suite,
        models=named_models(names, asked.models),
        **{key: getattr(asked, key) for key in ("model", "author", "delivery", "budget", "offline")},
        allow_outside=asked.allow_outside,
        seed=asked.rules.seed,
        listener=asked.listener,
    )
    whole = checked(setting, skill.folder)
    refuse_unopened(whole, offline=asked.offline)
    if compared is not None:
        check_comparison(compared, setting, skill.folder)
    told = {
        "skill": skill.name,
        "skill_digest": skill.digest,
        "suite": suite.name,
        "suite_digest": suite.digest,
        "model": asked.model,
        "model_digest": whole.specs[asked.model].digest,
        "author": asked.author,
        "author_digest": whole.specs[asked.author].digest,
        "delivery": asked.delivery,
        "seed": asked.rules.seed,
        "batch": asked.rules.batch,
        "edits": asked.edits,
        "alpha": asked.rules.alpha,
    }
    versions = open_versions(asked.home, skill, told)
    with alone(asked.home):
        found = _improved(asked, _Bench(asked, Work(setting), versions, suite), suite)
        if compared is None:
            return found
        improved = found.skill if found.version else None
        return replace(found, costs=write_comparison(compared, setting, versions.place(0), improved))


def _improved(asked: Improvement, bench: "_Bench", suite: Suite) -> Improved:
    versions, work = bench.versions, bench.work
    climb = Climb(bench, asked.rules, versions.tries())
    bench.include(climb.done)
    tests = sum(task.split == "test" for task in suite.tasks)
    work.keep_back(2 * tests, SPARE)
    try:
        for made in climb:
            versions.keep_tries(climb.done)
            asked.notice(told_of(made))
            work.keep_back(2 * tests, SPARE)
    except StoppedError as stopped:
        if not stopped.over_budget or not climb.done:
            raise
        climb.ended = f"the budget is spent: {stopped.why}; with a larger --budget the same command goes on"
    work.reserve = 0.0
    version = climb.done[-1].becomes if climb.done else 0
    looks, unlooked = versions.looks(), ""
    new = version > 0 and all(look["version"] != version for look in looks)
    if version == 0:
        unlooked = "no version was accepted, and the test tasks were left alone"
    elif new and not tests:
        new, unlooked = False, "the suite has no test tasks"
    elif new:
        names = {f"version-{n}": versions.place(n) for n in (0, version)}
        seen = work.attempts("test", names, None)
        before, after = (seen.seen(name) for name in names)
        found = paired(before, after, seed=asked.rules.seed)
        figures = {key: value for key, value in as_json(found).items() if key != "needed"}
        digest = versions.skill(version).digest
        versions.keep_look({"version": version, "digest": digest, **figures, "look": len(looks) + 1, "at": now()})
    return Improved(
        home=asked.home,
        skill=versions.place(version),
        version=version,
        tries=tuple(climb.done),
        ended=climb.ended,
        spent=work.spent(),
        author=work.spent_by_author(),
        looks=tuple(versions.looks()),
        new_look=new,
        unlooked=unlooked,
    )


def tasks_of(place: Path, *, outside: bool) -> Suite:
    """The suite. Raises UserFileError: it is none, or has no train task."""
    suite, _ = one_unit_each(load_suite(place, allow_outside=outside))
    if not any(task.split == "train" for task in suite.tasks):
        advice = "mark tasks to learn from with split: train; dev and test tasks are never shown to an author"
        raise UserFileError(place, "no task has the split train", field="tasks", advice=advice)
    return suite


def told_of(made: Try) -> str:
    """What became of a try, in one line."""
    if made.dev is None:
        return f"try {made.number}: refused ({made.stage}): {made.why}"
    dev = made.dev
    size = f"{100 * dev.difference:+.1f} points [{100 * dev.low:+.1f}, {100 * dev.high:+.1f}]"
    test = f"{size} on {plural(dev.tasks, 'dev task')}, {p_equation(dev.p)}, needed {dev.needed:.4f}"
    what = f"accepted as version {made.becomes}" if made.accepted else "refused (dev)"
    return f"try {made.number}: {what}: {test}"


class _Bench:
    """The loop's seam on real models."""

    def __init__(self, asked: Improvement, work: Work, versions: Versions, suite: Suite) -> None:
        self.asked, self.work, self.versions = asked, work, versions
        self.suite = suite
        self.train: Sequence[str] = [task.id for task in suite.tasks if task.split == "train"]

    def include(self, done: Sequence[Try]) -> None:
        """Plans what was done before: the reports show it, too."""
        for made in done:
            version, candidate = f"version-{made.version}", f"try-{made.number}"
            self.work.include("train", {version: self.versions.place(made.version)}, made.tasks)
            if made.screen is not None:
                self.work.include("train", {candidate: self.versions.candidate(made.number)}, made.tasks)
            if made.dev is not None:
                skills = {
                    version: self.versions.place(made.version),
                    candidate: self.versions.candidate(made.number),
                }
                self.work.include("dev", skills, None)

    def rollouts(self, version: int, tasks: Sequence[str]) -> Sequence[Seen]:
        """As of the loop's `Bench`, and so the others."""
        return self._seen("train", f"version-{version}", self.versions.place(version), tasks)

    def screened(self, number: int, tasks: Sequence[str]) -> Sequence[Seen]:
        return self._seen("train", f"try-{number}", self.versions.candidate(number), tasks)

    def on_dev(self, version: int) -> Sequence[Seen]:
        return self._seen("dev", f"version-{version}", self.versions.place(version), None)

    def tested(self, number: int) -> Sequence[Seen]:
        return self._seen("dev", f"try-{number}", self.versions.candidate(number), None)

    def _seen(self, split: str, name: str, skill: Path, tasks: Sequence[str] | None) -> Sequence[Seen]:
        return self.work.attempts(split, {name: skill}, tasks).seen(name, tasks, told=split == "train")

    def propose(self, number: int, version: int, failures: Sequence[Seen], refused: Sequence[Try]) -> Sequence[Edit]:
        messages = asked_for_edits(number, self.versions.skill(version), failures, refused, self.asked.edits)
        answer = self.work.written(number, messages)
        if not answer.strip():
            raise EditsError("the author gave no answer: it refused, or was cut off (max_tokens)")
        return read_edits(answer, self.asked.edits)

    def candidate(self, number: int, version: int, edits: Sequence[Edit]) -> str:
        return self.versions.make_candidate(number, version, edited(self.versions.skill(version).body, edits))

    def accept(self, made: Try) -> None:
        versions, spent, author = self.versions, self.work.spent(), self.work.spent_by_author()
        given = read_card(versions.place(0)).get("cost_usd")
        card = {
            "skill": versions.name,
            "version": made.becomes,
            "digest": made.digest,
            "parent": {"version": made.version, "digest": versions.skill(made.version).digest},
            "edits": [*made.edits],
            "evidence": {
                "suite": self.suite.name,
                "suite_digest": self.suite.digest,
                "train": {"tasks": len(made.tasks), "passed_before": made.screen[0], "passed_after": made.screen[1]}
                if made.screen
                else None,
                "dev": as_json(made.dev),
                "try": made.number,
                "alpha_over_all_tries": self.asked.rules.alpha,
            },
            "model": self.asked.model,
            "author": self.asked.author,
            "delivery": self.asked.delivery,
            "cost_usd": spent.as_amount(),  # of all tries up to this version
            "author_usd": author.as_amount(),
            "given_usd": given,  # what the card of the skill as it was given says
            "created_at": now(),
        }
        versions.accept(made, card)

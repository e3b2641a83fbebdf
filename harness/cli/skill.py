"""``ownbench skill``: skills looked at, drafted from train tasks, and improved on evidence."""

import argparse
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.common import COUNT_TYPE, FLAG, JSON, OFFLINE, SEED_TYPE, Arguments, answer, arg
from harness.cli.common import report_folder as folder
from harness.core import UsageError, as_json, dollars, listed, plural, stay_offline, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.run import Progress
    from harness.train import Improved

PATH = arg("path PATH", "a skill's folder, or a folder of skills", type=Path)
QUERY = (
    arg("path LIB", type=Path),
    arg("query QUERY"),
    arg("-k", "how many (default 5)", default=5, type=COUNT_TYPE),
    JSON,
)
MAKING: Arguments = (
    arg("--suite SUITE", "the suite whose train tasks are learned from", required=True),
    arg("--author MODEL", "the model that writes", required=True),
    arg("--models FILE", "an experiment, or a file with models: (default: models.yaml, else reports/)", type=Path),
    arg("--budget USD", "dollars that all calls together may cost", type=float),
    arg("--seed N", "of what is drawn (default 0)", default=0, type=SEED_TYPE),
    *OFFLINE,
    arg("--quiet", "no progress", **FLAG),
    JSON,
)  # fmt: skip
ACTIONS: dict[str, tuple[str, Arguments]] = {
    "lint": ("hold skills against the Agent Skills format", (PATH, JSON)),
    "search": ("the skills of a library that fit a query best (BM25)", QUERY),
    "show": ("a skill as a model is shown it", (PATH, JSON)),
    "improve": (
        "edits by an author, kept where a paired test on dev tasks shows that they help",
        (
            arg("skill SKILL", "the skill's folder, or its name in skills/; it is never changed", type=Path),
            arg("--model MODEL", "the model that reads the skill and answers", required=True),
            arg("--tries N", "proposals of the author at most (default 10)", default=10, type=COUNT_TYPE),
            arg("--batch N", "train tasks of a minibatch (default 20)", default=20, type=COUNT_TYPE),
            arg("--edits N", "edits of one proposal at most (default 6)", default=6, type=COUNT_TYPE),
            arg("--delivery", "how the skill reaches the model", choices=("flat", "progressive", "forced")),
            arg("--out DIR", "the folder of all that is kept (default reports/improve-SKILL)", type=Path),
            arg("--report REPORT", "write an experiment that compares no skill, the given and the improved one",
                type=folder),
            arg("--adapter DIR", "with --report: a tuned adapter to compare with", type=Path),
            arg("--adapter-model MODEL", "the model that the adapter is for (default: --model)"),
            *MAKING,
        ),
    ),
    "create": (
        "the first draft of a skill, from train tasks",
        (
            arg("name NAME", "of the skill: lowercase letters, digits and hyphens"),
            arg("--tasks N", "train tasks that the author reads (default 20)", default=20, type=COUNT_TYPE),
            arg("--tries N", "drafts at most, where one cannot be used (default 3)", default=3, type=COUNT_TYPE),
            arg("--out DIR", "the folder of skills that it comes into (default skills)", type=Path),
            *MAKING,
        ),
    ),
}  # fmt: skip
ARGUMENTS: dict[str, Arguments] = {
    "skill": (
        ACTIONS,
        "ownbench skill lint skills",
        "ownbench skill improve skills/tickets --suite suites/tickets --model small --author frontier --budget 5",
    ),
}
INCOMPLETE = 4


def run_skill(args: argparse.Namespace) -> int:
    """Prints what was asked for; lint returns 1 where a skill is invalid."""
    if args.action in {"improve", "create"}:
        with stay_offline() if args.offline else nullcontext():
            return _improve(args) if args.action == "improve" else _create(args)
    lines: list[str] = []
    if args.action == "search":  # first and by itself: nothing of weight is loaded for it
        from harness.skill import find_skills, unsearched

        hits = find_skills(args.path, args.query, args.k)
        if unread := unsearched(args.path):
            said = (
                f"{visible(listed(unread, 3))} cannot be loaded and {'is' if len(unread) == 1 else 'are'} not searched"
            )
            sys.stderr.write(f"note: {said}; see: ownbench skill lint {visible(str(args.path))}\n")
        lines = [f"{hit.score:7.3f}  {hit.name}: {hit.description}" for hit in hits]
        rows = [{"name": hit.name, "path": str(hit.path), "score": hit.score} for hit in hits]
        return answer(args, {"hits": rows}, lines or ["no skill shares a word with the query"])
    from harness.skill import lint_library, read_library, skill_content

    if args.action == "lint":
        results = lint_library(args.path)
        for result in results:
            lines.append(f"{result.path}: {'valid' if result.valid else 'INVALID'}")
            lines += [f"  error: {text}" for text in result.errors] + [f"  warning: {text}" for text in result.warnings]
        answer(args, {"skills": results}, lines)
        return 0 if all(result.valid for result in results) else 1
    skills, skipped = read_library(args.path)
    for skill in skills:
        lines += skill_content(skill.name, skill.body, skill.files).split("\n")
        lines += [f"warning: {text}" for text in skill.warnings]
    lines += [f"skipped: {path}: {reason}" for path, reason in skipped.items()]
    left = [{"path": path, "reason": reason} for path, reason in skipped.items()]
    return answer(args, {"skills": skills, "skipped": left}, lines)


# ---------------------------------------------------------------------------------------------------- improve, create


def _improve(args: argparse.Namespace) -> int:
    """Improves a skill; 0 once the loop is at its end, whatever it found, and the test tasks were looked at."""
    from harness.cli.running import display
    from harness.train import Comparison, Improvement, Rules, improve_skill

    _check(args)
    for option in ("adapter", "adapter_model"):
        needed = "report" if option == "adapter" else "adapter"
        if getattr(args, option) is not None and getattr(args, needed) is None:
            raise UsageError(f"--{option.replace('_', '-')} goes with --{needed}")
    skill = _named(args.skill, "skills")
    compared = None
    if args.report is not None:
        compared = Comparison(report=args.report, adapter=args.adapter, adapter_model=args.adapter_model or "")
    quiet = args.quiet or args.json
    with display(quiet=quiet) as tell:
        found = improve_skill(
            Improvement(
                skill=skill,
                home=args.out or Path("reports") / f"improve-{skill.resolve().name}",
                rules=Rules(tries=args.tries, batch=args.batch, seed=args.seed),
                comparison=compared,
                listener=_seldom(tell),
                notice=(lambda _: None) if quiet else _say,
                suite=_named(Path(args.suite), "suites"),
                **{key: getattr(args, key) for key in _SAME},
                **{key: getattr(args, key) for key in ("model", "edits", "delivery")},
            )
        )
    return answer(args, _as_json(found), _lines(found, args))


_SAME = ("author", "models", "budget", "offline", "allow_outside")


def _create(args: argparse.Namespace) -> int:
    """Writes the first draft; 0."""
    from harness.cli.running import display
    from harness.train import Draft, create_skill

    _check(args)
    with display(quiet=args.quiet or args.json) as tell:
        made = create_skill(
            Draft(
                name=args.name,
                suite=_named(Path(args.suite), "suites"),
                parent=args.out or Path("skills"),
                home=Path("reports") / f"create-{args.name}",
                tasks=args.tasks,
                drafts=args.tries,
                seed=args.seed,
                listener=_seldom(tell),
                **{key: getattr(args, key) for key in _SAME},
            )
        )
    read = f"{plural(made.tasks, 'train task')} read, {plural(made.drafts, 'draft')}, {_cost(made.spent.as_amount())}"
    lines = [f"wrote {made.skill}/SKILL.md and its card {made.card}: {read}"]
    lines += [f"warning: {text}" for text in made.warnings]
    found = as_json(made) | {"cost_usd": made.spent.as_amount()}
    return answer(args, found, [*lines, f"read it before a model does: ownbench skill show {made.skill}"])


def _seldom(tell: "Callable[[Progress], None]") -> "Callable[[Progress], None]":
    """On no terminal a line every ten seconds at most: the work is of many short runs."""
    last = time.monotonic()

    def told(progress: "Progress") -> None:
        nonlocal last
        if sys.stderr.isatty() or time.monotonic() - last >= 10:
            last = time.monotonic()
            tell(progress)

    return told


def _check(args: argparse.Namespace) -> None:
    if args.budget is not None and not 0 < args.budget < float("inf"):
        raise UsageError(f"--budget is {args.budget:g}; give the dollars that may be spent, above 0")


def _named(given: Path, library: str) -> Path:
    """The folder as given, or one of that name in the library."""
    named = Path(library) / given
    return named if not given.exists() and not given.is_absolute() and named.exists() else given


def _say(text: str) -> None:
    sys.stderr.write(f"{visible(text)}\n")
    sys.stderr.flush()


def _cost(usd: float | None) -> str:
    return "of a cost that is not known" if usd is None else dollars(usd)


def _as_json(found: "Improved") -> dict[str, Any]:
    whole: dict[str, Any] = as_json(found)
    return whole | {"spent_usd": found.spent.as_amount(), "author_usd": found.author.as_amount()}


def _lines(found: "Improved", args: argparse.Namespace) -> list[str]:
    from harness.train import told_of

    lines = [told_of(made) for made in found.tries]
    lines.append(f"ended: {found.ended}")
    if found.version:
        lines.append(f"version {found.version}: {found.skill} (what it rests on: {found.skill}.card.yaml)")
    for number, look in enumerate(found.looks, 1):
        size = f"{100 * look['difference']:+.1f} points [{100 * look['low']:+.1f}, {100 * look['high']:+.1f}]"
        rates = f"{100 * look['before']:.1f}% before, {100 * look['after']:.1f}% after"
        which = "looked at once" if len(found.looks) == 1 else f"look {number} of {len(found.looks)}"
        lines.append(f"test, {which}: version {look['version']}: {rates}, {size} on {plural(look['tasks'], 'task')}")
    if len(found.looks) > 1:
        lines.append("note: the test tasks were looked at before: this version is not judged by untouched tasks")
    if found.unlooked:
        lines.append(f"test: {found.unlooked}")
    author = _cost(found.author.as_amount())
    lines.append(f"cost: {_cost(found.spent.as_amount())} in all, {author} of it by the author")
    if found.costs:
        each = ", ".join(f"{name} {'not known' if usd is None else dollars(usd)}" for name, usd in found.costs.items())
        lines.append(f"wrote {args.report}/experiment.yaml; to make: {each}; next: ownbench run {args.report}")
    return lines

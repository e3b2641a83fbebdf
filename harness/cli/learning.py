"""``ownbench adapter train --examples``: how many examples are enough?"""

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.cli.common import answer
from harness.cli.running import INCOMPLETE, display
from harness.core import OwnbenchError, UsageError, percent, percent_interval, plural, points, visible, write_atomic

if TYPE_CHECKING:
    from harness.analysis import JudgedCurve
    from harness.train import LearningCurve

FILE = "learning-curve.json"


class StoppedCurveError(OwnbenchError):
    """A curve was stopped; its adapters, checkpoints and attempts are kept."""

    exit_code = INCOMPLETE


def curve_of_examples(args: argparse.Namespace, words: Callable[[Any], str]) -> int:
    """Trains what is not trained yet, asks what is not asked yet, and says which number is enough."""
    from harness.analysis import fields_of, judged_curve
    from harness.run import RunOptions, run_report
    from harness.train import learning_curve

    if args.job is not None:
        raise UsageError("--examples does not go with --job; take one of the two out")
    curve = learning_curve(args.recipe, args.examples, args.out, args.report, seed=args.seed, overwrite=args.overwrite)
    if not curve.sizes[-1].course.first:
        raise UsageError("--examples trains in one process; take accelerate launch out")
    quiet = args.quiet or args.json
    try:
        _trained(args, curve, words, quiet=quiet)
        assembled = curve.judge()
        with display(quiet=quiet) as tell:
            summary = run_report(assembled, RunOptions(listener=tell, offline=True))
    except KeyboardInterrupt:
        raise StoppedCurveError(f"{curve.report}: stopped; the same command goes on from here") from None
    if not summary.complete:
        why = summary.stopped_because or f"{plural(summary.errored, 'attempt')} errored"
        raise StoppedCurveError(f"{curve.report}: not all is judged ({why}); the same command goes on from here")
    sizes = {size.contender: size.examples for size in curve.sizes}
    fields = fields_of({task.digest: task.metadata for suite in assembled.suites for task in suite.tasks})
    found = judged_curve(curve.report, sizes, curve.margin, parts=fields)
    told = found.as_json() | {"compute": curve.recipe.curve.compute, "report": str(curve.report)}
    for point, size in zip(told["points"], curve.sizes, strict=True):
        point |= {"adapter": str(size.course.out), "steps": size.course.steps}
    write_atomic(curve.report / FILE, json.dumps(told, indent=2, allow_nan=False) + "\n")
    return answer(args, told, [*_lines(curve, found)])


def _trained(args: argparse.Namespace, curve: "LearningCurve", words: Callable[[Any], str], *, quiet: bool) -> None:
    from harness.train import train

    for size in curve.sizes:
        course = size.course
        if not args.overwrite and size.made:
            continue
        if not quiet:
            about = f"{course.out}: {plural(size.examples, 'example')}, {plural(course.steps, 'step')}"
            sys.stderr.write(f"{visible(about)}, on the {course.device}\n")
        with display(quiet=quiet, words=words) as tell:
            train(course, tell)


def _lines(curve: "LearningCurve", found: "JudgedCurve") -> list[str]:
    """The answer, the table of sizes, and what it rests on."""
    suite, lines = curve.suite.name, [found.sentence, *found.falls, ""]
    lines += [
        f"examples  {'pass rate on ' + suite:<28}  against all, points  at worst  within {100 * found.margin:g} points"
    ]
    for one in found.points:
        said = "" if one.delta is None else "shown" if one.claimed else "misses it" if one.misses else "not shown"
        against = "" if one.delta is None else f"{points(one.delta):>19}  {points(one.low):>8}  {said}"
        lines.append(f"{one.examples:>8,}  {percent_interval(one.pass_rate):<28}  {against}".rstrip())
    names = [*found.points[0].parts]
    for name in names:
        passes = [f"{one.parts[name][0]} ({percent(one.parts[name][0] / one.parts[name][1])})" for one in found.points]
        lines += ["" if name == names[0] else None, f"{name}: {', '.join(passes)} of {found.points[0].parts[name][1]}"]  # type: ignore[list-item]
    lines = [text for text in lines if text is not None]
    return [*lines, "", f"- {curve.compute}", *(f"- {note}" for note in found.notes),
            f"- {curve.report}: ownbench show {curve.report} has costs and comparisons"]  # fmt: skip

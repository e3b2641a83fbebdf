"""``ownbench run``: runs what is not yet done, tells how it goes, ends with the scoreboard."""

import argparse
import gc
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.arguments import add_gate, add_offline, add_report
from harness.cli.output import folder, heard_or_not, plain
from harness.core import UsageError, nearest, plural, stay_offline

if TYPE_CHECKING:
    from harness.run import Progress, Summary

INCOMPLETE = 4


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    add_report(parser, "a folder with experiment.yaml")
    parser.add_argument("--only", action="append", default=[], metavar="CONTENDER", help="run this one (repeatable)")
    parser.add_argument("--limit", type=int, metavar="N", help="make at most N attempts now")
    again = "try attempts again that ended errored or ungraded"
    parser.add_argument("--retry-errored", action="store_true", help=again)
    add_offline(parser)
    parser.add_argument("--executor", choices=("local",), default="local", help="where attempts run (default: local)")
    parser.add_argument("--quiet", action="store_true", help="no progress, no scoreboard")
    group = parser.add_argument_group("stopping early", "run one contender until the gate's question is answered")
    group.add_argument("--until-decided", action="store_true", help="stop once harm or safety is shown")
    group.add_argument("--baseline", type=Path, metavar="BASELINE", help="the finished report that is compared with")
    add_gate(group, "default: the reference, or the only one")
    early = "ownbench run reports/candidate --until-decided --baseline reports/main --policy gate.yaml"
    parser.epilog = f"example:\n  ownbench run reports/demo\n  {early}"


def run(args: argparse.Namespace) -> int:
    """Runs, and returns 0 when nothing is left to do or it is decided, 4 when the report is incomplete."""
    from harness.cli import until_decided

    until_decided.check_arguments(args)
    if args.limit is not None and args.limit < 1:
        raise UsageError(f"--limit is {args.limit}; give a number from 1")
    with stay_offline() if args.offline else nullcontext():  # from here on: suites may be data sets
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from harness.cli import until_decided
    from harness.experiment import assemble
    from harness.run import RunOptions, run_report

    report = folder(args.report)
    assembled = assemble(report, allow_outside=args.allow_outside)
    gc.freeze()  # tasks and modules live to the end: the collector need not look at them again
    for name in args.only:
        if name not in assembled.systems:
            raise UsageError(f"--only: no contender is named {name!r}; {nearest(name, assembled.systems)}")
    how = {name: getattr(args, name) for name in ("limit", "offline", "retry_errored")}
    options = RunOptions(only=tuple(args.only), **how)
    watch = until_decided.watch(args, report, assembled) if args.until_decided else None
    with display(quiet=args.quiet) as tell:
        summary = run_report(assembled, options, watch=watch, listener=tell)
    decided = watch is not None and watch.rule.decided is not None
    with heard_or_not():
        _say(summary, args, decided=decided)
        if watch is not None:
            until_decided.say(watch, args)
    if summary.made and not args.quiet:
        from harness.analysis import scoreboard
        from harness.report import print_view

        view = scoreboard(report)
        with heard_or_not():
            print_view(view)
    if decided:
        return 0
    whole = summary.complete or args.limit is not None or args.only
    return 0 if whole and summary.stopped_because is None else INCOMPLETE


def _say(summary: "Summary", args: argparse.Namespace, *, decided: bool = False) -> None:
    """What was done, in a few lines on standard error."""
    say, report, made = sys.stderr.write, plain(str(args.report)), plural(summary.made, "attempt")
    if summary.made == 0 and decided and not summary.complete:
        say(f"nothing to do: {report} is decided\n")
    elif summary.made == 0 and summary.complete:
        recorded = "the 1 attempt is" if summary.planned == 1 else f"all {summary.planned:,} attempts are"
        say(f"nothing to do: {recorded} recorded in {report}\n")
    else:
        unknown = f" and {plural(summary.unknown_costs, 'call')} of unknown cost" if summary.unknown_costs else ""
        done = f"{summary.done_before + summary.made:,} of {summary.planned:,} recorded"
        say(f"{made} made in {summary.elapsed_s:.1f} s, {done}, ${summary.spent_usd:.4f}{unknown} spent in all\n")
    say("".join(f"note: {plain(note)}\n" for note in summary.notes))
    if summary.errored:
        causes = f" ({_causes(summary.causes)})" if summary.causes else ""
        verb, them = ("has", "it") if summary.errored == 1 else ("have", "them")
        again = "the same command with" if args.until_decided else f"ownbench run {_named(args.report)}"
        lost = f"{plural(summary.errored, 'attempt')} {verb} no outcome{causes}"
        say(f"{lost}; {again} --retry-errored tries {them} again\n")
        examples = sorted(summary.examples.items())
        say("".join(f"  {cause}, for one: {plain(reason)}\n" for cause, reason in examples))
    if not summary.complete and not decided:
        why = f": {plain(summary.stopped_because)}" if summary.stopped_because else ""
        passes = any(words in (summary.stopped_because or "user") for words in ("user", "asks to wait"))
        command = "the same command" if args.until_decided else _going_on(args)
        say(f"INCOMPLETE{why}; {'' if passes else 'fix that, then '}{command} goes on from here\n")


def _causes(causes: "Mapping[str, int]") -> str:
    return ", ".join(f"{n} {cause}" for cause, n in sorted(causes.items()))


def _going_on(args: argparse.Namespace) -> str:
    """The command that goes on; where a contender is to be stopped early and is not decided, the one that does so."""
    from harness.analysis import undecided_command
    from harness.store import read_manifest

    undecided = undecided_command(args.report, read_manifest(args.report))
    return plain(undecided) if undecided else f"ownbench run {_named(args.report)}"


def _named(report: Path) -> str:
    """The report as a shell takes it."""
    return plain(shlex.quote(str(report)))


@contextmanager
def display(*, quiet: bool) -> Iterator[Callable[["Progress"], None]]:
    """A live line on a terminal, a line every ten seconds elsewhere, nothing where quiet."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        with Live(Text(""), console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
            yield lambda progress: live.update(Text(line(progress)))
    else:
        last: dict[str, Any] = {"time": 0.0, "phase": ""}

        def tell(progress: "Progress") -> None:
            now = time.monotonic()
            if progress.phase != last["phase"] or now - last["time"] >= 10:
                last.update(time=now, phase=progress.phase)
                with suppress(OSError):  # nobody reads any more: a run goes on without
                    sys.stderr.write(line(progress) + "\n")
                    sys.stderr.flush()

        yield tell


def line(progress: "Progress") -> str:
    """A moment of a run in one line: done, rate, cost so far, time left, errors by cause."""
    parts = [f"{progress.phase}: {progress.done:,}/{progress.planned:,}"]
    if progress.done:
        parts += [f"{progress.rate_per_s:.1f}/s", f"{progress.passed:,} passed"]
    if progress.remaining_s is not None and progress.done < progress.planned:
        parts.append(f"{_time(progress.remaining_s)} left")
    unknown = f" + {progress.unknown_costs:,} unknown" if progress.unknown_costs else ""
    parts.append(f"${progress.spent_usd:.4f}{unknown}")
    if progress.errored:
        parts.append(f"{progress.errored:,} without outcome ({_causes(progress.causes)})")
    if progress.message:
        parts.append(progress.message)
    return " | ".join(parts)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"

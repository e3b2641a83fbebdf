"""What is looked at in the terminal: reports of a folder, two contenders or reports, and the tasks that were failed."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.cli.common import COUNT_TYPE, REPORT, SEVERAL, VIEW, Arguments, answer, arg, folder, read, report_folder
from harness.core import EvidenceError, UsageError, nearest

ERRORS, TRIALS = ("excluded", "failed"), ("mean", "majority", "all", "any")

ARGUMENTS: dict[str, Arguments] = {
    "ls": (
        arg("folders DIR", "a folder of reports, or some reports (default: reports)", type=folder, nargs="*"),
        arg("--trend NAME", "pass rates over time, oldest first, of these contenders (default: in several reports)",
            nargs="*"),
        *VIEW,
        "ownbench ls",
        "ownbench ls reports --trend tuned",
    ),
    "compare": (
        REPORT,
        arg("a A", "a contender; the difference is A minus B. Without B: a second report, compared as a whole"),
        arg("b B", "the contender that A is compared with", nargs="?"),
        arg("--errors-as", "errored and ungraded attempts: left out (default), or counted as failed", choices=ERRORS),
        arg("--trials-as", "several trials of a task: their mean (default), or one yes or no", choices=TRIALS),
        *VIEW,
        "ownbench compare reports/demo tuned skilled",
        "ownbench compare reports/before reports/after",
    ),
    "completion": (
        arg("shell", "the shell that you use", choices=("bash", "zsh", "fish")),
        'bash, in ~/.bashrc: eval "$(ownbench completion bash)"; zsh, in ~/.zshrc: eval "$(ownbench completion zsh)"',
        "fish: ownbench completion fish | source, in ~/.config/fish/config.fish",
        "ownbench completion bash",
    ),
}  # fmt: skip


def run_ls(args: argparse.Namespace) -> int:
    """Prints a line for each report, or pass rates over them; 0."""
    from harness.report import reports_in
    from harness.verdict import list_reports, rates_in, trends_of

    folders, how = reports_in(args.folders or [Path("reports")]), {"split": args.split, "level": args.level}
    if args.trend is None:
        return answer(args, list_reports(folders, **how))
    return answer(args, trends_of([rates_in(one, **how) for one in folders], args.trend, level=args.level))


def run_compare(args: argparse.Namespace) -> int:
    """Prints the comparison of two contenders, or of two reports; 0, or 4 where these share no task."""
    from harness.analysis import pair, two_reports

    with read(args.report) as folder:
        if args.b is None:
            with read(_second_report(folder, args)) as second:
                found = two_reports(folder, second, split=args.split, level=args.level)
                shared = any(one.same for one in found.suites)
                return answer(args, found) if shared else answer(args, found) or EvidenceError.exit_code
        how = {name: getattr(args, name) for name in ("trials_as", "errors_as", "split", "level")}
        return answer(args, pair(folder, args.a, args.b, **how))


FAILURES = (
    arg("--failures CONTENDER", "the tasks that it failed, with texts (default: that any failed)", nargs="?", const=""),
    arg("--contender NAME", "with --failures: of these contenders", **SEVERAL),
    arg("--domain NAME", "with --failures: of these domains", **SEVERAL),
    arg("--cause WORD", "with --failures: of these causes, those of errored attempts too", **SEVERAL),
    arg(
        "--metadata KEY=VALUE",
        "with --failures: of tasks with this metadata (of one key any of the values)",
        **SEVERAL,
    ),
    arg("--limit N", "with --failures: how many tasks (default: about a screen)", type=COUNT_TYPE),
)


def run_completion(args: argparse.Namespace) -> int:
    """Prints the script; 0."""
    import argcomplete

    sys.stdout.write(argcomplete.shellcode(["ownbench"], shell=args.shell))
    return 0


def failures_asked(args: argparse.Namespace) -> dict[str, Any] | None:
    """The arguments of `failures`; ``None`` where the scoreboard is asked for."""
    if args.failures is None:
        if named := next(
            (name for name in ("contender", "domain", "cause", "metadata", "limit") if getattr(args, name)), None
        ):
            raise UsageError(f"--{named} goes with --failures; add it")
        return None
    if wrong := next((pair for pair in args.metadata if "=" not in pair), None):
        raise UsageError(f"--metadata {wrong}: write KEY=VALUE, as in --metadata level=hard")
    if args.reference is not None:
        raise UsageError("--reference is of the scoreboard; leave it out with --failures")
    whose = [*filter(None, [args.failures]), *args.contender]
    how: dict[str, Any] = {"contenders": whose, "domains": args.domain, "causes": args.cause, "split": args.split,
                           "metadata": args.metadata}  # fmt: skip
    return how if args.limit is None else how | {"limit": args.limit}


def _second_report(first: Path, args: argparse.Namespace) -> Path:
    """The report that ``compare`` is given in place of two contenders, next to the folder of the first."""
    found = report_folder(args.a)
    if not found.is_dir():
        from harness.analysis import load_evidence

        raise UsageError(_one_alone(args, load_evidence(first, args.split)[0].contenders))
    for option in ("errors_as", "trials_as"):
        if getattr(args, option) not in {"excluded", "mean"}:
            raise UsageError(f"--{option.replace('_', '-')} is of two contenders; leave it out for two reports")
    return found


def _one_alone(args: argparse.Namespace, known: Sequence[str]) -> str:
    """What is said of a second report that is none: it may be one contender where two are needed."""
    others = [name for name in known if name != args.a]
    if len(others) == len(known):
        return f"{args.a}: {args.report} has no such contender, and there is no such report; {nearest(args.a, known)}"
    if not others:
        return f"{args.a} is the only contender of {args.report}; name a second report: ownbench compare REPORT REPORT"
    command = shlex.join(["ownbench", "compare", str(args.report), args.a, others[0]])
    return f"{args.a} is one contender of {args.report}, and two are compared; name the other one, as in: {command}"

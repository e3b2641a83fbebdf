"""``ownbench run --until-decided``: the judging half watches, the running half stops where it is told."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.output import folder, plain
from harness.core import UsageError, nearest, plural

if TYPE_CHECKING:
    import argparse

    from harness.experiment import Assembled
    from harness.verdict import UntilDecided

CONTENDERS = ("baseline_contender", "candidate_contender")


def check_arguments(args: "argparse.Namespace") -> None:
    """Refuses what does not go together, with a `UsageError` that names the option."""
    if not args.until_decided:
        for option in ("baseline", "policy", *CONTENDERS):
            if getattr(args, option) is not None:
                raise UsageError(f"--{option.replace('_', '-')} goes with --until-decided")
        return
    if args.baseline is None:
        raise UsageError("--until-decided needs a finished report to decide against: --baseline BASELINE")
    for option, value in (("--only", args.only), ("--limit", args.limit)):
        if value:
            raise UsageError(f"{option} does not go with --until-decided: the rule says what is run, and how much")


def watch(args: "argparse.Namespace", report: Path, assembled: "Assembled") -> "UntilDecided":
    """Who stops this run. The baseline is read and checked, and errors raised of it; nothing is spent."""
    from harness.run import suites_of
    from harness.store import read_manifest
    from harness.verdict import EarlyCandidate, UntilDecided

    baseline = folder(args.baseline)
    name = _candidate(args, report, assembled, same=baseline.resolve() == report.resolve())
    manifest = read_manifest(report)
    planned = [a for a in assembled.attempts if a.contender == name and not (assembled.dev and a.split == "dev")]
    parts = assembled.waits_for(name) if assembled.dev else ()
    digest = assembled.contenders[name].digest
    candidate = EarlyCandidate(
        report=report,
        contender=name,
        digest=digest,
        seed=assembled.experiment.seed,
        attempts=planned,
        suites=suites_of(assembled),
        recorded=manifest.early_records.get(digest) if manifest else None,
        dev_attempts=sum(a.split == "dev" and a.contender in parts for a in assembled.attempts),
    )
    judge = UntilDecided(candidate, baseline, args.baseline_contender, args.policy)
    judge.opening = _opening(judge, baseline, assembled.experiment.limits.concurrency)
    return judge


def _opening(judge: "UntilDecided", baseline: Path, allowed: int) -> str:
    """Who is compared with whom, and by what; said before anything is spent."""
    plan, at_once = judge.plan, judge.at_once
    candidate, against = plain(f"`{judge.contender}`"), plain(f"`{plan['baseline']['contender']}` of {baseline}")
    looks = ", ".join(f"{n:,}" for n in dict.fromkeys(judge.rule.looks))
    margin = f"margin {100 * judge.policy.margin:g} points"
    most = f"at most {at_once} attempts at once, not {allowed}: those in flight are paid for\n"
    tasks = plural(plan["tasks"], "task")
    return f"{candidate} against {against}, {margin}, {tasks}, looks at {looks}\n{most if at_once < allowed else ''}"


def _candidate(args: "argparse.Namespace", report: Path, assembled: "Assembled", *, same: bool) -> str:
    """The contender that is meant: the named one, the reference, or the only one beside the baseline's."""
    names = [name for name in assembled.systems if not (same and name == args.baseline_contender)]
    given, reference = args.candidate_contender, assembled.experiment.reference
    if given is not None:
        if given not in assembled.systems:
            raise UsageError(f"--candidate-contender: no contender is named {given!r}; {nearest(given, names)}")
        return str(given)
    if reference in names and not same:
        return str(reference)
    if len(names) == 1:
        return names[0]
    raise UsageError(f"{report}: which contender? name one with --candidate-contender: {', '.join(names)}")


def say(judge: "UntilDecided", args: "argparse.Namespace") -> None:
    """What was decided and what that saved, on standard error."""
    decided, dev, saved = judge.rule.decided, judge.candidate.dev_attempts, judge.planned - judge.made
    if decided is None:
        return
    made = f"{judge.made:,} of {plural(judge.planned, 'attempt')} made"
    if dev:
        made += f", besides {plural(dev, 'dev attempt')} to choose a threshold on"
    if saved:
        usd = judge.saved_usd
        money = "at a cost that is not known" if usd is None else f"about ${usd:.4f}"
        made += f"; {saved:,} saved, {money}"
    gate = f"ownbench gate {plain(str(args.baseline))} {plain(str(args.report))}"
    for option in ("policy", *CONTENDERS):
        if getattr(args, option) is not None:
            gate += f" --{option.replace('_', '-')} {plain(str(getattr(args, option)))}"
    sys.stderr.write(f"decided: {plain(decided.text)}\n{made}\nthe verdict with its reasons: {gate}\n")

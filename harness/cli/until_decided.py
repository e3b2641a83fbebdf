"""``ownbench run --until-decided``: the judging half watches, the running half stops where it is told."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.output import folder, plain
from harness.core import Outcome, UsageError, nearest

if TYPE_CHECKING:
    import argparse

    from harness.experiment import Assembled, Attempt
    from harness.verdict import UntilDecided


def check_arguments(args: "argparse.Namespace") -> None:
    """Refuses what does not go together.

    Raises:
        UsageError: names the option.
    """
    if not args.until_decided:
        given = {
            "--baseline": args.baseline,
            "--policy": args.policy,
            "--baseline-contender": args.baseline_contender,
            "--candidate-contender": args.candidate_contender,
        }
        for option, value in given.items():
            if value is not None:
                raise UsageError(f"{option} goes with --until-decided")
        return
    if args.baseline is None:
        raise UsageError("--until-decided needs a finished report to decide against: --baseline BASELINE")
    for option, value in (("--only", args.only), ("--limit", args.limit)):
        if value:
            raise UsageError(f"{option} does not go with --until-decided: the rule says what is run, and how much")


def watch(args: "argparse.Namespace", report: Path, assembled: "Assembled") -> "Watching":
    """Who stops this run. The baseline is read and checked; nothing is spent.

    Raises:
        UsageError: which contender is meant is not clear, or the two can never be judged side by side.
        UserFileError: the policy is wrong.
        EvidenceError: the baseline cannot be judged against.
    """
    from harness.run import suites_of
    from harness.store import read_manifest
    from harness.verdict import EarlyCandidate, PlannedAttempt, UntilDecided

    baseline = folder(args.baseline)
    name = _candidate(args, report, assembled, same=baseline.resolve() == report.resolve())
    manifest = read_manifest(report)
    planned = [
        PlannedAttempt(
            suite=a.suite.name,
            suite_digest=a.suite.digest,
            task_digest=a.task.digest,
            domain=a.task.domain,
            cluster=a.task.cluster,
        )
        for a in assembled.attempts
        if a.contender == name and not (assembled.dev and a.split == "dev")
    ]
    digest = assembled.contenders[name].digest
    candidate = EarlyCandidate(
        report=report,
        contender=name,
        digest=digest,
        seed=assembled.experiment.seed,
        attempts=planned,
        suites=suites_of(assembled),
        recorded=manifest.early_records.get(digest) if manifest else None,
    )
    judge = UntilDecided(candidate, baseline, args.baseline_contender, args.policy)
    parts = assembled.waits_for(name) if assembled.dev else ()
    dev = sum(a.split == "dev" and a.contender in parts for a in assembled.attempts)
    found = Watching(judge, f"{_opening(judge, baseline)}\n", dev=dev)
    allowed = assembled.experiment.limits.concurrency
    if judge.at_once < allowed:
        found.opening += f"at most {judge.at_once} attempts at once, not {allowed}: those in flight are paid for\n"
    return found


def _opening(judge: "UntilDecided", baseline: Path) -> str:
    """Who is held against whom, and by what; said before anything is spent."""
    from harness.core import plural

    plan = judge.plan
    candidate, against = plain(f"`{plan.contender}`"), plain(f"`{plan.baseline['contender']}` of {baseline}")
    looks = ", ".join(f"{n:,}" for n in dict.fromkeys(judge.looks))
    margin = f"margin {100 * plan.policy.margin:g} points"
    return f"{candidate} against {against}, {margin}, {plural(len(plan.keys), 'task')}, looks at {looks}"


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


class Watching:
    """The run's `Watch`: hands outcomes to the judging half, and knows its tasks by their attempts."""

    def __init__(self, judge: "UntilDecided", opening: str, *, dev: int) -> None:
        """``opening`` is said once, when nothing is refused; ``dev`` attempts are made besides, for its threshold."""
        self.judge, self.opening, self.dev = judge, opening, dev
        self._order = judge.order

    @property
    def contender(self) -> str:
        """The candidate."""
        return self.judge.candidate.contender

    @property
    def at_once(self) -> int:
        """As `UntilDecided.at_once`."""
        return self.judge.at_once

    def order(self, attempts: "Sequence[Attempt]") -> "list[Attempt]":
        """Those at tasks that count, in the rule's order, all trials of a task one after another."""
        places = [(self._order.get((a.suite.digest, a.task.digest)), a) for a in attempts]
        return [a for _, a in sorted(((p, a) for p, a in places if p is not None), key=lambda x: (x[0], x[1].trial))]

    def start(self, recorded: Iterable[Outcome], others: Iterable[Outcome] = ()) -> str | None:
        """As `UntilDecided.start`."""
        enough = self.judge.start(recorded, others)
        sys.stderr.write(self.opening)
        self.opening = ""
        return enough

    def settled(self, outcome: Outcome) -> str | None:
        """As `UntilDecided.settled`."""
        return self.judge.settled(outcome)

    def record(self) -> Mapping[str, Any]:
        """As `UntilDecided.record`."""
        return self.judge.record()


def say(found: Watching, args: "argparse.Namespace") -> None:
    """What was decided and what that saved, on standard error."""
    from harness.core import plural

    judge, write = found.judge, sys.stderr.write
    savings, decided = judge.savings, judge.decided
    if decided is None:
        return
    write(f"decided: {plain(decided.text)}\n")
    made = f"{savings.made:,} of {plural(savings.planned, 'attempt')} made"
    if found.dev:
        made += f", besides {plural(found.dev, 'dev attempt')} to choose a threshold on"
    if savings.saved:
        usd = savings.saved_usd
        money = "at a cost that is not known" if usd is None else f"about ${usd:.4f}"
        made += f"; {savings.saved:,} saved, {money}"
    policy = "" if args.policy is None else f" --policy {plain(str(args.policy))}"
    names = "".join(
        f" {option} {plain(value)}"
        for option, value in (
            ("--baseline-contender", args.baseline_contender),
            ("--candidate-contender", args.candidate_contender),
        )
        if value is not None
    )
    gate = f"ownbench gate {plain(str(args.baseline))} {plain(str(args.report))}{policy}{names}"
    write(f"{made}\nthe verdict with its reasons: {gate}\n")

"""``ownbench run`` and ``regrade``: what is not yet done is done, with live progress."""

import argparse
import gc
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.common import COUNT_TYPE, EXPERIMENT, FLAG, GATE, JSON, OFFLINE, Arguments, answer, arg
from harness.cli.common import report_folder as folder
from harness.core import OwnbenchError, UsageError, nearest, plural, stay_offline, visible

if TYPE_CHECKING:
    from harness.experiment import Assembled
    from harness.run import Progress, Summary
    from harness.verdict import UntilDecided

INCOMPLETE = 4
CONTENDERS = ("baseline_contender", "candidate_contender")


ARGUMENTS: dict[str, Arguments] = {
    "run": (
        EXPERIMENT,
        arg("--only CONTENDER", "run this one (repeatable)", action="append", default=[]),
        arg("--limit N", "make at most N attempts now", type=COUNT_TYPE),
        arg("--retry-errored", "try attempts again that ended errored or ungraded", **FLAG),
        *OFFLINE,
        arg(
            "--executor", "where attempts run (default: as the experiment says)", choices=("local", "ray"), default=None
        ),
        arg("--job FILE", "write a RayJob for Kubernetes that makes this run, and run nothing", type=Path),
        arg("--job-schema FILE", "the CustomResourceDefinition of KubeRay, by which it is checked too", type=Path),
        arg("--otlp URL", "send spans and metrics to this OpenTelemetry receiver (OTLP over HTTP); no texts"),
        arg("--quiet", "no progress, no scoreboard", **FLAG),
        arg("--until-decided", "stop one contender once the gate's question is answered; takes those below", **FLAG),
        arg("--baseline BASELINE", "the finished report that is compared with", type=folder),
        *GATE,
        "Ends with 0 when all is recorded, also what errored or is ungraded (the gate judges how much); 4: INCOMPLETE.",
        "ownbench run reports/demo",
        "ownbench run reports/candidate --until-decided --baseline reports/main --policy gate.yaml",
    ),
    "regrade": (
        arg("report REPORT", "a report that ownbench run made", type=folder),
        *OFFLINE,
        arg("--quiet", "no progress", **FLAG),
        JSON,
        "No contender is called; a judge is. The outcomes before are kept next to the new ones.",
        "ownbench regrade reports/demo",
    ),
}


def run_run(args: argparse.Namespace) -> int:
    """Runs, and returns 0 when nothing is left to do or it is decided, 4 when the report is incomplete."""
    if not args.until_decided:
        for option in ("baseline", "policy", *CONTENDERS):
            if getattr(args, option) is not None:
                raise UsageError(f"--{option.replace('_', '-')} goes with --until-decided")
    elif args.baseline is None:
        raise UsageError("--until-decided needs a finished report to decide against: --baseline BASELINE")
    elif args.only or args.limit:
        option = "--only" if args.only else "--limit"
        raise UsageError(f"{option} does not go with --until-decided: the rule says what is run, and how much")
    if args.job_schema is not None and args.job is None:
        raise UsageError("--job-schema goes with --job")
    if args.job is not None:
        from harness.cli.run_job import refuse_for_job

        refuse_for_job(args)
    with stay_offline() if args.offline else nullcontext():  # from here on: suites may be data sets
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    gc.disable()
    try:
        from harness.experiment import assemble
        from harness.run import RunOptions, run_report, spans_to

        assembled = assemble(args.report, allow_outside=args.allow_outside)
        gc.freeze()  # tasks and modules live to the end: the collector need not look at them at all
    finally:
        gc.enable()
    seeds = {name: one.seed_of for name, one in assembled.experiment.contenders.items()}
    args.only = [name for asked in args.only for name in [n for n, of in seeds.items() if of == asked] or [asked]]
    for name in args.only:
        if name not in assembled.systems:
            raise UsageError(f"--only: no contender is named {name!r}; {nearest(name, assembled.systems)}")
    if args.job is not None:
        from harness.cli.run_job import write_job

        return write_job(args, assembled, ARGUMENTS["run"])
    how = {name: getattr(args, name) for name in ("limit", "offline", "retry_errored")}
    how["executor"] = args.executor or ""
    watch = _watch(args, assembled) if args.until_decided else None
    with ExitStack() as around:
        around.enter_context(_interrupted(f"ownbench run {shlex.quote(str(args.report))} goes on from here"))
        if args.otlp is not None:
            how["observer"], receiver = around.enter_context(spans_to(args.otlp, assembled, offline=args.offline))
        tell = around.enter_context(display(quiet=args.quiet))
        summary = run_report(
            assembled, RunOptions(only=tuple(args.only), **how, watch=watch, listener=tell, notice=_note)
        )
    if args.otlp is not None and receiver.note is not None:
        summary = replace(summary, notes=(*summary.notes, receiver.note))
    decided = watch is not None and watch.rule.decided is not None
    shown = summary.made > 0 and not args.quiet
    _say(summary, args, decided=decided, shown=shown)
    if watch is not None and watch.rule.decided is not None:
        _say_decided(watch, watch.rule.decided.text, args)
    if shown and all(a.split == "train" for a in assembled.attempts if not assembled.is_dev(a)):
        _say_taught(args.report)
    elif shown:
        from harness.analysis import scoreboard
        from harness.report import print_view

        view = scoreboard(args.report)
        print_view(view)
    whole = summary.complete or args.limit is not None or args.only
    return 0 if decided or (whole and summary.stopped_because is None) else INCOMPLETE


@contextmanager
def _interrupted(goes_on: str) -> Iterator[None]:
    """Says of a second Ctrl-C, while nothing is asked and tables are written, what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        kept = "stopped by the user; what is in the journal is kept, and the tables may be of before"
        raise InterruptedRunError(f"INCOMPLETE: {kept}; {goes_on}") from None


class InterruptedRunError(OwnbenchError):
    """A run was stopped in the midst of what it does at its end."""

    exit_code = INCOMPLETE


def _note(text: str) -> None:
    sys.stderr.write(f"note: {visible(text)}\n")
    sys.stderr.flush()


def _say(summary: "Summary", args: argparse.Namespace, *, decided: bool, shown: bool) -> None:
    """What was done, in a few lines on standard error."""
    say, report = sys.stderr.write, visible(str(args.report))
    if summary.made == 0 and decided and not summary.complete:
        say(f"nothing to do: {report} is decided\n")
    elif summary.made == 0 and summary.complete:
        recorded = "the 1 attempt is" if summary.planned == 1 else f"all {summary.planned:,} attempts are"
        say(f"nothing to do: {recorded} recorded in {report}\n")
    else:
        unknown = f" and {plural(summary.unknown_costs, 'call')} of unknown cost" if summary.unknown_costs else ""
        done = f"{summary.done_before + summary.made:,} of {summary.planned:,} recorded"
        made = f"{plural(summary.made, 'attempt')} made in {summary.elapsed_s:.1f} s"
        say(f"{made}, {done}, ${summary.spent_usd:.4f}{unknown} spent in all\n")
    if (cached := summary.cached) is not None and cached.given:
        unknown = f" and {plural(cached.unknown, 'answer')} of unknown cost" if cached.unknown else ""
        calls = f"{cached.given:,} of {plural(cached.asked, 'call')}"
        say(f"answer cache: {calls} answered from it, ${cached.saved_usd:.4f}{unknown} not spent again\n")
    say("".join(f"note: {visible(note)}\n" for note in summary.notes if not (shown and note in summary.on_record)))
    named = visible(shlex.quote(str(args.report)))
    if summary.errored:
        causes = f" ({_causes(summary.causes)})" if summary.causes else ""
        verb, them = ("has", "it") if summary.errored == 1 else ("have", "them")
        again = "the same command with" if args.until_decided else f"ownbench run {named}"
        lost = f"{plural(summary.errored, 'attempt')} {verb} no outcome{causes}"
        say(f"{lost}; {again} --retry-errored tries {them} again\n")
        examples = sorted(summary.examples.items())
        say("".join(f"  {cause}, for one: {visible(reason)}\n" for cause, reason in examples))
    if not summary.complete and not decided:
        why = f": {visible(summary.stopped_because)}" if summary.stopped_because else ""
        command = "the same command"
        if not args.until_decided:  # a contender that is to be stopped early goes on so until it is decided
            from harness.analysis import resume_command

            command = visible(resume_command(args.report))
        first = "" if _passes(summary.stopped_because) else "fix that, then "
        part = summary.stopped_because is None and (args.limit is not None or args.only)
        said = "the part that was asked for is done" if part else f"INCOMPLETE{why}"
        say(f"{said}; {first}{command} goes on from here\n")


def _say_taught(report: Path) -> None:
    """What became of attempts on train tasks, of which there is no scoreboard."""
    from harness.store import read_outcomes

    table = read_outcomes(report, ["contender", "status", "split"])
    rows = [(row["contender"], row["status"]) for row in table.to_pylist() if row["split"] == "train"]
    passed = Counter(name for name, status in rows if status == "passed")
    told = ", ".join(f"{name} {passed[name]:,} of {made:,}" for name, made in Counter(name for name, _ in rows).items())
    sys.stderr.write(f"passed on train tasks, which teach and judge nothing: {visible(told)}\n")
    next_ = f"ownbench adapter data {shlex.quote(str(report))} --from CONTENDER DIR makes training data of them"
    sys.stderr.write(f"{visible(next_)}\n")


def _passes(stopped_because: str | None) -> bool:
    """Whether nothing is to be changed before one goes on."""
    from harness.analysis import passes_by_itself

    return passes_by_itself(stopped_because)


def _causes(causes: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {cause}" for cause, n in sorted(causes.items()))


# ------------------------------------------------------------------------------------------------------ until decided


def _watch(args: argparse.Namespace, assembled: "Assembled") -> "UntilDecided":
    """Who stops this run. The baseline is read and checked, and errors raised of it; nothing is spent."""
    from harness.run import suites_of
    from harness.store import read_manifest
    from harness.verdict import EarlyCandidate, UntilDecided

    report, baseline, named = args.report, args.baseline, args.candidate_contender
    if any(attempt.split == "train" for attempt in assembled.attempts):
        raise UsageError(f"{report}: it runs train tasks, which judge nothing; --until-decided is of test tasks")
    same = baseline.resolve() == report.resolve()
    names = [name for name in assembled.systems if not (same and name == args.baseline_contender)]
    if named is not None and named not in assembled.systems:
        raise UsageError(f"--candidate-contender: no contender is named {named!r}; {nearest(named, names)}")
    usual = assembled.experiment.reference
    name = named or (usual if usual in names and not same else names[0] if len(names) == 1 else None)
    if name is None:
        raise UsageError(f"{report}: which contender? name one with --candidate-contender: {', '.join(names)}")
    manifest = read_manifest(report)
    parts = assembled.waits_for(name) if assembled.dev else ()
    digest = assembled.contenders[name].digest
    candidate = EarlyCandidate(
        report=report,
        contender=name,
        digest=digest,
        seed=assembled.experiment.seed,
        attempts=[a for a in assembled.attempts if a.contender == name and not (assembled.dev and a.split == "dev")],
        suites=suites_of(assembled),
        recorded=manifest.early_records.get(digest) if manifest else None,
        dev_attempts=sum(a.split == "dev" and a.contender in parts for a in assembled.attempts),
    )
    judge = UntilDecided(candidate, baseline, args.baseline_contender, args.policy)
    plan, at_once, allowed = judge.plan, judge.at_once, assembled.experiment.limits.concurrency
    against = visible(f"`{judge.contender}` against `{plan['baseline']['contender']}` of {baseline}")
    looks = ", ".join(f"{n:,}" for n in dict.fromkeys(judge.rule.looks))
    tasks, margin = plural(plan["tasks"], "task"), f"{100 * judge.policy.margin:g} points"
    judge.opening = f"{against}, margin {margin}, {tasks}, looks after {looks}\n"  # said before anything is spent
    if at_once < allowed:
        judge.opening += f"at most {at_once} attempts at once, not {allowed}: those in flight are paid for\n"
    return judge


def _say_decided(judge: "UntilDecided", decided: str, args: argparse.Namespace) -> None:
    """What was decided and what that saved, on standard error."""
    saved, dev = judge.planned - len(judge.costs), judge.candidate.dev_attempts
    made = f"{len(judge.costs):,} of {plural(judge.planned, 'attempt')} made"
    made += f", and {plural(dev, 'dev attempt')} to choose a threshold on" if dev else ""
    if saved:
        usd = judge.saved_usd
        made += f"; {saved:,} saved, " + ("at a cost that is not known" if usd is None else f"about ${usd:.4f}")
    gate = f"ownbench gate {args.baseline} {args.report}"
    for option in ("policy", *CONTENDERS):
        if getattr(args, option) is not None:
            gate += f" --{option.replace('_', '-')} {getattr(args, option)}"
    from harness.verdict import interval_text

    within = f"valid at any look: a difference within {interval_text(judge.record()['interval'])}"
    sys.stderr.write(f"decided: {visible(decided)}\n{within}\n{made}\nthe verdict with its reasons: {visible(gate)}\n")


# ----------------------------------------------------------------------------------------------------------- progress


@contextmanager
def display(*, quiet: bool, words: "Callable[[Any], str] | None" = None) -> Iterator[Callable[[Any], None]]:
    """A live line on a terminal, a line every ten seconds elsewhere, nothing where quiet; ``words`` writes it."""
    words = words or line
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        with Live(Text(""), console=Console(stderr=True), auto_refresh=False, transient=True) as live:  # no thread
            yield lambda progress: live.update(Text(words(progress)), refresh=True)
    else:
        last: dict[str, Any] = {"time": 0.0, "phase": ""}

        def tell(progress: Any) -> None:
            now = time.monotonic()
            if progress.phase != last["phase"] or now - last["time"] >= 10:
                last.update(time=now, phase=progress.phase)
                with suppress(OSError):  # nobody reads any more: a run goes on without
                    sys.stderr.write(words(progress) + "\n")
                    sys.stderr.flush()

        yield tell


def line(progress: "Progress") -> str:
    """A moment of a run in one line: done, rate, time left, cost so far, open boxes, errors by cause."""
    parts = [f"{progress.phase}: {progress.done:,}/{progress.planned:,}"]
    if progress.done:
        parts += [f"{progress.rate_per_s:.1f}/s", f"{progress.passed:,} passed"]
    if progress.remaining_s is not None and progress.done < progress.planned:
        parts.append(time_left(progress.remaining_s))
    unknown = f" + {progress.unknown_costs:,} unknown" if progress.unknown_costs else ""
    parts.append(f"${progress.spent_usd:.4f}{unknown}")
    if progress.boxes:
        parts.append(f"{progress.boxes:,} {'box' if progress.boxes == 1 else 'boxes'} open")
    if progress.errored:
        parts.append(f"{progress.errored:,} without outcome ({_causes(progress.causes)})")
    return " | ".join([*parts, *filter(None, (progress.pressed, progress.message))])


def time_left(seconds: float) -> str:
    """``3 min 05 s left``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    left = f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
    return f"{hours} h {minutes:02} min left" if hours else f"{left} left"


# ------------------------------------------------------------------------------------------------------------ regrade

WAYS = {"pass_to_fail": "pass to fail", "fail_to_pass": "fail to pass", "other": "another score, cause or status"}


def run_regrade(args: argparse.Namespace) -> int:
    """Grades again, and says how many grades changed; 0, or 4 where it was stopped."""
    from harness.experiment import assemble
    from harness.run import refuse_without_answers, regrade

    refuse_without_answers(args.report)
    with stay_offline() if args.offline else nullcontext():
        assembled = assemble(args.report, allow_outside=args.allow_outside)
        with display(quiet=args.quiet or args.json) as tell, _interrupted("the same command grades the rest"):
            done = regrade(assembled, listener=tell, offline=args.offline)
    changed = sum(sum(ways.values()) for ways in done.changes.values())
    by_name = [{"contender": name, **ways} for name, ways in done.changes.items()]
    found = {"graded": done.graded, "waiting": done.waiting, "changed": changed, "contenders": by_name}
    found |= {"left": done.left}
    found |= {"outcomes_before": done.kept, "stopped_because": done.stopped_because, "judge_usd": done.judge_usd}
    grades = f"{plural(changed, 'grade')} changed" if changed else "no grade changed"
    lines = [f"{plural(done.graded, 'answer')} graded again, {grades}"]
    for name, ways in done.changes.items():
        told = ", ".join(f"{n:,} {WAYS[way]}" for way, n in ways.items() if n)
        lines += [f"  {name}: {told}"] if told else []
    first = "" if _passes(done.stopped_because) else "fix that, then "
    last = {
        f"spent on judges: ${done.judge_usd:.4f}": done.judge_usd,
        f"{plural(done.left, 'attempt')} without an answer to grade left as before": done.left,
        f"the outcomes before: {args.report / str(done.kept)}": done.kept,
        f"{plural(done.waiting, 'answer')} still graded by an earlier grader or reference": done.waiting,
        f"INCOMPLETE: {done.stopped_because}; {first}the same command grades the rest": done.stopped_because,
    }
    answer(args, found, [*lines, *(text for text, holds in last.items() if holds)])
    return INCOMPLETE if done.stopped_because else 0

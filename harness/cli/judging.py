"""The verbs that judge what is on record: no model is called, and nothing is sent."""

import argparse
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from harness.cli.common import Parser, add_examples, add_gate, add_json, add_level, add_report, add_view, answer, number
from harness.cli.common import report_folder as folder
from harness.core import Decision, UsageError


def configure_show(parser: Parser) -> None:
    """The scoreboard of a report."""
    add_report(parser)
    add_view(parser, "ownbench show reports/demo --split test")


def run_show(args: argparse.Namespace) -> int:
    """Prints the scoreboard, which is ``statistics.json``; 0."""
    from harness.analysis import scoreboard
    from harness.store import running_process

    view = scoreboard(args.report, split=args.split, level=args.level)
    if (process := running_process(args.report)) is not None:
        sys.stderr.write(f"ownbench: a run is under way now (process {process}); these figures are from before it\n")
    return answer(args, view)


def configure_compare(parser: Parser) -> None:
    """Two contenders on the same tasks."""
    add_report(parser)
    add = parser.add_argument
    add("a", metavar="A", help="a contender; the difference is A minus B")
    add("b", metavar="B", help="the contender that A is compared with")
    lost = "attempts that the instrument failed: left out (default), or counted as failed"
    add("--errors-as", choices=("excluded", "failed"), default="excluded", help=lost)
    several = "several trials of a task: their mean (default), or one yes or no from them"
    add("--trials-as", choices=("mean", "majority", "all", "any"), default="mean", help=several)
    add_view(parser, "ownbench compare reports/demo tuned skilled")


def run_compare(args: argparse.Namespace) -> int:
    """Prints the comparison; 0."""
    from harness.analysis import pair

    how = {name: getattr(args, name) for name in ("trials_as", "errors_as", "split", "level")}
    return answer(args, pair(args.report, args.a, args.b, **how))


def configure_domains(parser: Parser) -> None:
    """A difference domain by domain, tasks made worse, and where the noise comes from."""
    add_report(parser)
    parser.add_argument("a", nargs="?", metavar="A", help="a contender; the difference is A minus B")
    parser.add_argument("b", nargs="?", metavar="B", help="the contender that A is compared with (default: reference)")
    add_view(parser, "ownbench domains reports/demo tuned skilled")


def run_domains(args: argparse.Namespace) -> int:
    """Prints the domains; 0."""
    from harness.analysis import domains

    return answer(args, domains(args.report, args.a, args.b, split=args.split, level=args.level))


CELLS = {
    "base": ("A", "the bare model (default: the one contender of that kind)"),
    "tuned": ("B", "the model with an adapter"),
    "skilled": ("C", "the model with skills"),
    "both": ("D", "the model with an adapter and skills"),
}


def configure_factorial(parser: Parser) -> None:
    """Two main effects and their interaction."""
    add_report(parser)
    for cell, (letter, meaning) in CELLS.items():
        parser.add_argument(f"--{cell}", metavar=letter, help=meaning)
    add_view(parser, "ownbench factorial reports/demo --base base --both both")


def run_factorial(args: argparse.Namespace) -> int:
    """Prints the effects; 0."""
    from harness.analysis import factorial

    named = {cell: getattr(args, cell) for cell in CELLS}
    return answer(args, factorial(args.report, named, split=args.split, level=args.level))


LISTS = {
    "own": ("NAME", "contenders that are owned, whatever is on record"),
    "rent": ("NAME", "contenders that are rented, whatever is on record"),
    "mix": ("NAME", "contenders that are mixed, whatever is on record"),
    "without": ("NAME", "contenders that nobody would choose, as an oracle in an imported table"),
    "general": ("SUITE", "suites that are not the work and only show forgetting"),
    "economics": ("KEY=VALUE", "laid over the experiment's amounts, as tasks_per_month=100000; an empty one: unknown"),
}
NUMBERS = {
    "margin": ("M", 0.02, "the largest drop of the pass rate below the best option that is acceptable"),
    "months": ("N", 12.0, "over how many months money spent once is spread"),
    "spread": ("S", 0.25, "how far each amount may be off either way"),
}


def configure_advise(parser: Parser) -> None:
    """Own, rent or mix."""
    add_report(parser)
    for name, (word, value, meaning) in NUMBERS.items():
        said = f"{meaning} (default {value:g})"
        parser.add_argument(f"--{name}", type=float, default=value, metavar=word, help=said)
    for name, (word, meaning) in LISTS.items():
        parser.add_argument(f"--{name}", nargs="+", action="extend", default=[], metavar=word, help=meaning)
    add_view(parser, "ownbench advise reports/demo --economics tasks_per_month=100000 training_usd=900")


def run_advise(args: argparse.Namespace) -> int:
    """Prints the advice; 0, whatever it is."""
    from harness.verdict import AdviceSettings, advise, load_assumptions

    given = {}
    for text in args.economics:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--economics: {text!r} is not KEY=VALUE, as tasks_per_month=100000")
        given[key.strip()] = value
    terms = load_assumptions(args.report, given, months=args.months, spread=args.spread)
    kinds = {Decision.OWN: args.own, Decision.RENT: args.rent, Decision.MIX: args.mix}
    without, general = tuple(args.without), tuple(args.general)
    settings = AdviceSettings(margin=args.margin, kinds=kinds, without=without, general=general, level=args.level)
    return answer(args, advise(args.report, terms, settings, args.split))


CONTENDERS = ("baseline_contender", "candidate_contender")


def configure_gate(parser: Parser) -> None:
    """May the candidate replace the baseline?"""
    add = parser.add_argument
    now = "a report's folder, or the name of one in reports/: what stands now"
    add("baseline", type=folder, nargs="?", metavar="BASELINE", help=now)
    then = "what would replace it; may be the same report"
    add("candidate", type=folder, nargs="?", metavar="CANDIDATE", help=then)
    add_gate(parser, "default: the report's reference or its only one; in the same report its only other one")
    out = "where verdict.json, junit.xml and summary.md go (default: the candidate's folder)"
    add("--out", type=Path, metavar="DIR", help=out)
    test = "take one report, and try the gate on equals made of its outcomes and on a planted regression"
    add("--self-test", action="store_true", help=test)
    add("--repetitions", type=int, metavar="N", help="with --self-test: how many of each (default 200)")
    add("--seed", type=int, metavar="S", help="with --self-test: seeds them (default 0)")
    two = "--baseline-contender skilled --candidate-contender tuned"
    add_json(
        parser,
        "ownbench gate reports/main reports/candidate --policy gate.yaml",
        f"ownbench gate reports/demo reports/demo {two}",
        f"ownbench gate --self-test reports/demo {two}",
    )


def run_gate(args: argparse.Namespace) -> int:
    """Prints the verdict and writes its files; 0 SHIP, 1 BLOCK, 3 INCONCLUSIVE, 4 INVALID. A self-test: 0."""
    from harness.report import write_gate
    from harness.verdict import gate, self_test

    contenders = {name: getattr(args, name) for name in CONTENDERS}
    if args.self_test:
        if args.baseline is None or args.candidate is not None or args.out is not None:
            raise UsageError("--self-test takes one report and writes no files: ownbench gate --self-test REPORT")
        many = 200 if args.repetitions is None else args.repetitions
        found = self_test(args.baseline, args.policy, repetitions=many, seed=args.seed or 0, **contenders)
        return answer(args, found)
    if args.repetitions is not None or args.seed is not None:
        raise UsageError("--repetitions and --seed go with --self-test")
    if args.baseline is None or args.candidate is None:
        raise UsageError("a baseline and a candidate are needed: ownbench gate BASELINE CANDIDATE")
    view = gate(args.baseline, args.candidate, args.policy, **contenders)
    # The report remembers every verdict on it; files that were asked for elsewhere are of this verdict alone.
    write_gate(view, args.out or args.candidate, at=None if args.out else datetime.now(UTC))
    answer(args, view)
    return view.exit_code


def configure_baseline(parser: Parser) -> None:
    """Locks the evidence that candidates are gated against."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    summary = "lock a report as the baseline; only this command ever moves it"
    setting = actions.add_parser("set", help=summary, description=summary)
    add_report(setting)
    whom = "whom candidates are compared with (default: the report's reference, or its only one)"
    setting.add_argument("--contender", metavar="A", help=whom)
    add_json(setting)
    add_examples(parser, "ownbench baseline set reports/main")


def run_baseline(args: argparse.Namespace) -> int:
    """Writes ``baseline.json``; 0."""
    from harness.verdict import set_baseline

    lock, before = set_baseline(args.report, args.contender)
    has = "nothing has changed since it was" if lock == before else "it has changed since it was"
    again = "" if before is None else f"; {has} locked before"
    return answer(args, lock, [f"{args.report}: locked, with {lock.contender} as the baseline{again}"])


def configure_sweep(parser: Parser) -> None:
    """Every escalation threshold replayed from recorded outcomes."""
    add_report(parser)
    add = parser.add_argument
    add("--worker", required=True, metavar="A", help="the contender that answers first, always charged")
    add("--expert", required=True, metavar="B", help="the contender that is asked below the threshold")
    signal = "what is compared with the threshold: confidence (default), logprob_mean, logprob_min, margin"
    add("--signal", default="confidence", metavar="S", help=signal)
    add("--confidence-from", metavar="CONTENDER", help="take the confidence from another contender's outcomes")
    goal = "what the threshold is chosen for: utility (pass minus weighted cost), pass (default), cost"
    add("--objective", choices=("utility", "pass", "cost"), default="pass", help=goal)
    add("--cost-weight", type=float, metavar="X", help="for utility: what a dollar is worth in passes")
    add("--max-cost", type=float, metavar="C", help="for pass: the most dollars a task")
    add("--min-pass", type=float, metavar="P", help="for cost: the least pass rate, 0 to 1")
    add("--check-live", metavar="HYBRID", help="compare a live hybrid with its replay")
    add("--seed", type=int, default=0, help="seeds the bootstrap and the folds (default 0)")
    goal = "--objective utility --cost-weight 40"
    add_view(parser, f"ownbench sweep reports/demo --worker tuned --expert skilled {goal}")


def run_sweep(args: argparse.Namespace) -> int:
    """Prints the sweep; 0."""
    from harness.verdict import SweepGoal, sweep

    goal = SweepGoal(name=args.objective, cost_weight=args.cost_weight, max_cost=args.max_cost, min_pass=args.min_pass)
    how = {name: getattr(args, name) for name in ("signal", "confidence_from", "split", "level", "seed")}
    return answer(args, sweep(args.report, args.worker, args.expert, goal, live=args.check_live, **how))


def configure_power(parser: Parser) -> None:
    """Tasks needed for a difference, or the difference that a number of tasks can show."""
    add = parser.add_argument
    add("--delta", type=number, metavar="D", help="ask for tasks: a difference in pass rate, as 0.05")
    add("--tasks", type=int, metavar="N", help="ask for the smallest difference that N tasks can show")
    add("--margin", type=number, metavar="M", help="ask for tasks that prove a drop smaller than M")
    add("--discordant", type=number, metavar="P", help="share of tasks that only one of the two passes")
    add("--report", type=folder, metavar="REPORT", help="take the discordant share from a report")
    add("--pair", nargs=2, metavar=("A", "B"), help="of these two contenders of the report")
    add("--power", type=number, default=0.8, help="the chance of showing it (default 0.8)")
    add("--alpha", type=number, default=0.05, help="two-sided level; one-sided for a margin (default 0.05)")
    add("--split", choices=("dev", "test", "all"), help="the part of the report's suites to look at")
    example = "ownbench power --tasks 200 --report reports/demo --pair tuned skilled"
    add_json(parser, "ownbench power --delta 0.05 --discordant 0.2", example)


def run_power(args: argparse.Namespace) -> int:
    """Prints the answer; 0."""
    from harness.analysis import observed_discordance, plan_size

    if (args.report is None) != (args.pair is None):
        raise UsageError("--report and --pair A B go together: whose discordant share is meant?")
    if (args.report is None) == (args.discordant is None):
        found = "neither" if args.report is None else "both"
        raise UsageError(f"give --discordant P, or --report REPORT with --pair A B (found {found})")
    if args.split is not None and args.report is None:
        raise UsageError("--split is a part of a report: it needs --report and --pair")
    share = args.discordant
    if args.report is not None:
        share = observed_discordance(args.report, *args.pair, split=args.split)
    asked = {name: getattr(args, name) for name in ("delta", "tasks", "margin", "power", "alpha")}
    return answer(args, plan_size(discordant=share, **asked))


def configure_audit(parser: Parser) -> None:
    """What two published pass counts support."""
    add = parser.add_argument
    add("--a", type=_count, required=True, metavar="K/N", help="passes of tasks of the first, as 15/100")
    add("--b", type=_count, required=True, metavar="K/N", help="passes of tasks of the second")
    known = "tasks that only one of the two passed, where it is known"
    add("--paired-discordant", type=int, metavar="D", help=known)
    add_level(parser)
    add_json(parser, "ownbench audit --a 15/100 --b 14/100")


def _count(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*([0-9]{1,12})\s*/\s*([0-9]{1,12})\s*", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"found {text!r}, needed passes/tasks, such as 15/100")
    return int(found[1]), int(found[2])


def run_audit(args: argparse.Namespace) -> int:
    """Prints what the counts support; 0."""
    from harness.analysis import headline

    return answer(args, headline(args.a, args.b, discordant=args.paired_discordant, level=args.level))


def configure_report(parser: Parser) -> None:
    """The pages, the figures and the statistics."""
    add_report(parser)
    add_view(parser, "ownbench report reports/demo")
    parser.epilog = (
        "report.html is one file to send on: answers, tables and figures, opened in any browser without a network.\n"
        f"All files are written into the report's folder; of a broken report report.html says what is broken.\n\n"
        f"{parser.epilog}"
    )


def run_report(args: argparse.Namespace) -> int:
    """Writes the files into the report's folder and names them; 0."""
    from harness.report import write_report

    written = write_report(args.report, split=args.split, level=args.level)
    return answer(args, {"written": written}, map(str, written))

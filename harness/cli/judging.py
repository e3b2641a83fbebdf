"""The verbs that judge and show what is on record: no model is called, and nothing is sent."""

import argparse
import errno
import os
import re
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from harness.cli.common import (
    DOLLARS_TYPE,
    FLAG,
    GATE,
    JSON,
    LEVEL,
    REPORT,
    SEED_TYPE,
    SEVERAL,
    SPLIT,
    VIEW,
    Arguments,
    answer,
    arg,
    folder,
    number,
    read,
    report_folder,
)
from harness.cli.looking import FAILURES, failures_asked
from harness.core import Decision, UsageError, is_this_machine, plural, stay_offline


def _count(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*([0-9]{1,12})\s*/\s*([0-9]{1,12})\s*", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"found {text!r}, needed passes/tasks, such as 15/100")
    return int(found[1]), int(found[2])


GOALS = ("pass", "utility", "cost")
WHOM = arg("--contender A", "whom candidates are compared with (default: the report's reference, or its only one)")
REFERENCE = arg("--reference NAME", "whom the others are compared with (default: the experiment's reference)")
PORTS = range(8501, 8521)  # of the dashboard, tried in this order where no port is asked for

ARGUMENTS: dict[str, Arguments] = {
    "show": (
        REPORT,
        REFERENCE,
        *FAILURES,
        *VIEW,
        "ownbench show reports/demo --split test --reference tuned",
        "ownbench show reports/demo --failures tuned --cause wrong --limit 20",
    ),
    "domains": (
        REPORT,
        arg("a A", "a contender; the difference is A minus B", nargs="?"),
        arg("b B", "the contender that A is compared with (default: reference)", nargs="?"),
        *VIEW,
        "ownbench domains reports/demo tuned skilled",
    ),
    "factorial": (
        REPORT,
        arg("--base A", "the bare model (default: the one contender of that kind)"),
        arg("--tuned B", "the model with an adapter"),
        arg("--skilled C", "the model with skills"),
        arg("--both D", "the model with an adapter and skills"),
        *VIEW,
        "ownbench factorial reports/demo --base base --both both",
    ),
    "advise": (
        REPORT,
        arg("--margin M", "the largest acceptable drop of the pass rate below the best (default 0.02)", default=0.02),
        arg("--months N", "over how many months money spent once is spread (default 12)", default=12.0),
        arg("--spread S", "how far each amount may be off either way (default 0.25)", default=0.25),
        arg("--own NAME", "contenders that are owned, whatever is on record", **SEVERAL),
        arg("--rent NAME", "contenders that are rented, whatever is on record", **SEVERAL),
        arg("--mix NAME", "contenders that are mixed, whatever is on record", **SEVERAL),
        arg("--without NAME", "contenders that nobody would choose, as an oracle in an imported table", **SEVERAL),
        arg("--general SUITE", "suites that are not the work and only show forgetting", **SEVERAL),
        arg("--economics KEY=VALUE", "in place of the report's, as tasks_per_month=100000; empty: unknown", **SEVERAL),
        *VIEW,
        "ownbench advise reports/demo --economics tasks_per_month=100000 training_usd=900",
    ),
    "gate": (
        arg("baseline BASELINE", "what is in use: a report's folder, or its name", nargs="?", type=report_folder),
        arg("candidate CANDIDATE", "what would replace it; may be the same report", nargs="?", type=report_folder),
        *GATE,
        arg("--out DIR", "for verdict.json, junit.xml and summary.md (default: the candidate's folder)", type=Path),
        arg("--self-test", "try the gate on one report: on equals made of it, and a planted regression", **FLAG),
        arg("--repetitions N", "with --self-test: how many of each (default 200)", type=int),
        arg("--seed S", "with --self-test: seeds them (default 0)", type=SEED_TYPE),
        JSON,
        "ownbench gate reports/main reports/candidate --policy gate.yaml",
        "ownbench gate reports/demo reports/demo --baseline-contender skilled --candidate-contender tuned",
        "ownbench gate --self-test reports/demo --baseline-contender skilled --candidate-contender tuned",
    ),
    "baseline": (
        {
            "set": (
                "lock a report as the baseline; only this command ever moves it",
                (
                    REPORT,
                    WHOM,
                    arg(
                        "--anchor",
                        "make it the anchor too, which stays as baselines move on (default: the first is)",
                        **FLAG,
                    ),
                    arg("--approved-by NAME", "who takes it though its latest verdict is BLOCK or INCONCLUSIVE"),
                    arg("--reason TEXT", "why, with --approved-by"),
                    JSON,
                ),
            )
        },
        "ownbench baseline set reports/main",
    ),
    "sweep": (
        REPORT,
        arg("--worker A", "the contender that answers first, always charged", required=True),
        arg("--expert B", "the contender that is asked below the threshold", required=True),
        arg(
            "--signal S",
            "confidence (default), logprob_mean, logprob_min, margin, agreement:K or p_true",
            default="confidence",
        ),
        arg("--confidence-from CONTENDER", "take the confidence from another contender's outcomes"),
        arg("--objective", "what to aim at: utility (pass minus weighted cost), pass (default), cost", choices=GOALS),
        arg("--cost-weight X", "for utility: what a dollar is worth in passes", type=DOLLARS_TYPE),
        arg("--max-cost C", "for pass: the most dollars a task", type=DOLLARS_TYPE),
        arg(
            "--min-pass P", "for cost: the least pass rate, 0 to 1", type=partial(number, low=0.0, most=1.0, such="0.9")
        ),
        arg("--check-live HYBRID", "compare a live hybrid with its replay"),
        arg("--seed", "seeds the bootstrap and the folds (default 0)", default=0, type=SEED_TYPE),
        *VIEW,
        "ownbench sweep reports/demo --worker tuned --expert skilled --objective utility --cost-weight 40",
    ),
    "power": (
        arg("--delta D", "ask for tasks: a difference in pass rate, as 0.05", type=number),
        arg("--tasks N", "ask for the smallest difference that N tasks can show", type=int),
        arg("--margin M", "ask for tasks that prove a drop smaller than M", type=number),
        arg("--discordant P", "share of tasks that only one of the two passes", type=number),
        arg("--report REPORT", "take the discordant share from a report", type=report_folder),
        arg("--pair A B", "of these two contenders of the report", nargs=2),
        arg(
            "--power",
            "the chance of showing it (default 0.8)",
            default=0.8,
            type=partial(number, low=0.01, most=0.9999, such="0.8"),
        ),
        arg(
            "--alpha",
            "two-sided level; one-sided for a margin (default 0.05)",
            default=0.05,
            type=partial(number, low=0.0001, most=0.5, such="0.05"),
        ),
        SPLIT,
        JSON,
        "ownbench power --delta 0.05 --discordant 0.2",
        "ownbench power --tasks 200 --report reports/demo --pair tuned skilled",
    ),
    "audit": (
        arg("--a K/N", "passes of tasks of the first, as 15/100", type=_count, required=True),
        arg("--b K/N", "passes of tasks of the second", type=_count, required=True),
        arg("--paired-discordant D", "tasks that only one of the two passed, where it is known", type=int),
        LEVEL,
        JSON,
        "ownbench audit --a 15/100 --b 14/100",
    ),
    "report": (
        REPORT,
        REFERENCE,
        arg("--one-page", "write summary.html alone: a decision on one page of A4, to print", **FLAG),
        *VIEW,
        "report.html is one file to send on: answers, tables and figures, opened in any browser without a network.",
        "All files are written into the report's folder; of a broken report report.html says what is broken.",
        "ownbench report reports/demo",
        "ownbench report reports/demo --one-page",
    ),
    "app": (
        arg("reports REPORT", "reports, or folders of some (default: reports)", type=folder, nargs="*"),
        arg("--port", f"where the page is served (default: the first free one from {PORTS[0]})", type=int),
        arg("--address", "where to listen; by default nobody but this machine sees the pages", default="127.0.0.1"),
        arg("--open", "open the browser", **FLAG),
        "ownbench app reports/demo",
    ),
}


def run_show(args: argparse.Namespace) -> int:
    """Prints the verdict and the scoreboard, which are ``statistics.json``; 0."""
    from harness.analysis import failures
    from harness.report import opened
    from harness.store import read_ahead

    asked = failures_asked(args)
    with read(args.report) as folder:
        if asked:
            return answer(args, failures(folder, **asked))
        read_ahead(folder)
        return answer(args, opened(folder, split=args.split, level=args.level, reference=args.reference))


def run_domains(args: argparse.Namespace) -> int:
    """Prints the domains; 0."""
    from harness.analysis import domains

    with read(args.report) as folder:
        return answer(args, domains(folder, args.a, args.b, split=args.split, level=args.level))


def run_factorial(args: argparse.Namespace) -> int:
    """Prints the effects; 0."""
    from harness.analysis import factorial

    named = {cell: getattr(args, cell) for cell in ("base", "tuned", "skilled", "both")}
    with read(args.report) as folder:
        return answer(args, factorial(folder, named, split=args.split, level=args.level))


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
    with read(args.report) as folder:
        return answer(args, advise(folder, terms, settings, args.split))


def run_gate(args: argparse.Namespace) -> int:
    """Prints the verdict and writes its files; 0 SHIP, 1 BLOCK, 3 INCONCLUSIVE, 4 INVALID. A self-test: 0."""
    from harness.store import read_ahead

    for report in {args.baseline, args.candidate} - {None}:
        read_ahead(report)
    from harness.report import write_gate
    from harness.verdict import gate, one_at_a_time

    contenders = {name: getattr(args, name) for name in ("baseline_contender", "candidate_contender")}
    if args.self_test:
        from harness.verdict import self_test

        if args.baseline is None or args.candidate is not None or args.out is not None:
            raise UsageError("--self-test takes one report and writes no files: ownbench gate --self-test REPORT")
        many = 200 if args.repetitions is None else args.repetitions
        with read(args.baseline) as report:
            found = self_test(report, args.policy, repetitions=many, seed=args.seed or 0, **contenders)
        return answer(args, found)
    if args.repetitions is not None or args.seed is not None:
        raise UsageError("--repetitions and --seed go with --self-test")
    if args.baseline is None or args.candidate is None:
        raise UsageError("a baseline and a candidate are needed: ownbench gate BASELINE CANDIDATE")
    reports = args.baseline, args.candidate
    with one_at_a_time(args.baseline):  # whose log counts the tries
        view = gate(*reports, args.policy, **contenders)
        write_gate(view, args.out or args.candidate, at=datetime.now(UTC), reports=reports)
    answer(args, view)
    return view.exit_code


def run_baseline(args: argparse.Namespace) -> int:
    """Writes ``baseline.json`` and the anchor; 0."""
    from harness.verdict import Approval, set_baseline

    by, reason = (text if text is None else text.strip() for text in (args.approved_by, args.reason))
    if bool(by) != bool(reason) or "" in (by, reason):
        raise UsageError("--approved-by NAME and --reason TEXT go together: who takes it, and why?")
    approval = Approval(by=by, reason=reason) if by and reason else None
    lock, before = set_baseline(args.report, args.contender, anchor=args.anchor, approval=approval)
    has = "nothing has changed since it was" if lock.same_evidence(before) else "it has changed since it was"
    again = "" if before is None else f"; {has} locked before"
    told = lock.anchor or {}
    own = told.get("rows") == lock.rows[lock.contender]
    anchor = f"; anchor: {'itself' if own else '{contender} of {report}, set {set_at}'.format(**told)}"
    return answer(args, lock, [f"{args.report}: locked, with {lock.contender} as the baseline{again}{anchor}"])


def run_sweep(args: argparse.Namespace) -> int:
    """Prints the sweep; 0."""
    from harness.verdict import SweepGoal, sweep

    goal = SweepGoal(name=args.objective, cost_weight=args.cost_weight, max_cost=args.max_cost, min_pass=args.min_pass)
    how = {name: getattr(args, name) for name in ("signal", "confidence_from", "split", "level", "seed")}
    with read(args.report) as folder:
        return answer(args, sweep(folder, args.worker, args.expert, goal, live=args.check_live, **how))


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
        with read(args.report) as folder:
            share = observed_discordance(folder, *args.pair, split=args.split)
    asked = {name: getattr(args, name) for name in ("delta", "tasks", "margin", "power", "alpha")}
    return answer(args, plan_size(discordant=share, **asked))


def run_audit(args: argparse.Namespace) -> int:
    """Prints what the counts support; 0."""
    from harness.analysis import headline

    return answer(args, headline(args.a, args.b, discordant=args.paired_discordant, level=args.level))


def run_report(args: argparse.Namespace) -> int:
    """Writes the files into the report's folder and names them; 0."""
    from harness.report import write_one_page, write_report

    write, how = write_one_page if args.one_page else write_report, (args.split, args.level, args.reference)
    with read(args.report) as folder:
        written = write(folder, *how, out=args.report)
    return answer(args, {"written": written}, map(str, written))


# ----------------------------------------------------------------------------------------------------- the dashboard


def run_app(args: argparse.Namespace) -> int:
    """Serves the pages until it is stopped; 0."""
    # Matrices are small and readers several: threads of one product that wait for one another cost ten times.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from harness.report import reports_in, serve

    if args.port is not None and not 1 <= args.port <= 65_535:
        raise UsageError(f"--port is {args.port}; give a number from 1 to 65535")
    given = args.reports or [Path("reports")]
    found = reports_in(given)
    port = _free(args.address, PORTS if args.port is None else [args.port])
    url = f"http://[{args.address}]:{port}" if ":" in args.address else f"http://{args.address}:{port}"
    if args.open:
        import threading
        import webbrowser

        threading.Timer(1.5, webbrowser.open, [url]).start()
    sys.stderr.write(f"ownbench: {url} shows {plural(len(found), 'report')}; Ctrl-C ends it\n")
    if not is_this_machine(args.address):
        text = "no password, so all who reach this port see the reports"
        sys.stderr.write(f"ownbench: --address {args.address}: {text}\n")
    with stay_offline(hub=False):
        serve(given, port=port, address=args.address)
    return 0


def _free(address: str, ports: Sequence[int]) -> int:
    """The first of these ports that can be listened on; raises `UsageError` where none can, or at a wrong address."""
    remedy = "leave it out, or give 127.0.0.1 (this machine only) or 0.0.0.0 (all networks)"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    numbers = ":" in address or set(address) <= set("0123456789.")  # asked of no name server
    try:
        socket.getaddrinfo(address, None, family, flags=socket.AI_NUMERICHOST if numbers else 0)
    except (OSError, UnicodeError):
        problem = "this is no address, and no name that leads to one"
        raise UsageError(f"--address {address}: {problem}; {remedy}") from None
    for port in ports:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    problem = "this machine does not have that address"
                    raise UsageError(f"--address {address}: {problem}; {remedy}") from None
                problem = error.strerror or str(error)
            else:
                return port
    asked = str(ports[0]) if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"
    raise UsageError(f"{address}, port {asked}: {problem}; give another with --port")

"""``ownbench gate``: may the candidate replace the baseline?"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from harness.cli.arguments import add_gate, add_json, answer
from harness.cli.output import folder, write_json
from harness.core import UsageError, as_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    add = parser.add_argument
    now = "a report's folder, or the name of one in reports/: what stands now"
    add("baseline", type=Path, nargs="?", metavar="BASELINE", help=now)
    then = "what would replace it; may be the same report"
    add("candidate", type=Path, nargs="?", metavar="CANDIDATE", help=then)
    add_gate(parser, "default: the report's reference or its only one; in the same report its only other one")
    out = "where verdict.json, junit.xml and summary.md go (default: the candidate's folder)"
    add("--out", type=Path, metavar="DIR", help=out)
    test = "take one report, and try the gate on equals made of its outcomes and on a planted regression"
    add("--self-test", action="store_true", help=test)
    add("--repetitions", type=int, metavar="N", help="with --self-test: how many of each (default 200)")
    add("--seed", type=int, metavar="S", help="with --self-test: seeds them (default 0)")
    two = "ownbench gate {} --baseline-contender skilled --candidate-contender tuned\n"
    plain = "ownbench gate reports/main reports/candidate --policy gate.yaml\n"
    add_json(parser, plain + two.format("reports/demo reports/demo") + two.format("--self-test reports/demo"))


def run(args: argparse.Namespace) -> int:
    """Prints the verdict and writes its files; 0 SHIP, 1 BLOCK, 3 INCONCLUSIVE, 4 INVALID."""
    if args.self_test:
        return _self_test(args)
    if args.repetitions is not None or args.seed is not None:
        raise UsageError("--repetitions and --seed go with --self-test")
    from harness.report import write_gate
    from harness.verdict import gate

    if args.baseline is None or args.candidate is None:
        raise UsageError("a baseline and a candidate are needed: ownbench gate BASELINE CANDIDATE")
    candidate = folder(args.candidate)
    view = gate(folder(args.baseline), candidate, args.policy, **_contenders(args))
    # The report remembers every verdict on it; files that were asked for elsewhere are of this verdict alone.
    write_gate(view, args.out or candidate, at=None if args.out else datetime.now(UTC))
    answer(args, view)
    return view.exit_code


def _self_test(args: argparse.Namespace) -> int:
    """Prints how often equals were blocked and a regression shipped; 0."""
    from harness.report import print_view
    from harness.verdict import self_test

    if args.baseline is None or args.candidate is not None or args.out is not None:
        raise UsageError("--self-test takes one report and writes no files: ownbench gate --self-test REPORT")
    many = 200 if args.repetitions is None else args.repetitions
    found = self_test(folder(args.baseline), args.policy, repetitions=many, seed=args.seed or 0, **_contenders(args))
    if args.json:
        write_json(as_json(found))
    else:
        print_view(found)
    return 0


def _contenders(args: argparse.Namespace) -> dict[str, str | None]:
    return {name: getattr(args, name) for name in ("baseline_contender", "candidate_contender")}

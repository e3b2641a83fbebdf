"""``ownbench gate``: may the candidate replace the baseline?"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from harness.cli.output import folder, write_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    help_text = "a report's folder, or the name of one in reports/: what stands now"
    parser.add_argument("baseline", type=Path, nargs="?", metavar="BASELINE", help=help_text)
    parser.add_argument("candidate", type=Path, nargs="?", metavar="CANDIDATE", help="what would replace it; may be "
                        "the same report")  # fmt: skip
    parser.add_argument("--policy", type=Path, metavar="FILE", help="margins and limits, gate.yaml (default: a margin "
                        "of 2 points at 5%%)")  # fmt: skip
    parser.add_argument("--baseline-contender", metavar="A", help="default: the locked one, the report's reference, or "
                        "its only one")  # fmt: skip
    parser.add_argument("--candidate-contender", metavar="B", help="default: the report's reference or its only one; "
                        "in the same report its only other one")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="where verdict.json, junit.xml and summary.md go "
                        "(default: the candidate's folder)")  # fmt: skip
    parser.add_argument("--self-test", action="store_true", help="take one report, and try the gate on equals made of "
                        "its outcomes and on a planted regression")  # fmt: skip
    parser.add_argument("--repetitions", type=int, metavar="N", help="with --self-test: how many of each (default 200)")
    parser.add_argument("--seed", type=int, metavar="S", help="with --self-test: seeds them (default 0)")
    parser.add_argument("--json", action="store_true", help="write the verdict as JSON to standard output")
    parser.epilog = (
        "example:\n  ownbench gate reports/main reports/candidate --policy gate.yaml\n"
        "  ownbench gate reports/demo reports/demo --baseline-contender skilled --candidate-contender tuned\n"
        "  ownbench gate --self-test reports/demo --baseline-contender skilled --candidate-contender tuned"
    )


def run(args: argparse.Namespace) -> int:
    """Prints the verdict and writes its files; 0 SHIP, 1 BLOCK, 3 INCONCLUSIVE, 4 INVALID."""
    from harness.core import UsageError

    if args.self_test:
        return _self_test(args)
    if args.repetitions is not None or args.seed is not None:
        raise UsageError("--repetitions and --seed go with --self-test")
    from harness.report import print_view, write_gate
    from harness.verdict import gate

    if args.baseline is None or args.candidate is None:
        raise UsageError("a baseline and a candidate are needed: ownbench gate BASELINE CANDIDATE")
    candidate = folder(args.candidate)
    view = gate(
        folder(args.baseline),
        candidate,
        args.policy,
        baseline_contender=args.baseline_contender,
        candidate_contender=args.candidate_contender,
    )
    # The report remembers every verdict on it; files that were asked for elsewhere are of this verdict alone.
    write_gate(view, args.out or candidate, at=None if args.out else datetime.now(UTC))
    if args.json:
        write_json(view.as_json())
    else:
        print_view(view)
    return view.exit_code


def _self_test(args: argparse.Namespace) -> int:
    """Prints how often equals were blocked and a regression shipped; 0."""
    from harness.core import UsageError, as_json
    from harness.report import print_view
    from harness.verdict import self_test

    if args.baseline is None or args.candidate is not None or args.out is not None:
        raise UsageError("--self-test takes one report and writes no files: ownbench gate --self-test REPORT")
    found = self_test(
        folder(args.baseline),
        args.policy,
        baseline_contender=args.baseline_contender,
        candidate_contender=args.candidate_contender,
        repetitions=200 if args.repetitions is None else args.repetitions,
        seed=args.seed or 0,
    )
    if args.json:
        write_json(as_json(found))
    else:
        print_view(found)
    return 0

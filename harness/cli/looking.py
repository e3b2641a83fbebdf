"""What is looked at in the terminal: the reports of a folder, and the tasks that contenders failed."""

import argparse
from typing import Any

from harness.cli.common import SEVERAL, arg
from harness.core import UsageError

FAILURES = (
    arg("--failures CONTENDER", "the tasks that it failed, with texts (default: that any failed)", nargs="?", const=""),
    arg("--contender NAME", "with --failures: of these contenders", **SEVERAL),
    arg("--domain NAME", "with --failures: of these domains", **SEVERAL),
    arg("--cause WORD", "with --failures: of these causes, those of errored attempts too", **SEVERAL),
    arg("--limit N", "with --failures: how many tasks (default 8)", type=int),
)


def failures_asked(args: argparse.Namespace) -> dict[str, Any] | None:
    """The arguments of `failures`; ``None`` where the scoreboard is asked for."""
    if args.failures is None:
        if named := next((name for name in ("contender", "domain", "cause", "limit") if getattr(args, name)), None):
            raise UsageError(f"--{named} goes with --failures; add it")
        return None
    if args.reference is not None:
        raise UsageError("--reference is of the scoreboard; leave it out with --failures")
    whose = [*filter(None, [args.failures]), *args.contender]
    how: dict[str, Any] = {"contenders": whose, "domains": args.domain, "causes": args.cause, "split": args.split}
    return how | {"conversations": args.report} | ({} if args.limit is None else {"limit": args.limit})
